"""Nobody forgets a place or a card: reminders, their preference, and last days as a calendar file."""

from datetime import date, timedelta
from zoneinfo import ZoneInfo

import pytest
import time_machine
from django.core import mail
from django.db import IntegrityError, transaction
from django.urls import reverse
from icalendar import Calendar

from kernel.calendar import local_date
from tests.support import run_jobs
from tests.wallet.factories import make_card, make_user
from tests.wallet.factories_programme import make_card_product, make_place_card, paris, use_places
from wallet.models import Card, ExpiryReminder, ReminderPreference
from wallet.selectors.deadlines import deadlines
from wallet.services.block import block_card
from wallet.services.remind import choose_reminders, remind_of_expiry
from wallet.tasks import run_reminders

pytestmark = pytest.mark.django_db
ISSUED = paris("2027-01-04", "12:00")
LAST_DAY = date(2027, 5, 31)


def morning(days_before: int, clock: str = "09:00"):
    return paris(f"{LAST_DAY - timedelta(days=days_before)}", clock)


@pytest.fixture
def ada(client):
    """Signed in on the day the cards were issued; sessions live two weeks."""
    user = make_user()
    with time_machine.travel(ISSUED, tick=False):
        client.force_login(user)
    return user


def places(holder, product=None, **fields) -> Card:
    return make_place_card(holder, product, **{"at": ISSUED, "expires_on": LAST_DAY, **fields})


def ecard(holder, face_minor: int = 3300, **fields) -> Card:
    with time_machine.travel(ISSUED, tick=False):
        return make_card(holder, face_minor, at=ISSUED, **{"expires_on": LAST_DAY, **fields})


def run(at) -> list[str]:
    """Remind at that time; the recipients of the mails sent."""
    mail.outbox.clear()
    with time_machine.travel(at, tick=False):
        remind_of_expiry(at=at)
        run_jobs(timedelta(minutes=1))
    return [message.to[0] for message in mail.outbox]


def reminded() -> list[int]:
    return list(ExpiryReminder.objects.order_by("pk").values_list("days", flat=True))


def test_a_card_is_reminded_of_thirty_seven_and_one_day_before_once_each():
    ada = make_user()
    places(ada)
    mails = {days: len(run(morning(days))) for days in range(40, -2, -1)}
    assert {days for days, sent in mails.items() if sent} == {30, 7, 1}
    assert reminded() == [30, 7, 1]


def test_running_again_the_same_day_sends_nothing_more():
    places(make_user())
    at = morning(7)
    assert [len(run(at)), len(run(at + timedelta(hours=1)))] == [1, 0]


def test_after_days_without_a_run_only_the_nearest_delay_is_spoken_of():
    places(make_user())
    assert len(run(morning(1))) == 1
    assert reminded() == [1]
    assert run(morning(0)) == []


@pytest.mark.parametrize(
    ("days_before", "delay"), [(31, None), (29, 30), (8, 30), (6, 7), (2, 7), (0, 1), (-1, None)]
)
def test_a_late_run_counts_for_the_delay_it_is_in(days_before, delay):
    places(make_user())
    assert len(run(morning(days_before))) == (delay is not None)
    assert reminded() == ([] if delay is None else [delay])


def test_a_card_that_came_later_than_a_delay_waits_for_the_next():
    places(make_user(), at=morning(20, "08:00"))
    mails = [days for days in range(25, -1, -1) if run(morning(days))]
    assert mails == [7, 1]


def test_nobody_is_written_to_at_night():
    places(make_user())
    assert run(morning(7, "00:10")) == []
    assert run(morning(7, "08:59")) == []
    assert reminded() == []
    assert len(run(morning(7, "09:00"))) == 1


def test_one_mail_tells_a_customer_of_all_cards():
    ada, bob = make_user(), make_user()
    places(ada, places=4)
    ecard(ada)
    places(ada, expires_on=LAST_DAY + timedelta(days=20))
    places(bob)
    assert sorted(run(morning(7))) == sorted([ada.email, bob.email])
    (letter,) = [one for one in mail.outbox if one.to == [ada.email]]
    html = letter.alternatives[0][0].replace("\u00a0", " ")
    for text in (letter.body.replace("\u00a0", " "), html):
        for shown in ("4 places", "33,00 €", "5 places", "31/05/2027", "20/06/2027"):
            assert shown in text
        assert reverse("wallet:reminders") in text
    assert letter.subject == "3 cartes expirent bientôt"
    assert sorted(reminded()) == [7, 7, 7, 30]


@pytest.mark.parametrize(
    ("days_before", "subject"),
    [
        (7, "CinéCarte 5 places expire dans 7 jours"),
        (1, "CinéCarte 5 places expire demain"),
        (0, "CinéCarte 5 places : dernier jour aujourd'hui"),
    ],
)
def test_the_subject_says_when(days_before, subject):
    places(make_user())
    run(morning(days_before))
    assert mail.outbox[0].subject == subject


def test_the_mail_is_in_the_readers_language():
    product = make_card_product(name="Invitation", name_en="Free ticket")
    places(make_user(language="en"), product)
    run(morning(7))
    (letter,) = mail.outbox
    assert "Free ticket" in letter.body
    assert letter.subject.startswith("Free ticket")
    assert "/" in letter.body


def test_cards_that_hold_nothing_or_cannot_be_used_are_left_out():
    ada = make_user()
    spent, blocked, void, nobody = places(ada), places(ada), places(ada), places(ada)
    use_places(spent, 5, at=ISSUED)
    block_card(card_id=blocked.pk, actor_id=ada.pk, at=ISSUED)
    Card.objects.filter(pk=void.pk).update(state="void")
    Card.objects.filter(pk=nobody.pk).update(holder=None)
    assert run(morning(7)) == []
    assert reminded() == []


