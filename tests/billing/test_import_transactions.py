"""Transactions of the card network from CSV and ISO 20022: every good line once, every other one told."""

from datetime import date

import pytest

from billing.errors import FileKnown, FileRefused
from billing.models import Entry, ImportFile, ImportLine
from billing.services.importing import MAX_FILE_BYTES, read_import, start_import
from billing.services.open import close_account as close_for_good
from billing.services.reports import reason_text
from billing.states import EntryKind, FeeRule, ImportKind, ImportState
from documents.models import StoredDocument
from ledger.services.audit import audit
from tests.billing.banking import COLUMNS, camt, csv_file, csv_line, entry, imported, told
from tests.billing.factories import make_account, noon
from tests.support import run_jobs
from tests.wallet.factories import make_user

pytestmark = pytest.mark.django_db
OPENED = noon(date(2026, 3, 1))
AT = noon(date(2026, 3, 20))
ON = date(2026, 3, 15)


@pytest.fixture
def account():
    return make_account(at=OPENED)


def take(content, **fields) -> ImportFile:
    return imported(ImportKind.TRANSACTIONS, content, at=AT, **fields)


def refused(content) -> str:
    with pytest.raises(FileRefused) as refusal:
        take(content)
    assert not ImportFile.objects.exists()
    assert not StoredDocument.objects.exists()
    return str(refusal.value).replace("\u00a0", " ")


def test_a_good_line_is_a_transaction_with_its_own_dates(account):
    late = {"comptabilise_le": "18/03/2026", "mcc": "5814"}
    upload = take(csv_file(csv_line(account, "N-1", ON, "1'234.50", **late)))
    made = Entry.objects.get()
    assert (made.amount_minor, made.value_on, made.booked_on) == (123_450, ON, date(2026, 3, 18))
    assert (made.kind, made.mcc, made.external_ref) == (EntryKind.PURCHASE, "5814", "N-1")
    assert (upload.posted, upload.refused, told(upload)) == (1, 0, [])
    assert audit(at=AT).ok


@pytest.mark.parametrize("amount", ["12,50", "12.50", "12,5"])
@pytest.mark.parametrize("delimiter", [";", ","])
def test_commas_and_semicolons_points_and_commas(account, amount, delimiter):
    body = csv_file(csv_line(account, "N-1", ON, amount))
    cells = [line.split(";") for line in body.split("\r\n")]
    body = "\r\n".join(delimiter.join(f'"{cell}"' for cell in line) for line in cells if line != [""])
    body = body.replace('"', "", body.split("\r\n")[0].count('"'))
    take(body)
    assert Entry.objects.get().amount_minor == 1_250


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252"])
def test_utf_8_and_latin_1_are_read(account, encoding):
    take(csv_file(csv_line(account, "N-1", ON, "10", libelle="Crèmerie d'Été")).encode(encoding))
    assert Entry.objects.get().text == "Crèmerie d'Été"


def test_abroad_and_cash_and_refund(account):  # S1.6
    upload = take(
        csv_file(
            csv_line(account, "N-1", ON, "100", pays="FR"),
            csv_line(account, "N-2", ON, "50", genre="retrait"),
            csv_line(account, "N-3", ON, "20", genre="avoir"),
        )
    )
    assert upload.posted == 3
    fee = Entry.objects.get(kind=EntryKind.FEE)
    assert (fee.rule, fee.amount_minor, fee.parent.external_ref) == (FeeRule.ABROAD, 200, "N-1")
    kinds = Entry.objects.exclude(kind=EntryKind.FEE).order_by("external_ref").values_list("kind", flat=True)
    assert list(kinds) == ["purchase", "cash", "refund"]
    assert audit(at=AT).ok


