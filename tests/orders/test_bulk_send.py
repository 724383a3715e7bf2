"""Each beneficiary of a paid grouped order gets a link, once, whatever interrupts (S0.5)."""

import json
import os
from datetime import timedelta
from uuid import uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from kernel.seal import unseal_text
from ledger.services.audit import audit
from orders.errors import BulkNotFound, LinkNotResendable
from orders.models import BulkLine, BulkOrder, Order
from orders.selectors_bulk import bulk_progress
from orders.services import bulk_send
from orders.services.bulk_send import resend_link, send_links
from orders.services.bulk_tidy import wipe_old_files
from orders.services.dispute import note_dispute
from orders.services.pay import pay_order
from orders.services.refund import refund_order
from orders.states import BulkState, OrderState, PaymentState
from outbox.models import Job, Mail
from outbox.services.mail import bound_to
from tests.orders.bulk_files import csv_of, row
from tests.orders.bulks import a_bulk, a_buyer, a_delivered_bulk, a_paid_bulk, deliver, issue, pay, place
from tests.orders.factories import make_member
from tests.orders.paying import paid_evidence
from tests.support import run_jobs
from wallet.errors import CardAlreadyUsed
from wallet.models import Card, CardEvent, ClaimLink, IssueIntent
from wallet.selectors import usable_cards, wallet_overview
from wallet.services import issue as issue_module
from wallet.services.block import block_card
from wallet.services.claim import claim_card
from wallet.services.issue import issue_chunk
from wallet.services.send import send_card
from wallet.services.spend import spend_card
from wallet.states import LinkState

pytestmark = pytest.mark.django_db


def recipients() -> list[tuple[str, int, str]]:
    links = ClaimLink.objects.filter(state=LinkState.OPEN).order_by("card__intent__rank")
    return list(links.values_list("recipient", "amount_minor", "message"))


def token_of(link: ClaimLink) -> str:
    """The token in the mail, which alone has it."""
    mail = Mail.objects.get(event="wallet.card_sent", ref__startswith=f"{link.pk}:")
    return json.loads(unseal_text(mail.sealed, bound_to=bound_to(mail.pk)))["path"].strip("/").split("/")[-1]


def test_every_person_gets_a_link_to_a_card_of_their_amount():  # S0.5
    order = a_delivered_bulk()
    assert recipients() == [
        ("p1@essai.example", 5000, "Bonne année"),
        ("p2@essai.example", 2000, "Bravo"),
        ("p3@essai.example", 5000, "Bonne année"),
    ]
    bulk = BulkOrder.objects.get()
    assert (bulk.state, bulk.delivered_at is not None) == (BulkState.SENT, True)
    mails = Mail.objects.filter(event="wallet.card_sent")
    assert mails.count() == 3
    assert mails.first().context["sender_name"] == f"Line Achard ({order.organisation.name})"
    assert Mail.objects.filter(event="links_sent", recipient=order.customer.email).count() == 1


def test_who_got_a_link_is_forgotten_in_the_file():
    a_delivered_bulk()
    assert not BulkLine.objects.exclude(sealed="").exists()


def test_from_the_payment_on_jobs_do_it_all():  # S0.5
    order = place(a_bulk())
    pay(order)
    Job.objects.filter(kind="wallet.issue_batch").update(due_at=timezone.now())
    run_jobs()
    order.refresh_from_db()
    assert order.state == OrderState.FULFILLED
    assert BulkOrder.objects.get().state == BulkState.SENT
    assert Mail.objects.filter(event="wallet.card_sent", sent_at__isnull=False).count() == 3
    assert not Mail.objects.filter(event="cards_available").exists()
    assert not Job.objects.filter(kind="wallet.draw_cards").exists()
    assert not Job.objects.exclude(state__in=["done", "waiting"]).exists()


def test_the_daily_limit_of_links_is_not_for_a_paid_order(settings):
    settings.CLAIM_LINKS_PER_DAY = 1
    a_delivered_bulk()
    assert len(recipients()) == 3


def test_a_received_card_is_in_its_receivers_wallet_and_never_in_the_buyers():
    order = a_delivered_bulk()
    receiver, now = make_member(), timezone.now()
    assert usable_cards(order.customer_id, at=now) == []
    assert wallet_overview(order.customer_id, at=now).usable_count == 0
    link = ClaimLink.objects.get(recipient="p2@essai.example")
    claim_card(token=token_of(link), user_id=receiver.pk, at=now)
    [card] = usable_cards(receiver.pk, at=now)
    assert card.balance_minor == 2000
    assert not Mail.objects.filter(event="wallet.card_received").exists()
    assert bulk_progress(order.bulk_id, at=now).received == 1
    assert audit(at=now).findings == ()


