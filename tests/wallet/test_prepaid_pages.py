"""The pages of a prepaid card: what its holder sees and does (S0.1, S0.7, issue 5)."""

import base64
import re
from html import unescape
from uuid import uuid4

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from tests.barcodes import decode
from tests.documents.test_barcode import picture, png
from tests.pdfs import page_png, text_of
from tests.wallet.factories import make_user
from tests.wallet.prepaid_factories import cvc_of, debit_facts, make_prepaid, number_of
from wallet.models import Card, ClaimLink, PrepaidCard
from wallet.selectors import token_hash
from wallet.services.block import block_card
from wallet.services.freeze import freeze_card
from wallet.services.load import load_card
from wallet.services.number import in_groups
from wallet.services.send import send_card
from wallet.services.till import debit_card, reverse_debit

pytestmark = pytest.mark.django_db
PASSWORD = "prunes-et-noyaux"


@pytest.fixture
def ada():
    return make_user()


@pytest.fixture
def card(ada):
    return make_prepaid(ada, 10_000)


@pytest.fixture
def browser(ada):
    client = Client()
    client.force_login(ada)
    return client


def url(name, card):
    return reverse(f"wallet:{name}", args=[card.pk])


def words(answer) -> str:
    return unescape(answer.content.decode()).replace("\u00a0", " ").replace("\u202f", " ")


def confirm_password(browser, where):
    """The password page that `where` leads to, and what its answer is."""
    asked = browser.get(where)
    assert asked.status_code == 302
    assert asked.url.startswith(reverse("account_reauthenticate"))
    return browser.post(asked.url, {"password": PASSWORD})


def test_card_page_shows_balance_code_and_no_date(browser, card):
    page = words(browser.get(url("card", card)))
    assert "100,00 CHF" in page
    assert "Sans date limite" in page
    assert "9999" not in page
    assert cvc_of(card) not in re.findall(r"(?<![0-9])[0-9]{3}(?![0-9])", page.split("CVC")[1][:200])


def test_code_on_the_page_is_the_number(browser, card):
    """Read by a decoder that shares no code with the one that draws."""
    for name in ("card", "till"):
        page = browser.get(url(name, card)).content.decode()
        svg = base64.b64decode(re.search(r'class="qr" src="data:image/svg\+xml;base64,([^"]+)"', page)[1])
        assert decode(png(picture(svg.decode(), 4))) == [number_of(card)]


def test_sheet_has_the_code_and_not_the_cvc(browser, card):
    PrepaidCard.objects.filter(pk=card.pk).update(wrong_cvc=0)
    content = browser.get(url("pdf", card)).content
    assert decode(page_png(content)) == [number_of(card)]
    text = text_of(content)
    assert "Sans date limite" in text
    assert not re.search(rf"CVC\W*{cvc_of(card)}", text)


def test_sheet_of_a_frozen_card_is_not_given_out(browser, card):
    freeze_card(card_id=card.pk, holder_id=card.holder_id, at=timezone.now())
    assert browser.get(url("pdf", card)).status_code == 302
    page = browser.get(url("card", card)).content.decode()
    assert 'class="qr"' not in page
    assert in_groups(number_of(card)) not in page


def test_history_names_what_happened_and_the_balance_after_it(browser, card):
    load_card(
        key=uuid4(),
        card_id=card.pk,
        holder_id=card.holder_id,
        amount_minor=25_000,
        at=timezone.now(),
        note="CMD-9",
    )
    bill = debit_facts(card, 8_920, note="Sport Alpin")
    debit_card(**bill)
    reverse_debit(key=uuid4(), debit_key=bill["key"], at=timezone.now(), note="Sport Alpin")
    rows = re.findall(
        r"<tr role=\"row\">\s*<td(.*?)</tr>", browser.get(url("card", card)).content.decode(), re.S
    )
    told = [
        " ".join(
            re.sub(r"<[^>]+>|td>|^[^>]*>", " ", row).replace("\u00a0", " ").replace("\u202f", " ").split()
        )
        for row in rows
    ]
    assert [line.partition(" ")[2] for line in told] == [
        "Achat annulé Sport Alpin +89,20 CHF 350,00 CHF",
        "Sport Alpin -89,20 CHF 260,80 CHF",
        "Rechargement CMD-9 +250,00 CHF 350,00 CHF",
        "Activation +100,00 CHF 100,00 CHF",
    ]


