"""Which cards open which screening: the one place for the rule, and the tariffs that follow (S2.4-S2.6).

The database's part of the rule is the ledger's: it refuses a place that is over by the screening's start.
"""

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from typing import Any, Protocol
from uuid import UUID

from django.conf import settings
from django.db import connection, models
from django.utils.translation import get_language

from kernel.calendar import programme_day
from kernel.sql import rows
from ledger.selectors import Balance, balances, spendables
from ledger.states import SpendContext
from wallet.errors import ScreeningNotFound
from wallet.states import CardState, ScreeningState


class Misfit(StrEnum):
    """Why a card does not open a screening. The page tells it in the reader's words."""

    BLOCKED = "blocked"  # by its holder or by us
    VOID = "void"
    SENT = "sent"  # given away by a link that may still be followed
    PENDING = "pending"  # its places become usable later
    TOO_SHORT = "too_short"  # its last day is before the day of the screening (S2.4)
    WEEKDAY = "weekday"  # it is not for that day of the week (S2.6)
    TECHNOLOGY = "technology"  # the supplement is not included (S2.6)
    CINEMA = "cinema"  # it is for other cinemas
    LIMIT = "limit"  # it has given this screening as many places as it may
    HELD = "held"  # its last places wait for the payment of another booking
    EMPTY = "empty"


@dataclass(frozen=True)
class ScreeningFacts:
    """One screening as customers see it. `price_minor` in minor units of `currency`, per seat."""

    id: int
    film_title: str
    film_minutes: int
    cinema_id: int
    cinema_code: str
    cinema_name: str
    cinema_city: str
    cinema_address: str
    room: str
    starts_at: datetime
    programme_on: date
    technology: str
    language: str
    price_minor: int
    currency: str
    capacity: int
    taken: int
    state: str

    @property
    def seats_left(self) -> int:
        return self.capacity - self.taken

    @property
    def ends_at(self) -> datetime:
        """When the film is over, without advertisements."""
        return self.starts_at + timedelta(minutes=self.film_minutes)

    @property
    def is_cancelled(self) -> bool:
        return self.state == ScreeningState.CANCELLED

    def has_begun(self, at: datetime) -> bool:
        return self.starts_at <= at

    @property
    def spend(self) -> SpendContext:
        """What the ledger must know of a place spent here (S2.4)."""
        return SpendContext(outlet=self.cinema_code, valid_at=self.starts_at)


class CardRule(Protocol):
    """What the rule asks of any card, towards any screening. `weekdays`: Monday is the lowest bit."""

    @property
    def state(self) -> str: ...
    @property
    def sent(self) -> bool: ...
    @property
    def expires_on(self) -> date: ...
    @property
    def weekdays(self) -> int: ...
    @property
    def technologies(self) -> Collection[str]: ...


@dataclass(frozen=True)
class CardFacts:
    """What the rule asks of a card, towards one screening. `given`: places in its live bookings there."""

    id: UUID
    account_id: int
    product_name: str
    masked: str
    last4: str
    artwork: str
    state: str
    expires_on: date
    weekdays: int
    technologies: frozenset[str]
    seats_per_screening: int | None
    sent: bool
    given: int
    in_cinema: bool


@dataclass(frozen=True)
class Means:
    """A card that fits. `usable` of its `places_left` can be given here; `chosen` are ticked beforehand."""

    card_id: UUID
    product_name: str
    masked: str
    last4: str
    artwork: str
    places_left: int
    usable: int
    expires_on: date
    chosen: int


@dataclass(frozen=True)
class OtherCard:
    """A card of the customer that does not fit, and why."""

    card_id: UUID
    product_name: str
    masked: str
    last4: str
    artwork: str
    places_left: int
    expires_on: date
    reason: Misfit


@dataclass(frozen=True)
class Tariff:
    """How `seats` of a screening can be had: with places of the customer's cards, the rest at full price."""

    screening: ScreeningFacts
    seats: int
    means: tuple[Means, ...]
    others: tuple[OtherCard, ...]

    @property
    def seats_left(self) -> int:
        return self.screening.seats_left

    @property
    def price_minor(self) -> int:
        return self.screening.price_minor

    @property
    def currency(self) -> str:
        return self.screening.currency

    @property
    def covered(self) -> int:
        """Seats covered by the places chosen beforehand."""
        return sum(means.chosen for means in self.means)

    @property
    def to_pay(self) -> int:
        """Seats that are left to pay at full price with that choice."""
        return self.seats - self.covered

    @property
    def due_minor(self) -> int:
        return self.to_pay * self.price_minor


