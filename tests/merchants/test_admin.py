"""What operators of ours see and do: onboarding, terminals, people, transactions."""

from datetime import date

import pytest
from django.contrib.auth.models import Permission
from django.test import Client
from django.urls import reverse

from merchants.models import Contract, Device, Merchant, Operator, Outlet, Terminal
from tests.loyalty.points import programme as euro_programme
from tests.merchants.factories import (
    IBAN,
    PASSWORD,
    Till,
    at_till,
    make_card,
    make_merchant,
    make_operator,
    make_outlet,
    make_till,
    sell,
    undo,
)
from tests.pdfs import text_of
from tests.support import run_jobs
from tests.wallet.factories import make_user

pytestmark = pytest.mark.django_db
INLINES = {
    f"{prefix}-{name}": value
    for prefix in ("outlets", "contracts", "people", "devices")
    for name, value in (("TOTAL_FORMS", "0"), ("INITIAL_FORMS", "0"))
}


@pytest.fixture
def desk(client: Client) -> Client:
    client.force_login(make_user(is_staff=True, is_superuser=True))
    return client


def add(desk: Client, model: str, **fields: object):
    return desk.post(reverse(f"admin:merchants_{model}_add"), {**INLINES, **fields})


def act(desk: Client, model: str, action: str, *pks: int):
    data = {"action": action, "_selected_action": [str(pk) for pk in pks]}
    return desk.post(reverse(f"admin:merchants_{model}_changelist"), data)


def merchant_fields(**fields: object) -> dict[str, object]:
    return {
        "legal_name": "Les Vergers Boulangers Sàrl",
        "address": "3 place du Marché",
        "postal_code": "0001",
        "city": "Exempleville",
        "country": "CH",
        "iban": "CH93 0076 2011 6238 5295 7",
        "language": "fr",
        "currency": "CHF",
        "settlement_period": "monthly",
        "is_active": "on",
        **fields,
    }


def test_a_merchant_comes_in_with_its_iban_checked(desk: Client):  # S0.4
    assert add(desk, "merchant", **merchant_fields()).status_code == 302
    assert Merchant.objects.get().iban == IBAN


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"iban": "CH94 0076 2011 6238 5295 7"}, "IBAN"),
        ({"iban": "boulangerie"}, "IBAN"),
        ({"bic": "XXXX"}, "BIC"),
        ({"bic": "BNPAFRPP"}, "BIC"),
    ],
)
def test_what_no_bank_has_is_said_next_to_its_field(desk: Client, fields: dict[str, str], says: str):
    response = add(desk, "merchant", **merchant_fields(**fields))
    assert response.status_code == 200
    assert f"Cet {says}" in response.content.decode() or f"Ce {says}" in response.content.decode()
    assert not Merchant.objects.exists()


def test_a_programme_in_another_currency_is_refused(desk: Client):
    response = add(desk, "merchant", **merchant_fields(programme=euro_programme().pk))
    assert "compte en EUR" in response.content.decode()
    assert not Merchant.objects.exists()


def test_contracts_do_not_share_a_day(desk: Client):  # S0.4
    merchant = make_merchant()
    fields = {"merchant": merchant.pk, "starts_on": "01/06/2026", "commission_bp": 200, "fixed_fee_minor": 0}
    response = add(desk, "contract", **fields)
    assert "couvre une de ces dates" in response.content.decode()
    Contract.objects.filter(merchant=merchant).update(ends_on=date(2026, 5, 31))
    assert add(desk, "contract", **fields).status_code == 302
    backwards = add(desk, "contract", **{**fields, "starts_on": "02/01/2019", "ends_on": "01/01/2019"})
    assert "avant de commencer" in backwards.content.decode()
    assert Contract.objects.filter(merchant=merchant).count() == 2


def test_a_terminal_is_added_with_its_number_and_its_paper(desk: Client):  # S0.2
    outlet = make_outlet(make_merchant())
    assert add(desk, "terminal", outlet=outlet.pk).status_code == 302
    terminal = Terminal.objects.get()
    assert terminal.tid == "CM0001"
    paper = reverse("admin:merchants_terminal_paper", args=[terminal.pk])
    assert desk.get(paper).status_code == 302  # not printed yet
    run_jobs()
    sheet = desk.get(paper)
    assert sheet["Content-Type"] == "application/pdf"
    said = text_of(sheet.content)
    for words in ("CM0001", outlet.name, "/terminal/activation/?tid=CM0001"):
        assert words.replace(" ", "") in said.replace(" ", "")


def test_a_new_code_is_a_new_paper(desk: Client):
    outlet = make_outlet(make_merchant())
    add(desk, "terminal", outlet=outlet.pk)
    terminal = Terminal.objects.get()
    run_jobs()
    paper = reverse("admin:merchants_terminal_paper", args=[terminal.pk])
    first = text_of(desk.get(paper).content)
    desk.get(reverse("admin:merchants_terminal_new_activation", args=[terminal.pk]))
    run_jobs()
    assert text_of(desk.get(paper).content) != first


def test_a_terminal_goes_out_of_service_and_comes_back(desk: Client):
    till = make_till()
    browser = at_till(Client(), till)
    act(desk, "terminal", "revoke", till.terminal.pk)
    act(desk, "terminal", "revoke", till.terminal.pk)
    assert Terminal.objects.get(pk=till.terminal.pk).state == "revoked"
    assert browser.get("/terminal/").status_code == 302
    act(desk, "terminal", "restore", till.terminal.pk)
    assert Terminal.objects.get(pk=till.terminal.pk).state == "active"


