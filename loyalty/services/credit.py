"""Points come in: a ledger lot and the row that says why, always together."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from kernel.calendar import FAR_FUTURE
from ledger.services.credit import credit_many
from ledger.states import CreditRequest, Restriction
from loyalty.models import Accrual, Member, Promotion, Purchase
from loyalty.states import AccrualKind, Movement

MOVEMENTS = {
    AccrualKind.PURCHASE: Movement.PURCHASE,
    AccrualKind.WELCOME: Movement.WELCOME,
    AccrualKind.BIRTHDAY: Movement.BIRTHDAY,
    AccrualKind.PROMOTION: Movement.PROMOTION,
}
ANYWHERE = Restriction()


@dataclass(frozen=True, slots=True, kw_only=True)
class Gain:
    """Points for a locked member, in hundredths. No `expires_at`: they live until the member's era ends."""

    key: UUID
    member: Member
    version_id: int
    kind: AccrualKind
    amount_minor: int
    activates_at: datetime
    expires_at: datetime | None
    restriction: Restriction = ANYWHERE
    purchase: Purchase | None = None
    promotion: Promotion | None = None
    year: int | None = None


def credit_gains(gains: Sequence[Gain], *, at: datetime) -> None:
    """Make the lots and their accruals, in a fixed number of statements."""
    credit_many([_request(gain, at) for gain in gains])
    Accrual.objects.bulk_create([_accrual(gain, at) for gain in gains], batch_size=500)


def issuer(programme_slug: str) -> str:
    """The ledger's system account that a programme's points come from."""
    return f"loyalty:{programme_slug}"


def _request(gain: Gain, at: datetime) -> CreditRequest:
    return CreditRequest(
        key=gain.key,
        account_id=gain.member.account_id,
        source=issuer(gain.member.programme.slug),
        amount=gain.amount_minor,
        kind=MOVEMENTS[gain.kind].value,
        at=at,
        activates_at=gain.activates_at,
        expires_at=gain.expires_at or FAR_FUTURE,
        restriction=gain.restriction,
    )


def _accrual(gain: Gain, at: datetime) -> Accrual:
    member = gain.member
    return Accrual(
        transfer_id=gain.key,
        member=member,
        version_id=gain.version_id,
        purchase=gain.purchase,
        promotion=gain.promotion,
        kind=gain.kind,
        amount_minor=gain.amount_minor,
        idle=gain.expires_at is None,
        era=member.era,
        span=member.span,
        rank=member.purchases_made,
        lifetime_minor=member.lifetime_minor,
        year=gain.year,
        credited_at=at,
        activates_at=gain.activates_at,
        expires_at=gain.expires_at,
    )
