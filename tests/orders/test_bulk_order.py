"""From a file of beneficiaries to one paid order (S0.5)."""

from datetime import date, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from ledger.services.audit import audit
from loyalty.models import Purchase
from orders.errors import (
    AmountOutOfRange,
    BadLinesLeft,
    BulkChanged,
    BulkFileRefused,
    BulkNotFound,
    BulkNotOpen,
    DuplicatesLeft,
    OrderingNotOpen,
    PricesChanged,
    ProductUnavailable,
    TermsNotCurrent,
    TotalTooSmall,
)
from orders.gateways.base import PspState, PspStatus
from orders.models import (
    BulkLine,
    BulkOrder,
    BulkUpload,
    DiscountAgreement,
    Invoice,
    Order,
    OrderLine,
    Payment,
    Product,
    Refund,
)
from orders.selectors import bought_this_month
from orders.selectors_bulk import person_of
from orders.services.bulk_tidy import wipe_old_files
from orders.services.bulk_upload import read_bulk
from orders.services.cancel import cancel_order, expire_order
from orders.services.invoice import issue_invoice
from orders.services.pay import pay_order
from orders.services.payment import start_payment
from orders.services.refund import refund_order
from orders.services.settle import apply_state
from orders.states import BulkState, OrderState
from outbox.models import Job
from tests.orders.bulk_files import csv_of, row, xlsx_of
from tests.orders.bulks import (
    THREE,
    a_bulk,
    a_buyer,
    a_delivered_bulk,
    a_paid_bulk,
    cse_of,
    issue,
    place,
    send_again,
)
from tests.orders.factories import make_product
from tests.orders.paying import a_payment, bank_says_paid, paid_evidence
from tests.support import run_jobs
from wallet.models import Card, ClaimLink, IssueIntent

pytestmark = pytest.mark.django_db

MIXED = csv_of(row(1), row(2, "1"), row(1), row(3))


def discount(bulk_or_order, rate_bp=500, **fields):
    return DiscountAgreement.objects.create(
        organisation_id=bulk_or_order.organisation_id,
        product=Product.objects.get(),
        rate_bp=rate_bp,
        starts_on=date(2026, 1, 1),
        **fields,
    )


# The file


def test_a_file_is_kept_sealed_and_wiped_once_it_was_read():
    bulk = a_bulk(read=False)
    [upload] = BulkUpload.objects.all()
    assert "essai.example" not in upload.sealed
    assert Job.objects.filter(kind="orders.read_bulk", ref=f"{bulk.pk}:1").exists()
    read_bulk(bulk_id=bulk.pk, generation=1)
    assert not BulkUpload.objects.exists()
    lines = list(BulkLine.objects.order_by("number"))
    assert [(line.number, line.rank, line.face_minor) for line in lines] == [
        (2, 0, 5000),
        (3, 1, 2000),
        (4, 2, 5000),
    ]
    assert all("essai.example" not in line.sealed for line in lines)
    assert person_of(lines[1]) == ("p2@essai.example", "Zoé", "Dupont2", "Bravo")


def test_the_report_counts_good_bad_and_repeated_lines():
    bulk = a_bulk(MIXED)
    assert (bulk.state, bulk.good_count, bulk.bad_count, bulk.duplicate_count) == (BulkState.CHECKED, 3, 1, 1)


def test_reading_a_file_again_changes_nothing():
    bulk = a_bulk()
    read_bulk(bulk_id=bulk.pk, generation=1)
    assert BulkLine.objects.count() == 3


@pytest.mark.parametrize("content", [csv_of(), xlsx_of()[:-90]])
def test_a_file_that_cannot_be_read_is_refused_and_can_be_replaced(content):
    bulk = a_bulk(content)
    assert bulk.state == BulkState.REFUSED
    assert bulk.refusal in {"no_lines", "not_xlsx"}
    assert not BulkLine.objects.exists()
    assert not BulkUpload.objects.exists()
    send_again(bulk, THREE)
    read_bulk(bulk_id=bulk.pk, generation=2)
    bulk.refresh_from_db()
    assert (bulk.state, bulk.good_count, bulk.refusal) == (BulkState.CHECKED, 3, "")


