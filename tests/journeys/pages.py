"""Every page of the portal, and who opens it with which of the demo's data."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from uuid import UUID, uuid4

from allauth.account.internal.flows.login import record_authentication
from django.conf import settings
from django.core.signing import get_cookie_signer
from django.test import Client, RequestFactory, override_settings
from django.urls import reverse
from django.utils import timezone

from accounts.models import Membership, Organisation, User
from accounts.services.demo import add_person
from accounts.services.membership import request_membership
from accounts.states import MembershipState
from billing.models import Collection, CreditAccount, Entry
from billing.models import Statement as CardStatement
from config.demo.merchants import TID
from config.demo.people import BUYER, KEY, MEMBER, MERCHANT, NEWCOMER, OPERATOR, STAFF
from kernel.calendar import local_date
from loyalty.models import Challenge, Member, Programme, Promotion
from loyalty.services.enrol import Applicant, start_enrolment
from loyalty.services.promote import grant_promotion
from loyalty.services.ship import join_programme, ship_programmes
from loyalty.services.spend import hold_points
from merchants.doors import COOKIE, SALT
from merchants.models import Device, Dispute, Operator, Sale, SettledSale, Statement, Terminal
from merchants.selectors.devices import device_session, token_index
from merchants.services.receipt import receipt_token
from merchants.views.common import card_token
from orders.gateways.base import CheckoutRequest
from orders.models import BulkOrder, Order, Product
from orders.services.cart import add_line
from orders.services.payment import start_payment
from orders.states import OrderState
from sandbox.models import BankSession, Mail
from sandbox.services.bank import open_session, submit_card
from sandbox.states import SessionState
from tests.billing.banking import booked, next_debit, signed
from tests.billing.factories import make_account, noon
from tests.loyalty.points import buy
from tests.loyalty.points import member as loyalty_member
from tests.orders.booking_rows import make_booking
from tests.support import run_jobs
from tests.wallet.cinema_factories import make_place_card, make_place_product, make_screening
from wallet.models import Booking, Card, Screening
from wallet.selectors.till import till_card_by_id
from wallet.states import BookingState

NOBODY = ""
TILL = "terminal@"  # no account: a device of the demo's terminal
EVENING, CALLED_OFF = "seance-du-soir", "seance-annulee"
CSE = "ateliers-verdore"
WITH_CODE = "4999990000000015"
Arguments = Callable[[], tuple[object, ...]]


@dataclass(frozen=True)
class Opened:
    """One page as one person opens it. `what` tells several uses of the same address apart."""

    who: str
    name: str
    what: str = ""
    arguments: Arguments = field(default=tuple)
    query: str = ""
    status: int = 200

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
    if email == TILL:
        return till_cookies()
    client, user = Client(), User.objects.get(email=email)
    client.force_login(user)
    request = RequestFactory().get("/")
    request.session = client.session
    record_authentication(request, user, method="mfa", type="totp", reauthenticated=True)
    request.session.save()
    return {settings.SESSION_COOKIE_NAME: client.cookies[settings.SESSION_COOKIE_NAME].value}


def till_cookies() -> dict[str, str]:
    """The demo's terminal with its manager signed in on the device whose token is `TILL`."""
    terminal = Terminal.objects.get(tid=TID)
    facts = {
        "terminal": terminal,
        "operator": Operator.objects.get(login="responsable"),
        "label": "Chrome, Android",
        "made_at": timezone.now(),
        "signed_in_at": timezone.now(),
        "last_seen_at": timezone.now(),
    }
    Device.objects.get_or_create(token_index=token_index(TILL), defaults=facts)
    return {COOKIE: get_cookie_signer(salt=COOKIE + SALT).sign(TILL)}


def _shown_card() -> tuple[object, ...]:
    """A card of Camille's as the till's device was shown it."""
    session = device_session(TILL, at=timezone.now())
    found = Card.objects.filter(kind="prepaid", holder__email=MEMBER, state="active").earliest("issued_at")
    assert session is not None
    return (card_token(session, till_card_by_id(found.pk)),)


def _sale(**fields: object) -> Arguments:
    return lambda: (Sale.objects.filter(terminal__tid=TID, **fields).latest("rank").rank,)


def _settled() -> tuple[object, ...]:
    return (SettledSale.objects.filter(sale__disputes__isnull=True).latest("sale__rank").sale.reference,)


