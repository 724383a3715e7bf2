"""The life of a membership, and who asked for it how."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from kernel.states import Machine


class MembershipState(models.TextChoices):
    """Where a person stands with a CSE (S3.2)."""

    PENDING = "pending", _("À valider")
    APPROVED = "approved", _("Validée")
    REFUSED = "refused", _("Refusée")
    SUSPENDED = "suspended", _("Suspendue")
    LEFT = "left", _("Terminée")


OPEN_STATES = (MembershipState.PENDING, MembershipState.APPROVED, MembershipState.SUSPENDED)

MEMBERSHIP = Machine(
    {
        MembershipState.PENDING: frozenset(
            {MembershipState.APPROVED, MembershipState.REFUSED, MembershipState.LEFT}
        ),
        MembershipState.APPROVED: frozenset({MembershipState.SUSPENDED, MembershipState.LEFT}),
        MembershipState.SUSPENDED: frozenset({MembershipState.APPROVED, MembershipState.LEFT}),
    }
)
