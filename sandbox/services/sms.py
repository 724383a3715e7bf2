"""Text messages that go no further than the sandbox's telephone."""

from datetime import datetime

from sandbox.models import Sms


def send_sms(*, sender: str, phone: str, text: str, at: datetime) -> None:
    """Put a message into the telephone's inbox."""
    Sms.objects.create(sender=sender, phone=phone, text=text, sent_at=at)
