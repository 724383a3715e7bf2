"""Codes of another issuer: imported from a file, reserved, issued exactly once."""

import threading
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta

import pytest
from django.db import connection
from django.db.models import QuerySet
from django.utils import timezone

from outbox.models import Mail
from tests.support import run_jobs
from tests.wallet.factories import make_user, plan
from wallet.errors import ImportRefused, OutOfStock
from wallet.issuers.base import IssueRequest
from wallet.issuers.stock import StockIssuer
from wallet.models import Card, IssueIntent, StockCode, StockImport, StockImportPiece, StockPool
from wallet.selectors import batch_progress
from wallet.services.issue import issue_batch
from wallet.services.number import open_number
from wallet.services.stock import start_import
from wallet.services.void import void_batch
from wallet.states import CodeState, ImportState

HEADER = "code;valeur;expiration\n"
LAST_DAY = date(2099, 12, 31)
CLIENTS = 32  # at once, of the hundred connections that PostgreSQL gives to everybody


@pytest.fixture
def pool(db):
    return StockPool.objects.create(slug="marche", name="Marché", low_stock_threshold=2)


def lines(count: int, *, first: int = 1, face: str = "20,00") -> str:
    return "".join(f"CODE{number:012d};{face};31/12/2099\n" for number in range(first, first + count))


def blocks(content: bytes, size: int = 1000) -> Iterable[bytes]:
    return (content[at : at + size] for at in range(0, len(content), size))


def load(pool: StockPool, content: str | bytes, *, filename: str = "codes.csv") -> StockImport:
    raw = content.encode() if isinstance(content, str) else content
    import_id = start_import(
        pool_id=pool.pk,
        filename=filename,
        blocks=blocks(raw),
        imported_by_id=make_user().pk,
        at=timezone.now(),
    )
    run_jobs(until=timedelta(minutes=1))
    return StockImport.objects.get(pk=import_id)


def refused(upload: StockImport) -> list[str]:
    return [line for piece in upload.pieces.order_by("first_line") for line in piece.report.splitlines()]


def test_good_lines_are_shelved_sealed_and_the_file_is_wiped(pool):
    upload = load(pool, HEADER + lines(3))
    assert (upload.state, upload.added, upload.refused) == (ImportState.DONE, 3, 0)
    stored = str(list(StockCode.objects.values())) + str(list(StockImportPiece.objects.values()))
    assert "CODE0000" not in stored
    assert not StockImportPiece.objects.exclude(sealed="").exists()


def test_each_bad_line_is_reported_with_its_number_and_reason_and_without_its_code(pool):
    content = HEADER + "\n".join(
        [
            "GOOD00000001;20,00;31/12/2099",  # 2
            "GOOD00000002;20,00",  # 3: a column is missing
            "court;20,00;31/12/2099",  # 4
            "GOOD00000003;-5;31/12/2099",  # 5: starts as a formula
            "GOOD00000004;1e400;31/12/2099",  # 6
            "GOOD00000005;10,005;31/12/2099",  # 7
            "GOOD00000006;0;31/12/2099",  # 8
            "GOOD00000007;٣٠;31/12/2099",  # 9: Arabic-Indic digits
            "GOOD00000008;20,00;31/02/2099",  # 10
            "GOOD00000009;20,00;01/01/2020",  # 11
            '"GOOD00000010;20,00;31/12/2099',  # 12
            "GOOD00000001;20,00;31/12/2099",  # 13: again
            "",  # 14: blank lines are no fault
            "CÔDEÉ0000011;20,00;31/12/2099",  # 15
            "GOOD00000012;20.00;2099-12-31",  # 16
        ]
    )
    upload = load(pool, content)
    assert refused(upload) == [
        "3 columns",
        "4 number",
        "5 formula",
        "6 face",
        "7 face",
        "8 face",
        "9 face",
        "10 date",
        "11 expired",
        "12 quotes",
        "13 twice",
        "15 number",
    ]
    assert (upload.added, upload.refused) == (2, 12)
    assert StockCode.objects.count() == 2