def _disputed() -> tuple[object, ...]:
    return (Dispute.objects.latest("pk").sale.reference,)


def _cancelled_reference() -> tuple[object, ...]:
    return (Sale.objects.filter(reversal__isnull=False).latest("rank").reference,)


def _statement() -> tuple[object, ...]:
    return (Statement.objects.latest("ends_on").number,)


def _cashier() -> tuple[object, ...]:
    return (Operator.objects.get(login="noe").pk,)


def _receipt() -> tuple[object, ...]:
    return (receipt_token(Sale.objects.filter(terminal__tid=TID).latest("rank").pk),)


def _order(state: OrderState) -> Arguments:
    def find() -> tuple[object, ...]:
        return (Order.objects.filter(customer__email=MEMBER, state=state).latest("pk").number,)

    return find


def _card(face_minor: int, *, issuer: str = "own") -> Arguments:
    def find() -> tuple[object, ...]:
        found = Card.objects.filter(holder__email=MEMBER, face_minor=face_minor, intent__issuer=issuer)
        return (found.earliest("issued_at").pk,)

    return find


def _places(kind: str, **fields: str) -> Arguments:
    def find() -> tuple[object, ...]:
        return (Card.objects.filter(holder__email=MEMBER, kind=kind, **fields).earliest("issued_at").pk,)

    return find


def _prepaid(state: str) -> Arguments:
    return _places("prepaid", state=state)


def _credit(state: str) -> Arguments:
    return _places("credit", state=state)


def _bill(rank: int) -> Arguments:
    """The member's statements, the newest first."""

    def find() -> tuple[object, ...]:
        mine = CardStatement.objects.filter(account__holder__email=MEMBER)
        return (mine.order_by("-closes_on")[rank].number,)

    return find


def _credit_account() -> tuple[object, ...]:
    return (CreditAccount.objects.get(holder__email=MEMBER).pk,)


def _line(**fields: object) -> Arguments:
    return lambda: (Entry.objects.filter(account__holder__email=MEMBER, **fields).latest("at").pk,)


def _bulk(state: str) -> Arguments:
    return lambda: (BulkOrder.objects.filter(buyer__email=BUYER, state=state).latest("pk").number,)


def _membership(state: MembershipState) -> Arguments:
    def find() -> tuple[object, ...]:
        return (Membership.objects.filter(state=state, organisation__slug=CSE).latest("pk").pk,)

    return find


def _without_key() -> tuple[object, ...]:
    return (Membership.objects.filter(organisation=None).latest("pk").pk,)


def furnish() -> None:
    """What the demo leaves out: a filled cart, an open bank page, a letter and an SMS."""
    now, member = timezone.now(), User.objects.get(email=MEMBER)
    product = Product.objects.get(slug="e-carte-economies")
    for euros in (50, 100, 10):
        add_line(customer_id=member.pk, product_id=product.pk, face_minor=euros * 100, quantity=1, at=now)
    (number,) = _order(OrderState.AWAITING_PAYMENT)()
    order_id = int(str(number).removeprefix("CMD-"))
    start_payment(order_id=order_id, customer_id=member.pk, at=now)
    submit_card(session_id=_session(SessionState.OPEN), number=WITH_CODE, at=now)
    open_session(request=_other_shop(now), at=now)
    newcomer = add_person(email="camille.autre@demo.example", password=None, at=now)
    request_membership(user_id=newcomer.pk, key=KEY, at=now)
    furnish_cinema(member)
    furnish_loyalty(member)
    furnish_billing(User.objects.get(email=STAFF))
    with override_settings(EMAIL_BACKEND="sandbox.mail.MailboxBackend"):
        run_jobs()


def furnish_cinema(member: User) -> None:
    """A screening that some of the member's cards open, one that none does, and bookings in every state."""
    evening = make_screening(code=EVENING, starts_at=timezone.now() + timedelta(days=3), language="VF")
    gone = make_screening(code=CALLED_OFF, state="cancelled")
    card = make_place_card(member, 3, product=make_place_product())
    make_place_card(member, 1, product=make_place_product(technologies=["imax"]))
    make_booking(member, evening, seats=3, means={card: 2})
    make_booking(member, evening, moved_from=evening.starts_at - timedelta(days=1), code="MOVED2345678")
    make_booking(member, evening, state=BookingState.HELD)
    make_booking(member, evening, state=BookingState.RELEASED)
    make_booking(member, gone, seats=1, means={card: 1}, state=BookingState.CANCELLED, end="screening")