def test_history_goes_on_by_key(browser, card):
    for _ in range(25):
        debit_card(**debit_facts(card, 100, note="Café"))
    first = browser.get(url("card", card)).content.decode()
    assert first.count(">Café<") == 20
    following = re.search(r'rel="next" href="([^"]+)"', first)[1]
    second = browser.get(url("card", card) + following).content.decode()
    assert second.count(">Café<") == 5
    assert "Activation" in second
    assert browser.get(url("card", card) + "?cursor=x").content.decode().count(">Café<") == 20


def test_cvc_needs_the_password_and_is_shown_once_for_half_a_minute(browser, card):  # issue 5
    offer = confirm_password(browser, url("cvc", card))
    assert offer.url == url("cvc", card)
    assert "Afficher 30 secondes" in words(browser.get(offer.url))
    shown = browser.post(url("cvc", card))
    assert f">{cvc_of(card)}<" in shown.content.decode()
    assert shown["Refresh"] == f"30; url={url('card', card)}"
    assert "no-store" in shown["Cache-Control"]
    again = browser.post(url("cvc", card))
    assert f">{cvc_of(card)}<" not in again.content.decode()
    assert "déjà été montré" in words(again)
    assert "Refresh" not in again


def test_another_cvc_is_drawn_on_demand(browser, card):
    old = cvc_of(card)
    confirm_password(browser, url("cvc", card))
    shown = browser.post(url("cvc", card), {"nouveau": "1"})
    assert cvc_of(card) != old
    assert f">{cvc_of(card)}<" in shown.content.decode()


def test_a_press_without_the_password_goes_on_after_it(browser, card):
    """The password was given too long ago: what was pressed happens once it is given again."""
    asked = browser.post(url("cvc", card))
    assert asked.url.startswith(reverse("account_reauthenticate"))
    assert PrepaidCard.objects.get(pk=card.pk).cvc_shown_at is None
    shown = browser.post(asked.url, {"password": PASSWORD})
    assert f">{cvc_of(card)}<" in shown.content.decode()


def test_a_wrong_password_shows_nothing(browser, card):
    asked = browser.get(url("cvc", card))
    assert browser.post(asked.url, {"password": "faux"}).status_code == 200
    assert browser.post(url("cvc", card)).status_code == 302
    assert PrepaidCard.objects.get(pk=card.pk).cvc_shown_at is None


def test_holder_freezes_at_once_and_unfreezes_with_the_password(browser, card):
    assert "Bloquer la carte" in words(browser.get(url("block", card)))
    browser.post(url("block", card))
    assert Card.objects.get(pk=card.pk).state == "blocked"
    assert "Débloquer la carte" in words(browser.get(url("card", card)))
    confirm_password(browser, url("unfreeze", card))
    browser.post(url("unfreeze", card))
    assert Card.objects.get(pk=card.pk).state == "active"


def test_three_wrong_cvc_are_told_and_lifted_with_the_password(browser, card):  # S0.7
    PrepaidCard.objects.filter(pk=card.pk).update(wrong_cvc=3)
    assert "Trois CVC faux" in words(browser.get(url("card", card)))
    assert "Bloquée" in words(browser.get(reverse("wallet:index")))
    assert browser.get(url("till", card)).status_code == 302
    assert browser.post(url("unfreeze", card)).status_code == 302
    assert PrepaidCard.objects.get(pk=card.pk).wrong_cvc == 3
    confirm_password(browser, url("unfreeze", card))
    browser.post(url("unfreeze", card))
    assert PrepaidCard.objects.get(pk=card.pk).wrong_cvc == 0