@pytest.mark.parametrize("cell", ["=1+1", "+33", "-1", "@SUM(A1)", "=cmd|'/c calc'!A0"])
def test_formula_cells_are_refused_in_any_column(pool, cell):
    upload = load(pool, f"code;valeur;expiration;note\nGOOD00000001;20,00;31/12/2099;{cell}\n")
    assert refused(upload) == ["2 formula"]
    assert not StockCode.objects.exists()


def test_the_same_file_again_changes_nothing(pool):
    load(pool, HEADER + lines(5))
    again = load(pool, HEADER + lines(5))
    assert (again.added, again.already, again.refused) == (0, 5, 0)
    assert StockCode.objects.count() == 5


def test_a_file_that_overlaps_another_adds_only_what_is_new(pool):
    load(pool, HEADER + lines(5))
    other = StockPool.objects.create(slug="autre", name="Autre")
    upload = load(other, HEADER + lines(5, first=4))
    assert (upload.added, upload.already) == (3, 2)
    assert StockCode.objects.count() == 8


def test_lines_cut_by_block_borders_and_many_pieces_are_read_whole(pool, monkeypatch):
    monkeypatch.setattr("wallet.services.stock.PIECE_BYTES", 700)
    upload = load(pool, (HEADER + lines(200) + lines(3)).replace("\n", "\r\n"))
    assert upload.pieces.count() > 5
    assert (upload.added, upload.refused) == (200, 3)
    assert refused(upload) == ["202 twice", "203 twice", "204 twice"]


@pytest.mark.parametrize(
    "content",
    [
        (HEADER + lines(2)).encode("utf-8-sig"),
        ("Numéro;Valeur;Date d'expiration;Libellé\n" + "CODE00000001;20;31/12/2099;été\n").encode("cp1252"),
        (HEADER + lines(2)).replace(";", ",").replace("20,00", "20.00").encode(),
        (HEADER + lines(2)).replace(";", "\t").encode(),
    ],
    ids=["bom", "cp1252", "commas", "tabs"],
)
def test_usual_encodings_and_delimiters_are_read(pool, content):
    upload = load(pool, content)
    assert upload.refused == 0
    assert upload.added >= 1


@pytest.mark.parametrize(
    ("content", "word"),
    [
        (b"", "vide"),
        ((HEADER + lines(2)).encode("utf-16"), "UTF-16"),
        (b"PK\x03\x04" + b"x" * 5000, "classeur"),
        (lines(2).encode(), "colonnes"),
        (HEADER.encode() + b"x" * 500_000, "longue"),
    ],
    ids=["empty", "utf-16", "workbook", "no header", "no lines"],
)
def test_what_is_no_list_of_codes_is_refused_with_a_clear_message(pool, content, word):
    with pytest.raises(ImportRefused, match=word):
        load(pool, content)
    assert not StockImport.objects.exists()
    assert not StockCode.objects.exists()


def test_a_code_becomes_one_card_and_the_balance_stays_with_its_issuer(pool):
    load(pool, HEADER + lines(3))
    batch = plan(make_user(), 2000, 2000, issuer="stock:marche")
    issue_batch(batch=batch, at=timezone.now())
    cards = Card.objects.filter(batch=batch)
    numbers = {open_number(card.number_sealed, card_id=card.pk) for card in cards}
    assert numbers <= {f"CODE{n:012d}" for n in range(1, 4)}
    assert len(numbers) == 2
    assert {card.account_id for card in cards} == {None}
    assert {card.expires_on for card in cards} == {LAST_DAY}
    assert StockCode.objects.filter(state=CodeState.ISSUED).count() == 2
    issue_batch(batch=batch, at=timezone.now())
    assert StockCode.objects.filter(state=CodeState.AVAILABLE).count() == 1


