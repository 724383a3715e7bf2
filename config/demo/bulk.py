"""Hélène orders for all of the CSE: a list that is delivered, and one that she is still correcting (S0.5)."""

import json
import uuid
from datetime import datetime, timedelta

from config.demo.history import ACCEPTED
from config.demo.people import Cast
from kernel.calendar import local_date
from kernel.seal import unseal_text
from orders.models import BulkOrder, Order, Payment, Product, TermsVersion
from orders.selectors_bulk import bulk_totals
from orders.services.batch import batch_of
from orders.services.bulk_place import place_bulk
from orders.services.bulk_send import end_delivery, send_links
from orders.services.bulk_upload import read_bulk, start_bulk
from orders.services.fulfil import card_was_issued
from orders.services.invoice import issue_invoice
from orders.services.payment import start_payment
from orders.services.settle import settle_payment
from outbox.models import Mail
from outbox.services.mail import bound_to
from sandbox.models import BankEvent
from sandbox.services.bank import submit_card, take_step
from wallet.models import ClaimLink, IssueIntent
from wallet.services.claim import claim_card
from wallet.services.issue import issue_batch

PRODUCT = "e-carte-economies"
HEADER = "email;prénom;nom;montant;message"
PEOPLE = (
    ("Alix", "Bernard", 50),
    ("Basile", "Chevalier", 50),
    ("Clara", "Dumas", 100),
    ("Driss", "Etienne", 50),
    ("Elsa", "Fournier", 100),
    ("Farid", "Garnier", 50),
    ("Gaëlle", "Humbert", 50),
    ("Hugo", "Imbert", 30),
    ("Inès", "Jacquet", 50),
    ("Jules", "Klein", 30),
    ("Katia", "Leroux", 50),
    ("Léo", "Masson", 50),
)
FETCHED = 8


def tell_bulk(cast: Cast, products: dict[str, Product], *, at: datetime) -> None:
    """Twelve cards, eight of them received; and a list with two lines to correct."""
    assert cast.buyer is not None
    product = products[PRODUCT]
    lines = [_line(first, last, str(euros)) for first, last, euros in PEOPLE]
    bulk = _sent(cast, product, "fetes.csv", lines, at=at - timedelta(days=16, hours=5))
    order = _paid(bulk, at=at - timedelta(days=16, hours=4))
    _delivered(order, at=at - timedelta(days=16, hours=1))
    for days, link in enumerate(ClaimLink.objects.filter(sender=cast.buyer).order_by("recipient")[:FETCHED]):
        claim_card(token=_token(link), user_id=None, at=at - timedelta(days=15) + timedelta(days=days))
    wrong = [*lines[:3], _line("Maud", "Nicolas", "5"), _line("Noé", "Olivier", "50"), lines[0]]
    wrong[4] = wrong[4].replace("@demo.example", "")
    _sent(cast, product, "rentree.csv", wrong, at=at - timedelta(hours=3))


def _line(first: str, last: str, euros: str) -> str:
    return f"{last.lower()}@demo.example;{first};{last};{euros};"


def _sent(cast: Cast, product: Product, name: str, lines: list[str], *, at: datetime) -> BulkOrder:
    assert cast.buyer is not None
    bulk = start_bulk(
        buyer_id=cast.buyer.pk,
        organisation_id=cast.cse.pk,
        product_id=product.pk,
        message="Belles fêtes de fin d'année !",
        filename=name,
        content="\n".join([HEADER, *lines]).encode(),
        at=at,
    )
    read_bulk(bulk_id=bulk.pk, generation=1)
    bulk.refresh_from_db()
    return bulk


def _paid(bulk: BulkOrder, *, at: datetime) -> Order:
    order = place_bulk(
        bulk_id=bulk.pk,
        buyer_id=bulk.buyer_id,
        generation=1,
        total_minor=bulk_totals(bulk, on=local_date(at)).total_minor,
        terms_id=TermsVersion.objects.get(number=1).pk,
        good_lines_only=False,
        duplicates_meant=False,
        at=at,
    )
    start_payment(order_id=order.pk, customer_id=bulk.buyer_id, at=at)
    payment = Payment.objects.get(order=order)
    session = uuid.UUID(payment.psp_id)
    submit_card(session_id=session, number=ACCEPTED, at=at + timedelta(minutes=2))
    for event in BankEvent.objects.filter(session=session).values_list("pk", flat=True):
        take_step(event_id=event)
    settle_payment(payment.pk, at + timedelta(minutes=3))
    issue_invoice(order_id=order.pk, at=at + timedelta(minutes=4))
    return order


def _delivered(order: Order, *, at: datetime) -> None:
    batch = batch_of(order)
    issue_batch(batch=batch, at=at)
    last = IssueIntent.objects.filter(batch=batch).order_by("-rank")[0]
    card_was_issued(intent_id=last.pk, at=at)
    send_links(order_id=order.pk, after=-1, at=at)
    end_delivery(order_id=order.pk, at=at)


def _token(link: ClaimLink) -> str:
    """What the receiver finds in the mail, and nobody else anywhere."""
    mail = Mail.objects.get(event="wallet.card_sent", ref__startswith=f"{link.pk}:")
    path: str = json.loads(unseal_text(mail.sealed, bound_to=bound_to(mail.pk)))["path"]
    return path.strip("/").rpartition("/")[2]
