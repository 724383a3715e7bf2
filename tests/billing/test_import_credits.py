"""Payments by QR-bill from the bank's camt: each to its statement's account, once; the rest to a person."""

from datetime import date

import pytest
from stdnum.ch import esr

from billing.errors import (
    CreditAccountClosed,
    CreditAccountUnknown,
    CreditDecided,
    CurrencyDiffers,
    FileRefused,
)
from billing.models import Entry, ImportFile, UnknownCredit
from billing.selectors.amounts import position
from billing.services.open import close_account
from billing.services.unknown_credit import assign_credit, mark_returned
from billing.states import CreditReason, CreditState, EntryKind, EntrySource, ImportKind
from ledger.services.audit import audit
from tests.billing.banking import billed, camt, credit, detail, entry, imported, told
from tests.billing.factories import noon, pay
from tests.wallet.factories import make_user

pytestmark = pytest.mark.django_db
AT = noon(date(2026, 4, 12))
NOBODYS = esr.calc_check_digit("9" * 26)


@pytest.fixture
def statement():
    return billed()


def take(content, *, at=AT) -> ImportFile:
    return imported(ImportKind.CREDITS, content, at=at)


def payments():
    return Entry.objects.filter(kind=EntryKind.PAYMENT)


def left(statement) -> int:
    return position(statement.account_id, AT).left_to_pay_minor


def test_a_credit_finds_its_account_by_the_27_digits_of_the_slip(statement):  # S1.2
    upload = take(credit(statement, "60.00"))
    made = payments().get()
    assert (made.account_id, made.amount_minor, made.value_on) == (
        statement.account_id,
        6_000,
        date(2026, 4, 10),
    )
    assert (made.source, made.external_ref) == (EntrySource.QR_BILL, "ZKB-1")
    assert left(statement) == 4_000
    assert (upload.posted, upload.reviewed, told(upload)) == (1, 0, [])
    assert audit(at=AT).ok


def test_more_than_is_due_stays_the_holders(statement):
    take(credit(statement, "150.00"))
    assert position(statement.account_id, AT).surplus_minor == 5_000


def test_every_detail_of_a_batch_is_a_payment(statement):
    other = billed(20_000)
    batch = entry(
        detail("100.00", reference=statement.reference, ref="B-1"),
        detail("200.00", reference=other.reference, ref="B-1"),
        amount="300.00",
        ref="B-1",
    )
    upload = take(camt(batch))
    assert upload.posted == 2
    assert left(statement) == left(other) == 0
    assert sorted(payments().values_list("external_ref", flat=True)) == ["B-1#1", "B-1#2"]


def test_a_credit_told_by_two_files_is_booked_once(statement):
    take(credit(statement))
    later = take(camt(entry(detail(reference=statement.reference, ref="ZKB-1"), ref="ZKB-9")))
    assert (later.posted, later.duplicates) == (0, 1)
    assert told(later) == [(3, "duplicate", "known")]
    assert payments().count() == 1


def test_without_the_banks_reference_the_facts_are_the_name(statement):
    """Two equal payments in one file are two; the same file under another message id tells the same two."""
    twice = [entry(detail(reference=statement.reference))] * 2
    assert take(camt(*twice)).posted == 2
    again = take(camt(*twice).replace("<MsgId>M1", "<MsgId>M2"))
    assert (again.posted, again.duplicates) == (0, 2)
    assert payments().count() == 2


@pytest.mark.parametrize(
    ("reference", "reason"),
    [
        ("", CreditReason.NO_REFERENCE),
        ("RF18539007547034", CreditReason.BAD_REFERENCE),
        ("210000000003139471430009018", CreditReason.BAD_REFERENCE),
        ("9" * 26 + NOBODYS, CreditReason.UNKNOWN_REFERENCE),
    ],
)
def test_a_reference_that_nobody_has_goes_to_the_review_list(statement, reference, reason):
    upload = take(camt(entry(detail(reference=reference, ref="ZKB-1", message="merci <3"))))
    found = UnknownCredit.objects.get()
    assert (found.reason, found.amount_minor, found.currency) == (reason, 10_000, "CHF")
    assert (found.debtor_name, found.value_on, found.message) == ("Ada Martin", date(2026, 4, 10), "merci <3")
    assert (upload.posted, upload.reviewed) == (0, 1)
    assert told(upload) == [(3, "notice", "review")]
    assert not payments().exists()


def test_the_same_unknown_credit_is_listed_once(statement):
    body = camt(entry(detail(ref="ZKB-1")))
    take(body)
    again = take(body.replace("<MsgId>M1", "<MsgId>M2"))
    assert again.duplicates == 1
    assert UnknownCredit.objects.count() == 1


def test_another_currency_is_listed(statement):
    foreign = entry(detail(reference=statement.reference, ref="Z", currency="EUR"), currency="EUR")
    take(camt(foreign))
    assert UnknownCredit.objects.get().reason == CreditReason.CURRENCY
    assert left(statement) == 10_000


def test_a_closed_account_takes_nothing(statement):
    pay(statement.account, 10_000, date(2026, 4, 5))
    close_account(account_id=statement.account_id, at=AT)
    take(credit(statement))
    assert UnknownCredit.objects.get().reason == CreditReason.CLOSED
    assert payments().count() == 1