def test_card_blocked_by_an_operator_says_whom_to_write_to(browser, card):
    block_card(card_id=card.pk, actor_id=make_user().pk, at=timezone.now())
    page = words(browser.get(url("card", card)))
    assert "écrivez-nous" in page
    assert "Débloquer la carte" not in page
    confirm_password(browser, url("unfreeze", card))
    browser.post(url("unfreeze", card))
    assert Card.objects.get(pk=card.pk).state == "blocked"


def test_lost_card_is_replaced_with_the_password_once(browser, card):
    old = number_of(card)
    confirm_password(browser, url("replace", card))
    page = browser.get(url("replace", card)).content.decode()
    generation = re.search(r'name="generation" value="(\d+)"', page)[1]
    for _ in range(2):
        assert browser.post(url("replace", card), {"generation": generation}).status_code == 302
    assert number_of(card) != old
    assert PrepaidCard.objects.get(pk=card.pk).generation == 2
    for nonsense in ("", "x", "９", "99999999"):
        browser.post(url("replace", card), {"generation": nonsense})
    assert PrepaidCard.objects.get(pk=card.pk).generation == 2


@pytest.mark.parametrize("name", ["cvc", "unfreeze", "replace"])
def test_pages_are_the_holders_only(browser, name):
    other = make_prepaid(make_user())
    answer = confirm_password(browser, url(name, other))
    assert browser.get(answer.url).status_code == 404
    assert browser.post(url(name, other)).status_code == 404


def test_empty_card_stays_in_the_wallet_and_can_be_presented(browser, card):  # S0.1
    debit_card(**debit_facts(card, 10_000))
    page = words(browser.get(reverse("wallet:index")))
    assert "Vide : rechargez-la" in page
    assert "Carte épuisée ou expirée" not in page
    assert browser.get(url("till", card)).status_code == 200


def test_wallet_tells_what_prepaid_cards_hold_together(browser, card, ada):
    make_prepaid(ada, 4_850)
    page = " ".join(words(browser.get(reverse("wallet:index"))).split())
    assert "148,50 CHF</b> sur 2 cartes prépayées" in page


def test_nothing_reminds_of_the_end_of_a_prepaid_card(browser, card):
    calendar = browser.get(reverse("wallet:deadlines")).content.decode()
    assert "VEVENT" not in calendar
    assert "9999" not in words(browser.get(reverse("wallet:reminders")))


@pytest.mark.parametrize("name", ["card", "till", "block"])
def test_pages_cost_at_most_twelve_queries(browser, card, name, django_assert_max_num_queries):
    browser.get(url(name, card))
    with django_assert_max_num_queries(12):
        browser.get(url(name, card))


def test_number_and_cvc_never_reach_the_log(browser, card, capsys):
    confirm_password(browser, url("cvc", card))
    browser.post(url("cvc", card))
    said = "".join(capsys.readouterr())
    assert number_of(card) not in said


def test_received_without_an_account_it_shows_its_code_and_no_cvc(browser, card, ada):
    """The CVC is seen in a wallet only; the giver's number and CVC are worth nothing any more."""
    old = number_of(card)
    send_card(
        card_id=card.pk, sender_id=ada.pk, recipient="lou@essai.example", message="", language="fr",
        at=timezone.now(),
    )  # fmt: skip
    token = "t" * 43
    ClaimLink.objects.filter(card=card).update(token_hash=token_hash(token))
    visitor = Client()
    offer = visitor.get(reverse("wallet:claim", args=[token]))
    assert "Sans date limite" in words(offer)
    page = visitor.get(visitor.post(offer.request["PATH_INFO"]).url)
    assert in_groups(number_of(card)) in page.content.decode()
    assert number_of(card) != old
    assert "ajoutez-la au vôtre" in words(page)
    assert "9999" not in words(page)


def test_unknown_numbers_and_wrong_cvc_cost_alike(browser, card, django_assert_max_num_queries):
    """One look at the number, whatever it is; only a card that waits has its tries counted."""
    register = reverse("wallet:register")
    for number in ("9700000000000000000", number_of(make_prepaid(make_user()))):
        with django_assert_max_num_queries(12):
            answer = browser.post(register, {"type": "prepayee", "numero": number, "cvc": "123"})
        assert "n'est pas reconnue" in words(answer)