def test_a_reserved_code_is_found_again_after_a_crash(pool):
    load(pool, HEADER + lines(3))
    batch = plan(make_user(), 2000, issuer="stock:marche")
    intent = IssueIntent.objects.get(batch=batch)
    request = IssueRequest(intent.pk, 2000, "EUR", intent.expires_on)
    first = StockIssuer("marche").issue(request, at=timezone.now())
    IssueIntent.objects.filter(pk=intent.pk).update(state="sent")
    issue_batch(batch=batch, at=timezone.now())
    card = Card.objects.get(batch=batch)
    assert open_number(card.number_sealed, card_id=card.pk) == first.number
    assert StockCode.objects.filter(state=CodeState.AVAILABLE).count() == 2


def test_an_empty_shelf_alarms_and_the_order_goes_on_once_it_is_filled(pool):
    batch = plan(make_user(), 2000, issuer="stock:marche")
    run_jobs(until=timedelta(minutes=1))
    assert batch_progress(batch).issued == 0
    assert Mail.objects.filter(event="alarm.stock_empty").count() == 1
    load(pool, HEADER + lines(1))
    run_jobs(until=timedelta(minutes=30))
    assert batch_progress(batch).complete


def test_a_code_that_ends_before_the_day_promised_is_not_sold(pool):  # S3.11
    batch = plan(make_user(), 2000, issuer="stock:marche")
    promised = IssueIntent.objects.get(batch=batch).expires_on
    days = (promised - timedelta(days=1), promised)
    load(pool, HEADER + "".join(f"CODE{day:%Y%m%d};20,00;{day:%d/%m/%Y}\n" for day in days))

    run_jobs(until=timedelta(minutes=30))

    assert Card.objects.get(batch=batch).expires_on == promised
    assert StockCode.objects.get(state=CodeState.AVAILABLE).expires_on == days[0]


def test_a_low_shelf_alarms_once_a_day(pool):
    load(pool, HEADER + lines(3))
    for _ in range(2):
        plan(make_user(), 2000, issuer="stock:marche")
        run_jobs(until=timedelta(minutes=1))
    assert Mail.objects.filter(event="alarm.stock_low").count() == 1


def test_a_batch_given_up_before_issuing_leaves_its_codes_on_the_shelf(pool):
    load(pool, HEADER + lines(1))
    batch = plan(make_user(), 2000, issuer="stock:marche")
    void_batch(batch, timezone.now())
    run_jobs()
    assert batch_progress(batch).issued == 0
    assert StockCode.objects.get().state == CodeState.AVAILABLE


def _forget_the_state(wanted: dict) -> dict:
    """The reservation's UPDATE without "if it is still available"."""
    return {"pk": wanted["pk"]} if wanted.keys() == {"pk", "state"} else wanted


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("guards", ["lock and condition", "lock", "condition", "none"])
def test_sixty_four_at_once_share_ten_codes_without_taking_one_twice(guards, monkeypatch):
    """SKIP LOCKED lets nobody wait, and the condition decides where there are no row locks: either is enough.

    With both removed the same code goes to several cards.
    """
    select = QuerySet.filter
    if "lock" not in guards:
        monkeypatch.setattr(QuerySet, "select_for_update", lambda rows, **_: rows.all())
    if "condition" not in guards:
        monkeypatch.setattr(
            QuerySet, "filter", lambda rows, *q, **wanted: select(rows, *q, **_forget_the_state(wanted))
        )
    pool = StockPool.objects.create(slug="marche", name="Marché")
    load(pool, HEADER + lines(10))
    holder = make_user()
    batch = plan(holder, *[2000] * 64, issuer="stock:marche")
    keys = list(IssueIntent.objects.filter(batch=batch).values_list("pk", flat=True))
    start = threading.Barrier(CLIENTS)

    def take(key) -> str:
        request = IssueRequest(key, 2000, "EUR", LAST_DAY)
        start.wait()
        try:
            return StockIssuer("marche").issue(request, at=timezone.now()).number
        except OutOfStock:
            return ""
        finally:
            connection.close()

    with ThreadPoolExecutor(CLIENTS) as threads:
        taken = [number for number in threads.map(take, keys) if number]
    shared = len(taken) == len(set(taken)) == 10
    assert shared == (guards != "none"), taken
    assert (StockCode.objects.filter(state=CodeState.RESERVED).count() == 10) or not shared
