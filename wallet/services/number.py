"""A card's number: sealed and bound to its row, found by a blind index, shown masked."""

from dataclasses import dataclass
from uuid import UUID

from kernel.seal import seal, unseal_text
from wallet.selectors.numbers import number_index


@dataclass(frozen=True)
class SealedNumber:
    number_sealed: str
    number_index: str
    last4: str
    masked: str


def binding(card_id: UUID) -> str:
    return f"wallet.card:{card_id}"


def mask(number: str) -> str:
    """`5032XXXXXXXXXXXX7118` (S3.9). Short codes show less, so that half of them stays hidden."""
    shown = min(4, len(number) // 4)
    return number[:shown] + "X" * (len(number) - 2 * shown) + number[len(number) - shown :]


def seal_number(number: str, *, card_id: UUID) -> SealedNumber:
    masked = mask(number)
    return SealedNumber(
        number_sealed=seal(number, bound_to=binding(card_id)),
        number_index=number_index(number),
        last4=masked.rpartition("X")[2],
        masked=masked,
    )


def open_number(number_sealed: str, *, card_id: UUID) -> str:
    """The number in clear, for the holder's own eyes only."""
    return unseal_text(number_sealed, bound_to=binding(card_id))


def in_groups(number: str, size: int = 4) -> str:
    """`5032 8841 0627 7118 0000`, as it is dictated at a till."""
    return " ".join(number[i : i + size] for i in range(0, len(number), size))
