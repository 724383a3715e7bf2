"""An order that loads a prepaid card: no cart, no card to make, value for the one that is there (S0.1)."""

from datetime import datetime, timedelta
from uuid import UUID, uuid5

from django.conf import settings
from django.db import transaction

from accounts.selectors import Gate, ordering_gate
from orders.errors import AmountOutOfRange, OrderingNotOpen, TermsNotCurrent
from orders.models import Artwork, Order, OrderEvent, OrderLine, Product, VatTreatment
from orders.selectors import current_terms_id
from orders.states import OrderState
from wallet.errors import CardNotRecognised, LoadOverLimit
from wallet.selectors.prepaid import LoadLimits, load_limits

LOAD_SLUG = "rechargement-carte-prepayee"
KEYS = UUID("6a3a3c0e-6f0b-4f5d-9a55-2c6f7b1d4e10")  # the namespace of loads' keys in the ledger


def load_key(order_id: int) -> UUID:
    """The ledger's key of an order's load, for ever the same."""
    return uuid5(KEYS, f"order:{order_id}")


def take_back_key(order_id: int) -> UUID:
    """The ledger's key of taking it back."""
    return uuid5(KEYS, f"take back:{order_id}")


@transaction.atomic
def place_load(
    *, customer_id: int, card_id: UUID, amount_minor: int, terms_id: int | None, at: datetime
) -> Order:
    """Order a load of the customer's own card; it awaits its payment.

    Asked again for the same card and amount before it was paid, it is the same order. Refuses
    `OrderingNotOpen` (S3.2), `CardNotRecognised` (not the customer's, or void), `AmountOutOfRange` and
    `LoadOverLimit` (S0.1), `TermsNotCurrent` (S3.5).
    """
    gate = ordering_gate(customer_id)
    limits = load_limits(card_id, holder_id=customer_id, at=at)
    if not gate.may_order:
        raise OrderingNotOpen
    if limits is None:
        raise CardNotRecognised
    check_load(limits, amount_minor)
    if terms_id is None or current_terms_id(at=at) != terms_id:
        raise TermsNotCurrent
    return _unpaid(customer_id, card_id, amount_minor, at) or _order(
        customer_id, limits, gate, amount_minor, terms_id=terms_id, at=at
    )


def check_load(limits: LoadLimits, amount_minor: int) -> None:
    """Refuse an amount that may not be loaded: `AmountOutOfRange`, `LoadOverLimit` (S0.1, S0.7)."""
    if not limits.minimum <= amount_minor <= settings.PREPAID_MAX_BALANCE:
        raise AmountOutOfRange(limits.minimum, settings.PREPAID_MAX_BALANCE)
    if amount_minor > limits.maximum:
        raise LoadOverLimit(limits.maximum)


def _unpaid(customer_id: int, card_id: UUID, amount_minor: int, at: datetime) -> Order | None:
    """An order of the same load that can still be paid."""
    since = at - timedelta(seconds=settings.ORDER_EXPIRES_AFTER) / 2
    waiting = Order.objects.filter(
        customer_id=customer_id,
        loads=card_id,
        total_minor=amount_minor,
        state=OrderState.AWAITING_PAYMENT,
        placed_at__gt=since,
    )
    return waiting.order_by("-pk").first()


def _order(
    customer_id: int, limits: LoadLimits, gate: Gate, amount_minor: int, *, terms_id: int, at: datetime
) -> Order:
    order = Order.objects.create(
        customer_id=customer_id,
        organisation_id=gate.organisation_id,
        loads_id=limits.card_id,
        state=OrderState.AWAITING_PAYMENT,
        currency=limits.currency,
        face_minor=amount_minor,
        total_minor=amount_minor,
        terms_id=terms_id,
        terms_accepted_at=at,
        placed_at=at,
    )
    OrderLine.objects.create(
        order=order, product=load_product(), face_minor=amount_minor, quantity=1, price_minor=amount_minor
    )
    OrderEvent.objects.create(order=order, to_state=order.state, at=at, actor="customer", note=limits.last4)
    return order


def load_product() -> Product:
    """What the line of a load names, for its invoice. Made on first use, not in the shop."""
    product, _ = Product.objects.get_or_create(
        slug=LOAD_SLUG,
        defaults={
            "name_fr": "Rechargement de carte prépayée",
            "name_en": "Prepaid card top-up",
            "brand": "Mirabelle",
            "category": "prepayees",
            "artwork": Artwork.ALPINE,
            "currency": settings.PREPAID_CURRENCY,
            "min_minor": 1,
            "max_minor": settings.PREPAID_MAX_BALANCE,
            "vat_treatment": VatTreatment.MULTI_PURPOSE,
            "issuer": "prepaid",
            "is_active": False,
        },
    )
    return product
