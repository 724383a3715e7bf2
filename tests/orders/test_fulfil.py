"""From paid to Activé, the papers, and the sweeps."""

from datetime import timedelta
from io import BytesIO

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pypdf import PdfReader

from kernel.calendar import local_date
from orders.models import Invoice, Order, OrderEvent, Payment, Refund
from orders.services.fulfil import alarm_overdue, card_was_issued
from orders.services.invoice import issue_credit_note, issue_invoice, make_file
from orders.services.pay import pay_order
from orders.services.refund import request_refund
from orders.states import OrderState, PaymentState
from orders.tasks import expire_unpaid
from outbox.models import Job, Mail
from tests.orders.factories import make_order
from tests.orders.paying import paid_evidence
from tests.support import run_jobs
from wallet.models import Card, IssueIntent
from wallet.services.issue import issue_batch


def confirm(order):
    """The bank says that it holds the money."""
    now = timezone.now()
    payment = Payment.objects.create(
        order=order,
        reference=f"MB{order.pk:06d}-000001",
        gateway="bank",
        psp_id=f"psp-{order.pk}",
        amount_minor=order.total_minor,
        currency="EUR",
        state=PaymentState.REDIRECTED,
        created_at=now,
        expires_at=now + timedelta(hours=1),
    )
    pay_order(payment_id=payment.pk, evidence=paid_evidence(payment), at=now)
    order.refresh_from_db()
    return order


def paid(member, shop, *lines):
    return confirm(make_order(member, shop, *lines))


def refund(order, amount):
    payment = order.payments.get()
    return Refund.objects.create(payment=payment, amount_minor=amount, requested_at=timezone.now())


def test_a_paid_order_becomes_active_with_exactly_its_cards(member, shop, terms):  # S3.7
    order = paid(member, shop, (3300, 1), (4400, 2))

    run_jobs(until=timedelta(hours=5))

    order.refresh_from_db()
    assert order.state == OrderState.FULFILLED
    assert order.fulfilled_at is not None
    cards = Card.objects.filter(holder=member)
    assert sorted(card.face_minor for card in cards) == [3300, 4400, 4400]
    assert {card.label for card in cards} == {order.number}
    steps = list(OrderEvent.objects.filter(order=order).values_list("to_state", flat=True))
    assert steps == ["awaiting_payment", "validated", "fulfilled"]


def test_mails_leave_at_valide_and_when_the_cards_are_there(member, shop, terms):  # S3.7 S3.11
    order = make_order(member, shop, (1000, 1), (2000, 1), (3000, 1), (4000, 1))
    assert not Mail.objects.exists()  # not before Validé

    confirm(order)
    run_jobs(until=timedelta(hours=5))

    assert list(Mail.objects.order_by("queued_at").values_list("event", flat=True)) == [
        "order_validated",
        "cards_available",
    ]


def test_the_confirmation_carries_lines_discount_and_price(member, shop, terms, mailoutbox, settings):  # S3.7
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    order = paid(member, shop, (1000, 1), (2000, 1), (3000, 1), (4000, 1))

    run_jobs(until=timedelta(minutes=1))

    mail = next(mail for mail in mailoutbox if order.number in mail.subject)
    for body in (mail.body, str(mail.alternatives[0].content)):
        text = body.replace("\u00a0", " ").replace("\u202f", " ")
        assert f"Vous venez de passer une commande ({order.number})" in text
        assert "Nous vous confirmons que celle-ci a été validée." in text
        for words in ("1 × 10,00 €", "1 × 40,00 €", "5 %", "9,50 €", "95,00 €"):
            assert words in text


def test_part_of_the_cards_is_not_the_whole_order(member, shop, terms):  # S3.7
    order = paid(member, shop, (3300, 2))
    batch = f"order:{order.pk}"
    issue_batch(batch=batch, at=timezone.now())
    first, second = IssueIntent.objects.filter(batch=batch).order_by("rank")
    IssueIntent.objects.filter(pk=second.pk).update(state="unknown", issued_at=None)

    card_was_issued(intent_id=first.pk, at=timezone.now())
    order.refresh_from_db()
    assert order.state == OrderState.FULFILLING

    IssueIntent.objects.filter(pk=second.pk).update(state="issued", issued_at=timezone.now())
    for _ in range(2):
        card_was_issued(intent_id=second.pk, at=timezone.now())
    order.refresh_from_db()
    assert order.state == OrderState.FULFILLED
    assert Mail.objects.filter(event="cards_available").count() == 1


