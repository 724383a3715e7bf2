"""The sandbox bank: a session, a card, a code by SMS, then the script of the test card."""

import secrets
from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import Sum
from django.utils.crypto import constant_time_compare
from django.utils.translation import gettext as _

from orders.gateways.base import CheckoutRequest, GatewayRefused
from outbox.services.enqueue import JobRequest, enqueue_many
from sandbox.errors import CardUnknown, CodeExpired, CodeWrong, SessionClosed
from sandbox.models import BankEvent, BankRefund, BankSession
from sandbox.services.sms import send_sms
from sandbox.states import SESSION_MACHINE, WAITING, SessionState
from sandbox.testcards import BY_NUMBER, TEST_CARDS, Step, TestCard

CODE_LIFE = timedelta(minutes=5)
CODE_TRIES = 3
# A range that the regulator keeps for fiction.
HOLDERS_PHONE = "+33639980017"


@transaction.atomic
def open_session(*, request: CheckoutRequest, at: datetime) -> BankSession:
    """The page for this reference: the one it has, or a new one."""
    row = BankSession(
        reference=request.reference,
        amount_minor=request.amount_minor,
        currency=request.currency,
        description=request.description,
        return_url=request.return_url,
        created_at=at,
        expires_at=request.expires_at,
    )
    BankSession.objects.bulk_create([row], ignore_conflicts=True)
    session = BankSession.objects.get(reference=request.reference)
    if (session.amount_minor, session.currency) != (request.amount_minor, request.currency):
        raise GatewayRefused("same reference, another amount")
    return session


@transaction.atomic
def submit_card(*, session_id: UUID, number: str, at: datetime) -> BankSession:
    """Take a test card: refused on the spot, challenged by SMS, or accepted for processing.

    Refuses `SessionClosed`, `CardUnknown`.
    """
    session = _waiting(session_id, at, SessionState.OPEN)
    card = BY_NUMBER.get(number)
    if card is None:
        raise CardUnknown
    session.scenario = TEST_CARDS.index(card)
    session.brand, session.last4 = card.brand, number[-4:]
    if card.refusal:
        _refuse(session, card.refusal, card.steps, at)
    elif card.challenge:
        session.state = SessionState.CHALLENGED
        _send_code(session, at)
    else:
        _process(session, card, at)
    session.save()
    return session


def submit_code(*, session_id: UUID, code: str, at: datetime) -> BankSession:
    """Check the code sent by SMS. The try is counted before the code is looked at.

    The third wrong code refuses the payment. Refuses `SessionClosed`, `CodeExpired`, `CodeWrong(left)`.
    """
    session = _count_try(session_id, at)
    card = TEST_CARDS[session.scenario or 0]
    right = card.code_works and constant_time_compare(code, session.code)
    with transaction.atomic():
        session = _waiting(session_id, at, SessionState.CHALLENGED)
        if right:
            _process(session, card, at)
        elif session.tries_left == 0:
            _refuse(session, "authentication_failed", (Step(0, None, "payment.failed"),), at)
        else:
            raise CodeWrong(session.tries_left)
        session.save()
    return session


@transaction.atomic
def _count_try(session_id: UUID, at: datetime) -> BankSession:
    session = _waiting(session_id, at, SessionState.CHALLENGED)
    if session.code_expires_at is None or session.code_expires_at <= at:
        raise CodeExpired
    if session.tries_left == 0:
        raise SessionClosed
    session.tries_left -= 1
    session.save(update_fields=["tries_left"])
    return session


@transaction.atomic
def resend_code(*, session_id: UUID, at: datetime) -> BankSession:
    """Send another code; the tries already used stay used. Refuses `SessionClosed`."""
    session = _waiting(session_id, at, SessionState.CHALLENGED)
    _send_code(session, at, tries=session.tries_left)
    session.save()
    return session


@transaction.atomic
def cancel_session(*, session_id: UUID) -> BankSession:
    """Close a page that still waits for its customer; any other is left as it is."""
    session = BankSession.objects.select_for_update().get(pk=session_id)
    if session.state in WAITING:
        session.state = SessionState.CANCELLED
        session.save(update_fields=["state"])
    return session


@transaction.atomic
def refund_session(*, session_id: UUID, key: UUID, amount_minor: int, at: datetime) -> BankRefund:
    """Send money back, once per key and never more than was captured; refuses `GatewayRefused`."""
    session = BankSession.objects.select_for_update().get(pk=session_id)
    known = BankRefund.objects.filter(pk=key).first()
    if known is not None:
        return known
    given = session.refunds.aggregate(n=Sum("amount_minor"))["n"] or 0
    if session.state != SessionState.PAID or given + amount_minor > session.captured_minor:
        raise GatewayRefused("more than was captured")
    return BankRefund.objects.create(key=key, session=session, amount_minor=amount_minor, made_at=at)


@transaction.atomic
def take_step(*, event_id: UUID) -> BankEvent:
    """Let the bank decide what the script says. Repeating it changes nothing."""
    event = BankEvent.objects.get(pk=event_id)
    session = BankSession.objects.select_for_update().get(pk=event.session_id)
    target = SessionState(event.sets) if event.sets else None
    if target and SESSION_MACHINE.allows(SessionState(session.state), target):
        session.state = target
        if target == SessionState.PAID:
            card = TEST_CARDS[session.scenario or 0]
            session.captured_minor = max(session.amount_minor - card.captures_less, 1)
            session.refusal_code = ""
        else:
            session.refusal_code = "do_not_honor"
        session.save()
    event.session = session
    return event


def _waiting(session_id: UUID, at: datetime, state: SessionState) -> BankSession:
    session = BankSession.objects.select_for_update().get(pk=session_id)
    if session.state != state or session.expires_at <= at:
        raise SessionClosed
    return session


def _process(session: BankSession, card: TestCard, at: datetime) -> None:
    session.state = SessionState.PROCESSING
    session.code = ""
    _play(session, card.steps, at)


def _refuse(session: BankSession, code: str, steps: tuple[Step, ...], at: datetime) -> None:
    session.state = SessionState.REFUSED
    session.refusal_code = code
    session.code = ""
    _play(session, steps, at)


def _play(session: BankSession, steps: tuple[Step, ...], at: datetime) -> None:
    events = [
        BankEvent(
            session=session,
            sets=step.sets or "",
            tells=step.tells,
            copies=step.copies,
            due_at=(session.expires_at if step.after_expiry else at)
            + timedelta(seconds=settings.SANDBOX_CONFIRM_AFTER * step.after),
        )
        for step in steps
    ]
    BankEvent.objects.bulk_create(events)
    enqueue_many([JobRequest("sandbox.bank_step", str(event.pk), event.due_at) for event in events])


def _send_code(session: BankSession, at: datetime, *, tries: int = CODE_TRIES) -> None:
    session.code = f"{secrets.randbelow(1_000_000):06d}"
    session.code_expires_at = at + CODE_LIFE
    session.tries_left = tries
    text = _("Banque des Mirages : votre code est %(code)s. Ne le donnez à personne.") % {
        "code": session.code
    }
    send_sms(sender="MIRAGES", phone=HOLDERS_PHONE, text=text, at=at)
