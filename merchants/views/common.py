"""What the terminal's pages share."""

from typing import Any
from uuid import UUID, uuid4

from allauth.core import ratelimit
from django import forms
from django.core import signing
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from merchants.doors import session_of
from merchants.states import DeviceSession
from wallet.errors import CardNotRecognised
from wallet.selectors.till import TillCard, till_card_by_id

CARD_SALT = "merchants.card"
CARD_SECONDS = 900  # how long a till may go on with a card that it was shown


def page(
    request: HttpRequest, template: str, active: str, *, status: int = 200, **context: Any
) -> HttpResponse:
    return render(request, f"terminal/{template}.html", {"active": active, **context}, status=status)


def card_token(session: DeviceSession, card: TillCard) -> str:
    """What stands for a card in the addresses of this device, for a while. Numbers stay out of them."""
    return signing.dumps(card.card_id.hex, salt=f"{CARD_SALT}:{session.device_id}")


def card_behind(session: DeviceSession, token: str) -> TillCard | None:
    """The card that this device was shown a moment ago; None for anything else."""
    salt = f"{CARD_SALT}:{session.device_id}"
    try:
        card_id = UUID(hex=signing.loads(token, salt=salt, max_age=CARD_SECONDS))
        return till_card_by_id(card_id)
    except (signing.BadSignature, ValueError, CardNotRecognised):
        return None


def may_try(request: HttpRequest, action: str) -> bool:
    """Whether this device may look for one more card or customer; every look counts."""
    key = f"device:{session_of(request).device_id}"
    allowed: bool = ratelimit.consume(request, action=action, key=key)
    return allowed


def fresh_key() -> UUID:
    return uuid4()


def say(form: forms.Form, said: tuple[str | None, str]) -> None:
    """Put a refusal next to its field, or on top when the form has no such field."""
    field, sentence = said
    form.add_error(field if field in form.fields else None, sentence)