def misfit(card: CardFacts, screening: ScreeningFacts) -> Misfit | None:
    """Why `card` cannot be used for `screening`, whatever is left on it; None when it can.

    The day that counts is the day of the programme: at one in the morning, still the evening before.
    """
    reason = misfit_on(card, screening.programme_on) or misfit_in(
        card, screening.technology, in_cinema=card.in_cinema
    )
    return reason or (Misfit.LIMIT if most_places(card) < 1 else None)


def misfit_on(card: CardRule, on: date) -> Misfit | None:
    """Why `card` opens no screening of the programme day `on` (S2.4, S2.6); None when it may open some."""
    if card.state != CardState.ACTIVE:
        return Misfit.VOID if card.state == CardState.VOID else Misfit.BLOCKED
    if card.sent:
        return Misfit.SENT
    if card.expires_on < on:
        return Misfit.TOO_SHORT
    return None if card.weekdays >> on.weekday() & 1 else Misfit.WEEKDAY


def misfit_in(card: CardRule, technology: str, *, in_cinema: bool) -> Misfit | None:
    """Why `card`, on a day that it fits, does not open a screening shown in this way (S2.6).

    `in_cinema`: whether it is good in the screening's cinema.
    """
    if technology not in card.technologies:
        return Misfit.TECHNOLOGY
    return None if in_cinema else Misfit.CINEMA


def most_places(card: CardFacts) -> int:
    """How many places the card may still give to this screening by its kind's own limit."""
    if card.seats_per_screening is None:
        return settings.BOOKING_MAX_SEATS
    return card.seats_per_screening - card.given


def tariff(*, customer_id: int, screening_id: int, seats: int, at: datetime) -> Tariff:
    """What the customer can use for `seats` seats of a screening, and why the rest does not fit (S2.5).

    `means` come soonest to expire first, and as many places as needed are chosen in that order. Cards that
    are over, used up or void are left out. Whether seats are left is `seats_left`'s answer, not ours.
    Three queries. Refuses `ScreeningNotFound`.
    """
    screening, cards = facts_of_wallet(customer_id=customer_id, screening_id=screening_id, at=at)
    accounts = [card.account_id for card in cards]
    here = spendables(accounts, at=at, spend=screening.spend)
    held = balances(accounts, at=at)
    means: list[Means] = []
    others: list[OtherCard] = []
    wanted = seats
    for card in cards:
        left = held[card.account_id]
        reason = misfit(card, screening)
        if reason is None and not here[card.account_id]:
            reason = _why_none(left, screening)
        if reason is None:
            usable = min(here[card.account_id], most_places(card))
            chosen = min(usable, wanted)
            wanted -= chosen
            means.append(_means(card, left.available, usable, chosen))
        elif left.available or left.held or left.pending:
            others.append(_other(card, left.available or left.pending, reason))
    return Tariff(screening, seats, tuple(means), tuple(others))


def screening_facts(screening_id: int) -> ScreeningFacts:
    """One screening. One query. Refuses `ScreeningNotFound`."""
    row = next(iter(rows(_SCREENING, [screening_id])), None)
    if row is None:
        raise ScreeningNotFound(screening_id)
    return _screening(row)


def facts_of_wallet(
    *, customer_id: int, screening_id: int, at: datetime
) -> tuple[ScreeningFacts, list[CardFacts]]:
    """The screening, and the customer's cards with places that are neither void nor over, soonest first.

    One query. Refuses `ScreeningNotFound`.
    """
    today = connection.ops.adapt_datefield_value(programme_day(at))
    return _facts("c.state <> 'void' AND c.expires_on >= %s", [today], customer_id, screening_id, at)


def facts_of_cards(
    card_ids: Sequence[UUID], *, customer_id: int, screening_id: int, at: datetime
) -> tuple[ScreeningFacts, list[CardFacts]]:
    """The screening, and those of the named cards that the customer holds. One query.

    Refuses `ScreeningNotFound`.
    """
    if not card_ids:
        return screening_facts(screening_id), []
    ids = [_UUID.get_db_prep_value(card_id, connection) for card_id in card_ids]
    return _facts(f"c.id IN ({', '.join(['%s'] * len(ids))})", ids, customer_id, screening_id, at)


# By hand: booking asks this with cards locked, and the ORM takes longer to word it than to ask. Only our own
# column names are put into the text.
_SHOWN = """s.id, f.title, f.minutes, k.id, k.code, k.name, k.city, k.address, s.room, s.starts_at,
    s.programme_on, s.technology, s.language, s.price_minor, s.currency, s.capacity, s.taken, s.state"""
