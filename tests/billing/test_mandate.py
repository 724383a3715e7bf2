"""The permission to debit: checked, one in force, ended by its holder (S1.5)."""

from datetime import date

import pytest
from django.db import IntegrityError, transaction

from billing.errors import (
    CreditAccountClosed,
    CreditAccountUnknown,
    IbanInvalid,
    IbanNotDebitable,
    MandateNameMissing,
    MandateUnknown,
)
from billing.models import Collection, Mandate
from billing.selectors.debit import mandate_state
from billing.services.mandate import end_mandate, sign_mandate, stop_mandate
from billing.services.open import close_account
from billing.states import CollectionState, MandateEnd
from outbox.models import Mail
from tests.billing.banking import IBAN, OTHER_IBAN, debited, filed, signed
from tests.billing.factories import make_account, noon
from tests.wallet.factories import make_user

pytestmark = pytest.mark.django_db
AT = noon(date(2026, 3, 15))


@pytest.fixture
def account():
    return make_account(at=AT)


def test_a_mandate_is_signed_told_by_mail_and_seen(account):
    made = signed(account, at=AT, iban="ch93 0076 2011 6238 5295 7", name="  Ada   Martin ")
    assert (made.iban, made.name, made.refusals) == (IBAN, "Ada Martin", 0)
    assert made.reference == f"MIR{account.pk:08d}-001"
    seen = mandate_state(account.pk)
    assert (seen.is_active, seen.iban_masked, seen.reference) == (True, "CH93 •••• 2957", made.reference)
    mail = Mail.objects.get(event="mandate_signed")
    assert mail.context["iban_end"] == "2957"
    assert IBAN not in str(mail.context)


def test_without_a_mandate_there_is_none_to_see(account):
    assert mandate_state(account.pk).is_active is False


@pytest.mark.parametrize(
    ("changes", "refusal"),
    [
        ({"iban": "CH0000762011623852957"}, IbanInvalid),
        ({"iban": "CH93"}, IbanInvalid),
        ({"iban": "n'importe quoi"}, IbanInvalid),
        ({"iban": ""}, IbanInvalid),
        ({"iban": "FR1420041010050500013M02606"}, IbanNotDebitable),
        ({"iban": "CH4431999123000889012"}, IbanNotDebitable),
        ({"name": "   "}, MandateNameMissing),
        ({"name": "Ada\x00"}, MandateNameMissing),
    ],
)
def test_what_cannot_be_debited_is_refused(account, changes, refusal):
    facts = {"account_id": account.pk, "holder_id": account.holder_id, "iban": IBAN, "name": "Ada", "at": AT}
    with pytest.raises(refusal):
        sign_mandate(**facts | changes)
    assert not Mandate.objects.exists()
    assert not Mail.objects.exists()


def test_nobody_signs_for_the_account_of_somebody_else_or_for_a_closed_one(account):
    facts = {"account_id": account.pk, "iban": IBAN, "name": "Ada", "at": AT}
    with pytest.raises(CreditAccountUnknown):
        sign_mandate(holder_id=make_user().pk, **facts)
    close_account(account_id=account.pk, at=AT)
    with pytest.raises(CreditAccountClosed):
        sign_mandate(holder_id=account.holder_id, **facts)
    assert not Mandate.objects.exists()


def test_signing_the_same_again_changes_nothing(account):
    first = signed(account, at=AT)
    assert signed(account, at=AT).pk == first.pk
    assert Mail.objects.filter(event="mandate_signed").count() == 1


def test_another_bank_account_takes_the_place_of_the_first_and_of_what_is_announced():
    collection = debited()
    account = collection.statement.account
    second = signed(account, at=noon(date(2026, 4, 2)), iban=OTHER_IBAN)
    first = Mandate.objects.exclude(pk=second.pk).get()
    assert (first.state, first.end_reason) == ("ended", MandateEnd.REPLACED)
    collection.refresh_from_db()
    assert (collection.mandate_id, collection.state) == (second.pk, CollectionState.ANNOUNCED)
    assert second.reference.endswith("-002")


def test_ending_it_drops_what_is_announced():
    collection = debited()
    account = collection.statement.account
    end_mandate(account_id=account.pk, holder_id=account.holder_id, at=noon(date(2026, 4, 2)))
    collection.refresh_from_db()
    assert collection.state == CollectionState.DROPPED
    seen = mandate_state(account.pk)
    assert (seen.is_active, seen.end_reason, seen.coming) == (False, MandateEnd.REVOKED, None)


def test_a_debit_in_a_file_is_left_and_somebody_is_told_while_it_can_be_called_off(settings):
    settings.BILLING_COLLECTOR = "pain008"
    collection = debited()
    filed(collection, sent=False)
    account = collection.statement.account
    end_mandate(account_id=account.pk, holder_id=account.holder_id, at=noon(date(2026, 4, 14)))
    collection.refresh_from_db()
    assert collection.state == CollectionState.FILED
    assert Mail.objects.filter(event="alarm.mandate_ended_in_file").count() == 1


def test_only_a_mandate_in_force_is_ended_and_only_by_its_holder(account):
    with pytest.raises(MandateUnknown):
        end_mandate(account_id=account.pk, holder_id=account.holder_id, at=AT)
    made = signed(account, at=AT)
    with pytest.raises(CreditAccountUnknown):
        end_mandate(account_id=account.pk, holder_id=make_user().pk, at=AT)
    made.refresh_from_db()
    assert made.state == "active"
    stop_mandate(account_id=account.pk, at=AT)
    made.refresh_from_db()
    assert (made.state, made.end_reason) == ("ended", MandateEnd.OPERATOR)
    with pytest.raises(MandateUnknown):
        stop_mandate(account_id=account.pk, at=AT)


def test_the_database_keeps_one_mandate_in_force_and_its_refusals_below_three(account):
    made = signed(account, at=AT)
    with pytest.raises(IntegrityError), transaction.atomic():
        Mandate.objects.create(account=account, reference="X", name="Ada", iban=OTHER_IBAN, signed_at=AT)
    with pytest.raises(IntegrityError), transaction.atomic():
        Mandate.objects.filter(pk=made.pk).update(refusals=3)
    assert Collection.objects.count() == 0
