"""Seats that are paid in part or whole: booked, paid, given up, cancelled, called off (S2.5, S3.6)."""

from datetime import timedelta
from uuid import uuid4

import pytest
from django.utils import timezone

from accounts.models import User
from ledger.services.audit import audit
from ledger.services.freeze import freeze
from orders.errors import OrderingNotOpen, OrderNotCancellable, TermsNotCurrent, TotalTooSmall
from orders.gateways.base import GatewayUnavailable, PspState, PspStatus
from orders.models import Invoice, Order, OrderEvent, Payment, Product, Refund
from orders.services.cancel import cancel_order, expire_order
from orders.services.invoice import issue_credit_note, issue_invoice
from orders.services.pay import pay_order
from orders.services.refund import refund_order, run_refund
from orders.services.review import accept_review, reject_review
from orders.services.seat_end import call_off_seats, cancel_seats
from orders.services.seat_hold import end_hold
from orders.services.seats import SEAT_SLUG, book_and_order
from orders.services.settle import apply_state, settle_payment
from orders.states import OrderState, PaymentState
from outbox.models import Job, Mail
from sandbox.gateway import SandboxBank
from sandbox.models import BankSession
from tests.orders.factories import make_member, make_terms
from tests.orders.paying import POOR, a_payment, bank_says_paid, paid_evidence, type_card
from tests.wallet.cinema_factories import make_place_card, make_screening, places_left, taken
from wallet.errors import (
    BookingNotFound,
    BookingUnpaid,
    MeansChanged,
    ScreeningFull,
    TooLateToCancel,
)
from wallet.models import Booking, IssueIntent, Screening
from wallet.services.booking_end import cancel_booking
from wallet.services.screening import cancel_screening, move_screening

pytestmark = pytest.mark.django_db
MINUTE = timedelta(minutes=1)


@pytest.fixture
def ada(db) -> User:
    return make_member()


@pytest.fixture
def screening(db) -> Screening:
    return make_screening(price_minor=1150, capacity=10)


def book(customer, screening, seats=2, *, means=None, terms=None, at=None, **request):
    terms_id = (terms or make_terms()).pk if terms is not False else None
    means = {card.pk: places for card, places in (means or {}).items()}
    return book_and_order(
        key=request.get("key") or uuid4(),
        customer_id=customer.pk,
        screening_id=screening.pk,
        seats=seats,
        means=means,
        terms_id=terms_id,
        at=at or timezone.now(),
    )


def pay(order: Order, *, amount: int | None = None, at=None) -> Payment:
    payment = a_payment(order)
    bank_says_paid(payment, amount=amount)
    pay_order(payment_id=payment.pk, evidence=paid_evidence(payment, amount=amount), at=at or timezone.now())
    payment.refresh_from_db()
    return payment


def states(booking) -> tuple[str, str]:
    row = Booking.objects.get(pk=booking.id)
    return row.state, Order.objects.get(booking=row).state


def mails() -> list[str]:
    return list(Mail.objects.order_by("queued_at").values_list("event", flat=True))


# Booking


def test_seats_left_over_by_places_become_an_order_at_full_price(ada, screening):
    # S2.5
    card = make_place_card(ada, 1)
    booking, order = book(ada, screening, 3, means={card: 1})
    assert (booking.state, booking.due_minor) == ("held", 2300)
    assert (order.state, order.total_minor, order.face_minor) == ("awaiting_payment", 2300, 2300)
    assert order.booking_id == booking.id
    [line] = order.lines.all()
    assert (line.product.slug, line.quantity, line.face_minor, line.price_minor) == (SEAT_SLUG, 2, 1150, 2300)
    assert (order.terms_id, order.organisation_id) == (order.terms_id, ada.memberships.get().organisation_id)
    assert list(OrderEvent.objects.values_list("to_state", flat=True)) == ["awaiting_payment"]


def test_seats_covered_by_places_need_no_order_no_terms_and_no_approval(screening):
    from tests.wallet.factories import make_user

    user = make_user()
    booking, order = book(user, screening, 2, means={make_place_card(user, 2): 2}, terms=False)
    assert (booking.state, order) == ("confirmed", None)
    assert not Order.objects.exists()


