"""A worker reads an imported file, one sealed piece per transaction, and puts its numbers on their shelf."""

from dataclasses import dataclass, field
from datetime import datetime

from django.db import transaction

from kernel.calendar import local_date
from outbox.services.alarm import raise_alarm
from wallet.models import StockImport, StockImportPiece, StockPool
from wallet.selectors.numbers import number_index
from wallet.services.csvlines import LineRefused, ParsedLine, parse_line
from wallet.services.shelves import Shelf, shelf_of
from wallet.services.stock import layout_of, lines_of
from wallet.states import CodeState, ImportState

CURRENCY = "EUR"  # for files without a currency column


@dataclass
class _Sorted:
    """The lines of one piece, sorted out. Keys of `fresh` are blind indexes."""

    fresh: dict[str, tuple[int, ParsedLine]] = field(default_factory=dict)
    already: int = 0
    refused: list[tuple[int, str]] = field(default_factory=list)


def shelve_next_piece(*, import_id: int, at: datetime) -> bool:
    """Read the next piece of an import; whether more are left. A piece counts once, whoever reads it.

    A number that is on its shelf already is left alone; one that stands twice in the file, or is something
    else already, is refused. What was refused is kept as line numbers and reasons, without the numbers.
    """
    with transaction.atomic():
        # One import at a time, of whatever: two files may hold the same number. The first import ever made
        # is never deleted and stands for all of them.
        StockImport.objects.select_for_update(of=("self",)).order_by("pk").first()
        upload = StockImport.objects.get(pk=import_id)
        piece = upload.pieces.exclude(sealed="").order_by("first_line").first()
        if piece is None:
            _finish(upload, at=at)
            return False
        shelf = shelf_of(upload)
        found = _sort(upload, piece, at=at)
        _leave_known(upload, shelf, found)
        shelf.store(upload, {index: line for index, (_, line) in found.fresh.items()})
        _count(upload, piece, found)
    return True


def warn_if_low(*, pool_slug: str, at: datetime) -> None:
    """Tell the operators, once a day, that a pool has fewer codes than its threshold."""
    pool = StockPool.objects.filter(slug=pool_slug).first()
    if pool is None:
        return
    on_shelf = pool.codes.filter(state=CodeState.AVAILABLE, expires_on__gte=local_date(at))
    left = on_shelf.order_by()[: pool.low_stock_threshold].count()
    if left < pool.low_stock_threshold:
        raise_alarm(code="stock_low", ref=pool.slug, at=at, note=f"{left} < {pool.low_stock_threshold}")


def _sort(upload: StockImport, piece: StockImportPiece, *, at: datetime) -> _Sorted:
    found, today, layout = _Sorted(), local_date(at), layout_of(upload.product_id)
    for line_number, line in lines_of(piece):
        try:
            parsed = parse_line(
                line,
                layout,
                columns=upload.columns,
                delimiter=upload.delimiter,
                currency=CURRENCY,
                today=today,
            )
        except LineRefused as refusal:
            found.refused.append((line_number, str(refusal)))
            continue
        index = number_index(parsed.number)
        if index in found.fresh:
            found.refused.append((line_number, "twice"))
        else:
            found.fresh[index] = (line_number, parsed)
    return found


def _leave_known(upload: StockImport, shelf: Shelf, found: _Sorted) -> None:
    """Take out of `fresh` what the database knows already."""
    for index, (upload_id, same_place) in shelf.known(found.fresh, upload).items():
        line_number, _parsed = found.fresh.pop(index)
        if upload_id == upload.pk:
            found.refused.append((line_number, "twice"))
        elif not same_place:
            found.refused.append((line_number, "elsewhere"))
        else:
            found.already += 1
    for index in shelf.taken(found.fresh):
        found.refused.append((found.fresh.pop(index)[0], "taken"))


def _count(upload: StockImport, piece: StockImportPiece, found: _Sorted) -> None:
    upload.added += len(found.fresh)
    upload.already += found.already
    upload.refused += len(found.refused)
    upload.save(update_fields=["added", "already", "refused"])
    piece.sealed = ""
    piece.report = "\n".join(f"{line} {reason}" for line, reason in sorted(found.refused))
    piece.save(update_fields=["sealed", "report"])


def _finish(upload: StockImport, *, at: datetime) -> None:
    if upload.state != ImportState.DONE:
        upload.state = ImportState.DONE
        upload.done_at = at
        upload.save(update_fields=["state", "done_at"])
