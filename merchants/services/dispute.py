"""Disputes: a merchant says what is wrong with a transaction or a statement, an operator of ours answers."""

from datetime import datetime
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import Q
from django.urls import reverse

from accounts.selectors import customer_identity
from merchants.errors import DisputeOpen, DisputeTextMissing
from merchants.models import Dispute, DisputeEvent, Merchant
from merchants.states import DISPUTE_MACHINE, DisputeState
from outbox.services.mail import MailRequest, queue_mail, queue_mails


@transaction.atomic
def open_dispute(
    *,
    merchant_id: int,
    user_id: int,
    text: str,
    at: datetime,
    sale_id: UUID | None = None,
    statement_id: UUID | None = None,
) -> Dispute:
    """Dispute a transaction or a statement of the merchant; our operators are told.

    Refuses `DisputeTextMissing`, and `DisputeOpen` while an earlier one of the same thing is.
    """
    if not text.strip():
        raise DisputeTextMissing
    # Two people of the merchant may press at once: its row makes the second look again.
    Merchant.objects.select_for_update(no_key=True).get(pk=merchant_id)
    same = Q(statement_id=statement_id) if sale_id is None else Q(sale_id=sale_id)
    if Dispute.objects.filter(same, merchant_id=merchant_id, state=DisputeState.OPEN).exists():
        raise DisputeOpen
    dispute = Dispute.objects.create(
        merchant_id=merchant_id,
        sale_id=sale_id,
        statement_id=statement_id,
        opened_by_id=user_id,
        opened_at=at,
        text=text.strip(),
    )
    _note(dispute, "", customer_identity(user_id).full_name, at)
    _tell_operators(dispute, at)
    return dispute


@transaction.atomic
def withdraw_dispute(*, dispute_id: int, merchant_id: int, user_id: int, at: datetime) -> None:
    """The merchant takes it back. Refuses `TransitionRefused` when it was answered meanwhile."""
    dispute = Dispute.objects.select_for_update().get(pk=dispute_id, merchant_id=merchant_id)
    move_to(dispute, DisputeState.WITHDRAWN, actor=customer_identity(user_id).full_name, at=at)


@transaction.atomic
def answer_dispute(*, dispute_id: int, target: DisputeState, answer: str, actor: str, at: datetime) -> None:
    """Accept or refuse, and say why; whoever opened it is told by mail that there is an answer.

    Nothing is paid by it: what is owed is corrected by an ordinary cancellation or a payment of its own.
    Refuses `DisputeTextMissing`, `TransitionRefused`.
    """
    if not answer.strip():
        raise DisputeTextMissing
    dispute = Dispute.objects.select_for_update().get(pk=dispute_id)
    dispute.answer = answer.strip()
    move_to(dispute, target, actor=actor, at=at)
    _tell(dispute, at)


def move_to(dispute: Dispute, target: DisputeState, *, actor: str, at: datetime) -> None:
    """The only writer of a dispute's state; the caller holds its lock. Refuses `TransitionRefused`."""
    before = DisputeState(dispute.state)
    DISPUTE_MACHINE.check(before, target)
    dispute.state = target
    dispute.save(update_fields=["state", "answer"])
    _note(dispute, before, actor, at)


def _note(dispute: Dispute, before: str, actor: str, at: datetime) -> None:
    DisputeEvent.objects.create(
        dispute=dispute, at=at, from_state=before, to_state=dispute.state, actor=actor[:150]
    )


def _tell_operators(dispute: Dispute, at: datetime) -> None:
    path = reverse("admin:merchants_dispute_change", args=[dispute.pk])
    context = {"number": dispute.pk, "merchant": dispute.merchant.legal_name, "url": settings.SITE_URL + path}
    queue_mails(
        [
            MailRequest(
                "dispute_opened",
                str(dispute.pk),
                address,
                settings.LANGUAGE_CODE,
                "dispute_opened",
                context,
            )
            for address in settings.ALARM_EMAILS
        ],
        at=at,
    )


def _tell(dispute: Dispute, at: datetime) -> None:
    person = customer_identity(dispute.opened_by_id)
    queue_mail(
        event="dispute_answered",
        ref=str(dispute.pk),
        recipient=person.email,
        language=person.language,
        template="dispute_answered",
        context={
            "name": person.full_name,
            "number": dispute.pk,
            "url": settings.SITE_URL + reverse("merchant:dispute", args=[dispute.pk]),
        },
        at=at,
    )
