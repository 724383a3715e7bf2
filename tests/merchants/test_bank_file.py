"""Bank files: each statement in one, valid against ISO 20022, never paid twice (S0.4)."""

from datetime import date, timedelta
from xml.etree import ElementTree

import pytest
from django.db import IntegrityError, transaction

from documents.selectors import document
from documents.services.number import next_number
from kernel.states import TransitionRefused
from merchants.errors import BankFileRefused, NothingToPay, PayerUnknown
from merchants.models import BankFile, BankFileEvent, Merchant, Payment, Statement
from merchants.selectors.statements import payout_state, unpaid_statements
from merchants.services.bank_file import cancel_bank_file, mark_sent, plan_bank_file
from merchants.services.bank_xml import DOCUMENT, SCHEMA, bank_file_xml, write_bank_file
from merchants.services.settle import settle_due
from merchants.states import BankFileState, PayoutState
from tests.merchants.settling import cancelled, make_shop, paris, sold

pytestmark = pytest.mark.django_db

AT = paris(2026, 11, 2, 6)
NS = {"p": f"urn:iso:std:iso:20022:tech:xsd:{SCHEMA}"}


def statement_for(amount_minor=10_000, **fields) -> Statement:
    shop = make_shop(**fields)
    sold(shop, amount_minor, paris(2026, 10, 5, 9))
    [made] = settle_due(merchant_id=shop.merchant.pk, at=AT)
    return Statement.objects.get(pk=made)


def plan(**changes) -> BankFile:
    planned = plan_bank_file(**{"currency": "CHF", "at": AT, "actor": "exploitation"} | changes)
    return BankFile.objects.get(pk=planned.bank_file_id)


def written() -> BankFile:
    bank_file = plan()
    write_bank_file(bank_file_id=bank_file.pk, at=AT)
    bank_file.refresh_from_db()
    return bank_file


def texts(xml, path):
    return [node.text for node in ElementTree.fromstring(xml).findall(f".//p:{path}", NS)]


def schema_errors(xml: bytes) -> list[str]:
    """What the official schema, as the library ships it, has against a message."""
    from pathlib import Path

    import sepaxml
    import xmlschema

    schema = xmlschema.XMLSchema(str(Path(sepaxml.__file__).parent / "schemas" / f"{SCHEMA}.xsd"))
    return [str(error) for error in schema.iter_errors(xml.decode())]


def test_a_file_pays_each_statement_once():
    first, second = statement_for(10_000), statement_for(20_000)
    bank_file = plan()
    assert bank_file.number == "MIR-2026-00001"
    assert bank_file.payments == 2
    assert bank_file.total_minor == first.payout_minor + second.payout_minor
    assert payout_state(first) == PayoutState.IN_FILE
    with pytest.raises(NothingToPay):
        plan()
    assert BankFile.objects.count() == 1
    with transaction.atomic():  # the refused one gave its number back
        assert next_number(series="PAY", year=2026) == 2


def test_the_message_holds_against_its_schema_and_names_every_payment():
    statements = [statement_for(10_000), statement_for(123_456, legal_name="Pâtisserie Crème & Co <été>")]
    xml = bank_file_xml(plan())
    assert schema_errors(xml) == []
    assert texts(xml, "MsgId") == ["MIR-2026-00001"]
    assert texts(xml, "PmtInfId") == ["MIR-2026-00001-1"]
    assert texts(xml, "EndToEndId") == [statement.number for statement in statements]
    assert texts(xml, "InstdAmt") == [f"{one.payout_minor / 100:.2f}" for one in statements]
    assert texts(xml, "CdtrAcct/p:Id/p:IBAN") == ["CH9300762011623852957"] * 2
    assert texts(xml, "GrpHdr/p:NbOfTxs") == ["2"]
    assert texts(xml, "GrpHdr/p:CtrlSum") == [f"{sum(one.payout_minor for one in statements) / 100:.2f}"]
    assert texts(xml, "ReqdExctnDt/p:Dt") == ["2026-11-03"]
    assert texts(xml, "Cdtr/p:Nm")[1] == "Patisserie Creme & Co <ete>"


def test_the_check_really_fails_on_a_wrong_message():
    statement_for()
    xml = bank_file_xml(plan())
    assert schema_errors(xml.replace(b"<IBAN>CH93", b"<IBAN>?!")) != []
    assert schema_errors(xml.replace(b"EndToEndId", b"EndToEnd")) != []


