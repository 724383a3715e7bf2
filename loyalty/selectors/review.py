"""Two members side by side, for whoever decides whether they are one person (S4.5)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from django.db.models import Q

from accounts.selectors import Identity, customer_identity
from ledger import selectors as ledger
from loyalty.models import Member, MemberEvent, Purchase, Suspicion
from loyalty.states import MemberEventKind, MemberState, Sign, SuspicionState

EVENTS_SHOWN = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonSeen:
    """What an operator compares. Points in hundredths; `other_suspicions` are open, with somebody else."""

    member_id: int
    name: str
    phone: str
    birth_on: date
    email: str
    organisation: str
    address: str
    language: str
    enrolled_at: datetime
    state: MemberState
    tier: str
    available_minor: int
    pending_minor: int
    debt_minor: int
    purchases: int
    last_purchase_at: datetime | None
    card: str
    other_suspicions: int


@dataclass(frozen=True, slots=True)
class EventSeen:
    at: datetime
    name: str
    kind: str
    detail: str
    actor: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Review:
    suspicion_id: int
    programme: str
    sign: str
    state: SuspicionState
    raised_at: datetime
    decided_at: datetime | None
    decided_by: str
    reason: str
    people: tuple[PersonSeen, PersonSeen]
    events: tuple[EventSeen, ...]


def suspicion_review(suspicion_id: int, *, at: datetime) -> Review | None:
    """Everything that helps to decide; None when there is no such suspicion. At most eleven queries."""
    rows = Suspicion.objects.select_related("first", "second", "first__programme", "decided_by")
    suspicion = rows.filter(pk=suspicion_id).first()
    if suspicion is None:
        return None
    pair = (suspicion.first, suspicion.second)
    balances = ledger.balances([member.account_id for member in pair], at=at)
    people = [_person(member, suspicion, balances[member.account_id]) for member in pair]
    return Review(
        suspicion_id=suspicion.pk,
        programme=suspicion.first.programme.name,
        sign=str(Sign(suspicion.because).label),
        state=SuspicionState(suspicion.state),
        raised_at=suspicion.raised_at,
        decided_at=suspicion.decided_at,
        decided_by=str(suspicion.decided_by) if suspicion.decided_by else "",
        reason=suspicion.reason,
        people=(people[0], people[1]),
        events=_events(pair),
    )


def _person(member: Member, suspicion: Suspicion, points: ledger.Balance) -> PersonSeen:
    account = customer_identity(member.user_id) if member.user_id else None
    card = member.cards.filter(replaced_at__isnull=True).values_list("last4", flat=True).first()
    gives = member.state == MemberState.ACTIVE
    return PersonSeen(
        member_id=member.pk,
        name=f"{member.first_name} {member.last_name}".strip(),
        phone=member.phone,
        birth_on=member.birth_on,
        email=account.email if account else "",
        organisation=account.organisation_name if account else "",
        address=_address(member, account),
        language=member.language,
        enrolled_at=member.enrolled_at,
        state=MemberState(member.state),
        tier=member.tier,
        available_minor=points.available if gives else 0,
        pending_minor=points.pending,
        debt_minor=member.debt_minor,
        purchases=Purchase.objects.filter(member=member).count(),
        last_purchase_at=member.last_purchase_at,
        card=card or "",
        other_suspicions=_others(member, suspicion),
    )


def _address(member: Member, account: Identity | None) -> str:
    """What the member gave the programme, or else the account's."""
    return member.address or ", ".join(account.address_lines if account else ())


def _others(member: Member, suspicion: Suspicion) -> int:
    still_open = Suspicion.objects.filter(state=SuspicionState.OPEN).exclude(pk=suspicion.pk)
    return still_open.filter(Q(first=member) | Q(second=member)).count()


def _events(pair: Sequence[Member]) -> tuple[EventSeen, ...]:
    names = {member.pk: f"{member} (n° {member.pk})" for member in pair}
    rows = MemberEvent.objects.filter(member__in=pair).select_related("actor").order_by("-id")
    return tuple(
        EventSeen(
            at=row.at,
            name=names[row.member_id],
            kind=str(MemberEventKind(row.kind).label),
            detail=f"{row.before} → {row.after}" if row.kind == MemberEventKind.DETAIL else "",
            actor=str(row.actor) if row.actor else "",
            reason=row.reason,
        )
        for row in rows[:EVENTS_SHOWN]
    )
