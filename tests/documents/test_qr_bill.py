"""The Swiss payment slip (S1.5): what its code holds is held against the standard, field by field."""

import dataclasses

import pypdfium2
import pytest
import zxingcpp

from documents.errors import SlipUnfit
from documents.services.qr_bill import (
    PaymentSlip,
    SlipParty,
    grouped_reference,
    slip_content,
    slip_data_uri,
    slip_svg,
)

REFERENCE = "210000000003139471430009017"  # the standard's own example
CREDITOR = SlipParty(
    name="Les Vergers SA",
    street="Rue du Verger",
    house_number="1",
    postcode="1950",
    city="Exempleville",
    country="CH",
)
DEBTOR = SlipParty(
    name="Zoé Dubreuil", street="14 allée des Vergers", postcode="57000", city="Metz", country="FR"
)
# Swiss Implementation Guidelines QR-bill 2.3, chapter 4: the fields in their order.
FIELDS = (
    *("QRType", "Version", "Coding", "IBAN"),
    *(f"Cr.{part}" for part in ("AdrTp", "Name", "Strt", "Bldg", "Pst", "Twn", "Ctry")),
    *(f"UltmtCr.{part}" for part in ("AdrTp", "Name", "Strt", "Bldg", "Pst", "Twn", "Ctry")),
    *("Amt", "Ccy"),
    *(f"Dbtr.{part}" for part in ("AdrTp", "Name", "Strt", "Bldg", "Pst", "Twn", "Ctry")),
    *("RefTp", "Ref", "Ustrd", "Trailer"),
)


def a_slip(**changes) -> PaymentSlip:
    slip = PaymentSlip(
        iban="CH4431999123000889012",
        creditor=CREDITOR,
        debtor=DEBTOR,
        amount_minor=84_260,
        currency="CHF",
        reference=REFERENCE,
        message="CC-00000001-20261130",
    )
    return dataclasses.replace(slip, **changes)


def fields_of(content: str) -> dict[str, str]:
    lines = content.split("\r\n")
    assert len(lines) == len(FIELDS)
    return dict(zip(FIELDS, lines, strict=True))


def rendered(slip: PaymentSlip, *, dpi: int = 200) -> pypdfium2.PdfDocument:
    from documents.services import engine

    page = f'<img src="{slip_data_uri(slip)}" alt="QR">'
    css = "@page { size: 210mm 106mm; margin: 0 } img { width: 210mm; height: 106mm }"
    return pypdfium2.PdfDocument(engine.write(engine.lay_out(page, css)))


@pytest.mark.parametrize("dpi", [150, 200, 300])
def test_the_code_on_paper_holds_every_field_of_the_standard(dpi):  # S1.5
    picture = rendered(a_slip())[0].render(scale=dpi / 72).to_pil()
    [code] = zxingcpp.read_barcodes(picture)
    assert code.format == zxingcpp.BarcodeFormat.QRCode
    assert code.ec_level == "M"
    found = fields_of(code.text)
    assert found == {
        "QRType": "SPC",
        "Version": "0200",
        "Coding": "1",
        "IBAN": "CH4431999123000889012",
        "Cr.AdrTp": "S",
        "Cr.Name": "Les Vergers SA",
        "Cr.Strt": "Rue du Verger",
        "Cr.Bldg": "1",
        "Cr.Pst": "1950",
        "Cr.Twn": "Exempleville",
        "Cr.Ctry": "CH",
        **{field: "" for field in FIELDS if field.startswith("UltmtCr.")},  # must stay empty for now
        "Amt": "842.60",
        "Ccy": "CHF",
        "Dbtr.AdrTp": "S",
        "Dbtr.Name": "Zoé Dubreuil",
        "Dbtr.Strt": "14 allée des Vergers",
        "Dbtr.Bldg": "",
        "Dbtr.Pst": "57000",
        "Dbtr.Twn": "Metz",
        "Dbtr.Ctry": "FR",
        "RefTp": "QRR",
        "Ref": REFERENCE,
        "Ustrd": "CC-00000001-20261130",
        "Trailer": "EPD",
    }


def letters_of(slip: PaymentSlip) -> str:
    """The text without spaces: drawn letter by letter, its spaces are a matter of taste."""
    return "".join(rendered(slip)[0].get_textpage().get_text_range().split())


def test_the_slip_says_the_same_in_the_readers_language():
    french, english = letters_of(a_slip()), letters_of(a_slip(language="en"))
    for words in ("Récépissé", "Section paiement", "Compte / Payable à", "Référence", "Monnaie", "Montant"):
        assert words.replace(" ", "") in french
    for words in ("Point de dépôt", "Payable par", "842.60", REFERENCE, "Zoé Dubreuil"):
        assert words.replace(" ", "") in french
    assert "Paymentpart" in english


def test_another_language_falls_back_to_french():
    assert "Section paiement" in slip_svg(a_slip(language="pt"))


def test_a_reference_is_grouped_from_its_end():
    assert grouped_reference(REFERENCE) == "21 00000 00003 13947 14300 09017"


@pytest.mark.parametrize(
    "debtor",
    [
        None,
        dataclasses.replace(DEBTOR, city=""),
        dataclasses.replace(DEBTOR, postcode=""),
        dataclasses.replace(DEBTOR, name="Зоя"),  # letters that banks do not know
    ],
)
def test_a_debtor_that_cannot_be_named_leaves_a_box_to_fill_in(debtor):
    found = fields_of(slip_content(a_slip(debtor=debtor)))
    assert not any(value for field, value in found.items() if field.startswith("Dbtr."))
    assert "Payable par (nom/adresse)" in slip_svg(a_slip(debtor=debtor))


def test_long_names_are_cut_and_typographic_signs_made_plain():
    long = dataclasses.replace(DEBTOR, name="Zoé d’Aubreuil–" + "x" * 80, city="y" * 50)
    found = fields_of(slip_content(a_slip(debtor=long)))
    assert found["Dbtr.Name"] == "Zoé d'Aubreuil-" + "x" * 55
    assert found["Dbtr.Twn"] == "y" * 35


@pytest.mark.parametrize(
    ("minor", "written"), [(1, "0.01"), (5_000, "50.00"), (99_999_999_999, "999999999.99")]
)
def test_amounts_have_two_decimals_and_no_grouping(minor, written):
    assert fields_of(slip_content(a_slip(amount_minor=minor)))["Amt"] == written


@pytest.mark.parametrize(
    "changes",
    [
        {"reference": REFERENCE[:-1] + "8"},  # wrong check digit
        {"reference": ""},  # a QR-IBAN takes no slip without one
        {"iban": "CH9300762011623852957"},  # no QR-IBAN: takes no such reference
        {"iban": "CH4431999123000889013"},
        {"iban": "FR7630006000011234567890189"},
        {"amount_minor": 100_000_000_000},
        {"currency": "USD"},
        {"message": "x" * 141},
        {"creditor": dataclasses.replace(CREDITOR, city="")},
    ],
)
def test_what_the_standard_does_not_allow_is_refused(changes):
    with pytest.raises(SlipUnfit):
        slip_svg(a_slip(**changes))
