"""The pages of a credit card: what its holder sees and does, at any hour (S1.6, S1.7)."""

import re
from datetime import date, timedelta
from html import unescape

import pytest
import time_machine
from allauth.account.models import EmailAddress
from django.db import connection
from django.template.loader import render_to_string
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from tests.wallet.credit_factories import credit_number_of, fees_asked, make_credit, with_pin
from tests.wallet.factories import make_card, make_user
from wallet.models import Card, ClaimLink, CreditCard
from wallet.selectors import card_summary, cards_of
from wallet.selectors.credit import credit_status
from wallet.services.block import block_card
from wallet.services.number import in_groups
from wallet.services.pin import check_pin
from wallet.services.stop import freeze_credit_card, report_gone
from wallet.states import CreditStop

pytestmark = pytest.mark.django_db
PASSWORD = "prunes-et-noyaux"
SHOWN = re.compile(r'<p class="figure digits">(\d{4})</p>')


@pytest.fixture
def ada():
    return make_user()


@pytest.fixture
def card(ada):
    return make_credit(ada)


@pytest.fixture
def browser(ada):
    client = Client()
    client.force_login(ada)
    return client


def url(name, card):
    return reverse(f"wallet:{name}", args=[card.pk])


def words(answer) -> str:
    text = unescape(answer.content.decode()).replace("\u00a0", " ").replace("\u202f", " ")
    return " ".join(text.split())


def confirm_password(browser, where):
    """The password page that `where` leads to, and what its answer is."""
    asked = browser.get(where)
    assert asked.status_code == 302
    assert asked.url.startswith(reverse("account_reauthenticate"))
    return browser.post(asked.url, {"password": PASSWORD})


def state_of(card):
    row = CreditCard.objects.select_related("card").get(pk=card.pk)
    return row.card.state, row.stop


def block_pin(card):
    with_pin(card)
    CreditCard.objects.filter(pk=card.pk).update(wrong_pin=3)


def test_wallet_has_a_section_of_credit_cards_and_no_sum_of_them(browser, card, ada):
    page = words(browser.get(reverse("wallet:index")))
    assert "Cartes de crédit" in page
    assert card.masked in page
    assert "0,00" not in page
    assert f'href="{url("block", card)}"' in page
    assert 'class="lead"' not in page
    assert url("till", card) not in page
    make_card(ada, 3300)
    assert "33,00 €</b> sur 1 e-Carte" in words(browser.get(reverse("wallet:index")))
    only = words(browser.get(reverse("wallet:index") + "?type=credit"))
    assert card.masked in only
    assert 'id="ecartes"' not in only


def test_expired_card_is_shown_without_a_sum(browser, card):
    Card.objects.filter(pk=card.pk).update(expires_on=date(2020, 1, 31))
    page = words(browser.get(reverse("wallet:index")))
    assert "Expirée le 31/01/2020" in page
    assert "0,00" not in page
    shown = words(browser.get(url("card", card)))
    assert url("pin", card) not in shown
    assert url("replace", card) not in shown


def test_card_page_tells_prices_before_anything_is_asked(browser, card):  # S1.6
    page = words(browser.get(url("card", card)))
    assert "La remplacer (20,00 CHF)" in page
    assert "gratuit" in page
    assert "Voir le relevé" in page
    with_pin(card)
    assert "un nouveau code coûte 20,00 CHF" in words(browser.get(url("card", card)))


def test_prices_are_settings(browser, card, settings):
    settings.BILLING_REPLACEMENT_FEE, settings.BILLING_NEW_PIN_FEE = 2_500, 1_500
    with_pin(card)
    page = words(browser.get(url("card", card)))
    assert "La remplacer (25,00 CHF)" in page
    assert "un nouveau code coûte 15,00 CHF" in page


@pytest.mark.parametrize("name", ["card", "till", "pdf", "send", "block"])
def test_no_page_tells_the_number(browser, card, name):
    number = credit_number_of(card)
    page = browser.get(url(name, card), follow=True).content.decode()
    assert number not in page
    assert in_groups(number) not in page
    assert "barcode" not in page.partition('<main id="contenu"')[2].lower()


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("till", "ne peut pas être présentée en caisse"),
        ("pdf", "ne s'imprime pas"),
        ("send", "elle ne se donne pas"),
    ],
)
def test_it_is_neither_presented_printed_nor_sent(browser, card, name, said):
    answer = browser.get(url(name, card), follow=True)
    assert answer.redirect_chain[0][0] == url("card", card)
    assert said in words(answer)


