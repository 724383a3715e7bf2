"""« Réglages »: language and password of whoever is signed in; devices and team for a manager."""

from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from kernel.access import Audience, allow
from kernel.errors import DomainError
from merchants.doors import session_of
from merchants.errors import LastManager, OperatorNameTaken, PasswordWeak
from merchants.forms import ColleagueForm, PasswordForm
from merchants.selectors.devices import devices_of
from merchants.selectors.team import operator_of, team_of
from merchants.services.devices import revoke_device
from merchants.services.password import confirm_password, set_password
from merchants.services.team import add_operator, switch_operator
from merchants.states import TERMINAL_LANGUAGES, DeviceSession, OperatorRole
from merchants.views.common import page, say
from merchants.views.words import of_undo


@allow(Audience.TERMINAL)
@never_cache
@require_safe
def preferences(request: HttpRequest) -> HttpResponse:
    return _page(request)


@allow(Audience.TERMINAL)
@require_POST
def password(request: HttpRequest) -> HttpResponse:
    """Change one's own password; afterwards one signs in with it, everywhere."""
    session, form = session_of(request), PasswordForm(request.POST)
    if not form.is_valid():
        return _page(request, password_form=form)
    try:
        confirm_password(
            operator_id=session.operator_id,
            device_id=session.device_id,
            password=form.cleaned_data["mot_de_passe"],
            at=timezone.now(),
        )
        set_password(operator_id=session.operator_id, password=form.cleaned_data["nouveau"])
    except PasswordWeak:
        form.add_error("nouveau", _("Ce mot de passe est trop court ou trop courant."))
        return _page(request, password_form=form)
    except DomainError as refusal:
        say(form, of_undo(refusal))
        return _page(request, password_form=form)
    messages.success(request, _("Le mot de passe est changé. Connectez-vous avec le nouveau."))
    return redirect("terminal:sign_in")


@allow(Audience.TERMINAL)
@require_POST
def device(request: HttpRequest, device_id: int) -> HttpResponse:
    """Forget a device of this terminal: one that is lost, or one's own."""
    session = _manager(request)
    if revoke_device(device_id=device_id, terminal_id=session.terminal_id, at=timezone.now()):
        messages.success(request, _("L'appareil est révoqué."))
    return redirect("terminal:settings")


@allow(Audience.TERMINAL)
@require_POST
def colleague(request: HttpRequest) -> HttpResponse:
    session, form = _manager(request), ColleagueForm(request.POST)
    if not form.is_valid():
        return _page(request, colleague_form=form)
    data = form.cleaned_data
    try:
        add_operator(
            merchant_id=session.merchant_id,
            login=data["utilisateur"],
            name=data["nom"],
            password=data["nouveau"],
            role=OperatorRole.MANAGER if data["responsable"] else OperatorRole.CASHIER,
        )
    except PasswordWeak:
        form.add_error("nouveau", _("Ce mot de passe est trop court ou trop courant."))
    except OperatorNameTaken:
        form.add_error("utilisateur", _("Cet identifiant est déjà pris dans ce commerce."))
    else:
        messages.success(request, _("%(name)s peut se connecter.") % {"name": data["nom"]})
        return redirect("terminal:settings")
    return _page(request, colleague_form=form)


@allow(Audience.TERMINAL)
@require_POST
def switch(request: HttpRequest, operator_id: int) -> HttpResponse:
    """Let a colleague work here, or no longer."""
    session = _manager(request)
    if operator_of(session.merchant_id, operator_id) is None:
        raise Http404
    try:
        switch_operator(
            operator_id=operator_id,
            merchant_id=session.merchant_id,
            is_active=request.POST.get("actif") == "1",
        )
    except LastManager:
        messages.warning(request, _("C'est la dernière personne responsable : nommez-en une autre d'abord."))
    return redirect("terminal:settings")


def _manager(request: HttpRequest) -> DeviceSession:
    session = session_of(request)
    if not session.is_manager:
        raise PermissionDenied
    return session


def _page(
    request: HttpRequest,
    *,
    password_form: PasswordForm | None = None,
    colleague_form: ColleagueForm | None = None,
) -> HttpResponse:
    session = session_of(request)
    managed: dict[str, Any] = {}
    if session.is_manager:
        managed = {
            "devices": devices_of(session.terminal_id),
            "team": team_of(session.merchant_id),
            "colleague_form": colleague_form or ColleagueForm(),
        }
    wrong = any(form is not None and form.errors for form in (password_form, colleague_form))
    return page(
        request,
        "settings",
        "settings",
        status=422 if wrong else 200,
        password_form=password_form or PasswordForm(),
        languages=TERMINAL_LANGUAGES.items(),
        **managed,
    )
