"""What operators see and do of prepaid cards."""

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission
from django.urls import reverse
from django.utils import timezone

from tests.orders.factories import make_product
from tests.support import run_jobs
from tests.wallet.factories import make_user
from tests.wallet.prepaid_factories import cvc_of, make_prepaid, make_printed_prepaid, number_of
from wallet.models import Card, PrepaidBatch, PrepaidCard
from wallet.services.register_prepaid import register_prepaid

pytestmark = pytest.mark.django_db


@pytest.fixture
def operator(client):
    user = make_user(is_staff=True, is_superuser=True)
    client.force_login(user)
    return user


def act(client, model, action, pk):
    data = {"action": action, "_selected_action": [str(pk)]}
    assert client.post(reverse(f"admin:wallet_{model}_changelist"), data).status_code == 302


def test_an_operator_makes_a_batch_and_downloads_its_sheet(client, operator):
    client.post(reverse("admin:wallet_prepaidbatch_add"), {"label": "Accueil", "size": "3"})
    batch = PrepaidBatch.objects.get()
    assert (batch.size, batch.made_by) == (3, operator)
    assert Card.objects.filter(batch=f"prepaid:{batch.pk}", holder=None).count() == 3
    sheet = reverse("admin:wallet_prepaidbatch_sheet", args=[batch.pk])
    assert client.get(sheet).status_code == 404
    run_jobs()
    assert sheet in client.get(reverse("admin:wallet_prepaidbatch_change", args=[batch.pk])).content.decode()
    answer = client.get(sheet)
    assert answer.content.startswith(b"%PDF")
    assert LogEntry.objects.filter(change_message__contains="Planche téléchargée").count() == 1


@pytest.mark.parametrize("size", ["0", "201", "-1", "", "x"])
def test_a_batch_of_another_size_is_refused(client, operator, size):
    answer = client.post(reverse("admin:wallet_prepaidbatch_add"), {"label": "Accueil", "size": size})
    assert answer.status_code == 200
    assert not PrepaidBatch.objects.exists()
    assert not Card.objects.exists()


def test_a_sheet_is_destroyed_and_made_again(client, operator):
    make_printed_prepaid()
    batch = PrepaidBatch.objects.get()
    sheet = reverse("admin:wallet_prepaidbatch_sheet", args=[batch.pk])
    run_jobs()
    act(client, "prepaidbatch", "destroy", batch.pk)
    assert client.get(sheet).status_code == 404
    act(client, "prepaidbatch", "redraw", batch.pk)
    run_jobs()
    assert client.get(sheet).status_code == 200


def test_who_may_only_look_downloads_no_sheet(client):
    make_printed_prepaid()
    run_jobs()
    onlooker = make_user(is_staff=True)
    onlooker.user_permissions.set(Permission.objects.filter(codename__startswith="view_"))
    client.force_login(onlooker)
    sheet = reverse("admin:wallet_prepaidbatch_sheet", args=[PrepaidBatch.objects.get().pk])
    assert client.get(sheet).status_code == 403


def test_list_tells_how_many_are_registered(client, operator):
    card = make_printed_prepaid()
    register_prepaid(customer_id=operator.pk, number=number_of(card), cvc=cvc_of(card), at=timezone.now())
    make_printed_prepaid()
    answer = client.get(reverse("admin:wallet_prepaidbatch_changelist"))
    assert [batch.registered for batch in answer.context["cl"].result_list] == [0, 1]


def test_no_page_tells_number_or_cvc(client, operator):
    card = make_prepaid(make_user())
    cvc = cvc_of(card)
    PrepaidCard.objects.filter(pk=card.pk).update(wrong_cvc=2)
    page = client.get(reverse("admin:wallet_card_change", args=[card.pk])).content.decode()
    assert number_of(card) not in page
    assert card.prepaid.cvc_sealed not in page
    assert f">{cvc}<" not in page


def test_an_operator_gives_tries_back_only_where_nobody_else_can(client, operator):
    printed, held = make_printed_prepaid(), make_prepaid(make_user())
    PrepaidCard.objects.update(wrong_cvc=3)
    for card in (printed, held):
        act(client, "card", "give_tries_back", card.pk)
    tries = [PrepaidCard.objects.get(pk=card.pk).wrong_cvc for card in (printed, held)]
    assert tries == [0, 3]


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"currency": "EUR"}, "currency"),
        ({"min_minor": 2_999}, "min_minor"),
        ({"max_minor": 300_001}, "max_minor"),
    ],
)
def test_a_product_beyond_the_limits_of_the_card_is_refused(client, operator, wrong, field):
    product = make_product(currency="CHF", min_minor=3_000, max_minor=300_000)
    data = {
        "slug": product.slug, "name_fr": "Carte", "name_en": "Card", "brand": "x", "category": "x",
        "artwork": "alpine", "currency": "CHF", "presets": "[]", "min_minor": 3_000, "max_minor": 300_000,
        "step_minor": 1, "max_quantity": 20, "validity_months": 12, "vat_treatment": "mpv", "vat_rate_bp": 0,
        "issuer": "prepaid", "position": 0,
    } | wrong  # fmt: skip
    answer = client.post(reverse("admin:orders_product_change", args=[product.pk]), data)
    assert field in answer.context["adminform"].form.errors
    product.refresh_from_db()
    assert product.issuer != "prepaid"