def test_a_card_given_away_is_its_new_holders_business():
    ada, bob = make_user(), make_user()
    card = places(ada)
    assert run(morning(30)) == [ada.email]
    Card.objects.filter(pk=card.pk).update(holder=bob)
    assert run(morning(7)) == [bob.email]


def test_a_closed_account_hears_nothing():
    places(make_user(is_active=False))
    assert run(morning(7)) == []


def test_who_does_not_want_reminders_gets_none_until_wanting_them_again():
    ada = make_user()
    places(ada)
    choose_reminders(user_id=ada.pk, expiry_by_mail=False)
    assert run(morning(7)) == []
    assert reminded() == []
    choose_reminders(user_id=ada.pk, expiry_by_mail=True)
    assert run(morning(6)) == [ada.email]


def test_the_database_keeps_a_reminder_once():
    card = places(make_user())
    run(morning(7))
    with pytest.raises(IntegrityError), transaction.atomic():
        ExpiryReminder.objects.create(card=card, days=7, sent_at=ISSUED)


def test_many_customers_are_all_reached(monkeypatch):
    monkeypatch.setattr("wallet.services.remind.HOLDERS_AT_ONCE", 2)
    people = [make_user() for _ in range(5)]
    for person in people:
        places(person)
    assert sorted(run(morning(7))) == sorted(person.email for person in people)


def test_the_hourly_job_reminds():
    ada = make_user()
    places(ada)
    with time_machine.travel(morning(7, "10:00"), tick=False):
        run_reminders("")
        assert reminded() == [7]


# --- the preference page


def test_reminders_are_on_until_switched_off(client, ada):
    client.force_login(ada)
    url = reverse("wallet:reminders")
    assert "checked" in client.get(url).content.decode()
    assert client.post(url, {}).status_code == 302
    assert ReminderPreference.objects.get(user=ada).expiry_by_mail is False
    assert "checked" not in client.get(url).content.decode()
    client.post(url, {"expiry_by_mail": "on"})
    assert ReminderPreference.objects.get(user=ada).expiry_by_mail is True


def test_the_preference_page_shows_what_expires_next(client, ada, django_assert_max_num_queries):
    with time_machine.travel(ISSUED, tick=False):
        assert "Rien n'expire" in client.get(reverse("wallet:reminders")).content.decode().replace(
            "&#x27;", "'"
        )
        for _ in range(7):
            places(ada)
        with django_assert_max_num_queries(12):
            text = client.get(reverse("wallet:reminders")).content.decode()
    assert text.count("5 places</b>") >= 5
    assert "31/05/2027" in text


@pytest.mark.parametrize("name", ["reminders", "deadlines"])
def test_visitors_sign_in_first(client, name):
    assert "/compte/connexion/" in client.get(reverse(f"wallet:{name}"))["Location"]


# --- the calendar file


def calendar_of(client, at=ISSUED) -> tuple[bytes, Calendar]:
    with time_machine.travel(at, tick=False):
        response = client.get(reverse("wallet:deadlines"))
    assert response["Content-Type"] == "text/calendar; charset=utf-8"
    assert "no-store" in response["Cache-Control"]
    return response.content, Calendar.from_ical(response.content)


def test_last_days_go_into_a_calendar_as_whole_days(client, ada):
    card, money = places(ada, places=4), ecard(ada, 2550, expires_on=LAST_DAY + timedelta(days=1))
    spent = places(ada)
    use_places(spent, 5, at=ISSUED)
    places(make_user())
    raw, calendar = calendar_of(client)
    events = calendar.walk("VEVENT")
    assert [event["dtstart"].dt for event in events] == [LAST_DAY, LAST_DAY + timedelta(days=1)]
    assert [event["dtend"].dt - event["dtstart"].dt for event in events] == [timedelta(days=1)] * 2
    assert [str(event["summary"]).replace("\u00a0", " ") for event in events] == [
        "Dernier jour : CinéCarte 5 places (4 places)",
        "Dernier jour : e-Carte Économies (25,50 €)",
    ]
    assert str(card.pk) in str(events[0]["uid"])
    assert str(money.pk) in str(events[1]["uid"])
    assert "pas la réservation" in str(events[0]["description"])
    assert events[0]["dtstamp"].dt.astimezone(ZoneInfo("Europe/Paris")) == ISSUED
    assert calendar["version"] == "2.0"


def test_the_file_follows_the_standards_lines(client, ada):
    name = "Carte ; à, \\ virgules\nBEGIN:VEVENT " + "é" * 60
    Card.objects.filter(pk=ecard(ada).pk).update(product_name=name)
    raw, calendar = calendar_of(client)
    assert raw.count(b"\n") == raw.count(b"\r\n")
    assert all(len(line) <= 75 for line in raw.split(b"\r\n"))
    (event,) = calendar.walk("VEVENT")
    assert name in str(event["summary"])


def test_an_event_keeps_its_uid_from_file_to_file(client, ada):
    places(ada)
    first, second = (calendar_of(client, at)[1] for at in (ISSUED, ISSUED + timedelta(days=3)))
    assert [event["uid"] for event in first.walk("VEVENT")] == [
        event["uid"] for event in second.walk("VEVENT")
    ]


def test_an_empty_wallet_gives_an_empty_calendar(client, ada):
    assert calendar_of(client)[1].walk("VEVENT") == []


def test_deadlines_cost_the_same_for_any_wallet(django_assert_num_queries):
    ada = make_user()
    for count in (1, 20):
        for _ in range(count):
            places(ada)
        with django_assert_num_queries(2):
            assert deadlines(ada.pk, at=ISSUED)
    assert local_date(ISSUED) < LAST_DAY
