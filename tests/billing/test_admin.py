"""Operators look at accounts, write rates that are still to come, and decide disputes."""

from datetime import date, timedelta
from uuid import uuid4

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from billing.errors import RateStarted
from billing.models import AccountEvent, CreditAccount, Entry, EntryDispute, Rate, Statement
from billing.services.dispute import open_dispute
from billing.services.rates import keep_rate, withdraw_rate
from billing.states import RateKind
from kernel.calendar import local_date
from tests.billing.factories import add_rates, close, make_account, noon, pay, post
from tests.factories import operator, sign_in
from tests.wallet.factories import make_user
from wallet.models import Card
from wallet.selectors.credit import credit_card_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def client() -> Client:
    return sign_in(Client(), operator())


@pytest.fixture
def account() -> CreditAccount:
    account = make_account(at=noon(date(2025, 3, 1)))
    post(account, 10_000, date(2025, 3, 15), country="FR")
    close(account)
    close(account)
    return account


def page(client: Client, model: str, row: object = None) -> str:
    name = f"admin:billing_{model}_{'change' if row else 'changelist'}"
    response = client.get(reverse(name, args=[row.pk] if row else []))
    assert response.status_code == 200
    return response.content.decode()


def save(client: Client, model: str, row: object = None, **fields: object) -> str:
    name = f"admin:billing_{model}_{'change' if row else 'add'}"
    inlines = {"events-TOTAL_FORMS": 0, "events-INITIAL_FORMS": 0} if model == "creditaccount" else {}
    response = client.post(reverse(name, args=[row.pk] if row else []), {**inlines, **fields}, follow=True)
    return response.content.decode().replace("\u00a0", " ").replace("\u202f", " ")


def test_every_page_opens(client: Client, account: CreditAccount) -> None:
    entry = Entry.objects.filter(kind="purchase").get()
    dispute_id = open_dispute(
        entry_id=entry.pk, holder_id=account.holder_id, reason="Non", at=noon(date(2025, 5, 2))
    )
    for model, row in (
        ("creditaccount", account),
        ("entry", entry),
        ("statement", Statement.objects.latest("closes_on")),
        ("rate", Rate.objects.first()),
        ("entrydispute", EntryDispute.objects.get(pk=dispute_id)),
    ):
        page(client, model)
        page(client, model, row)


def test_entries_and_statements_are_only_looked_at(client: Client, account: CreditAccount) -> None:
    for model, row in (("entry", Entry.objects.first()), ("statement", Statement.objects.first())):
        assert client.post(reverse(f"admin:billing_{model}_change", args=[row.pk]), {}).status_code == 403
        assert client.get(reverse(f"admin:billing_{model}_add")).status_code == 403
        assert client.post(reverse(f"admin:billing_{model}_delete", args=[row.pk])).status_code == 403


def test_another_limit_is_given(client: Client, account: CreditAccount) -> None:
    save(client, "creditaccount", account, limit_minor=250_000)
    account.refresh_from_db()
    assert account.limit_minor == 250_000
    assert AccountEvent.objects.filter(kind="limit", actor__is_staff=True).exists()
    assert "au moins un centime" in save(client, "creditaccount", account, limit_minor=0)
    account.refresh_from_db()
    assert account.limit_minor == 250_000


def test_accounts_are_closed_when_nothing_is_owed(client: Client, account: CreditAccount) -> None:
    free = make_account(at=noon(date(2025, 3, 1)))
    data = {"action": "close_accounts", "_selected_action": [account.pk, free.pk]}
    said = client.post(reverse("admin:billing_creditaccount_changelist"), data, follow=True).content.decode()
    assert "il reste quelque chose" in said
    assert list(CreditAccount.objects.filter(state="closed")) == [free]


