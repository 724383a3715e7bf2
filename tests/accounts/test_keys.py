"""Identification keys (S3.1)."""

from concurrent.futures import ThreadPoolExecutor
from datetime import date
from threading import Barrier

import pytest
from django.db import IntegrityError, connection, transaction
from django.db.models import F
from django.utils import timezone

from accounts.errors import KeyExpired, KeyRefused, KeyUsedUp
from accounts.models import IdentificationKey, Membership
from accounts.services.keys import ALPHABET, KeyBatch, find_usable, generate_keys, revoke_keys
from accounts.services.membership import request_membership
from tests.factories import identification_key, organisation, person


@pytest.mark.django_db
def test_a_batch_is_unambiguous_unique_and_as_asked():
    cse, actor = organisation(), person()
    batch = KeyBatch(
        organisation_id=cse.pk, count=300, prefix="prune", use_limit=2, expires_on=date(2027, 1, 31), name="A"
    )
    made = generate_keys(batch=batch, actor_id=actor.pk, at=timezone.now())
    codes = {key.code for key in made}
    assert len(codes) == 300
    assert all(set(code.removeprefix("PRUNE-").replace("-", "")) <= set(ALPHABET) for code in codes)
    key = IdentificationKey.objects.filter(batch="A").first()
    assert (key.use_limit, key.expires_on, key.created_by, key.auto_approve) == (
        2,
        date(2027, 1, 31),
        actor,
        False,
    )


@pytest.mark.django_db
def test_a_key_works_on_its_last_day_in_paris_and_not_after(time_machine):
    identification_key(code="FIN", expires_on=date(2026, 11, 30))
    time_machine.move_to("2026-11-30T22:59:59+00:00")
    assert find_usable(code="fin", at=timezone.now()).code == "FIN"
    time_machine.move_to("2026-11-30T23:00:00+00:00")
    with pytest.raises(KeyExpired):
        find_usable(code="fin", at=timezone.now())


@pytest.mark.django_db
def test_staff_revoke_the_keys_of_their_own_cse_only():
    mine, theirs = identification_key(), identification_key()
    done = revoke_keys(key_ids=[mine.pk, theirs.pk], organisation_id=mine.organisation_id, at=timezone.now())
    theirs.refresh_from_db()
    assert (done, theirs.revoked_at) == (1, None)


@pytest.mark.django_db
def test_the_database_refuses_a_use_too_many():
    key = identification_key(use_limit=1, uses=1)
    with pytest.raises(IntegrityError), transaction.atomic():
        IdentificationKey.objects.filter(pk=key.pk).update(uses=2)


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_twenty_people_at_once_use_a_key_exactly_as_often_as_allowed():
    key = identification_key(code="CINQ", use_limit=5)
    people = [person().pk for _ in range(20)]

    def ask(user_id: int) -> bool:
        try:
            request_membership(user_id=user_id, key="CINQ", at=timezone.now())
        except KeyUsedUp:
            return False
        finally:
            connection.close()
        return True

    with ThreadPoolExecutor(8) as pool:
        outcomes = list(pool.map(ask, people))
    key.refresh_from_db()
    assert (sum(outcomes), key.uses, Membership.objects.count()) == (5, 5, 5)


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_one_person_in_many_tabs_makes_one_request():
    key = identification_key(code="TABS", use_limit=50)
    user_id = person().pk

    def ask(_: int) -> bool:
        from accounts.errors import AlreadyMember

        try:
            request_membership(user_id=user_id, key="TABS", at=timezone.now())
        except (AlreadyMember, KeyRefused):
            return False
        finally:
            connection.close()
        return True

    with ThreadPoolExecutor(8) as pool:
        outcomes = list(pool.map(ask, range(12)))
    key.refresh_from_db()
    assert (sum(outcomes), key.uses, Membership.objects.count()) == (1, 1, 1)


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_without_the_lock_the_race_is_real_and_the_database_stops_it():
    key = identification_key(code="COURSE", use_limit=3)
    gate = Barrier(8)

    def ask_unlocked(_: int) -> str:
        try:
            find_usable(code="COURSE", at=timezone.now())
            gate.wait(timeout=10)  # all eight have seen a key that still works
            IdentificationKey.objects.filter(pk=key.pk).update(uses=F("uses") + 1)
        except IntegrityError:
            return "stopped"
        finally:
            connection.close()
        return "used"

    with ThreadPoolExecutor(8) as pool:
        outcomes = list(pool.map(ask_unlocked, range(8)))
    key.refresh_from_db()
    assert (outcomes.count("used"), outcomes.count("stopped"), key.uses) == (3, 5, 3)
