"""The nightly jobs of rooms that know no clock."""

from datetime import timedelta
from uuid import uuid4

import pytest
from django.contrib.sessions.models import Session
from django.db import connection
from django.utils import timezone

from config.tasks import audit_books, clear_sessions, expire_lots
from ledger.selectors import balance
from ledger.services.credit import credit
from ledger.services.open import open_account
from outbox.models import Job, Mail
from outbox.services.tidy import ensure_periodic

pytestmark = pytest.mark.django_db


def test_every_housekeeping_job_is_started_by_the_tick():
    ensure_periodic(at=timezone.now())
    wanted = {"ledger.expire", "ledger.audit", "config.clear_sessions", "outbox.purge"}
    assert wanted <= set(Job.objects.values_list("kind", flat=True))


def test_expired_value_is_swept():
    now, account = timezone.now(), open_account(unit="EUR", holder="test")
    credit(
        key=uuid4(),
        account_id=account,
        source="issuer",
        amount=500,
        kind="issue",
        at=now - timedelta(days=2),
        expires_at=now - timedelta(days=1),
    )
    expire_lots("every")
    with connection.cursor() as cursor:
        cursor.execute("SELECT remaining FROM ledger_lot WHERE account_id = %s", [account])
        assert cursor.fetchone() == (0,)
    assert balance(account, at=now).available == 0


def test_sound_books_raise_no_alarm():
    audit_books("every")
    assert not Mail.objects.exists()


def test_sessions_that_are_over_are_deleted():
    Session.objects.create(session_key="a", session_data="", expire_date=timezone.now() - timedelta(days=1))
    clear_sessions("every")
    assert not Session.objects.exists()
