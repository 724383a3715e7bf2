"""What an invoice says, and its arithmetic (EN 16931 names). Amounts in minor units.

Prices are what the customer pays, VAT included. VAT is not due when a multi-purpose voucher is sold
(art. 256 ter CGI, S3.11): such lines are out of scope, category O. EN 16931 forbids O beside a taxed
category in one invoice (BR-O-11 to 14), so next to taxed lines they are declared E with the same reason.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from itertools import groupby

from documents.errors import InvoiceIncomplete
from kernel.money import BASIS, share_of

MAX_LINES = 10_000


class InvoiceKind(StrEnum):
    INVOICE = "invoice"
    CREDIT_NOTE = "credit_note"


class VatTreatment(StrEnum):
    """When VAT falls due: on vouchers by the codes of the product's field, on a service when rendered."""

    MULTI_PURPOSE = "mpv"
    SINGLE_PURPOSE = "spv"
    SERVICE = "service"


class PaymentMeans(StrEnum):
    """UNTDID 4461, as far as we are paid."""

    BANK_CARD = "48"
    OFFSET = "97"  # kept back from what we owe the buyer


class VatCategory(StrEnum):
    """UNTDID 5305, as far as we sell."""

    OUT_OF_SCOPE = "O"
    EXEMPT = "E"
    STANDARD = "S"


@dataclass(frozen=True)
class Party:
    """Seller or buyer. `address`: up to three lines, without postcode and city. `siret`: 14 digits."""

    name: str
    address: Sequence[str] = ()
    postcode: str = ""
    city: str = ""
    country: str = "FR"
    email: str = ""
    siret: str = ""
    vat_number: str = ""
    legal_form: str = ""

    @property
    def siret_spaced(self) -> str:
        """As people write it: 000 000 000 00000."""
        return " ".join(filter(None, (self.siret[:3], self.siret[3:6], self.siret[6:9], self.siret[9:])))


@dataclass(frozen=True)
class InvoiceLine:
    """`quantity` cards of `face_minor` each, sold together for `price_minor`."""

    description: str
    face_minor: int
    quantity: int
    price_minor: int
    rate_bp: int = 0  # the discount, as agreed
    detail: str = ""
    vat_treatment: VatTreatment = VatTreatment.MULTI_PURPOSE
    vat_rate_bp: int = 0

    @property
    def gross_minor(self) -> int:
        return self.face_minor * self.quantity

    @property
    def discount_minor(self) -> int:
        return self.gross_minor - self.price_minor


@dataclass(frozen=True)
class PrecedingInvoice:
    """The invoice that a credit note corrects."""

    number: str
    issued_on: date


@dataclass(frozen=True)
class InvoiceData:
    """A paid invoice, or a credit note (type 381, positive amounts) on one.

    `points_minor` of the total was paid in loyalty points, or returns as points; they are a means of payment,
    so they change neither prices nor VAT. `earned_minor`: points that the purchase brought.
    """

    number: str
    kind: InvoiceKind
    issued_on: date
    order_number: str
    seller: Party
    buyer: Party
    lines: Sequence[InvoiceLine]
    currency: str
    payment_reference: str
    payment_label: str = ""  # "Visa •••• 4417"
    paid_at: datetime | None = None
    preceding: PrecedingInvoice | None = None
    language: str = "fr"
    points_minor: int = 0
    earned_minor: int = 0
    earned_on: date | None = None  # their first usable day
    payment_means: PaymentMeans = PaymentMeans.BANK_CARD

    @property
    def is_service(self) -> bool:
        """Whether it is for our services, and not for vouchers."""
        return all(line.vat_treatment == VatTreatment.SERVICE for line in self.lines)

    @property
    def is_credit_note(self) -> bool:
        return self.kind == InvoiceKind.CREDIT_NOTE

    @property
    def gross_minor(self) -> int:
        return sum(line.gross_minor for line in self.lines)

    @property
    def total_minor(self) -> int:
        return sum(line.price_minor for line in self.lines)

    @property
    def money_minor(self) -> int:
        """The part that the card paid, or gets back."""
        return self.total_minor - self.points_minor

    @property
    def discount_minor(self) -> int:
        return self.gross_minor - self.total_minor

    @property
    def discount_rate_bp(self) -> int | None:
        """The discount's rate when it is the same on every line."""
        rates = {line.rate_bp for line in self.lines}
        return rates.pop() if len(rates) == 1 else None


