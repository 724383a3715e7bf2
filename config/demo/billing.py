"""Camille's credit card bills: paid in full, paid by the minimum, and one that is to be paid (S1)."""

from datetime import date, datetime, time, timedelta
from decimal import Decimal
from uuid import UUID, uuid5

from billing.models import Entry, Rate, Statement
from billing.selectors.cycle import billing_date
from billing.services.close_cycle import close_cycle
from billing.services.dispute import open_dispute
from billing.services.mandate import sign_mandate
from billing.services.open import open_account
from billing.services.pay import receive_payment
from billing.services.post import post_transaction
from billing.states import BillingDay, EntryKind, EntrySource, RateKind, TransactionRequest
from config.demo.history import ACCEPTED, Story
from config.demo.people import Cast
from kernel.calendar import PARIS, add_months, local_date
from orders.services.settle_account import place_statement_payment
from wallet.models import Card

LIMIT = 500_000
IBAN = "CH9300762011623852957"  # the registry's own example
# Days since the last closing at least, so that the open statement has been there for a while.
SINCE_CLOSING = 4
# By cycle, the oldest first: days after its beginning, shop, minor units, and where it was.
SHOPS: tuple[tuple[tuple[int, str, int, str], ...], ...] = (
    ((6, "Épicerie du Centre, Sierre", 6_480, "CH"), (14, "Chemins de fer, Sion", 8_900, "CH")),
    ((4, "Librairie Ombres, Lausanne", 5_350, "CH"), (19, "Sport Alpin, Val-Alpage", 42_000, "CH")),
    (
        (5, "Meubles Lavande, Genève", 64_900, "CH"),
        (11, "Casino du Lac, Montreux", 12_000, "casino"),
        (21, "Pharmacie de la Gare, Sion", 6_260, "CH"),
    ),
    (
        (3, "Hôtel des Remparts, Carcassonne", 23_180, "FR"),
        (9, "Boutique en ligne Zéphyr, Dublin", 4_990, "IE"),
        (17, "Épicerie du Centre, Sierre", 13_800, "CH"),
        (24, "Garage des Ormes, Martigny", 31_540, "CH"),
    ),
)
SINCE = ((1, "Boulangerie des Vergers, Sion", 1_240, "CH"), (2, "Chemins de fer, Sion", 4_400, "CH"))
EURO = Decimal("0.9504")
RATES = (
    (RateKind.CONTRACT, date(2000, 1, 1), 1395),
    (RateKind.CAP, date(2026, 1, 1), 1200),
)


def tell_billing(cast: Cast, *, at: datetime) -> None:
    """An account of four cycles. Nothing where there is no credit card."""
    card = Card.objects.filter(holder=cast.member, kind="credit", state="active").first()
    if card is not None:
        _fix_rates()
        _Holder(cast, card, local_date(at)).live(at=at)


def _fix_rates() -> None:
    """The rates that the first migration writes, where a database was emptied since."""
    for kind, starts_on, rate_bp in RATES:
        Rate.objects.get_or_create(kind=kind, starts_on=starts_on, defaults={"rate_bp": rate_bp})


class _Holder:
    """Camille's steps, each through the service that her card, her bank or her click would call."""

    def __init__(self, cast: Cast, card: Card, today: date) -> None:
        self.story, self.member = Story(cast, {}), cast.member
        last, day = last_closing(today)
        self.closings = [
            billing_date(month.year, month.month, day)
            for month in (add_months(last.replace(day=1), -back) for back in reversed(range(len(SHOPS))))
        ]
        opened = add_months(self.closings[0].replace(day=1), -1)
        begins = billing_date(opened.year, opened.month, day) + timedelta(days=1)
        self.account_id = open_account(
            holder_id=self.member.pk, card_id=card.pk, limit_minor=LIMIT, billing_day=day, at=noon(begins)
        )
        self.begins = begins

    def live(self, *, at: datetime) -> None:
        for rank, (closing, bills) in enumerate(zip(self.closings, SHOPS, strict=True)):
            self.spend(bills, self.begins)
            statement = self.bill(closing)
            self.begins = closing + timedelta(days=1)
            if rank < len(SHOPS) - 1:
                self.pay(rank, statement)
        self.spend(SINCE, self.begins)
        self.dispute(at=at)
        sign_mandate(
            account_id=self.account_id,
            holder_id=self.member.pk,
            iban=IBAN,
            name=self.member.get_full_name(),
            at=at - timedelta(hours=30),
        )

    def spend(self, bills: tuple[tuple[int, str, int, str], ...], begins: date) -> None:
        for days, shop, amount, where in bills:
            on = begins + timedelta(days=days)
            request = _transaction(shop, amount, where, on)
            key = uuid5(UUID(int=self.account_id), f"{shop} {on}")
            post_transaction(account_id=self.account_id, key=key, request=request, at=noon(on))

    def bill(self, closing: date) -> Statement:
        night = datetime.combine(closing + timedelta(days=1), time(0, 20), tzinfo=PARIS)
        return Statement.objects.get(pk=close_cycle(account_id=self.account_id, at=night))

    def pay(self, rank: int, statement: Statement) -> None:
        """In full by slip, in full by card, then the minimum only, by card."""
        on = statement.due_on - timedelta(days=3)
        if rank == 0:
            receive_payment(
                account_id=self.account_id,
                key=uuid5(statement.pk, "slip"),
                amount_minor=statement.due_minor,
                value_on=on,
                source=EntrySource.QR_BILL,
                text="QR-facture",
                at=noon(on),
            )
            return
        amount = statement.minimum_minor if rank == len(SHOPS) - 2 else statement.due_minor
        order = place_statement_payment(
            customer_id=self.member.pk, account_id=self.account_id, amount_minor=amount, at=noon(on)
        )
        self.story.pay(order, ACCEPTED, at=noon(on) + timedelta(minutes=2))

    def dispute(self, *, at: datetime) -> None:
        bought = Entry.objects.get(account_id=self.account_id, text__startswith="Boutique en ligne")
        open_dispute(
            entry_id=bought.pk,
            holder_id=self.member.pk,
            reason="Je n'ai rien commandé chez ce commerçant.",
            at=at - timedelta(hours=40),
        )


def last_closing(today: date) -> tuple[date, int]:
    """The billing date that is past for long enough, and its day of the month."""
    months = (today.replace(day=1), add_months(today.replace(day=1), -1))
    dates = [(billing_date(on.year, on.month, day), day) for on in months for day in BillingDay.values]
    return max(one for one in dates if (today - one[0]).days >= SINCE_CLOSING)


def noon(on: date) -> datetime:
    return datetime.combine(on, time(12), tzinfo=PARIS)


def _transaction(shop: str, amount: int, where: str, on: date) -> TransactionRequest:
    foreign = where not in ("CH", "casino")
    return TransactionRequest(
        kind=EntryKind.PURCHASE,
        amount_minor=amount,
        transacted_on=on,
        booked_on=on,
        text=shop,
        country=where if foreign else "CH",
        mcc="7995" if where == "casino" else "",
        original_amount=round(Decimal(amount) / 100 / EURO, 2) if foreign else None,
        original_currency="EUR" if foreign else "",
        exchange_rate=EURO if foreign else None,
    )
