"""From a planned card to a card in the wallet."""

import uuid
from datetime import timedelta

import pytest
from django.utils import timezone

from ledger.selectors import balance, balances
from outbox.models import Job
from tests.wallet.factories import make_cards, make_user, plan
from wallet.issuers.own import draw_number, luhn_digit
from wallet.models import Card, IssueIntent
from wallet.selectors import batch_of_intent, batch_progress
from wallet.services.issue import issue_batch
from wallet.services.number import mask, open_number

pytestmark = pytest.mark.django_db


def test_every_card_of_a_batch_is_issued_with_its_value_in_the_ledger():  # S3.9
    ada = make_user()
    cards = make_cards(ada, 1000, 2000, 5000)
    held = balances([card.account_id for card in cards], at=timezone.now())
    assert [held[card.account_id].available for card in cards] == [1000, 2000, 5000]
    progress = batch_progress(cards[0].batch)
    assert (progress.total, progress.issued, progress.unknown, progress.failed) == (3, 3, 0, 0)
    assert progress.complete


def test_a_number_has_twenty_digits_a_prefix_and_a_check_digit():  # S3.9
    numbers = {draw_number() for _ in range(200)}
    assert len(numbers) == 200
    for number in numbers:
        assert len(number) == 20
        assert number.isdigit()
        assert number.startswith("5032")
        assert luhn_digit(number[:-1]) == number[-1]


def test_a_card_shows_its_number_masked_and_keeps_it_sealed():  # S3.9
    card = make_cards(make_user(), 3300)[0]
    number = open_number(card.number_sealed, card_id=card.pk)
    assert card.masked == f"{number[:4]}XXXXXXXXXXXX{number[-4:]}"
    assert card.last4 == number[-4:]
    stored = "".join(str(value) for value in Card.objects.values_list().get(pk=card.pk))
    assert number not in stored
    assert number[4:16] not in stored


def test_a_short_code_keeps_half_of_itself_hidden():
    assert mask("50321234567890127118") == "5032XXXXXXXXXXXX7118"
    assert mask("ABCD1234") == "ABXXXX34"


def test_issuing_again_changes_nothing():
    cards = make_cards(make_user(), 1000, 2000)
    before = [(card.pk, card.number_index, card.state) for card in cards]
    issue_batch(batch=cards[0].batch, at=timezone.now() + timedelta(hours=1))
    after = [
        (card.pk, card.number_index, card.state)
        for card in Card.objects.filter(batch=cards[0].batch).order_by("intent__rank")
    ]
    assert after == before
    assert balance(cards[0].account_id, at=timezone.now()).available == 1000


def test_planning_a_batch_twice_plans_it_once():
    ada = make_user()
    batch = plan(ada, 1000, 2000)
    plan(ada, 1000, 2000, batch=batch)
    assert IssueIntent.objects.filter(batch=batch).count() == 2
    assert Job.objects.filter(kind="wallet.issue_batch", ref=batch).count() == 1


def test_upper_rooms_hear_of_issued_cards_by_one_job_per_transaction():
    cards = make_cards(make_user(), 1000, 2000)
    job = Job.objects.get(kind="wallet.card_issued")
    assert uuid.UUID(job.ref) == cards[-1].intent_id
    assert batch_of_intent(job.ref) == cards[0].batch


def test_three_cards_cost_few_statements(django_assert_max_num_queries):
    batch = plan(make_user(), 1000, 2000, 3000)
    make_cards(make_user(), 1000)  # warms the system accounts
    with django_assert_max_num_queries(17):
        issue_batch(batch=batch, at=timezone.now())
