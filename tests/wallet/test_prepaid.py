"""The holder's hands on a prepaid card: CVC, freeze, loss (S0.1, S0.7, issue 5)."""

import uuid

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from documents.selectors import document_exists
from kernel.seal import SealBroken
from tests.wallet.factories import make_user
from tests.wallet.prepaid_factories import cvc_of, debit_facts, make_prepaid, number_of, wrong_cvc_of
from wallet.errors import CardBlocked, CardContested, CardNotUsable, CvcShown, CvcWrong, LoadOverLimit
from wallet.models import Card, CardEvent, ClaimLink, PrepaidCard, RetiredNumber
from wallet.selectors import token_hash
from wallet.selectors.till import till_balance, till_card
from wallet.services.block import block_card, unblock_card
from wallet.services.claim import claim_card
from wallet.services.contest import condemn_batch, freeze_batch, release_batch
from wallet.services.draw import drawing_of
from wallet.services.freeze import freeze_card, unfreeze_card
from wallet.services.load import load_card
from wallet.services.replace import replace_card
from wallet.services.reseal import SEALED
from wallet.services.reveal import renew_cvc, show_cvc
from wallet.services.send import send_card
from wallet.services.till import check_cvc, debit_card, reverse_debit
from wallet.states import CardState

pytestmark = pytest.mark.django_db


@pytest.fixture
def holder():
    return make_user()


@pytest.fixture
def card(holder):
    return make_prepaid(holder, 10_000)


def facts(card):
    return {"card_id": card.pk, "holder_id": card.holder_id, "at": timezone.now()}


def replace(card, generation=1):
    replace_card(**facts(card), generation=generation)
    card.refresh_from_db()


def use_up_tries(card):
    for _ in range(3):
        with pytest.raises((CvcWrong, CardBlocked)):
            check_cvc(card_id=card.pk, cvc=wrong_cvc_of(card), at=timezone.now())


def why_not(card) -> str:
    return till_card(number_of(card)).why_not


def test_cvc_is_shown_once(card):  # issue 5
    cvc = cvc_of(card)
    assert show_cvc(**facts(card)) == cvc
    with pytest.raises(CvcShown):
        show_cvc(**facts(card))
    assert CardEvent.objects.filter(card=card, kind="cvc_shown").count() == 1


def test_another_cvc_makes_the_old_one_wrong(card):
    old = cvc_of(card)
    new = renew_cvc(**facts(card))
    assert new == cvc_of(card) != old
    with pytest.raises(CvcWrong):
        check_cvc(card_id=card.pk, cvc=old, at=timezone.now())
    check_cvc(card_id=card.pk, cvc=new, at=timezone.now())


def test_another_cvc_gives_no_tries_back(card):  # S0.7
    use_up_tries(card)
    cvc = renew_cvc(**facts(card))
    with pytest.raises(CardBlocked):
        check_cvc(card_id=card.pk, cvc=cvc, at=timezone.now())


def test_only_the_holder_sees_the_cvc(card):
    with pytest.raises(Card.DoesNotExist):
        show_cvc(card_id=card.pk, holder_id=make_user().pk, at=timezone.now())
    assert PrepaidCard.objects.get(pk=card.pk).cvc_shown_at is None


def test_cvc_is_sealed_and_bound_to_its_card(card, holder):
    cvc_of(card)
    other = make_prepaid(holder)
    PrepaidCard.objects.filter(pk=other.pk).update(cvc_sealed=card.prepaid.cvc_sealed)
    with pytest.raises(SealBroken):
        cvc_of(other)


def test_cvc_is_sealed_again_after_a_new_key(card, settings):
    cvc = cvc_of(card)
    settings.SEAL_KEYS = ["new:" + "B" * 43 + "=", *settings.SEAL_KEYS]
    assert next(kind for kind in SEALED if kind.name == "cvcs").reseal(limit=10) == 1
    assert cvc_of(card) == cvc
    assert card.prepaid.cvc_sealed.startswith("new.")


def test_holder_freezes_and_unfreezes(card):
    freeze_card(**facts(card))
    freeze_card(**facts(card))
    assert why_not(card) == "frozen"
    with pytest.raises(CardNotUsable) as refusal:
        debit_card(**debit_facts(card))
    assert refusal.value.why == "frozen"
    unfreeze_card(**facts(card))
    unfreeze_card(**facts(card))
    assert why_not(card) == ""
    kinds = CardEvent.objects.filter(card=card).order_by("pk").values_list("kind", flat=True)
    assert list(kinds) == ["issued", "blocked", "unblocked"]


def test_holder_lifts_the_block_of_three_wrong_cvc(card):  # S0.7
    use_up_tries(card)
    assert why_not(card) == "blocked"
    unfreeze_card(**facts(card))
    assert why_not(card) == ""
    check_cvc(card_id=card.pk, cvc=cvc_of(card), at=timezone.now())


@pytest.mark.parametrize("frozen_first", [False, True])
def test_holder_does_not_lift_what_an_operator_blocked(card, frozen_first):
    if frozen_first:
        freeze_card(**facts(card))
    block_card(card_id=card.pk, actor_id=make_user().pk, at=timezone.now())
    freeze_card(**facts(card))
    for act in (unfreeze_card, replace, show_cvc, renew_cvc):
        with pytest.raises(CardNotUsable):
            act(card) if act is replace else act(**facts(card))
    assert why_not(card) == "blocked"
    unblock_card(card_id=card.pk, actor_id=make_user().pk, at=timezone.now())
    assert why_not(card) == ""


