"""All that orders say to loyalty: points that pay a part, points that a purchase brings, and both undone.

One point pays one unit of the currency, so hundredths of points are cents (S4.4). An order speaks for one
member: its customer's, in the programme of its CSE.
"""

from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from uuid import NAMESPACE_OID, UUID, uuid5

from loyalty.errors import (
    CapExceeded,
    MemberSuspected,
    MemberVoided,
    NotEnoughPoints,
    PointsFrozen,
    ProgrammeClosed,
)
from loyalty.selectors.checkout import (
    CheckoutTerms,
    Standing,
    checkout_terms,
    excluded_online,
    points_taken_back,
    purchase_points,
    standing_of,
)
from loyalty.selectors.checkout import PurchasePoints as PurchasePoints
from loyalty.services.earn import record_purchase
from loyalty.services.refund import refund_purchase
from loyalty.services.settle import settle_member
from loyalty.services.spend import capture_points, give_back_points, hold_points, release_points
from loyalty.states import Channel, MemberState
from orders.errors import PointsNotPossible, PointsWithheld
from orders.models import Order, Refund
from orders.services.facts import MIN_TOTAL_MINOR, prices_of
from orders.states import OrderState

# Why points that were there a moment ago cannot be set aside (any more).
_GONE = (CapExceeded, MemberSuspected, MemberVoided, NotEnoughPoints, PointsFrozen, ProgrammeClosed)


# What a cart shows


@dataclass(frozen=True, slots=True, kw_only=True)
class PointsOffer:
    """A programme as the cart of one customer shows it. `terms` is None for who has not joined."""

    programme_slug: str
    programme_name: str
    member_id: int | None
    is_suspected: bool
    terms: CheckoutTerms | None

    def nearest(self, wanted_minor: int) -> int:
        """The most up to `wanted_minor` that points can pay here, leaving the least that banks take."""
        if self.terms is None:
            return 0
        return self.terms.limit.nearest(min(wanted_minor, self.terms.purchase_minor - MIN_TOTAL_MINOR))

    @property
    def most_minor(self) -> int:
        return self.nearest(self.terms.purchase_minor) if self.terms else 0


def points_offer(
    *, customer_id: int, organisation_id: int | None, currency: str, prices: Mapping[str, int], at: datetime
) -> PointsOffer | None:
    """What the CSE's programme offers on lines that cost `prices` by category. None: nothing to show.

    Lets time pass on the member, so it may write. Six queries, one without a programme.
    """
    standing = _standing(customer_id, organisation_id, currency)
    if standing is None or standing.state == MemberState.VOIDED:
        return None
    with suppress(ProgrammeClosed):
        return PointsOffer(
            programme_slug=standing.programme_slug,
            programme_name=standing.programme_name,
            member_id=standing.member_id,
            is_suspected=standing.state == MemberState.SUSPECTED,
            terms=_terms(standing.member_id, prices, at) if standing.member_id else None,
        )
    return None


def _standing(customer_id: int, organisation_id: int | None, currency: str) -> Standing | None:
    if organisation_id is None:
        return None
    standing = standing_of(user_id=customer_id, organisation_id=organisation_id)
    return standing if standing is not None and standing.currency == currency else None


def _terms(member_id: int, prices: Mapping[str, int], at: datetime) -> CheckoutTerms:
    settle_member(member_id=member_id, at=at)
    return checkout_terms(member_id, prices=prices, at=at)


# Paying with points. The order is locked.


def set_points_aside(
    order: Order,
    *,
    amount_minor: int,
    organisation_id: int | None,
    prices: Mapping[str, int],
    at: datetime,
) -> UUID:
    """Hold the points that are to pay a part of an order being placed; the key of their use.

    Refuses `PointsNotPossible(nearest_minor)`.
    """

    def offered() -> PointsOffer | None:
        return points_offer(
            customer_id=order.customer_id,
            organisation_id=organisation_id,
            currency=order.currency,
            prices=prices,
            at=at,
        )

    offer = offered()
    if offer is None or offer.member_id is None or offer.terms is None:
        raise PointsNotPossible(0)
    if offer.nearest(amount_minor) != amount_minor:
        raise PointsNotPossible(offer.nearest(amount_minor))
    key = _key(order, "points")
    try:
        hold_points(
            key=key,
            member_id=offer.member_id,
            amount_minor=amount_minor,
            purchase_minor=offer.terms.purchase_minor,
            excluded_minor=offer.terms.excluded_minor,
            at=at,
            ref=_ref(order),
        )
    except _GONE as refusal:  # spent elsewhere since we looked
        offer = offered()
        raise PointsNotPossible(offer.nearest(amount_minor) if offer else 0) from refusal
    return key


