"""Direct debit, from the announcement to the money and back (S1.5)."""

from datetime import date, timedelta

import pytest
from django.db import IntegrityError, transaction

from billing.collectors import collector
from billing.errors import (
    CollectionFileBooked,
    CollectionNotBooked,
    CollectionUnknown,
    CreditAccountClosed,
    CreditorUnknown,
    NothingToCollect,
    ObjectionDecided,
    ObjectionReasonMissing,
    ObjectionTooLate,
)
from billing.models import (
    Collection,
    CollectionFile,
    CollectionFileEvent,
    Entry,
    ImportFile,
    Mandate,
    Objection,
)
from billing.selectors.amounts import position
from billing.selectors.bankdays import bank_days_after, bank_days_before
from billing.selectors.debit import collections_of, mandate_state
from billing.services.book_collection import book_collection, plan_bookings
from billing.services.collect import announce_collection
from billing.services.collection_file import cancel_file, mark_sent, plan_collection_file, reject_file
from billing.services.hand_over import DOCUMENT, write_collection_file
from billing.services.objection import decide_objection, object_to_debit
from billing.services.open import close_account
from billing.states import (
    CollectionFileState,
    CollectionState,
    EntryKind,
    EntrySource,
    FeeRule,
    ImportKind,
    MandateEnd,
    ObjectionState,
)
from documents.selectors import document
from kernel.states import TransitionRefused
from ledger.services.audit import audit
from outbox.models import Mail
from tests.billing.banking import (
    billed,
    booked,
    camt,
    debited,
    detail,
    entry,
    filed,
    imported,
    next_debit,
    pain002,
    signed,
    status,
    told,
)
from tests.billing.factories import close, make_account, noon, pay, post
from tests.support import run_jobs
from tests.wallet.factories import make_user

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _by_hand(settings):
    settings.BILLING_COLLECTOR = "pain008"


def left(collection: Collection, at=None) -> int:
    return position(collection.statement.account_id, at or noon(collection.collect_on)).left_to_pay_minor


def fees(rule: FeeRule):
    return Entry.objects.filter(kind=EntryKind.FEE, rule=rule)


def returned(collection: Collection, reason="AM04", **fields) -> ImportFile:
    """As the bank tells it by pain.002, the day after."""
    at = noon(collection.collect_on + timedelta(days=1))
    body = pain002(status(collection.end_to_end_id, reason=reason)).replace("S1", collection.end_to_end_id)
    upload = imported(ImportKind.RETURNS, body, at=at)
    collection.refresh_from_db()
    return upload


# Announced


@pytest.mark.parametrize(
    ("on", "days", "expected"),
    [
        (date(2026, 4, 20), 2, date(2026, 4, 16)),  # Monday: Friday, Thursday
        (date(2026, 4, 19), 2, date(2026, 4, 16)),  # Sunday
        (date(2026, 4, 16), 2, date(2026, 4, 14)),
        (date(2026, 4, 18), 0, date(2026, 4, 17)),
        (date(2028, 3, 1), 1, date(2028, 2, 29)),
    ],
)
def test_bank_days_before_skip_weekends(on, days, expected):
    assert bank_days_before(on, days) == expected


def test_bank_days_after_skip_weekends():
    assert bank_days_after(date(2026, 4, 17), 1) == date(2026, 4, 20)
    assert bank_days_after(date(2026, 4, 18), 3) == date(2026, 4, 22)


def test_a_statement_is_announced_in_full_two_bank_days_before_it_is_due():  # S1.5
    collection = debited(12_345)
    assert collection.statement.due_on == date(2026, 4, 20)
    assert (collection.announced_minor, collection.collect_on) == (12_345, date(2026, 4, 16))
    assert collection.state == CollectionState.ANNOUNCED
    mail = Mail.objects.get(event="debit_announced")
    assert mail.context["collect_on"] == "16/04/2026"
    assert "123,45" in mail.context["amount"]
    seen = mandate_state(collection.statement.account_id)
    assert seen.coming is not None
    assert (seen.coming.amount_minor, seen.coming.collect_on) == (12_345, date(2026, 4, 16))


