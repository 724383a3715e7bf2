"""Requests, decisions and their history (S3.1, S3.2)."""

import pytest
from django.core import mail
from django.db import IntegrityError, transaction
from django.utils import timezone

from accounts.errors import AlreadyAssigned, AlreadyMember, KeyUnknown, NotAssigned, ReasonMissing
from accounts.models import IdentificationKey, Membership
from accounts.selectors import customer_identity, ordering_gate
from accounts.services.membership import assign, decide, decide_one, leave, request_membership
from accounts.states import MembershipState as State
from kernel.states import TransitionRefused
from tests.factories import identification_key, member, membership, organisation, person
from tests.support import run_jobs

pytestmark = pytest.mark.django_db


def move(row: Membership, target: State, reason: str = "", actor=None) -> None:
    decide_one(
        membership_id=row.pk,
        organisation_id=row.organisation_id,
        target=target,
        actor_id=(actor or person()).pk,
        reason=reason,
        at=timezone.now(),
    )
    row.refresh_from_db()


def test_both_gates_must_be_open_to_order(django_assert_num_queries):  # S3.2
    cse = organisation()
    for verified, state, open_ in [
        (True, "approved", True),
        (False, "approved", False),
        (True, "pending", False),
        (True, "suspended", False),
        (True, "refused", False),
        (True, "left", False),
    ]:
        user = person(verified=verified)
        membership(user, cse, state=state)
        with django_assert_num_queries(1):
            gate = ordering_gate(user.pk)
        assert gate.may_order is open_, state
        assert (gate.organisation_id, gate.organisation_name) == (cse.pk, cse.name)


def test_the_latest_request_counts():  # S3.2
    user = person()
    membership(user, organisation(), state="refused")
    cse = organisation()
    membership(user, cse, state="approved")
    gate = ordering_gate(user.pk)
    assert (gate.may_order, gate.organisation_id) == (True, cse.pk)
    assert ordering_gate(None).may_order is False
    assert ordering_gate(person().pk).membership_state is None


def test_identity_prints_the_address_and_the_cse(django_assert_num_queries):
    cse = organisation()
    user = member(cse, title="mr", address_line1="1 rue Haute", postal_code="35000", city="Rennes")
    with django_assert_num_queries(1):
        identity = customer_identity(user.pk)
    assert identity.address_lines == ("1 rue Haute", "35000 Rennes")
    assert (identity.title, identity.organisation_name) == ("M.", cse.name)


def test_approval_and_refusal_send_a_mail_and_leave_a_trace():  # S3.2
    cse, actor = organisation(), person()
    welcome, unknown = membership(person(), cse), membership(person(), cse)
    move(welcome, State.APPROVED, actor=actor)
    move(unknown, State.REFUSED, "Inconnu de nos services", actor)
    run_jobs()
    subjects = {message.to[0]: message for message in mail.outbox}
    assert subjects[welcome.user.email].subject == "Votre compte est validé"
    refusal = subjects[unknown.user.email]
    assert "Inconnu de nos services" in refusal.body
    assert "Inconnu de nos services" in refusal.alternatives[0].content
    event = unknown.events.get()
    assert (event.actor, event.from_state, event.to_state) == (actor, "pending", "refused")
    assert event.reason == "Inconnu de nos services"


def test_mails_are_in_the_language_of_the_person():
    row = membership(person(language="en"), organisation())
    move(row, State.APPROVED)
    run_jobs()
    assert 'lang="en"' in mail.outbox[0].alternatives[0].content


@pytest.mark.parametrize("target", [State.REFUSED, State.SUSPENDED])
def test_a_refusal_without_a_reason_changes_nothing(target):  # S3.2
    row = membership(cse=organisation(), state="pending" if target == State.REFUSED else "approved")
    before = row.state
    with pytest.raises(ReasonMissing):
        move(row, target, "   ")
    row.refresh_from_db()
    assert row.state == before
    assert not row.events.exists()


