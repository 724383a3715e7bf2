"""Who is at the till: what was typed is a number, or the one-time code of the customer's screen (S4.12)."""

import re
from dataclasses import dataclass
from datetime import datetime

from loyalty.selectors.till import TillMember, till_member_by_id
from loyalty.services.code import counted_try, member_of_code
from merchants.selectors.clients import client_by_number

CODE = re.compile(r"[0-9]{12}", re.ASCII)  # shown for a minute


@dataclass(frozen=True, slots=True)
class Client:
    """A member, and the one-time code that named them, if one did: only that code may spend."""

    member: TillMember
    code: str = ""


def identify_client(*, programme_id: int, outlet: str, typed: str, at: datetime) -> Client:
    """Who `typed` means in a programme. A code that is guessed at counts against the outlet first.

    Outside any transaction. Refuses `MemberUnknown`; for a code, loyalty's `OneTimeCodeRefused` and
    `TooManyTries`.
    """
    bare = "".join(typed.split())
    if not CODE.fullmatch(bare):
        return Client(client_by_number(programme_id, typed))
    with counted_try(outlet, at=at):
        member_id = member_of_code(bare)
        return Client(till_member_by_id(programme_id=programme_id, member_id=member_id), bare)
