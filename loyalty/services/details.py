"""Members' data: name and address are theirs to change, phone and birth date are not (S4.11)."""

from collections.abc import Mapping
from datetime import date, datetime

from django.db import transaction

from accounts.selectors import personal_details
from kernel.calendar import local_date
from loyalty.errors import AlreadyEnrolled, CardTaken, ReasonMissing, TooYoung
from loyalty.models import LoyaltyCard, Member
from loyalty.phones import e164
from loyalty.rules import age_on
from loyalty.selectors.members import card_index
from loyalty.selectors.programmes import version_or_last
from loyalty.services.enrol import ADULT
from loyalty.services.members import lock_member, refuse_voided, tell
from loyalty.services.settle import plan_birthday, settle_locked
from loyalty.states import MemberEventKind

FEWEST_DIGITS = 6


@transaction.atomic
def update_details(
    *,
    member_id: int,
    first_name: str,
    last_name: str,
    address: str,
    at: datetime,
    actor_id: int | None = None,
) -> None:
    """The member changes name or address; recorded. A name that now matches another member's is not
    suspected.

    Refuses `MemberUnknown`.
    """
    member = lock_member(member_id)
    given = {"first_name": first_name, "last_name": last_name, "address": address}
    _write(member, {name: value.strip() for name, value in given.items()}, at=at, actor_id=actor_id)


def follow_account(*, user_id: int, at: datetime) -> None:
    """Give the person's members the name and address that the account has now (S4.11).

    What the account leaves empty stays as the till wrote it.
    """
    members = list(Member.objects.filter(user_id=user_id))
    if not members:
        return
    account = personal_details(user_id)
    for member in members:
        update_details(
            member_id=member.pk,
            first_name=account.first_name or member.first_name,
            last_name=account.last_name or member.last_name,
            address=account.address or member.address,
            at=at,
            actor_id=user_id,
        )


@transaction.atomic
def correct_fixed_details(
    *, member_id: int, phone: str, birth_on: date, actor_id: int, reason: str, at: datetime
) -> None:
    """An operator corrects phone or birth date, and says why; each change leaves an event with before and
    after.

    The next birthday is planned anew; one that was credited this year stays the only one. Refuses
    `MemberUnknown`, `ReasonMissing`, `PhoneInvalid`, `TooYoung`, `AlreadyEnrolled` (the phone is another
    member's).
    """
    if not reason.strip():
        raise ReasonMissing
    number = e164(phone)
    if age_on(birth_on, local_date(at)) < ADULT:
        raise TooYoung
    member = lock_member(member_id)
    same_phone = Member.objects.filter(programme_id=member.programme_id, phone=number)
    if same_phone.exclude(pk=member.pk).exists():
        raise AlreadyEnrolled
    settle_locked(member, at=at)
    changed: Mapping[str, str | date] = {"phone": number, "birth_on": birth_on}
    _write(member, changed, at=at, actor_id=actor_id, reason=reason.strip())
    if version := version_or_last(member.programme_id, at=at):
        plan_birthday(member, version.rules, after=at)
        member.save(update_fields=["birthday_due_at"])


@transaction.atomic
def link_card(*, member_id: int, number: str, at: datetime, actor_id: int | None = None) -> None:
    """The card names this member at tills from now on; a card before it (lost) stops. The balance stays
    (S4.5).

    Linking the member's own card again changes nothing. Refuses `MemberUnknown`, `MemberVoided`, `CardTaken`.
    """
    member = lock_member(member_id)
    refuse_voided(member)
    digits = "".join(number.split())
    index = card_index(digits)
    known = LoyaltyCard.objects.filter(number_index=index).first()
    if known is not None and known.member_id == member.pk and known.replaced_at is None:
        return
    if known is not None or not digits.isalnum() or len(digits) < FEWEST_DIGITS:
        raise CardTaken
    before = LoyaltyCard.objects.filter(member=member, replaced_at__isnull=True).first()
    LoyaltyCard.objects.filter(member=member, replaced_at__isnull=True).update(replaced_at=at)
    card = LoyaltyCard.objects.create(member=member, number_index=index, last4=digits[-4:], linked_at=at)
    tell(
        member,
        MemberEventKind.CARD,
        at=at,
        actor_id=actor_id,
        before=before.last4 if before else "",
        after=card.last4,
    )


def _write(
    member: Member,
    given: Mapping[str, str | date],
    *,
    at: datetime,
    actor_id: int | None,
    reason: str = "",
) -> None:
    for name, value in given.items():
        before = getattr(member, name)
        if before == value:
            continue
        setattr(member, name, value)
        tell(
            member,
            MemberEventKind.DETAIL,
            at=at,
            actor_id=actor_id,
            field=name,
            before=str(before),
            after=str(value),
            reason=reason,
        )
    member.save(update_fields=list(given))
