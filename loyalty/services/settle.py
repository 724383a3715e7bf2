"""What time has done to one member by now: idleness and birthdays. Every service asks it first."""

from datetime import datetime, timedelta
from uuid import NAMESPACE_OID, UUID, uuid5

from django.db import transaction

from kernel.calendar import local_date, start_of_day
from ledger.services.end import end_endless
from loyalty.errors import MemberUnknown
from loyalty.models import Member
from loyalty.rules import Rules
from loyalty.selectors.programmes import VersionInForce, version_or_last
from loyalty.services.credit import Gain, credit_gains
from loyalty.services.debt import pay_debt
from loyalty.services.members import lock_member, tell
from loyalty.states import AccrualKind, MemberEventKind, MemberState

TIME_FIELDS = ["era", "span", "lifetime_minor", "last_purchase_at", "idle_until", "tier", "birthday_due_at"]
IDLE, BIRTHDAY = 0, 1  # What falls due at the same instant happens in this order.


def settle_member(*, member_id: int, at: datetime) -> None:
    """Bring one member up to `at` in one transaction, as if every sweep had run on time (S4.8, S4.9).

    Pages call it before they read. Nothing due: one query, nothing written. Refuses `MemberUnknown`.
    """
    member = Member.objects.only("idle_until", "birthday_due_at").filter(pk=member_id).first()
    if member is None:
        raise MemberUnknown(str(member_id))
    if _next_due(member, at):
        with transaction.atomic():
            settle_locked(lock_member(member_id), at=at)


def settled(member: Member, *, at: datetime) -> Member:
    """A member who was just read, as of `at`: the same row when nothing is due (no query), else brought up to
    date.
    """
    if _next_due(member, at):
        settle_member(member_id=member.pk, at=at)
        member.refresh_from_db()
    return member


def settle_locked(member: Member, *, at: datetime) -> None:
    """Do what is due to a locked member, in the order in which it fell due, by the rules of those days."""
    while due := _next_due(member, at):
        due_at, what = due
        version = version_or_last(member.programme_id, at=due_at)
        if what == IDLE:
            end_endless(ends={member.account_id: due_at})
            start_era(member, version.rules if version else None, at=due_at)
        else:
            _birthday(member, version, due_at=due_at, at=at)
        member.save(update_fields=TIME_FIELDS)


def start_era(member: Member, rules: Rules | None, *, at: datetime) -> None:
    """Idle too long: a new era, in which lifetime purchases and tier begin again where the rules say so.

    Writes the event and leaves saving the member to the caller.
    """
    before = member.tier
    member.era += 1
    member.last_purchase_at = member.idle_until = None
    if rules is None or rules.idle_resets_tier:
        member.span, member.lifetime_minor = member.era, 0
    if rules is not None:
        member.tier = tier_code(rules, member.lifetime_minor)
    tell(member, MemberEventKind.IDLE, at=at, before=before, after=member.tier)


def tier_code(rules: Rules, lifetime_minor: int) -> str:
    """The code of the tier reached, empty in a programme without tiers."""
    tier = rules.tier_of(lifetime_minor)
    return tier.code if tier else ""


def plan_birthday(member: Member, rules: Rules, *, after: datetime) -> None:
    """Note when the next birthday's points are due, later than `after`; saving is left to the caller."""
    due = rules.birthday_due(member.birth_on, after=after)
    member.birthday_due_at = due[0] if due else None


def birthday_gain(member: Member, version: VersionInForce, *, due_at: datetime) -> Gain | None:
    """A birthday's points with the dates that they have on time, by the member's tier now; None for none."""
    birthday = version.rules.birthday
    points = version.rules.birthday_points(version.rules.tier_of(member.lifetime_minor))
    if birthday is None or not points or member.state == MemberState.VOIDED:
        return None
    first = local_date(due_at)
    year = (first + timedelta(days=birthday.days_before)).year
    return Gain(
        key=birthday_key(member.pk, year),
        member=member,
        version_id=version.version_id,
        kind=AccrualKind.BIRTHDAY,
        amount_minor=points,
        activates_at=due_at,
        expires_at=start_of_day(first + timedelta(days=birthday.life_days)),
        year=year,
    )


def still_matters(gain: Gain, at: datetime) -> bool:
    """Points that are over before anybody noticed would only have paid a debt."""
    return gain.expires_at is None or gain.expires_at > at or gain.member.debt_minor > 0


def birthday_key(member_id: int, year: int) -> UUID:
    """One credit per member and birthday, whoever makes it."""
    return uuid5(NAMESPACE_OID, f"mirabelle loyalty birthday {member_id} {year}")


def _next_due(member: Member, at: datetime) -> tuple[datetime, int] | None:
    times = [(member.idle_until, IDLE), (member.birthday_due_at, BIRTHDAY)]
    due = [(when, what) for when, what in times if when is not None and when <= at]
    return min(due, default=None)


def _birthday(member: Member, version: VersionInForce | None, *, due_at: datetime, at: datetime) -> None:
    """Credit, unless the points would be over already or the year has had its birthday."""
    gain = birthday_gain(member, version, due_at=due_at) if version else None
    if gain and still_matters(gain, at) and not _had(member, gain):
        credit_gains([gain], at=at)
        pay_debt(member, key=gain.key, at=at, alive_at=due_at)
    if version:
        plan_birthday(member, version.rules, after=due_at)
    else:
        member.birthday_due_at = None


def _had(member: Member, gain: Gain) -> bool:
    return member.accruals.filter(kind=AccrualKind.BIRTHDAY, year=gain.year).exists()