@pytest.mark.parametrize(
    ("state", "target"),
    [
        ("refused", State.APPROVED),
        ("left", State.APPROVED),
        ("approved", State.REFUSED),
        ("approved", State.APPROVED),
        ("pending", State.SUSPENDED),
    ],
)
def test_steps_that_are_not_in_the_table_are_refused(state, target):
    row = membership(cse=organisation(), state=state)
    with pytest.raises(TransitionRefused):
        move(row, target, "parce que")
    row.refresh_from_db()
    assert row.state == state
    assert not row.events.exists()
    run_jobs()
    assert mail.outbox == []


def test_suspended_members_come_back_and_leavers_may_ask_again():
    user = person()
    row = membership(user, organisation(), state="approved")
    move(row, State.SUSPENDED, "impayé")
    move(row, State.APPROVED)
    leave(user_id=user.pk, at=timezone.now())
    row.refresh_from_db()
    assert [event.to_state for event in row.events.all()] == ["suspended", "approved", "left"]
    request_membership(user_id=user.pk, key="0", at=timezone.now())
    assert user.memberships.count() == 2
    with pytest.raises(AlreadyMember):
        request_membership(user_id=user.pk, key="0", at=timezone.now())
    assert user.memberships.count() == 2


def test_one_open_membership_per_person_in_the_database():
    user = person()
    membership(user, organisation(), state="approved")
    with pytest.raises(IntegrityError), transaction.atomic():
        membership(user, organisation())


def test_bulk_decides_only_the_requests_of_one_cse():  # S3.2
    mine, theirs = organisation(), organisation()
    rows = [membership(cse=mine) for _ in range(3)]
    foreign, done = membership(cse=theirs), membership(cse=mine, state="refused")
    outcome = decide(
        membership_ids=[row.pk for row in [*rows, foreign, done]],
        organisation_id=mine.pk,
        target=State.APPROVED,
        actor_id=person().pk,
        at=timezone.now(),
    )
    assert (outcome.moved, outcome.skipped) == (3, 2)
    foreign.refresh_from_db()
    assert foreign.state == "pending"


def test_bulk_costs_the_same_for_one_and_for_thirty(django_assert_max_num_queries):
    cse, actor = organisation(), person()
    rows = [membership(cse=cse) for _ in range(30)]
    with django_assert_max_num_queries(12):
        decide(
            membership_ids=[row.pk for row in rows],
            organisation_id=cse.pk,
            target=State.APPROVED,
            actor_id=actor.pk,
            at=timezone.now(),
        )
    run_jobs()
    assert len(mail.outbox) == 30


def test_key_0_requests_are_assigned_then_decided_by_the_cse():  # S3.1
    cse, boss = organisation(), person()
    row = request_membership(user_id=person().pk, key="0", at=timezone.now())
    with pytest.raises(NotAssigned):
        move(row, State.APPROVED)
    assign(membership_id=row.pk, organisation_id=cse.pk, actor_id=boss.pk, at=timezone.now())
    with pytest.raises(AlreadyAssigned):
        assign(membership_id=row.pk, organisation_id=cse.pk, actor_id=boss.pk, at=timezone.now())
    row.refresh_from_db()
    move(row, State.APPROVED)
    assert [(event.actor, event.to_state) for event in row.events.all()][1] == (boss, "pending")
    assert ordering_gate(row.user_id).organisation_id == cse.pk


def test_asking_again_with_a_bad_key_changes_nothing():  # S3.1
    user = person()
    with pytest.raises(KeyUnknown):
        request_membership(user_id=user.pk, key="RIEN", at=timezone.now())
    assert not user.memberships.exists()


def test_a_request_from_inside_is_confirmed_by_mail():  # S3.2
    identification_key(code="UNE")
    request_membership(user_id=person().pk, key="une", at=timezone.now())
    run_jobs()
    assert "bien été prise en compte par notre système" in mail.outbox[0].body
    assert IdentificationKey.objects.get().uses == 1
