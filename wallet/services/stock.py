"""Codes or printed cards from a file: kept sealed piece by piece, then read piece by piece, in flat memory
(S3.9, S2.1)."""

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext as _

from kernel.seal import seal, unseal
from outbox.services.enqueue import enqueue
from wallet.errors import ImportRefused
from wallet.models import CardProduct, StockImport, StockImportPiece
from wallet.services.csvlines import (
    CODES,
    MAX_LINE_BYTES,
    PRINTED,
    PRINTED_NAMED,
    Layout,
    decode,
    header_columns,
)
from wallet.states import CardKind

PIECE_BYTES = 128 * 1024
IMPORT_JOB = "wallet.import_stock"


@dataclass(frozen=True)
class Piece:
    first_line: int
    body: bytes


def start_import(
    *,
    filename: str,
    blocks: Iterable[bytes],
    imported_by_id: int,
    at: datetime,
    pool_id: int | None = None,
    product_id: int | None = None,
) -> int:
    """Keep a file sealed and have a worker read it: codes for a pool, or printed cards of a product.

    The import's id. Nothing of the file is kept in clear. The same file may come again: its codes are found
    and nothing changes. Refuses `ImportRefused` for a file that cannot be such a list.
    """
    layout = layout_of(product_id)
    digest = hashlib.sha256()
    with transaction.atomic():
        pieces = _pieces(_hashed(blocks, digest))
        first = next(pieces, None)
        if first is None:
            raise ImportRefused(_("Ce fichier est vide."))
        header, _newline, rest = first.body.partition(b"\n")
        columns, delimiter = header_columns(header, layout)
        upload = StockImport.objects.create(
            pool_id=pool_id,
            product_id=product_id,
            filename=filename[:200],
            columns=columns,
            delimiter=delimiter,
            imported_by_id=imported_by_id,
            imported_at=at,
        )
        _keep(upload, Piece(2, rest))
        for piece in pieces:
            _keep(upload, piece)
        upload.fingerprint = digest.hexdigest()
        upload.save(update_fields=["fingerprint"])
        enqueue(kind=IMPORT_JOB, ref=str(upload.pk), due_at=at)
    return upload.pk


def layout_of(product_id: int | None) -> Layout:
    """The columns of a file of printed cards of this product, or of codes when there is none."""
    if product_id is None:
        return CODES
    named = CardProduct.objects.filter(pk=product_id, kind=CardKind.NAMED).exists()
    return PRINTED_NAMED if named else PRINTED


def piece_binding(piece: StockImportPiece) -> str:
    return f"wallet.stockimportpiece:{piece.upload_id}:{piece.first_line}"


def lines_of(piece: StockImportPiece) -> Iterator[tuple[int, str]]:
    """The lines of a sealed piece with their numbers in the file."""
    body = unseal(piece.sealed, bound_to=piece_binding(piece))
    for number, line in enumerate(body.split(b"\n"), start=piece.first_line):
        if line.strip():
            yield number, decode(line.rstrip(b"\r"))


def _hashed(blocks: Iterable[bytes], digest: "hashlib._Hash") -> Iterator[bytes]:
    for block in blocks:
        digest.update(block)
        yield block


def _pieces(blocks: Iterable[bytes]) -> Iterator[Piece]:
    """Whole lines, about `PIECE_BYTES` at a time."""
    left, line = b"", 1
    for block in blocks:
        left += block
        if len(left) < PIECE_BYTES:
            continue
        body, newline, left = left.rpartition(b"\n")
        if not newline or len(left) > MAX_LINE_BYTES:
            raise ImportRefused(_("Une ligne de ce fichier est trop longue : est-ce bien un fichier CSV ?"))
        yield Piece(line, body)
        line += body.count(b"\n") + 1
    if left.strip():
        yield Piece(line, left)


def _keep(upload: StockImport, piece: Piece) -> None:
    row = StockImportPiece(upload=upload, first_line=piece.first_line)
    row.sealed = seal(piece.body, bound_to=piece_binding(row))
    row.save(force_insert=True)
