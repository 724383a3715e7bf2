"""What operators may do in the admin, and may not."""

from datetime import date

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import User
from orders.models import DiscountAgreement, Order, Product, Refund, TermsVersion
from orders.states import OrderState
from tests.orders.factories import make_agreement, make_order, make_product, make_terms, organisation_of
from tests.orders.test_fulfil import paid


@pytest.fixture
def office(db, settings) -> Client:
    settings.ADMIN_REQUIRES_MFA = False
    admin = User.objects.create_superuser("admin@essai.example", "prunes-et-noyaux")
    client = Client()
    client.force_login(admin)
    return client


@pytest.mark.parametrize("model", ["product", "discountagreement", "termsversion", "order"])
def test_the_lists_open(office, member, shop, terms, model):
    make_order(member, shop)

    assert office.get(reverse(f"admin:orders_{model}_changelist")).status_code == 200


def test_the_office_reads_french(office, member, shop, terms):
    order = make_order(member, shop)

    rows = office.get(reverse("admin:orders_order_changelist")).content.decode()
    page = office.get(reverse("admin:orders_order_change", args=[order.pk])).content.decode()

    for english in ("Placed at", "Customer", "Ledger", "Outbox", "Authenticators</h2>", ">Orders<"):
        assert english not in rows
    for english in (
        "Total minor",
        "Cards expected from",
        "Price minor",
        "From state",
        "Created at",
        "Order lines",
        "Invoices",
    ):
        assert english not in page
    assert "Passée le" in rows


def test_an_order_is_shown_with_its_history_and_cannot_be_edited(office, member, shop, terms):
    order = paid(member, shop)
    url = reverse("admin:orders_order_change", args=[order.pk])

    page = office.get(url).content.decode()

    assert "awaiting_payment" in page
    assert 'name="state"' not in page
    assert office.post(url, {"state": "refunded"}).status_code == 403
    order.refresh_from_db()
    assert order.state == OrderState.VALIDATED


def test_the_refund_action_asks_the_service(office, member, shop, terms):
    order = paid(member, shop)

    office.post(
        reverse("admin:orders_order_changelist"), {"action": "refund", "_selected_action": [order.pk]}
    )

    assert Refund.objects.get().amount_minor == order.total_minor


def test_a_refused_action_is_told_and_changes_nothing(office, member, shop, terms):
    order = make_order(member, shop)

    page = office.post(
        reverse("admin:orders_order_changelist"),
        {"action": "accept_payment", "_selected_action": [order.pk]},
        follow=True,
    ).content.decode()

    assert "ReviewDecided" in page
    order.refresh_from_db()
    assert order.state == OrderState.AWAITING_PAYMENT


def test_published_terms_are_immutable_and_drafts_are_not(office):  # S3.5
    published, draft = make_terms(), make_terms(published_at=None)

    for terms, allowed in ((published, False), (draft, True)):
        data = {"number": terms.number, "text_fr": "Autre texte", "text_en": ""}
        office.post(reverse("admin:orders_termsversion_change", args=[terms.pk]), data)
        terms.refresh_from_db()
        assert (terms.text == "Autre texte") is allowed


def test_an_overlapping_agreement_is_refused_next_to_its_date(office, member, product):  # S3.3
    signed = make_agreement(member, product, starts_on=date(2026, 1, 1), ends_on=date(2026, 6, 30))
    data = {
        "organisation": signed.organisation_id,
        "product": product.pk,
        "rate_bp": 700,
        "starts_on": "15/06/2026",
        "ends_on": "",
        "monthly_ceiling_minor": "",
    }
    url = reverse("admin:orders_discountagreement_add")

    assert "déjà une remise" in office.post(url, data).content.decode()
    assert DiscountAgreement.objects.count() == 1

    office.post(url, {**data, "starts_on": "01/07/2026"})
    assert DiscountAgreement.objects.filter(organisation=organisation_of(member)).count() == 2


def product_form(product: Product, **changes) -> dict[str, object]:
    fields = {
        "slug": product.slug,
        "brand": product.brand,
        "category": product.category,
        "artwork": product.artwork,
        "currency": "EUR",
        "presets": "[1000, 5000]",
        "min_minor": 1000,
        "max_minor": 15000,
        "step_minor": 500,
        "max_quantity": 20,
        "validity_months": 12,
        "vat_treatment": "mpv",
        "vat_rate_bp": 0,
        "issuer": "own",
        "position": 0,
        "is_active": "on",
        "name_fr": "Nouveau nom",
    }
    return {**fields, **changes}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"presets": "[1000, 1250]"}, "Hors des limites ou du pas"),
        ({"presets": "[999999]"}, "Hors des limites ou du pas"),
        ({"presets": '["abc"]'}, "nombres entiers"),
        ({"vat_rate_bp": 550}, "pas de TVA"),
        ({"vat_treatment": "spv"}, "a un taux de TVA"),
    ],
)
def test_a_product_that_makes_no_sense_is_refused(office, changes, message):  # S3.11
    product = make_product()
    url = reverse("admin:orders_product_change", args=[product.pk])

    assert message in office.post(url, product_form(product, **changes)).content.decode()
    product.refresh_from_db()
    assert product.name != "Nouveau nom"


def test_a_sensible_product_is_stored_in_both_languages(office):
    product = make_product()

    office.post(
        reverse("admin:orders_product_change", args=[product.pk]), product_form(product, name_en="New name")
    )

    product.refresh_from_db()
    assert (product.name_fr, product.name_en) == ("Nouveau nom", "New name")


def test_only_operators_come_in(member):
    client = Client()
    client.force_login(member)

    assert client.get(reverse("admin:orders_order_changelist")).status_code == 403
    assert not Order.objects.filter(placed_at__gte=timezone.now()).exists()
    assert not TermsVersion.objects.exists()
