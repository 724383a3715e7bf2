"""A statement is there: its file is made, and its holder told. Each handler may run twice."""

from uuid import UUID

from django.utils import timezone

from billing.services.close_cycle import MAKE_JOB, TELL_JOB
from billing.services.paper import make_statement_file
from billing.services.tell import tell_statement
from outbox.registry import handler


@handler(MAKE_JOB)
def paper_wanted(ref: str) -> None:
    make_statement_file(UUID(ref))


@handler(TELL_JOB)
def statement_made(ref: str) -> None:
    tell_statement(statement_id=UUID(ref), at=timezone.now())
