"""Every address of the portal says who may enter, and keeps to it."""

import re
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import quote, urlsplit

import pytest
from django.core.exceptions import PermissionDenied
from django.test import Client, RequestFactory
from django.urls import URLPattern, URLResolver, get_resolver, resolve, reverse

from accounts.middleware import AccessMiddleware, audience_of
from kernel import access
from kernel.access import Audience
from tests.factories import buyer, member, operator, organisation, person, sign_in, staff
from tests.merchants.factories import at_till, make_merchant, make_till
from tests.merchants.portal import merchant_person

pytestmark = pytest.mark.django_db

SAMPLES = {
    "int": "1",
    "screening": "1",
    "str": "x",
    "slug": "x",
    "uuid": str(uuid.UUID(int=1)),
    "path": "x",
    "order": "CMD-1",
    "booking": "RES-1",
    "bulk": "GRP-1",
    "statement": "CC-00000001-20261130",
    "line": "2",
    "digits": "CMD-1",
}
NAMED_GROUPS = {"key": "abc", "uidb36": "1", "number": "CMD-1", "app_label": "accounts"}
CONVERTER = re.compile(r"<(?:(\w+):)?(\w+)>")
GROUP = re.compile(r"\(\?P<(\w+)>[^()]*(?:\([^()]*\)[^()]*)*\)")


@dataclass(frozen=True)
class Address:
    path: str
    audience: Audience | None


def _fill(route: str) -> str:
    route = GROUP.sub(lambda found: NAMED_GROUPS.get(found[1], "x"), route)
    route = CONVERTER.sub(lambda found: SAMPLES.get(found[1] or "str", "x"), route)
    return route.replace("^", "").replace("$", "").replace("\\Z", "").replace("\\", "")


def _walk(patterns: list, prefix: str = "") -> Iterator[str]:
    for entry in patterns:
        route = prefix + _fill(str(entry.pattern))
        if isinstance(entry, URLResolver):
            yield from _walk(entry.url_patterns, route)
        elif isinstance(entry, URLPattern):
            yield f"/{route}"


def addresses() -> list[Address]:
    found = {}
    for path in _walk(get_resolver().url_patterns):
        match = resolve(path)
        found[path] = Address(path, audience_of(match.func, match))
    return list(found.values())


ROLES = (
    "visitor",
    "newcomer",
    "member",
    "staff without code",
    "staff",
    "buyer",
    "operator",
    "till",
    "merchant",
)
MAY_ENTER = {
    Audience.PUBLIC: set(ROLES),
    Audience.SERVICE: set(ROLES),
    Audience.ANONYMOUS: {"visitor", "till"},
    Audience.SIGNED_IN: set(ROLES) - {"visitor", "till"},
    Audience.MEMBER: {"member"},
    Audience.CSE_STAFF: {"staff"},
    Audience.BUYER: {"buyer"},
    Audience.OPERATOR: {"operator"},
    Audience.TERMINAL: {"till"},
    Audience.MERCHANT: {"merchant"},
}


def signed_in_as(role: str) -> Client:
    client = Client(raise_request_exception=True)
    people = {
        "newcomer": lambda: sign_in(client, person()),
        "member": lambda: sign_in(client, member()),
        "staff without code": lambda: sign_in(client, staff(organisation())),
        "staff": lambda: sign_in(client, staff(organisation()), second_factor=True),
        "buyer": lambda: sign_in(client, buyer(organisation())),
        "operator": lambda: sign_in(client, operator()),
        "till": lambda: at_till(client, make_till()),
        "merchant": lambda: sign_in(client, merchant_person(make_merchant()), second_factor=True),
    }
    return people[role]() if role in people else client


def turned_away(audience: Audience, role: str, response) -> bool:
    """The answer that this audience owes to this role."""
    to = urlsplit(response.headers.get("Location", "")).path
    if audience == Audience.ANONYMOUS:
        return to == reverse("home")
    if audience == Audience.TERMINAL:
        return to == reverse("terminal:sign_in")
    if role in ("visitor", "till"):
        return to == reverse("account_login")
    if audience == Audience.MEMBER:
        return to == reverse("accounts:waiting")
    if role == "staff without code":
        return to == reverse("mfa_reauthenticate") or response.status_code == 403
    return response.status_code == 403


