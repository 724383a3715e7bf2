"""What is done to all cards of a batch at once: taken back, stopped, released, condemned."""

import uuid
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from ledger.models import Transfer
from ledger.selectors import balance
from ledger.services.audit import audit
from tests.wallet.factories import card_request, make_cards, make_user
from tests.wallet.prepaid_factories import debit_facts
from wallet.errors import CardAlreadyUsed
from wallet.models import Card, CardEvent, ClaimLink, IssueIntent, PrepaidCard, StockCode, StockPool
from wallet.services import rows
from wallet.services.block import block_card, unblock_card
from wallet.services.contest import Stopped, condemn_batch, freeze_batch, release_batch
from wallet.services.contest_card import condemn_card, contest_card, release_card
from wallet.services.freeze import freeze_card
from wallet.services.issue import issue_batch
from wallet.services.load import load_card
from wallet.services.plan import plan_issue
from wallet.services.send import send_card
from wallet.services.spend import spend_card
from wallet.services.till import debit_card
from wallet.services.void import void_batch
from wallet.states import CardState, Hold, IntentState, LinkState

pytestmark = pytest.mark.django_db
ACTIVE, BLOCKED, VOID = CardState.ACTIVE, CardState.BLOCKED, CardState.VOID


@pytest.fixture
def mixed() -> list[Card]:
    """One batch: running, lost by its holder, void, prepaid and frozen by its holder; a code not in stock."""
    StockPool.objects.create(slug="marche", name="Marché")
    holder, now, batch = make_user(), timezone.now(), f"test:{uuid.uuid4().hex[:12]}"
    kinds = [{}, {}, {}, {"issuer": "prepaid", "currency": "CHF"}, {"issuer": "stock:marche"}]
    requests = [card_request(5_000, **kind) for kind in kinds]
    plan_issue(batch=batch, holder_id=holder.pk, cards=requests, due_at=now, at=now)
    issue_batch(batch=batch, at=now)
    cards = list(Card.objects.filter(batch=batch).order_by("intent__rank"))
    block_card(card_id=cards[1].pk, actor_id=holder.pk, at=now)
    Card.objects.filter(pk=cards[2].pk).update(state=VOID)
    freeze_card(card_id=cards[3].pk, holder_id=holder.pk, at=now)
    spend_card(card_id=cards[0].pk, key=uuid.uuid4(), amount_minor=2_000, shop="x", at=now)
    return cards


def states(cards: list[Card]) -> list[tuple[str, str]]:
    found = Card.objects.in_bulk([card.pk for card in cards])
    return [(found[card.pk].state, found[card.pk].state_when_released) for card in cards]


def events(cards: list[Card], note: str) -> list[list[str]]:
    """What was noted about each card under these words."""
    return [
        list(CardEvent.objects.filter(card=card, note=note).order_by("pk").values_list("kind", flat=True))
        for card in cards
    ]


def facts(cards: list[Card], note: str = "dispute") -> dict[str, Any]:
    return {"batch": cards[0].batch, "note": note, "at": timezone.now()}


def everything() -> tuple[object, ...]:
    tables = (Card, IssueIntent, CardEvent, ClaimLink, PrepaidCard, StockCode, Transfer)
    return tuple(list(table.objects.order_by("pk").values()) for table in tables)


def holders_own_block(card: Card) -> bool:
    return PrepaidCard.objects.get(card=card).frozen


def test_a_dispute_stops_what_runs_and_remembers_what_did_not(mixed):
    stopped = freeze_batch(**facts(mixed))
    assert stopped == Stopped(cards=3, left_minor=13_000, spent_minor=2_000, outside=0, unissued=1)
    assert states(mixed) == [(BLOCKED, ACTIVE), (BLOCKED, BLOCKED), (VOID, ""), (BLOCKED, BLOCKED)]
    assert events(mixed, "dispute") == [["blocked"], [], [], []]
    assert set(IssueIntent.objects.values_list("hold", flat=True)) == {Hold.CONTESTED}
    before = everything()
    assert freeze_batch(**facts(mixed)) == stopped
    assert everything() == before


