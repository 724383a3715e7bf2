"""The sandbox bank as the shop sees it: `orders.gateways.base.Gateway` over the bank's own tables."""

import json
from collections.abc import Mapping
from datetime import timedelta
from uuid import UUID

from django.conf import settings
from django.urls import reverse
from django.utils import timezone

from orders.gateways.base import (
    CheckoutRequest,
    CheckoutSession,
    GatewayRefused,
    PspRefund,
    PspState,
    PspStatus,
    RefundStatus,
    WebhookEvent,
    WebhookForged,
)
from sandbox import signature
from sandbox.models import BankSession
from sandbox.services.bank import cancel_session, open_session, refund_session
from sandbox.states import WAITING, SessionState

_STATUS = {
    SessionState.OPEN: PspStatus.OPEN,
    SessionState.CHALLENGED: PspStatus.OPEN,
    SessionState.PROCESSING: PspStatus.PENDING,
    SessionState.PAID: PspStatus.SUCCEEDED,
    SessionState.REFUSED: PspStatus.FAILED,
    SessionState.CANCELLED: PspStatus.CANCELLED,
}


class SandboxBank:
    """The demo's bank. Its page lives at `/sandbox/bank/`."""

    min_session = timedelta(0)

    def open_checkout(self, request: CheckoutRequest) -> CheckoutSession:
        session = open_session(request=request, at=timezone.now())
        # Relative, so that the customer stays on the address by which they came.
        return CheckoutSession(
            psp_id=str(session.pk), redirect_url=reverse("sandbox:bank", args=[session.pk])
        )

    def fetch_state(self, psp_id: str) -> PspState:
        session = BankSession.objects.filter(pk=psp_id).first()
        if session is None:
            raise GatewayRefused("no such session")
        return _state(session)

    def cancel(self, psp_id: str) -> PspState:
        return _state(cancel_session(session_id=UUID(psp_id)))

    def refund(self, *, psp_id: str, key: UUID, amount_minor: int, currency: str) -> PspRefund:
        made = refund_session(session_id=UUID(psp_id), key=key, amount_minor=amount_minor, at=timezone.now())
        return PspRefund(psp_id=str(made.pk), status=RefundStatus.SUCCEEDED)

    def verify_webhook(self, body: bytes, headers: Mapping[str, str]) -> WebhookEvent:
        header = headers.get(signature.HEADER, "")
        if not signature.fits(header, body, secret=settings.SANDBOX_BANK_SECRET, at=timezone.now()):
            raise WebhookForged
        return self.read_event(body)

    def read_event(self, body: bytes) -> WebhookEvent:
        event = json.loads(body)
        return WebhookEvent(event_id=event["id"], psp_id=event["session"], reference=event["reference"])


def _state(session: BankSession) -> PspState:
    state = SessionState(session.state)
    expired = state in WAITING and session.expires_at <= timezone.now()
    return PspState(
        psp_id=str(session.pk),
        status=PspStatus.EXPIRED if expired else _STATUS[state],
        amount_minor=session.captured_minor,
        currency=session.currency,
        refusal_code=session.refusal_code,
        card_label=f"{session.brand} •••• {session.last4}" if session.last4 else "",
    )
