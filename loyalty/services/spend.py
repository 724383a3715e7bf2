"""Spending: points set aside for an order, or taken at a till by a one-time code (S4.4, S4.6, S4.12)."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID, uuid5

from django.db import transaction

from kernel.calendar import FAR_FUTURE
from ledger import selectors as ledger
from ledger.errors import AccountFrozen, InsufficientBalance, NotSpendableInPart
from ledger.services.debit import debit
from ledger.services.end import end_lots
from ledger.services.hold import capture, hold, release
from ledger.services.reverse import reverse
from ledger.states import SpendContext
from loyalty.errors import (
    CapExceeded,
    InvalidPurchase,
    KeyReused,
    NotEnoughPoints,
    NotInPart,
    PointsFrozen,
    RedemptionClosed,
    RedemptionUnknown,
)
from loyalty.models import Accrual, GiveBack, Member, Redemption
from loyalty.selectors.programmes import version_in_force
from loyalty.services.code import consume_code
from loyalty.services.debt import pay_debt
from loyalty.services.members import lock_member, refuse_unless_active
from loyalty.services.settle import settle_locked
from loyalty.states import REDEMPTION_MACHINE, Movement, RedemptionRecord, RedemptionState


@dataclass(frozen=True, slots=True)
class _Facts:
    """What the caller asks for; the same again under one key is a retry."""

    member_id: int
    amount_minor: int
    purchase_minor: int
    excluded_minor: int
    outlet: str
    ref: str


@transaction.atomic
def hold_points(
    *,
    key: UUID,
    member_id: int,
    amount_minor: int,
    purchase_minor: int,
    at: datetime,
    excluded_minor: int = 0,
    outlet: str = "",
    ref: str = "",
) -> RedemptionRecord:
    """Set points aside for a purchase of `purchase_minor` (cents, after discounts), of which `excluded_minor`
    may not be paid in points. `amount_minor`: hundredths of points, which are cents of the purchase.

    `key` is the redemption's; it lasts until captured or released, so whoever calls plans its end. The same
    request again returns the first result. Refuses `MemberUnknown`, `MemberVoided`, `MemberSuspected`,
    `ProgrammeClosed`, `InvalidPurchase`, `CapExceeded(cap_minor)`, `NotEnoughPoints(available_minor)`,
    `NotInPart(available_minor)` (single-purchase lots go whole or not at all, S4.3), `PointsFrozen`,
    `KeyReused`.
    """
    facts = _Facts(member_id, amount_minor, purchase_minor, excluded_minor, outlet, ref)
    _check(facts)
    member = lock_member(member_id)
    if first := _first_result(key, facts):
        return first
    redemption = _open(key, member, facts, at)
    with ledger_refusals():
        hold(
            key=key,
            account_id=member.account_id,
            amount=amount_minor,
            at=at,
            spend=SpendContext(outlet=outlet),
        )
    redemption.save(force_insert=True)
    return record_of(redemption)


@transaction.atomic
def capture_points(*, redemption_key: UUID, at: datetime) -> RedemptionRecord:
    """The order is paid: the points set aside are used. Again: the same result.

    Refuses `RedemptionUnknown`, `RedemptionClosed` (released), `PointsFrozen` (the member was voided, or the
    audit froze the account, since the points were set aside).
    """
    redemption, member = _lock(redemption_key)
    if redemption.state == RedemptionState.CAPTURED:
        return record_of(redemption)
    _refuse_unless_held(redemption)
    taken = uuid5(redemption_key, "capture")
    with ledger_refusals():
        capture(
            key=taken,
            hold_id=redemption_key,
            sink=spent_at(member),
            kind=Movement.SPENT.value,
            at=at,
        )
    return _move(redemption, RedemptionState.CAPTURED, taken)


@transaction.atomic
def release_points(*, redemption_key: UUID, at: datetime) -> RedemptionRecord:
    """The order came to nothing: the points return to their lots. Again: the same result.

    Points whose time is over meanwhile expire at once; a debt is paid from the rest. Refuses
    `RedemptionUnknown`, `RedemptionClosed` (captured).
    """
    redemption, member = _lock(redemption_key)
    if redemption.state == RedemptionState.RELEASED:
        return record_of(redemption)
    _refuse_unless_held(redemption)
    settle_locked(member, at=at)
    _end_lots_of_past_eras(member, redemption_key, at)
    release(hold_id=redemption_key, at=at)
    pay_debt(member, key=uuid5(redemption_key, "release"), at=at)
    return _move(redemption, RedemptionState.RELEASED, None)


@transaction.atomic
def give_back_points(
    *, key: UUID, redemption_key: UUID, at: datetime, amount_minor: int | None = None
) -> RedemptionRecord:
    """An order paid in points is refunded: `amount_minor` (None: all that is left) returns to the very lots
    it came from, those taken last first. Points whose time is over meanwhile expire at once; a debt is paid
    from the rest.

    The same request again returns the first result. Refuses `RedemptionUnknown`, `RedemptionClosed` (not
    captured, or less is left), `KeyReused`.
    """
    redemption, member = _lock(redemption_key)
    if known := GiveBack.objects.filter(pk=key).first():
        if known.redemption_id != redemption_key or amount_minor not in (None, known.amount_minor):
            raise KeyReused(str(key))
        return record_of(redemption)
    left = redemption.amount_minor - redemption.given_back_minor
    amount = left if amount_minor is None else amount_minor
    if redemption.transfer_id is None or not 0 < amount <= left:
        raise RedemptionClosed(str(redemption_key))
    settle_locked(member, at=at)
    _end_lots_of_past_eras(member, redemption.transfer_id, at)
    reverse(
        key=uuid5(key, "give back"),
        transfer_id=redemption.transfer_id,
        amount=amount,
        kind=Movement.GIVEN_BACK.value,
        at=at,
    )
    GiveBack.objects.create(key=key, redemption=redemption, amount_minor=amount, at=at)
    redemption.given_back_minor += amount
    redemption.save(update_fields=["given_back_minor"])
    pay_debt(member, key=key, at=at)
    return record_of(redemption)


@transaction.atomic
def take_points(
    *,
    key: UUID,
    member_id: int,
    code: str,
    amount_minor: int,
    purchase_minor: int,
    at: datetime,
    excluded_minor: int = 0,
    outlet: str = "",
    ref: str = "",
) -> RedemptionRecord:
    """A till takes points from the member who shows this one-time code: set aside and used in one step.

    In the caller's transaction, before which `services.code.counted_try` has counted the try. The code is
    used up only if the points are taken. The same request again returns the first result, also when the code
    is over. Refuses `OneTimeCodeRefused` (nobody's, somebody else's, used, or over) and what `hold_points`
    refuses.
    """
    facts = _Facts(member_id, amount_minor, purchase_minor, excluded_minor, outlet, ref)
    _check(facts)
    member = lock_member(member_id)
    if first := _first_result(key, facts):
        return first
    consume_code(code, member_id=member_id, at=at)
    redemption = _open(key, member, facts, at)
    redemption.state, redemption.transfer_id = RedemptionState.CAPTURED, uuid5(key, "capture")
    with ledger_refusals():
        debit(
            key=redemption.transfer_id,
            account_id=member.account_id,
            sink=spent_at(member),
            amount=amount_minor,
            kind=Movement.SPENT.value,
            at=at,
            spend=SpendContext(outlet=outlet),
        )
    redemption.save(force_insert=True)
    return record_of(redemption)


@contextmanager
def ledger_refusals() -> Iterator[None]:
    """The ledger's refusals in this room's words."""
    try:
        yield
    except NotSpendableInPart as refusal:
        raise NotInPart(refusal.available) from refusal
    except InsufficientBalance as refusal:
        raise NotEnoughPoints(refusal.available) from refusal
    except AccountFrozen as refusal:
        raise PointsFrozen from refusal


def spent_at(member: Member) -> str:
    """The ledger's system account that a programme's spent points go to."""
    return f"redeemed:{member.programme.slug}"


def record_of(redemption: Redemption) -> RedemptionRecord:
    return RedemptionRecord(
        key=redemption.pk,
        member_id=redemption.member_id,
        ref=redemption.ref,
        amount_minor=redemption.amount_minor,
        left_minor=redemption.amount_minor - redemption.given_back_minor,
        state=RedemptionState(redemption.state),
    )


def _check(facts: _Facts) -> None:
    amounts = (facts.amount_minor, facts.purchase_minor, facts.excluded_minor)
    if any(isinstance(amount, bool) or not isinstance(amount, int) for amount in amounts):
        raise InvalidPurchase(f"{amounts}")
    if facts.amount_minor <= 0 or not 0 <= facts.excluded_minor <= facts.purchase_minor:
        raise InvalidPurchase(f"{amounts}")


def _first_result(key: UUID, facts: _Facts) -> RedemptionRecord | None:
    known = Redemption.objects.filter(pk=key).first()
    if known is None:
        return None
    told = _Facts(
        known.member_id,
        known.amount_minor,
        known.purchase_minor,
        known.excluded_minor,
        known.outlet,
        known.ref,
    )
    if told != facts:
        raise KeyReused(str(key))
    return record_of(known)


def _open(key: UUID, member: Member, facts: _Facts, at: datetime) -> Redemption:
    """The redemption, unsaved, once member, programme and cap allow it; time has passed on the member."""
    refuse_unless_active(member)
    version = version_in_force(member.programme_id, at=at)
    cap = version.rules.cap_minor(facts.purchase_minor, facts.excluded_minor)
    if facts.amount_minor > cap:
        raise CapExceeded(cap)
    settle_locked(member, at=at)
    return Redemption(
        key=key,
        member=member,
        version_id=version.version_id,
        ref=facts.ref,
        outlet=facts.outlet,
        amount_minor=facts.amount_minor,
        purchase_minor=facts.purchase_minor,
        excluded_minor=facts.excluded_minor,
        state=RedemptionState.HELD,
        at=at,
    )


def _lock(key: UUID) -> tuple[Redemption, Member]:
    member_id = Redemption.objects.filter(pk=key).values_list("member_id", flat=True).first()
    if member_id is None:
        raise RedemptionUnknown(str(key))
    member = lock_member(member_id)
    return Redemption.objects.get(pk=key), member


def _refuse_unless_held(redemption: Redemption) -> None:
    if redemption.state != RedemptionState.HELD:
        raise RedemptionClosed(str(redemption.pk))


def _move(redemption: Redemption, target: RedemptionState, transfer_id: UUID | None) -> RedemptionRecord:
    """The only writer of `state`, under the member's lock."""
    REDEMPTION_MACHINE.check(RedemptionState(redemption.state), target)
    redemption.state, redemption.transfer_id = target, transfer_id
    redemption.save(update_fields=["state", "transfer_id"])
    return record_of(redemption)


def _end_lots_of_past_eras(member: Member, transfer_id: UUID, at: datetime) -> None:
    """Points of an era that idleness has ended since must not come back to life in their lots (S4.8)."""
    endless = {
        lot.origin: lot.id for lot in ledger.lots_taken_by(transfer_id) if lot.expires_at == FAR_FUTURE
    }
    past = Accrual.objects.filter(pk__in=list(endless), era__lt=member.era)
    lot_ids = [endless[origin] for origin in past.values_list("pk", flat=True)]
    if lot_ids:
        end_lots(account_id=member.account_id, lot_ids=lot_ids, at=at)
