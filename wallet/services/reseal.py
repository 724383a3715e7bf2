"""What the wallet keeps sealed, for `rotate_keys`."""

from kernel.reseal import sealed_column
from wallet.issuers.stock import code_binding
from wallet.models import Card, PrepaidCard, PrintedCard, StockCode, StockImportPiece
from wallet.services.cvc import cvc_binding
from wallet.services.number import binding
from wallet.services.printed import printed_binding
from wallet.services.stock import piece_binding

SEALED = (
    sealed_column("cards", Card, "number_sealed", lambda card: binding(card.pk)),
    sealed_column("cvcs", PrepaidCard, "cvc_sealed", lambda row: cvc_binding(row.pk)),
    sealed_column("stock codes", StockCode, "number_sealed", code_binding),
    sealed_column("printed cards", PrintedCard, "number_sealed", printed_binding),
    sealed_column("stock imports", StockImportPiece, "sealed", piece_binding, at_once=50),
)