def test_a_statement_is_announced_once():
    collection = debited()
    again = announce_collection(statement_id=collection.statement_id, at=noon(date(2026, 4, 1)))
    assert again is None
    assert Collection.objects.count() == 1
    assert Mail.objects.filter(event="debit_announced").count() == 1


def test_nothing_is_announced_without_a_mandate_or_without_a_debt():
    statement = billed()
    assert announce_collection(statement_id=statement.pk, at=noon(date(2026, 4, 1))) is None
    account = make_account(at=noon(date(2026, 3, 15)))
    signed(account, at=noon(date(2026, 3, 15)))
    empty = close(account)
    assert announce_collection(statement_id=empty.pk, at=noon(date(2026, 4, 1))) is None
    assert not Collection.objects.exists()


def test_the_job_of_a_new_statement_announces_its_debit():
    account = make_account(at=noon(date(2026, 3, 15)))
    signed(account, at=noon(date(2026, 3, 15)))
    post(account, 5_000, date(2026, 3, 15))
    close(account)
    run_jobs()
    assert Collection.objects.get().announced_minor == 5_000


# Filed


def test_a_file_takes_what_is_near_and_is_valid_against_its_schema():  # S1.5
    first, second = debited(10_000), debited(20_000)
    made = filed(first, sent=False)
    assert (made.number, made.count, made.total_minor) == ("DD-2026-00001", 2, 30_000)
    assert made.state == CollectionFileState.READY
    second.refresh_from_db()
    assert (first.state, second.state) == (CollectionState.FILED, CollectionState.FILED)
    kept = document(DOCUMENT, made.number)
    assert kept is not None
    assert first.end_to_end_id.encode() in kept.content
    mark_sent(file_id=made.pk, actor="exploitation", at=noon(date(2026, 4, 13)))
    steps = CollectionFileEvent.objects.order_by("pk").values_list("from_state", "to_state", "actor")
    assert list(steps) == [("", "prepared", ""), ("prepared", "ready", ""), ("ready", "sent", "exploitation")]


def test_what_is_not_near_waits():
    collection = debited()
    with pytest.raises(NothingToCollect):
        plan_collection_file(currency="CHF", at=noon(date(2026, 4, 10)))
    collection.refresh_from_db()
    assert collection.state == CollectionState.ANNOUNCED
    assert not CollectionFile.objects.exists()


def test_a_part_paid_meanwhile_is_not_collected_and_a_statement_paid_in_full_is_dropped():
    part, whole = debited(10_000), debited(10_000)
    pay(part.statement.account, 4_000, date(2026, 4, 5))
    pay(whole.statement.account, 10_000, date(2026, 4, 5))
    made = filed(part)
    whole.refresh_from_db()
    assert (part.amount_minor, part.announced_minor) == (6_000, 10_000)
    assert (whole.state, whole.collection_file) == (CollectionState.DROPPED, None)
    assert (made.count, made.total_minor) == (1, 6_000)


def test_a_file_that_was_called_off_makes_its_debits_wait_for_another():
    collection = debited()
    made = filed(collection, sent=False)
    cancel_file(file_id=made.pk, actor="exploitation", at=noon(date(2026, 4, 13)))
    collection.refresh_from_db()
    assert (collection.state, collection.collection_file) == (CollectionState.ANNOUNCED, None)
    assert filed(collection).number == "DD-2026-00002"


def test_a_file_goes_its_way_in_one_direction():
    collection = debited()
    made = filed(collection)
    with pytest.raises(TransitionRefused):
        cancel_file(file_id=made.pk, actor="exploitation", at=noon(date(2026, 4, 13)))
    with pytest.raises(TransitionRefused):
        mark_sent(file_id=made.pk, actor="exploitation", at=noon(date(2026, 4, 13)))
    collection.refresh_from_db()
    assert collection.state == CollectionState.FILED
    write_collection_file(file_id=made.pk, at=noon(date(2026, 4, 13)))  # a repeated job
    assert CollectionFileEvent.objects.count() == 3


