"""Orders: list, detail, timeline, cancelling, invoice."""

from datetime import UTC, datetime, timedelta
from html import unescape

import pytest
import time_machine
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from orders.models import Order, Payment
from orders.selectors import cart_view
from orders.services.cancel import expire_order
from orders.services.invoice import issue_invoice, make_file
from orders.states import OrderState, PaymentState
from tests.orders.factories import fill_cart, make_member, make_order, make_past_orders

HTMX = {"HX-Request": "true"}


@pytest.fixture
def visit(member) -> Client:
    client = Client()
    client.force_login(member)
    return client


def text_of(response) -> str:
    return unescape(response.content.decode()).replace("\u00a0", " ").replace("\u202f", " ")


def pay_try(order, state, **fields):
    now = timezone.now()
    return Payment.objects.create(
        order=order,
        gateway="bank",
        reference=f"MB{order.pk:06d}-{Payment.objects.count():06d}",
        amount_minor=order.total_minor,
        currency="EUR",
        state=state,
        created_at=now,
        expires_at=now + timedelta(hours=1),
        **fields,
    )


def detail(visit, order) -> str:
    return text_of(visit.get(reverse("orders:detail", args=[order.number])))


def poll(visit, order):
    return visit.get(reverse("orders:timeline", args=[order.number]), headers=HTMX)


def test_the_list_shows_date_time_lines_total_and_status(visit, member, shop, terms):  # S3.8
    with time_machine.travel(datetime(2026, 7, 10, 13, 45, 40, tzinfo=UTC), tick=False):
        order = make_order(member, shop, (3300, 1), (4400, 2))

        page = text_of(visit.get("/commandes/"))

    assert order.number in page
    assert "10/07/2026 15:45:40" in page  # Paris
    assert "1 × 33,00 €, 2 × 44,00 €" in page
    assert "114,95 €" in page
    assert "En attente de confirmation de paiement" in page
    assert "Obtenir la facture" not in page


def test_a_paid_order_offers_its_invoice(visit, member, shop, terms):  # S3.8
    make_past_orders(member, shop, 1)

    assert "Obtenir la facture" in text_of(visit.get("/commandes/"))


def test_the_list_is_paged_by_key_and_misses_nothing(visit, member, shop, terms):
    orders = make_past_orders(member, shop, 45)

    seen, url = [], "/commandes/"
    while url:
        response = visit.get(url)
        seen += [row.order.pk for row in response.context["rows"]]
        cursor = response.context["page"].next_cursor
        url = f"/commandes/?cursor={cursor}" if cursor else None

    assert seen == sorted((order.pk for order in orders), reverse=True)


@pytest.mark.parametrize(("group", "count"), [("en-cours", 1), ("activees", 2), ("annulees", 0), ("x", 3)])
def test_the_list_filters_by_status(visit, member, shop, terms, group, count):
    make_past_orders(member, shop, 2)
    make_order(member, shop)

    response = visit.get("/commandes/", {"statut": group}, headers=HTMX)

    assert len(response.context["rows"]) == count
    assert "<html" not in text_of(response)


def test_the_list_costs_the_same_for_one_order_and_for_many(visit, member, shop, terms):
    def queries() -> int:
        with CaptureQueriesContext(connection) as counted:
            visit.get("/commandes/")
        return len(counted)

    make_past_orders(member, shop, 1)
    few = queries()
    make_past_orders(member, shop, 60, lines=5)

    assert queries() == few <= 8


@pytest.mark.parametrize(
    "path", ["/panier/", "/boutique/{slug}/", "/commandes/CMD-{order}/", "/boutique/", "/"]
)
def test_pages_cost_few_queries_whatever_the_data(visit, member, shop, terms, path):
    order = make_order(member, shop, *((1000 + n, 1) for n in range(10)))
    make_past_orders(member, shop, 30)
    fill_cart(member, shop, *((1000 + n, 1) for n in range(20)))

    with CaptureQueriesContext(connection) as counted:
        response = visit.get(path.format(slug=shop.slug, order=order.pk))

    assert response.status_code == 200
    assert len(counted) <= 12


def test_orders_of_another_are_not_found(visit, shop, terms, member):
    stranger = make_member()
    order = make_past_orders(stranger, shop, 1)[0]

    for name in ("detail", "timeline", "invoice", "credit_note"):
        assert visit.get(reverse(f"orders:{name}", args=[order.number])).status_code in (302, 404)
    assert poll(visit, order).status_code == 404
    assert visit.post(reverse("orders:cancel", args=[order.number])).status_code == 404
    order.refresh_from_db()
    assert order.state == OrderState.FULFILLED
    assert str(order.number) not in text_of(visit.get("/commandes/"))


def test_a_cart_is_no_order_yet(visit, member, shop, terms):
    cart = fill_cart(member, shop, (5000, 1))

    assert visit.get(f"/commandes/CMD-{cart.pk}/").status_code == 404


def test_waiting_for_the_bank_says_when(visit, member, shop, terms, settings):  # S3.7
    settings.PAYMENT_POLL_AFTER, settings.ISSUE_DELAY_MIN, settings.ISSUE_DELAY_MAX = 1200, 7200, 14400
    with time_machine.travel(datetime(2026, 11, 21, 8, 12, tzinfo=UTC), tick=False):
        order = make_order(member, shop, (5000, 1))
        pay_try(order, PaymentState.PENDING)

        page = detail(visit, order)

    assert "En attente de confirmation de paiement" in page
    assert "sous 20 minutes environ, vers 09:32" in page
    assert "entre 11:32 et 13:32" in page
    assert 'hx-get="/commandes/' in page
    assert "Annuler la commande" not in page  # the bank is deciding