def test_a_seat_is_never_sold_in_the_shop_and_bears_its_own_vat(ada, screening):
    # S3.11
    book(ada, screening)
    product = Product.objects.get(slug=SEAT_SLUG)
    assert (product.is_active, product.vat_treatment, product.vat_rate_bp) == (False, "spv", 550)
    book(make_member(), screening)
    assert Product.objects.count() == 1


def test_the_same_request_again_gives_the_same_booking_and_order(ada, screening):
    key, terms = uuid4(), make_terms()
    first = book(ada, screening, key=key, terms=terms)
    assert book(ada, screening, key=key, terms=terms) == first
    assert (Order.objects.count(), taken(screening)) == (1, 2)


@pytest.mark.parametrize(
    ("prepare", "refusal"),
    [
        (lambda s: make_terms(), TermsNotCurrent),
        (lambda s: Screening.objects.update(price_minor=10), TotalTooSmall),
        (lambda s: User.objects.get().memberships.update(state="pending"), OrderingNotOpen),
        (lambda s: Screening.objects.update(taken=9), ScreeningFull),
    ],
)
def test_a_refused_order_leaves_no_booking(ada, screening, prepare, refusal):
    # S3.2, S3.5
    card, terms = make_place_card(ada, 5), make_terms()
    prepare(screening)
    before = taken(screening)
    with pytest.raises(refusal):
        book(ada, screening, 3, means={card: 1}, terms=terms)
    assert (Booking.objects.count(), Order.objects.count(), taken(screening)) == (0, 0, before)
    assert places_left(card) == 5


def test_terms_must_be_ticked_when_something_is_to_pay(ada, screening):
    # S3.5
    with pytest.raises(TermsNotCurrent):
        book(ada, screening, terms=False)
    assert taken(screening) == 0


def test_a_card_that_does_not_fit_leaves_no_order(ada):
    with pytest.raises(MeansChanged):
        book(ada, make_screening(technology="imax"), 2, means={make_place_card(ada): 1})
    assert not Order.objects.exists()


# Paying


def test_paying_confirms_the_seats_in_the_same_step(ada, screening):
    # S2.5, S3.7
    card = make_place_card(ada, 5)
    booking, order = book(ada, screening, 3, means={card: 1})
    payment = pay(order)
    assert payment.state == "succeeded"
    assert states(booking) == ("confirmed", "fulfilled")
    reached = OrderEvent.objects.filter(order=order).order_by("pk").values_list("to_state", flat=True)
    assert list(reached) == ["awaiting_payment", "validated", "fulfilled"]
    assert (places_left(card), taken(screening)) == (4, 3)
    assert not IssueIntent.objects.exists()
    kinds = set(Job.objects.filter(ref=str(order.pk)).values_list("kind", flat=True))
    assert {"orders.confirm_by_mail", "orders.make_invoice"} <= kinds
    order.refresh_from_db()
    assert order.paid_at == order.fulfilled_at
    assert order.cards_expected_from is None
    assert audit(at=timezone.now()).ok


def test_paid_twice_told_changes_nothing(ada, screening):
    booking, order = book(ada, screening)
    payment = pay(order)
    pay_order(payment_id=payment.pk, evidence=paid_evidence(payment), at=timezone.now())
    assert states(booking) == ("confirmed", "fulfilled")
    assert not Refund.objects.exists()


def test_the_invoice_names_the_seats_and_their_vat_and_the_credit_note_takes_it_back(ada, screening):
    # S3.8, S3.11
    booking, order = book(ada, screening)
    pay(order)
    invoice = issue_invoice(order_id=order.pk, at=timezone.now())
    [line] = invoice.figures["lines"]
    assert (line["description"], line["quantity"], line["price_minor"]) == (
        "Place de cinéma plein tarif",
        2,
        2300,
    )
    assert (line["vat_treatment"], line["vat_rate_bp"]) == ("spv", 550)
    cancel_seats(booking_id=booking.id, customer_id=ada.pk, at=timezone.now())
    note = issue_credit_note(refund_id=Refund.objects.get().pk, at=timezone.now())
    assert note.figures["lines"] == invoice.figures["lines"]
    assert Invoice.objects.count() == 2


