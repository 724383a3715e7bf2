"""Places that nobody buys arrive by themselves (S2.2)."""

import uuid
from datetime import timedelta

import pytest
from django.utils import timezone

from kernel.calendar import last_valid_day, programme_day
from ledger.errors import InvalidPeriod, KeyReused
from ledger.models import Transfer
from ledger.selectors import balance
from tests.wallet.factories import make_place_card, make_product, make_user
from tests.wallet.test_concurrency import at_once
from wallet.errors import ProductUnknown
from wallet.models import Card, CardEvent
from wallet.services.deliver import deliver_places

pytestmark = pytest.mark.django_db


def request(holder, product, **changes):
    return {
        "key": uuid.uuid4(),
        "holder_id": holder.pk,
        "product_slug": product.slug,
        "label": "Fidélité, 240 points",
        "at": timezone.now(),
    } | changes


def test_a_delivered_card_is_in_the_wallet_with_its_places_and_its_origin():  # S2.2
    ada, product = make_user(), make_product(1, artwork="reward", weekdays=0b0011111)
    card = Card.objects.get(pk=deliver_places(**request(ada, product)))
    assert (card.holder_id, card.kind, card.label) == (ada.pk, "places", "Fidélité, 240 points")
    assert card.expires_on == last_valid_day(programme_day(timezone.now()), 12)
    assert balance(card.account_id, at=timezone.now()).available == 1
    assert CardEvent.objects.get(card=card).kind == "issued"


def test_a_day_that_is_given_is_the_last_day_of_a_screening():  # S2.4
    last_day = programme_day(timezone.now()) + timedelta(days=14)
    assert make_place_card(make_user(), expires_on=last_day).expires_on == last_day


def test_the_name_is_the_holder_s_language():
    product = make_product(name_fr="Place anniversaire", name_en="Birthday seat")
    assert make_place_card(make_user(language="en"), product).product_name == "Birthday seat"


def test_the_same_key_again_gives_the_same_card_and_no_more_places():
    ada, product = make_user(), make_product(1)
    wanted = request(ada, product)
    first = deliver_places(**wanted)
    again = deliver_places(**wanted | {"at": timezone.now() + timedelta(days=40)})
    assert first == again
    assert Card.objects.count() == 1
    assert Transfer.objects.count() == 1


def test_a_card_given_away_since_is_still_the_answer_to_its_key():
    ada, product = make_user("ada@exemple.test"), make_product(1)
    wanted = request(ada, product)
    card_id = deliver_places(**wanted)
    Card.objects.filter(pk=card_id).update(holder=make_user())
    assert deliver_places(**wanted) == card_id


def test_a_key_stands_for_one_request():
    ada, product = make_user(), make_product(1)
    wanted = request(ada, product)
    deliver_places(**wanted)
    for other in ({"holder_id": make_user().pk}, {"product_slug": make_product(2).slug}):
        with pytest.raises(KeyReused):
            deliver_places(**wanted | other)
    assert Card.objects.count() == 1


def test_an_unknown_product_or_a_day_that_is_over_leaves_nothing_behind():
    ada, product = make_user(), make_product(1)
    with pytest.raises(ProductUnknown):
        deliver_places(**request(ada, product, product_slug="rien"))
    with pytest.raises(InvalidPeriod):
        deliver_places(**request(ada, product, expires_on=programme_day(timezone.now()) - timedelta(days=1)))
    assert not Card.objects.exists()
    assert not Transfer.objects.exists()


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_sixteen_deliveries_under_one_key_make_one_card():
    ada, product = make_user(), make_product(1)
    wanted = request(ada, product)
    results = at_once(*[lambda: deliver_places(**wanted)] * 16)
    assert set(results) == {Card.objects.get().pk}
    assert Transfer.objects.count() == 1
