"""Objects that exist before a test begins. One section per room; defaults are what most tests want."""

from itertools import count
from typing import Any

from allauth.account.internal.flows.login import record_authentication
from django.test import Client, RequestFactory
from django.utils import timezone

from accounts.models import IdentificationKey, Membership, Organisation, User
from accounts.services.demo import add_buyer_role, add_person, add_staff_role, enrol_totp

PASSWORD = "une phrase assez longue"
_numbers = count(1)


# --- accounts ---------------------------------------------------------------------------------------------


def organisation(**fields: Any) -> Organisation:
    """A CSE."""
    slug = fields.pop("slug", f"cse-{next(_numbers)}")
    return Organisation.objects.create(**{"name": f"CSE {slug}", "slug": slug, **fields})


def person(email: str = "", *, verified: bool = True, **fields: Any) -> User:
    """Somebody who may sign in; no CSE yet."""
    number = next(_numbers)
    defaults = {"first_name": "Camille", "last_name": f"Dubreuil{number}"}
    return add_person(
        email=email or f"personne{number}@demo.example",
        password=PASSWORD,
        at=timezone.now(),
        verified=verified,
        **{**defaults, **fields},
    )


def identification_key(cse: Organisation | None = None, **fields: Any) -> IdentificationKey:
    """A key that works for ever unless told otherwise."""
    defaults = {"organisation": cse or organisation(), "code": f"CLE-{next(_numbers)}"}
    return IdentificationKey.objects.create(**{**defaults, **fields})


def membership(user: User | None = None, cse: Organisation | None = None, **fields: Any) -> Membership:
    """A request that waits; `state="approved"` for a member."""
    defaults = {"user": user or person(), "organisation": cse, "requested_at": timezone.now()}
    return Membership.objects.create(**{**defaults, **fields})


def member(cse: Organisation | None = None, **fields: Any) -> User:
    """Somebody who may order: e-mail validated, approved by a CSE."""
    user = person(**fields)
    membership(user, cse or organisation(), state="approved")
    return user


def staff(cse: Organisation, **fields: Any) -> User:
    """Somebody who decides the requests of `cse`, with an authenticator app."""
    user = person(**fields)
    add_staff_role(user_id=user.pk, organisation_id=cse.pk)
    enrol_totp(user_id=user.pk)
    return user


def buyer(cse: Organisation, **fields: Any) -> User:
    """Somebody who orders for the people of `cse` (S0.5)."""
    user = person(**fields)
    add_buyer_role(user_id=user.pk, organisation_id=cse.pk)
    return user


def operator(**fields: Any) -> User:
    """One of our own: Django admin and the key-0 queue."""
    return person(is_staff=True, is_superuser=True, **fields)


def sign_in(client: Client, user: User, *, second_factor: bool = False) -> Client:
    """A session as after the sign-in page; with `second_factor`, as after its code too."""
    client.force_login(user)
    if second_factor:
        request = RequestFactory().get("/")
        request.session = client.session
        record_authentication(request, user, method="mfa", type="totp")
        request.session.save()
    return client
