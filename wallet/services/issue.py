"""Issuing a batch: what is local in one transaction, what is remote one call at a time."""

from datetime import datetime

from django.db import transaction

from outbox.services.alarm import raise_alarm
from wallet.errors import IssuerRefused, IssuerUnreachable, OutOfStock
from wallet.issuers.base import IssuedNumber, Issuer, IssueRequest, issuer_named
from wallet.models import IssueIntent
from wallet.services.record import record_cards
from wallet.states import INTENT_MACHINE, Hold, IntentState

OPEN = [IntentState.PLANNED, IntentState.SENT, IntentState.UNKNOWN]


def issue_batch(*, batch: str, at: datetime) -> None:
    """Issue every card of `batch` that is not issued yet nor on hold (S3.7). May be repeated at any time.

    Cards of an in-process issuer appear together or not at all. A remote issuer is called outside any
    transaction, after the call was noted; whatever it leaves open stays open for the next run.
    """
    with transaction.atomic():
        intents = list(
            IssueIntent.objects.select_for_update(of=("self",))
            .filter(batch=batch, state__in=OPEN, hold=Hold.NONE)
            .order_by("rank")
        )
        local = [intent for intent in intents if issuer_named(intent.issuer).in_process]
        record_cards(
            [(intent, issuer_named(intent.issuer).issue(_request(intent), at=at)) for intent in local], at=at
        )
    for intent in intents:
        if intent not in local:
            _issue_remotely(intent, at=at)


def _issue_remotely(intent: IssueIntent, *, at: datetime) -> None:
    """Ask about a call that may have gone through; call only when the issuer knows nothing of this key."""
    issuer = issuer_named(intent.issuer)
    asked_before = intent.state != IntentState.PLANNED
    if not _may_call(intent, at=at):
        return
    try:
        number = (asked_before and issuer.lookup(intent.pk)) or issuer.issue(_request(intent), at=at)
    except IssuerUnreachable as error:
        _move(intent, IntentState.UNKNOWN, at=at, error=str(error))
    except OutOfStock as error:
        _move(intent, IntentState.PLANNED, at=at, error=f"out of stock: {error}")
        raise_alarm(code="stock_empty", ref=intent.issuer, at=at, note=intent.batch)
    except IssuerRefused as error:
        _move(intent, IntentState.FAILED, at=at, error=str(error))
        raise_alarm(code="issue_refused", ref=str(intent.pk), at=at, note=intent.batch)
    else:
        _record_one(intent, number, issuer, at=at)


def _may_call(intent: IssueIntent, *, at: datetime) -> bool:
    """Note a first call before it is made. False: given up, or put on hold, since the batch was read."""
    with transaction.atomic():
        locked = IssueIntent.objects.select_for_update(of=("self",)).get(pk=intent.pk)
        if locked.state not in OPEN or locked.hold:
            return False
        if locked.state == IntentState.PLANNED:
            _move(locked, IntentState.SENT, at=at)
        return True


def _record_one(intent: IssueIntent, number: IssuedNumber, issuer: Issuer, *, at: datetime) -> None:
    """Under the intent's lock, so that a second worker with the same answer finds it done."""
    with transaction.atomic():
        locked = IssueIntent.objects.select_for_update(of=("self",)).get(pk=intent.pk)
        if locked.state not in OPEN:
            return
        record_cards([(locked, number)], at=at)


def _move(intent: IssueIntent, target: IntentState, *, at: datetime, error: str = "") -> None:
    with transaction.atomic():
        locked = IssueIntent.objects.select_for_update(of=("self",)).get(pk=intent.pk)
        if locked.state == target:
            return
        INTENT_MACHINE.check(IntentState(locked.state), target)
        locked.state = target
        locked.last_error = error[:200]
        if target == IntentState.SENT:
            locked.attempts += 1
            locked.sent_at = at
        locked.save(update_fields=["state", "last_error", "attempts", "sent_at"])


def _request(intent: IssueIntent) -> IssueRequest:
    return IssueRequest(
        key=intent.pk,
        face_minor=intent.face_minor,
        currency=intent.currency,
        expires_on=intent.expires_on,
    )
