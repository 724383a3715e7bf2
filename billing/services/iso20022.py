"""What a bank's XML says: camt.052, .053, .054 and pain.002, read entry by entry, trusting nothing in it.

Written on lxml: of the packages that read camt, pycamt and camt053 keep neither structured reference,
reversal, status nor return reason of every detail of a batch.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal
from io import BytesIO
from typing import Any

from django.utils.translation import gettext as _

from billing.errors import FileRefused
from kernel.calendar import local_date

NAMESPACE = re.compile(r"\{urn:iso:std:iso:20022:tech:xsd:((?:camt\.05[234]|pain\.002)\.001\.[0-9]{2})\}")
AMOUNT = re.compile(r"([0-9]{1,13})(?:\.([0-9]{1,2})0{0,3})?", re.ASCII)
ITEMS = ("Ntry", "TxInfAndSts", "OrgnlGrpInfAndSts", "OrgnlPmtInfAndSts", "Acct")


@dataclass(frozen=True, slots=True, kw_only=True)
class Movement:
    """One detail of an entry; the entry itself when it has none. `problem` is the key of what is wrong.

    `number`: its line in the file. `rank`: its place in a batch of `of` details. `amount_minor` is positive,
    `is_credit` as the bank's own account sees it; `is_reversal`: it takes an earlier movement back.
    """

    number: int
    account: str = ""
    rank: int = 0
    of: int = 1
    problem: str = ""
    amount_minor: int = 0
    currency: str = ""
    is_credit: bool = False
    is_reversal: bool = False
    is_booked: bool = False
    booked_on: date | None = None
    value_on: date | None = None
    family: str = ""
    entry_ref: str = ""
    servicer_ref: str = ""
    end_to_end_id: str = ""
    reference: str = ""
    message: str = ""
    debtor_name: str = ""
    debtor_iban: str = ""
    creditor_name: str = ""
    creditor_country: str = ""
    original_amount: Decimal | None = None
    original_currency: str = ""
    exchange_rate: Decimal | None = None
    mcc: str = ""
    transacted_on: date | None = None
    return_reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """What pain.002 says of one direct debit, or of the whole file or batch (`is_whole`)."""

    number: int
    is_whole: bool
    end_to_end_id: str
    status: str
    reason: str
    amount_minor: int | None


def read_movements(content: bytes) -> Iterator[Movement]:
    """Every movement of a camt file, in its order. Refuses `FileRefused` for what is none."""
    account = ""
    for node in _nodes(content, "camt"):
        if _name(node) == "Acct":
            account = _first(node, "Id/Othr/Id", "Id/IBAN")
        elif _name(node) == "Ntry":
            for movement in _details(node):
                yield replace(movement, account=account)


def read_statuses(content: bytes) -> Iterator[Status]:
    """Every answer of a pain.002 file. Refuses `FileRefused` for what is none."""
    for node in _nodes(content, "pain"):
        name = _name(node)
        if name == "TxInfAndSts":
            yield _status(node, _text(node, "TxSts"), _text(node, "OrgnlEndToEndId"))
        elif name in {"OrgnlGrpInfAndSts", "OrgnlPmtInfAndSts"}:
            status = _first(node, "GrpSts", "PmtInfSts")
            if status == "RJCT" and node.find("{*}TxInfAndSts") is None:
                yield _status(node, status, "", is_whole=True)


def check_message(content: bytes, *families: str) -> None:
    """Read a file to its end, and nothing of what it says.

    Refuses `FileRefused` unless it is one whole message of these families (`camt`, `pain`).
    """
    family = message_name(content).partition(".")[0]
    if family not in families:
        raise FileRefused(_("Ce message ISO 20022 n'est pas de ceux qui se lisent ici."))
    for _node in _nodes(content, family):
        pass


def message_name(content: bytes) -> str:
    """Like `camt.054.001.08`, from the root element. Refuses `FileRefused` for anything else."""
    for _event, root in _parse(content, events=("start",)):
        return _message_of(root)
    raise FileRefused(_("Ce fichier est vide."))


def _nodes(content: bytes, family: str) -> Iterator[Any]:
    """The elements of interest as they end, each emptied afterwards: memory stays flat."""
    root = None
    for event, node in _parse(content, events=("start", "end")):
        if root is None:
            root = node
            if not _message_of(root).startswith(family):
                raise FileRefused(_("Ce message ISO 20022 n'est pas de ceux qui se lisent ici."))
        elif event == "end" and _name(node) in ITEMS:
            if _name(node) != "Acct" or _name(node.getparent()) in {"Ntfctn", "Stmt", "Rpt"}:
                yield node
            if _name(node) in {"Ntry", "TxInfAndSts"}:
                _forget(node)


def _parse(content: bytes, *, events: tuple[str, ...]) -> Iterator[Any]:
    """No entities, no network, no document type, no giant nodes. Refuses `FileRefused` with the line."""
    from lxml import etree  # only who reads a file pays for loading it

    parsed = etree.iterparse(
        BytesIO(content),
        events=events,
        resolve_entities=False,
        load_dtd=False,
        no_network=True,
        huge_tree=False,
        remove_comments=True,
        remove_pis=True,
    )
    try:
        for event, node in parsed:
            if node.getparent() is None and node.getroottree().docinfo.internalDTD is not None:
                raise FileRefused(_("Ce fichier porte une déclaration DOCTYPE : il n'est pas lu."))
            yield event, node
    except etree.XMLSyntaxError as problem:
        text = _("Ce fichier n'est pas du XML complet : il s'arrête ou se trompe à la ligne %(line)s.")
        raise FileRefused(text % {"line": problem.lineno or 1}) from None


def _message_of(root: Any) -> str:
    found = NAMESPACE.match(root.tag)
    if found is None or _name(root) != "Document":
        raise FileRefused(_("Ce n'est pas un message ISO 20022 camt.053, camt.054 ou pain.002."))
    return found[1]


def _forget(node: Any) -> None:
    """Empty what was read, and take what lies before it out of the tree."""
    node.clear()
    while (earlier := node.getprevious()) is not None and _name(earlier) == _name(node):
        node.getparent().remove(earlier)


def _details(entry: Any) -> list[Movement]:
    whole = _entry(entry)
    nodes = entry.findall("{*}NtryDtls/{*}TxDtls")
    if not nodes:
        return [_with_parties(whole, entry)]
    details = [_detail(whole, node, rank, len(nodes)) for rank, node in enumerate(nodes)]
    same = {detail.currency for detail in details} == {whole.currency}
    sums = sum(detail.amount_minor for detail in details) == whole.amount_minor
    if any(detail.problem for detail in details) or (same and sums):
        return details
    return [replace(whole, problem=whole.problem or "details")]


def _entry(entry: Any) -> Movement:
    booked_on, value_on = _date(entry, "BookgDt"), _date(entry, "ValDt")
    amount = _minor(entry, "Amt")
    problem = "amount" if not amount else "date" if (booked_on or value_on) is None else ""
    return Movement(
        number=entry.sourceline or 0,
        problem=problem,
        amount_minor=amount or 0,
        currency=_currency(entry, "Amt"),
        is_credit=_text(entry, "CdtDbtInd") == "CRDT",
        is_reversal=_text(entry, "RvslInd") in {"true", "1"},
        is_booked=_first(entry, "Sts/Cd", "Sts") == "BOOK",
        booked_on=booked_on or value_on,
        value_on=value_on or booked_on,
        family="/".join(
            (
                _text(entry, "BkTxCd/Domn/Cd"),
                _text(entry, "BkTxCd/Domn/Fmly/Cd"),
                _text(entry, "BkTxCd/Domn/Fmly/SubFmlyCd"),
            )
        ),
        entry_ref=_text(entry, "NtryRef")[:80],
        servicer_ref=_text(entry, "AcctSvcrRef")[:80],
    )


def _detail(whole: Movement, node: Any, rank: int, of: int) -> Movement:
    path = next((path for path in ("Amt", "AmtDtls/TxAmt/Amt") if _text(node, path)), "")
    amount = _minor(node, path) if path else (whole.amount_minor if of == 1 else None)
    own = replace(
        whole,
        number=node.sourceline or whole.number,
        rank=rank,
        of=of,
        problem=whole.problem or ("" if amount else "amount"),
        amount_minor=amount or 0,
        currency=_currency(node, path) if path else whole.currency,
        is_credit=(_text(node, "CdtDbtInd") or ("CRDT" if whole.is_credit else "DBIT")) == "CRDT",
    )
    return _with_parties(own, node)


def _with_parties(own: Movement, node: Any) -> Movement:
    return replace(
        own,
        servicer_ref=_detail_ref(own, node),
        end_to_end_id=_text(node, "Refs/EndToEndId")[:35],
        reference=_text(node, "RmtInf/Strd/CdtrRefInf/Ref").replace(" ", "")[:35],
        message=_first(node, "RmtInf/Ustrd", "AddtlTxInf", "AddtlNtryInf")[:140],
        debtor_name=_first(node, "RltdPties/Dbtr/Nm", "RltdPties/Dbtr/Pty/Nm")[:140],
        debtor_iban=_text(node, "RltdPties/DbtrAcct/Id/IBAN")[:34],
        creditor_name=_first(node, "RltdPties/Cdtr/Nm", "RltdPties/Cdtr/Pty/Nm")[:140],
        creditor_country=_first(node, "RltdPties/Cdtr/PstlAdr/Ctry", "RltdPties/Cdtr/Pty/PstlAdr/Ctry"),
        original_amount=_decimal(node, "AmtDtls/InstdAmt/Amt"),
        original_currency=_currency(node, "AmtDtls/InstdAmt/Amt"),
        exchange_rate=_decimal(node, "AmtDtls/InstdAmt/CcyXchg/XchgRate"),
        mcc=_first(node, "CardTx/Tx/Indv/TxCtgy", "CardTx/Tx/Aggtd/TxCtgy"),
        transacted_on=_date(node, "RltdDts/TxDtTm") or _date(node, "RltdDts/AccptncDtTm"),
        return_reason=_first(node, "RtrInf/Rsn/Cd", "RtrInf/Rsn/Prtry")[:4],
    )


def _detail_ref(own: Movement, node: Any) -> str:
    """The bank's own name of a detail. A batch's name alone would be shared by all of it: the rank joins."""
    ref = _text(node, "Refs/AcctSvcrRef")[:80]
    if ref and ref != own.servicer_ref:
        return ref
    ref = ref or own.servicer_ref
    return f"{ref[:70]}#{own.rank + 1}" if ref and own.of > 1 else ref


def _status(node: Any, status: str, end_to_end_id: str, *, is_whole: bool = False) -> Status:
    return Status(
        number=node.sourceline or 0,
        is_whole=is_whole,
        end_to_end_id=end_to_end_id[:35],
        status=status,
        reason=_first(node, "StsRsnInf/Rsn/Cd", "StsRsnInf/Rsn/Prtry")[:4],
        amount_minor=_minor(node, "OrgnlTxRef/Amt/InstdAmt"),
    )


def _name(node: Any) -> str:
    tag = node.tag if isinstance(node.tag, str) else ""
    return tag.rpartition("}")[2]


def _find(node: Any, path: str) -> Any:
    return node.find("/".join(f"{{*}}{step}" for step in path.split("/"))) if path else None


def _text(node: Any, path: str) -> str:
    found = _find(node, path)
    return (found.text or "").strip() if found is not None else ""


def _first(node: Any, *paths: str) -> str:
    return next((text for path in paths if (text := _text(node, path))), "")


def _currency(node: Any, path: str) -> str:
    found = _find(node, path)
    return str(found.get("Ccy", "")) if found is not None else ""


def _minor(node: Any, path: str) -> int | None:
    """Minor units of an amount with two decimals at most; None of anything else."""
    found = AMOUNT.fullmatch(_text(node, path))
    return int(found[1]) * 100 + int((found[2] or "0").ljust(2, "0")) if found else None


def _decimal(node: Any, path: str) -> Decimal | None:
    text = _text(node, path)
    return Decimal(text) if re.fullmatch(r"[0-9]{1,10}(\.[0-9]{1,10})?", text, re.ASCII) else None


def _date(node: Any, path: str) -> date | None:
    """`<Dt>`, `<DtTm>` or the text itself, as the local day it names."""
    text = _first(node, f"{path}/Dt", f"{path}/DtTm", path)
    try:
        found = datetime.fromisoformat(text) if text else None
    except ValueError:
        return None
    return found and (local_date(found) if found.tzinfo else found.date())
