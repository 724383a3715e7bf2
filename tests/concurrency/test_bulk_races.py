"""Several clicks and several workers on one grouped order (S0.5). Needs PostgreSQL."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest
from django.db import IntegrityError, connection
from django.utils import timezone

from ledger.services.audit import audit
from orders.models import BulkOrder, Order
from orders.services import bulk_place
from orders.services.bulk_upload import read_bulk
from orders.services.refund import refund_order
from orders.states import BulkState
from outbox.models import Mail
from tests.orders.bulk_files import csv_of, row
from tests.orders.bulks import a_bulk, a_paid_bulk, deliver, issue, place
from tests.orders.factories import make_terms
from wallet.models import Card, ClaimLink
from wallet.states import LinkState

pytestmark = [pytest.mark.postgres, pytest.mark.django_db(transaction=True)]
THIRTY = csv_of(*(row(n) for n in range(30)))


def at_once(*calls: Callable[[], Any]) -> list[Any]:
    """What each call gave, or the database refused."""
    start = Barrier(len(calls))

    def run(call: Callable[[], Any]) -> Any:
        start.wait()
        try:
            return call()
        except IntegrityError as refusal:
            return refusal
        finally:
            connection.close()

    with ThreadPoolExecutor(len(calls)) as threads:
        return list(threads.map(run, calls))


def test_eight_clicks_place_one_order():  # S0.5
    make_terms()
    bulk = a_bulk(THIRTY)
    orders = at_once(*[lambda: place(bulk).pk] * 8)
    assert set(orders) == {Order.objects.get().pk}


def test_without_the_lock_two_clicks_would_place_two(monkeypatch):
    make_terms()
    bulk = a_bulk(THIRTY)

    def unlocked(bulk_id: int, *, buyer_id: int | None = None) -> BulkOrder:
        return BulkOrder.objects.get(pk=bulk_id)

    def slow(bulk_id: int) -> None:
        time.sleep(0.2)

    monkeypatch.setattr(bulk_place, "lock_bulk", unlocked)
    monkeypatch.setattr(bulk_place, "live_order_of", slow)
    outcomes = at_once(*[lambda: place(bulk).pk] * 8)
    assert any(isinstance(one, IntegrityError) for one in outcomes)  # the index has the last word
    assert Order.objects.count() == 1


def test_eight_workers_read_a_file_once():
    bulk = a_bulk(THIRTY, read=False)
    at_once(*[lambda: read_bulk(bulk_id=bulk.pk, generation=1)] * 8)
    bulk.refresh_from_db()
    assert (bulk.state, bulk.lines.count()) == (BulkState.CHECKED, 30)


def test_eight_workers_issue_each_card_and_send_each_link_once():  # S0.5
    order = a_paid_bulk(THIRTY)
    at_once(*[lambda: len(issue(order))] * 8)
    assert Card.objects.count() == 30
    at_once(*[lambda: deliver(order)] * 8)
    assert ClaimLink.objects.filter(state=LinkState.OPEN).count() == 30
    assert ClaimLink.objects.count() == Mail.objects.filter(event="wallet.card_sent").count() == 30
    assert Mail.objects.filter(event="links_sent").count() == 1
    assert audit(at=timezone.now()).findings == ()


def test_a_refund_beside_the_delivery_leaves_no_link_that_works():  # S0.5
    order = a_paid_bulk(THIRTY)
    issue(order)
    at_once(
        *[lambda: deliver(order)] * 4,
        lambda: refund_order(order_id=order.pk, reason="erreur", at=timezone.now()).pk,
    )
    assert not ClaimLink.objects.filter(state=LinkState.OPEN).exists()
    assert set(Card.objects.values_list("state", flat=True)) == {"void"}
    assert audit(at=timezone.now()).findings == ()