def test_a_rate_is_written_before_it_begins_and_stands_afterwards(client: Client) -> None:  # S1.8
    tomorrow = local_date(timezone.now()) + timedelta(days=1)
    said = save(client, "rate", kind="cap", starts_on=tomorrow - timedelta(days=1), rate_bp=900)
    assert "avant le jour où il commence" in said
    save(client, "rate", kind="cap", starts_on=tomorrow, rate_bp=900)
    rate = Rate.objects.get(starts_on=tomorrow)
    save(client, "rate", rate, kind="cap", starts_on=tomorrow, rate_bp=950)
    rate.refresh_from_db()
    assert rate.rate_bp == 950
    client.post(reverse("admin:billing_rate_delete", args=[rate.pk]), {"post": "yes"})
    assert not Rate.objects.filter(pk=rate.pk).exists()


def test_a_rate_in_force_is_neither_changed_nor_withdrawn(client: Client) -> None:  # S1.8
    add_rates()
    now = timezone.now()
    cap = Rate.objects.get(kind="cap")
    data = {"kind": "cap", "starts_on": "2030-01-01", "rate_bp": 1}
    assert client.post(reverse("admin:billing_rate_change", args=[cap.pk]), data).status_code == 403
    assert (
        client.post(reverse("admin:billing_rate_delete", args=[cap.pk]), {"post": "yes"}).status_code == 403
    )
    with pytest.raises(RateStarted):
        keep_rate(kind=RateKind.CAP, starts_on=date(2090, 1, 1), rate_bp=1, at=now, rate_id=cap.pk)
    with pytest.raises(RateStarted):
        keep_rate(kind=RateKind.CAP, starts_on=local_date(now), rate_bp=1, at=now)
    with pytest.raises(RateStarted):
        withdraw_rate(rate_id=cap.pk, at=now)
    cap.refresh_from_db()
    assert (Rate.objects.count(), cap.rate_bp) == (2, 1200)


def test_a_dispute_is_decided_with_an_answer(client: Client, account: CreditAccount) -> None:
    entry = Entry.objects.get(kind="purchase")
    dispute_id = open_dispute(
        entry_id=entry.pk, holder_id=account.holder_id, reason="Non", at=noon(date(2025, 5, 2))
    )
    dispute = EntryDispute.objects.get(pk=dispute_id)
    assert "Dites pourquoi : le client le lira." in save(client, "entrydispute", dispute, decision="upheld")
    dispute.refresh_from_db()
    assert dispute.outcome == "open"
    save(client, "entrydispute", dispute, decision="upheld", reply="Vous aviez raison.")
    dispute.refresh_from_db()
    assert (dispute.outcome, dispute.answer) == ("upheld", "Vous aviez raison.")
    assert Entry.objects.filter(kind="refund").count() == 3
    address = reverse("admin:billing_entrydispute_change", args=[dispute.pk])
    assert client.post(address, {"decision": "rejected", "reply": "Non."}).status_code == 403
    pay(account, 100, date(2025, 6, 2))


def test_an_operator_gives_a_card_with_its_account_once(client: Client) -> None:
    holder, key = make_user(), uuid4()
    facts = {"holder": holder.pk, "limit_minor": 500_000, "billing_day": 20, "key": key}
    for _ in range(2):
        save(client, "creditaccount", **facts)
    account = CreditAccount.objects.get()
    assert (account.holder_id, account.limit_minor, account.billing_day) == (holder.pk, 500_000, 20)
    assert credit_card_of(holder.pk, account.card_id, at=timezone.now()) is not None
    opened = AccountEvent.objects.get(kind="opened")
    assert opened.actor_id is not None
    assert opened.actor.is_staff


@pytest.mark.parametrize(
    ("wrong", "told"),
    [({"limit_minor": 0}, "au moins un centime"), ({"billing_day": 7}, "choix"), ({"holder": 0}, "choix")],
)
def test_a_card_is_not_given_with_wrong_facts(client: Client, wrong: dict[str, int], told: str) -> None:
    facts = {"holder": make_user().pk, "limit_minor": 500_000, "billing_day": 20, "key": uuid4()}
    assert told in save(client, "creditaccount", **(facts | wrong))
    assert not CreditAccount.objects.exists()
    assert not Card.objects.exists()
