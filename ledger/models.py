"""Accounts, transfers, dated lots and the moves between them. Private to the ledger.

Transfers, moves and account events are append-only: triggers refuse anything else (see `ledger.rules`).
Foreign keys are PROTECT throughout; amounts are integers in the minor unit of the account's unit.
"""

from datetime import datetime

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from ledger.states import AccountKind, HoldState, Restriction, SpendContext, TransferRecord


class Account(models.Model):
    """One holder's value in one unit. Its balance is the sum of its lots; there is no cached figure."""

    unit = models.CharField(max_length=8)
    kind = models.CharField(max_length=8, choices=[(k.value, k.value) for k in AccountKind])
    code = models.CharField(max_length=64, blank=True, default="")
    holder = models.CharField(max_length=64, blank=True, default="")
    frozen = models.BooleanField(default=False)

    class Meta:
        verbose_name = _("compte")
        verbose_name_plural = _("comptes")
        constraints = [
            models.CheckConstraint(
                name="ledger_account_kind",
                condition=Q(kind=AccountKind.CUSTOMER.value, code="")
                | (Q(kind=AccountKind.SYSTEM.value, frozen=False) & ~Q(code="")),
            ),
            models.CheckConstraint(name="ledger_account_unit", condition=~Q(unit="")),
            models.UniqueConstraint(
                name="ledger_account_system",
                fields=["code", "unit"],
                condition=Q(kind=AccountKind.SYSTEM.value),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.code or self.holder or self.pk} ({self.unit})"


class AccountEvent(models.Model):
    """An account was frozen or released, and why."""

    account = models.ForeignKey(Account, models.PROTECT, related_name="events")
    at = models.DateTimeField()
    frozen = models.BooleanField()
    reason = models.CharField(max_length=200)

    class Meta:
        verbose_name = _("blocage de compte")
        verbose_name_plural = _("blocages de comptes")


class Transfer(models.Model):
    """Value went from one account to another. `id` is the caller's idempotency key."""

    id = models.UUIDField(primary_key=True)
    # The system side of these two is shared by every debit. A foreign key would lock that one row on each
    # insert, so existence is kept by the triggers (accounts are never deleted) and by the audit.
    debit_account = models.ForeignKey(
        Account, models.PROTECT, related_name="+", db_index=False, db_constraint=False
    )
    credit_account = models.ForeignKey(
        Account, models.PROTECT, related_name="+", db_index=False, db_constraint=False
    )
    amount = models.BigIntegerField()
    kind = models.CharField(max_length=32)
    reverses = models.ForeignKey("self", models.PROTECT, null=True, related_name="reversals", db_index=False)
    occurred_at = models.DateTimeField()
    fingerprint = models.CharField(max_length=32)
    note = models.CharField(max_length=200, blank=True, default="")

    class Meta:
        verbose_name = _("mouvement")
        verbose_name_plural = _("mouvements")
        constraints = [
            models.CheckConstraint(name="ledger_transfer_amount", condition=Q(amount__gt=0)),
            models.CheckConstraint(
                name="ledger_transfer_sides", condition=~Q(debit_account=F("credit_account"))
            ),
            models.CheckConstraint(name="ledger_transfer_kind", condition=~Q(kind="")),
        ]
        indexes = [
            models.Index(
                name="ledger_transfer_reverses", fields=["reverses"], condition=Q(reverses__isnull=False)
            ),
        ]

    def record(self) -> TransferRecord:
        return TransferRecord(
            id=self.id,
            debit_account_id=self.debit_account_id,
            credit_account_id=self.credit_account_id,
            amount=self.amount,
            kind=self.kind,
            occurred_at=self.occurred_at,
            reverses=self.reverses_id,
            note=self.note,
        )


class Lot(models.Model):
    """Value with dates. Usable in `[activates_at, expires_at)`; `remaining` is the sum of its moves."""

    account = models.ForeignKey(Account, models.PROTECT, related_name="lots", db_index=False)
    origin = models.ForeignKey(Transfer, models.PROTECT, related_name="+", db_index=False)
    moved_from = models.ForeignKey(
        "self", models.PROTECT, null=True, blank=True, related_name="+", db_index=False
    )
    amount = models.BigIntegerField()
    remaining = models.BigIntegerField()
    # Indexes name this column and not `remaining`: PostgreSQL can then update `remaining` in place (HOT)
    # as long as the lot stays open, however often a card is used.
    is_open = models.GeneratedField(
        expression=models.ExpressionWrapper(Q(remaining__gt=0), models.BooleanField()),
        output_field=models.BooleanField(),
        db_persist=True,
    )
    activates_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    # One outlet code per line; empty means anywhere.
    outlets = models.TextField(blank=True, default="")
    single_purchase = models.BooleanField(default=False)

    class Meta:
        verbose_name = _("lot de valeur")
        verbose_name_plural = _("lots de valeur")
        constraints = [
            models.CheckConstraint(
                name="ledger_lot_remaining", condition=Q(remaining__gte=0, remaining__lte=F("amount"))
            ),
            models.CheckConstraint(name="ledger_lot_amount", condition=Q(amount__gt=0)),
            models.CheckConstraint(name="ledger_lot_period", condition=Q(activates_at__lt=F("expires_at"))),
        ]
        indexes = [
            models.Index(name="ledger_lot_due", fields=["expires_at", "id"], condition=Q(is_open=True)),
            models.Index(
                name="ledger_lot_spending",
                fields=["account", "expires_at", "activates_at", "id"],
                condition=Q(is_open=True),
            ),
        ]

    @property
    def restriction(self) -> Restriction:
        return Restriction(frozenset(self.outlets.splitlines()), self.single_purchase)

    def fits(self, spend: SpendContext, *, at: datetime) -> bool:
        """Whether this lot may be spent at `at` in these circumstances (S2.4, S4.10)."""
        lasts_until = max(at, spend.valid_at) if spend.valid_at else at
        if not (self.activates_at <= at and lasts_until < self.expires_at):
            return False
        return not self.outlets or spend.outlet in self.outlets.splitlines()


class LotMove(models.Model):
    """What a transfer did to a lot.

    `account` repeats the lot's account, so that history and partitions need no join. One move per transfer
    and account `leads`; `balance_after` is the book value of the account after the whole transfer.
    """

    transfer = models.ForeignKey(Transfer, models.PROTECT, related_name="moves", db_index=False)
    lot = models.ForeignKey(Lot, models.PROTECT, related_name="moves", db_index=False)
    account = models.ForeignKey(
        Account, models.PROTECT, related_name="+", db_index=False, db_constraint=False
    )
    delta = models.BigIntegerField()
    leads = models.BooleanField()
    balance_after = models.BigIntegerField()

    class Meta:
        constraints = [
            models.UniqueConstraint(name="ledger_lotmove_once", fields=["transfer", "lot"]),
            models.CheckConstraint(name="ledger_lotmove_delta", condition=~Q(delta=0)),
            models.CheckConstraint(name="ledger_lotmove_balance", condition=Q(balance_after__gte=0)),
        ]
        indexes = [
            models.Index(name="ledger_lotmove_history", fields=["account", "id"], condition=Q(leads=True)),
        ]


class Hold(models.Model):
    """Value set aside: it has left its lots for the `held` account until it is captured or released."""

    transfer = models.OneToOneField(Transfer, models.PROTECT, primary_key=True, related_name="+")
    account = models.ForeignKey(Account, models.PROTECT, related_name="+", db_index=False)
    amount = models.BigIntegerField()
    state = models.CharField(max_length=8, choices=[(s.value, s.value) for s in HoldState])
    closed_by = models.ForeignKey(
        Transfer, models.PROTECT, null=True, blank=True, related_name="+", db_index=False
    )

    class Meta:
        verbose_name = _("réservation")
        verbose_name_plural = _("réservations")
        constraints = [
            models.CheckConstraint(name="ledger_hold_amount", condition=Q(amount__gt=0)),
            models.CheckConstraint(
                name="ledger_hold_state",
                condition=Q(state=HoldState.OPEN.value, closed_by__isnull=True)
                | Q(state__in=[HoldState.CAPTURED.value, HoldState.RELEASED.value], closed_by__isnull=False),
            ),
        ]
        indexes = [
            models.Index(
                name="ledger_hold_open", fields=["account"], condition=Q(state=HoldState.OPEN.value)
            ),
        ]
