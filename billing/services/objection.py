"""A customer objects to a direct debit within 30 days: the money goes back, and somebody decides (S1.5)."""

from datetime import datetime
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.utils import translation
from django.utils.translation import gettext as _

from billing.errors import (
    CollectionNotBooked,
    CollectionUnknown,
    ObjectionDecided,
    ObjectionReasonMissing,
    ObjectionTooLate,
)
from billing.models import Collection, CreditAccount, Objection
from billing.selectors.debit import objection_ends_on
from billing.services.book_collection import key_of
from billing.services.lock import lock_account
from billing.services.mails import statement_facts, tell_holder
from billing.services.move_collection import lock_collection, move_collection
from billing.services.post import charge_fee
from billing.services.return_collection import give_back
from billing.states import OBJECTION_MACHINE, CollectionState, FeeRule, ObjectionState
from kernel.calendar import local_date


@transaction.atomic
def object_to_debit(*, collection_id: int, holder_id: int, reason: str, at: datetime) -> int:
    """Give the money of a debit back; the objection's id. It counts as no refusal of the bank.

    The debt is open again, and is paid by slip. Refuses `CollectionUnknown` (also of somebody else),
    `ObjectionReasonMissing`, `CollectionNotBooked` (took no money, or gave it back), `ObjectionTooLate`.
    """
    account, collection = _own(collection_id, holder_id)
    reason = reason.strip()[:500]
    if not reason or "\x00" in reason:
        raise ObjectionReasonMissing
    if collection.state != CollectionState.BOOKED:
        raise CollectionNotBooked(collection.end_to_end_id)
    today, last_on = local_date(at), objection_ends_on(collection.collect_on)
    if today > last_on:
        raise ObjectionTooLate(last_on)
    give_back(collection, booked_on=today, at=at)
    objection = Objection.objects.create(collection=collection, reason=reason, opened_at=at)
    move_collection(collection, CollectionState.OBJECTED, at=at)
    context = _facts(collection)
    tell_holder(account, event="objection_opened", ref=str(objection.pk), context=context, at=at)
    return objection.pk


@transaction.atomic
def decide_objection(*, objection_id: int, justified: bool, answer: str, actor: str, at: datetime) -> None:
    """Say whether the money went back rightly; CHF 30 when not. The debt stays open either way.

    Refuses `ObjectionDecided`.
    """
    account_id = Objection.objects.values_list("collection__statement__account_id", flat=True).get(
        pk=objection_id
    )
    account = lock_account(account_id)
    objection = Objection.objects.select_for_update(no_key=True).get(pk=objection_id)
    target = ObjectionState.JUSTIFIED if justified else ObjectionState.UNJUSTIFIED
    if not OBJECTION_MACHINE.allows(ObjectionState(objection.state), target):
        raise ObjectionDecided(str(objection_id))
    collection = lock_collection(objection.collection_id)
    fee = 0 if justified else settings.BILLING_REFUSAL_FEE
    if fee:
        objection.fee_id = _charge(account, collection, fee, at)
    objection.state, objection.decided_at = target, at
    objection.decided_by, objection.answer = actor[:80], answer.strip()[:500]
    objection.save(update_fields=["state", "decided_at", "decided_by", "answer", "fee"])
    context = _facts(collection) | {
        "justified": justified,
        "fee": (fee, account.currency) if fee else "",
        "answer": objection.answer,
    }
    tell_holder(account, event="objection_decided", ref=str(objection_id), context=context, at=at)


def _own(collection_id: int, holder_id: int) -> tuple[CreditAccount, Collection]:
    rows = Collection.objects.filter(pk=collection_id, statement__account__holder_id=holder_id)
    account_id = rows.values_list("statement__account_id", flat=True).first()
    if account_id is None:
        raise CollectionUnknown(str(collection_id))
    account = lock_account(account_id)
    return account, lock_collection(collection_id)


def _charge(account: CreditAccount, collection: Collection, fee: int, at: datetime) -> UUID:
    with translation.override(settings.LANGUAGE_CODE):
        text = _("Opposition injustifiée, relevé %(number)s") % {"number": collection.statement.number}
    return charge_fee(
        account_id=account.pk,
        key=key_of(collection, "objection"),
        rule=FeeRule.OBJECTION_UNJUSTIFIED,
        amount_minor=fee,
        booked_on=local_date(at),
        text=text,
        at=at,
    )


def _facts(collection: Collection) -> dict[str, object]:
    statement = collection.statement
    return statement_facts(statement) | {
        "amount": (collection.amount_minor, statement.currency),
        "collect_on": collection.collect_on,
        "reference": statement.reference,
    }
