"""What every page of the portal needs."""

from functools import cache

from django.conf import settings
from django.http import HttpRequest

from orders.selectors import cart_size

THEMES = frozenset({"light", "dark"})


def portal(request: HttpRequest) -> dict[str, object]:
    theme = request.COOKIES.get("theme", "")
    return {
        "sandbox": settings.SANDBOX,
        "support_email": settings.SUPPORT_EMAIL,
        "gate": getattr(request, "gate", None),
        "cart_count": cache(lambda: _cart_count(request)),  # asked only by pages that show it, once
        "theme": theme if theme in THEMES else "",
    }


def _cart_count(request: HttpRequest) -> int:
    user = getattr(request, "user", None)
    return cart_size(user.pk) if user is not None and user.is_authenticated else 0
