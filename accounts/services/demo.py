"""People for the demo and for tests: accounts that are ready to sign in."""

import base64
import hmac
from datetime import datetime
from typing import Any

from allauth.account.models import EmailAddress
from allauth.mfa.adapter import get_adapter
from allauth.mfa.models import Authenticator
from django.db import transaction

from accounts.models import BuyerRole, StaffRole, User

DEMO_TOTP_SECRET = "MIRABELLEDEMO2345MIRABELLEDEMO23"  # noqa: S105  base32; printed on the demo's own page
TOTP_PERIOD_SECONDS = 30


def add_person(
    *, email: str, password: str | None, at: datetime, verified: bool = True, **fields: Any
) -> User:
    """An account with its e-mail address, or the one that exists."""
    with transaction.atomic():
        user = User.objects.filter(email=email).first()
        if user is None:
            user = User.objects.create_user(email, password, date_joined=at, **fields)
        EmailAddress.objects.update_or_create(
            user=user, email=email, defaults={"verified": verified, "primary": True}
        )
    return user


def add_staff_role(*, user_id: int, organisation_id: int) -> None:
    """Let a person decide the requests of a CSE."""
    StaffRole.objects.get_or_create(user_id=user_id, organisation_id=organisation_id)


def add_buyer_role(*, user_id: int, organisation_id: int) -> None:
    """Let a person order for an organisation."""
    BuyerRole.objects.get_or_create(user_id=user_id, organisation_id=organisation_id)


def enrol_totp(*, user_id: int, secret: str = DEMO_TOTP_SECRET) -> None:
    """Set up an authenticator app with a known secret, as if the person had scanned its QR code."""
    Authenticator.objects.update_or_create(
        user_id=user_id,
        type=Authenticator.Type.TOTP,
        defaults={"data": {"secret": get_adapter().encrypt(secret)}},
    )


def totp_code(*, at: datetime, secret: str = DEMO_TOTP_SECRET) -> tuple[str, int]:
    """What the demo's authenticator app shows at `at` (RFC 6238), and for how many seconds more."""
    counter, elapsed = divmod(int(at.timestamp()), TOTP_PERIOD_SECONDS)
    digest = hmac.digest(base64.b32decode(secret), counter.to_bytes(8, "big"), "sha1")
    offset = digest[-1] & 0xF
    number = int.from_bytes(digest[offset : offset + 4], "big") & 0x7FFFFFFF
    return f"{number % 10**6:06d}", TOTP_PERIOD_SECONDS - elapsed