def test_a_dispute_that_is_won_leaves_each_card_as_it_was(mixed):
    before = states(mixed)
    freeze_batch(**facts(mixed))
    assert release_batch(**facts(mixed, "won")) == 1
    assert states(mixed) == before == [(ACTIVE, ""), (BLOCKED, ""), (VOID, ""), (BLOCKED, "")]
    assert events(mixed, "won") == [["unblocked"], [], [], []]
    assert holders_own_block(mixed[3])  # theirs to lift
    assert set(IssueIntent.objects.values_list("hold", flat=True)) == {Hold.NONE}
    after = everything()
    assert release_batch(**facts(mixed, "won")) == 0
    assert everything() == after


@pytest.mark.parametrize("contested_first", [True, False])
def test_a_dispute_that_is_lost_blocks_all_but_the_void_for_an_operator(mixed, contested_first):
    if contested_first:
        freeze_batch(**facts(mixed))
    stopped = condemn_batch(**facts(mixed, "lost"))
    assert stopped == Stopped(cards=3, left_minor=13_000, spent_minor=2_000, outside=0, unissued=1)
    assert states(mixed) == [(BLOCKED, ""), (BLOCKED, ""), (VOID, ""), (BLOCKED, "")]
    assert events(mixed, "lost") == [["blocked"], ["blocked"], [], ["blocked"]]
    assert not holders_own_block(mixed[3])
    assert set(IssueIntent.objects.values_list("hold", flat=True)) == {Hold.LOST}
    assert IssueIntent.objects.get(issuer="stock:marche").state == IntentState.CANCELLED
    unblock_card(card_id=mixed[0].pk, actor_id=make_user().pk, at=timezone.now())
    before = everything()
    condemn_batch(**facts(mixed, "lost"))
    assert everything() == before


def test_what_another_batch_holds_is_left_alone(mixed):
    other = make_cards(make_user(), 5_000, 5_000)
    freeze_batch(**facts(mixed))
    condemn_batch(**facts(mixed, "lost"))
    assert states(other) == [(ACTIVE, "")] * 2
    void_batch(other[0].batch, timezone.now())
    assert states(mixed) == [(BLOCKED, ""), (BLOCKED, ""), (VOID, ""), (BLOCKED, "")]
    assert CardEvent.objects.filter(kind="voided").count() == 2


def test_cards_that_are_running_blocked_and_on_their_way_are_taken_back_together():
    holder = make_user()
    cards = make_cards(holder, 5_000, 6_000, 7_000, issuer="prepaid", currency="CHF")
    sent, now = make_cards(holder, 3_000, 4_000), timezone.now()
    block_card(card_id=cards[0].pk, actor_id=holder.pk, at=now)
    ways = {"recipient": "bob@demo.example", "message": "", "language": "fr", "at": now}
    send_card(card_id=sent[0].pk, sender_id=holder.pk, **ways)
    assert void_batch(cards[0].batch, now) == 3
    assert void_batch(sent[0].batch, now) == 2
    assert states([*cards, *sent]) == [(VOID, "")] * 5
    assert [balance(card.account_id, at=now).available for card in [*cards, *sent]] == [0] * 5
    assert ClaimLink.objects.get().state == LinkState.REVOKED
    assert CardEvent.objects.filter(kind="voided").count() == 5
    assert audit(at=now).findings == ()
    before = everything()
    assert void_batch(cards[0].batch, now) == 0
    assert everything() == before


def test_a_prepaid_card_spent_and_loaded_to_as_much_is_named_and_nothing_is_taken_back():
    cards = make_cards(make_user(), *[10_000] * 4, issuer="prepaid", currency="CHF")
    used = cards[2]
    debit_card(**debit_facts(used, 4_000))
    load_card(
        key=uuid.uuid4(),
        card_id=used.pk,
        holder_id=used.holder_id,
        amount_minor=4_000,
        at=timezone.now(),
    )
    before = everything()
    with pytest.raises(CardAlreadyUsed, match=used.masked):
        void_batch(used.batch, timezone.now())
    assert everything() == before


# Prepaid cards that are stopped for a load as well


def nothing(_cards: object) -> set[uuid.UUID]:
    return set()