_SCREENING = f"""
SELECT {_SHOWN} FROM wallet_screening s
JOIN wallet_film f ON f.id = s.film_id JOIN wallet_cinema k ON k.id = s.cinema_id WHERE s.id = %s
"""  # noqa: S608
_CARDS = """
SELECT {shown}, c.id, c.account_id, {name}, c.masked, c.last4, c.artwork, c.state, c.expires_on,
    p.weekdays, CAST(p.technologies AS text), p.seats_per_screening,
    EXISTS (SELECT 1 FROM wallet_claimlink l
        WHERE l.card_id = c.id AND l.state = 'open' AND l.token_expires_at > %s),
    CASE WHEN p.seats_per_screening IS NULL THEN 0 ELSE (
        SELECT COALESCE(SUM(m.places), 0)
        FROM wallet_bookingmeans m JOIN wallet_booking b ON b.id = m.booking_id
        WHERE m.card_id = c.id AND b.screening_id = s.id AND b.state IN ('held', 'confirmed')) END,
    NOT EXISTS (SELECT 1 FROM wallet_cardproduct_cinemas o WHERE o.cardproduct_id = p.id)
    OR EXISTS (SELECT 1 FROM wallet_cardproduct_cinemas o
        WHERE o.cardproduct_id = p.id AND o.cinema_id = s.cinema_id)
FROM wallet_screening s
JOIN wallet_film f ON f.id = s.film_id
JOIN wallet_cinema k ON k.id = s.cinema_id
LEFT JOIN wallet_card c ON c.holder_id = %s AND c.product_id IS NOT NULL AND {wanted}
LEFT JOIN wallet_cardproduct p ON p.id = c.product_id
WHERE s.id = %s
ORDER BY c.expires_on, c.id
"""
_SHOWN_COLUMNS = 18
_UUID = models.UUIDField()


def _facts(
    wanted: str, parameters: list[Any], customer_id: int, screening_id: int, at: datetime
) -> tuple[ScreeningFacts, list[CardFacts]]:
    statement = _CARDS.format(shown=_SHOWN, name=_text("p.name"), wanted=wanted)
    now = connection.ops.adapt_datetimefield_value(at)
    found = rows(statement, [now, customer_id, *parameters, screening_id])
    if not found:
        raise ScreeningNotFound(screening_id)
    cards = [_card(row[_SHOWN_COLUMNS:]) for row in found if row[_SHOWN_COLUMNS] is not None]
    return _screening(found[0][:_SHOWN_COLUMNS]), cards


def _screening(row: tuple[Any, ...]) -> ScreeningFacts:
    facts = ScreeningFacts(*row)
    return facts if facts.starts_at.tzinfo else replace(facts, starts_at=facts.starts_at.replace(tzinfo=UTC))


def _card(row: tuple[Any, ...]) -> CardFacts:
    card_id, *plain, technologies, limit, sent, given, in_cinema = row
    ours = card_id if isinstance(card_id, UUID) else UUID(card_id)
    covered = frozenset(json.loads(technologies))
    facts: tuple[Any, ...] = (ours, *plain, covered, limit, bool(sent), given, bool(in_cinema))
    return CardFacts(*facts)


def _text(column: str) -> str:
    """A translated column, as django-modeltranslation would read it."""
    first = settings.MODELTRANSLATION_DEFAULT_LANGUAGE
    asked = (get_language() or first).split("-")[0]
    ours = asked if asked in dict(settings.LANGUAGES) else first
    return f"COALESCE(NULLIF({column}_{ours}, ''), {column}_{first}, '')"


def why_empty(left: Balance) -> Misfit:
    """What has become of the places of a card that has none available."""
    if left.held:
        return Misfit.HELD
    return Misfit.PENDING if left.pending else Misfit.EMPTY


def _why_none(left: Balance, screening: ScreeningFacts) -> Misfit:
    """A card of the right kind gives nothing here: what stands in the way."""
    if left.available:
        if left.expires_next_at is not None and left.expires_next_at <= screening.starts_at:
            return Misfit.TOO_SHORT
        return Misfit.CINEMA if left.restricted else Misfit.BLOCKED  # its account is frozen
    return why_empty(left)


def _means(card: CardFacts, left: int, usable: int, chosen: int) -> Means:
    shown = (card.id, card.product_name, card.masked, card.last4, card.artwork)
    return Means(*shown, left, usable, card.expires_on, chosen)


def _other(card: CardFacts, left: int, reason: Misfit) -> OtherCard:
    shown = (card.id, card.product_name, card.masked, card.last4, card.artwork)
    return OtherCard(*shown, left, card.expires_on, reason)
