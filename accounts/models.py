"""People and their works councils (CSE)."""

from typing import Any, ClassVar

from django.conf import settings
from django.contrib.auth.base_user import BaseUserManager
from django.contrib.auth.models import AbstractUser
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Lower
from django.utils.translation import gettext_lazy as _

from accounts.states import OPEN_STATES, MembershipState


class UserManager(BaseUserManager["User"]):
    """People are known by their e-mail, written in lower case."""

    use_in_migrations = True

    def create_user(self, email: str, password: str | None = None, **fields: Any) -> "User":
        user = self.model(email=self.normalize_email(email).lower(), **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def create_superuser(self, email: str, password: str | None = None, **fields: Any) -> "User":
        return self.create_user(email, password, **{"is_staff": True, "is_superuser": True, **fields})

    def get_by_natural_key(self, username: str | None) -> "User":
        return self.get(email=(username or "").lower())


class Title(models.TextChoices):
    MRS = "mrs", _("Mme")
    MR = "mr", _("M.")


class User(AbstractUser):
    """A person, known by e-mail. Phone and birth date are fixed once set (S3.10)."""

    username = None  # type: ignore[assignment]
    email = models.EmailField(_("adresse e-mail"), unique=True)
    title = models.CharField(_("civilité"), max_length=3, choices=Title, blank=True)
    first_name = models.CharField(_("prénom"), max_length=80, blank=True)
    last_name = models.CharField(_("nom"), max_length=80, blank=True)
    phone = models.CharField(_("téléphone mobile"), max_length=16, blank=True, db_index=True)  # E.164
    birth_date = models.DateField(_("date de naissance"), null=True, blank=True)
    address_line1 = models.CharField(_("adresse"), max_length=120, blank=True)
    address_line2 = models.CharField(_("complément d'adresse"), max_length=120, blank=True)
    postal_code = models.CharField(_("code postal"), max_length=12, blank=True)
    city = models.CharField(_("ville"), max_length=80, blank=True)
    country = models.CharField(_("pays (code ISO)"), max_length=2, blank=True, default="FR")
    language = models.CharField(_("langue"), max_length=5, default="fr")

    USERNAME_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []
    objects: ClassVar[UserManager] = UserManager()  # type: ignore[assignment]

    class Meta:
        verbose_name = _("personne")
        verbose_name_plural = _("personnes")
        constraints = [
            models.UniqueConstraint(Lower("email"), name="user_email_unique_whatever_case"),
            models.CheckConstraint(
                condition=Q(phone="") | Q(phone__startswith="+"), name="user_phone_is_e164"
            ),
        ]

    def __str__(self) -> str:
        return self.get_full_name() or self.email


class TermsConsent(models.Model):
    """Which version of the terms of use a person accepted, and when."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="consents")
    version = models.PositiveIntegerField(_("version"))
    accepted_at = models.DateTimeField(_("acceptée le"))

    class Meta:
        verbose_name = _("acceptation des conditions d'utilisation")
        verbose_name_plural = _("acceptations des conditions d'utilisation")
        constraints = [models.UniqueConstraint(fields=["user", "version"], name="one_consent_per_version")]

    def __str__(self) -> str:
        return f"v{self.version}"


class DetailChange(models.Model):
    """An operator corrected a fixed detail of a person, and why."""

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        verbose_name=_("personne"),
        on_delete=models.PROTECT,
        related_name="detail_changes",
    )
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL, verbose_name=_("par"), on_delete=models.PROTECT, related_name="+"
    )
    field = models.CharField(_("champ"), max_length=40)
    before = models.CharField(_("avant"), max_length=80, blank=True)
    after = models.CharField(_("après"), max_length=80, blank=True)
    reason = models.CharField(_("motif"), max_length=300)
    at = models.DateTimeField(_("le"))

    class Meta:
        verbose_name = _("correction d'une coordonnée")
        verbose_name_plural = _("corrections de coordonnées")
        constraints = [
            models.CheckConstraint(condition=~Q(reason=""), name="detail_change_has_a_reason"),
        ]

    def __str__(self) -> str:
        return self.field


class Organisation(models.Model):
    """A works council (CSE)."""

    name = models.CharField(_("nom"), max_length=120, unique=True)
    slug = models.SlugField(_("identifiant"), unique=True)
    contact_email = models.EmailField(_("e-mail de contact"), blank=True)
    is_active = models.BooleanField(_("active"), default=True)

    class Meta:
        verbose_name = _("CSE")
        verbose_name_plural = _("CSE")
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class Site(models.Model):
    """A workplace of a CSE."""

    organisation = models.ForeignKey(Organisation, on_delete=models.PROTECT, related_name="sites")
    name = models.CharField(_("nom"), max_length=120)

    class Meta:
        verbose_name = _("site")
        verbose_name_plural = _("sites")
        ordering = ["name"]
        constraints = [
            models.UniqueConstraint(fields=["organisation", "name"], name="site_name_unique_in_cse")
        ]

    def __str__(self) -> str:
        return self.name


class IdentificationKey(models.Model):
    """A code that a CSE hands to its people; it names the CSE and perhaps the site (S3.1)."""

    organisation = models.ForeignKey(
        Organisation, verbose_name=_("CSE"), on_delete=models.PROTECT, related_name="keys"
    )
    site = models.ForeignKey(
        Site, verbose_name=_("site"), on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    code = models.CharField(_("clé"), max_length=40, unique=True)  # upper case
    use_limit = models.PositiveIntegerField(_("nombre d'utilisations"), null=True, blank=True)
    uses = models.PositiveIntegerField(_("utilisations"), default=0)
    expires_on = models.DateField(_("dernier jour"), null=True, blank=True)
    auto_approve = models.BooleanField(_("valide aussitôt"), default=False)
    revoked_at = models.DateTimeField(_("révoquée le"), null=True, blank=True)
    batch = models.CharField(_("lot"), max_length=60, blank=True)
    created_at = models.DateTimeField(_("créée le"), auto_now_add=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        verbose_name=_("créée par"),
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
    )

    class Meta:
        verbose_name = _("clé d'identification")
        verbose_name_plural = _("clés d'identification")
        constraints = [
            models.CheckConstraint(
                condition=Q(use_limit__isnull=True) | Q(uses__lte=F("use_limit")),
                name="key_uses_within_limit",
            ),
            models.CheckConstraint(condition=~Q(code__in=["", "0"]), name="key_code_is_a_code"),
        ]

    def __str__(self) -> str:
        return self.code


class Membership(models.Model):
    """A request to belong to a CSE and what became of it. No CSE yet: made with key 0.

    `accounts.services.membership.move_to` is the only writer of `state`.
    """

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        verbose_name=_("personne"),
        on_delete=models.PROTECT,
        related_name="memberships",
    )
    organisation = models.ForeignKey(
        Organisation,
        verbose_name=_("CSE"),
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="memberships",
    )
    site = models.ForeignKey(
        Site, verbose_name=_("site"), on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    key = models.ForeignKey(
        IdentificationKey,
        verbose_name=_("clé"),
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="memberships",
    )
    state = models.CharField(
        _("état"), max_length=10, choices=MembershipState, default=MembershipState.PENDING
    )
    requested_at = models.DateTimeField(_("reçue le"))
    decided_at = models.DateTimeField(_("décidée le"), null=True, blank=True)
    reason = models.CharField(_("motif"), max_length=500, blank=True)

    class Meta:
        verbose_name = _("adhésion")
        verbose_name_plural = _("adhésions")
        indexes = [
            models.Index(fields=["organisation", "state", "requested_at", "id"], name="membership_queue"),
            models.Index(fields=["user", "-id"], name="membership_latest"),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(state__in=MembershipState.values), name="membership_state_known"
            ),
            models.CheckConstraint(
                condition=Q(organisation__isnull=False) | ~Q(state__in=["approved", "suspended"]),
                name="approved_membership_has_a_cse",
            ),
            models.UniqueConstraint(
                fields=["user"],
                condition=Q(state__in=[state.value for state in OPEN_STATES]),
                name="one_open_membership_per_person",
            ),
        ]

    def __str__(self) -> str:
        return self.number

    @property
    def number(self) -> str:
        """How people quote it."""
        return f"DEM-{self.pk:04d}"


class MembershipEvent(models.Model):
    """Who did what to a membership, when and why. Rows are only ever added."""

    membership = models.ForeignKey(
        Membership, verbose_name=_("adhésion"), on_delete=models.PROTECT, related_name="events"
    )
    at = models.DateTimeField(_("le"))
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        verbose_name=_("par"),
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
    )
    from_state = models.CharField(_("de"), max_length=10, choices=MembershipState, blank=True)
    to_state = models.CharField(_("à"), max_length=10, choices=MembershipState)
    organisation = models.ForeignKey(
        Organisation, verbose_name=_("CSE"), on_delete=models.PROTECT, null=True, related_name="+"
    )
    reason = models.CharField(_("motif"), max_length=500, blank=True)

    class Meta:
        verbose_name = _("événement d'adhésion")
        verbose_name_plural = _("événements d'adhésion")
        ordering = ["id"]

    def __str__(self) -> str:
        return f"{self.from_state or '·'} → {self.to_state}"


class StaffRole(models.Model):
    """This person decides the requests of this CSE."""

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        verbose_name=_("personne"),
        on_delete=models.CASCADE,
        related_name="staff_roles",
    )
    organisation = models.ForeignKey(
        Organisation, verbose_name=_("CSE"), on_delete=models.CASCADE, related_name="staff_roles"
    )

    class Meta:
        verbose_name = _("rôle de gestionnaire")
        verbose_name_plural = _("rôles de gestionnaire")
        constraints = [
            models.UniqueConstraint(fields=["user", "organisation"], name="one_staff_role_per_cse")
        ]

    def __str__(self) -> str:
        return f"{self.user_id} @ {self.organisation_id}"


class BuyerRole(models.Model):
    """This person orders cards for many people in the name of this organisation (S0.5)."""

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        verbose_name=_("personne"),
        on_delete=models.CASCADE,
        related_name="buyer_roles",
    )
    organisation = models.ForeignKey(
        Organisation, verbose_name=_("CSE"), on_delete=models.CASCADE, related_name="buyer_roles"
    )

    class Meta:
        verbose_name = _("rôle d'acheteur")
        verbose_name_plural = _("rôles d'acheteur")
        constraints = [
            models.UniqueConstraint(fields=["user", "organisation"], name="one_buyer_role_per_cse")
        ]

    def __str__(self) -> str:
        return f"{self.user_id} @ {self.organisation_id}"


class HelpSubject(models.Model):  # type: ignore[django-manager-missing]
    """One subject of the help page: what to know, and whom to ask (S0.6)."""

    slug = models.SlugField(_("identifiant"), unique=True, max_length=40)
    title = models.CharField(_("titre"), max_length=120)
    text = models.TextField(_("texte"))
    email = models.EmailField(_("adresse e-mail"), blank=True)
    phone = models.CharField(_("téléphone"), max_length=16, blank=True)  # E.164
    hours = models.CharField(_("horaires"), max_length=120, blank=True)
    position = models.PositiveSmallIntegerField(_("rang"), default=0)
    is_active = models.BooleanField(_("affiché"), default=True)

    class Meta:
        verbose_name = _("sujet d'aide")
        verbose_name_plural = _("sujets d'aide")
        ordering = ["position", "id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(phone="") | Q(phone__startswith="+"), name="help_phone_is_e164"
            ),
        ]

    def __str__(self) -> str:
        return self.title
