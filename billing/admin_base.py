"""What several of billing's admin pages share."""

from typing import Any

from django.http import HttpRequest, HttpResponse

from documents.selectors import Document


class ReadOnly:
    """Rows that services write and people only read."""

    can_delete = False
    extra = 0

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


def attachment(found: Document | None, content_type: str) -> HttpResponse | None:
    """A finished file to keep; None while it is not made."""
    if found is None:
        return None
    response = HttpResponse(found.content, content_type=content_type)
    response["Content-Disposition"] = f'attachment; filename="{found.filename}"'
    response["Cache-Control"] = "private, no-store"
    return response
