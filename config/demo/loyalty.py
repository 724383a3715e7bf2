"""Camille's points in three programmes, other members beside her, and what an operator finds to do."""

import uuid
from datetime import date, datetime, timedelta

from accounts.models import User
from config.demo.people import Cast
from kernel.calendar import local_date
from ledger.services.expire import expire_due
from loyalty.models import Member, Programme, ProgrammeVersion, Promotion, Purchase, Suspicion
from loyalty.services.details import link_card
from loyalty.services.duplicates import clear_duplicate
from loyalty.services.earn import record_purchase
from loyalty.services.join import Newcomer, join_member
from loyalty.services.programme import draft_version
from loyalty.services.promote import ask_grant, continue_grant
from loyalty.services.refund import refund_purchase
from loyalty.services.rewards import claim_reward
from loyalty.services.settle import settle_member
from loyalty.services.ship import join_programme, ship_programmes
from loyalty.services.spend import capture_points, hold_points
from loyalty.states import Channel
from orders.models import Order
from orders.states import OrderState

OPENED, JOINED = timedelta(days=600), timedelta(days=440)
LOYALTY_CARD = "2900 4417 6203"
PAID = (OrderState.VALIDATED, OrderState.FULFILLING, OrderState.FULFILLED)
# Days ago and cents of a family's evenings at the cinema: 1 point for 1 euro.
EVENINGS = (
    *((352, 71_40), (331, 64_00), (298, 78_50), (270, 59_80), (243, 66_00), (214, 83_20), (186, 71_00)),
    *((158, 62_60), (130, 74_90), (101, 68_40), (73, 79_00), (58, 91_20), (33, 64_70), (9, 57_30)),
)
# Breakfasts that Camille orders for the works council: they lift her to Gold.
BREAKFASTS = (
    *((344, 2_480_00), (310, 2_655_00), (276, 2_390_00), (241, 2_710_00), (205, 2_840_00), (170, 2_275_00)),
    *((136, 2_960_00), (104, 2_540_00), (77, 2_890_00), (52, 3_105_00), (38, 2_450_00), (19, 2_765_00)),
)
OUTLETS = ("lices", "marais")
# Others in Mirabelle, whom a replay counts: name, days ago and cents.
OTHERS = (
    ("Solène", "Quéré", ((84, 60_00), (51, 142_50), (12, 95_00))),
    ("Bruno", "Castel", ((80, 310_00), (24, 47_50))),
    ("Inès", "Valette", ((76, 28_50), (47, 66_50), (30, 38_00), (5, 19_00))),
    ("Marc", "Tissot", ((69, 190_00), (41, 237_50))),
    ("Yaël", "Perrin", ((64, 33_25), (20, 427_50))),
    ("Odile", "Fabre", ((58, 152_00), (29, 76_00), (8, 114_00))),
    ("Karim", "Bellec", ((55, 23_75), (35, 47_50), (15, 71_25))),
    ("Lison", "Humbert", ((44, 285_00),)),
)


def open_loyalty(cast: Cast, *, at: datetime) -> None:
    """The programmes, who earns where, and Camille in Mirabelle before her first order."""
    ship_programmes(at=at - OPENED)
    join_programme(organisation_id=cast.cse.pk, programme_slug="mirabelle")
    join_programme(organisation_id=cast.other_cse.pk, programme_slug="family")
    _join("mirabelle", cast.member, at=at - JOINED)


def loyalty_is_told() -> bool:
    """Whether an earlier telling has opened the programmes."""
    return Programme.objects.exists()


def fill_loyalty(cast: Cast, *, at: datetime) -> None:
    """Everything else, once her orders are told."""
    _orders_earn(cast)
    _cinema(cast, at=at)
    _cafe(cast, at=at)
    _others(cast, at=at)
    _promotions(cast, at=at)
    _draft(at=at)
    for member_id in Member.objects.order_by("pk").values_list("pk", flat=True):
        settle_member(member_id=member_id, at=at)
    while expire_due(at=at).lots:
        pass


def _orders_earn(cast: Cast) -> None:
    """Orders paid before there were points to earn."""
    member_id = _member("mirabelle", cast.member)
    paid = Order.objects.filter(
        customer=cast.member, state__in=PAID, organisation=cast.cse, currency="EUR", loads=None
    )
    for order in paid.order_by("paid_at"):
        if order.paid_at is not None and not Purchase.objects.filter(ref=f"order:{order.pk}").exists():
            record_purchase(
                key=uuid.uuid5(uuid.NAMESPACE_OID, f"mirabelle order {order.pk} purchase"),
                member_id=member_id,
                channel=Channel.ONLINE,
                amount_minor=order.total_minor,
                ref=f"order:{order.pk}",
                at=order.paid_at,
            )


def _cinema(cast: Cast, *, at: datetime) -> None:
    """A year of evenings: two rewards are claimed, and there is enough for another."""
    member_id = _join("cinema", cast.member, at=at - timedelta(days=360))
    claims = {40: "5-7", 20: "7-7"}
    for days in sorted({*(days for days, _ in EVENINGS), *claims}, reverse=True):
        then = at - timedelta(days=days, hours=3)
        if days in claims:
            claim_reward(key=_key(f"claim {days}"), member_id=member_id, reward_code=claims[days], at=then)
        else:
            _buy(member_id, dict(EVENINGS)[days], f"cinema {days}", outlet="belvedere", at=then)


