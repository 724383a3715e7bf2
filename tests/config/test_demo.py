"""The demo's data, as other tests and the README promise it."""

from collections import Counter
from datetime import datetime, timedelta
from uuid import uuid4

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from django.test import Client, TestCase, override_settings
from django.utils import timezone

from accounts.models import IdentificationKey, Membership, User
from accounts.selectors import ordering_gate
from accounts.states import MembershipState
from config.demo.merchants import TID
from config.demo.past import STILL_DUE
from config.demo.people import DIRECT_KEY, KEY, MEMBER, NEWCOMER, OPERATOR, PASSWORD, STAFF
from config.demo.places import CARD_TO_REGISTER, NAMED_CARD_TO_REGISTER, SURNAME
from config.demo.programme import DAYS
from config.demo.tell import tell
from kernel.calendar import local_date, programme_day
from ledger.selectors import balances
from ledger.services.audit import audit
from loyalty.models import (
    Accrual,
    Member,
    MemberEvent,
    Programme,
    ProgrammeVersion,
    Promotion,
    Redemption,
    Suspicion,
)
from loyalty.models import Purchase as Loyalty
from loyalty.selectors.page import loyalty_overview
from loyalty.services.replay import replay_version
from loyalty.services.rewards import claim_reward
from merchants.models import Sale, Terminal
from orders.models import Invoice, Order, Product, VatTreatment
from orders.states import OrderState
from outbox.models import Job
from outbox.states import JobState
from tests.loyalty.points import programme_of
from wallet.models import Booking, Card, Cinema, Film, PrintedCard, Screening
from wallet.selectors.bookings import booking_detail
from wallet.services.register import register_card
from wallet.states import BookingState, CardKind, ScreeningState, Technology

pytestmark = pytest.mark.django_db


def counts() -> dict[str, int]:
    models = (User, Membership, IdentificationKey, Product, Order, Invoice, Card, Job)
    models += (Cinema, Film, Booking, PrintedCard)
    models += (Programme, ProgrammeVersion, Member, MemberEvent, Loyalty, Accrual, Redemption, Promotion)
    return {model.__name__: model.objects.count() for model in models}


def days_announced(at: datetime) -> set[int]:
    """How many days from the programme day of `at` there is something on."""
    today = programme_day(at)
    days = Screening.objects.filter(programme_on__gte=today).values_list("programme_on", flat=True)
    return {(day - today).days for day in days}


