from collections.abc import Iterator

import pytest

from accounts.models import User
from orders.gateways import gateway
from orders.models import Product, TermsVersion
from tests.orders.factories import make_agreement, make_member, make_product, make_terms


@pytest.fixture(autouse=True)
def _fresh_banks() -> Iterator[None]:
    """Banks are built once per name, and two modules may call their broken bank the same."""
    gateway.cache_clear()
    yield
    gateway.cache_clear()


@pytest.fixture
def member(db: None) -> User:
    return make_member()


@pytest.fixture
def product(db: None) -> Product:
    return make_product()


@pytest.fixture
def terms(db: None) -> TermsVersion:
    return make_terms()


@pytest.fixture
def shop(member: User, product: Product, terms: TermsVersion) -> Product:
    """The product at the 5 % of the member's CSE."""
    make_agreement(member, product)
    return product
