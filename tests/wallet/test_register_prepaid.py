"""Prepaid cards that are printed, handed over and registered (issue 5)."""

import pytest
from django.db import IntegrityError, transaction
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pypdfium2 import PdfDocument

from tests.barcodes import decode
from tests.pdfs import page_png, text_of
from tests.support import run_jobs
from tests.wallet.factories import make_user
from tests.wallet.prepaid_factories import cvc_of, make_printed_prepaid, number_of, wrong_cvc_of
from wallet.errors import AlreadyInWallet, CardNotRecognised
from wallet.models import Card, CardEvent, PrepaidBatch, PrepaidCard
from wallet.selectors.till import till_balance, till_card
from wallet.services.block import block_card
from wallet.services.print_batch import destroy_sheet, make_batch, order_sheet, sheet_of
from wallet.services.register_prepaid import register_prepaid

pytestmark = pytest.mark.django_db


@pytest.fixture
def customer():
    return make_user()


@pytest.fixture
def card():
    return make_printed_prepaid()


def register(card, customer, cvc=""):
    facts = {"number": number_of(card), "cvc": cvc or cvc_of(card), "at": timezone.now()}
    register_prepaid(customer_id=customer.pk, **facts)


def holder_of(card):
    return Card.objects.get(pk=card.pk).holder


def test_batch_makes_empty_cards_that_nobody_holds(card):
    assert (card.holder, card.face_minor, card.currency) == (None, 0, "CHF")
    assert till_balance(card.pk, at=timezone.now()) == 0
    assert till_card(number_of(card)).usable


def test_registering_needs_number_and_cvc(card, customer):
    register(card, customer)
    assert holder_of(card) == customer
    assert CardEvent.objects.filter(card=card, kind="registered", actor=customer).count() == 1
    with pytest.raises(AlreadyInWallet):
        register(card, customer)


def test_wrong_cvc_registers_nothing_and_is_counted(card, customer):  # S0.7
    for _ in range(3):
        with pytest.raises(CardNotRecognised):
            register(card, customer, wrong_cvc_of(card))
    with pytest.raises(CardNotRecognised):
        register(card, customer)
    assert holder_of(card) is None
    assert PrepaidCard.objects.get(pk=card.pk).wrong_cvc == 3


def test_card_of_somebody_else_is_not_recognised_and_loses_no_try(card, customer):
    register(card, make_user())
    with pytest.raises(CardNotRecognised):
        register(card, customer, wrong_cvc_of(card))
    assert holder_of(card) != customer
    assert PrepaidCard.objects.get(pk=card.pk).wrong_cvc == 0


def test_blocked_card_is_not_recognised(card, customer):
    block_card(card_id=card.pk, actor_id=customer.pk, at=timezone.now())
    with pytest.raises(CardNotRecognised):
        register(card, customer)
    assert holder_of(card) is None


def test_unknown_number_is_not_recognised(customer):
    with pytest.raises(CardNotRecognised):
        register_prepaid(customer_id=customer.pk, number="9700000000000000000", cvc="123", at=timezone.now())


def test_sheet_shows_every_card_with_its_code_and_cvc():
    cards = make_batch_of(9)
    batch_id = PrepaidBatch.objects.get().pk
    run_jobs()
    content = sheet_of(batch_id).content
    read = codes_on(content, 1) | codes_on(content, 3)
    numbers = {number_of(card): card for card in cards}
    assert sorted(read) == sorted(numbers)
    text = text_of(content).replace(" ", "")
    assert all(f"CVC{cvc_of(card)}" in text for card in cards)


def test_backs_fall_on_their_fronts_when_the_sheet_is_turned():
    """The front at the left has its back at the right."""
    make_batch_of(2)
    run_jobs()
    content = sheet_of(PrepaidBatch.objects.get().pk).content
    pages = [page.get_textpage() for page in PdfDocument(content)]
    middle = pages[0].page.get_width() / 2
    front = pages[0].get_text_bounded(right=middle)
    [back] = codes_on(content, 1, right_half=True)
    assert back[-4:] in front


def test_sheet_is_destroyed_and_drawn_again_without_what_is_registered(customer):
    cards = make_batch_of(2)
    batch_id = PrepaidBatch.objects.get().pk
    run_jobs()
    destroy_sheet(batch_id)
    assert sheet_of(batch_id) is None
    register(cards[0], customer)
    order_sheet(batch_id, at=timezone.now())
    run_jobs()
    assert codes_on(sheet_of(batch_id).content, 1) == {number_of(cards[1])}


def codes_on(pdf, page, **part):
    """The codes of a page, looked at twice: the decoder overlooks one in twenty of many on one picture."""
    return {code for dpi in (150, 250) for code in decode(page_png(pdf, page=page, dpi=dpi, **part))}


def make_batch_of(size):
    batch_id = make_batch(label="Club de ski", size=size, made_by_id=make_user().pk, at=timezone.now())
    return list(Card.objects.filter(batch=f"prepaid:{batch_id}"))


@pytest.mark.parametrize("size", [0, 201])
def test_database_refuses_batches_of_another_size(size):
    with pytest.raises(IntegrityError), transaction.atomic():
        PrepaidBatch.objects.create(label="x", size=size, made_by=make_user(), made_at=timezone.now())


@pytest.fixture
def browser(customer):
    client = Client()
    client.force_login(customer)
    return client


def send(browser, **typed):
    return browser.post(reverse("wallet:register"), {"type": "prepayee", "enregistrer": "1"} | typed)


def test_page_registers_a_prepaid_card(browser, card, customer):
    answer = send(browser, numero=number_of(card), cvc=cvc_of(card))
    assert answer.status_code == 302
    assert holder_of(card) == customer


@pytest.mark.parametrize("cvc", ["", "12", "1234", "12a", "１２３"])
def test_page_asks_for_three_digits_and_keeps_what_was_typed(browser, card, cvc):
    answer = send(browser, numero=number_of(card), cvc=cvc)
    assert answer.status_code == 422
    assert "Saisissez les trois chiffres du CVC." in answer.content.decode()
    assert number_of(card) in answer.content.decode()
    assert PrepaidCard.objects.get(pk=card.pk).wrong_cvc == 0
    assert holder_of(card) is None


def test_page_answers_alike_for_wrong_cvc_and_unknown_number(browser, card):
    wrong = send(browser, numero=number_of(card), cvc=wrong_cvc_of(card))
    unknown = send(browser, numero="9700000000000000000", cvc="123")
    assert wrong.status_code == unknown.status_code == 422
    for answer in (wrong, unknown):
        assert "n'est pas reconnue" in answer.content.decode().replace("&#x27;", "'")
    assert holder_of(card) is None
