"""The test cards and the script that each one plays. All of them pass the check-digit test; none is real."""

from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from sandbox.states import SessionState


@dataclass(frozen=True)
class Step:
    """After so many confirmation delays, the bank decides (`sets`) and tells it (`tells`) `copies` times.

    `after_expiry` counts from the end of the session instead.
    """

    after: float
    sets: SessionState | None
    tells: str
    copies: int = 1
    after_expiry: bool = False


@dataclass(frozen=True)
class TestCard:
    """A card number and what happens to whoever pays with it. `refusal` is said on the spot."""

    number: str
    title: str | Promise
    steps: tuple[Step, ...] = ()
    challenge: bool = True
    code_works: bool = True
    refusal: str = ""
    captures_less: int = 0  # minor units

    @property
    def grouped(self) -> str:
        return " ".join(self.number[i : i + 4] for i in range(0, 16, 4))

    @property
    def brand(self) -> str:
        return "Visa" if self.number.startswith("4") else "Mastercard"


_YES = Step(1, SessionState.PAID, "payment.succeeded")
_NO = (Step(0, None, "payment.failed"),)

TEST_CARDS = (
    TestCard("4999990000000015", _("Paiement accepté, avec code par SMS"), (_YES,)),
    TestCard("4999990000000023", _("Paiement accepté, sans code"), (_YES,), challenge=False),
    TestCard("5199990000000036", _("Refus : provision insuffisante"), _NO, refusal="insufficient_funds"),
    TestCard("4999990000000049", _("Refus : plafond de la carte dépassé"), _NO, refusal="limit_exceeded"),
    TestCard("4999990000000056", _("Refus : carte étrangère"), _NO, refusal="card_not_supported"),
    TestCard(
        "4999990000000064", _("Échec de l’authentification : aucun code n’est le bon"), code_works=False
    ),
    TestCard("4999990000000072", _("La banque ne répond jamais")),
    TestCard(
        "4999990000000080",
        _("La banque refuse, puis accepte"),
        (
            Step(0.2, SessionState.REFUSED, "payment.failed"),
            Step(2, SessionState.PAID, "payment.succeeded"),
        ),
    ),
    TestCard(
        "4999990000000098",
        _("La banque accepte après l’expiration du paiement"),
        (Step(1, SessionState.PAID, "payment.succeeded", after_expiry=True),),
    ),
    TestCard(
        "4999990000000106",
        _("La banque annonce cinq fois le même paiement"),
        (Step(1, SessionState.PAID, "payment.succeeded", copies=5),),
    ),
    TestCard(
        "4999990000000114",
        _("Les annonces arrivent dans le désordre"),
        (_YES, Step(1.2, None, "payment.failed"), Step(1.4, None, "payment.processing")),
    ),
    TestCard("4999990000000122", _("La banque encaisse 1 € de moins"), (_YES,), captures_less=100),
    TestCard(
        "4999990000000130",
        _("La banque accepte sans l’annoncer"),
        (Step(1, SessionState.PAID, ""),),
    ),
)
BY_NUMBER = {card.number: card for card in TEST_CARDS}


def passes_luhn(number: str) -> bool:
    """Whether the check digit of a card number fits."""
    total = 0
    for place, digit in enumerate(reversed(number)):
        value = int(digit) * (2 if place % 2 else 1)
        total += value - 9 if value > 9 else value
    return total % 10 == 0
