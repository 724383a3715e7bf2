"""Members, how they came in, and what happened to them."""

import uuid

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from loyalty.models.programme import Programme, ProgrammeVersion
from loyalty.states import MemberEventKind, MemberState, SuspicionState

MOST_TRIES = 3
MOST_CODE_TRIES = 20


class Member(models.Model):
    """A person in a programme. Points are lots of the ledger account; this row says what time does to them.

    An era lasts from one idle reset to the next (S4.8): `lifetime_minor` counts the net purchases of this
    one. `idle_until` is when it ends unless something is bought; None while nothing can end. Lots that live
    by idleness have no end of their own in the ledger. `birthday_due_at`: when the next birthday's points
    are due.
    """

    programme = models.ForeignKey(
        Programme, models.PROTECT, verbose_name=_("programme"), related_name="members"
    )
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.PROTECT,
        verbose_name=_("compte"),
        null=True,
        blank=True,
        related_name="+",
    )
    account = models.OneToOneField("ledger.Account", models.PROTECT, related_name="+")
    phone = models.CharField(_("téléphone"), max_length=16)  # E.164
    birth_on = models.DateField(_("date de naissance"))
    first_name = models.CharField(_("prénom"), max_length=80, blank=True)
    last_name = models.CharField(_("nom"), max_length=80, blank=True)
    address = models.TextField(_("adresse"), blank=True)
    language = models.CharField(_("langue"), max_length=5, default="fr")
    consent_version = models.PositiveIntegerField(_("version acceptée"))
    consented_at = models.DateTimeField(_("acceptée le"))
    enrolled_at = models.DateTimeField(_("inscrit le"))
    joined_version = models.ForeignKey(
        ProgrammeVersion, models.PROTECT, verbose_name=_("version à l'inscription"), related_name="+"
    )
    state = models.CharField(_("état"), max_length=9, choices=MemberState, default=MemberState.ACTIVE)
    tier = models.CharField(_("statut"), max_length=20, blank=True)
    era = models.PositiveIntegerField(default=1)
    span = models.PositiveIntegerField(default=1)  # the first era that lifetime purchases are counted from
    purchases_made = models.PositiveIntegerField(default=0)
    lifetime_minor = models.PositiveBigIntegerField(_("achats cumulés (centimes)"), default=0)
    last_purchase_at = models.DateTimeField(_("dernier achat"), null=True, blank=True)
    idle_until = models.DateTimeField(_("fin par inactivité"), null=True, blank=True)
    birthday_due_at = models.DateTimeField(null=True, blank=True)
    debt_minor = models.PositiveBigIntegerField(_("dette (centièmes de point)"), default=0)

    class Meta:
        verbose_name = _("membre")
        verbose_name_plural = _("membres")
        constraints = [
            # Voided members keep their number: who was voided does not come in again by the same door.
            models.UniqueConstraint(fields=["programme", "phone"], name="loyalty_member_phone_once"),
            models.UniqueConstraint(fields=["programme", "user"], name="loyalty_member_user_once"),
            models.CheckConstraint(condition=Q(phone__startswith="+"), name="loyalty_member_phone_e164"),
            models.CheckConstraint(
                condition=Q(state__in=MemberState.values), name="loyalty_member_state_known"
            ),
        ]
        indexes = [
            models.Index(
                name="loyalty_member_idle", fields=["idle_until", "id"], condition=Q(idle_until__isnull=False)
            ),
            models.Index(
                name="loyalty_member_birthday",
                fields=["birthday_due_at", "id"],
                condition=Q(birthday_due_at__isnull=False),
            ),
            models.Index(name="loyalty_member_person", fields=["programme", "birth_on"]),
        ]

    def __str__(self) -> str:
        return f"{self.first_name} {self.last_name}".strip() or self.phone


class MemberEvent(models.Model):
    """What happened to a member, by whom and why. Rows are only ever added."""

    member = models.ForeignKey(Member, models.PROTECT, verbose_name=_("membre"), related_name="events")
    at = models.DateTimeField(_("le"))
    kind = models.CharField(_("événement"), max_length=10, choices=MemberEventKind)
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, verbose_name=_("par"), null=True, related_name="+"
    )
    field = models.CharField(_("champ"), max_length=20, blank=True)
    before = models.CharField(_("avant"), max_length=200, blank=True)
    after = models.CharField(_("après"), max_length=200, blank=True)
    reason = models.CharField(_("motif"), max_length=300, blank=True)

    class Meta:
        verbose_name = _("événement de membre")
        verbose_name_plural = _("événements de membres")
        ordering = ["id"]
        constraints = [
            models.CheckConstraint(
                name="loyalty_decision_has_a_reason",
                condition=~Q(kind__in=["voided", "cleared", "restored"]) | ~Q(reason=""),
            ),
        ]


