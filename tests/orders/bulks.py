"""Grouped orders on their way: a buyer, a file, an order, a payment."""

from datetime import datetime
from typing import Any

from django.utils import timezone

from accounts.models import User
from kernel.calendar import local_date
from orders.models import BulkOrder, Order, Product, TermsVersion
from orders.selectors_bulk import bulk_totals
from orders.services.bulk_place import place_bulk
from orders.services.bulk_send import end_delivery, send_links
from orders.services.bulk_upload import read_bulk, replace_file, start_bulk
from orders.services.pay import pay_order
from tests.factories import buyer
from tests.orders.bulk_files import csv_of, row
from tests.orders.factories import make_organisation, make_product, make_terms
from tests.orders.paying import a_payment, bank_says_paid, paid_evidence
from wallet.models import Card
from wallet.services.issue import issue_batch

THREE = csv_of(row(1, "50"), row(2, "20", "Bravo"), row(3, "50"))


def a_buyer(**fields: Any) -> User:
    return buyer(make_organisation(), first_name="Line", last_name="Achard", **fields)


def cse_of(user: User) -> int:
    return user.buyer_roles.get().organisation_id


def a_bulk(
    content: bytes = THREE,
    *,
    by: User | None = None,
    product: Product | None = None,
    read: bool = True,
    **changes: Any,
) -> BulkOrder:
    """A file that came in, and that a worker has read unless told otherwise."""
    user = by or a_buyer()
    facts = {
        "buyer_id": user.pk,
        "organisation_id": cse_of(user),
        "product_id": (product or make_product()).pk,
        "message": "Bonne année",
        "filename": "liste.csv",
        "content": content,
        "at": timezone.now(),
    }
    bulk = start_bulk(**{**facts, **changes})
    if read:
        read_bulk(bulk_id=bulk.pk, generation=1)
        bulk.refresh_from_db()
    return bulk


def send_again(bulk: BulkOrder, content: bytes, **changes: Any) -> None:
    """Another file in place of the first."""
    facts = {"buyer_id": bulk.buyer_id, "message": "", "filename": "b.csv", "at": timezone.now()}
    replace_file(**{"bulk_id": bulk.pk, "content": content, **facts, **changes})


def place(bulk: BulkOrder, **changes: Any) -> Order:
    """Order it as its page shows it."""
    at = changes.pop("at", None) or timezone.now()
    terms = TermsVersion.objects.first() or make_terms()
    facts = {
        "bulk_id": bulk.pk,
        "buyer_id": bulk.buyer_id,
        "generation": bulk.generation,
        "total_minor": bulk_totals(bulk, on=local_date(at)).total_minor,
        "terms_id": terms.pk,
        "good_lines_only": False,
        "duplicates_meant": False,
        "at": at,
    }
    return place_bulk(**{**facts, **changes})


def pay(order: Order) -> Order:
    payment = a_payment(order)
    bank_says_paid(payment)
    evidence = paid_evidence(payment, currency=order.currency)
    pay_order(payment_id=payment.pk, evidence=evidence, at=timezone.now())
    order.refresh_from_db()
    return order


def a_paid_bulk(content: bytes = THREE, **changes: Any) -> Order:
    return pay(place(a_bulk(content, **changes)))


def issue(order: Order) -> list[Card]:
    """The cards in the order of the file's good lines."""
    issue_batch(batch=f"bulk:{order.pk}", at=timezone.now())
    return list(Card.objects.filter(batch=f"bulk:{order.pk}").order_by("intent__rank"))


def deliver(order: Order, *, at: datetime | None = None) -> bool:
    """All the links that can leave; whether none is left to wait for."""
    now, after = at or timezone.now(), -1
    while (step := send_links(order_id=order.pk, after=after, at=now)) is not None:
        after = step.rank
    return end_delivery(order_id=order.pk, at=now)


def a_delivered_bulk(content: bytes = THREE, **changes: Any) -> Order:
    order = a_paid_bulk(content, **changes)
    issue(order)
    assert deliver(order)
    return order
