"""Stripe Checkout: the customer types the card on Stripe's page; we keep the session's id."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from functools import cached_property
from typing import Any
from uuid import UUID

import stripe
from django.conf import settings

from orders.gateways.base import (
    CheckoutRequest,
    CheckoutSession,
    GatewayRefused,
    GatewayUnavailable,
    PspRefund,
    PspState,
    PspStatus,
    RefundStatus,
    WebhookEvent,
    WebhookForged,
)

# Below the lease of a job, retries included.
TIMEOUT_SECONDS = 10
_DISPUTES = {
    "lost": PspStatus.CHARGED_BACK,
    "needs_response": PspStatus.DISPUTED,
    "under_review": PspStatus.DISPUTED,
}
_REFUNDS = {
    "succeeded": RefundStatus.SUCCEEDED,
    "failed": RefundStatus.FAILED,
    "canceled": RefundStatus.FAILED,
}


class StripeCheckout:
    """`STRIPE_SECRET_KEY` (test or live) chooses the mode; `STRIPE_API_BASE` points tests elsewhere."""

    min_session = timedelta(minutes=31)  # Stripe wants half an hour at least when the call arrives

    @cached_property
    def _client(self) -> stripe.StripeClient:
        if not settings.STRIPE_SECRET_KEY:
            raise GatewayUnavailable("STRIPE_SECRET_KEY is not set")
        base = {"api": settings.STRIPE_API_BASE} if settings.STRIPE_API_BASE else None
        return stripe.StripeClient(
            settings.STRIPE_SECRET_KEY,
            base_addresses=base,  # type: ignore[arg-type]
            http_client=stripe.RequestsClient(timeout=TIMEOUT_SECONDS),
            max_network_retries=1,
        )

    def open_checkout(self, request: CheckoutRequest) -> CheckoutSession:
        with _refusals():
            session = self._client.v1.checkout.sessions.create(
                params=_session_params(request),  # type: ignore[arg-type]
                options={"idempotency_key": request.reference},
            )
        return CheckoutSession(psp_id=session.id, redirect_url=session.url or "")

    def fetch_state(self, psp_id: str) -> PspState:
        with _refusals():
            session = self._client.v1.checkout.sessions.retrieve(
                psp_id, params={"expand": ["payment_intent.latest_charge"]}
            )
            return self._state(session.to_dict())

    def cancel(self, psp_id: str) -> PspState:
        with _refusals():
            try:
                self._client.v1.checkout.sessions.expire(psp_id)
            except stripe.InvalidRequestError:
                return self.fetch_state(psp_id)  # it was not open any more
        return PspState(psp_id=psp_id, status=PspStatus.CANCELLED)

    def refund(self, *, psp_id: str, key: UUID, amount_minor: int, currency: str) -> PspRefund:
        with _refusals():
            session = self._client.v1.checkout.sessions.retrieve(psp_id)
        if not session.payment_intent:
            raise GatewayRefused("nothing was captured")
        return self.refund_intent(str(session.payment_intent), key=key, amount_minor=amount_minor)

    def refund_intent(self, intent: str, *, key: UUID, amount_minor: int) -> PspRefund:
        """Refund a PaymentIntent. Stripe forgets keys after a day, so refunds made are looked for first."""
        with _refusals():
            made = self._client.v1.refunds.list(params={"payment_intent": intent, "limit": 100})
            for known in made.data:
                if known.metadata and known.metadata.to_dict().get("refund_key") == str(key):
                    return _refund(known)
            created = self._client.v1.refunds.create(
                params={
                    "payment_intent": intent,
                    "amount": amount_minor,
                    "metadata": {"refund_key": str(key)},
                },
                options={"idempotency_key": str(key)},
            )
        return _refund(created)

    def verify_webhook(self, body: bytes, headers: Mapping[str, str]) -> WebhookEvent:
        if not settings.STRIPE_WEBHOOK_SECRET:
            raise WebhookForged("STRIPE_WEBHOOK_SECRET is not set")
        signature = headers.get("Stripe-Signature", "")
        try:
            stripe.WebhookSignature.verify_header(
                body.decode(), signature, settings.STRIPE_WEBHOOK_SECRET, stripe.Webhook.DEFAULT_TOLERANCE
            )
            event = json.loads(body)
        except (stripe.SignatureVerificationError, ValueError) as error:
            raise WebhookForged(str(error)) from error
        return WebhookEvent(event_id=event["id"])

    def read_event(self, body: bytes) -> WebhookEvent:
        """Disputes and refunds name no session: Stripe is asked which one they belong to."""
        event = json.loads(body)
        thing: dict[str, Any] = event["data"]["object"]
        if thing.get("object") == "checkout.session":
            return WebhookEvent(event["id"], thing["id"], thing.get("client_reference_id") or "")
        reference = (thing.get("metadata") or {}).get("reference", "")
        intent = thing["id"] if thing.get("object") == "payment_intent" else thing.get("payment_intent")
        if reference or not intent:
            return WebhookEvent(event["id"], reference=reference)
        with _refusals():
            found = self._client.v1.checkout.sessions.list(params={"payment_intent": intent, "limit": 1})
        return WebhookEvent(event["id"], psp_id=found.data[0].id if found.data else "")

    def _state(self, session: dict[str, Any]) -> PspState:
        intent = session.get("payment_intent") or {}
        charge = intent.get("latest_charge") or {}
        card = (charge.get("payment_method_details") or {}).get("card") or {}
        error = intent.get("last_payment_error") or {}
        status = _status(session, intent)
        if status == PspStatus.SUCCEEDED and charge.get("disputed"):
            status = self._dispute(intent["id"])
        return PspState(
            psp_id=session["id"],
            status=status,
            amount_minor=intent.get("amount_received") or 0,
            currency=(intent.get("currency") or "").upper(),
            refusal_code=error.get("decline_code") or error.get("code") or "",
            card_label=f"{card['brand'].capitalize()} •••• {card['last4']}" if card.get("last4") else "",
        )

    def _dispute(self, intent: str) -> PspStatus:
        """The gravest of a payment's disputes; one that was won, or only an inquiry, leaves it paid."""
        disputes = self._client.v1.disputes.list(params={"payment_intent": intent})
        found = {_DISPUTES.get(str(dispute.status), PspStatus.SUCCEEDED) for dispute in disputes.data}
        gravest_first = (PspStatus.CHARGED_BACK, PspStatus.DISPUTED)
        return next((status for status in gravest_first if status in found), PspStatus.SUCCEEDED)