BAD = {
    "account": {"compte": "12"},
    "unknown_account": {"compte": "99999999"},
    "reference": {"reference": ""},
    "text": {"libelle": ""},
    "amount": {"montant": "0,00"},
    "currency": {"devise": "XXZ"},
    "date": {"date": "31/02/2026"},
    "order": {"comptabilise_le": "14/03/2026"},
    "future": {"date": "21/03/2026", "comptabilise_le": "21/03/2026"},
    "before_account": {"date": "28/02/2026"},
    "kind": {"genre": "cadeau"},
    "country": {"pays": "XY"},
    "mcc": {"mcc": "12"},
    "formula": {"libelle": "=1+1"},
}


@pytest.mark.parametrize("reason", BAD)
def test_a_wrong_line_is_told_and_the_good_ones_are_posted(account, reason):
    good = [csv_line(account, "N-1", ON, "10"), csv_line(account, "N-3", ON, "30")]
    upload = take(csv_file(*good, csv_line(account, "N-2", ON, "10", **BAD[reason])))
    assert told(upload) == [(4, "refused", reason)]
    assert (upload.posted, upload.refused) == (2, 1)
    assert sorted(Entry.objects.values_list("external_ref", flat=True)) == ["N-1", "N-3"]
    assert reason_text(reason) != reason


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("{account};N-1;15/03/2026", "columns"),
        ('{account};"N-1;15/03/2026;15/03/2026;x;10;CHF;achat;CH;', "quotes"),
        ("{account};N-1;15/03/2026;15/03/2026;x;-10;CHF;achat;CH;", "formula"),
        ("{account};N-1;15/03/2026;15/03/2026;x;10.123;CHF;achat;CH;", "amount"),
        ("{account};N-1;15/03/2026;15/03/2026;x;1e3;CHF;achat;CH;", "amount"),
        ("{account};N-1;15/03/2026;15/03/2026;x;10;EUR;achat;CH;", "currency"),
    ],
)
def test_malformed_lines_change_nothing(account, line, reason):
    upload = take(csv_file(line.format(account=account)))
    assert told(upload) == [(2, "refused", reason)]
    assert not Entry.objects.exists()


def test_another_currency_than_the_account_is_refused_and_the_original_one_is_kept(account):
    columns = COLUMNS + ";montant_origine;devise_origine;cours"
    line = csv_line(account, "N-1", ON, "95.20", pays="FR") + ";100,00;EUR;0,952"
    half = csv_line(account, "N-2", ON, "95.20") + ";100,00;;"
    upload = take(f"{columns}\n{line}\n{half}\n")
    made = Entry.objects.get(external_ref="N-1")
    assert (str(made.original_amount), made.original_currency) == ("100.000", "EUR")
    assert told(upload) == [(3, "refused", "original")]


def test_a_reference_twice_in_a_file_is_booked_once(account):
    line = csv_line(account, "N-1", ON, "10")
    upload = take(csv_file(line, line, csv_line(account, "N-1", ON, "11")))
    assert told(upload) == [(3, "duplicate", "known"), (4, "refused", "differs")]
    assert (upload.posted, upload.duplicates, upload.refused) == (1, 1, 1)
    assert Entry.objects.get().amount_minor == 1_000


def test_another_file_with_the_same_lines_changes_nothing(account):
    line = csv_line(account, "N-1", ON, "10")
    take(csv_file(line))
    upload = take(csv_file(line, csv_line(account, "N-2", ON, "20")))
    assert (upload.posted, upload.duplicates) == (1, 1)
    assert Entry.objects.count() == 2


def test_the_same_file_again_changes_nothing(account):
    body = csv_file(csv_line(account, "N-1", ON, "10"), csv_line("99999999", "N-2", ON, "10"))
    first = take(body)
    with pytest.raises(FileKnown) as known:
        take(body, filename="autre nom")
    assert known.value.import_id == first.pk
    assert (ImportFile.objects.count(), ImportLine.objects.count(), Entry.objects.count()) == (1, 1, 1)


def test_lines_out_of_order_are_booked_and_told(account):
    upload = take(
        csv_file(csv_line(account, "N-1", date(2026, 3, 16), "10"), csv_line(account, "N-2", ON, "20"))
    )
    assert upload.posted == 2
    assert told(upload) == [(3, "notice", "unsorted")]


