"""A million lines in flat memory, on request and on PostgreSQL:
`LARGE=1 pytest tests/wallet/test_stock_large.py -s`.
"""

import os
import resource
import time
from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.utils import timezone

from tests.wallet.factories import make_user
from wallet.models import StockCode, StockImport, StockPool
from wallet.services.shelve import shelve_next_piece
from wallet.services.stock import start_import

LINES = int(os.environ.get("LARGE_LINES", "1000000"))
ROOM_MB = 96


def file_blocks(count: int) -> Iterator[bytes]:
    yield b"code;valeur;expiration\n"
    for first in range(0, count, 1000):
        yield "".join(f"CODE{n:012d};20,00;31/12/2099\n" for n in range(first, first + 1000)).encode()


def peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


@pytest.mark.postgres  # SQLite's test database is in memory: its rows would be measured too
@pytest.mark.django_db
@pytest.mark.skipif("LARGE" not in os.environ, reason="a million lines take minutes: set LARGE=1")
def test_a_million_lines_are_read_in_flat_memory():
    pool = StockPool.objects.create(slug="grand", name="Grand")
    now, started, before = timezone.now(), time.monotonic(), peak_mb()
    import_id = start_import(
        pool_id=pool.pk,
        filename="grand.csv",
        blocks=file_blocks(LINES),
        imported_by_id=make_user().pk,
        at=now,
    )
    kept = time.monotonic()
    while shelve_next_piece(import_id=import_id, at=now + timedelta(seconds=1)):
        pass
    ended, grown = time.monotonic(), peak_mb() - before
    print(f"\n{LINES} lines: kept in {kept - started:.1f} s, read in {ended - kept:.1f} s, +{grown:.0f} MB")
    assert StockImport.objects.get(pk=import_id).added == LINES == StockCode.objects.count()
    assert grown < ROOM_MB
