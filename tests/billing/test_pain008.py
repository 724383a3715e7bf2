"""The file of direct debits as a Swiss bank takes it, held against the official schema (S1.5)."""

from datetime import UTC, date, datetime
from pathlib import Path
from xml.etree import ElementTree

import pytest

from billing.collectors.base import DebitBatch, DebitOrder
from billing.collectors.pain008 import Pain008File
from billing.errors import CollectionFileRefused, CreditorUnknown


def order(number: int, **changes) -> DebitOrder:
    facts = {
        "end_to_end_id": f"DD-{number:08d}-20260331",
        "mandate_reference": f"MIR{number:08d}-001",
        "mandate_signed_on": date(2026, 3, 15),
        "debtor_name": "Zoé Crête & Fils <SA>",
        "debtor_iban": "CH9300762011623852957",
        "debtor_bic": "",
        "amount_minor": 12_345,
        "collect_on": date(2026, 4, 16),
        "description": "CC-00000001-20260331",
    }
    return DebitOrder(**facts | changes)


def batch(*orders: DebitOrder) -> DebitBatch:
    return DebitBatch(
        number="DD-2026-00001",
        currency="CHF",
        made_at=datetime(2026, 4, 13, 10, tzinfo=UTC),
        orders=orders or (order(1),),
    )


def schema_errors(xml: bytes, name: str) -> list[str]:
    """What the official schema, as the library ships it, has against a message."""
    import sepaxml
    import xmlschema

    schema = xmlschema.XMLSchema(str(Path(sepaxml.__file__).parent / "schemas" / f"{name}.xsd"))
    return [str(error) for error in schema.iter_errors(xml.decode())]


def texts(xml: bytes, path: str) -> list[str | None]:
    return [node.text for node in ElementTree.fromstring(xml).findall(f".//{{*}}{path.replace('/', '/{*}')}")]


@pytest.mark.parametrize("schema", ["pain.008.001.02", "pain.008.001.08"])
def test_the_message_holds_against_both_schemas(settings, schema):  # S1.5
    settings.BILLING_PAIN008 = schema
    with_bic = order(2, debtor_bic="ZKBKCHZZ80A", amount_minor=5, collect_on=date(2026, 4, 17))
    xml = Pain008File().write(batch(order(1), with_bic))
    assert schema_errors(xml, schema) == []
    assert texts(xml, "MsgId") == ["DD-2026-00001"]
    assert texts(xml, "PmtInfId") == ["DD-2026-00001-1", "DD-2026-00001-2"]
    assert texts(xml, "EndToEndId") == ["DD-00000001-20260331", "DD-00000002-20260331"]
    assert texts(xml, "InstdAmt") == ["123.45", "0.05"]
    assert texts(xml, "GrpHdr/NbOfTxs") == ["2"]
    assert texts(xml, "GrpHdr/CtrlSum") == ["123.50"]
    assert texts(xml, "ReqdColltnDt") == ["2026-04-16", "2026-04-17"]
    assert texts(xml, "MndtId") == ["MIR00000001-001", "MIR00000002-001"]
    assert texts(xml, "Dbtr/Nm")[0] == "Zoe Crete & Fils <SA>"


def test_in_francs_the_service_has_its_swiss_names(settings):
    settings.BILLING_DEBIT_SERVICE, settings.BILLING_DEBIT_INSTRUMENT = "CHTA", "LSV+"
    xml = Pain008File().write(batch())
    assert schema_errors(xml, settings.BILLING_PAIN008) == []
    assert texts(xml, "SvcLvl/Prtry") == ["CHTA"]
    assert texts(xml, "LclInstrm/Prtry") == ["LSV+"]
    assert texts(xml, "SchmeNm/Prtry") == ["CHTA"]
    assert texts(xml, "SvcLvl/Cd") == []


def test_the_same_batch_comes_out_twice():
    assert Pain008File().write(batch()) == Pain008File().write(batch())


def test_the_check_really_fails_on_a_wrong_message(settings):
    xml = Pain008File().write(batch())
    assert schema_errors(xml.replace(b"<IBAN>CH93", b"<IBAN>?!"), settings.BILLING_PAIN008) != []


@pytest.mark.parametrize(
    "changes", [{"debtor_iban": "?"}, {"debtor_bic": "nonsense!"}, {"end_to_end_id": "x" * 36}]
)
def test_what_breaks_the_schema_is_refused(changes):
    with pytest.raises(CollectionFileRefused):
        Pain008File().write(batch(order(1, **changes)))


def test_without_a_creditor_nothing_is_written(settings):
    settings.BILLING_COLLECT_IBAN = ""
    with pytest.raises(CreditorUnknown):
        Pain008File().write(batch())
