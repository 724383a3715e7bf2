"""A member of a CSE with a negotiated discount, and what they may buy."""

import itertools
from datetime import UTC, date, datetime, timedelta
from typing import Any

from allauth.account.models import EmailAddress
from django.utils import timezone

from accounts.models import Membership, Organisation, User
from accounts.states import MembershipState
from orders.models import DiscountAgreement, Order, OrderLine, Product, TermsVersion
from orders.services.cart import add_line
from orders.services.place import place_order
from orders.states import OrderState

_count = itertools.count(1)
PUBLISHED = datetime(2026, 1, 1, tzinfo=UTC)


def make_organisation(**fields: Any) -> Organisation:
    n = next(_count)
    return Organisation.objects.create(**{"name": f"CSE {n}", "slug": f"cse-{n}", **fields})


def make_member(organisation: Organisation | None = None, **fields: Any) -> User:
    """Someone who may order: e-mail validated, approved by the CSE."""
    n = next(_count)
    user = User.objects.create(
        **{
            "email": f"membre{n}@essai.example",
            "first_name": "Camille",
            "last_name": "Dubreuil",
            "address_line1": "3 rue des Essais",
            "postal_code": "57000",
            "city": "Metz",
            **fields,
        }
    )
    EmailAddress.objects.create(user=user, email=user.email, verified=True, primary=True)
    Membership.objects.create(
        user=user,
        organisation=organisation or make_organisation(),
        state=MembershipState.APPROVED,
        requested_at=PUBLISHED,
        decided_at=PUBLISHED,
    )
    return user


def organisation_of(user: User) -> Organisation:
    organisation = user.memberships.get().organisation
    assert organisation is not None
    return organisation


def make_product(**fields: Any) -> Product:
    n = next(_count)
    return Product.objects.create(
        **{
            "slug": f"e-carte-{n}",
            "name": "e-Carte Encore plus d'économies",
            "brand": "Enseigne d'essai",
            "presets": [1000, 2000, 3000, 5000, 10000, 15000],
            "min_minor": 1000,
            "max_minor": 15000,
            "step_minor": 1,
            **fields,
        }
    )


def make_agreement(user: User, product: Product, **fields: Any) -> DiscountAgreement:
    return DiscountAgreement.objects.create(
        **{
            "organisation": organisation_of(user),
            "product": product,
            "rate_bp": 500,
            "starts_on": date(2026, 1, 1),
            **fields,
        }
    )


def make_terms(**fields: Any) -> TermsVersion:
    return TermsVersion.objects.create(
        **{"number": next(_count), "text": "Texte des conditions.", "published_at": PUBLISHED, **fields}
    )


def fill_cart(user: User, product: Product, *lines: tuple[int, int], at: datetime | None = None) -> Order:
    """Put (face value in minor units, quantity) lines into the cart, through the service."""
    for face_minor, quantity in lines:
        add_line(
            customer_id=user.pk,
            product_id=product.pk,
            face_minor=face_minor,
            quantity=quantity,
            at=at or timezone.now(),
        )
    return Order.objects.get(customer=user, state=OrderState.CART)


def make_order(
    user: User, product: Product, *lines: tuple[int, int], terms: TermsVersion | None = None
) -> Order:
    """A placed order that awaits its payment."""
    now = timezone.now()
    cart = fill_cart(user, product, *(lines or ((5000, 1),)), at=now)
    terms = terms or TermsVersion.objects.order_by("-number").first() or make_terms()
    return place_order(order_id=cart.pk, customer_id=user.pk, version=cart.version, terms_id=terms.pk, at=now)


def make_past_orders(user: User, product: Product, count: int, *, lines: int = 3) -> list[Order]:
    """Fulfilled orders, written straight to the tables: history for the pages to show."""
    now = timezone.now()
    terms = TermsVersion.objects.first() or make_terms()
    orders = Order.objects.bulk_create(
        Order(
            customer=user,
            state=OrderState.FULFILLED,
            face_minor=1000 * lines,
            total_minor=950 * lines,
            terms=terms,
            terms_accepted_at=now,
            placed_at=now - timedelta(days=n),
            paid_at=now - timedelta(days=n),
        )
        for n in range(1, count + 1)
    )
    OrderLine.objects.bulk_create(
        OrderLine(order=order, product=product, face_minor=1000 + n, quantity=1, rate_bp=500, price_minor=950)
        for order in orders
        for n in range(lines)
    )
    return orders