@pytest.mark.xdist_group("demo")
class TestStory(TestCase):
    """Told once for all of them: it takes seconds."""

    @classmethod
    def setUpTestData(cls) -> None:
        assert tell(at=timezone.now())

    def test_telling_twice_changes_nothing(self) -> None:
        before, screenings = counts(), set(Screening.objects.values_list("pk", "starts_at", "taken", "state"))
        assert not tell(at=timezone.now())
        assert counts() == before
        assert set(Screening.objects.values_list("pk", "starts_at", "taken", "state")) == screenings

    def test_told_on_a_later_day_only_the_coming_days_of_the_cinemas_are_announced(self) -> None:
        before, later = counts(), timezone.now() + timedelta(days=3)
        screenings = set(Screening.objects.values_list("pk", "starts_at", "taken", "state"))
        assert not tell(at=later)
        assert counts() == before
        after = set(Screening.objects.values_list("pk", "starts_at", "taken", "state"))
        assert screenings < after
        assert days_announced(later) == set(range(DAYS))
        tell(at=later)
        assert set(Screening.objects.values_list("pk", "starts_at", "taken", "state")) == after

    def test_the_programme_shows_every_kind_of_screening(self) -> None:
        now = timezone.now()
        coming = [
            row for row in Screening.objects.filter(starts_at__gt=now) if row.state == ScreeningState.OPEN
        ]
        assert days_announced(now) == set(range(DAYS))
        assert (Cinema.objects.count(), Film.objects.count()) == (3, 8)
        assert {row.film_id for row in coming} == set(Film.objects.values_list("pk", flat=True))
        assert {row.technology for row in coming} == set(Technology.values) - {Technology.MOTION}
        assert any(local_date(row.starts_at) > row.programme_on for row in coming)
        left = [row.capacity - row.taken for row in coming]
        assert 0 in left
        assert any(0 < seats <= 5 for seats in left)
        assert Screening.objects.filter(state=ScreeningState.CANCELLED, starts_at__gt=now).count() == 1
        assert not Film.objects.filter(summary_en="").exists()

    def test_every_seat_taken_has_its_booking(self) -> None:
        booked: Counter[int] = Counter()
        for booking in Booking.objects.filter(state=BookingState.CONFIRMED):
            booked[booking.screening_id] += booking.seats
        taken = Screening.objects.filter(taken__gt=0).values_list("pk", "taken")
        assert dict(taken) == dict(booked)

    def test_the_member_has_bookings_of_every_kind(self) -> None:
        now, bookings = timezone.now(), Booking.objects.filter(customer__email=MEMBER)
        confirmed = bookings.filter(state=BookingState.CONFIRMED)
        assert confirmed.filter(screening__starts_at__lt=now).count() == 2
        assert confirmed.filter(screening__starts_at__gt=now, paid_seats=0, moved_from=None).exists()
        assert confirmed.filter(moved_from__isnull=False).count() == 1
        paid = confirmed.get(paid_seats=2)
        assert Order.objects.get(booking=paid).state == OrderState.FULFILLED
        assert Invoice.objects.filter(order__booking=paid).count() == 1
        ends = bookings.filter(state=BookingState.CANCELLED).values_list("end", flat=True)
        assert sorted(ends) == ["customer", "screening"]
        for booking in confirmed.filter(screening__starts_at__gt=now):
            found = booking_detail(booking_id=booking.pk, customer_id=booking.customer_id)
            assert found is not None
            assert found.may_cancel(now)

    def test_the_wallet_shows_places_of_every_kind(self) -> None:  # S2.1
        now = timezone.now()
        cards = list(
            Card.objects.filter(holder__email=MEMBER, product__isnull=False).select_related("product")
        )
        left = {
            card.product.slug: balances([card.account_id], at=now)[card.account_id].available
            for card in cards
        }
        assert left == {
            "invitation": 0,  # over
            "anniversaire": 1,
            "cine-3": 2,
            "fidelite-5-7": 1,
            "fidelite-7-7": 0,
            "cine-1": 0,
            "cine-5": 3,
            "cine-1-techno": 1,
            "permanente": 50,
        }
        today = programme_day(now)
        ends = [(card.expires_on - today).days for card in cards]
        assert min(ends) < 0
        assert any(0 < days <= 30 for days in ends)

    def test_the_member_has_points_of_every_kind(self) -> None:  # S4.14
        now = timezone.now()
        mine = {row.programme.slug: row for row in Member.objects.filter(user__email=MEMBER)}
        assert set(mine) == {"mirabelle", "croissant", "cinema", "vergers"}
        seen = {slug: loyalty_overview(row, at=now, language="fr") for slug, row in mine.items()}
        shop, cafe, cinema = seen["mirabelle"], seen["croissant"], seen["cinema"]
        assert shop.available_minor > 15_00
        assert shop.pending
        assert shop.expiring_next is not None
        assert (shop.expiring_next.on - local_date(now)).days < 40
        assert cafe.tier is not None
        assert cafe.tier.code == "gold"
        assert cafe.restricted_minor == 60_00
        assert cinema.available_minor >= 240_00
        assert [offer.affordable for offer in cinema.rewards] == [True, True]
        kinds = {row.kind for row in Accrual.objects.filter(member=mine["croissant"])}
        assert kinds == {"welcome", "purchase", "birthday", "promotion"}
        bought = Loyalty.objects.filter(member__in=mine.values())
        assert (now - min(row.occurred_at for row in bought)).days > 330
        assert Redemption.objects.filter(member=mine["croissant"], state="captured").count() == 3

    def test_a_reward_can_be_claimed_and_two_were(self) -> None:  # S4, S2.2
        now, member = timezone.now(), Member.objects.get(user__email=MEMBER, programme__slug="cinema")
        assert sorted(member.claims.values_list("reward_code", flat=True)) == ["5-7", "7-7"]
        card_id = claim_reward(key=uuid4(), member_id=member.pk, reward_code="5-7", at=now)
        assert Card.objects.get(pk=card_id).product.slug == "fidelite-5-7"

    def test_paid_orders_have_earned_once_and_others_nothing(self) -> None:  # S4
        member = Member.objects.get(user__email=MEMBER, programme__slug="mirabelle")
        refs = list(member.purchases.values_list("ref", flat=True))
        paid = Order.objects.filter(
            customer__email=MEMBER, booking=None, currency="EUR", state=OrderState.FULFILLED
        )
        assert {f"order:{order.pk}" for order in paid} <= set(refs)
        assert len(refs) == len(set(refs))
        unpaid = Order.objects.filter(customer__email=MEMBER, paid_at=None)
        assert not {f"order:{order.pk}" for order in unpaid} & set(refs)

    def test_the_people_of_the_cses_earn_somewhere(self) -> None:
        cse = Membership.objects.get(user__email=MEMBER).organisation_id
        assert programme_of(cse) == "mirabelle"

    def test_an_operator_finds_a_duplicate_to_decide_and_a_draft_to_replay(self) -> None:  # S4.5
        states = sorted(Suspicion.objects.values_list("state", flat=True))
        assert states == ["cleared", "open"]
        draft = ProgrammeVersion.objects.get(state="draft")
        report = replay_version(version_id=draft.pk, at=timezone.now())
        assert report.total.purchases > 15
        assert report.difference_minor > 0

    def test_the_books_of_the_points_are_right(self) -> None:
        assert audit(at=timezone.now()).findings == ()

    def test_the_printed_cards_of_the_readme_can_be_registered(self) -> None:  # S2.1
        now, member = timezone.now(), User.objects.get(email=MEMBER)
        for kind, number, surname in (
            (CardKind.PLACES, CARD_TO_REGISTER, ""),
            (CardKind.NAMED, NAMED_CARD_TO_REGISTER, SURNAME),
        ):
            register_card(customer_id=member.pk, kind=kind, number=number, surname=surname, at=now)
        readme = (settings.BASE_DIR / "README.md").read_text()
        assert all(text in readme for text in (CARD_TO_REGISTER, NAMED_CARD_TO_REGISTER, SURNAME))

    def test_cards_with_places_are_sold_with_their_tax(self) -> None:  # S2.2, S3.11
        sold = Product.objects.filter(issuer__startswith="places:", is_active=True)
        assert {(row.issuer, row.vat_treatment, row.vat_rate_bp) for row in sold} == {
            ("places:cine-3", VatTreatment.SINGLE_PURPOSE, 550),
            ("places:cine-5", VatTreatment.SINGLE_PURPOSE, 550),
        }

    def test_the_sign_ins_of_the_readme_work(self) -> None:
        for email in (MEMBER, NEWCOMER, STAFF, OPERATOR):
            user = User.objects.get(email=email)
            assert user.check_password(PASSWORD)
            assert ordering_gate(user.pk).email_verified

    def test_each_person_stands_where_the_story_needs_them(self) -> None:
        gates = {
            email: ordering_gate(User.objects.get(email=email).pk) for email in (MEMBER, NEWCOMER, STAFF)
        }
        assert gates[MEMBER].may_order
        assert gates[NEWCOMER].membership_state == MembershipState.PENDING
        assert gates[STAFF].is_staff
        assert User.objects.get(email=OPERATOR).is_superuser

    def test_the_keys_of_the_readme_do_what_they_say(self) -> None:
        keys = {key.code: key for key in IdentificationKey.objects.all()}
        assert not keys[KEY].auto_approve
        assert keys[DIRECT_KEY].auto_approve
        assert all(
            keys[code].use_limit is None and keys[code].expires_on is None for code in (KEY, DIRECT_KEY)
        )

    def test_the_queue_is_long_enough_for_a_second_page(self) -> None:
        pending = Membership.objects.filter(state=MembershipState.PENDING)
        assert pending.count() >= 40
        assert pending.filter(organisation=None).exists()
        assert pending.values("organisation").distinct().count() == 3

    def test_the_member_has_orders_in_every_state_to_look_at_and_an_empty_cart(self) -> None:
        orders = Order.objects.filter(customer__email=MEMBER)
        states = set(orders.exclude(state=OrderState.CART).values_list("state", flat=True))
        assert states == {
            OrderState.AWAITING_PAYMENT,  # refused by the bank, payable again
            OrderState.FULFILLED,
            OrderState.REFUNDED,
            OrderState.EXPIRED,
            OrderState.CANCELLED,
        }
        assert not orders.filter(state=OrderState.CART, lines__isnull=False).exists()
        # S3.4, the seed's own figures.
        assert {11495, 9500} <= set(orders.values_list("total_minor", flat=True))

    def test_invoices_are_numbered_in_the_order_of_the_sales(self) -> None:
        invoices = Invoice.objects.filter(kind=Invoice.Kind.INVOICE).order_by("order_id")
        assert [row.number for row in invoices] == sorted(row.number for row in invoices)
        assert Invoice.objects.filter(kind=Invoice.Kind.CREDIT_NOTE).count() == 1

    def test_the_wallet_shows_full_used_empty_expired_and_foreign_cards(self) -> None:
        now = timezone.now()
        cards = Card.objects.filter(holder__email=MEMBER)
        worth = {
            (card.face_minor, balance.available)
            for card in cards
            if card.account_id
            for balance in [balances([card.account_id], at=now)[card.account_id]]
        }
        assert {(3300, 2140), (4400, 0), (4400, 4400), (1000, 85), (2500, 640), (5000, 0)} <= worth
        assert cards.filter(account_id=None).exists()  # from the shelf of codes
        assert cards.filter(expires_on__lt=now.date()).exists()

    def test_nothing_old_is_announced_today(self) -> None:
        waiting = Job.objects.filter(state=JobState.WAITING).values_list("kind", flat=True)
        assert set(waiting) <= set(STILL_DUE)

    def test_the_terminal_of_the_readme_opens_on_days_of_sales(self) -> None:  # S0.2
        browser, now = Client(), timezone.now()
        browser.post("/terminal/connexion/", {"tid": TID, "mot_de_passe": PASSWORD})
        page = browser.get("/terminal/journal/").content.decode()
        assert f"{TID}-000026" in page
        sales = Sale.objects.filter(terminal__tid=TID)
        assert [sale.at for sale in sales.order_by("rank")] == sorted(sale.at for sale in sales)
        assert sales.filter(at__gte=now - timedelta(hours=1)).count() == 3
        assert sales.filter(card__holder__email=MEMBER, earned_minor__gt=0).count() == 2
        assert sales.filter(reversal__isnull=False).count() == 2
        assert (
            Terminal.objects.filter(activated_at=None, activation_expires_at__gt=now)
            .exclude(tid=TID)
            .exists()
        )


