"""Many at once, on a database that has row locks."""

import threading
import time
import uuid
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from django.db import IntegrityError, connection
from django.db.models import QuerySet
from django.utils import timezone

from kernel.errors import DomainError
from ledger.errors import KeyReused
from ledger.selectors import balance
from outbox.models import Mail
from tests.wallet.factories import make_card, make_printed, make_user, plan
from tests.wallet.issuers import FaultyIssuer
from tests.wallet.test_send import give, mailed_token
from wallet.errors import CardNotRecognised
from wallet.models import Card, CardEvent, ClaimLink, PrintedCard
from wallet.selectors import batch_progress, token_hash
from wallet.services import claim, register
from wallet.services.claim import claim_card
from wallet.services.issue import issue_batch
from wallet.services.send import renew_token
from wallet.services.spend import spend_card
from wallet.services.void import void_batch
from wallet.states import CardKind

pytestmark = [pytest.mark.postgres, pytest.mark.django_db(transaction=True)]


def at_once(*calls: Callable[[], Any]) -> list[Any]:
    """All calls started together; a refusal counts as its result."""
    start = threading.Barrier(len(calls))

    def run(call: Callable[[], Any]) -> Any:
        start.wait()
        try:
            return call()
        except DomainError as refusal:
            return refusal
        finally:
            connection.close()

    with ThreadPoolExecutor(len(calls)) as threads:
        return list(threads.map(run, calls))


def test_eight_workers_on_one_batch_issue_each_card_once():
    batch = plan(make_user(), 1000, 2000, 3000)
    at_once(*[lambda: issue_batch(batch=batch, at=timezone.now())] * 8)
    assert Card.objects.filter(batch=batch).count() == 3
    assert batch_progress(batch).complete


def test_eight_workers_on_one_remote_card_record_it_once(settings):
    settings.ISSUERS = settings.ISSUERS | {"faulty": "tests.wallet.issuers.FaultyIssuer"}
    FaultyIssuer.reset()
    batch = plan(make_user(), 1000, issuer="faulty")
    at_once(*[lambda: issue_batch(batch=batch, at=timezone.now())] * 8)
    assert len(FaultyIssuer.cards) == 1
    card = Card.objects.get(batch=batch)
    assert balance(card.account_id, at=timezone.now()).available == 1000


def test_of_sixteen_who_open_one_link_one_receives_the_card():
    card = make_card(make_user("ada@exemple.test"))
    give(card)
    token = mailed_token()
    people = [make_user().pk for _ in range(16)]

    def claim(user_id: int) -> Callable[[], Any]:
        return lambda: claim_card(token=token, user_id=user_id, at=timezone.now())

    results = at_once(*[claim(user_id) for user_id in people])
    winners = [
        user for user, result in zip(people, results, strict=True) if not isinstance(result, DomainError)
    ]
    card.refresh_from_db()
    assert winners == [card.holder_id]
    assert CardEvent.objects.filter(card=card, kind="claimed").count() == 1


def test_a_card_is_spent_or_taken_back_and_never_both():
    for _ in range(5):
        card = make_card(make_user(), 1000)

        def spend(card=card) -> None:
            spend_card(card_id=card.pk, key=uuid.uuid4(), amount_minor=300, shop="x", at=timezone.now())

        def void(card=card) -> int:
            return void_batch(card.batch, timezone.now())

        results = at_once(spend, void)
        left = balance(card.account_id, at=timezone.now()).available
        assert sum(isinstance(result, DomainError) for result in results) == 1
        assert left in {0, 700}


def _done_or_waiting(call: Future[Any]) -> None:
    """Until `call` ended, or its connection waits for a lock that another holds."""
    while not call.done():
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT EXISTS (SELECT 1 FROM pg_stat_activity "
                "WHERE datname = current_database() AND wait_event_type = 'Lock')"
            )
            if cursor.fetchone()[0]:
                return
        time.sleep(0.01)


@pytest.mark.parametrize("locks", ["held", "removed"])
def test_a_fresh_link_is_never_mailed_for_a_card_that_is_just_moving_into_a_wallet(locks, monkeypatch):
    """Scripted: the fresh link is asked for after the claim has looked at the link, before it writes.

    With the locks removed the reader gets a link that is dead on arrival, because the claim overwrites it.
    """
    if locks == "removed":
        monkeypatch.setattr(QuerySet, "select_for_update", lambda rows, **_: rows.all())
    later = timezone.now()
    first, second = later - timedelta(days=1), later - timedelta(hours=1)
    card = make_card(make_user("ada@exemple.test"), at=first)
    link_id = give(card, at=first)
    claim_card(token=mailed_token(), user_id=None, at=first)
    renew_token(link_id=link_id, at=second)
    token = mailed_token()
    bob, adopt = make_user(), claim._adopt
    looked, asked = threading.Event(), threading.Event()

    def adopt_slowly(*args: Any, **facts: Any) -> None:
        looked.set()
        assert asked.wait(20)
        adopt(*args, **facts)

    monkeypatch.setattr(claim, "_adopt", adopt_slowly)

    def closing(work: Callable[..., Any], **facts: Any) -> None:
        try:
            work(**facts)
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as threads:
        claiming = threads.submit(closing, claim_card, token=token, user_id=bob.pk, at=later)
        assert looked.wait(20)
        renewing = threads.submit(closing, renew_token, link_id=link_id, at=later)
        _done_or_waiting(renewing)
        asked.set()
        claiming.result(20)
        renewing.result(20)

    link = ClaimLink.objects.get(pk=link_id)
    assert (link.claimed_by_id, link.token_used) == (bob.pk, True)
    fresh = Mail.objects.filter(event="wallet.card_again").count() - 1
    assert fresh == (0 if locks == "held" else 1)
    assert (link.token_hash == token_hash(token)) == (locks == "held")


def registering(number: str, user_id: int) -> Callable[[], Any]:
    def call() -> Any:
        try:
            return register.register_card(
                customer_id=user_id, kind=CardKind.PLACES, number=number, at=timezone.now()
            )
        except IntegrityError as crash:
            return crash

    return call


def test_of_sixteen_accounts_that_register_one_card_one_gets_it_and_the_others_one_answer():  # S2.3
    printed = make_printed("200466318274")
    people = [make_user().pk for _ in range(16)]
    results = at_once(*[registering("200466318274", user) for user in people])
    card = Card.objects.get()
    printed.refresh_from_db()
    assert [user for user, got in zip(people, results, strict=True) if got == card.pk] == [card.holder_id]
    assert sum(isinstance(got, CardNotRecognised) for got in results) == 15
    assert printed.card_id == card.pk
    assert balance(card.account_id, at=timezone.now()).available == 5
    assert CardEvent.objects.filter(kind="registered").count() == 1


def test_without_the_lock_the_losers_of_that_race_meet_the_database_instead_of_an_answer(monkeypatch):
    def unlocked(index: str) -> PrintedCard | None:
        found = PrintedCard.objects.select_related("product").filter(number_index=index).first()
        meet.wait(timeout=30)
        return found

    meet = threading.Barrier(8)
    monkeypatch.setattr(register, "_locked", unlocked)
    make_printed("200466318274")
    results = at_once(*[registering("200466318274", make_user().pk) for _ in range(8)])
    assert Card.objects.count() == 1  # the database has the last word
    assert sum(isinstance(got, IntegrityError | KeyReused) for got in results) == 7
