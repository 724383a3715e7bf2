"""Direct debit (S1.5): who may be debited, each debit and its way to the bank and back."""

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from billing.models.account import CreditAccount
from billing.models.entry import Entry
from billing.models.statement import Statement
from billing.states import (
    LIVING_COLLECTIONS,
    CollectionFileState,
    CollectionState,
    MandateEnd,
    MandateState,
    ObjectionState,
)


class Mandate(models.Model):
    """The holder's permission to debit a bank account with what each statement asks for, in full.

    `reference` is the bank's UMR. `refusals`: how many debits in a row the bank refused; the third ends it.
    """

    account = models.ForeignKey(
        CreditAccount, models.PROTECT, related_name="mandates", verbose_name=_("compte")
    )
    reference = models.CharField(_("référence du mandat"), max_length=35, unique=True)
    name = models.CharField(_("titulaire du compte bancaire"), max_length=70)
    iban = models.CharField(_("IBAN"), max_length=34)
    bic = models.CharField(_("BIC"), max_length=11, blank=True)
    signed_at = models.DateTimeField(_("signé le"))
    state = models.CharField(
        _("état"), max_length=6, choices=MandateState, default=MandateState.ACTIVE, editable=False
    )
    refusals = models.PositiveSmallIntegerField(_("refus de suite"), default=0)
    ended_at = models.DateTimeField(_("terminé le"), null=True, blank=True)
    end_reason = models.CharField(_("fin"), max_length=8, choices=MandateEnd, blank=True)

    class Meta:
        verbose_name = _("mandat de prélèvement")
        verbose_name_plural = _("mandats de prélèvement")
        constraints = [
            models.UniqueConstraint(
                fields=["account"], condition=Q(state="active"), name="billing_one_mandate_in_force"
            ),
            models.CheckConstraint(
                condition=Q(state="active", ended_at__isnull=True, end_reason="")
                | Q(state="ended", ended_at__isnull=False, end_reason__in=MandateEnd.values),
                name="billing_ended_mandate_says_why",
            ),
            models.CheckConstraint(
                condition=Q(state="active", refusals__lte=2) | Q(state="ended", refusals__lte=3),
                name="billing_third_refusal_ends_the_mandate",
            ),
            models.CheckConstraint(condition=~Q(iban=""), name="billing_mandate_has_an_iban"),
        ]

    def __str__(self) -> str:
        return self.reference


class CollectionFile(models.Model):
    """Direct debits that go to the bank together. `number` is the message id."""

    number = models.CharField(_("numéro de message"), max_length=35, unique=True)
    collector = models.CharField(_("encaisseur"), max_length=20)
    currency = models.CharField(_("devise"), max_length=3)
    made_at = models.DateTimeField(_("établi le"))
    state = models.CharField(
        _("état"),
        max_length=9,
        choices=CollectionFileState,
        default=CollectionFileState.PREPARED,
        editable=False,
    )
    count = models.PositiveIntegerField(_("prélèvements"))
    total_minor = models.PositiveBigIntegerField(_("total (centimes)"))

    class Meta:
        verbose_name = _("fichier de prélèvements")
        verbose_name_plural = _("fichiers de prélèvements")
        constraints = [
            models.CheckConstraint(
                condition=Q(state__in=CollectionFileState.values), name="billing_collection_file_state_known"
            ),
            models.CheckConstraint(
                condition=Q(count__gt=0, total_minor__gt=0), name="billing_collection_file_collects"
            ),
        ]

    def __str__(self) -> str:
        return self.number


class CollectionFileEvent(models.Model):
    """A file was made, written, handed over or called off, and by whom."""

    collection_file = models.ForeignKey(CollectionFile, models.PROTECT, related_name="events")
    at = models.DateTimeField(_("le"))
    from_state = models.CharField(_("ancien état"), max_length=9, blank=True)
    to_state = models.CharField(_("nouvel état"), max_length=9)
    actor = models.CharField(_("par"), max_length=80, blank=True)

    class Meta:
        verbose_name = _("étape")
        verbose_name_plural = _("étapes")

    def __str__(self) -> str:
        return f"{self.from_state} → {self.to_state}"