def test_data_of_a_release_without_points_gains_them_once(monkeypatch: pytest.MonkeyPatch) -> None:
    now = timezone.now()
    with monkeypatch.context() as older:
        older.setattr("config.demo.tell.open_loyalty", lambda *_, **__: None)
        older.setattr("config.demo.tell.fill_loyalty", lambda *_, **__: None)
        older.setattr("config.demo.tell.fill_cinema", lambda *_, **__: None)
        older.setattr("config.demo.tell.tell_merchants", lambda *_, **__: None)
        tell(at=now)
    assert not Member.objects.exists()
    assert not tell(at=now)
    assert Member.objects.filter(user__email=MEMBER).count() == 3
    before = counts()
    assert not tell(at=now)
    assert counts() == before


def test_the_command_says_how_to_sign_in(capsys: pytest.CaptureFixture[str]) -> None:
    call_command("demo")
    said = capsys.readouterr().out
    assert all(word in said for word in (MEMBER, NEWCOMER, STAFF, OPERATOR, PASSWORD, KEY, DIRECT_KEY))
    assert all(word in said for word in (CARD_TO_REGISTER, NAMED_CARD_TO_REGISTER, SURNAME))


@override_settings(SANDBOX=False)
def test_it_refuses_to_stand_beside_real_people() -> None:
    with pytest.raises(CommandError):
        call_command("demo")
    assert not User.objects.exists()
