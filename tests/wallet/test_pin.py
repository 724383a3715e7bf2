"""The PIN of a credit card: shown once, guessed three times, never trivial (S1.6, S1.7)."""

import pytest
from django.contrib.auth.hashers import identify_hasher
from django.utils import timezone

from tests.wallet.credit_factories import (
    by_holder,
    check,
    events,
    fees_asked,
    fresh,
    make_credit,
    other_pin,
    use_up_tries,
    why_not,
    with_pin,
)
from tests.wallet.factories import make_user
from wallet.errors import (
    CardBlocked,
    CardNotUsable,
    PinShown,
    PinWrong,
)
from wallet.models import Card
from wallet.services.pin import draw_pin, is_trivial, renew_pin, same_pin
from wallet.services.stop import freeze_credit_card, unfreeze_credit_card

pytestmark = pytest.mark.django_db


@pytest.fixture
def holder():
    return make_user()


@pytest.fixture
def card(holder):
    return make_credit(holder)


def test_first_pin_is_free_and_shown_once(card):  # S1.6
    pin = with_pin(card)
    assert len(pin) == 4
    assert pin.isdecimal()
    with pytest.raises(PinShown):
        draw_pin(**by_holder(card))
    assert fees_asked() == []
    assert events(card) == ["issued", "pin_drawn"]
    check(card, pin)


def test_pin_is_kept_as_an_argon2id_hash_bound_to_its_card(card, holder):
    pin = with_pin(card)
    kept = fresh(card).credit.pin_hash
    assert kept.startswith("argon2$argon2id$")
    assert identify_hasher(kept).algorithm == "argon2"
    other = make_credit(holder)
    assert same_pin(kept, pin, card_id=card.pk)
    assert not same_pin(kept, pin, card_id=other.pk)


@pytest.mark.parametrize("pin", ["0000", "7777", "1234", "6789", "7890", "9876", "3210", "1098"])
def test_trivial_pins(pin):
    assert is_trivial(pin)


@pytest.mark.parametrize("pin", ["1235", "1122", "0192", "2468", "1212", "0001"])
def test_pins_that_are_not_trivial(pin):
    assert not is_trivial(pin)


def test_another_pin_makes_the_old_one_wrong_and_costs_one_fee(card):  # S1.6
    old = with_pin(card)
    new = renew_pin(**by_holder(card), generation_of_pin=1)
    assert new != old
    with pytest.raises(PinShown):
        renew_pin(**by_holder(card), generation_of_pin=1)
    assert fees_asked() == [f"pin:{card.pk}:2"]
    with pytest.raises(PinWrong):
        check(card, old)
    check(card, new)
    assert renew_pin(**by_holder(card), generation_of_pin=2) != new
    assert fees_asked() == [f"pin:{card.pk}:2", f"pin:{card.pk}:3"]


def test_a_card_without_a_pin_has_none_to_renew_and_none_to_check(card):
    with pytest.raises(PinShown):
        renew_pin(**by_holder(card), generation_of_pin=0)
    with pytest.raises(CardNotUsable) as refusal:
        check(card, "4711")
    assert refusal.value.why == "no_pin"
    assert (fresh(card).credit.wrong_pin, fees_asked()) == (0, [])


def test_another_pin_ends_a_row_of_wrong_ones(card):
    pin = with_pin(card)
    for step in (1, 2):
        with pytest.raises(PinWrong):
            check(card, other_pin(pin, step))
    check(card, renew_pin(**by_holder(card), generation_of_pin=1))
    assert fresh(card).credit.wrong_pin == 0


def test_three_wrong_pins_block_the_card(card):  # S1.7
    pin = with_pin(card)
    for left in (2, 1):
        with pytest.raises(PinWrong) as refusal:
            check(card, other_pin(pin))
        assert refusal.value.tries_left == left
    for told in (other_pin(pin), pin):
        with pytest.raises(CardBlocked):
            check(card, told)
    assert why_not(card) == "pin"
    assert events(card) == ["issued", "pin_drawn", "blocked pin"]


def test_a_right_pin_begins_a_new_row_of_tries(card):  # S1.7: in a row
    pin = with_pin(card)
    for _ in range(2):
        for step in (1, 2):
            with pytest.raises(PinWrong):
                check(card, other_pin(pin, step))
        check(card, pin)
    assert why_not(card) == ""


def test_blocked_by_its_pin_the_card_gets_no_other_pin_alone(card):  # S1.7: new PIN and card
    use_up_tries(card, with_pin(card))
    with pytest.raises(CardNotUsable):
        renew_pin(**by_holder(card), generation_of_pin=1)
    freeze_credit_card(**by_holder(card))
    with pytest.raises(CardNotUsable):
        renew_pin(**by_holder(card), generation_of_pin=1)
    unfreeze_credit_card(**by_holder(card))
    assert (why_not(card), fees_asked()) == ("pin", [])


def test_stopped_cards_lose_no_try(card):
    pin = with_pin(card)
    freeze_credit_card(**by_holder(card))
    with pytest.raises(CardNotUsable) as refusal:
        check(card, pin)
    assert (refusal.value.why, fresh(card).credit.wrong_pin) == ("frozen", 0)


def test_only_the_holder_draws_the_pin(card):
    with pytest.raises(Card.DoesNotExist):
        draw_pin(card_id=card.pk, holder_id=make_user().pk, at=timezone.now())
    assert fresh(card).credit.pin_hash == ""