def test_a_refused_payment_leaves_the_seats_held_for_another_try(ada, screening):
    # S3.6
    booking, order = book(ada, screening)
    first = a_payment(order)
    type_card(first, POOR)
    BankSession.objects.update(state="refused", refusal_code="insufficient_funds")
    settle_payment(first.pk, timezone.now())
    assert states(booking) == ("held", "awaiting_payment")
    assert taken(screening) == 2
    pay(order)
    assert states(booking) == ("confirmed", "fulfilled")


def test_money_after_the_seats_were_given_up_is_refunded_by_itself(ada, screening):
    booking, order = book(ada, screening)
    payment = a_payment(order)
    Payment.objects.update(state=PaymentState.EXPIRED)
    late = booking.held_until + MINUTE
    assert end_hold(booking_id=booking.id, at=late) is None
    assert states(booking) == ("released", "expired")
    bank_says_paid(payment)
    pay_order(payment_id=payment.pk, evidence=paid_evidence(payment), at=late + MINUTE)
    assert states(booking) == ("released", "expired")
    refund = Refund.objects.get()
    assert (refund.undue, refund.amount_minor, taken(screening)) == (True, 2300, 0)


def test_late_money_still_buys_seats_that_nobody_has_given_up(ada, screening):
    """No job has run: what decides is what is true under the lock."""
    booking, order = book(ada, screening)
    pay(order, at=booking.held_until + 10 * MINUTE)
    assert states(booking) == ("confirmed", "fulfilled")


def test_another_amount_goes_to_a_person_who_may_accept_it_in_time(ada, screening):
    booking, order = book(ada, screening)
    pay(order, amount=2200)
    assert states(booking) == ("held", "payment_review")
    accept_review(order_id=order.pk, actor="op", note="close enough", at=timezone.now())
    assert states(booking) == ("confirmed", "fulfilled")


def test_a_review_that_nobody_decided_in_time_is_refunded_and_its_seats_are_free_again(ada, screening):
    booking, order = book(ada, screening)
    pay(order, amount=2200)
    assert end_hold(booking_id=booking.id, at=booking.held_until) is None
    assert states(booking) == ("released", "refund_pending")
    assert (Refund.objects.get().amount_minor, taken(screening)) == (2200, 0)


def test_a_review_that_was_rejected_does_not_strand_the_seats(ada, screening):
    booking, order = book(ada, screening)
    pay(order, amount=2200)
    reject_review(order_id=order.pk, actor="op", note="no", at=timezone.now())
    end_hold(booking_id=booking.id, at=booking.held_until)
    assert states(booking) == ("released", "refund_pending")
    assert (Refund.objects.count(), taken(screening)) == (1, 0)


def test_places_frozen_meanwhile_send_the_order_to_a_person_and_the_money_back_in_time(ada, screening):
    card = make_place_card(ada, 5)
    booking, order = book(ada, screening, 2, means={card: 1})
    freeze(account_id=card.account_id, reason="a doubt", at=timezone.now())
    pay(order)
    assert states(booking) == ("held", "payment_review")
    end_hold(booking_id=booking.id, at=booking.held_until)
    assert states(booking) == ("released", "refund_pending")
    assert taken(screening) == 0


# The time to pay is over


def test_after_fifteen_minutes_an_unpaid_booking_is_given_up_and_the_banks_page_closed(ada, screening):
    # S2.5
    card = make_place_card(ada, 5)
    booking, order = book(ada, screening, 3, means={card: 2})
    payment = a_payment(order)
    assert end_hold(booking_id=booking.id, at=booking.held_until) is None
    assert states(booking) == ("released", "expired")
    assert (places_left(card), taken(screening)) == (5, 0)
    payment.refresh_from_db()
    assert payment.state == PaymentState.CANCELLED
    assert BankSession.objects.get().state == "cancelled"
    assert not Order.objects.filter(state=OrderState.CART).exists()
    assert end_hold(booking_id=booking.id, at=booking.held_until) is None


def test_the_bank_is_asked_before_seats_are_given_up(ada, screening):
    booking, order = book(ada, screening)
    bank_says_paid(a_payment(order))  # and nobody told us
    end_hold(booking_id=booking.id, at=booking.held_until)
    assert states(booking) == ("confirmed", "fulfilled")