def test_a_file_that_the_bank_refuses_whole_is_made_again_and_costs_nobody():
    collection = debited()
    made = filed(collection)
    upload = imported(ImportKind.RETURNS, pain002(group="RJCT"), at=noon(date(2026, 4, 14)))
    assert [line[1:] for line in told(upload)] == [("refused", "whole_file")]
    assert Mail.objects.filter(event="alarm.collection_file_refused").count() == 1
    reject_file(file_id=made.pk, actor="exploitation", at=noon(date(2026, 4, 14)))
    made.refresh_from_db()
    assert made.state == CollectionFileState.REJECTED
    assert not book_collection(collection_id=collection.pk, at=noon(date(2026, 4, 20)))
    assert filed(collection).number == "DD-2026-00002"
    assert not fees(FeeRule.DEBIT_REFUSED).exists()


def test_a_file_of_which_something_is_booked_was_not_refused_whole():
    collection = booked(debited())
    with pytest.raises(CollectionFileBooked):
        reject_file(file_id=collection.collection_file_id, actor="x", at=noon(date(2026, 4, 17)))
    assert CollectionFile.objects.get().state == CollectionFileState.SENT


def test_nothing_is_planned_while_nobody_can_collect(settings):
    debited()
    settings.BILLING_CREDITOR_ID = ""
    with pytest.raises(CreditorUnknown):
        plan_collection_file(currency="CHF", at=noon(date(2026, 4, 14)))
    assert not CollectionFile.objects.exists()


def test_a_file_that_comes_late_is_collected_on_a_day_that_a_bank_can_keep():
    collection = debited()
    plan_collection_file(currency="CHF", at=noon(date(2026, 4, 18)))
    collection.refresh_from_db()
    assert collection.collect_on == date(2026, 4, 20)


def test_the_database_keeps_one_living_debit_a_statement_that_never_grows():
    collection = debited()
    with pytest.raises(IntegrityError), transaction.atomic():
        Collection.objects.filter(pk=collection.pk).update(amount_minor=10_001)
    collection.pk, collection.end_to_end_id = None, "DD-other"
    with pytest.raises(IntegrityError), transaction.atomic():
        collection.save()


# Booked


def test_on_its_day_the_debit_is_a_payment_once():  # S1.5
    collection = debited()
    filed(collection)
    assert not book_collection(collection_id=collection.pk, at=noon(date(2026, 4, 15)))
    assert plan_bookings(at=noon(date(2026, 4, 15))) == 0
    assert plan_bookings(at=noon(date(2026, 4, 16))) == 1
    for _ in range(2):
        book_collection(collection_id=collection.pk, at=noon(date(2026, 4, 16)))
    collection.refresh_from_db()
    made = Entry.objects.get(kind=EntryKind.PAYMENT)
    assert (made.value_on, made.source, made.amount_minor) == (
        date(2026, 4, 16),
        EntrySource.DIRECT_DEBIT,
        10_000,
    )
    assert (collection.state, collection.payment_id) == (CollectionState.BOOKED, made.pk)
    assert left(collection) == 0
    assert audit(at=noon(date(2026, 4, 16))).ok


def test_a_file_that_nobody_handed_over_books_nothing():
    collection = debited()
    filed(collection, sent=False)
    assert not book_collection(collection_id=collection.pk, at=noon(date(2026, 4, 20)))
    assert not Entry.objects.filter(kind=EntryKind.PAYMENT).exists()


def test_money_that_came_twice_stays_the_holders():
    collection = debited()
    filed(collection)
    pay(collection.statement.account, 10_000, date(2026, 4, 15))
    book_collection(collection_id=collection.pk, at=noon(collection.collect_on))
    assert position(collection.statement.account_id, noon(collection.collect_on)).surplus_minor == 10_000


