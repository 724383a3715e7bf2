"""What operators see and do."""

import pytest
from django.contrib.auth.models import Permission
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse
from django.utils import timezone

from tests.support import run_jobs
from tests.wallet.credit_factories import credit_number_of, make_credit, with_pin
from tests.wallet.factories import make_card, make_user, plan
from wallet.models import Card, CardEvent, IssueIntent, StockImport, StockPool
from wallet.services.number import open_number
from wallet.services.stop import report_gone
from wallet.states import CreditStop

pytestmark = pytest.mark.django_db


@pytest.fixture
def operator(client, settings):
    user = make_user(is_staff=True, is_superuser=True)
    client.force_login(user)
    return user


def post_action(client, model: str, action: str, pk) -> None:
    data = {"action": action, "_selected_action": [str(pk)]}
    response = client.post(reverse(f"admin:wallet_{model}_changelist"), data)
    assert response.status_code == 302


def test_cards_are_shown_masked(client, operator):
    card = make_card(make_user())
    number = open_number(card.number_sealed, card_id=card.pk)
    for url in (
        reverse("admin:wallet_card_changelist"),
        reverse("admin:wallet_card_change", args=[card.pk]),
    ):
        text = client.get(url).content.decode()
        assert card.masked in text
        assert number not in text
        assert card.number_sealed not in text


def test_a_blocked_card_is_unblocked_by_an_operator(client, operator):
    card = make_card(make_user())
    post_action(client, "card", "block", card.pk)
    assert Card.objects.get(pk=card.pk).state == "blocked"
    post_action(client, "card", "unblock", card.pk)
    assert Card.objects.get(pk=card.pk).state == "active"


def test_blocking_and_unblocking_a_credit_card_needs_a_reason_that_is_kept(client, operator):
    card = make_credit(make_user())
    report_gone(card_id=card.pk, holder_id=card.holder_id, why=CreditStop.LOST, at=timezone.now())
    change = reverse("admin:wallet_card_changelist")
    wanted = {"action": "unblock", "_selected_action": [str(card.pk)]}
    for reason in ({}, {"note": "  "}):
        client.post(change, wanted | reason)
        assert Card.objects.get(pk=card.pk).state == "blocked"
    client.post(change, wanted | {"note": "Retrouvée, vue au guichet"})
    assert Card.objects.get(pk=card.pk).state == "active"
    client.post(change, wanted | {"action": "block", "note": "Fraude signalée"})
    kept = CardEvent.objects.filter(card=card, actor=operator).order_by("pk")
    assert list(kept.values_list("kind", "note")) == [
        ("unblocked", "Retrouvée, vue au guichet"),
        ("blocked", "Fraude signalée"),
    ]
    assert (
        "Fraude signalée" in client.get(reverse("admin:wallet_card_change", args=[card.pk])).content.decode()
    )


def test_a_credit_card_is_shown_without_number_or_hash(client, operator):
    card = make_credit(make_user())
    with_pin(card)
    card.credit.refresh_from_db()
    page = client.get(reverse("admin:wallet_card_change", args=[card.pk])).content.decode()
    assert card.masked in page
    for secret in (credit_number_of(card), card.number_sealed, card.credit.pin_hash):
        assert secret not in page
    assert "0,00" not in client.get(reverse("admin:wallet_card_changelist")).content.decode()


def test_who_may_only_look_acts_on_nothing(client):
    card = make_card(make_user())
    batch = plan(make_user())
    IssueIntent.objects.filter(batch=batch).update(state="failed")
    onlooker = make_user(is_staff=True)
    onlooker.user_permissions.set(Permission.objects.filter(codename__startswith="view_"))
    client.force_login(onlooker)

    for model, action, pk in (
        ("card", "block", card.pk),
        ("issueintent", "retry", IssueIntent.objects.get(batch=batch).pk),
    ):
        data = {"action": action, "_selected_action": [str(pk)]}
        client.post(reverse(f"admin:wallet_{model}_changelist"), data)

    assert Card.objects.get(pk=card.pk).state == "active"
    assert IssueIntent.objects.get(batch=batch).state == "failed"


def test_operators_without_any_right_see_neither_orders_nor_reports(client):
    upload = StockImport.objects.create(
        pool=StockPool.objects.create(slug="marche", name="Marché"),
        columns={},
        imported_by=make_user(),
        imported_at=timezone.now(),
    )
    client.force_login(make_user(is_staff=True))

    report = client.get(reverse("admin:wallet_stockimport_report", args=[upload.pk]))
    orders = client.get(reverse("admin:orders_order_changelist"))

    assert (report.status_code, orders.status_code) == (403, 403)


def test_a_refused_intent_is_tried_again(client, operator):
    batch = plan(make_user())
    IssueIntent.objects.filter(batch=batch).update(state="failed")
    post_action(client, "issueintent", "retry", IssueIntent.objects.get(batch=batch).pk)
    run_jobs()
    assert IssueIntent.objects.get(batch=batch).state == "issued"


def test_codes_are_imported_and_the_report_is_downloaded(client, operator):
    pool = StockPool.objects.create(slug="marche", name="Marché")
    change = reverse("admin:wallet_stockpool_change", args=[pool.pk])
    assert client.get(change).status_code == 200
    url = reverse("admin:wallet_stockpool_import_codes", args=[pool.pk])
    assert client.get(url).status_code == 200
    content = "code;valeur;expiration\nCODE00000001;20,00;31/12/2099\n=HYPERLINK(1);20;31/12/2099\n"
    response = client.post(url, {"file": SimpleUploadedFile("codes.csv", content.encode())})
    run_jobs()
    upload = StockImport.objects.get()
    assert response["Location"] == reverse("admin:wallet_stockimport_change", args=[upload.pk])
    assert client.get(response["Location"]).status_code == 200
    assert (upload.added, upload.refused) == (1, 1)
    report = client.get(reverse("admin:wallet_stockimport_report", args=[upload.pk]))
    text = b"".join(report.streaming_content).decode()
    assert "3;Une cellule commence comme une formule" in text
    assert "HYPERLINK" not in text


def test_a_file_that_is_no_list_of_codes_is_refused_in_the_form(client, operator):
    pool = StockPool.objects.create(slug="marche", name="Marché")
    url = reverse("admin:wallet_stockpool_import_codes", args=[pool.pk])
    response = client.post(url, {"file": SimpleUploadedFile("codes.csv", b"n'importe quoi\n1\n")})
    assert "doit nommer les colonnes" in response.content.decode().replace("&#x27;", "'")
    assert not StockImport.objects.exists()


@pytest.mark.parametrize("model", ["card", "issueintent", "stockpool", "stockimport"])
def test_the_wallet_admin_is_closed_to_customers(client, model):
    client.force_login(make_user())
    response = client.get(reverse(f"admin:wallet_{model}_changelist"))
    assert response.status_code in {302, 403, 404}
