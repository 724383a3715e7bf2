"""Requests that wait for the CSE and for the operator, and some already decided."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import product

from django.utils.text import slugify

from accounts.models import Membership
from accounts.services.demo import add_person
from accounts.services.membership import decide_one, request_membership
from accounts.states import MembershipState
from config.demo.people import KEY, Cast

WAITING = 36
WITHOUT_KEY = 4
ELSEWHERE = 3
FIRST_NAMES = ["Alix", "Basile", "Clara", "Driss", "Élise", "Farah", "Gaël", "Hélène"]
LAST_NAMES = ["Aubry", "Blanchet", "Caron", "Delmas", "Estève", "Faure", "Garnier"]
DECIDED = [
    (MembershipState.APPROVED, ""),
    (MembershipState.APPROVED, ""),
    (MembershipState.APPROVED, ""),
    (MembershipState.REFUSED, "Vous n'apparaissez pas dans la liste du personnel transmise au CSE."),
    (MembershipState.APPROVED, ""),
    (MembershipState.SUSPENDED, "Contrat suspendu jusqu'au retour de congé."),
]


def fill_queue(cast: Cast, *, at: datetime) -> None:
    """About forty requests of the last three weeks, oldest first, and a history of decisions."""
    names = _names()
    for number, (target, reason) in enumerate(DECIDED):
        _decided(names, cast, target, reason, at=at - timedelta(days=70 - number * 8))
    for number in range(WAITING):
        asked_at = at - timedelta(days=21) + timedelta(hours=13.7 * number)
        _ask(names, KEY, at=asked_at, verified=number % 4 != 3)
    for number in range(ELSEWHERE):
        _ask(names, "FILATURE-2026", at=at - timedelta(days=number + 1))
    for number in range(WITHOUT_KEY):
        _ask(names, "0", at=at - timedelta(days=number, hours=5))


def _names() -> Iterator[tuple[str, str]]:
    """People in no alphabetical order, always the same."""
    pairs = list(product(FIRST_NAMES, LAST_NAMES))
    return iter(sorted(pairs, key=lambda pair: (LAST_NAMES.index(pair[1]) * 3 + len(pair[0]) * 5) % 11))


def _ask(names: Iterator[tuple[str, str]], key: str, *, at: datetime, verified: bool = True) -> Membership:
    first, last = next(names)
    email = f"{slugify(first)}.{slugify(last)}@demo.example"
    # No password: nobody signs in as one of these.
    person = add_person(
        email=email, password=None, at=at, verified=verified, first_name=first, last_name=last
    )
    return request_membership(user_id=person.pk, key=key, at=at, announce=False)


def _decided(
    names: Iterator[tuple[str, str]], cast: Cast, target: MembershipState, reason: str, *, at: datetime
) -> None:
    membership = _ask(names, KEY, at=at)
    steps = [target]
    if target == MembershipState.SUSPENDED:
        steps.insert(0, MembershipState.APPROVED)
    for days, step in enumerate(steps, start=1):
        decide_one(
            membership_id=membership.pk,
            organisation_id=cast.cse.pk,
            target=step,
            actor_id=cast.staff.pk,
            at=at + timedelta(days=days),
            reason=reason if step == target else "",
        )
