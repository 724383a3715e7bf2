"""What the shop does outside requests. Each handler finds out what is already done: it may run twice."""

from datetime import timedelta
from uuid import UUID

from django.conf import settings
from django.utils import timezone

from orders.errors import RefundPending
from orders.models import Payment
from orders.selectors import unpaid_since
from orders.services.bulk_send import SEND_JOB, end_delivery, send_links
from orders.services.bulk_tidy import wipe_old_files
from orders.services.bulk_upload import READ_JOB, read_bulk
from orders.services.cancel import expire_order
from orders.services.fulfil import alarm_overdue, card_was_issued
from orders.services.invoice import issue_credit_note, issue_invoice, make_file
from orders.services.payment import call_off_payment, cancel_payments_of
from orders.services.refund import run_refund
from orders.services.seat_end import call_off_seats
from orders.services.seat_hold import end_hold
from orders.services.seat_tell import tell_confirmed, tell_moved
from orders.services.settle import next_poll, settle_payment
from orders.services.tell import confirm_order, tell_refund, tell_refusal
from orders.services.webhook import handle_webhook
from outbox.errors import Retry
from outbox.registry import handler, periodic

LINKS_PER_RUN = 200
BETWEEN_RUNS = timedelta(seconds=2)
WAIT_FOR_CARDS = timedelta(seconds=20)

# Payments


@handler("orders.poll_payment", max_attempts=200)
def poll_payment(ref: str) -> None:
    """Settle what no webhook reported, at growing intervals, until there is nothing left to learn."""
    now = timezone.now()
    settle_payment(int(ref), now)
    wait = next_poll(Payment.objects.get(pk=int(ref)), now)
    if wait is not None:
        raise Retry(after=wait)


@handler("orders.handle_webhook", max_attempts=200)
def webhook_came(ref: str) -> None:
    provider, _, event_id = ref.partition(":")
    handle_webhook(provider=provider, event_id=event_id, at=timezone.now())


@handler("orders.call_off_payment")
def payment_called_off(ref: str) -> None:
    call_off_payment(int(ref), timezone.now())


@handler("orders.cancel_payments")
def order_cancelled(ref: str) -> None:
    cancel_payments_of(int(ref), timezone.now())


@handler("orders.run_refund", max_attempts=200)
def refund_requested(ref: str) -> None:
    try:
        run_refund(int(ref), timezone.now())
    except RefundPending:
        raise Retry(after=timedelta(hours=1)) from None


@handler("orders.confirm_by_mail")
def order_validated(ref: str) -> None:
    confirm_order(order_id=int(ref), at=timezone.now())


@handler("orders.tell_refusal")
def payment_refused(ref: str) -> None:
    tell_refusal(payment_id=int(ref), at=timezone.now())


@handler("orders.tell_refund")
def refund_done(ref: str) -> None:
    tell_refund(refund_id=int(ref), at=timezone.now())


# Orders and their papers


@handler("wallet.card_issued")
def card_issued(ref: str) -> None:
    card_was_issued(intent_id=UUID(ref), at=timezone.now())


@handler("orders.make_invoice")
def invoice_wanted(ref: str) -> None:
    make_file(issue_invoice(order_id=int(ref), at=timezone.now()))


@handler("orders.make_credit_note")
def credit_note_wanted(ref: str) -> None:
    note = issue_credit_note(refund_id=int(ref), at=timezone.now())
    if note is not None:
        make_file(note)


# Grouped orders


@handler(READ_JOB, lease=timedelta(minutes=3))
def file_came(ref: str) -> None:
    bulk_id, _, generation = ref.partition(":")
    read_bulk(bulk_id=int(bulk_id), generation=int(generation))


@handler(SEND_JOB)
def cards_to_send(ref: str) -> None:
    """Send some links, then let their mails and other jobs have their turn; end when no line waits."""
    order_id, now, after, sent = int(ref), timezone.now(), -1, 0
    while (step := send_links(order_id=order_id, after=after, at=now)) is not None:
        after, sent = step.rank, sent + step.sent
        if sent >= LINKS_PER_RUN:
            raise Retry(after=BETWEEN_RUNS)
    if not end_delivery(order_id=order_id, at=now):
        raise Retry(after=WAIT_FOR_CARDS)


# Seats of screenings


@handler("wallet.booking_confirmed")
def seats_confirmed(ref: str) -> None:
    tell_confirmed(booking_id=int(ref), at=timezone.now())


@handler("wallet.booking_hold_over", max_attempts=200)
def time_to_pay_is_over(ref: str) -> None:
    wait = end_hold(booking_id=int(ref), at=timezone.now())
    if wait is not None:
        raise Retry(after=wait)


@handler("wallet.booking_called_off")
def screening_called_off(ref: str) -> None:
    call_off_seats(booking_id=int(ref), at=timezone.now())


@handler("wallet.booking_moved")
def screening_moved(ref: str) -> None:
    tell_moved(booking_id=int(ref), at=timezone.now())


# Sweeps


@periodic("orders.expire_unpaid", every=timedelta(minutes=5))
def expire_unpaid() -> None:
    now = timezone.now()
    cutoff = now - timedelta(seconds=settings.ORDER_EXPIRES_AFTER)
    for order_id in unpaid_since(cutoff, limit=500):
        expire_order(order_id=order_id, at=now)


@periodic("orders.wipe_old_files", every=timedelta(hours=1))
def old_files() -> None:
    wipe_old_files(at=timezone.now())


@periodic("orders.alarm_overdue", every=timedelta(minutes=5))
def cards_overdue() -> None:
    alarm_overdue(at=timezone.now())