def test_while_the_bank_decides_the_seats_stay_held_and_at_most_until_the_payment_expires(ada, screening):
    booking, order = book(ada, screening)
    payment = a_payment(order)
    BankSession.objects.update(state="processing")
    wait = end_hold(booking_id=booking.id, at=booking.held_until)
    assert wait == MINUTE
    assert states(booking) == ("held", "awaiting_payment")
    assert Payment.objects.get().state == PaymentState.PENDING
    assert end_hold(booking_id=booking.id, at=payment.expires_at - timedelta(seconds=9)) == timedelta(
        seconds=9
    )
    assert end_hold(booking_id=booking.id, at=payment.expires_at) is None
    assert states(booking) == ("released", "expired")


class Silent(SandboxBank):
    def fetch_state(self, psp_id: str):
        raise GatewayUnavailable("nobody there")

    cancel = fetch_state


def test_a_bank_that_never_answers_holds_seats_no_longer_than_its_payment(ada, screening, settings):
    settings.PAYMENT_GATEWAYS = {**settings.PAYMENT_GATEWAYS, "silent": f"{__name__}.Silent"}
    booking, order = book(ada, screening)
    payment = a_payment(order)
    Payment.objects.update(gateway="silent")
    assert end_hold(booking_id=booking.id, at=booking.held_until) == MINUTE
    assert states(booking) == ("held", "awaiting_payment")
    assert end_hold(booking_id=booking.id, at=payment.expires_at) is None
    assert states(booking) == ("released", "expired")
    assert taken(screening) == 0


def test_a_booking_whose_payment_never_began_is_given_up(ada, screening):
    booking, _ = book(ada, screening)
    end_hold(booking_id=booking.id, at=booking.held_until)
    assert (states(booking), taken(screening)) == (("released", "expired"), 0)


def test_the_sweep_of_unpaid_orders_gives_seats_back_too(ada, screening):
    """Should the booking's own job have been lost to a fault, a day later nothing is held."""
    booking, order = book(ada, screening)
    assert expire_order(order_id=order.pk, at=timezone.now())
    assert (states(booking), taken(screening)) == (("released", "expired"), 0)
    assert not Order.objects.filter(state=OrderState.CART).exists()


def test_the_job_is_due_when_the_time_to_pay_is_over(ada, screening):
    from orders.tasks import time_to_pay_is_over

    booking, order = book(ada, screening, at=timezone.now() - 20 * MINUTE)
    job = Job.objects.get(kind="wallet.booking_hold_over")
    assert job.due_at == booking.held_until
    time_to_pay_is_over(job.ref)
    assert states(booking) == ("released", "expired")


# Cancelling


def test_cancelling_the_order_gives_the_seats_back_and_puts_nothing_into_the_cart(ada, screening):
    card = make_place_card(ada, 5)
    booking, order = book(ada, screening, 2, means={card: 1})
    cancel_order(order_id=order.pk, customer_id=ada.pk, at=timezone.now())
    assert states(booking) == ("released", "cancelled")
    assert (places_left(card), taken(screening)) == (5, 0)
    assert Booking.objects.get().end == "customer"
    assert not Order.objects.filter(state=OrderState.CART).exists()


def test_cancelling_returns_places_and_refunds_paid_seats_in_one_step(ada, screening):
    # S2.5
    card = make_place_card(ada, 5)
    booking, order = book(ada, screening, 3, means={card: 1})
    payment = pay(order)
    done = cancel_seats(booking_id=booking.id, customer_id=ada.pk, at=timezone.now())
    assert (done.places, done.refund_minor, done.currency) == (1, 2300, "EUR")
    assert states(booking) == ("cancelled", "refund_pending")
    assert (places_left(card), taken(screening)) == (5, 0)
    refund = Refund.objects.get()
    assert (refund.payment_id, refund.amount_minor, refund.undue) == (payment.pk, 2300, False)
    assert "booking_cancelled" in mails()
    run_refund(refund.pk, timezone.now())
    assert states(booking) == ("cancelled", "refunded")
    again = cancel_seats(booking_id=booking.id, customer_id=ada.pk, at=timezone.now())
    assert (again.places, again.refund_minor) == (0, 0)
    assert (Refund.objects.count(), places_left(card)) == (1, 5)
    assert audit(at=timezone.now()).ok


