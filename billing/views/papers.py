"""A statement as files: PDF with its payment slip, CSV of its lines (S1.2)."""

from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.utils import timezone
from django.utils.http import content_disposition_header
from django.views.decorators.http import require_safe

from billing.services.paper import DOCUMENT, ask_for_paper, statement_csv
from billing.views.common import own_statement, shell
from documents.selectors import document
from kernel.access import Audience, allow


@allow(Audience.SIGNED_IN)
@require_safe
def pdf(request: HttpRequest, number: str) -> HttpResponse:
    """The paper, to its holder only; a page that says when, while it is being made."""
    statement = own_statement(request, number)
    paper = document(DOCUMENT, statement.number)
    if paper is None:
        ask_for_paper(statement_id=statement.pk, at=timezone.now())
        context = shell(statement=statement, here=request.path)
        return render(request, "billing/paper_pending.html", context, status=202)
    response = HttpResponse(paper.content, content_type="application/pdf")
    response["Content-Disposition"] = content_disposition_header(False, paper.filename) or "inline"
    response["Cache-Control"] = "private, no-store"
    return response


@allow(Audience.SIGNED_IN)
@require_safe
def csv(request: HttpRequest, number: str) -> HttpResponseBase:
    statement = own_statement(request, number)
    response = StreamingHttpResponse(statement_csv(statement), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = content_disposition_header(True, f"{statement.number}.csv") or ""
    response["Cache-Control"] = "private, no-store"
    return response
