"""A bakery that takes prepaid cards: its contract, two terminals, its people, and some days of sales."""

import uuid
from copy import deepcopy
from dataclasses import dataclass
from datetime import datetime, timedelta

from accounts.models import User
from accounts.services.demo import add_person
from config.demo.people import PASSWORD, Cast
from config.demo.settlement import tell_settlement
from kernel.calendar import local_date
from loyalty.models import Programme
from loyalty.selectors.till import till_member_of_user
from loyalty.services.join import Newcomer, join_member
from loyalty.services.programme import draft_version, publish_version
from loyalty.shipped import CROISSANT
from merchants.models import Device, Merchant, Operator, Outlet, Terminal
from merchants.services.onboard import add_terminal, agree, keep_merchant
from merchants.services.sell import record_sale
from merchants.services.team import add_operator
from merchants.services.undo import ReversalRequest, record_reversal
from merchants.states import OperatorRole, SaleRecord, SaleRequest
from wallet.models import Card
from wallet.services.issue import issue_batch
from wallet.services.plan import CardRequest, plan_issue
from wallet.states import NO_END

TID = "CM0001"
BAKERY = "Boulangerie des Vergers"
IBAN = "CH9300762011623852957"  # the registry's own example: no bank has it
REGULARS = ("Inès", "Malo", "Rose")
# How long ago in days and minutes before now, which customer (0: Camille), centimes, cancelled at once.
SALES = (
    (37, 300, 3, 620, False),  # these are settled, whatever day of the month it is
    (36, 210, 2, 840, False),
    (34, 405, 2, 560, False),
    (33, 95, 3, 1_150, False),
    (30, 280, 1, 480, False),
    (27, 130, 3, 390, False),
    (25, 340, 2, 1_290, False),
    (25, 335, 2, 1_290, True),
    (20, 75, 3, 760, False),
    (17, 250, 1, 520, False),
    (14, 310, 2, 480, False),
    (12, 60, 3, 540, False),
    (9, 190, 2, 950, False),
    (6, 320, 1, 640, False),
    (6, 205, 2, 1_120, False),
    (5, 410, 3, 480, False),
    (5, 95, 1, 2_350, False),
    (4, 300, 0, 720, False),
    (3, 260, 2, 390, False),
    (3, 255, 2, 390, True),  # typed twice, and cancelled
    (2, 180, 3, 1_560, False),
    (1, 330, 1, 845, False),
    (1, 90, 0, 560, False),
    (0, 46, 3, 1_240, False),
    (0, 31, 2, 680, False),
    (0, 12, 1, 2_450, False),
)


@dataclass(frozen=True)
class Bakery:
    """What a sale at the first terminal needs."""

    merchant: Merchant
    terminal: Terminal
    operator: Operator
    device: Device


def tell_merchants(cast: Cast, *, at: datetime) -> None:
    """The bakery opened its terminal two months ago; Camille and three regulars pay there."""
    bakery = _open_bakery(at=at - timedelta(days=62))
    # A second terminal waits for its activation: its paper is in the admin.
    add_terminal(outlet_id=bakery.terminal.outlet_id, at=at - timedelta(days=1))
    regulars = [_regular(name, bakery, at=at - timedelta(days=40 + n)) for n, name in enumerate(REGULARS)]
    _join(bakery, cast.member, "+33639980042", at=at - timedelta(days=39))
    cards = [_card_in_use(cast.member), *regulars]
    for days, minutes, who, amount, is_cancelled in SALES:
        when = at - timedelta(days=days, minutes=minutes)
        sold = _sell(bakery, cards[who], amount, at=when)
        if is_cancelled:
            _cancel(bakery, sold, at=when + timedelta(minutes=1))
    tell_settlement(bakery.merchant.pk, at=at)


