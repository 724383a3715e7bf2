"""Once there was a sale in its days, a contract keeps its terms; only its end may still move (S0.4)."""

from datetime import date, timedelta
from typing import Any

import pytest
from django.apps import apps
from django.core.management import call_command
from django.db import IntegrityError, connection, transaction
from django.db.models.signals import pre_migrate
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from kernel.calendar import local_date
from merchants import rules
from merchants.checks import sales_are_guarded
from merchants.errors import ContractInUse, ContractOverlaps
from merchants.models import Contract
from merchants.selectors.contracts import last_sale_on
from merchants.services.onboard import agree, change_contract
from tests.merchants.factories import make_merchant
from tests.merchants.settling import Shop, make_shop, paris, sold
from tests.wallet.factories import make_user

pytestmark = pytest.mark.django_db

SPRING = (date(2026, 3, 1), date(2026, 4, 30))
SALE_ON = date(2026, 4, 15)
FIELDS = ("merchant_id", "starts_on", "ends_on", "commission_bp", "fixed_fee_minor")


@pytest.fixture
def shop() -> Shop:
    """Two contracts, and one sale under the first: after midnight in Paris, the evening before in UTC."""
    made = make_shop(contracts=[(*SPRING, 150, 10), (date(2026, 5, 1), None, 200, 0)])
    sold(made, 2_450, paris(2026, 4, 15, 0, 30))
    return made


@pytest.fixture
def used(shop: Shop) -> Contract:
    return shop.merchant.contracts.get(starts_on=SPRING[0])


@pytest.fixture
def unused(shop: Shop) -> Contract:
    return shop.merchant.contracts.get(starts_on=date(2026, 5, 1))


@pytest.fixture
def running() -> Contract:
    """One without an end, with a sale of this day."""
    shop = make_shop()
    sold(shop, 2_450, timezone.now())
    return shop.merchant.contracts.get()


def today() -> date:
    return local_date(timezone.now())


def stored(contract: Contract) -> tuple[Any, ...]:
    return Contract.objects.values_list(*FIELDS).get(pk=contract.pk)


def change(contract: Contract, **fields: Any) -> None:
    changed = Contract.objects.get(pk=contract.pk)
    for name, value in fields.items():
        setattr(changed, name, value)
    change_contract(changed, at=timezone.now())


TERMS = [
    {"starts_on": date(2026, 2, 1)},
    {"starts_on": date(2026, 4, 15)},
    {"starts_on": date(2026, 4, 16)},
    {"commission_bp": 0},
    {"commission_bp": 151},
    {"fixed_fee_minor": 0},
]


@pytest.mark.parametrize("fields", TERMS)
def test_terms_that_a_sale_followed_stay(used: Contract, fields: dict[str, Any]):  # S0.4
    before = stored(used)
    with pytest.raises(ContractInUse) as refusal:
        change(used, **fields)
    assert refusal.value.names == list(fields)
    with pytest.raises(IntegrityError), transaction.atomic():
        Contract.objects.filter(pk=used.pk).update(**fields)
    assert stored(used) == before


def test_a_used_contract_goes_to_no_other_merchant_and_is_not_deleted(used: Contract):
    before, other = stored(used), make_merchant()
    Contract.objects.filter(merchant=other).delete()
    with pytest.raises(ContractInUse):
        change(used, merchant_id=other.pk)
    for act in (
        lambda: Contract.objects.filter(pk=used.pk).update(merchant=other),
        lambda: Contract.objects.filter(pk=used.pk).delete(),
    ):
        with pytest.raises(IntegrityError), transaction.atomic():
            act()
    assert stored(used) == before


def test_no_sale_loses_its_contract_to_an_earlier_end(used: Contract):
    before = stored(used)
    for ends_on in (date(2026, 4, 14), date(2026, 4, 29)):  # both are days that are over
        with pytest.raises(ContractInUse) as refusal:
            change(used, ends_on=ends_on)
        assert (refusal.value.names, refusal.value.earliest) == (["ends_on"], SPRING[1])
    with pytest.raises(IntegrityError), transaction.atomic():
        Contract.objects.filter(pk=used.pk).update(ends_on=SALE_ON - timedelta(days=1))
    assert stored(used) == before
    Contract.objects.filter(pk=used.pk).update(ends_on=SALE_ON)  # the last day of a sale is a contract's own
    assert last_sale_on(used) == SALE_ON


def test_a_used_contract_ends_today_or_later_or_never(running: Contract):
    for ends_on in (today() + timedelta(days=30), today(), None):
        change(running, ends_on=ends_on)
        assert stored(running)[2] == ends_on
    with pytest.raises(ContractInUse) as refusal:
        change(running, ends_on=today() - timedelta(days=1))
    assert refusal.value.earliest == today()
    assert stored(running)[2] is None


