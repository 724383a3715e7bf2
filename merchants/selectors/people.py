"""Whose books a person may see."""

from dataclasses import dataclass

from allauth.mfa.models import Authenticator
from django.db.models import Exists

from merchants.models import MerchantUser
from merchants.states import MerchantRole


@dataclass(frozen=True, slots=True)
class MerchantOf:
    """A merchant that somebody works for."""

    merchant_id: int
    name: str
    currency: str
    role: str

    @property
    def is_owner(self) -> bool:
        """Looks after terminals and people too."""
        return self.role == MerchantRole.OWNER


@dataclass(frozen=True, slots=True)
class MerchantScope:
    merchants: tuple[MerchantOf, ...] = ()
    has_second_factor: bool = False


def merchant_scope(user_id: int) -> MerchantScope:
    """The merchants of a person, those that have ended too: their books stay theirs. One query."""
    rows = list(
        MerchantUser.objects.filter(user_id=user_id)
        .order_by("merchant__legal_name", "merchant_id")
        .values_list(
            "merchant_id",
            "merchant__legal_name",
            "merchant__currency",
            "role",
            Exists(Authenticator.objects.filter(user_id=user_id).exclude(type="recovery_codes")),
        )
    )
    return MerchantScope(
        merchants=tuple(MerchantOf(*row[:4]) for row in rows),
        has_second_factor=any(row[4] for row in rows),
    )