# Interrupted


def test_cards_are_issued_some_at_a_time_and_go_on_where_they_stopped(monkeypatch):  # S0.5
    monkeypatch.setattr(issue_module, "CARDS_AT_ONCE", 2)
    order = a_paid_bulk(csv_of(*(row(n) for n in range(5))))
    batch, now = f"bulk:{order.pk}", timezone.now()
    assert issue_chunk(batch=batch, after=-1, at=now) == 1
    assert Card.objects.count() == 2  # and here the worker was killed
    issue(order)
    assert Card.objects.count() == 5
    issue(order)
    assert Card.objects.count() == 5
    assert set(IssueIntent.objects.values_list("state", flat=True)) == {"issued"}


def test_links_leave_some_at_a_time_and_go_on_where_they_stopped(monkeypatch):  # S0.5
    monkeypatch.setattr(bulk_send, "LINKS_AT_ONCE", 2)
    order = a_paid_bulk(csv_of(*(row(n) for n in range(5))))
    issue(order)
    assert send_links(order_id=order.pk, after=-1, at=timezone.now()).sent == 2  # killed here
    assert ClaimLink.objects.count() == 2
    assert deliver(order)
    assert deliver(order)
    assert ClaimLink.objects.count() == Mail.objects.filter(event="wallet.card_sent").count() == 5
    assert Mail.objects.filter(event="links_sent").count() == 1