def test_a_used_contract_is_prolonged_up_to_the_next(used: Contract, unused: Contract):
    with pytest.raises(ContractOverlaps):
        change(used, ends_on=date(2026, 5, 1))
    change(unused, starts_on=date(2026, 6, 1))
    change(used, ends_on=date(2026, 5, 31))
    assert stored(used)[2] == date(2026, 5, 31)


def test_a_contract_without_a_sale_in_its_days_is_changed_at_will(unused: Contract):
    change(unused, starts_on=date(2026, 6, 1), ends_on=date(2026, 6, 2), commission_bp=300, fixed_fee_minor=5)
    assert stored(unused)[1:] == (date(2026, 6, 1), date(2026, 6, 2), 300, 5)
    Contract.objects.filter(pk=unused.pk).delete()
    assert not Contract.objects.filter(pk=unused.pk).exists()


def test_the_first_instant_of_a_contract_is_its_own(shop: Shop, unused: Contract):
    assert last_sale_on(unused) is None
    sold(shop, 100, paris(2026, 5, 1))
    assert last_sale_on(unused) == date(2026, 5, 1)
    with pytest.raises(IntegrityError), transaction.atomic():
        Contract.objects.filter(pk=unused.pk).update(commission_bp=1)


def test_a_new_contract_beside_a_used_one_is_signed(used: Contract):
    assert agree(
        merchant_id=used.merchant_id, starts_on=date(2025, 1, 1), ends_on=date(2026, 2, 28), commission_bp=1
    ).pk


# --- the admin


@pytest.fixture
def desk(client: Client) -> Client:
    client.force_login(make_user(is_staff=True, is_superuser=True))
    return client


def edit(desk: Client, contract: Contract, **fields: object):
    page = reverse("admin:merchants_contract_change", args=[contract.pk])
    facts = {
        "merchant": contract.merchant_id,
        "starts_on": f"{contract.starts_on:%d/%m/%Y}",
        "ends_on": f"{contract.ends_on:%d/%m/%Y}" if contract.ends_on else "",
        "commission_bp": contract.commission_bp,
        "fixed_fee_minor": contract.fixed_fee_minor,
    }
    return desk.post(page, facts | fields)


@pytest.mark.parametrize(
    "fields",
    [
        {"commission_bp": "151"},
        {"fixed_fee_minor": "0"},
        {"starts_on": "02/03/2026"},
        {"starts_on": "16/04/2026", "ends_on": ""},
    ],
)
def test_the_admin_says_next_to_the_field_that_a_used_contract_stays(
    desk: Client, used: Contract, unused: Contract, fields: dict[str, str]
):
    Contract.objects.filter(pk=unused.pk).delete()
    before = stored(used)
    response = edit(desk, used, **fields)
    assert response.status_code == 200
    assert set(response.context["adminform"].form.errors) == {next(iter(fields))}
    assert "mettez-y fin, puis ajoutez-en un autre" in response.content.decode()
    assert stored(used) == before


def test_the_admin_says_when_a_used_contract_may_end(desk: Client, running: Contract):
    yesterday = today() - timedelta(days=1)
    response = edit(desk, running, ends_on=f"{yesterday:%d/%m/%Y}")
    assert f"ne peut finir avant le {today():%d/%m/%Y}" in response.content.decode()
    assert stored(running)[2] is None
    assert edit(desk, running, ends_on=f"{today():%d/%m/%Y}").status_code == 302
    assert stored(running)[2] == today()


@pytest.mark.parametrize(
    "fields",
    [
        {"merchant": "999999"},
        {"starts_on": ""},
        {"starts_on": "31/02/2026"},
        {"ends_on": "demain"},
        {"ends_on": "01/01/2020"},
        {"commission_bp": "-1"},
        {"commission_bp": "10001"},
        {"commission_bp": ""},
        {"fixed_fee_minor": "1,5"},
        {"fixed_fee_minor": str(10**20)},
    ],
)
def test_what_is_no_contract_is_refused_in_the_admin(
    desk: Client, used: Contract, unused: Contract, fields: dict[str, str]
):
    for contract in (used, unused):
        before = stored(contract)
        assert edit(desk, contract, **fields).status_code == 200
        assert stored(contract) == before


# --- SQLite rebuilds a table to change it


def test_a_migration_may_rebuild_the_sales_and_the_rule_is_back_after_it(used: Contract):
    config = apps.get_app_config("merchants")
    pre_migrate.send(sender=config, app_config=config, using="default", verbosity=0)
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            cursor.execute("SELECT count(*) FROM sqlite_master WHERE name LIKE 'merchants_contract_kept%'")
            assert cursor.fetchone() == (0,)
            cursor.execute("ALTER TABLE merchants_sale RENAME TO merchants_sale_old")
            cursor.execute("ALTER TABLE merchants_sale_old RENAME TO merchants_sale")
            assert "merchants_contract_kept_update" in rules.missing(connection)
    call_command("migrate", "merchants", verbosity=0)
    assert sales_are_guarded() == []
    with pytest.raises(IntegrityError), transaction.atomic():
        Contract.objects.filter(pk=used.pk).update(commission_bp=1)
