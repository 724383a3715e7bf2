"""Points on the pages of carts and orders, in words."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime

from django.utils.formats import date_format
from django.utils.translation import get_language, gettext, ngettext

from kernel.calendar import local_date
from kernel.money import POINTS, format_minor, format_points
from orders.models import Order
from orders.selectors import CartView
from orders.services.facts import prices_by_category
from orders.services.points import PointsOffer, PurchasePoints, points_earned, points_offer
from orders.states import OrderState, PaymentState

POINT = 100
_UNPAID_ENDS = {OrderState.CANCELLED, OrderState.EXPIRED}


@dataclass(frozen=True)
class PointsPanel:
    """Points beside a cart. `wanted_minor` was asked for, `used_minor` is the nearest possible today.

    `problem` is a refusal to show next to the slider, `typed` what the customer wrote.
    """

    offer: PointsOffer
    wanted_minor: int
    used_minor: int
    at: datetime
    problem: str = ""
    typed: str = ""

    @property
    def is_member(self) -> bool:
        return self.offer.terms is not None

    @property
    def available_minor(self) -> int:
        return self.offer.terms.limit.available_minor if self.offer.terms else 0

    @property
    def cap_minor(self) -> int:
        return self.offer.terms.limit.cap_minor if self.offer.terms else 0

    @property
    def most_minor(self) -> int:
        return self.offer.most_minor

    @property
    def has_slider(self) -> bool:
        """Nothing lies between nothing and all when every point goes whole or not at all (S4.3)."""
        return self.offer.terms is not None and self.offer.terms.limit.divisible_minor > 0

    @property
    def slider(self) -> int:
        """In whole points; the last position is all that is possible."""
        return _positions(self.used_minor)

    @property
    def slider_most(self) -> int:
        return _positions(self.most_minor)

    @property
    def whole(self) -> tuple[int, ...]:
        return self.offer.terms.limit.whole if self.offer.terms else ()

    @property
    def shown(self) -> str:
        """The number in its field, as `forms.parse_amount` reads it."""
        points, hundredths = divmod(self.used_minor, POINT)
        mark = "," if (get_language() or "fr").startswith("fr") else "."
        return f"{points}{mark}{hundredths:02d}" if hundredths else str(points)

    @property
    def excluded(self) -> tuple[str, ...]:
        return self.offer.terms.excluded_categories if self.offer.terms else ()

    @property
    def earned(self) -> str:
        """What the cart brings, in words; empty for nothing."""
        terms = self.offer.terms
        gained = terms.earned_minor(self.used_minor) if terms else 0
        return _gain(gained, terms.usable_on, self.at) if terms and gained else ""


def _positions(points_minor: int) -> int:
    return -(-points_minor // POINT)


def points_panel(
    cart: CartView,
    *,
    customer_id: int,
    organisation_id: int | None,
    at: datetime,
    problem: str = "",
    typed: str = "",
) -> PointsPanel | None:
    """None: the CSE has no programme, or the cart is empty. At most six queries."""
    if not cart.lines:
        return None
    offer = points_offer(
        customer_id=customer_id,
        organisation_id=organisation_id,
        currency=cart.currency,
        prices=prices_by_category((line.product.category, line.price_minor) for line in cart.lines),
        at=at,
    )
    if offer is None:
        return None
    wanted = cart.points_wanted_minor
    return PointsPanel(offer, wanted, offer.nearest(wanted), at, problem, typed)


def points_notes(order: Order, *, at: datetime) -> list[str]:
    """What became of an order's points. `order` carries `contested`. At most two queries."""
    earned = points_earned([order]).get(order.pk)
    return [*_used_notes(order), *(_earned_notes(earned, at) if earned else ())]


def points_summaries(orders: Iterable[Order]) -> dict[int, str]:
    """`−30 points · +2,44 points` of each order in a list; none where no points are. At most two queries."""
    found = list(orders)
    earned = points_earned(found)
    return {order.pk: " · ".join(_signed(order, earned.get(order.pk))) for order in found}


def _signed(order: Order, earned: PurchasePoints | None) -> list[str]:
    returned = {*_UNPAID_ENDS, OrderState.REFUNDED}
    used = 0 if order.state in returned else order.points_minor
    gained = earned.earned_minor + earned.welcome_minor if earned else 0
    return [sign + _points(minor) for sign, minor in (("−", used), ("+", gained)) if minor]


def _used_notes(order: Order) -> list[str]:
    if not order.points_minor:
        return []
    if order.state in _UNPAID_ENDS:
        return [gettext("Vos points mis de côté pour cette commande sont de nouveau à vous.")]
    if order.state == OrderState.REFUNDED or order.contested == PaymentState.CHARGED_BACK:  # type: ignore[attr-defined]
        return [gettext("Vos points utilisés sont rendus, sauf ceux dont la date est passée.")]
    return []


def _earned_notes(earned: PurchasePoints, at: datetime) -> list[str]:
    notes = []
    if earned.earned_minor and earned.usable_on:
        notes.append(_gain(earned.earned_minor, earned.usable_on, at))
    if earned.welcome_minor and earned.welcome_on:
        notes.append(
            gettext("Points de bienvenue : +%(points)s, utilisables le %(day)s")
            % {"points": _figure(earned.welcome_minor), "day": _day(earned.welcome_on, at)}
        )
    if earned.refunded_minor:
        notes.append(gettext("Les points gagnés avec le montant remboursé sont repris."))
    return notes


def _gain(points_minor: int, usable_on: date, at: datetime) -> str:
    """`+12,40 points, utilisables le 10 décembre`; less than two is one in French."""
    text = ngettext(
        "+%(points)s, utilisable le %(day)s",
        "+%(points)s, utilisables le %(day)s",
        max(points_minor // POINT, 1),
    )
    return text % {"points": _points(points_minor), "day": _day(usable_on, at)}


def _points(points_minor: int) -> str:
    return format_minor(points_minor, POINTS, get_language() or "fr")


def _figure(points_minor: int) -> str:
    return format_points(points_minor, get_language() or "fr")


def _day(on: date, at: datetime) -> str:
    """`10 décembre`, with its year when that is not this one."""
    return date_format(on, "j F" if on.year == local_date(at).year else "j F Y")
