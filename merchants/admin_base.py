"""What several of the merchants' admin pages share."""

from typing import Any

from django.http import HttpRequest


class ReadOnly:
    """Rows that terminals write and people only read."""

    can_delete = False
    extra = 0

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False
