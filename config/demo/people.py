"""Who signs in to the demo. The password is public."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from django.conf import settings

from accounts.models import IdentificationKey, Organisation, Site, User
from accounts.services.demo import add_buyer_role, add_person, add_staff_role, enrol_totp
from accounts.services.membership import decide_one, request_membership
from accounts.services.profile import record_consent
from accounts.states import MembershipState

PASSWORD = "mirabelle-demo"  # noqa: S105  printed by `make run`
MEMBER = "membre@demo.example"
NEWCOMER = "nouveau@demo.example"
STAFF = "cse@demo.example"
BUYER = "acheteur@demo.example"
OPERATOR = "admin@demo.example"
MERCHANT = "marchand@demo.example"
CSE, OTHER_CSE = "ateliers-verdore", "filature-du-lac"
KEY = "DEMO-2026"
DIRECT_KEY = "DEMO-DIRECT"


@dataclass(frozen=True)
class Cast:
    """Everybody the story needs."""

    member: User
    staff: User
    buyer: User | None
    operator: User
    cse: Organisation
    other_cse: Organisation


def known_people() -> Cast:
    """Those of an earlier telling."""
    member, staff, operator = (User.objects.get(email=email) for email in (MEMBER, STAFF, OPERATOR))
    buyer = User.objects.filter(email=BUYER).first()  # not in the data of older releases
    cse, other = (Organisation.objects.get(slug=slug) for slug in (CSE, OTHER_CSE))
    return Cast(member=member, staff=staff, buyer=buyer, operator=operator, cse=cse, other_cse=other)


def people(*, at: datetime) -> Cast:
    cse = _organisation("CSE des Ateliers Verdoré", CSE, ["Siège", "Entrepôt", "Boutiques"])
    other = _organisation("CSE Filature du Lac", OTHER_CSE, ["Filature"])
    operator = _account(
        OPERATOR, "Ariane", "Tellier", at=at - timedelta(days=600), is_staff=True, is_superuser=True
    )
    staff = _account(STAFF, "Nadia", "Roussel", at=at - timedelta(days=590))
    member = _account(
        MEMBER,
        "Camille",
        "Dubreuil",
        at=at - timedelta(days=560),
        title="mrs",
        phone="+33639980042",
        birth_date=date(1988, 4, 17),
        address_line1="14 allée des Vergers",
        postal_code="00100",
        city="Exempleville",
    )
    buyer = _account(
        BUYER,
        "Hélène",
        "Vasseur",
        at=at - timedelta(days=588),
        address_line1="2 place des Ateliers",
        postal_code="00100",
        city="Exempleville",
    )
    add_buyer_role(user_id=buyer.pk, organisation_id=cse.pk)
    newcomer = _account(NEWCOMER, "Sacha", "Morvan", at=at - timedelta(days=1, hours=2))
    _keys(cse, other, operator, at=at)
    _join(staff, cse, DIRECT_KEY, actor=operator, at=at - timedelta(days=589))
    add_staff_role(user_id=staff.pk, organisation_id=cse.pk)
    enrol_totp(user_id=staff.pk)
    _join(member, cse, KEY, actor=staff, at=at - timedelta(days=559))
    request_membership(user_id=newcomer.pk, key=KEY, at=at - timedelta(days=1))
    return Cast(member=member, staff=staff, buyer=buyer, operator=operator, cse=cse, other_cse=other)


def _organisation(name: str, slug: str, sites: list[str]) -> Organisation:
    made, _ = Organisation.objects.get_or_create(
        slug=slug, defaults={"name": name, "contact_email": f"{slug}@demo.example"}
    )
    for site in sites:
        Site.objects.get_or_create(organisation=made, name=site)
    return made


def _account(email: str, first_name: str, last_name: str, *, at: datetime, **fields: Any) -> User:
    user = add_person(
        email=email, password=PASSWORD, at=at, first_name=first_name, last_name=last_name, **fields
    )
    record_consent(user_id=user.pk, version=settings.TERMS_OF_USE_VERSION, at=at)
    return user


def _keys(cse: Organisation, other: Organisation, operator: User, *, at: datetime) -> None:
    """The two that the README names, one of another CSE, and two that no longer work."""
    IdentificationKey.objects.bulk_create(
        [
            IdentificationKey(code=KEY, organisation=cse, batch="demo", created_by=operator),
            IdentificationKey(
                code=DIRECT_KEY, organisation=cse, auto_approve=True, batch="demo", created_by=operator
            ),
            IdentificationKey(code="FILATURE-2026", organisation=other, batch="demo", created_by=operator),
            IdentificationKey(
                code="DEMO-EXPIREE",
                organisation=cse,
                expires_on=(at - timedelta(days=90)).date(),
                batch="demo",
                created_by=operator,
            ),
            IdentificationKey(
                code="DEMO-EPUISEE", organisation=cse, use_limit=1, uses=1, batch="demo", created_by=operator
            ),
        ],
        ignore_conflicts=True,
    )


def _join(user: User, cse: Organisation, key: str, *, actor: User, at: datetime) -> None:
    """Ask with `key` and be approved the next day, unless the key did it at once."""
    membership = request_membership(user_id=user.pk, key=key, at=at)
    if membership.state == MembershipState.PENDING:
        decide_one(
            membership_id=membership.pk,
            organisation_id=cse.pk,
            target=MembershipState.APPROVED,
            actor_id=actor.pk,
            at=at + timedelta(days=1),
        )
