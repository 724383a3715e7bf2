"""What pages of grouped orders show (S0.5). Reads only; a fixed number of queries each."""

import json
from dataclasses import dataclass
from datetime import date, datetime

from django.db.models import Count, Q, QuerySet

from kernel.money import price_after_discount
from kernel.paging import KeyPage, page_by_key
from kernel.seal import unseal_text
from orders.models import BulkLine, BulkOrder, Order
from orders.selectors import NO_DISCOUNT, discounts
from orders.states import OrderState
from wallet.states import LinkState

ENDED_UNPAID = [OrderState.CANCELLED, OrderState.EXPIRED]


@dataclass(frozen=True)
class FaceLine:
    """The good lines of one face value, as one line of the order. Amounts in minor units."""

    face_minor: int
    quantity: int
    rate_bp: int
    price_minor: int


@dataclass(frozen=True)
class BulkTotals:
    """What the good lines cost at a day's discount: one line per face value, the smallest first (S3.4)."""

    lines: tuple[FaceLine, ...]

    @property
    def face_minor(self) -> int:
        return sum(line.face_minor * line.quantity for line in self.lines)

    @property
    def total_minor(self) -> int:
        return sum(line.price_minor for line in self.lines)

    @property
    def saving_minor(self) -> int:
        return self.face_minor - self.total_minor


@dataclass(frozen=True)
class BulkProgress:
    """How many links have left, were received, expired unclaimed, or could not be sent, of `total` lines."""

    total: int
    sent: int
    received: int
    expired: int
    skipped: int

    @property
    def done(self) -> int:
        return self.sent + self.skipped


@dataclass(frozen=True)
class DeliveryLine:
    """One beneficiary. Name and message are known until the link has left; the address is the link's then.

    `state`: `waiting`, `skipped`, `open`, `expired`, `claimed` or `revoked`.
    """

    number: int
    email: str
    name: str
    face_minor: int
    state: str
    skipped: str
    sent_at: datetime | None
    claimed_at: datetime | None
    card_id: str


def bulk_page(buyer_id: int, *, cursor: str | None, size: int) -> KeyPage[BulkOrder]:
    """Grouped orders of a buyer, newest first. One query."""
    mine = BulkOrder.objects.filter(buyer_id=buyer_id).select_related("product", "organisation")
    return page_by_key(mine, cursor=cursor, size=size)


def bulk_of(buyer_id: int, bulk_id: int) -> BulkOrder | None:
    """One grouped order of this buyer. One query."""
    mine = BulkOrder.objects.select_related("product", "organisation")
    return mine.filter(pk=bulk_id, buyer_id=buyer_id).first()


def live_order_of(bulk_id: int) -> Order | None:
    """The order that pays a grouped order; not one that ended unpaid. One query."""
    return Order.objects.filter(bulk_id=bulk_id).exclude(state__in=ENDED_UNPAID).order_by("-pk").first()


def bulk_totals(bulk: BulkOrder, *, on: date) -> BulkTotals:
    """The good lines at the discount of the organisation on a local date. Two queries.

    The monthly ceiling is for members who buy for themselves: it does not count here.
    """
    rate = discounts(bulk.organisation_id, on=on).get(bulk.product_id, NO_DISCOUNT).rate_bp
    good = BulkLine.objects.filter(bulk=bulk, rank__isnull=False).order_by("face_minor")
    counted = good.values_list("face_minor").annotate(n=Count("pk"))
    return BulkTotals(
        tuple(FaceLine(face, n, rate, price_after_discount(face, n, rate)) for face, n in counted)
    )


def lines_to_correct(bulk_id: int, *, limit: int) -> list[BulkLine]:
    """Bad lines by their numbers. One query."""
    return list(BulkLine.objects.filter(bulk_id=bulk_id, rank=None).order_by("number")[:limit])


def repeated_lines(bulk_id: int, *, limit: int) -> list[BulkLine]:
    """Good lines that repeat an earlier one. One query."""
    return list(BulkLine.objects.filter(bulk_id=bulk_id, repeats__isnull=False).order_by("number")[:limit])


def bulk_progress(bulk_id: int, *, at: datetime) -> BulkProgress:
    """Counts for the progress page. One query."""
    over = Q(link__state=LinkState.OPEN, link__token_expires_at__lte=at)
    counted = BulkLine.objects.filter(bulk_id=bulk_id, rank__isnull=False).aggregate(
        total=Count("pk"),
        sent=Count("pk", filter=Q(link__isnull=False)),
        received=Count("pk", filter=Q(link__state=LinkState.CLAIMED)),
        expired=Count("pk", filter=over),
        skipped=Count("pk", filter=~Q(skipped="")),
    )
    return BulkProgress(**counted)


def delivery_rows(bulk_id: int) -> QuerySet[BulkLine]:
    """The good lines with their links, by number."""
    good = BulkLine.objects.filter(bulk_id=bulk_id, rank__isnull=False)
    return good.select_related("link").order_by("number")


def delivery_page(bulk_id: int, *, cursor: str | None, size: int) -> KeyPage[BulkLine]:
    """One page of beneficiaries. One query."""
    rows = BulkLine.objects.filter(bulk_id=bulk_id, rank__isnull=False).select_related("link")
    return page_by_key(rows, cursor=cursor, size=size, newest_first=False)


def delivery_line(line: BulkLine, *, at: datetime) -> DeliveryLine:
    """A row of `delivery_rows` as shown. No query."""
    person = person_of(line)
    link = line.link
    return DeliveryLine(
        number=line.number,
        email=link.recipient if link else person[0],
        name=f"{person[1]} {person[2]}".strip(),
        face_minor=line.face_minor,
        state=_state(line, at),
        skipped=line.skipped,
        sent_at=link.token_sent_at if link else None,
        claimed_at=link.claimed_at if link else None,
        card_id=str(link.card_id) if link else "",
    )


def person_of(line: BulkLine) -> tuple[str, str, str, str]:
    """E-mail, first name, last name and message of a good line; empty once they were wiped. No query."""
    if not line.sealed:
        return "", "", "", ""
    email, first_name, last_name, message = json.loads(unseal_text(line.sealed, bound_to=line_binding(line)))
    return email, first_name, last_name, message


def line_binding(line: BulkLine) -> str:
    """What the sealed part of a line is bound to."""
    return f"orders.bulkline:{line.bulk_id}:{line.number}"


def _state(line: BulkLine, at: datetime) -> str:
    if line.link is None:
        return "skipped" if line.skipped else "waiting"
    if line.link.state == LinkState.OPEN and line.link.token_expires_at <= at:
        return "expired"
    return str(line.link.state)