def test_another_file_takes_the_place_of_the_first_and_of_its_lines():
    bulk = a_bulk(MIXED)
    send_again(bulk, THREE)
    read_bulk(bulk_id=bulk.pk, generation=1)  # a worker that slept
    assert not BulkLine.objects.exists()
    read_bulk(bulk_id=bulk.pk, generation=2)
    assert BulkLine.objects.count() == 3


@pytest.mark.parametrize("content", [b"", b"%PDF-1.7", b"\xd0\xcf\x11\xe0\xa1\xb1"])
def test_what_is_no_list_at_sight_is_not_even_kept(content):
    with pytest.raises(BulkFileRefused):
        a_bulk(content)
    assert not BulkOrder.objects.exists()
    bulk = a_bulk()
    with pytest.raises(BulkFileRefused):
        send_again(bulk, content)
    bulk.refresh_from_db()
    assert (bulk.state, bulk.generation, BulkLine.objects.count()) == (BulkState.CHECKED, 1, 3)


def test_only_a_buyer_of_the_organisation_may_send_a_file():
    with pytest.raises(OrderingNotOpen):
        a_bulk(organisation_id=cse_of(a_buyer()))
    unverified = a_buyer(verified=False)
    with pytest.raises(OrderingNotOpen):
        a_bulk(by=unverified)
    assert not BulkOrder.objects.exists()


def test_a_product_off_sale_is_refused():
    with pytest.raises(ProductUnavailable):
        a_bulk(product=make_product(is_active=False))
    assert not BulkOrder.objects.exists()


def test_another_buyer_cannot_touch_it():
    bulk, other = a_bulk(), a_buyer()
    with pytest.raises(BulkNotFound):
        send_again(bulk, THREE, buyer_id=other.pk)
    with pytest.raises(BulkNotFound):
        place(bulk, buyer_id=other.pk)
    assert not Order.objects.exists()


# The order


def test_the_good_lines_become_one_order_with_a_line_per_face_value():  # S0.5
    bulk = a_bulk()
    discount(bulk)
    order = place(bulk)
    assert [(line.face_minor, line.quantity, line.price_minor) for line in order.lines.all()] == [
        (2000, 1, 1900),
        (5000, 2, 9500),
    ]
    assert (order.state, order.face_minor, order.total_minor) == (OrderState.AWAITING_PAYMENT, 12_000, 11_400)
    assert order.organisation_id == bulk.organisation_id
    bulk.refresh_from_db()
    assert bulk.state == BulkState.ORDERED


def test_placing_again_gives_the_same_order():
    bulk = a_bulk()
    assert place(bulk) == place(bulk)
    assert Order.objects.count() == 1


def test_the_cart_and_its_limits_are_left_alone():
    bulk = a_bulk(csv_of(*(row(n) for n in range(60))), product=make_product(max_quantity=2))
    discount(bulk, monthly_ceiling_minor=1000)
    order = place(bulk)
    assert order.lines.get().quantity == 60
    assert bought_this_month(bulk.buyer_id, [bulk.product_id], at=timezone.now()) == {}


REFUSED = {
    "bad lines without a word": ({"good_lines_only": False}, BadLinesLeft),
    "repeated lines without a word": ({"duplicates_meant": False}, DuplicatesLeft),
    "another file": ({"generation": 2}, BulkChanged),
    "another price": ({"total_minor": 15_001}, PricesChanged),
    "no terms": ({"terms_id": None}, TermsNotCurrent),
    "old terms": ({"terms_id": 10**6}, TermsNotCurrent),
}


@pytest.mark.parametrize("why", REFUSED)
def test_a_refused_order_changes_nothing(why):  # S0.5
    changes, refusal = REFUSED[why]
    bulk = a_bulk(MIXED)
    with pytest.raises(refusal):
        place(bulk, **{"good_lines_only": True, "duplicates_meant": True, **changes})
    bulk.refresh_from_db()
    assert bulk.state == BulkState.CHECKED
    assert not Order.objects.exists()
    assert not OrderLine.objects.exists()
    assert place(bulk, good_lines_only=True, duplicates_meant=True).total_minor == 15_000