def furnish_billing(holder: User) -> None:
    """A card whose last statement was debited a few days ago, so that its holder may still object."""
    today = local_date(timezone.now())
    account = make_account(holder, at=noon(today - timedelta(days=60)))
    CreditAccount.objects.filter(pk=account.pk).update(closes_on=today - timedelta(days=26))
    signed(account, at=noon(today - timedelta(days=40)))
    booked(next_debit(account))


def furnish_loyalty(member: User) -> None:
    """Points of every sort in two programmes, an enrolment on its way, and points that are stopped."""
    now = timezone.now()
    ship_programmes(at=now - timedelta(days=800))
    join_programme(organisation_id=Organisation.objects.get(slug=CSE).pk, programme_slug="mirabelle")
    mine, cafes = (
        enrolled(member, slug, at=now - timedelta(days=400)) for slug in ("mirabelle", "croissant")
    )
    for days, amount_minor in ((300, 9_000_00), (150, 8_000_00), (60, 4_567_00), (2, 612_40)):
        buy(mine, amount_minor, at=now - timedelta(days=days), ref=f"order:{days}")
    buy(cafes, 31_240_00, at=now - timedelta(days=40), channel="shop", outlet="HALLES")
    hold_points(key=uuid4(), member_id=mine.pk, amount_minor=12_40, purchase_minor=100_00, at=now)
    offer = Promotion.objects.create(
        programme=cafes.programme,
        name="Semaine du port",
        points_minor=200_00,
        outlets="PORT\nQUAI-3",
        conditions="Une boisson chaude achetée.",
        starts_on=now.date() - timedelta(days=1),
        ends_on=now.date() + timedelta(days=1),
    )
    grant_promotion(promotion_id=offer.pk, member_ids=[cafes.pk], at=now)
    staff, operator = (User.objects.get(email=email) for email in (STAFF, OPERATOR))
    facts = {"phone": "06 39 98 00 55", "birth_on": date(1990, 5, 17), "consent_version": 1}
    start_enrolment(programme_id=mine.programme_id, applicant=Applicant(user_id=staff.pk, **facts), at=now)
    Member.objects.filter(pk=enrolled(operator, "family", at=now).pk).update(state="suspected")


def enrolled(person: User, slug: str, *, at: datetime) -> Member:
    """The person's member, made unless the demo did."""
    found = Member.objects.filter(user=person, programme__slug=slug).first()
    return found or loyalty_member(Programme.objects.get(slug=slug), user_id=person.pk, at=at)


def _challenge() -> tuple[object, ...]:
    return ("mirabelle", Challenge.objects.get(user__email=STAFF).pk)


def _screening(code: str) -> Arguments:
    return lambda: (Screening.objects.get(code=code).pk,)


def _booking(state: BookingState, *, moved: bool = False) -> Arguments:
    def find() -> tuple[object, ...]:
        found = Booking.objects.filter(customer__email=MEMBER, state=state, moved_from__isnull=not moved)
        return (found.latest("pk").number,)

    return find


def _session(state: SessionState) -> UUID:
    return BankSession.objects.filter(state=state).latest("created_at").pk