@pytest.mark.parametrize(
    ("state", "words", "final"),
    [
        (OrderState.AWAITING_PAYMENT, "En attente de confirmation de paiement", False),
        (OrderState.PAYMENT_REVIEW, "Paiement en cours de vérification", False),
        (OrderState.VALIDATED, "Validé", False),
        (OrderState.FULFILLING, "Validé", False),
        (OrderState.FULFILLED, "Activé", True),
        (OrderState.CANCELLED, "Annulé", True),
        (OrderState.EXPIRED, "Expiré", True),
        (OrderState.REFUND_PENDING, "Remboursement en cours", False),
        (OrderState.REFUNDED, "Remboursé", True),
    ],
)
def test_the_page_polls_only_while_something_can_change(
    visit, member, shop, terms, state, words, final
):  # S3.7
    order = make_order(member, shop)
    Order.objects.update(state=state, paid_at=timezone.now())

    response = poll(visit, order)

    page = text_of(response)
    assert response.status_code == (286 if final else 200)
    assert f">{words}</span>" in page
    assert ("hx-get" not in page) is final
    assert "<html" not in page


def test_a_refusal_shows_the_advice_and_leaves_the_order_payable(visit, member, shop, terms):  # S3.6
    order = make_order(member, shop)
    pay_try(order, PaymentState.FAILED)

    page = detail(visit, order)

    for words in (
        "Paiement refusé",
        "Rien n'a été débité",
        "numéro de téléphone",
        "SMS",
        "carte bancaire française",
        "plafond",
        "une heure plus tard",
        "Payer 47,50 €",
        "Annuler la commande",
    ):
        assert words in page
    assert (
        "Vos cartes rejoignent votre portefeuille après le paiement." in page
    )  # no hour for what may not come
    assert "Merci." not in page
    assert "Paiement refusé" in text_of(visit.get("/commandes/"))


def test_cards_past_their_time_are_excused_by_themselves(visit, member, shop, terms):  # S3.11
    order = make_order(member, shop)
    now = timezone.now()
    Order.objects.update(
        state=OrderState.VALIDATED, paid_at=now, cards_expected_from=now, cards_expected_until=now
    )

    with time_machine.travel(now - timedelta(seconds=5)):
        assert "excuser" not in text_of(poll(visit, order))
    with time_machine.travel(now + timedelta(seconds=5)):
        assert "nous vous prions de nous en excuser" in text_of(poll(visit, order))


def test_cancelling_before_paying_returns_the_lines_to_the_cart(visit, member, shop, terms):
    order = make_order(member, shop, (5000, 2))

    response = visit.post(reverse("orders:cancel", args=[order.number]))

    assert response.status_code == 303
    assert "Annulé" in detail(visit, order)
    assert cart_view(member.pk, at=timezone.now()).count == 2


def test_cancelling_a_paid_order_is_refused_with_a_message(visit, member, shop, terms):
    order = make_order(member, shop)
    Order.objects.update(state=OrderState.VALIDATED)

    response = visit.post(reverse("orders:cancel", args=[order.number]), follow=True)

    assert "ne peut plus être annulée" in text_of(response)
    order.refresh_from_db()
    assert order.state == OrderState.VALIDATED


def test_an_invoice_that_is_being_made_says_so(visit, member, shop, terms):  # S3.8
    order = make_past_orders(member, shop, 1)[0]

    response = visit.get(reverse("orders:invoice", args=[order.number]))

    assert response.status_code == 202
    assert "Votre facture se prépare" in text_of(response)


def test_the_invoice_is_a_pdf_for_its_owner_alone(visit, member, shop, terms):  # S3.8
    order = make_past_orders(member, shop, 1)[0]
    pay_try(order, PaymentState.SUCCEEDED, succeeded_at=order.paid_at)
    make_file(issue_invoice(order_id=order.pk, at=timezone.now()))
    address = reverse("orders:invoice", args=[order.number])

    response = visit.get(address)

    assert response.status_code == 200
    assert response.content.startswith(b"%PDF-")
    assert response["Content-Type"] == "application/pdf"
    assert response["Cache-Control"] == "private, no-store"
    stranger = Client()
    stranger.force_login(make_member())
    assert stranger.get(address).status_code == 404


def test_an_unpaid_order_has_no_invoice(visit, member, shop, terms):
    order = make_order(member, shop)

    assert visit.get(reverse("orders:invoice", args=[order.number])).status_code == 404


def test_visitors_are_asked_to_sign_in(shop):
    for path in ("/panier/", "/commandes/", "/commandes/CMD-1/", "/commandes/CMD-1/facture.pdf"):
        response = Client().get(path)
        assert response.status_code == 302
        assert response.url.startswith("/compte/connexion/")


def test_the_last_answer_of_an_order_that_ended_unpaid_brings_the_cart_along(visit, member, shop, terms):
    order = make_order(member, shop, (3300, 2))
    assert 'id="panier-lien"' not in text_of(poll(visit, order))
    expire_order(order_id=order.pk, at=timezone.now() + timedelta(days=2))
    last = poll(visit, order)
    assert last.status_code == 286
    assert 'hx-swap-oob="true"' in text_of(last)
    assert "Panier, 2 cartes" in text_of(last)
    assert text_of(visit.get(reverse("orders:detail", args=[order.number]))).count('id="panier-lien"') == 1