def test_sending_it_by_force_sends_nothing(browser, card):
    answer = browser.post(url("send", card), {"recipient": "lou@essai.example"}, follow=True)
    assert "elle ne se donne pas" in words(answer)
    assert not ClaimLink.objects.exists()


def test_it_has_no_cvc_of_ours(browser, card):
    answer = confirm_password(browser, url("cvc", card))
    assert browser.get(answer.url).status_code == 404
    assert browser.post(url("cvc", card)).status_code == 404


def test_it_is_not_registered_by_its_number(browser):
    number = credit_number_of(make_credit(make_user()))
    for kind in ("places", "nominative", "prepayee"):
        typed = {"type": kind, "numero": number, "nom": "Martin", "cvc": "123"}
        assert "n'est pas reconnue" in words(browser.post(reverse("wallet:register"), typed))


def test_it_is_in_no_list_of_deadlines(browser, card):
    assert "VEVENT" not in browser.get(reverse("wallet:deadlines")).content.decode()
    assert card.last4 not in words(browser.get(reverse("wallet:reminders"))).partition("<main")[2]


def test_first_pin_needs_the_password_and_is_shown_once_for_half_a_minute(browser, card):  # S1.6
    offer = confirm_password(browser, url("pin", card))
    assert offer.url == url("pin", card)
    assert "Afficher 30 secondes" in words(browser.get(offer.url))
    shown = browser.post(url("pin", card))
    pin = SHOWN.search(shown.content.decode())[1]
    check_pin(card_id=card.pk, pin=pin, at=timezone.now())
    assert shown["Refresh"] == f"30; url={url('card', card)}"
    assert "no-store" in shown["Cache-Control"]
    again = browser.post(url("pin", card))
    assert not SHOWN.search(again.content.decode())
    assert "déjà été montré" in words(again)
    assert "Refresh" not in again
    assert fees_asked() == []


def test_another_pin_costs_once_however_often_it_is_sent(browser, card):  # S1.6
    with_pin(card)
    confirm_password(browser, url("pin", card))
    page = browser.get(url("pin", card)).content.decode()
    assert "Nouveau code PIN (20,00 CHF)" in unescape(page).replace("\u00a0", " ")
    count = re.search(r'name="nouveau" value="(\d+)"', page)[1]
    pin = SHOWN.search(browser.post(url("pin", card), {"nouveau": count}).content.decode())[1]
    for typed in (count, "", "x", "９", "99999999"):
        assert not SHOWN.search(browser.post(url("pin", card), {"nouveau": typed}).content.decode())
    assert fees_asked() == [f"pin:{card.pk}:2"]
    check_pin(card_id=card.pk, pin=pin, at=timezone.now())


def test_a_wrong_password_shows_nothing(browser, card):
    asked = browser.post(url("pin", card))
    assert browser.post(asked.url, {"password": "faux"}).status_code == 200
    assert CreditCard.objects.get(pk=card.pk).pin_hash == ""


def test_pins_are_asked_for_so_often_by_card_and_account(browser, card, ada, settings):
    settings.ACCOUNT_RATE_LIMITS = settings.ACCOUNT_RATE_LIMITS | {"credit_card": "2/h/user,1/h/key"}
    confirm_password(browser, url("pin", card))
    browser.post(url("pin", card))
    assert browser.post(url("pin", card), {"nouveau": "1"}).status_code == 429
    other, third = make_credit(ada), make_credit(ada)
    assert browser.post(url("pin", other)).status_code in (200, 429)
    assert browser.post(url("pin", third)).status_code == 429
    refused = browser.post(url("replace", third), {"generation": "1", "why": "lost"})
    assert refused.status_code == 429
    assert "Trop de demandes" in words(refused)
    assert fees_asked() == []
    browser.post(url("block", third), {"why": "lost"})
    assert state_of(third) == ("blocked", "lost")


