"""Bring the numbers of printed cards in at once, without waiting for a worker."""

import resource
import time
from argparse import ArgumentParser
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.contrib.auth import get_user_model
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from wallet.errors import ImportRefused
from wallet.models import CardProduct, StockImport
from wallet.services.csvlines import reason_text
from wallet.services.shelve import shelve_next_piece
from wallet.services.stock import start_import

BLOCK_BYTES = 64 * 1024


class Command(BaseCommand):
    help = "Import printed cards of one product from a CSV: numero, expiration and, for named cards, nom."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path)
        parser.add_argument("--product", required=True, metavar="SLUG", help="their kind, by its slug")
        parser.add_argument("--by", metavar="EMAIL", help="who imports them; the first operator if not said")

    def handle(self, *args: Any, **options: Any) -> None:
        product = CardProduct.objects.filter(slug=options["product"]).first()
        if product is None:
            raise CommandError(f"no product {options['product']}")
        started, before = time.monotonic(), _peak_mb()
        upload = self._read(options["file"], product.pk, _operator(options["by"]))
        seconds, lines = time.monotonic() - started, upload.added + upload.already + upload.refused
        self._report(upload)
        self.stdout.write(
            f"{lines} lines in {seconds:.1f} s ({lines / seconds:.0f} lines/s), "
            f"peak memory {_peak_mb():.0f} MB, +{_peak_mb() - before:.0f} MB: "
            f"{upload.added} added, {upload.already} known, {upload.refused} refused"
        )

    def _read(self, file: Path, product_id: int, by_id: int) -> StockImport:
        try:
            import_id = start_import(
                product_id=product_id,
                filename=file.name,
                blocks=_blocks(file),
                imported_by_id=by_id,
                at=timezone.now(),
            )
        except ImportRefused as refusal:
            raise CommandError(str(refusal)) from refusal
        except OSError as error:
            raise CommandError(f"{file}: {error.strerror}") from error
        while shelve_next_piece(import_id=import_id, at=timezone.now()):
            pass
        return StockImport.objects.get(pk=import_id)

    def _report(self, upload: StockImport) -> None:
        for piece in upload.pieces.exclude(report="").order_by("first_line").iterator(chunk_size=50):
            for line in piece.report.splitlines():
                number, _space, reason = line.partition(" ")
                self.stdout.write(f"line {number}: {reason_text(reason)}")


def _blocks(file: Path) -> Iterator[bytes]:
    with file.open("rb") as content:
        while block := content.read(BLOCK_BYTES):
            yield block


def _operator(email: str | None) -> int:
    people = get_user_model().objects.filter(is_active=True)
    wanted = people.filter(email__iexact=email) if email else people.filter(is_superuser=True)
    found = wanted.order_by("pk").values_list("pk", flat=True).first()
    if found is None:
        raise CommandError(f"nobody is called {email}" if email else "there is no operator: say --by EMAIL")
    return found


def _peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
