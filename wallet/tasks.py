"""The wallet's jobs. Each asks a service, which finds out what is already done."""

import time
from datetime import timedelta

from django.utils import timezone

from outbox.errors import Retry
from outbox.registry import handler, periodic
from wallet.selectors import batch_of_intent, issue_state
from wallet.services.draw import DRAW_CARD_JOB, draw_batch, draw_renumbered
from wallet.services.issue import issue_chunk
from wallet.services.plan import ISSUE_JOB
from wallet.services.print_batch import DRAW_SHEET_JOB, draw_sheet
from wallet.services.record import DRAW_JOB
from wallet.services.remind import remind_of_expiry
from wallet.services.shelve import shelve_next_piece, warn_if_low
from wallet.services.stock import IMPORT_JOB

ASK_AGAIN = timedelta(seconds=30)
OUT_OF_STOCK = timedelta(minutes=10)
WORK_FOR_SECONDS = 15


@handler(ISSUE_JOB)
def run_issue_batch(ref: str) -> None:
    """Issue for a while, then let other jobs have their turn; come back while an issuer owes an answer or a
    shelf is empty."""
    ends_at, after = time.monotonic() + WORK_FOR_SECONDS, -1
    while (last := issue_chunk(batch=ref, after=after, at=timezone.now())) is not None:
        if time.monotonic() > ends_at:
            raise Retry(after=timedelta(0))
        after = last
    state = issue_state(ref)
    for pool_slug in state.pools:
        warn_if_low(pool_slug=pool_slug, at=timezone.now())
    if state.unanswered:
        raise Retry(after=ASK_AGAIN)
    if state.waiting:
        raise Retry(after=OUT_OF_STOCK)


@handler(DRAW_JOB)
def run_draw_cards(ref: str) -> None:
    draw_batch(batch_of_intent(ref))


@handler(DRAW_CARD_JOB)
def run_draw_card(ref: str) -> None:
    draw_renumbered(ref)


@handler(DRAW_SHEET_JOB)
def run_draw_sheet(ref: str) -> None:
    draw_sheet(int(ref))


@handler(IMPORT_JOB)
def run_import_stock(ref: str) -> None:
    """Read for a while, then let other jobs have their turn."""
    ends_at = time.monotonic() + WORK_FOR_SECONDS
    while shelve_next_piece(import_id=int(ref), at=timezone.now()):
        if time.monotonic() > ends_at:
            raise Retry(after=timedelta(0))


@periodic("wallet.remind_of_expiry", every=timedelta(hours=1), lease=timedelta(minutes=20))
def run_reminders() -> None:
    """Hourly, so that an outage of a morning costs nobody the reminder of the last day."""
    remind_of_expiry(at=timezone.now())
