"""Which places fit a day: cards held against the one rule of `selectors.eligibility` (S2.4, S2.5)."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from django.db.models import Exists, OuterRef

from kernel.calendar import programme_day
from ledger.selectors import Balance, balances
from wallet.models import Card, CardProduct, ClaimLink
from wallet.selectors.eligibility import Misfit, misfit_in, misfit_on, why_empty
from wallet.selectors.programme import ScreeningLine
from wallet.states import PLACE_KINDS, CardState, LinkState


@dataclass(frozen=True)
class PlaceCard:
    """A card with places and what its product opens. `weekdays`: Monday is the lowest bit.

    `cinemas` are ids, none for all of them. `seats`: how many of its places one screening takes at most.
    """

    id: UUID
    product_name: str
    artwork: str
    last4: str
    expires_on: date
    state: str
    sent: bool
    left: Balance
    weekdays: int
    technologies: tuple[str, ...]
    cinemas: frozenset[int]
    cinema_names: tuple[str, ...]
    seats: int | None

    @property
    def places_left(self) -> int:
        return self.left.available

    def misfit(self, on: date) -> Misfit | None:
        """Why it opens no screening of the programme day `on`; None when it opens some (S2.4, S2.6)."""
        return misfit_on(self, on) or (None if self.places_left > 0 else why_empty(self.left))

    def usable_at(self, line: ScreeningLine) -> int:
        """How many of its places this screening takes, on a day that it fits."""
        here = not self.cinemas or line.cinema_id in self.cinemas
        if misfit_in(self, line.technology, in_cinema=here):
            return 0
        return self.places_left if self.seats is None else min(self.seats, self.places_left)


@dataclass(frozen=True)
class DayAnswer:
    """The cards that fit a day, soonest to expire first, and the others with the reason."""

    on: date
    fitting: tuple[PlaceCard, ...]
    others: tuple[tuple[PlaceCard, Misfit], ...]

    @property
    def places(self) -> int:
        return sum(card.places_left for card in self.fitting)

    def usable_at(self, line: ScreeningLine) -> int:
        """How many places the customer may use there."""
        return sum(card.usable_at(line) for card in self.fitting)


def which_places(user_id: int, *, on: date, at: datetime) -> DayAnswer:
    """The customer's cards with places, held against the programme day `on`. Three queries."""
    cards = place_cards(user_id, at=at)
    reasons = [(card, card.misfit(on)) for card in cards]
    return DayAnswer(
        on=on,
        fitting=tuple(card for card, reason in reasons if reason is None),
        others=tuple((card, reason) for card, reason in reasons if reason is not None),
    )


def place_cards(user_id: int, *, at: datetime) -> list[PlaceCard]:
    """What a customer holds in places; cards over today or void are left out. Three queries."""
    held = Card.objects.filter(holder_id=user_id, kind__in=PLACE_KINDS, expires_on__gte=programme_day(at))
    sent = ClaimLink.objects.filter(card=OuterRef("pk"), state=LinkState.OPEN, token_expires_at__gt=at)
    cards = list(
        held.exclude(state=CardState.VOID)
        .select_related("product")
        .annotate(sent=Exists(sent))
        .defer("number_sealed", "where_text")
        .order_by("expires_on", "id")
    )
    left = balances([card.account_id for card in cards if card.account_id], at=at)
    cinemas = _cinemas_of({card.product_id for card in cards if card.product_id})
    return [_place_card(card, left[card.account_id or 0], cinemas) for card in cards]


def _cinemas_of(products: Iterable[int]) -> dict[int, dict[int, str]]:
    """The cinemas that products name: ids and names."""
    found: dict[int, dict[int, str]] = defaultdict(dict)
    rows = CardProduct.cinemas.through.objects.filter(cardproduct__in=products).order_by("cinema__name")
    for product, cinema, name in rows.values_list("cardproduct_id", "cinema_id", "cinema__name"):
        found[product][cinema] = name
    return found


def _place_card(card: Card, left: Balance, cinemas: dict[int, dict[int, str]]) -> PlaceCard:
    product = card.product
    assert product is not None
    return PlaceCard(
        id=card.pk,
        product_name=product.name,
        artwork=card.artwork,
        last4=card.last4,
        expires_on=card.expires_on,
        state=card.state,
        sent=card.sent,  # type: ignore[attr-defined]
        left=left,
        weekdays=product.weekdays,
        technologies=tuple(product.technologies),
        cinemas=frozenset(cinemas[product.pk]),
        cinema_names=tuple(cinemas[product.pk].values()),
        seats=product.seats_per_screening,
    )