def test_a_debit_of_an_account_that_closed_meanwhile_waits_for_a_person():
    collection = debited()
    filed(collection)
    account = collection.statement.account
    pay(account, 10_000, date(2026, 4, 15))
    close_account(account_id=account.pk, at=noon(date(2026, 4, 15)))
    with pytest.raises(CreditAccountClosed):
        book_collection(collection_id=collection.pk, at=noon(collection.collect_on))
    collection.refresh_from_db()
    assert (collection.state, collection.payment) == (CollectionState.FILED, None)


# Returned


def test_a_refusal_takes_the_payment_back_and_costs_thirty_francs():  # S1.5
    collection = booked(debited())
    upload = returned(collection)
    assert (upload.posted, told(upload)) == (1, [])
    assert (collection.state, collection.bank_reason) == (CollectionState.RETURNED, "AM04")
    assert left(collection) == 10_000
    fee = fees(FeeRule.DEBIT_REFUSED).get()
    assert (fee.amount_minor, fee.booked_on) == (3_000, date(2026, 4, 17))
    collection.mandate.refresh_from_db()
    assert (collection.mandate.refusals, collection.mandate.state) == (1, "active")
    assert "30,00" in Mail.objects.get(event="debit_refused").context["fee"]
    assert mandate_state(collection.statement.account_id).refusals == 1
    assert audit(at=noon(date(2026, 4, 17))).ok


def test_the_same_refusal_told_again_changes_nothing():
    collection = booked(debited())
    returned(collection)
    body = camt(
        entry(detail(end_to_end=collection.end_to_end_id, reason="AM04"), side="DBIT", on=date(2026, 4, 17))
    )
    again = imported(ImportKind.RETURNS, body, at=noon(date(2026, 4, 18)))
    assert (again.posted, again.duplicates) == (0, 1)
    assert fees(FeeRule.DEBIT_REFUSED).count() == 1
    assert Entry.objects.filter(kind=EntryKind.PAYMENT_RETURN).count() == 1


def test_a_refusal_by_camt_is_the_same():
    collection = booked(debited())
    body = camt(
        entry(detail(end_to_end=collection.end_to_end_id, reason="AC04"), side="DBIT", on=date(2026, 4, 17))
    )
    assert imported(ImportKind.RETURNS, body, at=noon(date(2026, 4, 18))).posted == 1
    collection.refresh_from_db()
    assert (collection.state, collection.bank_reason) == (CollectionState.RETURNED, "AC04")
    assert Entry.objects.get(kind=EntryKind.PAYMENT_RETURN).booked_on == date(2026, 4, 17)


def test_a_bank_that_refuses_before_the_day_has_paid_nothing():
    collection = debited()
    filed(collection)
    returned(collection)
    assert (collection.state, collection.payment) == (CollectionState.RETURNED, None)
    assert fees(FeeRule.DEBIT_REFUSED).get().amount_minor == 3_000
    assert not book_collection(collection_id=collection.pk, at=noon(collection.collect_on))
    assert not Entry.objects.filter(kind=EntryKind.PAYMENT).exists()


def test_three_refusals_in_a_row_end_the_mandate_and_send_the_slip():  # S1.5
    collection = booked(debited())
    account = collection.statement.account
    seen = []
    for number in range(3):
        if number:
            collection = booked(next_debit(account))
        returned(collection)
        seen.append(mandate_state(account.pk).refusals)
    assert seen == [1, 2, 3]
    state = mandate_state(account.pk)
    assert (state.is_active, state.end_reason) == (False, MandateEnd.REFUSALS)
    assert Mail.objects.filter(event="debit_refused").count() == 2
    slip = Mail.objects.get(event="mandate_ended")
    assert slip.context["reference"] == collection.statement.reference
    assert fees(FeeRule.DEBIT_REFUSED).count() == 3
    account.refresh_from_db()
    post(account, 1_000, account.starts_on)
    statement = close(account)
    assert announce_collection(statement_id=statement.pk, at=noon(statement.due_on)) is None


