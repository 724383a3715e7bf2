"""What other rooms and the pages may know about people. Reads only."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime

from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from django.db import connection
from django.db.models import Exists, F, QuerySet
from django.utils.translation import gettext

from accounts.models import BuyerRole, HelpSubject, StaffRole, User
from accounts.states import MembershipState


@dataclass(frozen=True)
class Gate:
    """What stands between a person and ordering: both gates must be open (S3.2)."""

    email_verified: bool = False
    membership_state: str | None = None
    organisation_id: int | None = None
    organisation_name: str = ""
    membership_id: int | None = None
    requested_at: datetime | None = None
    reason: str = ""
    is_staff: bool = False  # decides for a CSE; nothing to do with Django admin
    is_buyer: bool = False  # orders for an organisation (S0.5)

    @property
    def number(self) -> str:
        return f"DEM-{self.membership_id:04d}" if self.membership_id else ""

    @property
    def may_order(self) -> bool:
        return self.email_verified and self.membership_state == MembershipState.APPROVED


@dataclass(frozen=True)
class Identity:
    """A person as printed on an invoice and greeted in a mail."""

    user_id: int
    full_name: str
    title: str
    email: str
    language: str
    address_lines: tuple[str, ...]
    country: str
    organisation_id: int | None
    organisation_name: str


@dataclass(frozen=True)
class Step:
    """One step of the way to ordering; `state` is "done", "current" or "todo"."""

    label: str
    state: str
    note: str = ""
    at: datetime | None = None


@dataclass(frozen=True)
class StaffOf:
    """A CSE whose requests a person decides."""

    organisation_id: int
    name: str


@dataclass(frozen=True)
class StaffScope:
    """The CSEs of a staff member, and whether a second factor is set up."""

    organisations: tuple[StaffOf, ...] = ()
    has_second_factor: bool = False


# By hand: every page asks, and building this through the ORM took a tenth of a page's time.
_GATE = """
SELECT EXISTS (
    SELECT 1 FROM account_emailaddress e
    WHERE e.user_id = u.id AND UPPER(e.email) = UPPER(u.email) AND e.verified
), m.state, m.organisation_id, o.name, m.id, m.requested_at, m.reason, EXISTS (
    SELECT 1 FROM accounts_staffrole s WHERE s.user_id = u.id
), EXISTS (
    SELECT 1 FROM accounts_buyerrole b JOIN accounts_organisation f ON f.id = b.organisation_id
    WHERE b.user_id = u.id AND f.is_active
), o.is_active
FROM accounts_user u
LEFT JOIN accounts_membership m ON m.user_id = u.id
LEFT JOIN accounts_organisation o ON o.id = m.organisation_id
WHERE u.id = %s ORDER BY m.id DESC LIMIT 1
"""


def ordering_gate(user_id: int | None) -> Gate:
    """The two gates of a person, by the latest membership. One query, none for nobody."""
    if user_id is None:
        return Gate()
    with connection.cursor() as cursor:
        cursor.execute(_GATE, [user_id])
        row = cursor.fetchone()
    if row is None:
        return Gate()
    verified_now, state, organisation_id, name, membership_id, requested_at, reason, *roles, active = row
    if state == MembershipState.APPROVED and not active:
        state = MembershipState.SUSPENDED  # a CSE that was closed takes its discounts with it
    if isinstance(requested_at, str):  # SQLite keeps instants as UTC text
        requested_at = datetime.fromisoformat(requested_at).replace(tzinfo=UTC)
    return Gate(
        email_verified=bool(verified_now),
        membership_state=state,
        organisation_id=organisation_id,
        organisation_name=name or "",
        membership_id=membership_id,
        requested_at=requested_at,
        reason=reason or "",
        is_staff=bool(roles[0]),
        is_buyer=bool(roles[1]),
    )


def customer_identity(user_id: int) -> Identity:
    """The person as of now, for documents and mails. One query."""
    user = (
        User.objects.filter(pk=user_id)
        .annotate(
            organisation_id=F("memberships__organisation_id"),
            organisation_name=F("memberships__organisation__name"),
        )
        .order_by("-memberships__id")[:1]
        .get()
    )
    place = f"{user.postal_code} {user.city}".strip()
    lines = (user.address_line1, user.address_line2, place)
    return Identity(
        user_id=user.pk,
        full_name=user.get_full_name() or user.email,
        title=user.get_title_display() if user.title else "",
        email=user.email,
        language=user.language,
        address_lines=tuple(line for line in lines if line),
        country=user.country,
        organisation_id=user.organisation_id,
        organisation_name=user.organisation_name or "",
    )


def customer_language(user_id: int) -> str:
    """The language that the person reads. One query."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT language FROM accounts_user WHERE id = %s", [user_id])
        language: str = cursor.fetchone()[0]
    return language


@dataclass(frozen=True)
class PersonalDetails:
    """« Gérez vos coordonnées » as other rooms need it. `phone` is E.164 or empty; `address` has lines."""

    first_name: str
    last_name: str
    phone: str
    birth_on: date | None
    address: str
    language: str


