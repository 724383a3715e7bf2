"""Signing in at a terminal: TID, name if there are several, password (S0.2)."""

from dataclasses import dataclass
from datetime import datetime

from django.db.models import Q

from merchants.errors import SignInRefused, TooManyTries
from merchants.models import Device, Operator, Terminal
from merchants.selectors.devices import known_device
from merchants.services.devices import sign_in_on_device
from merchants.services.password import count_try, forget_tries, is_password
from merchants.states import OperatorRole, TerminalState


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """What is typed. `token` is the device's own, if it has been here before."""

    tid: str
    login: str
    password: str
    token: str = ""


def sign_in(*, credentials: Credentials, language: str, label: str, at: datetime) -> str:
    """Sign somebody in and remember the device; its new token.

    Without a name the password is that of the first manager. Each try is counted before the comparison: on
    the device if the terminal remembers it, else on the operator, so that strangers stop only strangers.
    Refuses `SignInRefused` for everything, in the same time.
    """
    terminal = _terminal(credentials.tid)
    operator = _operator(terminal, credentials.login)
    device_id = _remembered_as(terminal, credentials.token)
    counter = _count(operator, device_id, at)
    if not is_password(operator if counter else None, credentials.password):
        raise SignInRefused
    assert terminal is not None
    assert operator is not None
    assert counter is not None
    forget_tries(counter)
    return sign_in_on_device(
        terminal_id=terminal.pk,
        operator_id=operator.pk,
        device_id=device_id,
        language=language,
        label=label,
        at=at,
    )


def _terminal(tid: str) -> Terminal | None:
    rows = Terminal.objects.filter(state=TerminalState.ACTIVE, outlet__merchant__is_active=True)
    return rows.select_related("outlet").filter(tid=tid.strip().upper()).first()


def _operator(terminal: Terminal | None, login: str) -> Operator | None:
    if terminal is None:
        return None
    here = Q(outlets=terminal.outlet_id) | Q(outlets__isnull=True)
    people = Operator.objects.filter(here, merchant_id=terminal.outlet.merchant_id, is_active=True)
    name = login.strip().lower()
    if not name:
        people = people.filter(role=OperatorRole.MANAGER)
        return people.order_by("pk").first()
    return people.filter(login=name).first()


def _remembered_as(terminal: Terminal | None, token: str) -> int | None:
    device = known_device(token)
    if terminal is None or device is None or device.revoked or device.terminal_id != terminal.pk:
        return None
    return device.device_id


def _count(operator: Operator | None, device_id: int | None, at: datetime) -> Device | Operator | None:
    """The row that counted this try; None when nobody may try, or there is nobody to count it on."""
    if operator is None:
        return None
    try:
        if device_id is not None:
            return count_try(Device, device_id, at=at)
        return count_try(Operator, operator.pk, at=at)
    except TooManyTries:
        return None
