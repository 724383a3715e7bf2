"""Sweeps: what time does, for everybody, in bounded set-based batches that any number of workers may run.

Balances are right without them: every service lets time pass on its member first (`services.settle`).
"""

from collections import defaultdict
from datetime import datetime

from django.db import transaction
from django.db.models import F, Q

from ledger.services.end import end_endless
from loyalty.models import Accrual, Member, MemberEvent
from loyalty.selectors.programmes import Versions, versions_of
from loyalty.services.credit import Gain, credit_gains
from loyalty.services.debt import pay_debt
from loyalty.services.settle import birthday_gain, plan_birthday, settle_locked, still_matters, tier_code
from loyalty.states import AccrualKind, MemberEventKind

Due = list[tuple[Member, datetime]]


@transaction.atomic
def end_idle(*, at: datetime, limit: int = 500) -> int:
    """End the eras of at most `limit` idle members: their lots end, tier and lifetime start anew (S4.8).

    Repeat until 0. Members that somebody else has locked wait for the next batch. The lots themselves expire
    by the ledger's own sweep.
    """
    members = _lock_due(Q(idle_until__lte=at), "idle_until", limit)
    plain: Due = []
    for member in members:
        ends_at, birthday_at = member.idle_until, member.birthday_due_at
        if ends_at is None or (birthday_at is not None and birthday_at < ends_at):
            settle_locked(member, at=at)
        else:
            plain.append((member, ends_at))
    _start_eras(plain)
    return len(members)


@transaction.atomic
def credit_birthdays(*, at: datetime, limit: int = 500) -> int:
    """Credit at most `limit` birthdays that are due, with the dates that they would have had on time (S4.9).

    Repeat until 0.
    """
    members = _lock_due(Q(birthday_due_at__lte=at), "birthday_due_at", limit)
    plain: Due = []
    for member in members:
        due_at, ends_at = member.birthday_due_at, member.idle_until
        if due_at is None or (ends_at is not None and ends_at <= at):
            settle_locked(member, at=at)
        else:
            plain.append((member, due_at))
    _credit(plain, at)
    return len(members)


def _lock_due(due: Q, order: str, limit: int) -> list[Member]:
    free = Member.objects.select_for_update(skip_locked=True, no_key=True, of=("self",))
    return list(free.select_related("programme").filter(due).order_by(order, "pk")[:limit])


def _start_eras(due: Due) -> None:
    """Same as `services.settle.start_era` for each, in a fixed number of statements per kind of outcome."""
    versions = versions_of({member.programme_id for member, _ in due})
    end_endless(ends={member.account_id: ends_at for member, ends_at in due})
    outcomes: dict[tuple[bool, str], list[int]] = defaultdict(list)
    events = []
    for member, ends_at in due:
        version = versions.at(member.programme_id, ends_at)
        resets = version is None or version.rules.idle_resets_tier
        lifetime = 0 if resets else member.lifetime_minor
        tier = tier_code(version.rules, lifetime) if version else member.tier
        outcomes[resets, tier].append(member.pk)
        events.append(
            MemberEvent(member=member, kind=MemberEventKind.IDLE, at=ends_at, before=member.tier, after=tier)
        )
    for (resets, tier), member_ids in outcomes.items():
        _write_era(member_ids, resets=resets, tier=tier)
    MemberEvent.objects.bulk_create(events, batch_size=500)


def _write_era(member_ids: list[int], *, resets: bool, tier: str) -> None:
    alike = Member.objects.filter(pk__in=member_ids)
    alike.update(era=F("era") + 1, tier=tier, last_purchase_at=None, idle_until=None)
    if resets:
        alike.update(span=F("era"), lifetime_minor=0)


def _credit(due: Due, at: datetime) -> None:
    versions = versions_of({member.programme_id for member, _ in due})
    gains = _birthdays(due, versions, at)
    credit_gains(gains, at=at)
    for gain in gains:
        pay_debt(gain.member, key=gain.key, at=at, alive_at=gain.activates_at)
    for member, due_at in due:
        if version := versions.at(member.programme_id, due_at):
            plan_birthday(member, version.rules, after=due_at)
        else:
            member.birthday_due_at = None
    Member.objects.bulk_update([member for member, _ in due], ["birthday_due_at"], batch_size=500)


def _birthdays(due: Due, versions: Versions, at: datetime) -> list[Gain]:
    """The gains that are not over yet and were not credited before."""
    gains = []
    for member, due_at in due:
        version = versions.at(member.programme_id, due_at)
        gain = birthday_gain(member, version, due_at=due_at) if version else None
        if gain and still_matters(gain, at):
            gains.append(gain)
    had = set(
        Accrual.objects.filter(
            member__in=[gain.member for gain in gains],
            kind=AccrualKind.BIRTHDAY,
            year__in={gain.year for gain in gains},
        ).values_list("member_id", "year")
    )
    return [gain for gain in gains if (gain.member.pk, gain.year) not in had]
