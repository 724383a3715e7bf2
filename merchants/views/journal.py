"""The day's list and total, one transaction, and its receipt."""

from datetime import date, timedelta

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.dateparse import parse_date
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from documents.services.barcode import data_uri, qr_svg
from kernel.access import Audience, allow
from kernel.calendar import local_date
from kernel.paging import key_of
from merchants.doors import language_before, session_of, speak
from merchants.forms import ReceiptForm, UndoForm
from merchants.selectors.sales import day_page, day_total, last_sale, sale_by_rank, sale_for_receipt
from merchants.services.receipt import key_of_receipt, mail_receipt, receipt_address, receipt_token
from merchants.states import SaleRecord
from merchants.views.common import fresh_key, may_try, page

FIRST_DAY = date(2020, 1, 1)


@allow(Audience.TERMINAL)
@never_cache
@require_safe
def day(request: HttpRequest) -> HttpResponse:
    """« Journal »: what this terminal did on one day."""
    session, today = session_of(request), local_date(timezone.now())
    on = _day_asked(request.GET.get("jour", ""), today)
    before = key_of(request.GET.get("avant"))
    found = day_page(session.terminal_id, on, before=before if before and before < 2**31 else None)
    return page(
        request,
        "journal",
        "journal",
        on=on,
        total=day_total(session.terminal_id, on),
        sales=found.items,
        next_rank=found.next_rank,
        previous_day=on - timedelta(days=1) if on > FIRST_DAY else None,
        next_day=on + timedelta(days=1) if on < today else None,
    )


@allow(Audience.TERMINAL)
@never_cache
@require_safe
def sale(request: HttpRequest, rank: int) -> HttpResponse:
    return sale_page(request, _own_sale(request, rank))


@allow(Audience.TERMINAL)
@require_POST
def mail(request: HttpRequest, rank: int) -> HttpResponse:
    """Send the receipt to an address that the customer gives."""
    found, form = _own_sale(request, rank), ReceiptForm(request.POST)
    if not form.is_valid():
        return sale_page(request, found, receipt_form=form, status=422)
    if not may_try(request, "terminal_receipt"):
        form.add_error("email", _("Beaucoup de reçus en peu de temps. Montrez plutôt le QR code."))
        return sale_page(request, found, receipt_form=form, status=429)
    mail_receipt(
        sale=found,
        recipient=form.cleaned_data["email"],
        language=session_of(request).language,
        address=_receipt_address(found),
        at=timezone.now(),
    )
    messages.success(request, _("Le reçu part par e-mail."))
    return redirect("terminal:sale", rank)


@allow(Audience.PUBLIC)
@never_cache
@require_safe
def receipt(request: HttpRequest, token: str) -> HttpResponse:
    """What the customer reads behind the QR code, in the language of their own browser."""
    speak(request, language_before(request))
    key = key_of_receipt(token)
    found = sale_for_receipt(key) if key else None
    return render(request, "terminal/receipt.html", {"sale": found}, status=200 if found else 404)


def sale_page(
    request: HttpRequest,
    found: SaleRecord,
    *,
    active: str = "journal",
    receipt_form: ReceiptForm | None = None,
    status: int = 200,
) -> HttpResponse:
    """One transaction: the big confirmation, its receipt, and « Annulation » while it is the last one."""
    last = last_sale(session_of(request).terminal_id)
    may_undo = last is not None and last.rank == found.rank and not found.is_reversed
    return page(
        request,
        "sale",
        active,
        status=status,
        sale=found,
        receipt_qr=data_uri(qr_svg(_receipt_address(found))),
        receipt_form=receipt_form or ReceiptForm(),
        undo_form=UndoForm(initial={"cle": fresh_key(), "rang": found.rank}) if may_undo else None,
    )


def _own_sale(request: HttpRequest, rank: int) -> SaleRecord:
    found = sale_by_rank(session_of(request).terminal_id, rank) if 0 < rank < 2**31 else None
    if found is None:
        raise Http404
    return found


def _receipt_address(found: SaleRecord) -> str:
    return receipt_address(reverse("terminal:receipt", args=[receipt_token(found.key)]))


def _day_asked(text: str, today: date) -> date:
    """The day in the address; today for none, for one that is no day, and for one to come."""
    try:
        asked = parse_date(text[:10])
    except ValueError:
        asked = None
    return asked if asked and FIRST_DAY <= asked <= today else today
