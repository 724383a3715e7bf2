"""What the pages of `/marchand/` share: whose books, and the way to another merchant's."""

from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.http import content_disposition_header
from django.views.decorators.http import require_POST

from documents.selectors import Document
from kernel.access import Audience, allow
from kernel.shortcuts import render_page
from merchants.portal import CHOSEN, merchant_of, scope_of


def portal_page(
    request: HttpRequest, template: str, active: str, *, status: int = 200, **context: Any
) -> HttpResponse:
    """A page of the merchant's space, or for htmx its list."""
    shared = {"active": active, "merchant": merchant_of(request), "mine": scope_of(request).merchants}
    fragment = context.pop("fragment", None)
    name = f"merchants/{template}.html"
    return render_page(request, name, {**shared, **context}, fragment=fragment, status=status)


def file_of(document: Document, content_type: str) -> HttpResponse:
    """A finished file for its merchant only."""
    response = HttpResponse(document.content, content_type=content_type)
    response["Content-Disposition"] = content_disposition_header(False, document.filename) or "inline"
    response["Cache-Control"] = "private, no-store"
    return response


def person(request: HttpRequest) -> int:
    pk: int = request.user.pk  # type: ignore[assignment]
    return pk


@allow(Audience.MERCHANT)
@require_POST
def switch(request: HttpRequest) -> HttpResponse:
    """Work for another of one's own merchants."""
    wanted = request.POST.get("merchant", "")
    if wanted not in {str(one.merchant_id) for one in scope_of(request).merchants}:
        raise Http404
    request.session[CHOSEN] = int(wanted)
    return redirect("merchant:transactions")
