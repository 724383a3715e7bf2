"""Where imported numbers go: codes of other issuers into a pool, printed cards under their product."""

from collections.abc import Iterable, Mapping
from typing import Protocol
from uuid import uuid4

from kernel.seal import seal
from wallet.issuers.stock import code_binding
from wallet.models import Card, PrintedCard, StockCode, StockImport
from wallet.services.csvlines import ParsedLine
from wallet.services.printed import printed_binding
from wallet.services.surname import surname_index

# Lines by the blind index of their number.
Lines = Mapping[str, ParsedLine]


class Shelf(Protocol):
    """One kind of thing that files bring."""

    def known(self, indexes: Iterable[str], upload: StockImport) -> dict[str, tuple[int | None, bool]]:
        """Which of these the shelf has already: the import each came with, and whether it stands in the
        same place as this import would put it."""

    def taken(self, indexes: Iterable[str]) -> set[str]:
        """Which of these are something else already: numbers are unique across the wallet."""

    def store(self, upload: StockImport, lines: Lines) -> None: ...


def shelf_of(upload: StockImport) -> Shelf:
    return CodeShelf() if upload.product_id is None else PrintedShelf()


class CodeShelf:
    def known(self, indexes: Iterable[str], upload: StockImport) -> dict[str, tuple[int | None, bool]]:
        """A code of another pool is no fault: it is in stock."""
        rows = StockCode.objects.filter(number_index__in=list(indexes))
        return {
            index: (came_with, True) for index, came_with in rows.values_list("number_index", "upload_id")
        }

    def taken(self, indexes: Iterable[str]) -> set[str]:
        return _among(Card, indexes) | _among(PrintedCard, indexes)

    def store(self, upload: StockImport, lines: Lines) -> None:
        assert upload.pool_id is not None
        StockCode.objects.bulk_create(
            [self._row(upload, upload.pool_id, index, line) for index, line in lines.items()]
        )

    def _row(self, upload: StockImport, pool_id: int, index: str, line: ParsedLine) -> StockCode:
        code = StockCode(
            pool_id=pool_id,
            upload=upload,
            uid=uuid4(),
            number_index=index,
            face_minor=line.face_minor,
            currency=line.currency,
            expires_on=line.expires_on,
        )
        code.number_sealed = seal(line.number, bound_to=code_binding(code))
        return code


class PrintedShelf:
    def known(self, indexes: Iterable[str], upload: StockImport) -> dict[str, tuple[int | None, bool]]:
        rows = PrintedCard.objects.filter(number_index__in=list(indexes))
        return {
            index: (came_with, product_id == upload.product_id)
            for index, came_with, product_id in rows.values_list("number_index", "upload_id", "product_id")
        }

    def taken(self, indexes: Iterable[str]) -> set[str]:
        return _among(Card, indexes) | _among(StockCode, indexes)

    def store(self, upload: StockImport, lines: Lines) -> None:
        assert upload.product_id is not None
        PrintedCard.objects.bulk_create(
            [self._row(upload, upload.product_id, index, line) for index, line in lines.items()]
        )

    def _row(self, upload: StockImport, product_id: int, index: str, line: ParsedLine) -> PrintedCard:
        card = PrintedCard(
            product_id=product_id,
            upload=upload,
            uid=uuid4(),
            number_index=index,
            surname_index=surname_index(line.surname, number_index=index) if line.surname else "",
            expires_on=line.expires_on,
        )
        card.number_sealed = seal(line.number, bound_to=printed_binding(card))
        return card


def _among(model: type[Card] | type[StockCode] | type[PrintedCard], indexes: Iterable[str]) -> set[str]:
    rows = model._default_manager.filter(number_index__in=list(indexes))
    return set(rows.values_list("number_index", flat=True))
