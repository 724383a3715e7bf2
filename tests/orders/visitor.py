"""A customer with loyalty points before the pages of carts and orders."""

from html import unescape
from typing import Any

from django.test import Client

from orders.models import Order
from orders.selectors import cart_view
from tests.orders.paying import AT
from tests.orders.points import a_cart, a_customer, enrol

HTMX = {"HX-Request": "true"}


class Visitor:
    """A customer with 100 points, before a cart of 152,00 €, as the browser sees it."""

    def __init__(self, points_minor: int = 100_00, base: str = "mirabelle", **rules: Any) -> None:
        self.user, self.product = a_customer(max_minor=100_000)
        self.who = enrol(self.user, base, points_minor=points_minor, **rules)
        self.client = Client()
        self.client.force_login(self.user)

    def fill(self, *lines: tuple[int, int]) -> Order:
        return a_cart(self.user, self.product, *lines)

    def cart(self) -> str:
        return text_of(self.client.get("/panier/"))

    def choose(self, *, htmx: bool = False, **data: Any) -> Any:
        """Send the points form as the page shows it, changed by `data`."""
        shown = self.client.get("/panier/").context["points"]
        form = {
            "version": cart_view(self.user.pk, at=AT).version,
            "curseur": shown.slider,
            "curseur_avant": shown.slider,
            "points": shown.shown,
            "points_avant": shown.shown,
            **data,
        }
        return self.client.post("/panier/points/", form, headers=HTMX if htmx else {})

    def order(self, **changes: Any) -> Any:
        """Tick the terms and send the cart as the page shows it."""
        context = self.client.get("/panier/").context
        points = context["points"]
        form = {
            "commande": context["cart"].order_id,
            "version": context["cart"].version,
            "conditions": context["terms_id"],
            "points": points.used_minor if points else "",
            "cgv": "on",
            **changes,
        }
        return self.client.post("/panier/commander/", form)

    @property
    def wish(self) -> int:
        return cart_view(self.user.pk, at=AT).points_wanted_minor


def text_of(response: Any) -> str:
    text = unescape(response.content.decode()).replace("\u00a0", " ").replace("\u202f", " ")
    return " ".join(text.split())