@dataclass(frozen=True)
class NetLine:
    """A line without VAT: `gross_minor` before the discount, `net_minor` after it."""

    line: InvoiceLine
    category: VatCategory
    gross_minor: int
    net_minor: int


@dataclass(frozen=True)
class VatGroup:
    """One row of the VAT breakdown (BG-23)."""

    category: VatCategory
    rate_bp: int
    basis_minor: int
    vat_minor: int


@dataclass(frozen=True)
class Figures:
    """The totals. `rounding_minor` (BT-114) is what VAT computed on a net sum misses of the price paid."""

    lines: Sequence[NetLine]
    groups: Sequence[VatGroup]
    net_minor: int
    vat_minor: int
    rounding_minor: int


def compute_figures(invoice: InvoiceData) -> Figures:
    """Net lines, VAT by category and rate, totals; net + VAT + rounding = what was paid, to the cent."""
    mixed = len({line.vat_treatment for line in invoice.lines}) > 1
    lines = list(_net_lines(invoice.lines, mixed=mixed))
    groups = list(_vat_groups(lines))
    net = sum(group.basis_minor for group in groups)
    vat = sum(group.vat_minor for group in groups)
    return Figures(lines, groups, net, vat, invoice.total_minor - net - vat)


def check_complete(invoice: InvoiceData) -> None:
    """Refuse `InvoiceIncomplete` for what no invoice of ours may lack or contradict."""
    lines = invoice.lines
    facts = {
        "no number": not invoice.number.strip(),
        "no lines": not lines,
        "too many lines": len(lines) > MAX_LINES,
        "a line without a description": any(not line.description.strip() for line in lines),
        "a line that is not positive": any(line.quantity < 1 or line.face_minor < 1 for line in lines),
        "points outside 0..total": not 0 <= invoice.points_minor <= invoice.total_minor,
        "a price outside 0..face value": any(not 0 <= line.price_minor <= line.gross_minor for line in lines),
        "VAT on a multi-purpose voucher": any(line.vat_rate_bp and _multi_purpose(line) for line in lines),
        "no VAT rate on a taxed line": any(
            line.vat_rate_bp < 1 and not _multi_purpose(line) for line in lines
        ),
        "a seller without name, SIRET or VAT number": not (
            invoice.seller.name.strip() and invoice.seller.siret and invoice.seller.vat_number
        ),
        "a buyer without a name": not invoice.buyer.name.strip(),
        "a credit note without its invoice": invoice.is_credit_note != (invoice.preceding is not None),
    }
    if missing := [fact for fact, holds in facts.items() if holds]:
        raise InvoiceIncomplete(f"{invoice.number}: {', '.join(missing)}")


def _multi_purpose(line: InvoiceLine) -> bool:
    return line.vat_treatment == VatTreatment.MULTI_PURPOSE


def _net_lines(lines: Sequence[InvoiceLine], *, mixed: bool) -> Iterator[NetLine]:
    """Lines keep their order. Taxed ones share out the net of their running total, so no cent is lost."""
    paid: dict[int, int] = {}
    for line in lines:
        if _multi_purpose(line):
            category = VatCategory.EXEMPT if mixed else VatCategory.OUT_OF_SCOPE
            yield NetLine(line, category, line.gross_minor, line.price_minor)
            continue
        rate, before = line.vat_rate_bp, paid.get(line.vat_rate_bp, 0)
        paid[rate] = before + line.price_minor
        net = _without_vat(paid[rate], rate) - _without_vat(before, rate)
        gross = max(_without_vat(line.gross_minor, rate), net)
        yield NetLine(line, VatCategory.STANDARD, gross, net)


def _vat_groups(lines: Sequence[NetLine]) -> Iterator[VatGroup]:
    def key(net: NetLine) -> tuple[VatCategory, int]:
        return net.category, net.line.vat_rate_bp

    for (category, rate), members in groupby(sorted(lines, key=key), key):
        basis = sum(net.net_minor for net in members)
        yield VatGroup(category, rate, basis, share_of(basis, rate))


def _without_vat(amount_minor: int, rate_bp: int) -> int:
    """The net of an amount that includes VAT, rounded half-up."""
    whole = BASIS + rate_bp
    return (2 * amount_minor * BASIS + whole) // (2 * whole)
