"""Whatever bytes come as a file, reading them ends, and refuses in no way but its own."""

from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from billing.errors import FileRefused
from billing.services import import_credits, import_returns, import_transactions
from tests.billing.banking import camt, csv_file, csv_line, detail, entry, pain002, status

READERS = {
    "transactions": import_transactions,
    "credits": import_credits,
    "returns": import_returns,
}
GOOD = {
    "csv": csv_file(*[csv_line("00000001", f"N-{n}", date(2026, 3, 15), "10,50") for n in range(3)]),
    "camt": camt(
        entry(detail(reference="2" * 27, ref="A"), detail(ref="B"), amount="200.00", ref="E"),
        entry(detail(end_to_end="DD-1", reason="AM04"), side="DBIT", reversal=True),
    ),
    "pain": pain002(status("DD-1"), status("DD-2", code="ACSP")),
}
pieces = st.tuples(st.integers(0, 2_000), st.integers(0, 40), st.binary(max_size=12))


def read(reader, body: bytes) -> int:
    try:
        reader.check_file(body)
    except FileRefused:
        return 0
    return sum(1 for _item in reader.read_items(body))


@pytest.mark.parametrize("kind", READERS)
@pytest.mark.parametrize("name", GOOD)
@given(cuts=st.lists(pieces, max_size=4))
@settings(max_examples=60, deadline=None)
def test_a_damaged_file_is_refused_or_read(kind, name, cuts):
    body = bytearray(GOOD[name].encode())
    for start, length, new in cuts:
        body[start : start + length] = new
    assert read(READERS[kind], bytes(body)) >= 0


@pytest.mark.parametrize("kind", READERS)
@given(body=st.binary(max_size=400))
@settings(max_examples=60, deadline=None)
def test_any_bytes_are_refused_or_read(kind, body):
    assert read(READERS[kind], body) >= 0


@given(st.lists(st.text(max_size=20), min_size=10, max_size=10))
@settings(max_examples=300, deadline=None)
def test_any_cells_make_a_line_or_a_reason(cells):
    header = GOOD["csv"].split("\r\n")[0]
    body = f"{header}\n{';'.join(cells)}\n".encode("utf-8", "surrogatepass")
    for line in import_transactions.read_items(body):
        assert bool(line.problem) != bool(line.request)


def test_good_files_are_read_whole():
    assert read(import_transactions, GOOD["csv"].encode()) == 3
    assert read(import_credits, GOOD["camt"].encode()) == 3
    assert read(import_returns, GOOD["pain"].encode()) == 2
