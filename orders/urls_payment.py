"""The addresses of payments, part of the `orders` names."""

from django.urls import path, re_path

from orders.views import payment

_ORDER = r"^commandes/(?P<number>CMD-[1-9][0-9]{0,17})/"

payment_patterns = [
    re_path(_ORDER + r"payer/$", payment.pay, name="pay"),
    re_path(_ORDER + r"retour/$", payment.come_back, name="return"),
    path("paiement/<slug:gateway>/webhook/", payment.webhook, name="webhook"),
]
