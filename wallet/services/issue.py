"""Issuing a batch: what is local in one transaction, what is remote one call at a time."""

from datetime import datetime
from itertools import groupby
from operator import attrgetter

from django.db import transaction

from outbox.services.alarm import raise_alarm
from wallet.errors import IssuerRefused, IssuerUnreachable, OutOfStock
from wallet.issuers.base import IssuedNumber, Issuer, IssueRequest, issuer_named, local_issuer_named
from wallet.models import IssueIntent
from wallet.services.record import Issued, record_cards
from wallet.states import CARDS_AT_ONCE, INTENT_MACHINE, Hold, IntentState

OPEN = [IntentState.PLANNED, IntentState.SENT, IntentState.UNKNOWN]


def issue_batch(*, batch: str, at: datetime) -> None:
    """Issue every card of `batch` that is not issued yet nor on hold (S3.7). May be repeated at any time.

    Cards of in-process issuers appear `CARDS_AT_ONCE` together or not at all, except those that an issuer
    refuses to make. A remote issuer is called outside any transaction, after the call was noted; whatever it
    leaves open stays open for the next run.
    """
    after: int | None = -1
    while after is not None:
        after = issue_chunk(batch=batch, after=after, at=at)


def issue_chunk(*, batch: str, after: int, at: datetime) -> int | None:
    """As `issue_batch`, for the next `CARDS_AT_ONCE` ranks beyond `after`; the last one, None at the end."""
    with transaction.atomic():
        intents = list(
            IssueIntent.objects.select_for_update(of=("self",))
            .filter(batch=batch, rank__gt=after, state__in=OPEN, hold=Hold.NONE)
            .order_by("rank")[:CARDS_AT_ONCE]
        )
        local = [intent for intent in intents if issuer_named(intent.issuer).in_process]
        record_cards(_issued_locally(local, at=at), at=at)
    for intent in intents:
        if not issuer_named(intent.issuer).in_process:
            _issue_remotely(intent, at=at)
    return intents[-1].rank if len(intents) == CARDS_AT_ONCE else None


def _issued_locally(intents: list[IssueIntent], *, at: datetime) -> list[Issued]:
    """The numbers of these intents in the order of their ranks; those refused are marked failed."""
    numbers: dict[int, IssuedNumber] = {}
    for name, group in groupby(sorted(intents, key=attrgetter("issuer")), key=attrgetter("issuer")):
        asked = list(group)
        issuer = local_issuer_named(name)
        assert issuer is not None
        try:
            made = issuer.issue_all([_request(intent) for intent in asked], at=at)
        except IssuerRefused as error:
            for intent in asked:
                _refuse(intent, error, at=at)
        else:
            numbers |= {intent.rank: number for intent, number in zip(asked, made, strict=True)}
    return [(intent, numbers[intent.rank]) for intent in intents if intent.rank in numbers]


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
        _refuse(intent, error, at=at)
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


def _refuse(intent: IssueIntent, error: IssuerRefused, *, at: datetime) -> None:
    _move(intent, IntentState.FAILED, at=at, error=str(error))
    raise_alarm(code="issue_refused", ref=str(intent.pk), at=at, note=intent.batch)


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
