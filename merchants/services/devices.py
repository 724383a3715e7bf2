"""Devices: remembered at sign-in, forgotten when somebody says so."""

import secrets
from datetime import datetime, timedelta

from django.db import transaction

from merchants.models import Device
from merchants.selectors.devices import token_index

SEEN_EVERY = timedelta(minutes=5)


def touch_device(*, device_id: int, seen_at: datetime, at: datetime) -> None:
    """Note that the device was seen, every few minutes at most: a busy till writes nothing for it."""
    if seen_at < at - SEEN_EVERY:
        Device.objects.filter(pk=device_id).update(last_seen_at=at)


def sign_in_on_device(
    *, terminal_id: int, operator_id: int, device_id: int | None, language: str, label: str, at: datetime
) -> str:
    """Put the operator on the device, a new one unless `device_id` is remembered; its fresh token.

    A token changes at each sign-in: what somebody copied before is worth nothing afterwards.
    """
    token = secrets.token_urlsafe(32)
    facts = {
        "token_index": token_index(token),
        "operator_id": operator_id,
        "language": language,
        "signed_in_at": at,
        "last_seen_at": at,
    }
    known = Device.objects.filter(pk=device_id or 0, terminal_id=terminal_id, revoked_at__isnull=True)
    if not known.update(**facts):
        Device.objects.create(terminal_id=terminal_id, label=label[:80], made_at=at, **facts)
    return token


def sign_out(*, device_id: int) -> None:
    """Nobody is signed in any more; the device stays remembered."""
    Device.objects.filter(pk=device_id).update(operator=None, signed_in_at=None)


def revoke_device(*, device_id: int, terminal_id: int | None = None, at: datetime) -> bool:
    """Forget a device, of `terminal_id` if given: its cookie opens nothing from now on. False if it was
    forgotten before, or is another terminal's.
    """
    devices = Device.objects.filter(pk=device_id, revoked_at__isnull=True)
    if terminal_id is not None:
        devices = devices.filter(terminal_id=terminal_id)
    return bool(devices.update(revoked_at=at, operator=None, signed_in_at=None))


@transaction.atomic
def sign_out_everywhere(*, operator_id: int) -> None:
    """Whoever leaves, or gets a new password, is signed in nowhere."""
    Device.objects.filter(operator_id=operator_id).update(operator=None, signed_in_at=None)


def choose_language(*, device_id: int, language: str) -> None:
    """The terminal speaks this language on this device from now on."""
    Device.objects.filter(pk=device_id).update(language=language)
