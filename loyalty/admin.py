"""The operators' side of loyalty: each file registers its pages."""

from loyalty import (  # noqa: F401 - they register themselves
    admin_members,
    admin_offers,
    admin_points,
    admin_suspicions,
    admin_versions,
)