def test_a_debit_that_stays_starts_a_new_row():  # S1.5
    collection = booked(debited())
    account = collection.statement.account
    returned(collection)
    returned(booked(next_debit(account)))
    assert Mandate.objects.get().refusals == 2
    stays = booked(next_debit(account))
    assert Mandate.objects.get().refusals == 2  # the bank may still refuse it
    last = booked(next_debit(account))
    assert Mandate.objects.get().refusals == 0
    returned(last)
    assert (Mandate.objects.get().refusals, Mandate.objects.get().state) == (1, "active")
    assert stays.state == CollectionState.BOOKED


def test_a_refusal_that_comes_after_the_next_debit_still_counts():
    first = booked(debited())
    account = first.statement.account
    second = booked(next_debit(account))
    returned(second)
    returned(first)
    assert Mandate.objects.get().refusals == 2


@pytest.mark.parametrize(
    ("item", "reason"),
    [
        (lambda one: status("DD-unknown"), ("refused", "end_to_end")),
        (lambda one: status(""), ("refused", "end_to_end")),
        (lambda one: status(one.end_to_end_id, code="ACCP"), ("notice", "not_a_return")),
    ],
)
def test_an_answer_that_is_no_refusal_of_ours_is_told(item, reason):
    collection = booked(debited())
    upload = imported(ImportKind.RETURNS, pain002(item(collection)), at=noon(date(2026, 4, 17)))
    assert [line[1:] for line in told(upload)] == [reason]
    collection.refresh_from_db()
    assert collection.state == CollectionState.BOOKED
    assert not fees(FeeRule.DEBIT_REFUSED).exists()


@pytest.mark.parametrize(
    ("fields", "outcome"),
    [
        ({"amount": "99.00"}, ("refused", "differs_return")),
        ({"status": "PDNG"}, ("notice", "pending")),
        ({"side": "CRDT"}, ("notice", "not_a_return")),
    ],
)
def test_a_camt_entry_that_is_no_return_is_told(fields, outcome):
    collection = booked(debited())
    details = detail(fields.get("amount", "100.00"), end_to_end=collection.end_to_end_id, reason="AM04")
    body = camt(entry(details, **{"side": "DBIT"} | fields))
    upload = imported(ImportKind.RETURNS, body, at=noon(date(2026, 4, 17)))
    assert [line[1:] for line in told(upload)] == [outcome]
    assert left(collection) == 0


def test_what_was_never_handed_over_cannot_come_back():
    collection = debited()
    filed(collection, sent=False)
    upload = returned(collection)
    assert [line[1:] for line in told(upload)] == [("refused", "not_sent")]
    assert collection.state == CollectionState.FILED
    assert not fees(FeeRule.DEBIT_REFUSED).exists()


# Objections


def objected(collection: Collection, *, on=None, **changes) -> int:
    facts = {
        "collection_id": collection.pk,
        "holder_id": collection.statement.account.holder_id,
        "reason": "Déjà payé au guichet",
        "at": noon(on or collection.collect_on + timedelta(days=30)),
    }
    return object_to_debit(**facts | changes)


def test_until_the_thirtieth_day_an_objection_gives_the_money_back():  # S1.5
    collection = booked(debited())
    view = mandate_state(collection.statement.account_id).last
    assert view is not None
    assert view.objection_until == date(2026, 5, 16)
    assert view.may_object(date(2026, 5, 16))
    assert not view.may_object(date(2026, 5, 17))
    objected(collection)
    collection.refresh_from_db()
    assert collection.state == CollectionState.OBJECTED
    assert Entry.objects.get(kind=EntryKind.PAYMENT_RETURN).amount_minor == 10_000
    assert Objection.objects.get().state == ObjectionState.OPEN
    collection.mandate.refresh_from_db()
    assert collection.mandate.refusals == 0
    assert not Entry.objects.filter(kind=EntryKind.FEE).exists()
    assert audit(at=noon(date(2026, 5, 16))).ok


def test_after_the_thirtieth_day_nothing_changes():  # S1.5
    collection = booked(debited())
    with pytest.raises(ObjectionTooLate) as refusal:
        objected(collection, on=date(2026, 5, 17))
    assert refusal.value.last_on == date(2026, 5, 16)
    collection.refresh_from_db()
    assert collection.state == CollectionState.BOOKED
    assert left(collection) == 0
    assert not Objection.objects.exists()


