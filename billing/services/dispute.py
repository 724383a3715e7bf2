"""A customer disputes a transaction, and an operator decides.

Until then the transaction is left out of the minimum and bears no interest. Decided for the customer, it is
given back with its fee and the interest that it bore; against, it counts as listed by the next statement.
"""

from datetime import datetime
from uuid import UUID, uuid5

from django.conf import settings
from django.db import transaction
from django.db.models import Sum
from django.utils import translation
from django.utils.translation import gettext as _

from billing.errors import DisputeDecided, NotDisputable
from billing.models import AccountEvent, CreditAccount, Entry, EntryDispute, InterestLine
from billing.selectors.disputes import is_disputable
from billing.services.allocate import FEES, INTEREST, NETWORK, settle_debts
from billing.services.lock import lock_account
from billing.states import (
    DISPUTE_MACHINE,
    AccountEventKind,
    DisputeOutcome,
    EntryKind,
    EntrySource,
)
from kernel.calendar import local_date

GIVEN_BACK = UUID("9e0b0d0a-1f6a-4a57-8a3e-0c1c7e5d2b46")


@transaction.atomic
def open_dispute(*, entry_id: UUID, holder_id: int, reason: str, at: datetime) -> int:
    """Say that a transaction is not right; the dispute's id. The same again while it is open is the first.

    Refuses `NotDisputable`: no purchase or withdrawal of this person's, disputed and decided before, or
    settled and billed too long ago.
    """
    entry = Entry.objects.filter(pk=entry_id, account__holder_id=holder_id).first()
    if entry is None:
        raise NotDisputable(str(entry_id))
    lock_account(entry.account_id)
    known = EntryDispute.objects.filter(entry=entry).first()
    if known is not None and known.outcome == DisputeOutcome.OPEN:
        return known.pk
    if known is not None or not is_disputable(entry, on=local_date(at)):
        raise NotDisputable(str(entry_id))
    return EntryDispute.objects.create(entry=entry, reason=reason, opened_at=at).pk


@transaction.atomic
def decide_dispute(*, dispute_id: int, upheld: bool, answer: str, actor_id: int | None, at: datetime) -> None:
    """Decide a dispute, once. `upheld`: the customer is right, and gets back what no merchant gave back yet.

    Refuses `DisputeDecided`.
    """
    entry = Entry.objects.select_related("dispute").get(dispute=dispute_id)
    account = lock_account(entry.account_id)
    dispute = EntryDispute.objects.get(pk=dispute_id)
    outcome = DisputeOutcome.UPHELD if upheld else DisputeOutcome.REJECTED
    if not DISPUTE_MACHINE.allows(DisputeOutcome(dispute.outcome), outcome):
        raise DisputeDecided(str(dispute_id))
    dispute.outcome, dispute.answer = outcome, answer
    dispute.decided_at, dispute.decided_on = at, local_date(at)
    dispute.save(update_fields=["outcome", "answer", "decided_at", "decided_on"])
    AccountEvent.objects.create(
        account=account,
        kind=AccountEventKind.DISPUTED,
        at=at,
        actor_id=actor_id,
        note=f"{entry.pk} {outcome}",
    )
    if upheld:
        _give_back(account, entry, at)


def _give_back(account: CreditAccount, entry: Entry, at: datetime) -> None:
    """The transaction, its fee, and the interest that was charged on it, each as a line of its own."""
    charged = InterestLine.objects.filter(entry=entry).aggregate(total=Sum("amount_minor", default=0))
    fees = Entry.objects.filter(parent=entry, kind=EntryKind.FEE).order_by("at", "pk")
    with translation.override(settings.LANGUAGE_CODE):
        _refund(account, entry, entry.amount_minor, "transaction", NETWORK, at)
        for fee in fees:
            _refund(account, fee, fee.amount_minor, "fee", FEES, at)
        _refund(account, entry, charged["total"], "interest", INTEREST, at)


def _refund(
    account: CreditAccount, parent: Entry, amount_minor: int, what: str, source: str, at: datetime
) -> None:
    if what != "interest":
        amount_minor -= _given_back(parent)
    if amount_minor <= 0:
        return
    on = max(local_date(at), account.starts_on)
    refund = Entry.objects.create(
        id=uuid5(GIVEN_BACK, f"{parent.pk}:{what}"),
        account=account,
        kind=EntryKind.REFUND,
        amount_minor=amount_minor,
        booked_on=on,
        value_on=on,
        text=_text(what, parent)[: Entry._meta.get_field("text").max_length],
        parent=parent,
        source=EntrySource.OWN,
        at=at,
    )
    settle_debts(account, refund, at=at, sink=source)


def _given_back(entry: Entry) -> int:
    """What merchants gave back of it."""
    refunds = Entry.objects.filter(parent=entry, kind=EntryKind.REFUND)
    total: int = refunds.aggregate(total=Sum("amount_minor", default=0))["total"]
    return total


def _text(what: str, parent: Entry) -> str:
    if what == "interest":
        return _("Contestation acceptée : intérêts sur %(text)s") % {"text": parent.text}
    return _("Contestation acceptée : %(text)s") % {"text": parent.text}
