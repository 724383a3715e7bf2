"""Devices and who is signed in on them."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings

from kernel.seal import blind_index
from merchants.models import Device
from merchants.states import DeviceSession, OperatorRole, TerminalState


@dataclass(frozen=True, slots=True)
class KnownDevice:
    """A device that a terminal remembers, whether or not somebody is signed in on it."""

    device_id: int
    terminal_id: int
    tid: str
    language: str
    revoked: bool


def token_index(token: str) -> str:
    """The fingerprint by which a device is known."""
    return blind_index(token, purpose="merchants.device")


def device_session(token: str, *, at: datetime) -> DeviceSession | None:
    """Who is at the till that this token names; None unless terminal, merchant, operator and device all may
    work, and somebody signed in less than TERMINAL_SESSION_HOURS ago. One query, none without a token.
    """
    if not token:
        return None
    device = (
        Device.objects.filter(
            token_index=token_index(token),
            revoked_at__isnull=True,
            signed_in_at__gt=at - timedelta(hours=settings.TERMINAL_SESSION_HOURS),
            operator__is_active=True,
            terminal__state=TerminalState.ACTIVE,
            terminal__outlet__merchant__is_active=True,
        )
        .select_related("operator", "terminal__outlet__merchant")
        .first()
    )
    return _session(device) if device else None


def known_device(token: str) -> KnownDevice | None:
    """The device that this token names, revoked or not. One query, none without a token."""
    if not token:
        return None
    device = Device.objects.filter(token_index=token_index(token)).select_related("terminal").first()
    if device is None:
        return None
    return KnownDevice(
        device_id=device.pk,
        terminal_id=device.terminal_id,
        tid=device.terminal.tid,
        language=device.language,
        revoked=device.revoked_at is not None,
    )


def devices_of(terminal_id: int) -> list[Device]:
    """The devices that a terminal remembers, the last seen first. One query."""
    rows = Device.objects.filter(terminal_id=terminal_id, revoked_at__isnull=True)
    return list(rows.select_related("operator").order_by("-last_seen_at", "pk")[:50])


def _session(device: Device) -> DeviceSession:
    terminal, operator = device.terminal, device.operator
    outlet = terminal.outlet
    assert operator is not None
    return DeviceSession(
        device_id=device.pk,
        terminal_id=terminal.pk,
        tid=terminal.tid,
        language=device.language,
        operator_id=operator.pk,
        operator_name=operator.name,
        is_manager=operator.role == OperatorRole.MANAGER,
        outlet_id=outlet.pk,
        outlet_name=outlet.name,
        outlet_code=outlet.code,
        merchant_id=outlet.merchant_id,
        currency=outlet.merchant.currency,
        programme_id=outlet.merchant.programme_id,
        last_seen_at=device.last_seen_at,
    )
