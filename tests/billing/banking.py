"""Files as a bank and a card network write them, and an account that is debited."""

from datetime import date, datetime, timedelta
from html import escape
from typing import Any

from billing.models import Collection, CollectionFile, CreditAccount, ImportFile, Mandate, Statement
from billing.services.book_collection import book_collection
from billing.services.collect import announce_collection
from billing.services.collection_file import mark_sent, plan_collection_file
from billing.services.hand_over import write_collection_file
from billing.services.importing import read_import, start_import
from billing.services.mandate import sign_mandate
from billing.states import ImportKind
from tests.billing.factories import close, make_account, noon, post
from tests.wallet.factories import make_user

IBAN = "CH9300762011623852957"
OTHER_IBAN = "CH5604835012345678009"
CAMT = "urn:iso:std:iso:20022:tech:xsd:camt.054.001.08"
PAIN = "urn:iso:std:iso:20022:tech:xsd:pain.002.001.10"
COLUMNS = "compte;reference;date;comptabilise_le;libelle;montant;devise;genre;pays;mcc"


def billed(amount_minor: int = 10_000, *, on: date = date(2026, 3, 15), **fields: Any) -> Statement:
    """The statement of a month's one purchase: closes on the last day, due 20 days later."""
    account = make_account(at=noon(on), **fields)
    post(account, amount_minor, on)
    return close(account)


def signed(account: CreditAccount, *, at: datetime, iban: str = IBAN, name: str = "Ada Martin") -> Mandate:
    mandate_id = sign_mandate(account_id=account.pk, holder_id=account.holder_id, iban=iban, name=name, at=at)
    return Mandate.objects.get(pk=mandate_id)


def debited(amount_minor: int = 10_000, **fields: Any) -> Collection:
    """A statement whose debit was announced."""
    account = make_account(at=noon(date(2026, 3, 15)), **fields)
    signed(account, at=noon(date(2026, 3, 15)))
    return next_debit(account, amount_minor)


def next_debit(account: CreditAccount, amount_minor: int = 10_000) -> Collection:
    """Another purchase, its statement and the debit that is announced for it."""
    account.refresh_from_db()
    post(account, amount_minor, account.starts_on)
    statement = close(account)
    return Collection.objects.get(
        pk=announce_collection(statement_id=statement.pk, at=noon(statement.closes_on + timedelta(days=1)))
    )


def filed(collection: Collection, *, sent: bool = True) -> CollectionFile:
    """Planned when its day is near, written, and handed over."""
    at = noon(collection.collect_on - timedelta(days=3))
    file_id = plan_collection_file(currency="CHF", at=at)
    write_collection_file(file_id=file_id, at=at)
    made = CollectionFile.objects.get(pk=file_id)
    if sent and made.state == "ready":
        mark_sent(file_id=file_id, actor="exploitation", at=at)
    collection.refresh_from_db()
    return made


def booked(collection: Collection) -> Collection:
    filed(collection)
    assert book_collection(collection_id=collection.pk, at=noon(collection.collect_on))
    collection.refresh_from_db()
    return collection


def imported(
    kind: ImportKind, content: bytes | str, *, at: datetime, filename: str = "fichier", read: bool = True
) -> ImportFile:
    """A file that an operator sent, read to its end."""
    body = content.encode() if isinstance(content, str) else content
    import_id = start_import(
        kind=kind, filename=filename, blocks=[body], imported_by_id=make_user().pk, at=at
    )
    while read and not read_import(import_id=import_id, at=at):
        pass
    return ImportFile.objects.get(pk=import_id)


def told(upload: ImportFile) -> list[tuple[int, str, str]]:
    """Line, outcome and reason of what the report says."""
    return list(upload.lines.order_by("number", "pk").values_list("number", "outcome", "reason"))


def csv_line(account: CreditAccount | str, ref: str, on: date, amount: str, **cells: str) -> str:
    facts = {
        "compte": str(account),
        "reference": ref,
        "date": f"{on:%d/%m/%Y}",
        "comptabilise_le": f"{on:%d/%m/%Y}",
        "libelle": "Boulangerie des Halles",
        "montant": amount,
        "devise": "CHF",
        "genre": "achat",
        "pays": "CH",
        "mcc": "5462",
    } | cells
    return ";".join(facts[column] for column in COLUMNS.split(";"))


def csv_file(*lines: str) -> str:
    return "\r\n".join([COLUMNS, *lines]) + "\r\n"


