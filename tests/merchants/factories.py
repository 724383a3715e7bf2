"""A merchant with an outlet, a terminal and somebody at it; a card that pays there; and short words."""

from dataclasses import dataclass
from datetime import date, datetime
from itertools import count
from typing import Any
from uuid import uuid4

from django.test import Client
from django.utils import timezone

from loyalty.models import Member, Programme
from merchants.doors import COOKIE, SALT
from merchants.models import Contract, Device, Merchant, Operator, Outlet, Sale, Terminal
from merchants.selectors.devices import token_index
from merchants.services.onboard import add_terminal
from merchants.services.sell import count_points, debit_sale
from merchants.services.team import add_operator
from merchants.services.undo import ReversalRequest, reverse_sale
from merchants.states import OperatorRole, SaleRecord, SaleRequest
from tests.loyalty.points import LONG_AGO, RULES, phone
from tests.wallet.factories import make_user
from tests.wallet.prepaid_factories import cvc_of, make_prepaid
from wallet.models import Card

IBAN = "CH9300762011623852957"  # the registry's own example
PASSWORD = "croissant-au-beurre"
_numbers = count(1)


@dataclass(frozen=True)
class Till:
    """Everything that a sale needs."""

    merchant: Merchant
    outlet: Outlet
    terminal: Terminal
    operator: Operator
    device: Device
    token: str


def make_merchant(**fields: Any) -> Merchant:
    """Under contract since long ago."""
    number = next(_numbers)
    facts = {
        "legal_name": f"Vergers {number} Sàrl",
        "address": "1 rue du Four",
        "postal_code": "0000",
        "city": "Exempleville",
        "iban": IBAN,
        **fields,
    }
    merchant = Merchant.objects.create(**facts)
    Contract.objects.create(
        merchant=merchant, starts_on=date(2020, 1, 1), commission_bp=150, fixed_fee_minor=10
    )
    return merchant


def make_outlet(merchant: Merchant, **fields: Any) -> Outlet:
    number = next(_numbers)
    return Outlet.objects.create(
        merchant=merchant, **{"code": f"boutique-{number}", "name": f"Boulangerie {number}", **fields}
    )


def make_operator(merchant: Merchant, *, login: str = "", role: str = OperatorRole.MANAGER) -> Operator:
    login = login or f"caisse{next(_numbers)}"
    made = add_operator(
        merchant_id=merchant.pk, login=login, name=login.capitalize(), password=PASSWORD, role=role
    )
    return Operator.objects.get(pk=made)


def make_device(terminal: Terminal, operator: Operator | None, **fields: Any) -> tuple[Device, str]:
    token, now = f"jeton-{next(_numbers)}", timezone.now()
    facts = {
        "label": "Chrome, Android",
        "made_at": now,
        "signed_in_at": now if operator else None,
        "last_seen_at": now,
        **fields,
    }
    device = Device.objects.create(
        terminal=terminal, token_index=token_index(token), operator=operator, **facts
    )
    return device, token


def make_till(merchant: Merchant | None = None, **fields: Any) -> Till:
    """A terminal with its manager signed in on a device."""
    merchant = merchant or make_merchant(**fields)
    outlet = make_outlet(merchant)
    terminal = add_terminal(outlet_id=outlet.pk, at=timezone.now())
    operator = merchant.operators.first() or make_operator(merchant)
    device, token = make_device(terminal, operator)
    return Till(merchant, outlet, terminal, operator, device, token)


def make_card(balance_minor: int = 10_000, holder: Any = None, **fields: Any) -> Card:
    return make_prepaid(holder or make_user(), balance_minor, **fields)


def make_programme(base: str = "croissant", **changes: Any) -> Programme:
    """A programme in Swiss francs with the rules of a shipped one, changed."""
    from copy import deepcopy

    from loyalty.services.programme import draft_version, publish_version

    made = Programme.objects.create(slug=f"vergers-{next(_numbers)}", name="Les Vergers", currency="CHF")
    rules = {**deepcopy(RULES[base]), **changes}
    version_id = draft_version(programme_id=made.pk, rules=rules, at=LONG_AGO)
    publish_version(version_id=version_id, at=LONG_AGO)
    return made


def join(programme: Programme, *, user: Any = None, **fields: Any) -> Member:
    """Somebody who joined a while ago; welcome points, if the programme gives any, are theirs."""
    from loyalty.services.join import Newcomer, join_member

    now = timezone.now()
    facts = {
        "phone": phone(),
        "birth_on": date(1990, 5, 17),
        "consent_version": 1,
        "consented_at": now,
        "first_name": "Camille",
        "last_name": "Dubreuil",
        "user_id": user.pk if user else None,
        **fields,
    }
    return Member.objects.get(pk=join_member(programme_id=programme.pk, newcomer=Newcomer(**facts), at=now))


def request_for(till: Till, card: Card | None, bill_minor: int = 2_450, **fields: Any) -> SaleRequest:
    facts = {
        "key": uuid4(),
        "terminal_id": till.terminal.pk,
        "operator_id": till.operator.pk,
        "bill_minor": bill_minor,
        "card_id": card.pk if card else None,
        "card_last4": card.last4 if card else "",
    }
    return SaleRequest(**{**facts, **fields})


def sell(
    till: Till, card: Card, bill_minor: int = 2_450, *, at: datetime | None = None, **fields: Any
) -> SaleRecord:
    code = fields.pop("code", "")
    return debit_sale(
        sale=request_for(till, card, bill_minor, **fields),
        cvc=cvc_of(card),
        code=code,
        at=at or timezone.now(),
    )


def pay_in_points(
    till: Till, member: Member, points_minor: int, *, code: str, at: datetime | None = None, **fields: Any
) -> SaleRecord:
    """A bill of 100, of which the member's code pays a part and the till takes the rest."""
    asked = request_for(
        till, None, **{"bill_minor": 100_00, **fields}, member_id=member.pk, points_minor=points_minor
    )
    return count_points(sale=asked, code=code, at=at or timezone.now())


def undo(
    till: Till, rank: int, *, password: str = PASSWORD, at: datetime | None = None, **fields: Any
) -> SaleRecord:
    facts = {
        "key": uuid4(),
        "terminal_id": till.terminal.pk,
        "device_id": till.device.pk,
        "operator_id": till.operator.pk,
        "rank": rank,
        **fields,
    }
    return reverse_sale(request=ReversalRequest(**facts), password=password, at=at or timezone.now())


def at_till(client: Client, till: Till, *, language: str = "fr") -> Client:
    """The client's browser is the till's device."""
    from django.core.signing import get_cookie_signer

    if language != "fr":
        Device.objects.filter(pk=till.device.pk).update(language=language)
    client.cookies[COOKIE] = get_cookie_signer(salt=COOKIE + SALT).sign(till.token)
    return client


def sales_of(till: Till) -> int:
    return Sale.objects.filter(terminal=till.terminal).count()
