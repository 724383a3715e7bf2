"""Terminals, the people at them, and the devices that they run on."""

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from merchants.models.merchant import LANGUAGES, Merchant, Outlet
from merchants.states import PASSWORD_TRIES, OperatorRole, TerminalState


class Terminal(models.Model):
    """A till of an outlet, known by its TID (S0.2). Its row's lock orders what happens at it.

    The activation code is a fingerprint here, and sealed until its paper is drawn.
    """

    tid = models.CharField("TID", max_length=8, unique=True)
    outlet = models.ForeignKey(
        Outlet, models.PROTECT, verbose_name=_("point de vente"), related_name="terminals"
    )
    state = models.CharField(_("état"), max_length=7, choices=TerminalState, default=TerminalState.ACTIVE)
    sales_made = models.PositiveIntegerField(_("transactions"), default=0)
    activation = models.PositiveIntegerField(default=0)  # how many codes were made; names the paper
    activation_index = models.CharField(max_length=64, blank=True)
    activation_sealed = models.TextField(blank=True)
    activation_expires_at = models.DateTimeField(_("code valable jusqu'au"), null=True, blank=True)
    activated_at = models.DateTimeField(_("activé le"), null=True, blank=True)

    class Meta:
        verbose_name = _("terminal")
        verbose_name_plural = _("terminaux")
        ordering = ["tid"]
        constraints = [
            models.CheckConstraint(condition=Q(tid__regex=r"^CM[0-9]{4,6}$"), name="merchants_tid_form"),
            models.CheckConstraint(
                condition=Q(state__in=TerminalState.values), name="merchants_terminal_state_known"
            ),
        ]

    def __str__(self) -> str:
        return self.tid


class Operator(models.Model):
    """Somebody at the till. `wrong_tries` counts those from devices that the terminal does not know."""

    merchant = models.ForeignKey(
        Merchant, models.PROTECT, verbose_name=_("commerçant"), related_name="operators"
    )
    outlets = models.ManyToManyField(
        Outlet,
        verbose_name=_("points de vente"),
        blank=True,
        related_name="+",
        help_text=_("Aucun coché : tous."),
    )
    login = models.CharField(_("identifiant"), max_length=40)
    name = models.CharField(_("nom"), max_length=80)
    password = models.CharField(max_length=128)
    role = models.CharField(_("rôle"), max_length=7, choices=OperatorRole, default=OperatorRole.CASHIER)
    is_active = models.BooleanField(_("actif"), default=True)
    wrong_tries = models.PositiveSmallIntegerField(default=0)
    blocked_until = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name = _("utilisateur de terminal")
        verbose_name_plural = _("utilisateurs de terminaux")
        ordering = ["merchant", "login"]
        constraints = [
            models.UniqueConstraint(fields=["merchant", "login"], name="merchants_operator_login_once"),
            models.CheckConstraint(condition=~Q(login=""), name="merchants_operator_has_a_login"),
            models.CheckConstraint(
                condition=Q(role__in=OperatorRole.values), name="merchants_operator_role_known"
            ),
            models.CheckConstraint(
                condition=Q(wrong_tries__lte=PASSWORD_TRIES), name="merchants_operator_tries"
            ),
        ]

    def __str__(self) -> str:
        return self.name


class Device(models.Model):
    """A telephone or tablet that a terminal remembers; its cookie's token is a fingerprint here.

    `operator` is signed in since `signed_in_at`; None after signing out. `wrong_tries` counts wrong passwords
    on this device, so that a stranger who guesses elsewhere does not stop the till.
    """

    terminal = models.ForeignKey(Terminal, models.PROTECT, verbose_name=_("terminal"), related_name="devices")
    token_index = models.CharField(max_length=64, unique=True)
    label = models.CharField(_("appareil"), max_length=80, blank=True)
    language = models.CharField(_("langue"), max_length=2, choices=LANGUAGES, default="fr")
    operator = models.ForeignKey(
        Operator, models.PROTECT, verbose_name=_("utilisateur"), null=True, blank=True, related_name="+"
    )
    made_at = models.DateTimeField(_("depuis"))
    signed_in_at = models.DateTimeField(_("connecté le"), null=True, blank=True)
    last_seen_at = models.DateTimeField(_("vu le"))
    revoked_at = models.DateTimeField(_("révoqué le"), null=True, blank=True)
    wrong_tries = models.PositiveSmallIntegerField(default=0)
    blocked_until = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name = _("appareil")
        verbose_name_plural = _("appareils")
        ordering = ["-last_seen_at"]
        constraints = [
            models.CheckConstraint(
                condition=Q(wrong_tries__lte=PASSWORD_TRIES), name="merchants_device_tries"
            ),
        ]

    def __str__(self) -> str:
        return self.label or str(self.pk)