def detail(
    amount: str = "100.00",
    *,
    reference: str = "",
    ref: str = "",
    currency: str = "CHF",
    end_to_end: str = "",
    reason: str = "",
    message: str = "",
    name: str = "Ada Martin",
    iban: str = IBAN,
    extra: str = "",
) -> str:
    """One `TxDtls`."""
    refs = (f"<AcctSvcrRef>{ref}</AcctSvcrRef>" if ref else "") + (
        f"<EndToEndId>{end_to_end}</EndToEndId>" if end_to_end else ""
    )
    structured = (
        "<Strd><CdtrRefInf><Tp><CdOrPrtry><Prtry>QRR</Prtry></CdOrPrtry></Tp>"
        f"<Ref>{reference}</Ref></CdtrRefInf></Strd>"
        if reference
        else ""
    )
    return (
        f"<TxDtls><Refs>{refs}</Refs><Amt Ccy='{currency}'>{amount}</Amt>{extra}"
        f"<RltdPties><Dbtr><Pty><Nm>{escape(name)}</Nm></Pty></Dbtr>"
        f"<DbtrAcct><Id><IBAN>{iban}</IBAN></Id></DbtrAcct></RltdPties>"
        f"<RmtInf>{f'<Ustrd>{escape(message)}</Ustrd>' if message else ''}{structured}</RmtInf>"
        f"{f'<RtrInf><Rsn><Cd>{reason}</Cd></Rsn></RtrInf>' if reason else ''}</TxDtls>"
    )


def entry(
    *details: str,
    amount: str = "100.00",
    on: date = date(2026, 4, 10),
    currency: str = "CHF",
    side: str = "CRDT",
    reversal: bool = False,
    status: str = "BOOK",
    ref: str = "",
    extra: str = "",
) -> str:
    """One `Ntry`."""
    return (
        f"<Ntry><NtryRef>CH4431999123000889012</NtryRef><Amt Ccy='{currency}'>{amount}</Amt>"
        f"<CdtDbtInd>{side}</CdtDbtInd>{'<RvslInd>true</RvslInd>' if reversal else ''}"
        f"<Sts><Cd>{status}</Cd></Sts><BookgDt><Dt>{on}</Dt></BookgDt><ValDt><Dt>{on}</Dt></ValDt>"
        f"{f'<AcctSvcrRef>{ref}</AcctSvcrRef>' if ref else ''}{extra}"
        f"<NtryDtls>{''.join(details)}</NtryDtls></Ntry>"
    )


def camt(*entries: str, account: str = "<IBAN>CH5604835012345678009</IBAN>") -> str:
    joined = "\n".join(entries)
    return (
        f"<?xml version='1.0' encoding='UTF-8'?>\n<Document xmlns='{CAMT}'><BkToCstmrDbtCdtNtfctn>"
        "<GrpHdr><MsgId>M1</MsgId><CreDtTm>2026-04-10T20:00:00</CreDtTm></GrpHdr>"
        f"<Ntfctn><Id>N1</Id><Acct><Id>{account}</Id></Acct>\n{joined}\n</Ntfctn>"
        "</BkToCstmrDbtCdtNtfctn></Document>"
    )


def pain002(*items: str, group: str = "PART") -> str:
    joined = "".join(items)
    return (
        f"<Document xmlns='{PAIN}'><CstmrPmtStsRpt><GrpHdr><MsgId>S1</MsgId></GrpHdr>"
        f"<OrgnlGrpInfAndSts><OrgnlMsgId>DD-2026-00001</OrgnlMsgId><GrpSts>{group}</GrpSts>"
        f"</OrgnlGrpInfAndSts><OrgnlPmtInfAndSts>{joined}</OrgnlPmtInfAndSts></CstmrPmtStsRpt></Document>"
    )


def status(end_to_end: str, *, code: str = "RJCT", reason: str = "AM04") -> str:
    return (
        f"<TxInfAndSts><OrgnlEndToEndId>{end_to_end}</OrgnlEndToEndId><TxSts>{code}</TxSts>"
        f"<StsRsnInf><Rsn><Cd>{reason}</Cd></Rsn></StsRsnInf></TxInfAndSts>"
    )


def credit(statement: Statement, amount: str = "100.00", *, ref: str = "ZKB-1", **fields: Any) -> str:
    """A camt.054 with one payment by the statement's QR-bill."""
    return camt(entry(detail(amount, reference=statement.reference, ref=ref), amount=amount, **fields))