def test_what_changed_since_the_report_is_refused():
    bulk = a_bulk()
    Product.objects.update(min_minor=3000)
    with pytest.raises(AmountOutOfRange):
        place(bulk)
    Product.objects.update(min_minor=1000, is_active=False)
    with pytest.raises(ProductUnavailable):
        place(bulk)
    Product.objects.update(is_active=True)
    discount(bulk, rate_bp=10_000)
    with pytest.raises(TotalTooSmall):
        place(bulk)
    DiscountAgreement.objects.all().delete()
    BulkOrder.objects.get().buyer.buyer_roles.all().delete()
    with pytest.raises(OrderingNotOpen):
        place(bulk)
    assert not Order.objects.exists()


def test_a_file_without_a_good_line_cannot_be_ordered():
    bulk = a_bulk(csv_of(row(1, "1")))
    with pytest.raises(BulkNotOpen):
        place(bulk, good_lines_only=True)
    assert not Order.objects.exists()


def test_a_file_being_read_cannot_be_ordered():
    bulk = a_bulk(read=False)
    with pytest.raises(BulkChanged):
        place(bulk, total_minor=12_000)
    assert not Order.objects.exists()


def test_an_ordered_file_cannot_be_replaced():
    bulk = a_bulk()
    place(bulk)
    with pytest.raises(BulkNotOpen):
        send_again(bulk, THREE)
    assert BulkLine.objects.count() == 3


# The payment


def test_a_buyer_pays_without_being_a_member_and_not_once_the_role_is_gone():  # S0.5
    order = place(a_bulk())
    assert start_payment(order_id=order.pk, customer_id=order.customer_id, at=timezone.now())
    second = place(a_bulk())
    second.customer.buyer_roles.all().delete()
    with pytest.raises(OrderingNotOpen):
        start_payment(order_id=second.pk, customer_id=second.customer_id, at=timezone.now())
    assert not Payment.objects.filter(order=second).exists()


def test_paid_it_has_one_intent_for_each_good_line_in_the_order_of_the_file():
    order = a_paid_bulk()
    assert order.state == OrderState.VALIDATED
    intents = IssueIntent.objects.filter(batch=f"bulk:{order.pk}").order_by("rank")
    assert list(intents.values_list("rank", "face_minor")) == [(0, 5000), (1, 2000), (2, 5000)]
    assert {intent.holder_id for intent in intents} == {order.customer_id}


def test_a_grouped_order_earns_its_buyer_no_points():
    a_paid_bulk()
    assert not Purchase.objects.exists()


def test_one_invoice_names_the_organisation_and_has_a_line_per_face_value():  # S0.5
    order = a_paid_bulk()
    invoice = issue_invoice(order_id=order.pk, at=timezone.now())
    assert invoice.figures["buyer"]["name"] == order.organisation.name
    assert invoice.figures["buyer"]["address"][0] == "Line Achard"
    assert [line["quantity"] for line in invoice.figures["lines"]] == [1, 2]
    assert Invoice.objects.count() == 1


@pytest.mark.parametrize("end", ["cancelled", "expired"])
def test_an_order_that_ends_unpaid_leaves_the_file_to_be_ordered_again(end):
    bulk = a_bulk()
    order, later = place(bulk), timezone.now() + timedelta(days=2)
    if end == "cancelled":
        cancel_order(order_id=order.pk, customer_id=order.customer_id, at=timezone.now())
    else:
        assert expire_order(order_id=order.pk, at=later)
    bulk.refresh_from_db()
    assert bulk.state == BulkState.CHECKED
    assert place(bulk) != order
    assert not Order.objects.filter(state=OrderState.CART).exists()


def late_money(order):
    payment = Payment.objects.filter(order=order).latest("pk")
    bank_says_paid(payment)
    pay_order(payment_id=payment.pk, evidence=paid_evidence(payment), at=timezone.now())
    order.refresh_from_db()


