"""The operators' view of credit accounts."""

from billing import admin_accounts

__all__ = ["admin_accounts"]
