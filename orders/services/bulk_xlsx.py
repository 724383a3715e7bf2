"""The first sheet of an XLSX workbook, in bounded memory and time, whatever was sent (S0.5).

openpyxl reads it in a process of its own that can fill no more than 256 MB, count no longer than ten seconds
and know no secret: a hostile workbook can make any reader of workbooks go on for ever.
"""

import json
import subprocess
import sys
from collections.abc import Iterator

from orders.errors import BulkFileRefused
from orders.services import bulk_xlsx_child

MAX_SECONDS = 120  # of patience with a busy machine, within the lease of the job; the processor's are ten
Row = tuple[int, list[str]]


def sheet_rows(content: bytes) -> Iterator[Row]:
    """Row numbers and cells of the first sheet, empty rows left out; a formula reads `=`.

    No more than `bulk_xlsx_child.MAX_ROWS`. Refuses `BulkFileRefused`: `not_xlsx`, `protected`, `bomb`.
    """
    for line in _told(content).splitlines():
        number, cells = json.loads(line)
        yield number, cells


def _told(content: bytes) -> bytes:
    # Out of patience, the job fails and is tried again: the file is not to blame for a busy machine.
    ran = subprocess.run(  # noqa: S603 - our own program, and the file is its input
        [sys.executable, "-I", "-W", "ignore", bulk_xlsx_child.__file__],
        input=content,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,  # what it complains of may quote the file
        env=bulk_xlsx_child.ENVIRONMENT,
        timeout=MAX_SECONDS,
        check=False,
    )
    if ran.returncode == 0:
        return ran.stdout
    if ran.returncode < 0:  # stopped by its limits
        raise BulkFileRefused("bomb")
    if ran.returncode in bulk_xlsx_child.REFUSALS:
        raise BulkFileRefused(bulk_xlsx_child.REFUSALS[ran.returncode])
    raise RuntimeError(f"the reader of workbooks ended with {ran.returncode}")
