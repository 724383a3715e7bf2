"""« Annulation » (S0.3): the last transaction is shown, the password asked, the cancelled one confirmed."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from kernel.access import Audience, allow
from kernel.errors import DomainError
from merchants.doors import session_of
from merchants.errors import AlreadyReversed, KeyReused, NotTheLast, SaleUnknown, TerminalOutOfService
from merchants.forms import UndoForm
from merchants.selectors.sales import key_at, last_sale
from merchants.services.undo import ReversalRequest, reverse_sale
from merchants.views.common import fresh_key, page, say
from merchants.views.words import of_undo


@allow(Audience.TERMINAL)
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def undo(request: HttpRequest) -> HttpResponse:
    if request.method != "POST":
        return _page(request, None)
    form = UndoForm(request.POST)
    return _undo(request, form) if form.is_valid() else _page(request, form)


def _undo(request: HttpRequest, form: UndoForm) -> HttpResponse:
    session, data = session_of(request), form.cleaned_data
    asked = ReversalRequest(
        key=key_at(session.terminal_id, data["cle"], "reversal"),
        terminal_id=session.terminal_id,
        device_id=session.device_id,
        operator_id=session.operator_id,
        rank=data["rang"],
    )
    try:
        done = reverse_sale(request=asked, password=data["mot_de_passe"], at=timezone.now())
    except (SaleUnknown, KeyReused):
        messages.warning(request, _("Cette transaction n'est pas celle de ce terminal."))
        return redirect("terminal:undo")
    except TerminalOutOfService:
        return redirect("terminal:sign_in")
    except DomainError as refusal:
        return _refused(request, form, refusal)
    return redirect("terminal:sale", done.rank)


def _refused(request: HttpRequest, form: UndoForm, refusal: DomainError) -> HttpResponse:
    said = of_undo(refusal)
    if isinstance(refusal, AlreadyReversed | NotTheLast):
        messages.warning(request, said[1])
        return redirect("terminal:undo")
    say(form, said)
    return _page(request, form)


def _page(request: HttpRequest, form: UndoForm | None) -> HttpResponse:
    found = last_sale(session_of(request).terminal_id)
    if found is not None and not found.is_reversed and form is None:
        form = UndoForm(initial={"cle": fresh_key(), "rang": found.rank})
    status = 422 if form is not None and form.errors else 200
    return page(request, "undo", "undo", sale=found, form=form, status=status)