def _cafe(cast: Cast, *, at: datetime) -> None:
    """A year in Croissant: welcome, tier, birthday, points spent at the till, a bill brought back."""
    joined_at = at - timedelta(days=364)
    member_id = _join("croissant", cast.member, at=joined_at)
    link_card(member_id=member_id, number=LOYALTY_CARD, at=joined_at)
    for number, (days, amount) in enumerate(BREAKFASTS):
        then = at - timedelta(days=days, hours=4)
        _birthday(member_id, before=then)
        _buy(member_id, amount, f"cafe {days}", outlet=OUTLETS[number % 2], at=then)
        if number in (4, 8, 10):
            _spend(member_id, 180_00, 940_00, f"cafe {days}", outlet=OUTLETS[number % 2], at=then)
    refund_purchase(
        key=_key("brought back"),
        purchase_key=_key("cafe 38"),
        amount_minor=450_00,
        at=at - timedelta(days=36),
    )
    _birthday(member_id, before=at)


def _birthday(member_id: int, *, before: datetime) -> None:
    """Credited on its day, as the sweep does; weeks later its points would be over and come to nothing."""
    due_at = Member.objects.get(pk=member_id).birthday_due_at
    if due_at is not None and due_at < before:
        settle_member(member_id=member_id, at=due_at)


def _others(cast: Cast, *, at: datetime) -> None:
    """Members who enrolled at a till. Two pairs look like one person each; one is decided."""
    for number, (first, last, bills) in enumerate(OTHERS):
        then = at - timedelta(days=88 - number)
        member_id = _join_at_till(first, last, number, date(1979 + number, 3, 9 + number), at=then)
        for days, amount in bills:
            _buy(member_id, amount, f"till {number} {days}", outlet="", at=at - timedelta(days=days))
    twice = _join_at_till("Solène", "Quéré", 40, date(1979, 3, 9), at=at - timedelta(days=11))
    _buy(twice, 64_00, "twice", outlet="", at=at - timedelta(days=10))
    _join_at_till("Odille", "Fabre", 41, date(1984, 3, 14), at=at - timedelta(days=26))
    decided = Suspicion.objects.latest("pk")
    clear_duplicate(
        suspicion_id=decided.pk,
        actor_id=cast.operator.pk,
        reason="Deux cousines, pièces d'identité vues au magasin.",
        at=at - timedelta(days=24),
    )


def _promotions(cast: Cast, *, at: datetime) -> None:
    """One for a café, with conditions, and one that pays in the shop at once."""
    today = local_date(at)
    lices = Promotion.objects.create(
        programme=Programme.objects.get(slug="croissant"),
        name="Terrasse des Lices",
        points_minor=60_00,
        outlets="lices",
        days=21,
        conditions="Au café des Lices seulement, boissons et formules du midi.",
        starts_on=today - timedelta(days=20),
        ends_on=today + timedelta(days=20),
    )
    season = Promotion.objects.create(
        programme=Programme.objects.get(slug="mirabelle"),
        name="Merci de votre fidélité",
        points_minor=15_00,
        days=60,
        conditions="Pour toute commande de la boutique.",
        starts_on=today - timedelta(days=30),
        ends_on=today + timedelta(days=30),
    )
    for promotion, days in ((lices, 4), (season, 3)):
        then = at - timedelta(days=days)
        grant_id = ask_grant(promotion_id=promotion.pk, actor_id=cast.operator.pk, at=then)
        while continue_grant(grant_id=grant_id, at=then):
            pass


def _draft(*, at: datetime) -> None:
    """A draft for an operator to look at, replay and publish."""
    version = ProgrammeVersion.objects.select_related("programme").get(programme__slug="mirabelle")
    brackets = [
        {"from_minor": 0, "to_minor": 100_00, "rate_bp": 200},
        {"from_minor": 100_00, "to_minor": None, "rate_bp": 350},
    ]
    draft_version(
        programme_id=version.programme_id,
        rules={**version.rules, "accrual": {"by": "brackets", "brackets": brackets}},
        note="Encourager les paniers de plus de 100 €",
        at=at - timedelta(days=6),
    )


def _join(slug: str, user: User, *, at: datetime) -> int:
    assert user.birth_date is not None
    return join_member(
        programme_id=Programme.objects.get(slug=slug).pk,
        newcomer=Newcomer(
            phone=user.phone,
            birth_on=user.birth_date,
            consent_version=1,
            consented_at=at,
            user_id=user.pk,
            first_name=user.first_name,
            last_name=user.last_name,
        ),
        at=at,
    )


def _join_at_till(first: str, last: str, number: int, birth_on: date, *, at: datetime) -> int:
    return join_member(
        programme_id=Programme.objects.get(slug="mirabelle").pk,
        newcomer=Newcomer(
            phone=f"+3363998{1000 + number}",
            birth_on=birth_on,
            consent_version=1,
            consented_at=at,
            first_name=first,
            last_name=last,
        ),
        at=at,
    )


def _member(slug: str, user: User) -> int:
    return Member.objects.get(programme__slug=slug, user=user).pk


def _buy(member_id: int, amount_minor: int, name: str, *, outlet: str, at: datetime) -> None:
    record_purchase(
        key=_key(name),
        member_id=member_id,
        channel=Channel.SHOP,
        amount_minor=amount_minor,
        outlet=outlet,
        ref=f"ticket {name}",
        at=at,
    )


def _spend(
    member_id: int, amount_minor: int, purchase_minor: int, name: str, *, outlet: str, at: datetime
) -> None:
    """As a till does it with a one-time code."""
    key = _key(f"spend {name}")
    hold_points(
        key=key,
        member_id=member_id,
        amount_minor=amount_minor,
        purchase_minor=purchase_minor,
        outlet=outlet,
        ref=f"ticket {name}",
        at=at,
    )
    capture_points(redemption_key=key, at=at)


def _key(name: str) -> uuid.UUID:
    return uuid.uuid5(uuid.NAMESPACE_URL, f"demo:loyalty:{name}")