def test_a_closed_account_takes_what_was_bought_before_and_nothing_after(account):
    close_for_good(account_id=account.pk, at=noon(date(2026, 3, 16)))
    upload = take(
        csv_file(csv_line(account, "N-1", ON, "10"), csv_line(account, "N-2", date(2026, 3, 17), "20"))
    )
    assert told(upload) == [(2, "notice", "closed"), (3, "refused", "closed")]
    assert Entry.objects.get().external_ref == "N-1"


def test_what_is_no_such_file_is_refused_whole():
    assert "vide" in refused(b"  \n")
    assert "classeur" in refused(b"PK\x03\x04" + b"x" * 20)
    assert "UTF-16" in refused("compte;montant".encode("utf-16"))
    assert "devise" in refused("compte;reference;date;libelle;montant\n")
    assert "20022" in refused("<a><b></a>")
    assert "20022" in refused("<html></html>")


def test_a_file_that_is_too_big_is_refused_without_being_read():
    block = b"x" * (1024 * 1024)
    with pytest.raises(FileRefused, match="20"):
        start_import(
            kind=ImportKind.TRANSACTIONS,
            filename="gros.csv",
            blocks=[block] * (MAX_FILE_BYTES // len(block) + 1),
            imported_by_id=make_user().pk,
            at=AT,
        )
    assert not ImportFile.objects.exists()


@pytest.mark.parametrize(
    "declaration",
    [
        '<!DOCTYPE d [<!ENTITY a "x"><!ENTITY b "&a;&a;&a;">]>',
        '<!DOCTYPE d [<!ENTITY a SYSTEM "file:///etc/passwd">]>',
        '<!DOCTYPE d SYSTEM "http://127.0.0.1:1/x.dtd">',
    ],
)
def test_a_document_type_is_refused_before_anything_of_it_is_used(declaration):
    body = camt(entry(amount="10.00"))
    assert "DOCTYPE" in refused(body.replace("<Document", f"{declaration}<Document", 1))


def test_a_file_that_breaks_off_is_refused_whole(account):
    body = camt(iso(account), iso(account, ref="N-2"))
    assert "XML" in refused(body[:-60])
    assert not Entry.objects.exists()


def iso(account, amount="100.00", *, ref="N-1", **fields) -> str:
    details = (
        f"<TxDtls><Refs><AcctSvcrRef>{ref}</AcctSvcrRef></Refs><Amt Ccy='CHF'>{amount}</Amt>"
        "<AmtDtls><InstdAmt><Amt Ccy='EUR'>105.04</Amt><CcyXchg><SrcCcy>EUR</SrcCcy>"
        "<XchgRate>0.952</XchgRate></CcyXchg></InstdAmt></AmtDtls>"
        "<RltdPties><Cdtr><Pty><Nm>Librairie du Port</Nm><PstlAdr><Ctry>FR</Ctry></PstlAdr></Pty></Cdtr>"
        "</RltdPties><RltdDts><TxDtTm>2026-03-15T12:00:00+01:00</TxDtTm></RltdDts>"
        "<CardTx><Tx><Indv><TxCtgy>5942</TxCtgy></Indv></Tx></CardTx></TxDtls>"
    )
    facts = {"amount": amount, "side": "DBIT", "on": date(2026, 3, 17)} | fields
    return entry(details, **facts)


def iso_file(account, *entries) -> str:
    return camt(*entries, account=f"<Othr><Id>{account}</Id></Othr>")


def test_iso_20022_tells_the_same_as_csv(account):  # S1.6
    upload = take(iso_file(account, iso(account)))
    made = Entry.objects.get(external_ref="N-1")
    assert (made.amount_minor, made.value_on, made.booked_on) == (10_000, ON, date(2026, 3, 17))
    assert (made.text, made.country, made.mcc) == ("Librairie du Port", "FR", "5942")
    assert (str(made.original_amount), made.original_currency) == ("105.040", "EUR")
    assert upload.posted == 1
    assert Entry.objects.get(kind=EntryKind.FEE).amount_minor == 200


def test_an_iso_credit_is_a_refund_and_a_withdrawal_is_cash(account):
    family = (
        "<BkTxCd><Domn><Cd>PMNT</Cd><Fmly><Cd>CCRD</Cd><SubFmlyCd>CWDL</SubFmlyCd></Fmly></Domn></BkTxCd>"
    )
    take(
        iso_file(
            account,
            iso(account, ref="N-1", extra=family),
            iso(account, "30.00", ref="N-2", side="CRDT"),
        )
    )
    kinds = dict(Entry.objects.exclude(external_ref="").values_list("external_ref", "kind"))
    assert kinds == {"N-1": "cash", "N-2": "refund"}


def test_an_iso_entry_that_is_not_booked_or_wrong_is_told(account):
    upload = take(
        iso_file(
            account,
            iso(account, ref="N-1", status="PDNG"),
            iso(account, "0.00", ref="N-2"),
            iso(account, ref=""),
            iso(account, ref="N-4", currency="XXZ").replace("<Amt Ccy='CHF'>", "<Amt Ccy='XXZ'>"),
        )
    )
    assert [(outcome, reason) for _line, outcome, reason in told(upload)] == [
        ("notice", "pending"),
        ("refused", "amount"),
        ("refused", "reference"),
        ("refused", "currency"),
    ]
    assert not Entry.objects.exists()


def test_reading_goes_on_where_it_ended_and_the_file_is_wiped(account, monkeypatch):
    monkeypatch.setattr("billing.services.importing.ITEMS_AT_ONCE", 2)
    lines = [csv_line(account, f"N-{number}", ON, "10") for number in range(7)]
    upload = take(csv_file(*lines), read=False)
    assert not read_import(import_id=upload.pk, at=AT, at_most=4)
    upload.refresh_from_db()
    assert (upload.position, upload.posted, upload.state) == (4, 4, ImportState.WAITING)
    assert read_import(import_id=upload.pk, at=AT, at_most=4)
    assert read_import(import_id=upload.pk, at=AT, at_most=4)
    upload.refresh_from_db()
    assert (upload.position, upload.posted, upload.duplicates) == (7, 7, 0)
    assert upload.state == ImportState.DONE
    assert not StoredDocument.objects.exists()


def test_a_worker_that_dies_leaves_a_whole_piece_or_nothing(account, monkeypatch):
    monkeypatch.setattr("billing.services.importing.ITEMS_AT_ONCE", 2)
    lines = [csv_line(account, f"N-{number}", ON, "10") for number in range(4)]
    upload = take(csv_file(*lines), read=False)
    from billing.services import import_transactions

    post, calls = import_transactions.post_transaction, []

    def dies(**facts):
        calls.append(facts)
        if len(calls) == 4:
            raise RuntimeError("killed")
        return post(**facts)

    monkeypatch.setattr(import_transactions, "post_transaction", dies)
    with pytest.raises(RuntimeError):
        read_import(import_id=upload.pk, at=AT)
    assert Entry.objects.count() == 2
    monkeypatch.setattr(import_transactions, "post_transaction", post)
    assert read_import(import_id=upload.pk, at=AT)
    upload.refresh_from_db()
    assert (upload.posted, upload.duplicates, Entry.objects.count()) == (4, 0, 4)


def test_a_worker_reads_what_an_operator_sent(account):
    upload = imported(
        ImportKind.TRANSACTIONS, csv_file(csv_line(account, "N-1", ON, "10")), at=AT, read=False
    )
    run_jobs()
    upload.refresh_from_db()
    assert upload.state == ImportState.DONE
    assert Entry.objects.get().external_ref == "N-1"


def test_the_file_is_kept_sealed_until_it_is_read(account):
    take(csv_file(csv_line(account, "N-1", ON, "10", libelle="Boulangerie secrète")), read=False)
    assert b"secr" not in bytes(StoredDocument.objects.get().content)
