"""Terminals with their devices, and the people at them: for the merchant's management."""

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from kernel.access import Audience, allow
from merchants.errors import LastManager, OperatorNameTaken, PasswordWeak
from merchants.forms_portal import NewPasswordForm, OperatorForm
from merchants.models import Operator
from merchants.portal import owner_of
from merchants.selectors.team import operator_of, team_of
from merchants.selectors.transactions import terminals_of
from merchants.services.devices import revoke_device
from merchants.services.password import set_password
from merchants.services.team import add_operator, switch_operator
from merchants.states import OperatorRole
from merchants.views.portal import portal_page


@allow(Audience.MERCHANT)
@require_safe
def terminals(request: HttpRequest) -> HttpResponse:
    rows = [
        (terminal, [device for device in terminal.devices.all() if device.revoked_at is None])
        for terminal in terminals_of(owner_of(request).merchant_id)
    ]
    return portal_page(request, "terminals", "terminals", rows=rows)


@allow(Audience.MERCHANT)
@require_POST
def revoke(request: HttpRequest, tid: str, device_id: int) -> HttpResponse:
    """Forget a device of one's own terminal: whoever holds it must sign in again."""
    mine = {terminal.tid: terminal.pk for terminal in terminals_of(owner_of(request).merchant_id)}
    if tid not in mine:
        raise Http404
    if revoke_device(device_id=device_id, terminal_id=mine[tid], at=timezone.now()):
        messages.success(request, _("L'appareil est révoqué."))
    return redirect("merchant:terminals")


@allow(Audience.MERCHANT)
@require_http_methods(["GET", "HEAD", "POST"])
def team(request: HttpRequest) -> HttpResponse:
    """Everybody at the terminals, and a form for somebody new."""
    merchant_id = owner_of(request).merchant_id
    form = OperatorForm(request.POST or None)
    if request.method == "POST" and form.is_valid() and _added(form, merchant_id):
        messages.success(request, _("%(name)s peut se connecter.") % {"name": form.cleaned_data["nom"]})
        return redirect("merchant:team")
    status = 422 if form.errors else 200
    return portal_page(request, "team", "team", team=team_of(merchant_id), form=form, status=status)


@allow(Audience.MERCHANT)
@require_POST
def switch(request: HttpRequest, operator_id: int) -> HttpResponse:
    """Let somebody work at the terminals, or no longer."""
    operator = _operator(request, operator_id)
    try:
        switch_operator(
            operator_id=operator.pk,
            merchant_id=operator.merchant_id,
            is_active=request.POST.get("actif") == "1",
        )
    except LastManager:
        messages.warning(request, _("C'est la dernière personne responsable : nommez-en une autre d'abord."))
    return redirect("merchant:team")


@allow(Audience.MERCHANT)
@require_http_methods(["GET", "HEAD", "POST"])
def password(request: HttpRequest, operator_id: int) -> HttpResponse:
    """A new password for somebody who forgot theirs; they are signed out everywhere."""
    operator = _operator(request, operator_id)
    form = NewPasswordForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            set_password(operator_id=operator.pk, password=form.cleaned_data["nouveau"])
        except PasswordWeak:
            form.add_error("nouveau", _("Ce mot de passe est trop court ou trop courant."))
        else:
            text = _("%(name)s se connecte avec le nouveau mot de passe.") % {"name": operator.name}
            messages.success(request, text)
            return redirect("merchant:team")
    status = 422 if form.errors else 200
    return portal_page(request, "password", "team", operator=operator, form=form, status=status)


def _added(form: OperatorForm, merchant_id: int) -> bool:
    data = form.cleaned_data
    try:
        add_operator(
            merchant_id=merchant_id,
            login=data["utilisateur"],
            name=data["nom"],
            password=data["nouveau"],
            role=OperatorRole.MANAGER if data["responsable"] else OperatorRole.CASHIER,
        )
    except PasswordWeak:
        form.add_error("nouveau", _("Ce mot de passe est trop court ou trop courant."))
    except OperatorNameTaken:
        form.add_error("utilisateur", _("Cet identifiant est déjà pris dans ce commerce."))
    return not form.errors


def _operator(request: HttpRequest, operator_id: int) -> Operator:
    found = operator_of(owner_of(request).merchant_id, operator_id)
    if found is None:
        raise Http404
    return found