def test_late_money_pays_an_expired_order_of_the_same_file():
    bulk = a_bulk()
    order = place(bulk)
    a_payment(order)
    assert expire_order(order_id=order.pk, at=timezone.now() + timedelta(days=2))
    late_money(order)
    bulk.refresh_from_db()
    assert (order.state, bulk.state) == (OrderState.VALIDATED, BulkState.ORDERED)


@pytest.mark.parametrize("since", ["another file", "another order", "wiped"])
def test_late_money_goes_back_when_its_lines_are_others_by_then(since):
    bulk = a_bulk()
    order = place(bulk)
    a_payment(order)
    expire_order(order_id=order.pk, at=timezone.now() + timedelta(days=2))
    if since == "another file":
        send_again(bulk, THREE)
        read_bulk(bulk_id=bulk.pk, generation=2)
    elif since == "another order":
        bulk.refresh_from_db()
        place(bulk)
    else:
        wipe_old_files(at=timezone.now() + timedelta(days=31))
    late_money(order)
    assert order.state == OrderState.EXPIRED
    assert Refund.objects.get().undue
    assert not IssueIntent.objects.filter(batch=f"bulk:{order.pk}").exists()


# Taking it back


def test_a_refund_takes_back_every_card_and_closes_the_file():
    order = a_paid_bulk()
    issue(order)
    refund_order(order_id=order.pk, reason="erreur", at=timezone.now())
    assert set(Card.objects.values_list("state", flat=True)) == {"void"}
    assert BulkOrder.objects.get().state == BulkState.CLOSED
    assert not BulkLine.objects.exclude(sealed="").exists()
    assert audit(at=timezone.now()).findings == ()


def _refund(order: Order) -> None:
    refund_order(order_id=order.pk, reason="erreur", at=timezone.now())


def _contest(order: Order) -> None:
    _bank_says(order, PspStatus.DISPUTED)


def _win(order: Order) -> None:
    _bank_says(order, PspStatus.SUCCEEDED)


def _lose(order: Order) -> None:
    _bank_says(order, PspStatus.CHARGED_BACK)


def _bank_says(order: Order, status: PspStatus) -> None:
    payment = Payment.objects.get(order=order)
    evidence = PspState(payment.psp_id, status, payment.amount_minor, "EUR")
    apply_state(payment_id=payment.pk, evidence=evidence, at=timezone.now())


@pytest.mark.parametrize("acts", [[_refund], [_contest, _win], [_contest, _lose]])
def test_taking_back_or_contesting_many_cards_takes_hardly_more_statements(acts):
    """With what comes of it afterwards: the refund, its credit note, the mails."""

    def queries(count: int) -> int:
        order = a_delivered_bulk(csv_of(*(row(n) for n in range(count))))
        run_jobs()
        with CaptureQueriesContext(connection) as seen:
            for act in acts:
                act(order)
            run_jobs()
        return len(seen)

    queries(1)  # what is remembered afterwards is looked up here
    few, many = queries(10), queries(100)
    # SQLite takes what is inserted in pieces, see tests/wallet/test_batches.py.
    assert many - few <= (0 if connection.vendor == "postgresql" else 3)
    assert not ClaimLink.objects.filter(state="open", card__state="void").exists()


# Forgetting


def test_what_was_never_ordered_is_wiped_after_thirty_days():
    bulk = a_bulk()
    assert wipe_old_files(at=timezone.now() + timedelta(days=29)) == 0
    assert wipe_old_files(at=timezone.now() + timedelta(days=30, hours=1)) == 1
    bulk.refresh_from_db()
    assert bulk.state == BulkState.CLOSED
    assert not BulkLine.objects.exclude(sealed="").exists()
    assert wipe_old_files(at=timezone.now() + timedelta(days=31)) == 0


def test_a_file_that_is_being_paid_is_not_wiped():
    bulk = a_bulk()
    place(bulk)
    assert wipe_old_files(at=timezone.now() + timedelta(days=31)) == 0
    assert BulkLine.objects.exclude(sealed="").count() == 3


def test_a_file_that_no_worker_ever_read_is_wiped_too():
    a_bulk(read=False)
    wipe_old_files(at=timezone.now() + timedelta(days=31))
    assert not BulkUpload.objects.exists()
