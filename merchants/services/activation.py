"""The code on paper that makes a terminal's first manager (S0.2)."""

import secrets
from datetime import datetime, timedelta

from django.db import transaction

from documents.services.store import discard
from kernel.seal import blind_index, seal
from merchants.errors import ActivationRefused
from merchants.models import Terminal
from merchants.services.devices import sign_in_on_device
from merchants.services.team import add_operator
from merchants.states import OperatorRole, TerminalState
from outbox.services.enqueue import enqueue

DRAW_JOB = "merchants.draw_activation"
DRAWING = "merchants.activation"
ALPHABET = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"  # nothing that looks like something else
LENGTH = 12
LIFE = timedelta(days=30)


@transaction.atomic
def new_code(*, terminal_id: int, at: datetime) -> None:
    """Make an activation code for a terminal and have its paper drawn; the code before stops working."""
    terminal = Terminal.objects.select_for_update(of=("self",)).get(pk=terminal_id)
    code = "".join(secrets.choice(ALPHABET) for _ in range(LENGTH))
    discard(kind=DRAWING, refs=[paper_ref(terminal)])
    terminal.activation += 1
    terminal.activation_index = code_index(terminal.pk, code)
    terminal.activation_sealed = seal(code, bound_to=binding(terminal.pk))
    terminal.activation_expires_at = at + LIFE
    terminal.save(
        update_fields=["activation", "activation_index", "activation_sealed", "activation_expires_at"]
    )
    enqueue(kind=DRAW_JOB, ref=paper_ref(terminal), due_at=at)


@transaction.atomic
def activate_terminal(
    *, tid: str, code: str, name: str, login: str, password: str, language: str, label: str, at: datetime
) -> str:
    """Use the code up: `name` becomes a manager who signs in as `login`, and is signed in on this device,
    whose token is returned. The paper is forgotten.

    Refuses `ActivationRefused`, `PasswordWeak`, `OperatorNameTaken`.
    """
    terminal = _locked(tid)
    if terminal is None or not _accepts(terminal, code, at):
        raise ActivationRefused
    operator_id = add_operator(
        merchant_id=terminal.outlet.merchant_id,
        login=login,
        name=name,
        password=password,
        role=OperatorRole.MANAGER,
    )
    discard(kind=DRAWING, refs=[paper_ref(terminal)])
    terminal.activation_index = terminal.activation_sealed = ""
    terminal.activation_expires_at, terminal.activated_at = None, at
    terminal.save(
        update_fields=["activation_index", "activation_sealed", "activation_expires_at", "activated_at"]
    )
    return sign_in_on_device(
        terminal_id=terminal.pk,
        operator_id=operator_id,
        device_id=None,
        language=language,
        label=label,
        at=at,
    )


def code_index(terminal_id: int, code: str) -> str:
    """The fingerprint of a code, however it is grouped; good for its own terminal only."""
    bare = "".join(code.upper().split()).replace("-", "")[:64]
    return blind_index(f"{terminal_id}:{bare}", purpose="merchants.activation")


def binding(terminal_id: int) -> str:
    return f"merchants.terminal:{terminal_id}"


def paper_ref(terminal: Terminal) -> str:
    """Names the paper of the terminal's latest code."""
    return f"{terminal.pk}:{terminal.activation}"


def _locked(tid: str) -> Terminal | None:
    rows = Terminal.objects.select_for_update(of=("self",)).select_related("outlet")
    active = rows.filter(state=TerminalState.ACTIVE, outlet__merchant__is_active=True)
    return active.filter(tid=tid.strip().upper()).first()


def _accepts(terminal: Terminal, code: str, at: datetime) -> bool:
    ends_at = terminal.activation_expires_at
    known = terminal.activation_index
    return bool(known) and ends_at is not None and at < ends_at and known == code_index(terminal.pk, code)