def test_an_objection_is_refused_to_others_without_reason_and_twice():
    collection = booked(debited())
    for changes, refusal in (
        ({"holder_id": make_user().pk}, CollectionUnknown),
        ({"collection_id": 999_999}, CollectionUnknown),
        ({"reason": "  "}, ObjectionReasonMissing),
    ):
        with pytest.raises(refusal):
            objected(collection, **changes)
    assert left(collection) == 0
    objected(collection)
    with pytest.raises(CollectionNotBooked):
        objected(collection)
    assert Entry.objects.filter(kind=EntryKind.PAYMENT_RETURN).count() == 1


def test_what_took_no_money_cannot_be_objected_to():
    collection = debited()
    filed(collection)
    with pytest.raises(CollectionNotBooked):
        objected(collection, on=date(2026, 4, 15))
    assert not Objection.objects.exists()


@pytest.mark.parametrize(("justified", "count"), [(True, 0), (False, 1)])
def test_an_unjustified_objection_costs_thirty_francs(justified, count):  # S1.5
    collection = booked(debited())
    objection_id = objected(collection)
    at = noon(date(2026, 5, 20))
    facts = {"objection_id": objection_id, "answer": "Vu.", "actor": "exploitation", "at": at}
    decide_objection(justified=justified, **facts)
    with pytest.raises(ObjectionDecided):
        decide_objection(justified=not justified, **facts)
    assert [fee.amount_minor for fee in fees(FeeRule.OBJECTION_UNJUSTIFIED)] == [3_000] * count
    made = Objection.objects.get()
    assert made.state == (ObjectionState.JUSTIFIED if justified else ObjectionState.UNJUSTIFIED)
    assert (made.answer, made.decided_by) == ("Vu.", "exploitation")
    assert Mail.objects.filter(event="objection_decided").count() == 1
    assert collections_of(collection.statement.account_id)[0].objection == made.state


def test_money_asked_back_at_the_bank_is_an_objection_and_no_refusal():
    collection = booked(debited())
    returned(collection, reason="MD06")
    assert collection.state == CollectionState.OBJECTED
    assert (Objection.objects.get().reason, Mandate.objects.get().refusals) == ("", 0)
    assert not Entry.objects.filter(kind=EntryKind.FEE).exists()
    assert left(collection) == 10_000


def test_the_bank_gives_back_what_went_back_already_and_somebody_is_told():
    collection = booked(debited())
    objected(collection, on=collection.collect_on)
    upload = returned(collection, reason="MD06")
    assert [line[1:] for line in told(upload)] == [("refused", "objected")]
    assert Entry.objects.filter(kind=EntryKind.PAYMENT_RETURN).count() == 1


# The other collector


def test_the_sandbox_answers_at_once_and_refuses_by_the_end_of_the_iban(settings):
    settings.BILLING_COLLECTOR = "sandbox"
    good, poor = debited(), debited()
    Mandate.objects.filter(pk=poor.mandate_id).update(iban=next(iter(_ending_in("01"))))
    made = filed(good)
    poor.refresh_from_db()
    assert made.state == CollectionFileState.SENT
    assert (good.state, poor.state) == (CollectionState.FILED, CollectionState.RETURNED)
    assert (poor.bank_reason, fees(FeeRule.DEBIT_REFUSED).count()) == ("AM04", 1)
    write_collection_file(file_id=made.pk, at=noon(date(2026, 4, 14)))
    assert fees(FeeRule.DEBIT_REFUSED).count() == 1
    assert book_collection(collection_id=good.pk, at=noon(good.collect_on))


def _ending_in(digits: str):
    import schwifty

    for number in range(2_000):
        iban = str(schwifty.IBAN.generate("CH", bank_code="00762", account_code=f"{number:012d}"))
        if iban.endswith(digits):
            yield iban


def test_a_collector_that_settings_do_not_know_is_refused():
    from billing.errors import UnknownCollector

    with pytest.raises(UnknownCollector):
        collector("nobody")
