"""The demo's data, as other tests and the README promise it."""

from datetime import timedelta

import pytest
from django.core.management import CommandError, call_command
from django.test import override_settings
from django.utils import timezone

from accounts.models import IdentificationKey, Membership, User
from accounts.selectors import ordering_gate
from accounts.states import MembershipState
from config.demo.people import DIRECT_KEY, KEY, MEMBER, NEWCOMER, OPERATOR, PASSWORD, STAFF
from config.demo.tell import tell
from ledger.selectors import balances
from orders.models import Invoice, Order, Product
from orders.states import OrderState
from outbox.models import Job
from outbox.states import JobState
from wallet.models import Card

pytestmark = pytest.mark.django_db


def counts() -> dict[str, int]:
    models = (User, Membership, IdentificationKey, Product, Order, Invoice, Card, Job)
    return {model.__name__: model.objects.count() for model in models}


@pytest.fixture
def told() -> None:
    assert tell(at=timezone.now())


def test_telling_twice_changes_nothing(told: None) -> None:
    before = counts()
    assert not tell(at=timezone.now() + timedelta(days=3))
    assert counts() == before


@pytest.mark.parametrize("email", [MEMBER, NEWCOMER, STAFF, OPERATOR])
def test_the_sign_ins_of_the_readme_work(told: None, email: str) -> None:
    user = User.objects.get(email=email)
    assert user.check_password(PASSWORD)
    assert ordering_gate(user.pk).email_verified


def test_each_person_stands_where_the_story_needs_them(told: None) -> None:
    gates = {email: ordering_gate(User.objects.get(email=email).pk) for email in (MEMBER, NEWCOMER, STAFF)}
    assert gates[MEMBER].may_order
    assert gates[NEWCOMER].membership_state == MembershipState.PENDING
    assert gates[STAFF].is_staff
    assert User.objects.get(email=OPERATOR).is_superuser


def test_the_keys_of_the_readme_do_what_they_say(told: None) -> None:
    keys = {key.code: key for key in IdentificationKey.objects.all()}
    assert not keys[KEY].auto_approve
    assert keys[DIRECT_KEY].auto_approve
    assert all(keys[code].use_limit is None and keys[code].expires_on is None for code in (KEY, DIRECT_KEY))


def test_the_queue_is_long_enough_for_a_second_page(told: None) -> None:
    pending = Membership.objects.filter(state=MembershipState.PENDING)
    assert pending.count() >= 40
    assert pending.filter(organisation=None).exists()
    assert pending.values("organisation").distinct().count() == 3


def test_the_member_has_orders_in_every_state_to_look_at_and_an_empty_cart(told: None) -> None:
    orders = Order.objects.filter(customer__email=MEMBER)
    states = set(orders.exclude(state=OrderState.CART).values_list("state", flat=True))
    assert states == {
        OrderState.AWAITING_PAYMENT,  # refused by the bank, payable again
        OrderState.FULFILLED,
        OrderState.REFUNDED,
        OrderState.EXPIRED,
        OrderState.CANCELLED,
    }
    assert not orders.filter(state=OrderState.CART, lines__isnull=False).exists()
    # S3.4, the seed's own figures.
    assert {11495, 9500} <= set(orders.values_list("total_minor", flat=True))


def test_invoices_are_numbered_in_the_order_of_the_sales(told: None) -> None:
    invoices = Invoice.objects.filter(kind=Invoice.Kind.INVOICE).order_by("order_id")
    assert [row.number for row in invoices] == sorted(row.number for row in invoices)
    assert Invoice.objects.filter(kind=Invoice.Kind.CREDIT_NOTE).count() == 1


def test_the_wallet_shows_full_used_empty_expired_and_foreign_cards(told: None) -> None:
    now = timezone.now()
    cards = Card.objects.filter(holder__email=MEMBER)
    worth = {
        (card.face_minor, balance.available)
        for card in cards
        if card.account_id
        for balance in [balances([card.account_id], at=now)[card.account_id]]
    }
    assert {(3300, 2140), (4400, 0), (4400, 4400), (1000, 85), (2500, 640), (5000, 0)} <= worth
    assert cards.filter(account_id=None).exists()  # from the shelf of codes
    assert cards.filter(expires_on__lt=now.date()).exists()


def test_nothing_old_is_announced_today(told: None) -> None:
    waiting = Job.objects.filter(state=JobState.WAITING).values_list("kind", flat=True)
    assert set(waiting) <= {"orders.make_invoice", "orders.make_credit_note"}


def test_the_command_says_how_to_sign_in(capsys: pytest.CaptureFixture[str]) -> None:
    call_command("demo")
    said = capsys.readouterr().out
    assert all(word in said for word in (MEMBER, NEWCOMER, STAFF, OPERATOR, PASSWORD, KEY, DIRECT_KEY))


@override_settings(SANDBOX=False)
def test_it_refuses_to_stand_beside_real_people() -> None:
    with pytest.raises(CommandError):
        call_command("demo")
    assert not User.objects.exists()
