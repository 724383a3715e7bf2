"""Many workers on one file, one direct debit and one reminder. Needs PostgreSQL."""

import time
from datetime import date, timedelta
from typing import Any

import pytest
from django.db import DatabaseError
from django.db.models import QuerySet

from billing.errors import CollectionReturned, CreditDecided, FileKnown, NothingToCollect
from billing.models import (
    Collection,
    CollectionFile,
    Entry,
    ImportFile,
    Mandate,
    Objection,
    Reminder,
    UnknownCredit,
)
from billing.services import remind as reminding
from billing.services.book_collection import book_collection
from billing.services.collection_file import plan_collection_file, reject_file
from billing.services.importing import read_import, start_import
from billing.services.mandate import end_mandate, sign_mandate
from billing.services.objection import object_to_debit
from billing.services.remind import remind
from billing.services.return_collection import return_collection
from billing.services.unknown_credit import assign_credit
from billing.states import CollectionState, EntryKind, FeeRule, ImportKind, ImportState
from ledger.services.audit import audit
from outbox.models import Mail
from tests.billing.banking import (
    IBAN,
    billed,
    booked,
    camt,
    csv_file,
    csv_line,
    debited,
    detail,
    entry,
    filed,
    imported,
)
from tests.billing.factories import make_account, noon
from tests.concurrency.test_prepaid_races import at_once
from tests.wallet.factories import make_user

pytestmark = [pytest.mark.postgres, pytest.mark.django_db(transaction=True)]
DUE = date(2026, 4, 20)
LATE = noon(DUE + timedelta(days=3))
AT = noon(date(2026, 4, 12))


def fees(rule: FeeRule) -> int:
    return Entry.objects.filter(kind=EntryKind.FEE, rule=rule).count()


def kinds(outcomes: list[Any]) -> set[str]:
    return {type(outcome).__name__ for outcome in outcomes}


def test_ten_workers_at_once_remind_once() -> None:  # S1.4
    statement = billed()
    made = at_once(*[lambda: remind(statement_id=statement.pk, level=1, at=LATE)] * 10)
    assert len([one for one in made if one]) == 1
    assert (Reminder.objects.count(), fees(FeeRule.REMINDER), Mail.objects.count()) == (1, 1, 1)
    assert audit(at=LATE).ok