class Collection(models.Model):
    """One direct debit: what a statement asks for, on a bank working day before it is due.

    `announced_minor` was told to the customer; `amount_minor` is what is asked of the bank: less when a part
    was paid meanwhile. `end_to_end_id` comes back with whatever the bank answers.
    """

    statement = models.ForeignKey(
        Statement, models.PROTECT, related_name="collections", verbose_name=_("relevé de carte")
    )
    mandate = models.ForeignKey(
        Mandate, models.PROTECT, related_name="collections", verbose_name=_("mandat de prélèvement")
    )
    announced_minor = models.PositiveBigIntegerField(_("annoncé (centimes)"))
    amount_minor = models.PositiveBigIntegerField(_("montant (centimes)"))
    collect_on = models.DateField(_("débité le"))
    end_to_end_id = models.CharField(_("référence de bout en bout"), max_length=35, unique=True)
    state = models.CharField(
        _("état"), max_length=9, choices=CollectionState, default=CollectionState.ANNOUNCED, editable=False
    )
    announced_at = models.DateTimeField(_("annoncé le"))
    changed_at = models.DateTimeField(_("dernier changement"))
    collection_file = models.ForeignKey(
        CollectionFile,
        models.PROTECT,
        null=True,
        related_name="collections",
        verbose_name=_("fichier de prélèvements"),
    )
    payment = models.OneToOneField(Entry, models.PROTECT, null=True, related_name="+")
    bank_reason = models.CharField(_("motif de la banque"), max_length=4, blank=True)

    class Meta:
        verbose_name = _("prélèvement")
        verbose_name_plural = _("prélèvements")
        constraints = [
            models.UniqueConstraint(
                fields=["statement"],
                condition=Q(state__in=LIVING_COLLECTIONS),
                name="billing_one_living_collection",
            ),
            models.CheckConstraint(
                condition=Q(amount_minor__gt=0, amount_minor__lte=F("announced_minor")),
                name="billing_collection_never_grows",
            ),
            models.CheckConstraint(
                condition=Q(
                    state__in=["announced", "dropped"], collection_file__isnull=True, payment__isnull=True
                )
                | Q(state="filed", collection_file__isnull=False, payment__isnull=True)
                | Q(state="returned", collection_file__isnull=False)
                | Q(state__in=["booked", "objected"], collection_file__isnull=False, payment__isnull=False),
                name="billing_collection_state_holds",
            ),
        ]
        indexes = [
            models.Index(
                fields=["collect_on", "id"],
                condition=Q(state__in=["announced", "filed"]),
                name="billing_collections_to_come",
            ),
        ]

    def __str__(self) -> str:
        return self.end_to_end_id


class Objection(models.Model):
    """The debtor wants the money back (S1.5). It goes back at once; whether that was right is decided later.

    Without a reason when the bank told us of it.
    """

    collection = models.OneToOneField(
        Collection, models.PROTECT, related_name="objection", verbose_name=_("prélèvement")
    )
    reason = models.CharField(_("motif"), max_length=500, blank=True)
    state = models.CharField(
        _("état"), max_length=11, choices=ObjectionState, default=ObjectionState.OPEN, editable=False
    )
    opened_at = models.DateTimeField(_("reçue le"))
    decided_at = models.DateTimeField(_("décidée le"), null=True, editable=False)
    decided_by = models.CharField(_("décidée par"), max_length=80, blank=True, editable=False)
    answer = models.CharField(_("réponse"), max_length=500, blank=True)
    fee = models.OneToOneField(Entry, models.PROTECT, null=True, related_name="+", editable=False)

    class Meta:
        verbose_name = _("opposition")
        verbose_name_plural = _("oppositions")
        constraints = [
            models.CheckConstraint(
                condition=Q(state="open", decided_at__isnull=True, fee__isnull=True)
                | Q(state="justified", decided_at__isnull=False, fee__isnull=True)
                | Q(state="unjustified", decided_at__isnull=False),
                name="billing_decided_objection_is_dated",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.collection}"
