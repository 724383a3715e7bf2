"""What loyalty stores: programmes and their versions, members, and why each lot of points exists."""

from loyalty.models.members import (
    Challenge,
    LoyaltyCard,
    Member,
    MemberEvent,
    OneTimeCode,
    OutletTries,
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
from loyalty.models.programme import (
    OrganisationProgramme,
    Programme,
    ProgrammeVersion,
    Promotion,
    PromotionGrant,
)

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
    "OutletTries",
    "PhoneQuota",
    "Programme",
    "ProgrammeVersion",
    "Promotion",
    "PromotionGrant",
    "Purchase",
    "PurchaseRefund",
    "Redemption",
    "RewardClaim",
    "Suspicion",
]
