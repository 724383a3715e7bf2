"""What loyalty stores: programmes and their versions, members, and why each lot of points exists."""

from loyalty.models.members import (
    Challenge,
    LoyaltyCard,
    Member,
    MemberEvent,
    OneTimeCode,
    PhoneQuota,
    Suspicion,
)
from loyalty.models.points import (
    Accrual,
    GiveBack,
    Notice,
    Purchase,
    PurchaseRefund,
    Redemption,
    RewardClaim,
)
from loyalty.models.programme import OrganisationProgramme, Programme, ProgrammeVersion, Promotion

__all__ = [
    "Accrual",
    "Challenge",
    "GiveBack",
    "LoyaltyCard",
    "Member",
    "MemberEvent",
    "Notice",
    "OneTimeCode",
    "OrganisationProgramme",
    "PhoneQuota",
    "Programme",
    "ProgrammeVersion",
    "Promotion",
    "Purchase",
    "PurchaseRefund",
    "Redemption",
    "RewardClaim",
    "Suspicion",
]
