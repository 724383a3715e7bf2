"""The banks that take our payments. One protocol, one class per bank; `gateway(name)` finds it."""

from functools import cache

from django.conf import settings
from django.utils.module_loading import import_string

from orders.gateways.base import Gateway, UnknownGateway


@cache
def gateway(name: str) -> Gateway:
    """The gateway configured under `name` in `PAYMENT_GATEWAYS`; refuses `UnknownGateway`."""
    try:
        dotted = settings.PAYMENT_GATEWAYS[name]
    except KeyError:
        raise UnknownGateway(name) from None
    built: Gateway = import_string(dotted)()
    return built
