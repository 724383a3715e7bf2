"""« Points »: a purchase paid in some other way earns, and may be paid in points in part (S4.12)."""

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
from merchants.errors import KeyReused, TerminalOutOfService
from merchants.forms import PointsForm
from merchants.selectors.sales import key_at, sale_by_key
from merchants.services.identify import Client, identify_client
from merchants.services.sell import count_points
from merchants.states import SaleRequest
from merchants.views.common import fresh_key, may_try, page, say
from merchants.views.words import of_sale


@allow(Audience.TERMINAL)
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def points(request: HttpRequest) -> HttpResponse:
    programme_id = session_of(request).programme_id
    if programme_id is None:
        return redirect("terminal:start")
    if request.method != "POST":
        return _page(request, PointsForm(initial={"cle": fresh_key()}))
    form = PointsForm(request.POST)
    if not form.is_valid():
        return _page(request, form)
    terminal_id, key = session_of(request).terminal_id, form.cleaned_data["cle"]
    if sale_by_key(terminal_id, key_at(terminal_id, key)):
        return redirect("terminal:outcome", key)
    if not may_try(request, "terminal_client"):
        form.add_error("client", _("Beaucoup de recherches en peu de temps. Réessayez dans une heure."))
        return _page(request, form, status=429)
    return _count(request, form, programme_id)


def _count(request: HttpRequest, form: PointsForm, programme_id: int) -> HttpResponse:
    session = session_of(request)
    try:
        client = identify_client(
            programme_id=programme_id,
            outlet=session.outlet_code,
            typed=form.cleaned_data["client"],
            at=timezone.now(),
        )
        count_points(sale=_sale(request, form, client), code=client.code, at=timezone.now())
    except KeyReused:
        messages.warning(request, _("Cette opération a déjà été enregistrée : la voici."))
    except TerminalOutOfService:
        return redirect("terminal:sign_in")
    except DomainError as refusal:
        say(form, of_sale(refusal, session.currency))
        return _page(request, form)
    return redirect("terminal:outcome", form.cleaned_data["cle"])


def _sale(request: HttpRequest, form: PointsForm, client: Client) -> SaleRequest:
    session, data = session_of(request), form.cleaned_data
    return SaleRequest(
        key=key_at(session.terminal_id, data["cle"]),
        terminal_id=session.terminal_id,
        operator_id=session.operator_id,
        bill_minor=data["montant"],
        member_id=client.member.member_id,
        points_minor=data["points"],
        excluded_minor=data["promotion"],
    )


def _page(request: HttpRequest, form: PointsForm, *, status: int = 0) -> HttpResponse:
    return page(request, "points", "points", form=form, status=status or (422 if form.errors else 200))
