"""Disputes: open one on a transaction or a statement, read the answer, take it back."""

from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from kernel.access import Audience, allow
from kernel.states import TransitionRefused
from merchants.errors import DisputeOpen
from merchants.forms_portal import DisputeForm
from merchants.portal import merchant_of
from merchants.selectors.disputes import dispute_of, disputes_of
from merchants.selectors.statements import statement_of
from merchants.selectors.transactions import transaction
from merchants.services.dispute import open_dispute, withdraw_dispute
from merchants.states import DisputeState
from merchants.views.portal import person, portal_page


@allow(Audience.MERCHANT)
@require_safe
def disputes(request: HttpRequest) -> HttpResponse:
    page = disputes_of(merchant_of(request).merchant_id, request.GET.get("cursor"))
    return portal_page(request, "disputes", "disputes", page=page)


@allow(Audience.MERCHANT)
@require_http_methods(["GET", "HEAD", "POST"])
def dispute_sale(request: HttpRequest, reference: str) -> HttpResponse:
    """What is wrong with a transaction."""
    found = transaction(merchant_of(request).merchant_id, reference)
    if found is None:
        raise Http404
    return _dispute(request, found.reference, sale_id=found.pk)


@allow(Audience.MERCHANT)
@require_http_methods(["GET", "HEAD", "POST"])
def dispute_statement(request: HttpRequest, number: str) -> HttpResponse:
    """What is wrong with a statement."""
    found = statement_of(merchant_of(request).merchant_id, number)
    if found is None:
        raise Http404
    return _dispute(request, found.number, statement_id=found.pk)


@allow(Audience.MERCHANT)
@require_safe
def dispute(request: HttpRequest, dispute_id: int) -> HttpResponse:
    """One dispute, its history and its answer."""
    found = dispute_of(merchant_of(request).merchant_id, dispute_id)
    if found is None:
        raise Http404
    events = [(event, DisputeState(event.to_state).label) for event in found.events.all()]
    is_open = found.state == DisputeState.OPEN
    return portal_page(request, "dispute", "disputes", row=found, events=events, is_open=is_open)


@allow(Audience.MERCHANT)
@require_POST
def withdraw(request: HttpRequest, dispute_id: int) -> HttpResponse:
    merchant_id = merchant_of(request).merchant_id
    if dispute_of(merchant_id, dispute_id) is None:
        raise Http404
    try:
        withdraw_dispute(
            dispute_id=dispute_id, merchant_id=merchant_id, user_id=person(request), at=timezone.now()
        )
    except TransitionRefused:
        messages.warning(request, _("La réponse est arrivée entre-temps : la voici."))
    else:
        messages.success(request, _("La contestation est retirée."))
    return redirect("merchant:dispute", dispute_id)


def _dispute(
    request: HttpRequest, subject: str, *, sale_id: UUID | None = None, statement_id: UUID | None = None
) -> HttpResponse:
    form = DisputeForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            made = open_dispute(
                merchant_id=merchant_of(request).merchant_id,
                user_id=person(request),
                sale_id=sale_id,
                statement_id=statement_id,
                text=form.cleaned_data["texte"],
                at=timezone.now(),
            )
        except DisputeOpen:
            form.add_error(None, _("Une contestation est déjà en cours : sa réponse arrive d'abord."))
        else:
            messages.success(request, _("La contestation est enregistrée. Nous vous répondons par e-mail."))
            return redirect("merchant:dispute", made.pk)
    return portal_page(
        request,
        "dispute_form",
        "disputes",
        form=form,
        subject=subject,
        of_sale=sale_id is not None,
        status=422 if form.errors else 200,
    )