def test_loss_is_told_from_the_wallet_in_three_steps(browser, card):  # S1.7
    """A link, a press, the password: what was pressed happens once it is given."""
    link = re.search(rf'href="({url("block", card)})"', browser.get(reverse("wallet:index")).content.decode())
    page = words(browser.get(link[1]))
    assert "Je l'ai perdue : bloquer" in page
    assert "Une nouvelle carte coûtera 20,00 CHF" in page
    asked = browser.post(link[1], {"why": "lost"})
    assert asked.url.startswith(reverse("account_reauthenticate"))
    assert state_of(card) == ("active", "")
    done = browser.post(asked.url, {"password": PASSWORD}, follow=True)
    assert state_of(card) == ("blocked", "lost")
    assert "plus personne ne peut payer" in words(done)
    assert fees_asked() == []


def test_theft_is_told_at_once_by_who_has_just_signed_in(card, ada):  # S1.7
    EmailAddress.objects.create(user=ada, email=ada.email, verified=True, primary=True)
    visitor = Client()
    signin = visitor.get(url("block", card)).url
    assert signin.startswith(reverse("account_login"))
    answer = visitor.post(signin, {"login": ada.email, "password": PASSWORD})
    assert answer.url == url("block", card)
    assert "Elle m'a été volée : bloquer" in words(visitor.get(answer.url))
    visitor.post(answer.url, {"why": "stolen"})
    assert state_of(card) == ("blocked", "stolen")


def test_signed_in_long_ago_the_password_is_asked_for(card, ada):
    EmailAddress.objects.create(user=ada, email=ada.email, verified=True, primary=True)
    visitor = Client()
    visitor.post(reverse("account_login"), {"login": ada.email, "password": PASSWORD})
    with time_machine.travel(timezone.now() + timedelta(minutes=16)):
        asked = visitor.post(url("block", card), {"why": "lost"})
    assert asked.url.startswith(reverse("account_reauthenticate"))
    assert state_of(card) == ("active", "")


def test_holder_freezes_without_and_unfreezes_with_the_password(browser, card):
    browser.post(url("block", card))
    assert state_of(card) == ("blocked", "frozen")
    assert "Débloquer la carte" in words(browser.get(url("card", card)))
    offer = confirm_password(browser, url("unfreeze", card))
    assert url("block", card) in browser.get(offer.url).content.decode()
    browser.post(url("unfreeze", card))
    assert state_of(card) == ("active", "")


def test_what_was_told_lost_is_not_unfrozen(browser, card):  # S1.7
    report_gone(card_id=card.pk, holder_id=card.holder_id, why=CreditStop.LOST, at=timezone.now())
    page = words(browser.get(url("card", card)))
    assert "Déclarée perdue" in page
    assert "Débloquer la carte" not in page
    assert "déjà bloquée" in words(browser.get(url("block", card)))
    confirm_password(browser, url("unfreeze", card))
    assert "faites-la remplacer" in words(browser.post(url("unfreeze", card), follow=True))
    assert "faites-la remplacer" in words(browser.post(url("pin", card), follow=True))
    assert state_of(card) == ("blocked", "lost")


@pytest.mark.parametrize("name", ["unfreeze", "replace"])
def test_card_blocked_by_an_operator_says_whom_to_write_to(browser, card, name):
    block_card(card_id=card.pk, actor_id=make_user().pk, at=timezone.now())
    page = words(browser.get(url("card", card)))
    assert "écrivez-nous" in page
    assert url("replace", card) not in page
    confirm_password(browser, url(name, card))
    answer = browser.post(url(name, card), {"generation": "1", "why": "damaged"}, follow=True)
    assert "écrivez-nous" in words(answer)
    assert (state_of(card), fees_asked()) == (("blocked", ""), [])


