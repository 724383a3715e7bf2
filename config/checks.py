"""What a production site must not start with. Asked by `config.settings` before anything else runs."""

from collections.abc import Mapping
from typing import Any

from django.core.exceptions import ImproperlyConfigured

MODES = ("demo", "test", "production")
SECRET_CHARS = 50


def refuse_unsafe(given: Mapping[str, Any]) -> None:
    """Raise `ImproperlyConfigured`, naming every fault at once, in production or an unknown mode."""
    if given["MODE"] not in MODES:
        raise ImproperlyConfigured(f"MIRABELLE_MODE={given['MODE']!r}: choose one of {', '.join(MODES)}.")
    faults = problems(given) if given["PRODUCTION"] else []
    if faults:
        raise ImproperlyConfigured("Refusing to start in production:\n- " + "\n- ".join(faults))


def problems(given: Mapping[str, Any]) -> list[str]:
    """Each fault in one sentence that says which variable to set."""
    rules = [*_secrets(given), *_surroundings(given), *_outside(given)]
    return [sentence for wrong, sentence in rules if wrong]


def _secrets(given: Mapping[str, Any]) -> list[tuple[bool, str]]:
    secrets = [given["SECRET_KEY"], *given["SECRET_KEY_FALLBACKS"]]
    public_keys = _keys(given["SEAL_KEYS"]) & _keys(given["DEFAULT_SEAL_KEYS"])
    named_demo = any(pair.startswith("demo:") for pair in given["SEAL_KEYS"])
    return [
        (given["DEFAULT_SECRET"] in secrets, "SECRET_KEY is the public default."),
        (len(given["SECRET_KEY"]) < SECRET_CHARS, f"SECRET_KEY has fewer than {SECRET_CHARS} characters."),
        (not given["SEAL_KEYS"], "SEAL_KEYS is empty."),
        (bool(public_keys) or named_demo, "SEAL_KEYS holds the public default."),
        (given["INDEX_KEY"] == given["DEFAULT_INDEX_KEY"], "INDEX_KEY is the public default."),
        (not given["INDEX_KEY"], "INDEX_KEY is empty."),
    ]


def _keys(pairs: list[str]) -> set[str]:
    """The keys without their names: a public key under another name is as public."""
    return {pair.partition(":")[2] for pair in pairs}


def _surroundings(given: Mapping[str, Any]) -> list[tuple[bool, str]]:
    return [
        (given["DEBUG"], "DEBUG is on."),
        (given["SANDBOX"], "SANDBOX is on: anybody could read mails and pay with test cards."),
        (not given["SITE_URL"].startswith("https://"), "SITE_URL does not begin with https://."),
        (not given["ALLOWED_HOSTS"], "ALLOWED_HOSTS is empty."),
        ("*" in given["ALLOWED_HOSTS"], "ALLOWED_HOSTS allows every host."),
        (not given["POSTGRES"], "DATABASE_URL is missing or is not PostgreSQL."),
        (not given["REDIS_URL"], "REDIS_URL is missing."),
        (not given["ADMIN_REQUIRES_MFA"], "ADMIN_REQUIRES_MFA is off."),
    ]


def _outside(given: Mapping[str, Any]) -> list[tuple[bool, str]]:
    stripe = given["PAYMENT_GATEWAY"] == "stripe"
    by_http = given["SMS_GATEWAY"] == "loyalty.sms.HttpSms"
    return [
        (given["PAYMENT_GATEWAY"] not in given["PAYMENT_GATEWAYS"], "PAYMENT_GATEWAY names no gateway."),
        (
            given["BILLING_COLLECTOR"] not in given["BILLING_COLLECTORS"],
            "BILLING_COLLECTOR names no collector.",
        ),
        (stripe and not given["STRIPE_SECRET_KEY"], "STRIPE_SECRET_KEY is missing."),
        (
            stripe and given["STRIPE_SECRET_KEY"].startswith(("sk_test_", "rk_test_")),
            "STRIPE_SECRET_KEY is a test key: anybody could pay with test cards.",
        ),
        (stripe and not given["STRIPE_WEBHOOK_SECRET"], "STRIPE_WEBHOOK_SECRET is missing."),
        (not given["EMAIL_URL"], "EMAIL_URL is missing."),
        (given["SMS_GATEWAY"].startswith("sandbox."), "SMS_GATEWAY is the sandbox's: nobody gets a code."),
        (by_http and not given["SMS_URL"], "SMS_URL is missing: nobody gets an enrolment code."),
        (
            by_http and bool(given["SMS_URL"]) and not given["SMS_URL"].startswith("https://"),
            "SMS_URL does not begin with https://: phones and codes would travel in clear.",
        ),
        (not given["SELLER_SIRET"].strip("0"), "SELLER_SIRET is the demo's: invoices would name no company."),
    ]