def test_a_step_that_fails_leaves_neither_links_nor_mails(monkeypatch):
    order = a_paid_bulk()
    issue(order)

    def killed(*args, **kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr(bulk_send, "_note", killed)
    with pytest.raises(KeyboardInterrupt):
        send_links(order_id=order.pk, after=-1, at=timezone.now())
    monkeypatch.undo()
    assert not ClaimLink.objects.exists()
    assert not Mail.objects.filter(event="wallet.card_sent").exists()
    assert deliver(order)
    assert len(recipients()) == 3


def test_links_leave_for_the_cards_that_are_there_and_the_others_wait(monkeypatch):
    monkeypatch.setattr(issue_module, "CARDS_AT_ONCE", 2)
    order = a_paid_bulk()
    issue_chunk(batch=f"bulk:{order.pk}", after=-1, at=timezone.now())
    assert not deliver(order)
    assert len(recipients()) == 2
    assert BulkOrder.objects.get().state == BulkState.ORDERED
    issue(order)
    assert deliver(order)
    assert len(recipients()) == 3


def test_a_card_that_the_buyer_spent_or_sent_by_hand_is_told_and_stops_nobody():
    order = a_paid_bulk()
    first, second, _ = issue(order)
    now = timezone.now()
    spend_card(card_id=first.pk, key=uuid4(), amount_minor=5000, shop="caisse", at=now)
    facts = {"recipient": "x@essai.example", "message": "", "language": "fr"}
    send_card(card_id=second.pk, sender_id=order.customer_id, at=now, **facts)
    assert deliver(order)
    progress = bulk_progress(order.bulk_id, at=now)
    assert (progress.total, progress.sent, progress.skipped) == (3, 2, 1)
    assert [who for who, *_ in recipients()] == ["x@essai.example", "p3@essai.example"]


# Disputes, refunds


def test_nothing_leaves_while_the_payment_is_contested_and_all_does_once_it_is_won():
    order = a_paid_bulk()
    issue(order)
    payment = order.payments.get()
    note_dispute(payment_id=payment.pk, target=PaymentState.DISPUTED, at=timezone.now())
    assert not deliver(order)
    assert recipients() == []
    pay_order(payment_id=payment.pk, evidence=paid_evidence(payment), at=timezone.now())
    assert deliver(order)
    assert len(recipients()) == 3


def test_a_refund_revokes_the_links_that_wait():  # S0.5
    order = a_delivered_bulk()
    refund_order(order_id=order.pk, reason="erreur", at=timezone.now())
    assert recipients() == []
    assert set(Card.objects.values_list("state", flat=True)) == {"void"}
    assert not Job.objects.filter(state="parked").exists()
    assert audit(at=timezone.now()).findings == ()


def test_no_refund_once_somebody_received_a_card():  # S0.5
    order = a_delivered_bulk()
    claim_card(token=token_of(ClaimLink.objects.first()), user_id=make_member().pk, at=timezone.now())
    with pytest.raises(CardAlreadyUsed):
        refund_order(order_id=order.pk, reason="erreur", at=timezone.now())
    assert Order.objects.get().state != OrderState.REFUND_PENDING
    assert len(recipients()) == 2


def test_an_order_refunded_halfway_sends_no_more(monkeypatch):
    monkeypatch.setattr(bulk_send, "LINKS_AT_ONCE", 1)
    order = a_paid_bulk()
    issue(order)
    send_links(order_id=order.pk, after=-1, at=timezone.now())
    refund_order(order_id=order.pk, reason="erreur", at=timezone.now())
    assert deliver(order)  # nothing to wait for
    assert recipients() == []
    assert BulkOrder.objects.get().state == BulkState.CLOSED
    assert not BulkLine.objects.exclude(sealed="").exists()


# Again


def resend(order: Order, number: int = 2, *, at=None, buyer_id=None) -> None:
    resend_link(
        bulk_id=order.bulk_id, buyer_id=buyer_id or order.customer_id, number=number, at=at or timezone.now()
    )


def test_a_link_is_sent_again_to_the_same_address_and_the_old_one_is_dead():
    order = a_delivered_bulk()
    old = ClaimLink.objects.get(recipient="p1@essai.example")
    resend(order, at=timezone.now() + timedelta(minutes=6))
    old.refresh_from_db()
    new = ClaimLink.objects.get(recipient="p1@essai.example", state=LinkState.OPEN)
    assert old.state == LinkState.REVOKED
    assert (new.card_id, new.message) == (old.card_id, "Bonne année")
    assert BulkLine.objects.get(number=2).link_id == new.pk


def test_a_card_that_nobody_fetched_is_the_buyers_again_and_can_be_sent_again(settings):  # S0.5
    order = a_delivered_bulk()
    later = timezone.now() + timedelta(days=settings.CLAIM_LINK_DAYS, hours=1)
    assert bulk_progress(order.bulk_id, at=later).expired == 3
    assert Card.objects.filter(holder_id=order.customer_id).count() == 3
    resend(order, at=later)
    assert bulk_progress(order.bulk_id, at=later).expired == 2


def test_a_link_that_cannot_be_sent_again_stays_as_it_is():
    order = a_delivered_bulk()
    with pytest.raises(LinkNotResendable):  # it left just now
        resend(order)
    link = ClaimLink.objects.get(recipient="p1@essai.example")
    token, later = token_of(link), timezone.now() + timedelta(minutes=6)
    block_card(
        card_id=ClaimLink.objects.get(recipient="p2@essai.example").card_id,
        actor_id=order.customer_id,
        at=later,
    )
    with pytest.raises(LinkNotResendable):
        resend(order, 3, at=later)
    claim_card(token=token, user_id=make_member().pk, at=later)
    with pytest.raises(LinkNotResendable):
        resend(order, at=later + timedelta(hours=1))
    with pytest.raises(BulkNotFound):
        resend(order, 99, at=later)
    with pytest.raises(BulkNotFound):
        resend(order, buyer_id=a_buyer().pk, at=later)
    assert ClaimLink.objects.count() == 3
    assert len(recipients()) == 2


def test_the_file_of_skipped_people_is_wiped_after_thirty_days():
    order = a_paid_bulk()
    first, *_ = issue(order)
    spend_card(card_id=first.pk, key=uuid4(), amount_minor=5000, shop="caisse", at=timezone.now())
    deliver(order)
    assert BulkLine.objects.exclude(sealed="").count() == 1
    wipe_old_files(at=timezone.now() + timedelta(days=31))
    assert not BulkLine.objects.exclude(sealed="").exists()
    assert BulkOrder.objects.get().state == BulkState.SENT


# Many


def test_fifty_links_cost_as_many_queries_as_ten():
    counted = []
    for size in (10, 50):
        order = a_paid_bulk(csv_of(*(row(n) for n in range(size))))
        issue(order)
        with CaptureQueriesContext(connection) as queries:
            send_links(order_id=order.pk, after=-1, at=timezone.now())
        counted.append(len(queries))
    assert counted[0] == counted[1]


def test_a_whole_list_from_the_file_to_the_last_link():  # issue 5: LARGE=1 for 10 000 lines
    size = 10_000 if os.environ.get("LARGE") else 300
    order = a_delivered_bulk(csv_of(*(row(n, f"{20 + n % 5 * 10}") for n in range(size))))
    assert ClaimLink.objects.filter(state=LinkState.OPEN).count() == size
    assert CardEvent.objects.filter(kind="sent").count() == size
    given = ClaimLink.objects.values_list("recipient", "amount_minor")
    assert dict(given) == {f"p{n}@essai.example": (20 + n % 5 * 10) * 100 for n in range(size)}
    assert order.lines.count() == 5
    assert audit(at=timezone.now()).findings == ()
