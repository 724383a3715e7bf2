"""Who may be one person registered twice (S4.5). A sign makes nobody a duplicate: an operator decides.

Only people of one birth date in one programme are compared, found by index: some fifty of a million members.
"""

import unicodedata
from datetime import datetime
from itertools import pairwise

from accounts.selectors import contacts_of
from loyalty.models import Member, Suspicion
from loyalty.services.members import lock_members, move_member
from loyalty.states import MemberEventKind, MemberState, Sign, SuspicionState

# Their mailboxes ignore dots.
DOTLESS = frozenset({"gmail.com", "googlemail.com"})
FEWEST_LETTERS = 8  # a slip in a shorter name is too often another name


def suspect_twins(member: Member, *, at: datetime) -> None:
    """Have both suspected wherever a sign says that `member` may be somebody who is here already."""
    same_day = Member.objects.filter(programme_id=member.programme_id, birth_on=member.birth_on)
    others = list(same_day.exclude(pk=member.pk))
    signs = _signs(member, others) if others else {}
    for other, sign in signs.items():
        Suspicion.objects.create(first=other, second=member, because=sign, raised_at=at)
    for one in lock_members([member.pk, *(other.pk for other in signs)]) if signs else ():
        if one.state == MemberState.ACTIVE:
            move_member(one, MemberState.SUSPECTED, kind=MemberEventKind.SUSPECTED, at=at)


def open_suspicions(member_id: int) -> bool:
    """Whether anybody has still to decide about this member. One query."""
    mine = Suspicion.objects.filter(state=SuspicionState.OPEN)
    return mine.filter(first_id=member_id).exists() or mine.filter(second_id=member_id).exists()


def mailbox(email: str) -> str:
    """The mailbox behind an address: no case, no `+tag`, no dots where the provider ignores them."""
    local, _, domain = email.strip().casefold().rpartition("@")
    local = local.partition("+")[0]
    return f"{local.replace('.', '') if domain in DOTLESS else local}@{domain}"


def _signs(member: Member, others: list[Member]) -> dict[Member, Sign]:
    """The strongest sign for each of the others that has one."""
    mailboxes = _mailboxes([member, *others]) if member.user_id else {}
    mine = mailboxes.get(member.pk)
    found = {}
    for other in others:
        if sign := _sign_of_names(folded_name(member), folded_name(other)):
            found[other] = sign
        elif mine and mailboxes.get(other.pk) == mine:
            found[other] = Sign.MAILBOX
    return found


def _mailboxes(members: list[Member]) -> dict[int, str]:
    """One query."""
    users = {member.user_id: member.pk for member in members if member.user_id is not None}
    return {users[user_id]: mailbox(contact.email) for user_id, contact in contacts_of(users).items()}


def _sign_of_names(one: tuple[str, str] | None, other: tuple[str, str] | None) -> Sign | None:
    if one is None or other is None:
        return None
    if one == other:
        return Sign.NAME
    return Sign.CLOSE_NAME if one == other[::-1] or _one_slip("".join(one), "".join(other)) else None


def _one_slip(one: str, other: str) -> bool:
    """One letter too many, or two neighbours exchanged. Another letter is another name: Léa and Léo."""
    short, long = sorted((one, other), key=len)
    if len(short) < FEWEST_LETTERS:
        return False
    if len(short) == len(long):
        return any(
            short[:n] + b + a + short[n + 2 :] == long for n, (a, b) in enumerate(pairwise(short)) if a != b
        )
    return any(long[:n] + long[n + 1 :] == short for n in range(len(long)))


def folded_name(member: Member) -> tuple[str, str] | None:
    """First and last name without case, accents and marks; None unless both are known."""
    first, last = _folded(member.first_name), _folded(member.last_name)
    return (first, last) if first and last else None


def _folded(name: str) -> str:
    return "".join(c for c in unicodedata.normalize("NFKD", name).casefold() if c.isalnum())