def test_the_same_file_comes_out_twice():
    statement_for()
    bank_file = plan()
    assert bank_file_xml(bank_file) == bank_file_xml(bank_file)


def test_a_file_is_validated_before_it_is_stored(settings):
    statement_for()
    bank_file = plan()
    settings.PAYOUT_BIC = "nonsense!"
    with pytest.raises(BankFileRefused):
        write_bank_file(bank_file_id=bank_file.pk, at=AT)
    assert document(DOCUMENT, bank_file.number) is None
    bank_file.refresh_from_db()
    assert bank_file.state == BankFileState.PREPARED


def test_a_written_file_is_ready_and_then_handed_over():
    statement = statement_for()
    bank_file = written()
    assert bank_file.state == BankFileState.READY
    assert document(DOCUMENT, bank_file.number).filename == "MIR-2026-00001.xml"
    write_bank_file(bank_file_id=bank_file.pk, at=AT)  # a repeated job
    mark_sent(bank_file_id=bank_file.pk, actor="exploitation", at=AT)
    assert payout_state(statement) == PayoutState.PAID
    steps = BankFileEvent.objects.order_by("pk").values_list("from_state", "to_state", "actor")
    assert list(steps) == [
        ("", "prepared", "exploitation"),
        ("prepared", "ready", ""),
        ("ready", "sent", "exploitation"),
    ]


def test_a_file_that_was_called_off_makes_its_statements_payable_again():
    statement = statement_for()
    cancel_bank_file(bank_file_id=written().pk, actor="exploitation", at=AT)
    assert payout_state(statement) == PayoutState.PLANNED
    second = plan()
    assert second.number == "MIR-2026-00002"
    assert list(Payment.objects.order_by("pk").values_list("is_live", flat=True)) == [False, True]


def test_a_file_that_was_handed_over_is_not_called_off():
    statement = statement_for()
    bank_file = written()
    mark_sent(bank_file_id=bank_file.pk, actor="exploitation", at=AT)
    with pytest.raises(TransitionRefused):
        cancel_bank_file(bank_file_id=bank_file.pk, actor="exploitation", at=AT)
    assert payout_state(statement) == PayoutState.PAID
    assert not unpaid_statements().exists()


def test_a_file_is_handed_over_when_it_is_ready_only():
    statement_for()
    bank_file = plan()
    with pytest.raises(TransitionRefused):
        mark_sent(bank_file_id=bank_file.pk, actor="exploitation", at=AT)
    cancel_bank_file(bank_file_id=bank_file.pk, actor="exploitation", at=AT)
    write_bank_file(bank_file_id=bank_file.pk, at=AT)
    assert document(DOCUMENT, bank_file.number) is None


def test_the_database_keeps_a_statement_out_of_a_second_living_file():
    statement_for()
    payment = Payment.objects.get(bank_file=plan())
    payment.pk = None
    with pytest.raises(IntegrityError), transaction.atomic():
        payment.save()


def test_a_merchant_without_a_real_iban_waits_and_the_others_are_paid():
    wrong, right = statement_for(), statement_for()
    Merchant.objects.filter(pk=wrong.merchant_id).update(iban="CH0000000000000000000")
    planned = plan_bank_file(currency="CHF", at=AT)
    assert planned.left_out == (wrong.number,)
    assert list(Payment.objects.values_list("statement_id", flat=True)) == [right.pk]
    assert payout_state(wrong) == PayoutState.PLANNED
    Merchant.objects.filter(pk=wrong.merchant_id).update(iban="CH9300762011623852957")
    assert plan().payments == 1


def test_nothing_is_planned_while_nobody_can_pay(settings):
    statement_for()
    settings.PAYOUT_IBAN = ""
    with pytest.raises(PayerUnknown):
        plan()
    assert not BankFile.objects.exists()


def test_a_statement_without_a_net_is_never_paid():
    shop = make_shop()
    sale = sold(shop, 10_000, paris(2026, 10, 5, 9))
    settle_due(merchant_id=shop.merchant.pk, at=AT)
    plan()
    cancelled(shop, sale, paris(2026, 11, 3, 9))
    settle_due(merchant_id=shop.merchant.pk, at=paris(2026, 12, 1, 6))
    negative = Statement.objects.get(ends_on=date(2026, 11, 30))
    assert payout_state(negative) == PayoutState.NOTHING
    with pytest.raises(NothingToPay):
        plan(at=AT + timedelta(days=40))
