"""The states of a session at the sandbox bank."""

from django.db.models import TextChoices

from kernel.states import Machine


class SessionState(TextChoices):
    OPEN = "open"
    CHALLENGED = "challenged"  # the card is in, the code is awaited
    PROCESSING = "processing"  # the customer is done, the bank has not decided
    PAID = "paid"
    REFUSED = "refused"
    CANCELLED = "cancelled"


_S = SessionState
SESSION_MACHINE = Machine[SessionState](
    {
        _S.OPEN: frozenset({_S.CHALLENGED, _S.PROCESSING, _S.REFUSED, _S.CANCELLED}),
        _S.CHALLENGED: frozenset({_S.PROCESSING, _S.REFUSED, _S.CANCELLED}),
        _S.PROCESSING: frozenset({_S.PAID, _S.REFUSED}),
        _S.REFUSED: frozenset({_S.PAID}),  # the card that says no, then yes
    }
)
WAITING = (_S.OPEN, _S.CHALLENGED)