def _open_bakery(*, at: datetime) -> Bakery:
    merchant = keep_merchant(
        Merchant(
            legal_name="Les Vergers Boulangers Sàrl",
            address="3 place du Marché",
            postal_code="0001",
            city="Exempleville",
            email="boulangerie@demo.example",
            iban=IBAN,
            vat_number="CHE-000.000.000 TVA",
            programme=_programme(at=at),
        )
    )
    agree(
        merchant_id=merchant.pk,
        starts_on=local_date(at) - timedelta(days=30),
        commission_bp=150,
        fixed_fee_minor=10,
    )
    outlet = Outlet.objects.create(
        merchant=merchant, code="vergers-marche", name=BAKERY, address="3 place du Marché, Exempleville"
    )
    terminal = add_terminal(outlet_id=outlet.pk, at=at)
    assert terminal.tid == TID
    operator_id = add_operator(
        merchant_id=merchant.pk,
        login="responsable",
        name="Élise Vernet",
        password=PASSWORD,
        role=OperatorRole.MANAGER,
    )
    add_operator(
        merchant_id=merchant.pk, login="noe", name="Noé", password=PASSWORD, role=OperatorRole.CASHIER
    )
    device = Device.objects.create(
        terminal=terminal,
        token_index=uuid.uuid5(uuid.NAMESPACE_URL, "demo:till").hex,  # no cookie has it
        label="Chrome, Android",
        made_at=at,
        last_seen_at=at,
    )
    return Bakery(merchant, terminal, Operator.objects.get(pk=operator_id), device)


def _programme(*, at: datetime) -> Programme:
    """The cafés' rules in Swiss francs: a point is one unit of the currency that the till takes."""
    made = Programme.objects.create(slug="vergers", name="Vergers", currency="CHF")
    version_id = draft_version(programme_id=made.pk, rules=deepcopy(CROISSANT), at=at)
    publish_version(version_id=version_id, at=at)
    return made


def _regular(name: str, bakery: Bakery, *, at: datetime) -> Card:
    """A member of the programme with a prepaid card of CHF 80."""
    person = add_person(
        email=f"{name.lower().replace('è', 'e')}.vergers@demo.example",
        password=None,
        at=at,
        first_name=name,
        last_name="Aubry",
    )
    _join(bakery, person, f"+3363998010{REGULARS.index(name)}", at=at)
    batch = f"demo:vergers:{person.pk}"
    request = CardRequest(
        face_minor=8_000,
        currency="CHF",
        product_name="Carte Alpage",
        label="",
        artwork="alpine",
        issuer="prepaid",
        restriction_text="",
        expires_on=NO_END,
    )
    plan_issue(batch=batch, holder_id=person.pk, cards=[request], due_at=at, at=at)
    issue_batch(batch=batch, at=at)
    return Card.objects.get(batch=batch)


def _join(bakery: Bakery, person: User, phone: str, *, at: datetime) -> None:
    assert bakery.merchant.programme_id is not None
    newcomer = Newcomer(
        phone=phone,
        birth_on=person.birth_date or local_date(at).replace(year=1990),
        consent_version=1,
        consented_at=at,
        user_id=person.pk,
        first_name=person.first_name,
        last_name=person.last_name,
    )
    join_member(programme_id=bakery.merchant.programme_id, newcomer=newcomer, at=at)


def _card_in_use(member: User) -> Card:
    """Camille's card that is not frozen."""
    return Card.objects.filter(holder=member, kind="prepaid", state="active").earliest("issued_at")


def _sell(bakery: Bakery, card: Card, amount: int, *, at: datetime) -> SaleRecord:
    return record_sale(
        sale=SaleRequest(
            key=_key(f"{card.pk}:{at.isoformat()}"),
            terminal_id=bakery.terminal.pk,
            operator_id=bakery.operator.pk,
            bill_minor=amount,
            card_id=card.pk,
            card_last4=card.last4,
            member_id=_member_of(bakery, card),
        ),
        at=at,
    )


def _member_of(bakery: Bakery, card: Card) -> int:
    assert card.holder_id is not None
    assert bakery.merchant.programme_id is not None
    member = till_member_of_user(programme_id=bakery.merchant.programme_id, user_id=card.holder_id)
    assert member is not None
    return member.member_id


def _cancel(bakery: Bakery, sold: SaleRecord, *, at: datetime) -> None:
    record_reversal(
        request=ReversalRequest(
            key=_key(f"cancelled:{sold.key}"),
            terminal_id=bakery.terminal.pk,
            device_id=bakery.device.pk,
            operator_id=bakery.operator.pk,
            rank=sold.rank,
        ),
        at=at,
    )


def _key(name: str) -> uuid.UUID:
    return uuid.uuid5(uuid.NAMESPACE_URL, f"demo:merchants:{name}")