def test_holder_does_not_lift_what_a_bank_contests(card):
    freeze_card(**facts(card))
    freeze_batch(batch=card.batch, note="dispute", at=timezone.now())
    assert why_not(card) == "blocked"
    with pytest.raises(CardContested):
        unfreeze_card(**facts(card))
    release_batch(batch=card.batch, note="won", at=timezone.now())
    assert why_not(card) == "frozen"
    condemn_batch(batch=card.batch, note="lost", at=timezone.now())
    with pytest.raises(CardNotUsable):
        unfreeze_card(**facts(card))


def test_lost_card_gets_another_number_and_keeps_its_balance(card):
    old_number, old_cvc = number_of(card), cvc_of(card)
    debit_card(**debit_facts(card, 2_500))
    replace(card)
    assert number_of(card) != old_number
    assert till_balance(card.pk, at=timezone.now()) == 7_500
    assert (till_card(old_number).why_not, till_card(old_number).usable) == ("replaced", False)
    assert till_card(number_of(card)).usable
    assert card.prepaid.generation == 2
    if cvc_of(card) != old_cvc:
        with pytest.raises(CvcWrong):
            check_cvc(card_id=card.pk, cvc=old_cvc, at=timezone.now())
    assert show_cvc(**facts(card)) == cvc_of(card)
    event = CardEvent.objects.get(card=card, kind="replaced")
    assert event.note == old_number[-4:]


def test_replacing_twice_from_one_page_is_replacing_once(card):
    replace(card)
    number = number_of(card)
    replace(card, generation=1)
    assert number_of(card) == number
    assert RetiredNumber.objects.filter(card=card).count() == 1


def test_replacing_ends_a_freeze_and_wrong_tries(card):
    freeze_card(**facts(card))
    PrepaidCard.objects.filter(pk=card.pk).update(wrong_cvc=3)
    replace(card)
    assert why_not(card) == ""
    assert cvc_of(card)
    assert card.prepaid.wrong_cvc == 0


def test_sheet_of_the_old_number_is_gone(card):
    drawing_of(card, language="fr")
    ref = f"{card.pk}:{card.number_index[:16]}:fr"
    assert document_exists("ecard", ref)
    replace(card)
    assert not document_exists("ecard", ref)


def test_reversal_after_the_replacement_reaches_the_living_card(card):  # issue 5
    spent = debit_facts(card, 2_500)
    debit_card(**spent)
    replace(card)
    assert reverse_debit(key=uuid.uuid4(), debit_key=spent["key"], at=timezone.now()) == 10_000
    assert till_balance(till_card(number_of(card)).card_id, at=timezone.now()) == 10_000


def test_number_of_an_older_card_is_known_as_replaced_for_ever(card):
    numbers = [number_of(card)]
    for generation in (1, 2, 3):
        replace(card, generation)
        numbers.append(number_of(card))
    assert [till_card(number).why_not for number in numbers] == ["replaced"] * 3 + [""]


def test_given_away_it_gets_another_number_and_cvc(card):
    old_number = number_of(card)
    show_cvc(**facts(card))
    receiver = make_user()
    send_card(
        card_id=card.pk,
        sender_id=card.holder_id,
        recipient=receiver.email,
        message="",
        language="fr",
        at=timezone.now(),
    )
    token = "t" * 43
    ClaimLink.objects.filter(card=card).update(token_hash=token_hash(token))
    claim_card(token=token, user_id=receiver.pk, at=timezone.now())
    card.refresh_from_db()
    assert card.holder_id == receiver.pk
    assert till_card(old_number).why_not == "replaced"
    assert show_cvc(**facts(card)) == cvc_of(card)


def load(card, amount, **fields):
    facts = {"key": uuid.uuid4(), "card_id": card.pk, "holder_id": card.holder_id, "at": timezone.now()}
    load_card(**facts | {"amount_minor": amount} | fields)


def test_balance_never_passes_its_limit(card):  # S0.1, S0.7
    load(card, 290_000)
    assert till_balance(card.pk, at=timezone.now()) == 300_000
    with pytest.raises(LoadOverLimit) as refusal:
        load(card, 1)
    assert refusal.value.room == 0
    assert till_balance(card.pk, at=timezone.now()) == 300_000


def test_same_load_again_changes_nothing(card):
    key = uuid.uuid4()
    load(card, 290_000, key=key)
    load(card, 290_000, key=key)
    assert till_balance(card.pk, at=timezone.now()) == 300_000


def test_frozen_and_blocked_cards_are_loaded(card):
    freeze_card(**facts(card))
    use_up = PrepaidCard.objects.filter(pk=card.pk)
    use_up.update(wrong_cvc=3)
    load(card, 5_000)
    assert till_balance(card.pk, at=timezone.now()) == 15_000


def test_void_card_is_not_loaded(card):
    Card.objects.filter(pk=card.pk).update(state=CardState.VOID)
    with pytest.raises(CardNotUsable):
        load(card, 5_000)
    assert till_balance(card.pk, at=timezone.now()) == 10_000


@pytest.mark.parametrize(
    "wrong",
    [{"wrong_cvc": 4}, {"wrong_cvc": -1}, {"generation": 0}, {"cvc_sealed": ""}],
)
def test_database_refuses_what_no_card_has(card, wrong):
    with pytest.raises(IntegrityError), transaction.atomic():
        PrepaidCard.objects.filter(pk=card.pk).update(**wrong)


@pytest.mark.parametrize("wrong", [{"account": None}, {"expires_on": "2030-01-01"}, {"currency": "PLACE"}])
def test_database_refuses_a_prepaid_card_without_account_or_with_an_end(card, wrong):
    with pytest.raises(IntegrityError), transaction.atomic():
        Card.objects.filter(pk=card.pk).update(**wrong)