def test_all_devices_of_a_terminal_are_revoked(desk: Client):
    till = make_till()
    act(desk, "terminal", "revoke_devices", till.terminal.pk)
    assert Device.objects.get(pk=till.device.pk).revoked_at is not None


def operator_fields(merchant: Merchant, **fields: object) -> dict[str, object]:
    return {
        "merchant": merchant.pk,
        "name": "Noé",
        "login": "Noe",
        "role": "cashier",
        "new_password": PASSWORD,
        **fields,
    }


def test_an_operator_is_added_and_signs_in(desk: Client):
    till = make_till()
    assert (
        add(desk, "operator", **operator_fields(till.merchant, outlets=[till.outlet.pk])).status_code == 302
    )
    noe = Operator.objects.get(login="noe")
    assert list(noe.outlets.all()) == [till.outlet]
    page = desk.get(reverse("admin:merchants_operator_change", args=[noe.pk])).content.decode()
    assert noe.password not in page
    data = {"tid": till.terminal.tid, "utilisateur": "noe", "mot_de_passe": PASSWORD}
    assert Client().post("/terminal/connexion/", data).status_code == 302


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"new_password": ""}, "Choisissez un mot de passe"),
        ({"new_password": "court"}, "trop court"),
        ({"login": "noé vernet"}, "sans espace"),
        ({"login": "taken"}, "déjà pris"),
    ],
)
def test_what_is_wrong_with_an_operator_is_said_next_to_its_field(
    desk: Client, fields: dict[str, str], says: str
):
    merchant = make_merchant()
    make_operator(merchant, login="taken")
    response = add(desk, "operator", **operator_fields(merchant, **fields))
    assert says in response.content.decode()
    assert Operator.objects.count() == 1


def test_a_new_password_signs_the_operator_out(desk: Client):
    till = make_till()
    browser = at_till(Client(), till)
    url = reverse("admin:merchants_operator_change", args=[till.operator.pk])
    same = {"name": till.operator.name, "role": "manager"}
    desk.post(url, {**same, "new_password": ""})
    assert browser.get("/terminal/").status_code == 200
    desk.post(url, {**same, "new_password": "brioche-tiède"})
    assert browser.get("/terminal/").status_code == 302


def test_the_last_manager_stays_one(desk: Client):
    till = make_till()
    url = reverse("admin:merchants_operator_change", args=[till.operator.pk])
    refused = desk.post(url, {"name": "x", "role": "cashier", "new_password": ""})
    assert "dernière personne responsable" in refused.content.decode()
    act(desk, "operator", "let_go", till.operator.pk)
    assert Operator.objects.get(pk=till.operator.pk).is_active
    other = make_operator(till.merchant)
    act(desk, "operator", "let_go", till.operator.pk)
    assert not Operator.objects.get(pk=till.operator.pk).is_active
    act(desk, "operator", "take_back", till.operator.pk)
    assert Operator.objects.get(pk=till.operator.pk).is_active
    assert other.is_active


def test_transactions_are_read_and_never_written(desk: Client):
    till, card = make_till(), make_card()
    sold = sell(till, card)
    undo(till, 1)
    listed = desk.get(reverse("admin:merchants_sale_changelist")).content.decode()
    assert sold.reference in listed
    page = desk.get(reverse("admin:merchants_sale_change", args=[sold.key]))
    assert page.status_code == 200
    assert desk.get(reverse("admin:merchants_sale_add")).status_code == 403
    assert desk.post(reverse("admin:merchants_sale_delete", args=[sold.key])).status_code == 403


@pytest.mark.parametrize("model", ["merchant", "contract", "outlet", "terminal", "operator", "sale"])
def test_lists_ask_few_questions(desk: Client, model: str, django_assert_max_num_queries):
    for _ in range(4):
        till = make_till()
        sell(till, make_card())
    with django_assert_max_num_queries(14):
        assert desk.get(reverse(f"admin:merchants_{model}_changelist")).status_code == 200


def test_who_may_only_look_acts_on_nothing(client: Client):
    till = make_till()
    onlooker = make_user(is_staff=True)
    onlooker.user_permissions.set(Permission.objects.filter(codename__startswith="view_"))
    client.force_login(onlooker)
    act(client, "terminal", "revoke", till.terminal.pk)
    act(client, "operator", "let_go", till.operator.pk)
    assert client.get(reverse("admin:merchants_terminal_paper", args=[till.terminal.pk])).status_code == 403
    assert (
        client.get(reverse("admin:merchants_terminal_new_activation", args=[till.terminal.pk])).status_code
        == 403
    )
    assert Terminal.objects.get(pk=till.terminal.pk).state == "active"
    assert Operator.objects.get(pk=till.operator.pk).is_active


def test_an_outlet_keeps_the_name_that_loyalty_knows(desk: Client):
    till: Till = make_till()
    url = reverse("admin:merchants_outlet_change", args=[till.outlet.pk])
    desk.post(url, {"name": "Autre enseigne", "code": "autre", "address": ""})
    outlet = Outlet.objects.get(pk=till.outlet.pk)
    assert (outlet.name, outlet.code) == ("Autre enseigne", till.outlet.code)