def points_are_gone(order: Order, *, at: datetime) -> bool:
    """Whether money that comes now finds its order without the points that were to pay the rest.

    An order that expired gave them back: they are set aside once more here, if they are still there.
    """
    if order.state != OrderState.EXPIRED or not order.points_minor:
        return False
    standing = _standing(order.customer_id, order.organisation_id, order.currency)
    if standing is None or standing.member_id is None:
        return True
    key = _key(order, "points again")
    try:
        hold_points(
            key=key,
            member_id=standing.member_id,
            amount_minor=order.points_minor,
            purchase_minor=order.total_minor,
            excluded_minor=excluded_online(standing.member_id, prices=prices_of(order.pk), at=at),
            at=at,
            ref=_ref(order),
        )
    except _GONE:
        return True
    Order.objects.filter(pk=order.pk).update(redemption_key=key)
    order.redemption_key = key
    return False


def use_points(order: Order, *, at: datetime) -> None:
    """The order is paid: its points are used. Refuses `PointsWithheld`, having changed nothing."""
    if not order.points_minor:
        return
    assert order.redemption_key is not None
    try:
        capture_points(redemption_key=order.redemption_key, at=at)
    except PointsFrozen as refusal:
        raise PointsWithheld(order.number) from refusal


def release_points_of(order: Order, *, at: datetime) -> None:
    """The order ends unpaid: its points return to their lots. Again: nothing happens."""
    if order.points_minor:
        assert order.redemption_key is not None
        release_points(redemption_key=order.redemption_key, at=at)


# Earning


def earn_points(order: Order, *, at: datetime) -> None:
    """Record what the order's money buys (S4.1, S4.7). Who cannot earn has paid all the same."""
    standing = _standing(order.customer_id, order.organisation_id, order.currency)
    if standing is None or standing.member_id is None:
        return
    with suppress(MemberVoided, ProgrammeClosed):
        excluded = excluded_online(standing.member_id, prices=prices_of(order.pk), at=at)
        record_purchase(
            key=_key(order, "purchase"),
            member_id=standing.member_id,
            channel=Channel.ONLINE.value,
            amount_minor=order.due_minor,
            excluded_minor=min(excluded, order.due_minor),
            at=at,
            ref=_ref(order),
        )


def points_earned(orders: Iterable[Order]) -> dict[int, PurchasePoints]:
    """What is left of what paid orders brought, by order. At most two queries, none without a paid order."""
    keys = {_key(order, "purchase"): order.pk for order in orders if order.paid_at}
    return {keys[key]: found for key, found in purchase_points(keys).items()} if keys else {}


# Money that went back


def undo_part(order: Order, *, refund: Refund, at: datetime) -> None:
    """A part of the money went back: what it had earned is taken back. Points that paid stay used."""
    _take_back(order, _refund_key(order, refund), refund.amount_minor, at)


def undo_whole(order: Order, *, refund: Refund | None, at: datetime) -> int:
    """All the money is gone, by refunds or (None) by a lost dispute; hundredths of points that return.

    The points that paid return to their lots, or were only set aside and are free again; what the order
    earned is taken back. Again: nothing happens.
    """
    _give_back(order, at)
    _take_back(order, _refund_key(order, refund), None, at)
    return order.points_minor


def taken_back(order: Order, refund: Refund) -> int:
    """What a refund took of the points earned, in hundredths. One query."""
    return points_taken_back(_refund_key(order, refund))


def _give_back(order: Order, at: datetime) -> None:
    if not order.points_minor:
        return
    assert order.redemption_key is not None
    if order.paid_at is None:  # the payment was looked into, and sent back
        release_points(redemption_key=order.redemption_key, at=at)
    else:
        give_back_points(key=uuid5(order.redemption_key, "back"), redemption_key=order.redemption_key, at=at)


def _take_back(order: Order, key: UUID, amount_minor: int | None, at: datetime) -> None:
    """`amount_minor` of the purchase, its excluded lines in proportion; None, or more than is left: all."""
    purchase_key = _key(order, "purchase")
    bought = purchase_points([purchase_key]).get(purchase_key)
    left = bought.amount_minor - bought.refunded_minor if bought else 0
    if bought is None or not left:
        return
    if amount_minor is None or amount_minor >= left:
        refund_purchase(key=key, purchase_key=purchase_key, at=at)
        return
    refund_purchase(
        key=key,
        purchase_key=purchase_key,
        amount_minor=amount_minor,
        excluded_minor=_excluded_share(bought, amount_minor),
        at=at,
    )


def _excluded_share(bought: PurchasePoints, amount_minor: int) -> int:
    """By running totals, so that parts which make up the whole make up its excluded part to the cent."""
    before, after = bought.refunded_minor, bought.refunded_minor + amount_minor
    excluded, whole = bought.excluded_minor, bought.amount_minor
    return excluded * after // whole - excluded * before // whole


# Keys: an order asks for each thing once, whatever repeats.


def _key(order: Order, what: str) -> UUID:
    return uuid5(NAMESPACE_OID, f"mirabelle order {order.pk} {what}")


def _refund_key(order: Order, refund: Refund | None) -> UUID:
    return uuid5(_key(order, "purchase"), f"refund {refund.pk}" if refund else "charged back")


def _ref(order: Order) -> str:
    return f"order:{order.pk}"
