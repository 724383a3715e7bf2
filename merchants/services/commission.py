"""What a merchant pays for a period, and what is left (S0.4). Amounts in minor units."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.conf import settings

from kernel.money import BASIS, share_of
from merchants.errors import VatRateUnknown
from merchants.models import StatementPart


@dataclass(frozen=True, slots=True)
class Amounts:
    """The figures of a statement. `payout_minor` is paid, or `carried_out_minor` (≤ 0) is carried over."""

    commission_minor: int
    fees_minor: int
    vat_bp: int
    vat_minor: int
    carried_in_minor: int
    payout_minor: int
    carried_out_minor: int

    @property
    def charged_minor(self) -> int:
        """Commission and fees, without VAT."""
        return self.commission_minor + self.fees_minor


def amounts_of(
    parts: Sequence[StatementPart], *, vat_bp: int, charged_before_minor: int, carried_in_minor: int
) -> Amounts:
    """Commission on purchases less cancellations, each at the rate of its contract, rounded half-up once per
    statement; a fee for each transaction that stands; VAT on both, rounded half-up.

    A cancellation gives back what its transaction cost, also in a later period, but roundings never give back
    more than `charged_before_minor`, what earlier statements charged.
    """
    exact = sum(part.commission_bp * part.turnover_minor for part in parts)
    fees = sum(part.fixed_fee_minor * part.transactions for part in parts)
    commission = max((2 * exact + BASIS) // (2 * BASIS), -charged_before_minor - fees)
    vat = _signed_share(commission + fees, vat_bp)
    turnover = sum(part.turnover_minor for part in parts)
    net = turnover - commission - fees - vat + carried_in_minor
    return Amounts(
        commission_minor=commission,
        fees_minor=fees,
        vat_bp=vat_bp,
        vat_minor=vat,
        carried_in_minor=carried_in_minor,
        payout_minor=max(net, 0),
        carried_out_minor=min(net, 0),
    )


def vat_rate(country: str) -> int:
    """The VAT on commission for a merchant in `country`, in basis points. Refuses `VatRateUnknown`."""
    rates: dict[str, int] = settings.COMMISSION_VAT_BP
    if country not in rates:
        raise VatRateUnknown(country)
    return rates[country]


def _signed_share(amount_minor: int, rate_bp: int) -> int:
    """A credit note mirrors its invoice: half-up of the amount, then the sign."""
    share = share_of(abs(amount_minor), rate_bp)
    return share if amount_minor >= 0 else -share