def _session_params(request: CheckoutRequest) -> dict[str, Any]:
    return {
        "mode": "payment",
        "payment_method_types": ["card"],
        "client_reference_id": request.reference,
        "customer_email": request.customer_email,
        "locale": request.language[:2],
        "line_items": [
            {
                "quantity": 1,
                "price_data": {
                    "currency": request.currency.lower(),
                    "unit_amount": request.amount_minor,
                    "product_data": {"name": request.description},
                },
            }
        ],
        "metadata": {"reference": request.reference},
        "payment_intent_data": {
            "description": f"{request.description} {request.reference}",
            "metadata": {"reference": request.reference},
        },
        "success_url": request.return_url,
        "cancel_url": request.return_url,
        "expires_at": int(request.expires_at.timestamp()),
    }


def _status(session: dict[str, Any], intent: dict[str, Any]) -> PspStatus:
    if session["payment_status"] == "paid":
        return PspStatus.SUCCEEDED
    if session["status"] == "expired":
        return PspStatus.EXPIRED
    if session["status"] == "open":
        return PspStatus.OPEN  # a declined card may be tried again on Stripe's page
    by_intent = {"requires_payment_method": PspStatus.FAILED, "canceled": PspStatus.CANCELLED}
    return by_intent.get(intent.get("status", ""), PspStatus.PENDING)


def _refund(made: Any) -> PspRefund:
    return PspRefund(psp_id=made.id, status=_REFUNDS.get(made.status, RefundStatus.PENDING))


@contextmanager
def _refusals() -> Iterator[None]:
    """Stripe's errors in our words: what may be repeated, and what is a definite no."""
    try:
        yield
    except (stripe.InvalidRequestError, stripe.CardError, stripe.IdempotencyError) as error:
        raise GatewayRefused(error.code or type(error).__name__) from error
    except stripe.StripeError as error:  # network, rate limit, a wrong key, Stripe's own trouble
        raise GatewayUnavailable(type(error).__name__) from error
