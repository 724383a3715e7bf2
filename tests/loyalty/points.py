"""Short words for loyalty's tests: programmes, members, purchases, and what the books say of them."""

from copy import deepcopy
from datetime import UTC, date, datetime, timedelta
from itertools import count
from typing import Any
from uuid import UUID, uuid4

from kernel.calendar import PARIS
from ledger import selectors as ledger
from ledger.models import Lot, Transfer
from ledger.services.audit import audit
from loyalty.models import Accrual, Member, MemberEvent, Programme, Purchase, Redemption
from loyalty.selectors.checkout import standing_of
from loyalty.services.earn import record_purchase
from loyalty.services.join import Newcomer, join_member
from loyalty.services.programme import draft_version, publish_version
from loyalty.services.refund import refund_purchase
from loyalty.services.ship import ship_programmes
from loyalty.shipped import SHIPPED
from loyalty.states import PurchaseResult, RefundResult

NOW = datetime(2026, 11, 23, 10, tzinfo=UTC)
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)
BORN = date(1990, 5, 17)
RULES = {slug: rules for slug, _, rules in SHIPPED}
_numbers = count(1)


def paris(*parts: int) -> datetime:
    """An instant by the clock on a wall in Paris."""
    return datetime(*parts, tzinfo=PARIS).astimezone(UTC)  # type: ignore[misc]


def shipped(slug: str) -> Programme:
    """One of the four programmes, in force since long ago."""
    ship_programmes(at=LONG_AGO)
    return Programme.objects.get(slug=slug)


def programme(base: str = "family", **changes: Any) -> Programme:
    """A programme of its own with the rules of a shipped one, changed."""
    made = Programme.objects.create(slug=f"programme-{next(_numbers)}", name="Essai")
    rules = {**deepcopy(RULES[base]), **changes}
    publish_version(version_id=draft_version(programme_id=made.pk, rules=rules, at=LONG_AGO), at=LONG_AGO)
    return made


def programme_of(organisation_id: int) -> str | None:
    """The slug of the programme that a CSE's people earn in, as each order that is paid asks."""
    standing = standing_of(user_id=0, organisation_id=organisation_id)
    return standing.programme_slug if standing else None


def phone() -> str:
    return f"+336{next(_numbers):08}"


def member(of: Programme, *, at: datetime = NOW - 30 * DAY, **fields: Any) -> Member:
    """Somebody who joined a month ago."""
    facts = {"phone": phone(), "birth_on": BORN, "consent_version": 1, "consented_at": at, **fields}
    return Member.objects.get(pk=join_member(programme_id=of.pk, newcomer=Newcomer(**facts), at=at))


def buy(
    who: Member, amount_minor: int, *, at: datetime = NOW, key: UUID | None = None, **facts: Any
) -> PurchaseResult:
    facts = {"channel": "online", **facts}
    return record_purchase(key=key or uuid4(), member_id=who.pk, amount_minor=amount_minor, at=at, **facts)


def bring_back(
    bought: PurchaseResult, amount_minor: int | None = None, *, at: datetime = NOW, **facts: Any
) -> RefundResult:
    facts = {"key": uuid4(), **facts}
    return refund_purchase(purchase_key=bought.key, amount_minor=amount_minor, at=at, **facts)


def fresh(who: Member) -> Member:
    return Member.objects.get(pk=who.pk)


def available(who: Member, at: datetime) -> int:
    return ledger.balance(who.account_id, at=at).available


def pending(who: Member, at: datetime) -> int:
    return ledger.balance(who.account_id, at=at).pending


def everything() -> tuple[object, ...]:
    """All that points, members and books say, to assert that a refusal changed nothing."""
    return tuple(
        list(model.objects.order_by("pk").values_list())
        for model in (Member, MemberEvent, Purchase, Accrual, Redemption, Transfer, Lot)
    )


def books_are_right() -> bool:
    return audit(at=NOW).findings == ()
