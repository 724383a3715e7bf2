"""What happens in the sandbox's world while nobody looks."""

from uuid import UUID

from django.utils import timezone

from outbox.registry import handler
from sandbox.services.deliver import play_step


@handler("sandbox.bank_step", max_attempts=50)
def bank_step(ref: str) -> None:
    play_step(event_id=UUID(ref), at=timezone.now())
