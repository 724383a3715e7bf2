"""« Gérez vos coordonnées » (S3.10)."""

from dataclasses import asdict, dataclass
from datetime import date, datetime

from django.db import transaction

from accounts.errors import DetailFixed, ReasonMissing
from accounts.models import DetailChange, TermsConsent, User
from outbox.services.enqueue import enqueue, reschedule

FIXED = ("phone", "birth_date")
# What members of a loyalty programme are known by too (S4.11): rooms above keep their own copy.
TOLD = (
    "first_name",
    "last_name",
    "address_line1",
    "address_line2",
    "postal_code",
    "city",
    "country",
)
DETAILS_JOB = "accounts.details_changed"  # `ref` is the person


@dataclass(frozen=True)
class Details:
    """What a person may say about themselves. `phone` is E.164 or empty."""

    title: str
    first_name: str
    last_name: str
    phone: str
    birth_date: date | None
    address_line1: str
    address_line2: str
    postal_code: str
    city: str
    country: str
    language: str


@transaction.atomic
def update_details(*, user_id: int, details: Details, at: datetime) -> None:
    """Write the details; a new name or address is news for other rooms (`DETAILS_JOB`).

    Phone and birth date are fixed once set: refuses `DetailFixed` (S3.10).
    """
    user = User.objects.select_for_update().get(pk=user_id)
    for field in FIXED:
        held = getattr(user, field)
        if held and getattr(details, field) != held:
            raise DetailFixed(field)
    is_news = any(getattr(user, field) != getattr(details, field) for field in TOLD)
    for field, value in asdict(details).items():
        setattr(user, field, value)
    user.save(update_fields=list(asdict(details)))
    if is_news:
        tell_details(user_id=user_id, at=at)


def tell_details(*, user_id: int, at: datetime) -> None:
    """Have the rooms that keep a copy read name and address again, in the caller's transaction."""
    if not reschedule(kind=DETAILS_JOB, ref=str(user_id), due_at=at):
        enqueue(kind=DETAILS_JOB, ref=str(user_id), due_at=at)


@transaction.atomic
def complete_fixed_details(*, user_id: int, phone: str, birth_date: date) -> None:
    """Keep a proven phone (E.164) and the birth date given with it, where the person had none yet (S3.10).

    What is there stays.
    """
    user = User.objects.select_for_update().get(pk=user_id)
    user.phone = user.phone or phone
    user.birth_date = user.birth_date or birth_date
    user.save(update_fields=list(FIXED))


def correct_fixed_details(
    *, user_id: int, phone: str, birth_date: date | None, actor_id: int, reason: str, at: datetime
) -> None:
    """An operator changes what is fixed, and says why; each change leaves a row. Refuses `ReasonMissing`."""
    if not reason.strip():
        raise ReasonMissing
    with transaction.atomic():
        user = User.objects.select_for_update().get(pk=user_id)
        for field, value in (("phone", phone), ("birth_date", birth_date)):
            before = getattr(user, field)
            if before == value:
                continue
            setattr(user, field, value)
            DetailChange.objects.create(
                user=user,
                actor_id=actor_id,
                field=field,
                before=str(before or ""),
                after=str(value or ""),
                reason=reason.strip(),
                at=at,
            )
        user.save(update_fields=list(FIXED))


def set_user_language(*, user_id: int, language: str) -> None:
    """Keep the language on the account: pages and mails follow it."""
    User.objects.filter(pk=user_id).update(language=language)


def record_consent(*, user_id: int, version: int, at: datetime) -> None:
    """Remember which terms of use were accepted, and when; the first time counts."""
    TermsConsent.objects.get_or_create(user_id=user_id, version=version, defaults={"accepted_at": at})
