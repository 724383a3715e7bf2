"""Every page of the portal, and who opens it with which of the demo's data."""

from collections.abc import Callable
from dataclasses import dataclass, field

from allauth.account.authentication import record_authentication
from django.conf import settings
from django.test import Client, RequestFactory
from django.urls import reverse

from accounts.models import Membership, User
from accounts.states import MembershipState
from config.demo.people import MEMBER, NEWCOMER, OPERATOR, STAFF
from orders.models import Order
from orders.states import OrderState
from wallet.models import Card

NOBODY = ""
CSE = "ateliers-verdore"
Arguments = Callable[[], tuple[object, ...]]


@dataclass(frozen=True)
class Opened:
    """One page as one person opens it. `what` tells several uses of the same address apart."""

    who: str
    name: str
    what: str = ""
    arguments: Arguments = field(default=tuple)
    query: str = ""

    @property
    def address(self) -> str:
        return reverse(self.name, args=self.arguments()) + self.query

    def __str__(self) -> str:
        person = self.who.partition("@")[0] or "nobody"
        return "-".join(filter(None, (person, self.name.replace(":", "_"), self.what)))


def cookies_of(email: str) -> dict[str, str]:
    """A session that has just shown the password and a second factor."""
    if email == NOBODY:
        return {}
    client, user = Client(), User.objects.get(email=email)
    client.force_login(user)
    request = RequestFactory().get("/")
    request.session = client.session
    record_authentication(request, user, method="mfa", type="totp", reauthenticated=True)
    request.session.save()
    return {settings.SESSION_COOKIE_NAME: client.cookies[settings.SESSION_COOKIE_NAME].value}


def _order(state: OrderState) -> Arguments:
    def find() -> tuple[object, ...]:
        return (Order.objects.filter(customer__email=MEMBER, state=state).latest("pk").number,)

    return find


def _card(face_minor: int, *, issuer: str = "own") -> Arguments:
    def find() -> tuple[object, ...]:
        found = Card.objects.filter(holder__email=MEMBER, face_minor=face_minor, intent__issuer=issuer)
        return (found.earliest("issued_at").pk,)

    return find


def _membership(state: MembershipState) -> Arguments:
    def find() -> tuple[object, ...]:
        return (Membership.objects.filter(state=state, organisation__slug=CSE).latest("pk").pk,)

    return find


def _without_key() -> tuple[object, ...]:
    return (Membership.objects.filter(organisation=None).latest("pk").pk,)


PAGES = (
    *(
        Opened(NOBODY, name)
        for name in (
            "account_login",
            "account_signup",
            "account_reset_password",
            "account_reset_password_done",
            "account_email_verification_sent",
            "account_inactive",
            "accounts:terms_of_use",
            "orders:terms",
            "help",
            "privacy",
            "accessibility",
            "sandbox:index",
            "sandbox:mail",
            "sandbox:sms",
        )
    ),
    Opened(NOBODY, "wallet:claim", "unknown", lambda: ("x" * 43,)),
    *(
        Opened(MEMBER, name)
        for name in (
            "home",
            "orders:catalogue",
            "orders:cart",
            "orders:list",
            "wallet:index",
            "accounts:profile",
            "account_email",
            "account_change_password",
            "account_logout",
            "account_reauthenticate",
            "mfa_index",
            "mfa_activate_totp",
            "mfa_list_webauthn",
            "mfa_add_webauthn",
            "usersessions_list",
        )
    ),
    Opened(MEMBER, "orders:product", "free-amount", lambda: ("e-carte-economies",)),
    Opened(MEMBER, "orders:product", "ceiling", lambda: ("e-carte-culture",)),
    *(
        Opened(MEMBER, "orders:detail", state, _order(state))
        for state in (
            OrderState.FULFILLED,
            OrderState.REFUNDED,
            OrderState.EXPIRED,
            OrderState.CANCELLED,
        )
    ),
    Opened(MEMBER, "wallet:card", "used", _card(3300)),
    Opened(MEMBER, "wallet:card", "expired", _card(5000)),
    Opened(MEMBER, "wallet:card", "stock", _card(5000, issuer="stock:cap-grand-air")),
    Opened(MEMBER, "wallet:till", "", _card(3300)),
    Opened(MEMBER, "orders:pay", "", _order(OrderState.AWAITING_PAYMENT)),
    Opened(MEMBER, "orders:detail", "refused", _order(OrderState.AWAITING_PAYMENT)),
    Opened(NEWCOMER, "accounts:waiting"),
    Opened(NEWCOMER, "accounts:profile"),
    *(Opened(STAFF, name) for name in ("cse:queue", "cse:members", "cse:keys", "mfa_index")),
    Opened(STAFF, "cse:queue", "searched", query="?q=zzz"),
    Opened(STAFF, "mfa_view_recovery_codes"),
    Opened(STAFF, "cse:request", "pending", _membership(MembershipState.PENDING)),
    Opened(STAFF, "cse:member", "approved", _membership(MembershipState.APPROVED)),
    Opened(STAFF, "cse:member", "refused", _membership(MembershipState.REFUSED)),
    Opened(OPERATOR, "cse:unassigned"),
    Opened(OPERATOR, "cse:unassigned_request", "", _without_key),
)


def by_person() -> dict[str, list[Opened]]:
    people: dict[str, list[Opened]] = {}
    for opened in PAGES:
        people.setdefault(opened.who, []).append(opened)
    return people
