"""What beat and nudges start, and the outbox's own kinds of job."""

import uuid
from datetime import timedelta
from threading import Event

from celery import current_app, shared_task
from celery.signals import worker_shutting_down
from django.utils import timezone

from outbox.registry import handler, periodic
from outbox.selectors import due_jobs
from outbox.services.mail import SEND
from outbox.services.run import BATCH, drain
from outbox.services.send import send_mail
from outbox.services.tidy import ensure_periodic, purge

# More drains than this at once only queue behind each other.
MOST_DRAINS = 8
# A drain gives its thread back before the broker could think it lost.
DRAIN_FOR = timedelta(seconds=30)
_stopping = Event()


@shared_task(name="outbox.tick")
def tick() -> None:
    """The heartbeat: whatever is due and untaken gets a worker, whether or not a nudge got through."""
    now = timezone.now()
    ensure_periodic(at=now)
    waiting = due_jobs(at=now)[: BATCH * MOST_DRAINS].count()
    for _ in range(1, -(-waiting // BATCH)):
        current_app.send_task("outbox.drain", expires=60, retry=False, ignore_result=True)
    if waiting:
        drain_jobs()


@shared_task(name="outbox.drain")
def drain_jobs() -> None:
    drain(clock=timezone.now, for_at_most=DRAIN_FOR, stop=_stopping)


@worker_shutting_down.connect
def _stop_draining(**kwargs: object) -> None:
    """A worker that is told to stop ends the jobs it has begun, and begins no more."""
    _stopping.set()


@handler(SEND, max_attempts=40)
def send_one(ref: str) -> None:
    send_mail(mail_id=uuid.UUID(ref))


@periodic("outbox.purge", every=timedelta(hours=1))
def purge_old() -> None:
    purge(at=timezone.now())
