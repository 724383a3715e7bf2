"""Disputes of two loads of one prepaid card, decided at once (S0.1). Needs PostgreSQL.

Each test runs with the card's lock and without it, and must break without.
"""

from collections.abc import Collection, Iterator
from contextlib import suppress
from threading import Barrier, BrokenBarrierError, Event
from uuid import UUID

import pytest
from django.db.models import QuerySet
from django.utils import timezone

from ledger.services.open import forget_system_accounts
from orders.gateways.base import PspState, PspStatus
from orders.models import Payment
from orders.services import load_pay
from orders.services.load import place_load
from orders.services.pay import pay_order
from orders.services.settle import apply_state
from orders.states import PaymentState
from tests.concurrency.test_ledger_races import storm
from tests.orders.factories import make_member, make_terms
from tests.orders.paying import a_payment, bank_says_paid, paid_evidence
from tests.wallet.prepaid_factories import make_prepaid
from wallet.models import Card
from wallet.states import CardState

pytestmark = [pytest.mark.postgres, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def loads() -> Iterator[list[Payment]]:
    """Two loads of one card, paid."""
    terms, member = make_terms(), make_member()
    card = make_prepaid(member, 10_000)
    yield [_load(card, amount, terms.pk) for amount in (5_000, 6_000)]
    forget_system_accounts()


class Meeting:
    """Both come before either goes on, unless a lock keeps one away: then the other stops waiting."""

    def __init__(self) -> None:
        self.place, self.begun = Barrier(2), Event()

    def come(self) -> None:
        self.begun.set()
        with suppress(BrokenBarrierError):
            self.place.wait(2)


@pytest.fixture
def meeting(monkeypatch: pytest.MonkeyPatch) -> Meeting:
    """Whoever decides comes to it between having looked for other disputes and releasing the card."""
    met, look = Meeting(), load_pay.loads_contested

    def look_and_come(cards: Collection[UUID]) -> set[UUID]:
        found = look(cards)
        met.come()
        return found

    monkeypatch.setattr(load_pay, "loads_contested", look_and_come)
    return met


@pytest.fixture(params=["held", "removed"])
def locks(request: pytest.FixtureRequest, loads: list[Payment], monkeypatch: pytest.MonkeyPatch) -> str:
    if request.param == "removed":
        monkeypatch.setattr(QuerySet, "select_for_update", lambda rows, **_: rows.all())
    return str(request.param)


def _load(card: Card, amount: int, terms_id: int) -> Payment:
    assert card.holder_id is not None
    now = timezone.now()
    order = place_load(
        customer_id=card.holder_id, card_id=card.pk, amount_minor=amount, terms_id=terms_id, at=now
    )
    payment = a_payment(order)
    bank_says_paid(payment)
    pay_order(payment_id=payment.pk, evidence=paid_evidence(payment, currency="CHF"), at=timezone.now())
    return payment


def bank_says(payment: Payment, status: PspStatus) -> None:
    evidence = PspState(payment.psp_id, status, payment.amount_minor, "CHF")
    apply_state(payment_id=payment.pk, evidence=evidence, at=timezone.now())


@pytest.mark.usefixtures("meeting")
def test_two_disputes_won_at_once_give_the_card_back(locks: str, loads: list[Payment]) -> None:
    for payment in loads:
        bank_says(payment, PspStatus.DISPUTED)
    done = storm(*[lambda payment=payment: bank_says(payment, PspStatus.SUCCEEDED) for payment in loads])
    assert done == {"done": 2}
    assert set(Payment.objects.values_list("state", flat=True)) == {PaymentState.SUCCEEDED}
    assert (Card.objects.get().state == CardState.ACTIVE) == (locks == "held")


def test_one_dispute_won_while_another_opens_leaves_the_card_stopped(
    locks: str, loads: list[Payment], meeting: Meeting
) -> None:
    bank_says(loads[0], PspStatus.DISPUTED)

    def opens() -> None:
        assert meeting.begun.wait(30)  # the other has looked, and not yet decided
        bank_says(loads[1], PspStatus.DISPUTED)
        meeting.come()

    assert storm(lambda: bank_says(loads[0], PspStatus.SUCCEEDED), opens) == {"done": 2}
    assert Payment.objects.get(pk=loads[1].pk).state == PaymentState.DISPUTED
    assert (Card.objects.get().state == CardState.BLOCKED) == (locks == "held")


def test_one_dispute_won_and_one_lost_at_once_leave_the_card_to_an_operator(loads: list[Payment]) -> None:
    for payment in loads:
        bank_says(payment, PspStatus.DISPUTED)
    ends = zip(loads, (PspStatus.SUCCEEDED, PspStatus.CHARGED_BACK), strict=True)
    storm(*[lambda payment=payment, end=end: bank_says(payment, end) for payment, end in ends])
    card = Card.objects.get()
    assert (card.state, card.state_when_released) == (CardState.BLOCKED, "")