def _other_shop(now: datetime) -> CheckoutRequest:
    return CheckoutRequest(
        reference="MB999999-000000",
        amount_minor=15200,
        currency="EUR",
        description="Mirabelle CMD-999999",
        customer_email=MEMBER,
        language="fr",
        return_url="/",
        expires_at=now + timedelta(hours=1),
    )


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
            "cinema:programme",
            "sandbox:index",
            "sandbox:mail",
            "sandbox:sms",
            "sandbox:totp",
            "account_reset_password_from_key_done",
        )
    ),
    Opened(NOBODY, "sandbox:letter", "", lambda: (Mail.objects.latest("pk").pk,)),
    Opened(MEMBER, "sandbox:bank", "card", lambda: (_session(SessionState.OPEN),)),
    Opened(MEMBER, "sandbox:bank", "code", lambda: (_session(SessionState.CHALLENGED),)),
    Opened(NOBODY, "account_reset_password_from_key", "dead", lambda: ("1", "x")),
    Opened(NOBODY, "account_confirm_email", "dead", lambda: ("x",)),
    Opened(NOBODY, "orders:terms_version", "", lambda: (1,)),
    Opened(NOBODY, "wallet:claim", "unknown", lambda: ("x" * 43,), status=404),
    *(
        Opened(MEMBER, name)
        for name in (
            "home",
            "orders:catalogue",
            "orders:cart",
            "orders:list",
            "wallet:index",
            "wallet:register",
            "wallet:sent",
            "wallet:reminders",
            "wallet:which",
            "cinema:programme",
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
    Opened(NOBODY, "booking:seats", "", _screening(EVENING)),
    Opened(MEMBER, "booking:seats", "called-off", _screening(CALLED_OFF)),
    Opened(MEMBER, "booking:tariffs", "", _screening(EVENING), "?places=4"),
    Opened(MEMBER, "booking:list"),
    Opened(STAFF, "booking:list", "empty"),
    *(Opened(MEMBER, "booking:detail", state, _booking(state)) for state in BookingState),
    Opened(MEMBER, "booking:detail", "moved", _booking(BookingState.CONFIRMED, moved=True)),
    Opened(MEMBER, "booking:cancel", "", _booking(BookingState.CONFIRMED)),
    Opened(MEMBER, "wallet:card", "places", _places("places", issuer="places:cine-5")),
    Opened(MEMBER, "wallet:card", "reward", _places("places", issuer="places:fidelite-5-7")),
    Opened(MEMBER, "wallet:card", "named", _places("named")),
    Opened(MEMBER, "wallet:till", "places", _places("places", issuer="places:cine-5")),
    Opened(MEMBER, "wallet:index", "only-places", query="?type=places"),
    Opened(MEMBER, "loyalty:home"),
    Opened(MEMBER, "loyalty:programme", "ladder", lambda: ("croissant",)),
    Opened(MEMBER, "loyalty:programme", "claiming", lambda: ("mirabelle",), "?echanger=5-7"),
    Opened(MEMBER, "loyalty:history", "", lambda: ("mirabelle",)),
    Opened(MEMBER, "loyalty:history", "movements", lambda: ("mirabelle",), "?vue=mouvements"),
    Opened(MEMBER, "loyalty:code", "", lambda: ("mirabelle",)),
    Opened(MEMBER, "wallet:index", "only-prepaid", query="?type=prepayees"),
    *(
        Opened(MEMBER, name, "prepaid", _prepaid("active"))
        for name in (
            "wallet:card",
            "wallet:till",
            "wallet:block",
            "wallet:cvc",
            "wallet:replace",
            "orders:load",
        )
    ),
    Opened(MEMBER, "wallet:card", "frozen", _prepaid("blocked")),
    Opened(MEMBER, "wallet:unfreeze", "", _prepaid("blocked")),
    Opened(MEMBER, "wallet:index", "only-credit", query="?type=credit"),
    *(
        Opened(MEMBER, name, "credit", _credit("active"))
        for name in ("wallet:card", "wallet:block", "wallet:pin", "wallet:replace", "wallet:unfreeze")
    ),
    *(
        Opened(MEMBER, name, "lost", _credit("blocked"))
        for name in ("wallet:card", "wallet:block", "wallet:replace")
    ),
    Opened(MEMBER, "billing:index"),
    Opened(MEMBER, "billing:statement", "older", _bill(1)),
    Opened(MEMBER, "billing:simulation", "least", _bill(0), query="?choix=minimum"),
    Opened(MEMBER, "billing:simulation", "wrong", _bill(0), query="?choix=autre&montant=x", status=422),
    Opened(MEMBER, "billing:interest", "", _bill(0)),
    Opened(MEMBER, "billing:lines", "", _bill(0), query=f"?apres={UUID(int=0)}"),
    Opened(MEMBER, "billing:running", "", _credit_account, query=f"?apres={UUID(int=0)}"),
    *(
        Opened(MEMBER, name, "", _credit_account)
        for name in ("billing:account", "billing:history", "billing:day", "billing:mandate")
    ),
    Opened(MEMBER, "billing:dispute", "", _line(dispute=None, kind="purchase")),
    Opened(MEMBER, "billing:dispute", "open", _line(dispute__outcome="open")),
    Opened(STAFF, "billing:index", "debited"),
    Opened(STAFF, "billing:objection", "", lambda: (Collection.objects.latest("pk").pk,)),
    Opened(NEWCOMER, "billing:index", "none"),
    Opened(MEMBER, "orders:product", "prepaid", lambda: ("carte-alpage",)),
    Opened(MEMBER, "orders:product", "places", lambda: ("cinecarte-5-places",)),
    Opened(MEMBER, "orders:pay", "", _order(OrderState.AWAITING_PAYMENT)),
    Opened(MEMBER, "orders:detail", "refused", _order(OrderState.AWAITING_PAYMENT)),
    Opened(NEWCOMER, "accounts:waiting"),
    Opened(NEWCOMER, "accounts:profile"),
    Opened(NEWCOMER, "loyalty:home", "invited"),
    Opened(NEWCOMER, "loyalty:enrol", "", lambda: ("mirabelle",)),
    Opened(STAFF, "loyalty:home", "without-cse"),
    Opened(STAFF, "loyalty:confirm", "", _challenge),
    Opened(OPERATOR, "loyalty:programme", "suspected", lambda: ("family",)),
    Opened(STAFF, "orders:cart", "empty"),
    Opened(STAFF, "wallet:index", "empty"),
    Opened(STAFF, "orders:list", "empty"),
    *(
        Opened(STAFF, name)
        for name in (
            "cse:queue",
            "cse:members",
            "cse:keys",
            "mfa_index",
            "mfa_generate_recovery_codes",
            "mfa_deactivate_totp",
        )
    ),
    Opened(STAFF, "cse:queue", "searched", query="?q=zzz"),
    Opened(STAFF, "cse:request", "pending", _membership(MembershipState.PENDING)),
    Opened(STAFF, "cse:member", "approved", _membership(MembershipState.APPROVED)),
    Opened(STAFF, "cse:member", "refused", _membership(MembershipState.REFUSED)),
    Opened(NOBODY, "terminal:sign_in"),
    Opened(NOBODY, "terminal:activate", "", query="?tid=CM0002"),
    Opened(NOBODY, "terminal:offline"),
    Opened(NOBODY, "terminal:receipt", "", _receipt),
    Opened(NOBODY, "terminal:receipt", "unknown", lambda: ("x",), status=404),
    *(
        Opened(TILL, f"terminal:{name}")
        for name in ("start", "search", "balance", "undo", "points", "journal", "settings")
    ),
    Opened(TILL, "terminal:amount", "", _shown_card),
    Opened(TILL, "terminal:balance_of", "", _shown_card),
    Opened(TILL, "terminal:sale", "last", _sale()),
    Opened(TILL, "terminal:sale", "cancelled", _sale(reversal__isnull=False)),
    Opened(TILL, "terminal:outcome", "unknown", lambda: (UUID(int=1),), status=404),
    *(
        Opened(MERCHANT, f"merchant:{name}")
        for name in ("transactions", "statements", "disputes", "terminals", "team")
    ),
    Opened(MERCHANT, "merchant:transactions", "filtered", query=f"?terminal={TID}&du=2020-01-01"),
    Opened(MERCHANT, "merchant:transactions", "none", query="?du=2020-01-01&au=2020-01-02"),
    Opened(MERCHANT, "merchant:transactions", "wrong", query="?du=x&terminal=x", status=422),
    Opened(MERCHANT, "merchant:transaction", "settled", _settled),
    Opened(MERCHANT, "merchant:transaction", "disputed", _disputed),
    Opened(MERCHANT, "merchant:transaction", "cancelled", _cancelled_reference),
    Opened(MERCHANT, "merchant:dispute_sale", "", _settled),
    Opened(MERCHANT, "merchant:statement", "", _statement),
    Opened(MERCHANT, "merchant:dispute_statement", "", _statement),
    Opened(MERCHANT, "merchant:dispute", "", lambda: (Dispute.objects.latest("pk").pk,)),
    Opened(MERCHANT, "merchant:password", "", _cashier),
    Opened(BUYER, "orders:bulk_list"),
    Opened(BUYER, "orders:bulk_new"),
    Opened(BUYER, "orders:bulk", "report", _bulk("checked")),
    Opened(BUYER, "orders:bulk", "delivered", _bulk("sent")),
    Opened(BUYER, "orders:list", "grouped"),
    Opened(OPERATOR, "cse:unassigned"),
    Opened(OPERATOR, "cse:unassigned_request", "", _without_key),
)


def by_person() -> dict[str, list[Opened]]:
    people: dict[str, list[Opened]] = {}
    for opened in PAGES:
        people.setdefault(opened.who, []).append(opened)
    return people
