from django.urls import include, path, register_converter

from orders.urls_bulk import bulk_patterns
from orders.urls_payment import payment_patterns
from orders.views import cart, home, load, orders, settle, shop


class OrderNumber:
    """`CMD-326` in an address, 326 in a view."""

    regex = "CMD-[1-9][0-9]{0,17}"

    def to_python(self, value: str) -> int:
        return int(value.removeprefix("CMD-"))

    def to_url(self, value: int | str) -> str:
        return value if isinstance(value, str) else f"CMD-{value}"


register_converter(OrderNumber, "order")

shop_patterns = [
    path("boutique/", shop.catalogue, name="catalogue"),
    path("boutique/<slug:slug>/", shop.product, name="product"),
    path("boutique/<slug:slug>/prix/", shop.price, name="price"),
    path("conditions/", shop.terms, name="terms"),
    path("conditions/<int:number>/", shop.terms, name="terms_version"),
    path("portefeuille/<uuid:card_id>/recharger/", load.load, name="load"),
    path("releves/cartes/<int:account_id>/payer/", settle.settle, name="settle"),
    path("panier/", cart.cart, name="cart"),
    path("panier/lignes/<int:pk>/", cart.cart_line, name="line"),
    path("panier/points/", cart.cart_points, name="points"),
    path("panier/commander/", cart.checkout, name="checkout"),
    path("commandes/", orders.order_list, name="list"),
    path("commandes/<order:number>/", orders.detail, name="detail"),
    path("commandes/<order:number>/suivi/", orders.timeline, name="timeline"),
    path("commandes/<order:number>/annuler/", orders.cancel, name="cancel"),
    path("commandes/<order:number>/facture.pdf", orders.invoice, name="invoice"),
    path("commandes/<order:number>/avoir.pdf", orders.invoice, {"kind": "credit_note"}, name="credit_note"),
]

urlpatterns = [
    path("", home.home, name="home"),
    path("", include((shop_patterns + bulk_patterns + payment_patterns, "orders"))),
]