class Suspicion(models.Model):
    """Two registrations that may be one person's; an operator decides (S4.5)."""

    first = models.ForeignKey(Member, models.PROTECT, verbose_name=_("premier"), related_name="+")
    second = models.ForeignKey(Member, models.PROTECT, verbose_name=_("second"), related_name="+")
    because = models.CharField(_("indice"), max_length=40)
    state = models.CharField(_("état"), max_length=9, choices=SuspicionState, default=SuspicionState.OPEN)
    raised_at = models.DateTimeField(_("signalé le"))
    decided_at = models.DateTimeField(_("décidé le"), null=True, blank=True)
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.PROTECT,
        verbose_name=_("par"),
        null=True,
        blank=True,
        related_name="+",
    )
    reason = models.CharField(_("motif"), max_length=300, blank=True)

    class Meta:
        verbose_name = _("doublon présumé")
        verbose_name_plural = _("doublons présumés")
        constraints = [
            models.UniqueConstraint(fields=["first", "second"], name="loyalty_suspicion_once"),
            models.CheckConstraint(name="loyalty_suspicion_of_two", condition=Q(first__lt=F("second"))),
            models.CheckConstraint(
                name="loyalty_suspicion_decided",
                condition=Q(state=SuspicionState.OPEN.value, decided_at__isnull=True)
                | (~Q(state=SuspicionState.OPEN.value) & Q(decided_at__isnull=False) & ~Q(reason="")),
            ),
        ]


class LoyaltyCard(models.Model):
    """A plastic card that names a member at the till. Lost: replaced, and the balance stays where it is."""

    member = models.ForeignKey(Member, models.PROTECT, verbose_name=_("membre"), related_name="cards")
    number_index = models.CharField(max_length=64, unique=True)
    last4 = models.CharField(_("derniers chiffres"), max_length=4)
    linked_at = models.DateTimeField(_("rattachée le"))
    replaced_at = models.DateTimeField(_("remplacée le"), null=True, blank=True)

    class Meta:
        verbose_name = _("carte de fidélité")
        verbose_name_plural = _("cartes de fidélité")
        constraints = [
            models.UniqueConstraint(
                fields=["member"], condition=Q(replaced_at__isnull=True), name="loyalty_card_one_at_a_time"
            ),
        ]


class Challenge(models.Model):
    """An enrolment that waits for its four digits. The code is a fingerprint here; `sealed` until sent."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    programme = models.ForeignKey(Programme, models.PROTECT, related_name="+")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+")
    phone = models.CharField(max_length=16)
    birth_on = models.DateField()
    first_name = models.CharField(max_length=80, blank=True)
    last_name = models.CharField(max_length=80, blank=True)
    language = models.CharField(max_length=5, default="fr")
    consent_version = models.PositiveIntegerField()
    consented_at = models.DateTimeField()
    code_index = models.CharField(max_length=64)
    sealed = models.TextField(blank=True)
    tries = models.PositiveSmallIntegerField(default=0)
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(tries__lte=MOST_TRIES), name="loyalty_challenge_tries"),
        ]


class PhoneQuota(models.Model):
    """How many codes a phone was sent on its last day."""

    phone = models.CharField(max_length=16, unique=True)
    on = models.DateField()
    sent = models.PositiveSmallIntegerField()
    last_at = models.DateTimeField()


class OneTimeCode(models.Model):
    """The code that a member shows to spend; 60 seconds, once (S4.12)."""

    member = models.ForeignKey(Member, models.PROTECT, related_name="+")
    code_index = models.CharField(max_length=64, unique=True)
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True)


class OutletTries(models.Model):
    """One-time codes that an outlet tried and that were not right, until `ends_at` (S4.12)."""

    outlet = models.CharField(max_length=64, unique=True)
    tries = models.PositiveSmallIntegerField(default=0)
    ends_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(tries__lte=MOST_CODE_TRIES), name="loyalty_outlet_tries"),
        ]
