"""The operators' view of credit accounts, what reaches them, and what is collected."""

from billing import admin_accounts, admin_debit, admin_imports

__all__ = ["admin_accounts", "admin_debit", "admin_imports"]