def test_a_batch_whose_details_do_not_make_its_total_is_listed_whole(statement):
    batch = entry(
        detail("10.00", reference=statement.reference, ref="1"),
        detail("20.00", reference=statement.reference, ref="2"),
        amount="40.00",
        ref="B-1",
    )
    take(camt(batch))
    found = UnknownCredit.objects.get()
    assert (found.reason, found.amount_minor, found.external_ref) == (CreditReason.DETAILS, 4_000, "B-1")
    assert not payments().exists()


@pytest.mark.parametrize(
    ("fields", "outcome"),
    [
        ({"status": "PDNG"}, ("notice", "pending")),
        ({"side": "DBIT"}, ("notice", "debit")),
        ({"amount": "0.00"}, ("refused", "amount")),
        ({"amount": "12,50"}, ("refused", "amount")),
        ({"amount": "-5.00"}, ("refused", "amount")),
    ],
)
def test_what_is_no_credit_is_told_and_books_nothing(statement, fields, outcome):
    amount = fields.get("amount", "100.00")
    upload = take(camt(entry(detail(amount, reference=statement.reference, ref="Z"), **fields)))
    assert [line[1:] for line in told(upload)] == [outcome]
    assert not payments().exists()
    assert not UnknownCredit.objects.exists()


def test_a_reversal_undoes_its_payment_once(statement):
    take(credit(statement))
    back = camt(
        entry(
            detail(reference=statement.reference, ref="ZKB-1"),
            side="DBIT",
            reversal=True,
            on=date(2026, 4, 11),
        )
    )
    assert take(back).posted == 1
    assert left(statement) == 10_000
    made = Entry.objects.get(kind=EntryKind.PAYMENT_RETURN)
    assert (made.amount_minor, made.booked_on) == (10_000, date(2026, 4, 11))
    again = take(back.replace("<MsgId>M1", "<MsgId>M2"))
    assert (again.posted, again.duplicates) == (0, 1)
    assert audit(at=AT).ok


def test_a_reversal_of_nothing_is_told(statement):
    upload = take(camt(entry(detail(reference=statement.reference), side="DBIT", reversal=True)))
    assert [line[1:] for line in told(upload)] == [("refused", "no_original")]
    assert left(statement) == 10_000


def test_a_reversal_of_a_listed_credit_takes_it_off_the_list(statement):
    take(camt(entry(detail(ref="ZKB-1", message="?"))))
    take(camt(entry(detail(ref="ZKB-2", message="?"), side="DBIT", reversal=True)))
    assert UnknownCredit.objects.get().state == CreditState.RETURNED


@pytest.mark.parametrize("content", [b"a;b\n1;2\n", b"<Document/>", b"<a", b"%PDF-1.7"])
def test_what_is_no_camt_is_refused(content):
    with pytest.raises(FileRefused):
        take(content)
    assert not ImportFile.objects.exists()


# A person decides


@pytest.fixture
def unknown(statement):
    take(camt(entry(detail("80.00", ref="ZKB-1"), amount="80.00")))
    return UnknownCredit.objects.get()


def test_a_listed_credit_is_given_to_an_account_with_its_value_date(statement, unknown):
    actor = make_user()
    assign_credit(credit_id=unknown.pk, account_id=statement.account_id, actor_id=actor.pk, at=AT)
    unknown.refresh_from_db()
    made = payments().get()
    assert (unknown.state, unknown.entry_id, unknown.decided_by_id) == (
        CreditState.ASSIGNED,
        made.pk,
        actor.pk,
    )
    assert (made.value_on, made.amount_minor, made.account_id) == (
        date(2026, 4, 10),
        8_000,
        statement.account_id,
    )
    assert left(statement) == 2_000


def test_a_listed_credit_is_decided_once(statement, unknown):
    mark_returned(credit_id=unknown.pk, actor_id=make_user().pk, at=AT)
    for act in (
        lambda: mark_returned(credit_id=unknown.pk, actor_id=make_user().pk, at=AT),
        lambda: assign_credit(
            credit_id=unknown.pk, account_id=statement.account_id, actor_id=make_user().pk, at=AT
        ),
    ):
        with pytest.raises(CreditDecided):
            act()
    assert not payments().exists()


def test_an_assigned_credit_is_known_when_a_file_tells_it_again(statement, unknown):
    assign_credit(credit_id=unknown.pk, account_id=statement.account_id, actor_id=make_user().pk, at=AT)
    again = take(camt(entry(detail("80.00", ref="ZKB-1"), amount="80.00")).replace("<MsgId>M1", "<MsgId>M2"))
    assert again.duplicates == 1
    assert payments().count() == 1


def test_a_credit_cannot_go_to_an_account_that_cannot_take_it(statement, unknown):
    UnknownCredit.objects.filter(pk=unknown.pk).update(currency="EUR")
    with pytest.raises(CurrencyDiffers):
        assign_credit(credit_id=unknown.pk, account_id=statement.account_id, actor_id=make_user().pk, at=AT)
    with pytest.raises(CreditAccountUnknown):
        assign_credit(credit_id=unknown.pk, account_id=999_999, actor_id=make_user().pk, at=AT)
    UnknownCredit.objects.filter(pk=unknown.pk).update(currency="CHF")
    pay(statement.account, 10_000, date(2026, 4, 5))
    close_account(account_id=statement.account_id, at=AT)
    with pytest.raises(CreditAccountClosed):
        assign_credit(credit_id=unknown.pk, account_id=statement.account_id, actor_id=make_user().pk, at=AT)
    unknown.refresh_from_db()
    assert (unknown.state, unknown.entry) == (CreditState.OPEN, None)