def test_card_is_replaced_with_the_password_once(browser, card):  # S1.6
    old = credit_number_of(card)
    confirm_password(browser, url("replace", card))
    page = browser.get(url("replace", card)).content.decode()
    assert "La nouvelle carte coûte 20,00 CHF" in words(browser.get(url("replace", card)))
    generation = re.search(r'name="generation" value="(\d+)"', page)[1]
    unsaid = browser.post(url("replace", card), {"generation": generation})
    assert unsaid.status_code == 422
    assert "Dites pourquoi" in words(unsaid)
    assert (credit_number_of(card), fees_asked()) == (old, [])
    for _ in range(2):
        answer = browser.post(url("replace", card), {"generation": generation, "why": "damaged"})
        assert answer.status_code == 302
    assert credit_number_of(card) != old
    for nonsense in ("", "x", "９", "99999999"):
        browser.post(url("replace", card), {"generation": nonsense, "why": "lost"})
    assert fees_asked() == [f"card:{card.pk}:2"]
    assert "pas encore de code PIN" in words(browser.get(url("card", card)))


def test_who_told_the_loss_is_not_asked_why_again(browser, card):
    report_gone(card_id=card.pk, holder_id=card.holder_id, why=CreditStop.STOLEN, at=timezone.now())
    confirm_password(browser, url("replace", card))
    assert 'name="why"' not in browser.get(url("replace", card)).content.decode()
    browser.post(url("replace", card), {"generation": "1", "why": "damaged"})
    assert (state_of(card), fees_asked()) == (("active", ""), [f"card:{card.pk}:2"])


def test_three_wrong_pins_are_told_and_end_with_the_replacement(browser, card):  # S1.7
    block_pin(card)
    page = words(browser.get(url("card", card)))
    assert "Trois codes PIN faux" in page
    assert "coûtent ensemble 20,00 CHF" in page
    assert "Bloquée" in words(browser.get(reverse("wallet:index")))
    confirm_password(browser, url("replace", card))
    assert "coûtent ensemble 20,00 CHF" in words(browser.get(url("replace", card)))
    browser.post(url("replace", card), {"generation": "1"})
    assert fees_asked() == [f"pin:{card.pk}:2"]
    assert CreditCard.objects.get(pk=card.pk).wrong_pin == 0


@pytest.mark.parametrize("name", ["pin", "unfreeze", "replace"])
def test_pages_are_the_holders_only(browser, name):
    other = make_credit(make_user())
    answer = confirm_password(browser, url(name, other))
    assert browser.get(answer.url).status_code == 404
    assert browser.post(url(name, other), {"generation": "1", "why": "lost"}).status_code == 404
    assert fees_asked() == []


def test_nobody_else_stops_the_card(browser):
    other = make_credit(make_user())
    assert browser.get(url("block", other)).status_code == 404
    for typed in ({}, {"why": "lost"}):
        assert browser.post(url("block", other), typed).status_code == 404
    assert state_of(other) == ("active", "")


def test_what_is_owed_is_shown_when_somebody_tells_it(browser, card):
    """Wallet does not know it: the room above adds it to the page."""
    found = cards_of(card.holder_id).select_related("credit").get(pk=card.pk)
    context = {
        "card": card_summary(found, at=timezone.now()),
        "status": credit_status(found),
        "pin_price": 2_000,
        "card_price": 2_000,
    }
    assert "Disponible" not in render_to_string("wallet/credit.html", context)
    told = render_to_string(
        "wallet/credit.html", context | {"credit": {"owed_minor": 84_260, "available_minor": 115_740}}
    )
    assert "842,60" in told
    assert "Disponible" in told


@pytest.mark.parametrize("name", ["card", "block", "pin", "replace", "unfreeze"])
def test_pages_cost_at_most_twelve_queries(browser, card, name, django_assert_max_num_queries):
    with_pin(card)
    freeze_credit_card(card_id=card.pk, holder_id=card.holder_id, at=timezone.now())
    confirm_password(browser, url("pin", card))
    browser.get(url(name, card))
    with django_assert_max_num_queries(12):
        assert browser.get(url(name, card)).status_code == 200


def test_wallet_costs_no_query_more_for_many_credit_cards(browser, card, ada):
    def queries():
        with CaptureQueriesContext(connection) as seen:
            browser.get(reverse("wallet:index"))
        return len(seen)

    queries()
    one = queries()
    for _ in range(5):
        make_credit(ada)
    assert queries() == one <= 12


def test_number_never_reaches_the_log(browser, card, capsys):
    confirm_password(browser, url("pin", card))
    browser.post(url("pin", card))
    said = "".join(capsys.readouterr())
    assert credit_number_of(card) not in said
