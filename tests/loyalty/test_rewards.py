"""Rewards (S4, Cinema): 240 points are a 5/7 place, 300 a 7/7 place, in the wallet by themselves (S2.2)."""

from uuid import uuid4

import pytest

from loyalty.errors import KeyReused, MemberUnknown, NotEnoughPoints, RewardUnknown
from loyalty.models import Member, RewardClaim
from loyalty.services.rewards import claim_reward
from tests.factories import person
from tests.loyalty.points import NOW, available, books_are_right, buy, everything, member, shipped
from wallet.models import Card, CardProduct

pytestmark = pytest.mark.django_db


@pytest.fixture
def who() -> Member:
    """A member of the cinema's programme with 540 points."""
    found = member(shipped("cinema"), user_id=person().pk)
    buy(found, 540_00)
    return found


@pytest.mark.parametrize(
    ("code", "points", "product"), [("5-7", 240_00, "fidelite-5-7"), ("7-7", 300_00, "fidelite-7-7")]
)
def test_points_become_a_place_in_the_wallet(who: Member, code: str, points: int, product: str) -> None:
    key = uuid4()
    card_id = claim_reward(key=key, member_id=who.pk, reward_code=code, at=NOW)
    card = Card.objects.get(pk=card_id)
    assert (card.holder_id, card.product.slug if card.product else "") == (who.user_id, product)
    assert available(who, NOW) == 540_00 - points
    assert claim_reward(key=key, member_id=who.pk, reward_code=code, at=NOW) == card_id
    assert (Card.objects.count(), RewardClaim.objects.get().points_minor) == (1, points)
    assert books_are_right()


def test_239_points_are_not_enough_and_nothing_happens(who: Member) -> None:
    claim_reward(key=uuid4(), member_id=who.pk, reward_code="7-7", at=NOW)
    buy(who, 1)
    claim_reward(key=uuid4(), member_id=who.pk, reward_code="5-7", at=NOW)
    buy(who, 239_98)
    before = everything()
    with pytest.raises(NotEnoughPoints) as refusal:
        claim_reward(key=uuid4(), member_id=who.pk, reward_code="5-7", at=NOW)
    assert refusal.value.available_minor == 239_99
    assert everything() == before
    assert Card.objects.count() == 2


def test_unknown_rewards_products_and_members_without_account_are_refused(who: Member) -> None:
    key = uuid4()
    claim_reward(key=key, member_id=who.pk, reward_code="5-7", at=NOW)
    at_till = member(who.programme)
    buy(at_till, 300_00)
    CardProduct.objects.filter(slug="fidelite-7-7").delete()
    before = everything()
    for member_id, code, refusal in (
        (who.pk, "6-7", RewardUnknown),
        (who.pk, "7-7", RewardUnknown),
        (at_till.pk, "5-7", MemberUnknown),
    ):
        with pytest.raises(refusal):
            claim_reward(key=uuid4(), member_id=member_id, reward_code=code, at=NOW)
    with pytest.raises(KeyReused):
        claim_reward(key=key, member_id=who.pk, reward_code="7-7", at=NOW)
    assert everything() == before