def personal_details(user_id: int) -> PersonalDetails:
    """What the person says about themselves. One query."""
    user = User.objects.get(pk=user_id)
    place = f"{user.postal_code} {user.city}".strip()
    lines = (user.address_line1, user.address_line2, place, user.country if place else "")
    return PersonalDetails(
        first_name=user.first_name,
        last_name=user.last_name,
        phone=user.phone,
        birth_on=user.birth_date,
        address="\n".join(line for line in lines if line),
        language=user.language,
    )


@dataclass(frozen=True)
class Contact:
    """Where and in which language to write to somebody."""

    email: str
    language: str


def contacts_of(user_ids: Iterable[int]) -> dict[int, Contact]:
    """The addresses of active people, by id. One query."""
    rows = User.objects.filter(pk__in=list(user_ids), is_active=True)
    return {pk: Contact(email, tongue) for pk, email, tongue in rows.values_list("pk", "email", "language")}


@dataclass(frozen=True)
class PostalAddress:
    """A person as an envelope names them, in parts; `country` is ISO 3166."""

    name: str
    line1: str
    line2: str
    postal_code: str
    city: str
    country: str
    language: str


def postal_addresses_of(user_ids: Iterable[int]) -> dict[int, PostalAddress]:
    """Where letters to these people go, by id. One query."""
    rows = User.objects.filter(pk__in=list(user_ids))
    return {
        user.pk: PostalAddress(
            name=user.get_full_name() or user.email,
            line1=user.address_line1,
            line2=user.address_line2,
            postal_code=user.postal_code,
            city=user.city,
            country=user.country,
            language=user.language,
        )
        for user in rows
    }


def staff_scope(user_id: int | None) -> StaffScope:
    """The CSEs that a person may decide for. One query."""
    if user_id is None:
        return StaffScope()
    rows = list(
        StaffRole.objects.filter(user_id=user_id, organisation__is_active=True)
        .order_by("organisation__name")
        .values_list(
            "organisation_id",
            "organisation__name",
            Exists(Authenticator.objects.filter(user_id=user_id).exclude(type="recovery_codes")),
        )
    )
    return StaffScope(
        organisations=tuple(StaffOf(pk, name) for pk, name, _ in rows),
        has_second_factor=any(enrolled for *_, enrolled in rows),
    )


@dataclass(frozen=True)
class BuyerOf:
    """An organisation that a person orders for."""

    organisation_id: int
    name: str


def buyer_scope(user_id: int | None) -> tuple[BuyerOf, ...]:
    """The organisations that a person orders for, with a validated e-mail only (S0.5, S3.2). One query."""
    if user_id is None:
        return ()
    validated = EmailAddress.objects.filter(user_id=user_id, verified=True)
    rows = BuyerRole.objects.filter(
        Exists(validated), user_id=user_id, user__is_active=True, organisation__is_active=True
    )
    found = rows.order_by("organisation__name").values_list("organisation_id", "organisation__name")
    return tuple(BuyerOf(pk, name) for pk, name in found)


def may_buy_for(user_id: int, organisation_id: int | None) -> bool:
    """Whether a person orders for this organisation, as of now. One query."""
    return any(one.organisation_id == organisation_id for one in buyer_scope(user_id))


def waiting_steps(gate: Gate) -> list[Step]:
    """The two gates as steps, in the order in which a person meets them (S3.2). No query."""
    asked = gate.membership_state is not None
    approved = gate.membership_state == MembershipState.APPROVED
    decider = gate.organisation_name or gettext("l'équipe Mirabelle")
    return [
        Step(gettext("Demande envoyée"), "done" if asked else "current", at=gate.requested_at),
        Step(
            gettext("Confirmation de votre e-mail"),
            "done" if gate.email_verified else "current",
            note="" if gate.email_verified else gettext("Ouvrez le lien reçu par e-mail."),
        ),
        Step(
            gettext("Validation par votre CSE"),
            "done" if approved else "current" if asked else "todo",
            note=_approval_note(gate, decider),
        ),
        Step(gettext("Compte ouvert"), "done" if gate.may_order else "todo"),
    ]


def _approval_note(gate: Gate, decider: str) -> str:
    notes = {
        MembershipState.PENDING: gettext("%(who)s doit encore valider votre demande."),
        MembershipState.REFUSED: gettext("%(who)s n'a pas validé votre demande."),
        MembershipState.SUSPENDED: gettext("%(who)s a suspendu votre accès."),
        MembershipState.LEFT: gettext("Votre adhésion est terminée."),
    }
    if gate.membership_state not in notes:
        return ""
    return notes[MembershipState(gate.membership_state)] % {"who": decider[:1].upper() + decider[1:]}


def help_subjects() -> QuerySet[HelpSubject]:
    """Whom to ask about what, in the operators' order (S0.6). One query."""
    return HelpSubject.objects.filter(is_active=True)
