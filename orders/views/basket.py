"""The way to the cart in every page's header, beside what htmx swaps."""

from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string

from kernel.shortcuts import wants_fragment


def with_basket(request: HttpRequest, response: HttpResponse, cart_count: int) -> HttpResponse:
    """Add the header's cart to an answer to htmx, whose page would go on showing the old number."""
    if wants_fragment(request):
        response.write(render_to_string("components/basket.html", {"cart_count": cart_count, "oob": True}))
    return response
