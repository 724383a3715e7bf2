"""What every page of the portal needs."""

from django.conf import settings
from django.http import HttpRequest

THEMES = frozenset({"light", "dark"})


def portal(request: HttpRequest) -> dict[str, object]:
    theme = request.COOKIES.get("theme", "")
    return {
        "sandbox": settings.SANDBOX,
        "support_email": settings.SUPPORT_EMAIL,
        "theme": theme if theme in THEMES else "",
    }
