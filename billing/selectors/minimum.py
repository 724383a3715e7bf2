"""The least that a statement asks for (S1.2, S1.8). Pure."""

from django.conf import settings

from kernel.money import share_of


def minimum_of(closing_minor: int, disputed_minor: int = 0) -> int:
    """3 % of the total without what is disputed, at least CHF 50, or the whole when that is less."""
    asked = max(0, closing_minor - disputed_minor)
    share = share_of(asked, settings.BILLING_MINIMUM_BP)
    return min(asked, max(share, settings.BILLING_MINIMUM))
