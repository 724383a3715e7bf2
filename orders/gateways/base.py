"""What a bank must do for us. Amounts are minor units; instants are aware.

A gateway does network I/O and is never called inside a transaction. Its keys make every call repeatable:
the payment's reference opens one session, a refund's uuid makes one refund, whatever the network does.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol
from uuid import UUID

from kernel.errors import DomainError


class UnknownGateway(DomainError):
    """No gateway of that name is configured."""


class GatewayUnavailable(DomainError):
    """No answer, or not a usable one: the call may or may not have worked. Repeat it with the same key."""


class GatewayRefused(DomainError):
    """The bank understood and said no: repeating the same call will not help."""


class WebhookForged(DomainError):
    """The signature does not fit the bytes, or is too old."""


class PspStatus(StrEnum):
    """What the bank says about a payment, in our words."""

    OPEN = "open"  # the customer has not finished
    PENDING = "pending"  # finished, the bank has not decided
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    EXPIRED = "expired"
    DISPUTED = "disputed"  # the customer contests it at their own bank
    CHARGED_BACK = "charged_back"  # the dispute was lost: the money is gone


@dataclass(frozen=True)
class CheckoutRequest:
    """What a hosted page needs. `reference` is also the idempotency key."""

    reference: str
    amount_minor: int
    currency: str
    description: str
    customer_email: str
    language: str
    return_url: str
    expires_at: datetime


@dataclass(frozen=True)
class CheckoutSession:
    """A hosted page that waits for the customer."""

    psp_id: str
    redirect_url: str


@dataclass(frozen=True)
class PspState:
    """The bank's own account of one payment. The amount is what it captured, not what we asked."""

    psp_id: str
    status: PspStatus
    amount_minor: int = 0
    currency: str = ""
    refusal_code: str = ""
    card_label: str = ""


class RefundStatus(StrEnum):
    SUCCEEDED = "succeeded"
    PENDING = "pending"
    FAILED = "failed"


@dataclass(frozen=True)
class PspRefund:
    psp_id: str
    status: RefundStatus


@dataclass(frozen=True)
class WebhookEvent:
    """A hint that something happened to a payment. Never trusted for the state itself."""

    event_id: str
    psp_id: str = ""
    reference: str = ""


class Gateway(Protocol):
    """Calls refuse with `GatewayUnavailable` (repeat) or `GatewayRefused` (do not)."""

    min_session: timedelta  # the shortest life that the bank accepts for a session

    def open_checkout(self, request: CheckoutRequest) -> CheckoutSession:
        """Open the hosted page; the same reference gives the same session again."""

    def fetch_state(self, psp_id: str) -> PspState:
        """Ask the bank what became of a payment."""

    def cancel(self, psp_id: str) -> PspState:
        """Close an open session and say what the payment is now: it may have succeeded meanwhile."""

    def refund(self, *, psp_id: str, key: UUID, amount_minor: int, currency: str) -> PspRefund:
        """Send money back; the same key never does it twice."""

    def verify_webhook(self, body: bytes, headers: Mapping[str, str]) -> WebhookEvent:
        """Read an event after checking its signature over the raw bytes; refuses `WebhookForged`."""

    def read_event(self, body: bytes) -> WebhookEvent:
        """Read an event that was verified when it came in."""