def test_without_the_lock_only_the_database_stops_a_second_reminder(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same race with the account's lock removed: workers run into the rule that a level comes once."""
    statement = billed()
    monkeypatch.setattr(QuerySet, "select_for_update", lambda rows, **_: rows)
    missing, refused = reminding.missing_of_minimum, []

    def slow(*args: Any) -> int:
        time.sleep(0.2)
        return missing(*args)

    def attempt() -> Any:
        try:
            return remind(statement_id=statement.pk, level=1, at=LATE)
        except DatabaseError as error:
            refused.append(error)
            return None

    monkeypatch.setattr(reminding, "missing_of_minimum", slow)
    at_once(*[attempt] * 6)
    assert refused
    assert (Reminder.objects.count(), fees(FeeRule.REMINDER)) == (1, 1)


def test_many_workers_read_a_file_once() -> None:
    accounts = [make_account(at=noon(date(2026, 3, 1))) for _ in range(4)]
    on = date(2026, 3, 15)
    lines = [csv_line(accounts[number % 4], f"N-{number}", on, "10") for number in range(320)]
    upload = imported(ImportKind.TRANSACTIONS, csv_file(*lines), at=AT, read=False)
    at_once(*[lambda: read_import(import_id=upload.pk, at=AT)] * 8)
    while not read_import(import_id=upload.pk, at=AT):
        pass
    upload.refresh_from_db()
    assert (upload.state, upload.posted, upload.duplicates) == (ImportState.DONE, 320, 0)
    assert Entry.objects.filter(kind=EntryKind.PURCHASE).count() == 320
    assert audit(at=AT).ok


def test_files_that_tell_the_same_in_another_order_neither_double_nor_deadlock() -> None:
    accounts = [make_account(at=noon(date(2026, 3, 1))) for _ in range(4)]
    lines = [csv_line(accounts[number % 4], f"N-{number}", date(2026, 3, 15), "10") for number in range(60)]
    files = [csv_file(*lines), csv_file(*reversed(lines)), csv_file(*lines[30:], *lines[:30])]
    ids = [imported(ImportKind.TRANSACTIONS, body, at=AT, read=False).pk for body in files]
    at_once(*[lambda one=one: read_import(import_id=one, at=AT) for one in ids])
    uploads = ImportFile.objects.all()
    assert sum(upload.posted for upload in uploads) == 60
    assert sum(upload.duplicates for upload in uploads) == 120
    assert Entry.objects.count() == 60


def test_the_same_file_sent_many_times_at_once_is_one() -> None:
    user = make_user()

    def send() -> int:
        return start_import(
            kind=ImportKind.CREDITS,
            filename="x.xml",
            blocks=[camt(entry(detail(ref="Z"))).encode()],
            imported_by_id=user.pk,
            at=AT,
        )

    outcomes = at_once(*[send] * 10)
    assert kinds(outcomes) == {"int", FileKnown.__name__}
    assert ImportFile.objects.count() == 1


def test_a_listed_credit_is_given_to_one_account() -> None:
    statements, user = [billed(), billed()], make_user()
    imported(ImportKind.CREDITS, camt(entry(detail(ref="Z"))), at=AT)
    credit = UnknownCredit.objects.get()
    outcomes = at_once(
        *[
            lambda one=one: assign_credit(
                credit_id=credit.pk, account_id=one.account_id, actor_id=user.pk, at=AT
            )
            for one in statements * 5
        ]
    )
    assert kinds(outcomes) == {"NoneType", CreditDecided.__name__}
    assert Entry.objects.filter(kind=EntryKind.PAYMENT).count() == 1


def test_ten_planners_at_once_file_each_debit_once() -> None:  # S1.5
    collections = [debited() for _ in range(3)]
    at = noon(collections[0].collect_on - timedelta(days=3))
    outcomes = at_once(*[lambda: plan_collection_file(currency="CHF", at=at)] * 10)
    assert kinds(outcomes) == {"int", NothingToCollect.__name__}
    made = CollectionFile.objects.get()
    assert (made.number, made.count) == ("DD-2026-00001", 3)
    assert Collection.objects.filter(state=CollectionState.FILED, collection_file=made).count() == 3


def test_ten_bookers_at_once_book_once() -> None:
    collection = debited()
    filed(collection)
    at_once(*[lambda: book_collection(collection_id=collection.pk, at=noon(collection.collect_on))] * 10)
    assert Entry.objects.filter(kind=EntryKind.PAYMENT).count() == 1
    assert audit(at=noon(collection.collect_on)).ok


def test_a_debit_comes_back_once_whoever_asks() -> None:  # S1.5
    """The bank tells it and its customer objects at the same moment: one of them gives the money back."""
    collection = booked(debited())
    on = collection.collect_on + timedelta(days=1)
    holder_id = collection.statement.account.holder_id

    def refuse() -> None:
        return_collection(
            end_to_end_id=collection.end_to_end_id,
            reason="AM04",
            amount_minor=10_000,
            booked_on=on,
            at=noon(on),
        )

    def object_() -> int:
        return object_to_debit(collection_id=collection.pk, holder_id=holder_id, reason="Non", at=noon(on))

    outcomes = at_once(*[refuse, object_] * 8)
    done = [one for one in outcomes if not isinstance(one, Exception)]
    assert len(done) == 1
    assert Entry.objects.filter(kind=EntryKind.PAYMENT_RETURN).count() == 1
    assert fees(FeeRule.DEBIT_REFUSED) + Objection.objects.count() == 1
    assert Mandate.objects.get().refusals == fees(FeeRule.DEBIT_REFUSED)
    assert CollectionReturned.__name__ in kinds(outcomes) or Objection.objects.exists()
    assert audit(at=noon(on)).ok


def test_a_mandate_that_ends_while_its_debit_is_filed_leaves_one_story() -> None:
    for _ in range(4):
        collection = debited()
        account = collection.statement.account
        at = noon(collection.collect_on - timedelta(days=3))
        facts = {"account_id": account.pk, "holder_id": account.holder_id, "at": at}
        at_once(
            *[lambda at=at: plan_collection_file(currency="CHF", at=at)] * 3,
            *[lambda facts=facts: end_mandate(**facts)] * 3,
        )
        collection.refresh_from_db()
        in_file = collection.collection_file is not None
        assert collection.state == (CollectionState.FILED if in_file else CollectionState.DROPPED)
        assert collection.mandate.state == "ended" or Mandate.objects.get(pk=collection.mandate_id).ended_at
        assert not account.mandates.filter(state="active").exists()


def test_a_file_is_refused_whole_or_its_debits_are_booked() -> None:
    collection = debited()
    made = filed(collection)
    at = noon(collection.collect_on)
    outcomes = at_once(
        *[lambda: book_collection(collection_id=collection.pk, at=at)] * 5,
        *[lambda: reject_file(file_id=made.pk, actor="x", at=at)] * 5,
    )
    collection.refresh_from_db()
    made.refresh_from_db()
    story = (made.state, collection.state)
    assert story in {("sent", CollectionState.BOOKED), ("rejected", CollectionState.ANNOUNCED)}, outcomes
    assert Entry.objects.filter(kind=EntryKind.PAYMENT).count() == (story[0] == "sent")


def test_ten_signatures_at_once_are_one_mandate() -> None:
    account = make_account(at=noon(date(2026, 3, 1)))
    facts = {"account_id": account.pk, "holder_id": account.holder_id, "name": "Ada", "at": AT}
    made = at_once(*[lambda: sign_mandate(iban=IBAN, **facts)] * 10)
    assert len(set(made)) == 1
    assert Mandate.objects.count() == 1