def test_a_card_whose_load_is_contested_too_outlives_the_dispute_of_its_batch():
    loaded, other = make_cards(make_user(), 10_000, 10_000, issuer="prepaid", currency="CHF")
    now = timezone.now()
    freeze_batch(**facts([loaded]))
    contest_card(card_id=loaded.pk, note="load", at=now)
    asked = []

    def still_contested(cards):
        asked.extend(cards)
        return {loaded.pk}

    assert release_batch(**facts([loaded], "won"), still_contested=still_contested) == 1
    assert sorted(asked) == sorted([loaded.pk, other.pk])
    assert states([loaded, other]) == [(BLOCKED, ACTIVE), (ACTIVE, "")]
    release_card(card_id=loaded.pk, note="load won", at=now, still_contested=nothing)
    assert states([loaded, other]) == [(ACTIVE, "")] * 2


def test_a_card_whose_purchase_is_contested_too_outlives_the_dispute_of_its_load():
    [card] = make_cards(make_user(), 10_000, issuer="prepaid", currency="CHF")
    now = timezone.now()
    contest_card(card_id=card.pk, note="load", at=now)
    freeze_batch(**facts([card]))
    release_card(card_id=card.pk, note="load won", at=now, still_contested=nothing)
    assert states([card]) == [(BLOCKED, ACTIVE)]
    assert events([card], "load won") == [[]]
    release_batch(**facts([card], "won"))
    assert states([card]) == [(ACTIVE, "")]


@pytest.mark.parametrize("lost_first", ["purchase", "load"])
def test_a_card_that_one_dispute_lost_waits_for_the_other_and_stays_blocked(lost_first):
    [card] = make_cards(make_user(), 10_000, issuer="prepaid", currency="CHF")
    now = timezone.now()
    freeze_batch(**facts([card]))
    contest_card(card_id=card.pk, note="load", at=now)
    if lost_first == "purchase":
        condemn_batch(**facts([card], "lost"), still_contested=lambda _: {card.pk})
        assert states([card]) == [(BLOCKED, BLOCKED)]  # nobody unblocks it while a bank decides
        release_card(card_id=card.pk, note="load won", at=now, still_contested=nothing)
    else:
        condemn_card(card_id=card.pk, note="load lost", at=now, still_contested=nothing)
        assert states([card]) == [(BLOCKED, BLOCKED)]
        release_batch(**facts([card], "won"))
    assert states([card]) == [(BLOCKED, "")]


# However many cards


def _void(cards: list[Card]) -> object:
    return void_batch(cards[0].batch, timezone.now())


def _freeze(cards: list[Card]) -> object:
    return freeze_batch(**facts(cards))


def _release(cards: list[Card]) -> object:
    return release_batch(**facts(cards))


def _condemn(cards: list[Card]) -> object:
    return condemn_batch(**facts(cards))


def queries(act: Callable[[list[Card]], object], count: int, **fields: Any) -> int:
    """Statements that `act` takes on a batch of `count` cards, frozen before where it undoes that."""
    cards = make_cards(make_user(), *[5_000] * count, **fields)
    if act is _release:
        _freeze(cards)
    with CaptureQueriesContext(connection) as seen:
        act(cards)
    return len(seen)


@pytest.mark.parametrize("fields", [{}, {"issuer": "prepaid", "currency": "CHF"}], ids=["own", "prepaid"])
@pytest.mark.parametrize("act", [_void, _freeze, _release, _condemn])
def test_three_hundred_cards_take_as_many_statements_as_thirty(act, fields):
    queries(act, 1, **fields)  # what is remembered afterwards is looked up here
    few, many = (queries(act, count, **fields) for count in (30, 300))
    assert few < 35
    # Django cuts what it inserts into SQLite to 999 parameters: events and moves of 300 cards are in pieces.
    assert many - few <= (0 if connection.vendor == "postgresql" else 3)


@pytest.mark.parametrize("act", [_void, _freeze, _release, _condemn])
def test_statements_grow_by_the_piece_only(act, monkeypatch):
    monkeypatch.setattr(rows, "ROWS_PER_STATEMENT", 20)
    monkeypatch.setattr("ledger.services.books.ROWS_PER_STATEMENT", 20)
    queries(act, 1)
    one, two, three = (queries(act, count) for count in (20, 40, 60))
    assert 0 < two - one == three - two <= 10
    assert audit(at=timezone.now()).findings == ()