def test_every_address_has_an_audience():
    undeclared = [address.path for address in addresses() if address.audience is None]
    assert undeclared == []


@pytest.mark.parametrize("role", ROLES)
def test_each_role_enters_where_it_may_and_nowhere_else(role):
    client = signed_in_as(role)
    wrong = []
    for address in addresses():
        if address.path == reverse("account_logout"):
            continue
        response = client.get(address.path)
        if role in MAY_ENTER[address.audience]:
            fine = response.status_code < 500 and not (
                response.status_code == 302 and _gate_answer(response, address)
            )
        else:
            fine = turned_away(address.audience, role, response)
        if not fine:
            wrong.append(
                (address.path, address.audience, response.status_code, response.headers.get("Location"))
            )
    assert wrong == []


def _gate_answer(response, address: Address) -> bool:
    """A redirect to a gate, with the way back here, though the role may enter.

    allauth's own pages may still ask the signed-in to confirm who they are.
    """
    to = urlsplit(response.headers["Location"])
    if address.audience in {Audience.PUBLIC, Audience.ANONYMOUS, Audience.SERVICE, Audience.SIGNED_IN}:
        return to.path == reverse("account_login") and f"next={quote(address.path, safe='')}" in to.query
    gates = ("account_login", "accounts:waiting", "mfa_activate_totp", "mfa_reauthenticate")
    return to.path in {reverse(gate) for gate in gates}


@pytest.mark.parametrize("role", ROLES)
def test_writing_is_guarded_like_reading(role):
    client = signed_in_as(role)
    for address in addresses():
        if role not in MAY_ENTER[address.audience]:
            response = client.post(address.path)
            assert turned_away(address.audience, role, response), address


def test_a_view_that_says_nothing_is_closed():
    request = RequestFactory().get("/")
    request.resolver_match = resolve("/aide/")
    with pytest.raises(PermissionDenied):
        AccessMiddleware(lambda _: None).process_view(request, lambda _: None, (), {})


def test_an_audience_whose_door_nobody_keeps_is_closed(monkeypatch):
    monkeypatch.setattr(access, "_doors", {})
    request = RequestFactory().get("/terminal/")
    request.resolver_match = resolve("/terminal/")
    with pytest.raises(PermissionDenied):
        AccessMiddleware(lambda _: None).process_view(request, request.resolver_match.func, (), {})


def test_staff_without_an_authenticator_is_sent_to_set_one_up(client):
    user = staff(organisation())
    user.authenticator_set.all().delete()
    response = sign_in(client, user).get("/cse/")
    assert urlsplit(response.headers["Location"]).path == reverse("mfa_activate_totp")


def test_operators_need_a_second_factor_when_the_setting_says_so(client, settings):
    settings.ADMIN_REQUIRES_MFA = True
    response = sign_in(client, operator()).get("/admin/")
    assert urlsplit(response.headers["Location"]).path == reverse("mfa_activate_totp")


def test_htmx_is_told_to_leave_the_page_instead_of_swapping_another_in(client):
    response = client.get("/compte/coordonnees/", headers={"HX-Request": "true"})
    assert response.status_code == 204
    assert response.headers["HX-Redirect"].startswith(reverse("account_login"))


def test_only_the_admin_pages_of_operators_get_the_wider_policy(client):
    assert "unsafe" not in client.get("/admin/").headers["Content-Security-Policy"]
    sign_in(client, operator())
    assert "'unsafe-eval'" in client.get("/admin/").headers["Content-Security-Policy"]
    for path in ("/aide/", "/compte/coordonnees/", "/cse/sans-cle/"):
        assert "unsafe" not in client.get(path).headers["Content-Security-Policy"]


@pytest.mark.parametrize("path", ["/", "/commandes/", "/panier/", "/compte/coordonnees/", "/boutique/"])
def test_no_page_is_kept_by_a_shared_cache(client, path):
    sign_in(client, member())
    assert "private" in client.get(path).headers["Cache-Control"]


def test_keys_are_exported_for_their_reader_only(client):
    mine = organisation()
    sign_in(client, staff(mine), second_factor=True)
    assert "private" in client.get(reverse("cse:export_keys")).headers["Cache-Control"]
