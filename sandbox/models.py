"""The outside world of the demo and the tests: a bank, a mailbox, a telephone."""

import uuid

from django.db import models
from django.db.models import Q

from sandbox.states import SessionState


class BankSession(models.Model):
    """One hosted payment page. The merchant's reference opens one session, however often it asks.

    Of the card only the brand and the last four digits are kept.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    reference = models.CharField(max_length=40, unique=True)
    amount_minor = models.PositiveBigIntegerField()
    currency = models.CharField(max_length=3)
    description = models.CharField(max_length=120)
    return_url = models.URLField(max_length=500)
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    state = models.CharField(max_length=12, choices=SessionState, default=SessionState.OPEN)
    scenario = models.PositiveSmallIntegerField(null=True)  # rank in TEST_CARDS
    brand = models.CharField(max_length=20, blank=True)
    last4 = models.CharField(max_length=4, blank=True)
    refusal_code = models.CharField(max_length=40, blank=True)
    captured_minor = models.PositiveBigIntegerField(default=0)
    code = models.CharField(max_length=6, blank=True)
    code_expires_at = models.DateTimeField(null=True)
    tries_left = models.PositiveSmallIntegerField(default=0)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(state__in=SessionState.values), name="bank_session_state_known"
            ),
        ]


class BankRefund(models.Model):
    """Money that the sandbox bank sent back; the merchant's key does it once."""

    key = models.UUIDField(primary_key=True)
    session = models.ForeignKey(BankSession, on_delete=models.PROTECT, related_name="refunds")
    amount_minor = models.PositiveBigIntegerField()
    made_at = models.DateTimeField()


class BankEvent(models.Model):
    """A step of a session's script: what the bank decides, and what it tells the merchant."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    session = models.ForeignKey(BankSession, on_delete=models.PROTECT, related_name="events")
    sets = models.CharField(max_length=12, blank=True)
    tells = models.CharField(max_length=40, blank=True)
    copies = models.PositiveSmallIntegerField(default=1)
    due_at = models.DateTimeField()
    delivered_at = models.DateTimeField(null=True)


class Mail(models.Model):
    """A mail as it left the portal."""

    sender = models.CharField(max_length=254)
    recipient = models.CharField(max_length=254, db_index=True)
    subject = models.CharField(max_length=250)
    text = models.TextField()
    html = models.TextField(blank=True)
    headers = models.JSONField(default=dict)
    sent_at = models.DateTimeField()


class Sms(models.Model):
    """A text message as it reached a telephone."""

    sender = models.CharField(max_length=20)
    phone = models.CharField(max_length=20)
    text = models.CharField(max_length=480)
    sent_at = models.DateTimeField()