def test_cancelling_seats_that_places_covered_refunds_nothing(ada, screening):
    card = make_place_card(ada, 5)
    booking, _ = book(ada, screening, 2, means={card: 2})
    done = cancel_seats(booking_id=booking.id, customer_id=ada.pk, at=timezone.now())
    assert (done.places, done.refund_minor) == (2, 0)
    context = Mail.objects.get(event="booking_cancelled").context
    assert (context["places_returned"], context["refund_minor"], context["number"]) == (2, 0, booking.number)


def test_too_late_to_cancel_neither_refunds_nor_returns(ada, screening):
    card = make_place_card(ada, 5)
    booking, order = book(ada, screening, 2, means={card: 1})
    pay(order)
    with pytest.raises(TooLateToCancel):
        cancel_seats(
            booking_id=booking.id, customer_id=ada.pk, at=screening.starts_at - timedelta(minutes=59)
        )
    assert states(booking) == ("confirmed", "fulfilled")
    assert (places_left(card), taken(screening), Refund.objects.count()) == (4, 2, 0)


def test_nobody_cancels_the_seats_of_somebody_else(ada, screening):
    booking, order = book(ada, screening)
    pay(order)
    with pytest.raises(BookingNotFound):
        cancel_seats(booking_id=booking.id, customer_id=make_member().pk, at=timezone.now())
    assert states(booking) == ("confirmed", "fulfilled")


def test_cancelling_before_paying_gives_up_the_order_too(ada, screening):
    card = make_place_card(ada, 5)
    booking, _ = book(ada, screening, 2, means={card: 1})
    done = cancel_seats(booking_id=booking.id, customer_id=ada.pk, at=timezone.now())
    assert (done.places, done.refund_minor) == (1, 0)
    assert states(booking) == ("released", "cancelled")
    assert (places_left(card), taken(screening)) == (5, 0)


def test_while_the_bank_decides_nothing_is_cancelled(ada, screening):
    booking, order = book(ada, screening)
    a_payment(order)
    Payment.objects.update(state=PaymentState.PENDING)
    with pytest.raises(OrderNotCancellable):
        cancel_seats(booking_id=booking.id, customer_id=ada.pk, at=timezone.now())
    assert states(booking) == ("held", "awaiting_payment")


def test_while_a_person_looks_into_the_payment_nothing_is_cancelled(ada, screening):
    booking, order = book(ada, screening)
    pay(order, amount=2200)
    with pytest.raises(BookingUnpaid):
        cancel_seats(booking_id=booking.id, customer_id=ada.pk, at=timezone.now())
    assert states(booking) == ("held", "payment_review")


def test_staff_take_an_order_back_with_its_seats_and_places(ada, screening):
    card = make_place_card(ada, 5)
    booking, order = book(ada, screening, 2, means={card: 1})
    pay(order)
    refund_order(order_id=order.pk, reason="kindness", at=screening.starts_at + MINUTE)
    assert states(booking) == ("cancelled", "refund_pending")
    assert (places_left(card), taken(screening)) == (5, 0)


# Screenings called off and moved


def test_a_screening_called_off_gives_everything_back_whatever_the_limit(ada, screening):
    card = make_place_card(ada, 5)
    paid, order = book(ada, screening, 3, means={card: 1})
    pay(order)
    covered, _ = book(ada, screening, 1, means={card: 1})
    waiting, unpaid = book(ada, screening, 2, means={card: 1})
    late = screening.starts_at - MINUTE
    cancel_screening(screening_id=screening.pk, reason="panne", at=late)
    jobs = Job.objects.filter(kind="wallet.booking_called_off").values_list("ref", flat=True)
    assert set(jobs) == {str(one.id) for one in (paid, covered, waiting)}
    for _ in range(2):
        for ref in jobs:
            call_off_seats(booking_id=int(ref), at=late)
    assert states(paid) == ("cancelled", "refund_pending")
    assert states(waiting) == ("released", "cancelled")
    assert Booking.objects.get(pk=covered.id).state == "cancelled"
    assert set(Booking.objects.values_list("end", flat=True)) == {"screening"}
    assert (places_left(card), taken(screening), Refund.objects.count()) == (5, 0, 1)
    told = Mail.objects.filter(event="screening_cancelled").order_by("ref")
    facts = [(mail.context["places_returned"], mail.context["refund_minor"]) for mail in told]
    assert sorted(facts) == [(1, 0), (1, 0), (1, 2300)]
    assert audit(at=late).ok


