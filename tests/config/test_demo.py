"""The demo's data, as other tests and the README promise it."""

from collections import Counter
from datetime import datetime, timedelta

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from django.test import TestCase, override_settings
from django.utils import timezone

from accounts.models import IdentificationKey, Membership, User
from accounts.selectors import ordering_gate
from accounts.states import MembershipState
from config.demo.past import STILL_DUE
from config.demo.people import DIRECT_KEY, KEY, MEMBER, NEWCOMER, OPERATOR, PASSWORD, STAFF
from config.demo.places import CARD_TO_REGISTER, NAMED_CARD_TO_REGISTER, SURNAME
from config.demo.programme import DAYS
from config.demo.tell import tell
from kernel.calendar import local_date, programme_day
from ledger.selectors import balances
from orders.models import Invoice, Order, Product, VatTreatment
from orders.states import OrderState
from outbox.models import Job
from outbox.states import JobState
from wallet.models import Booking, Card, Cinema, Film, PrintedCard, Screening
from wallet.selectors.bookings import booking_detail
from wallet.services.register import register_card
from wallet.states import BookingState, CardKind, ScreeningState, Technology

pytestmark = pytest.mark.django_db


def counts() -> dict[str, int]:
    models = (User, Membership, IdentificationKey, Product, Order, Invoice, Card, Job)
    models += (Cinema, Film, Booking, PrintedCard)
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
