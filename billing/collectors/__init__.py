"""Who collects our direct debits. One protocol, one class each; `collector(name)` finds it."""

from functools import cache

from django.conf import settings
from django.utils.module_loading import import_string

from billing.collectors.base import Collector
from billing.errors import UnknownCollector


@cache
def collector(name: str) -> Collector:
    """The collector configured under `name` in BILLING_COLLECTORS; refuses `UnknownCollector`."""
    try:
        dotted = settings.BILLING_COLLECTORS[name]
    except KeyError:
        raise UnknownCollector(name) from None
    built: Collector = import_string(dotted)()
    return built