def test_money_on_its_way_to_a_screening_called_off_is_refunded_by_itself(ada, screening):
    booking, order = book(ada, screening)
    payment = a_payment(order)
    Payment.objects.update(state=PaymentState.PENDING)
    call_off_seats(booking_id=booking.id, at=timezone.now())
    assert states(booking) == ("released", "cancelled")
    bank_says_paid(payment)
    pay_order(payment_id=payment.pk, evidence=paid_evidence(payment), at=timezone.now())
    assert states(booking) == ("released", "cancelled")
    assert Refund.objects.get().undue


def test_a_booking_that_its_customer_cancelled_is_not_told_of_the_screening(ada, screening):
    card = make_place_card(ada, 5)
    booking, _ = book(ada, screening, 1, means={card: 1})
    cancel_booking(booking_id=booking.id, at=timezone.now())
    call_off_seats(booking_id=booking.id, at=timezone.now())
    assert mails() == []


def test_a_dispute_won_after_the_seats_went_back_refunds_them(ada, screening):
    # S2.5
    card = make_place_card(ada, 1)
    booking, order = book(ada, screening, 2, means={card: 1})
    payment = pay(order)
    disputed = PspState(payment.psp_id, PspStatus.DISPUTED, payment.amount_minor, "EUR")
    apply_state(payment_id=payment.pk, evidence=disputed, at=timezone.now())
    went = cancel_seats(booking_id=booking.id, customer_id=ada.pk, at=timezone.now())
    assert (went.places, went.refund_minor, Refund.objects.count()) == (1, 0, 0)  # the bank has the money
    for _ in range(2):
        pay_order(payment_id=payment.pk, evidence=paid_evidence(payment), at=timezone.now())
    assert Refund.objects.get().amount_minor == 1150
    assert states(booking) == ("cancelled", "refund_pending")


def test_a_dispute_won_leaves_seats_that_are_kept(ada, screening):
    booking, order = book(ada, screening, 1)
    payment = pay(order)
    disputed = PspState(payment.psp_id, PspStatus.DISPUTED, payment.amount_minor, "EUR")
    apply_state(payment_id=payment.pk, evidence=disputed, at=timezone.now())
    told = Mail.objects.get(event="alarm.payment_disputed").context["note"]
    assert told == f"{order.number}: RES-{booking.id} keeps its seats"
    pay_order(payment_id=payment.pk, evidence=paid_evidence(payment), at=timezone.now())
    assert (states(booking), Refund.objects.count()) == (("confirmed", "fulfilled"), 0)


def test_a_screening_moved_to_and_fro_tells_of_each_move(ada, screening):
    from orders.tasks import screening_moved

    booking, _ = book(ada, screening, 1, means={make_place_card(ada, 1): 1})
    for days in (1, 0, 1):
        there = screening.starts_at + timedelta(days=days)
        move_screening(screening_id=screening.pk, starts_at=there, at=timezone.now())
        screening_moved(str(booking.id))
        screening_moved(str(booking.id))
    assert mails() == ["screening_moved"] * 3


def test_who_booked_a_screening_that_moves_is_told_once_per_move(ada, screening):
    from orders.tasks import screening_moved, seats_confirmed

    card = make_place_card(ada, 5)
    booking, _ = book(ada, screening, 1, means={card: 1})
    seats_confirmed(str(booking.id))
    seats_confirmed(str(booking.id))
    for days in (1, 2):
        now = timezone.now()
        move_screening(
            screening_id=screening.pk, starts_at=screening.starts_at + timedelta(days=days), at=now
        )
        screening_moved(str(booking.id))
        screening_moved(str(booking.id))
    assert mails() == ["booking_confirmed", "screening_moved", "screening_moved"]
    context = Mail.objects.filter(event="screening_moved").latest("queued_at").context
    was = timezone.localtime(screening.starts_at)
    assert (context["moved_from_day"], context["moved_from_time"]) == (f"{was:%d/%m/%Y}", f"{was:%H:%M}")
    assert context["film"] == screening.film.title