def test_cards_past_their_time_alarm_staff_once_a_day(member, shop, terms):  # S3.11
    order = paid(member, shop)
    due = order.cards_expected_until

    assert alarm_overdue(at=due - timedelta(seconds=1)) == 0
    assert not Mail.objects.filter(event__startswith="alarm").exists()
    for _ in range(3):
        alarm_overdue(at=due + timedelta(seconds=1))

    alarm = Mail.objects.get(event="alarm.cards_overdue")
    assert order.number in alarm.ref


def test_the_sweep_expires_what_nobody_paid(member, shop, terms, settings):
    fresh = make_order(member, shop)
    old = make_order(member, shop, (2000, 1))
    limit = timedelta(seconds=settings.ORDER_EXPIRES_AFTER)
    Order.objects.filter(pk=old.pk).update(placed_at=timezone.now() - limit - timedelta(minutes=1))

    expire_unpaid("")

    states = dict(Order.objects.exclude(state=OrderState.CART).values_list("pk", "state"))
    assert states == {fresh.pk: OrderState.AWAITING_PAYMENT, old.pk: OrderState.EXPIRED}


def test_invoices_are_numbered_without_gaps_and_once_each(member, shop, terms):  # S3.8
    orders = [paid(member, shop) for _ in range(3)]
    year = local_date(timezone.now()).year

    numbers = [issue_invoice(order_id=order.pk, at=timezone.now()).number for order in orders]
    again = [issue_invoice(order_id=order.pk, at=timezone.now()).number for order in orders]

    assert numbers == again == [f"FAC-{year}-{n:04d}" for n in (1, 2, 3)]


def test_the_invoice_freezes_its_figures(member, shop, terms):  # S3.8
    order = paid(member, shop, (3300, 1), (4400, 2))
    invoice = issue_invoice(order_id=order.pk, at=timezone.now())
    shop.name = "Autre nom"
    shop.save()

    assert sum(line["price_minor"] for line in invoice.figures["lines"]) == 11495
    assert invoice.figures["lines"][0]["description"] == "e-Carte Encore plus d'économies"
    assert invoice.figures["lines"][0]["vat_treatment"] == "mpv"  # S3.11
    assert invoice.figures["buyer"]["name"] == "Camille Dubreuil"


@pytest.fixture
def visit(member):
    client = Client()
    client.force_login(member)
    return client


def test_the_customer_downloads_the_invoice_as_pdf(visit, member, shop, terms):  # S3.8
    order = paid(member, shop, (3300, 1), (4400, 2))
    make_file(issue_invoice(order_id=order.pk, at=timezone.now()))

    response = visit.get(reverse("orders:invoice", args=[order.number]))

    assert response["Content-Type"] == "application/pdf"
    assert response["Cache-Control"] == "private, no-store"
    text = "".join(page.extract_text() for page in PdfReader(BytesIO(response.content)).pages)
    plain = text.replace("\u00a0", " ").replace("\u202f", " ")
    for words in (Invoice.objects.get().number, order.number, "114,95 €"):
        assert words in plain
    assert Client().get(reverse("orders:invoice", args=[order.number])).status_code == 302


def test_a_whole_refund_is_credited_line_by_line(member, shop, terms):
    order = paid(member, shop, (3300, 1), (4400, 2))
    invoice = issue_invoice(order_id=order.pk, at=timezone.now())
    back = refund(order, order.total_minor)

    for _ in range(2):
        note = issue_credit_note(refund_id=back.pk, at=timezone.now())

    assert note.number == f"AVO-{note.issued_on.year}-0001"
    assert note.figures["lines"] == invoice.figures["lines"]
    assert note.figures["preceding"]["number"] == invoice.number
    make_file(note)


def test_a_part_refund_is_credited_to_the_cent(member, shop, terms):
    order = paid(member, shop, (3300, 1), (4400, 2))

    note = issue_credit_note(refund_id=refund(order, 1234).pk, at=timezone.now())

    assert [line["price_minor"] for line in note.figures["lines"]] == [1234]
    assert Invoice.objects.filter(kind=Invoice.Kind.INVOICE).count() == 1
    make_file(note)


def test_a_refunded_order_ends_with_its_credit_note(visit, member, shop, terms):
    order = paid(member, shop)
    run_jobs(until=timedelta(minutes=1))
    request_refund(order_id=order.pk, reason="essai", at=timezone.now())
    order.refresh_from_db()
    assert order.state == OrderState.REFUND_PENDING

    assert (
        "Remboursement en cours" in visit.get(reverse("orders:detail", args=[order.number])).content.decode()
    )
    assert Job.objects.filter(kind="orders.run_refund").exists()
