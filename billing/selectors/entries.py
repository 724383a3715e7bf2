"""Entries that are known already, under a caller's key or a bank's reference."""

from uuid import UUID

from billing.errors import TransactionDiffers
from billing.models import Entry

# What tells one entry from another. Not when it was booked: the same news may arrive in a later cycle.
FACTS = ("account_id", "kind", "amount_minor", "value_on", "source", "external_ref", "rule", "parent_id")


def known_entry(entry: Entry) -> UUID | None:
    """The id of the entry that is this one, told before; None when it is new. At most two queries.

    Refuses `TransactionDiffers` when its key or its reference stands for other facts.
    """
    known = Entry.objects.filter(pk=entry.pk).first() or _under_reference(entry)
    if known is None:
        return None
    if any(getattr(known, fact) != getattr(entry, fact) for fact in FACTS):
        raise TransactionDiffers(str(known.pk))
    return known.pk


def _under_reference(entry: Entry) -> Entry | None:
    if not entry.external_ref:
        return None
    return Entry.objects.filter(
        account_id=entry.account_id, source=entry.source, external_ref=entry.external_ref
    ).first()
