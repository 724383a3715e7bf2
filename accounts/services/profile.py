"""« Gérez vos coordonnées » (S3.10)."""

from dataclasses import asdict, dataclass
from datetime import date, datetime

from django.db import transaction

from accounts.errors import DetailFixed, ReasonMissing
from accounts.models import DetailChange, TermsConsent, User

FIXED = ("phone", "birth_date")


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


def update_details(*, user_id: int, details: Details) -> None:
    """Write the details. Phone and birth date are fixed once set: refuses `DetailFixed` (S3.10)."""
    with transaction.atomic():
        user = User.objects.select_for_update().get(pk=user_id)
        for field in FIXED:
            held = getattr(user, field)
            if held and getattr(details, field) != held:
                raise DetailFixed(field)
        for field, value in asdict(details).items():
            setattr(user, field, value)
        user.save(update_fields=list(asdict(details)))


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
