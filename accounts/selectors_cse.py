"""What the staff of a CSE see: requests, members and keys of their own CSE. Never a purchase."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median

from allauth.account.models import EmailAddress
from django.db.models import Count, Exists, F, Min, OuterRef, Q, QuerySet
from django.utils.translation import gettext

from accounts.models import IdentificationKey, Membership, User
from accounts.states import MembershipState
from kernel.calendar import local_date, start_of_day
from kernel.paging import KeyPage, page_by_key

PAGE_SIZE = 25
DELAYS_SAMPLED = 200
ANY = "all"
# What a page is sorted by, always down to one row; and whether from the end.
ORDERS = {
    "oldest": (("requested_at", "pk"), False),
    "newest": (("requested_at", "pk"), True),
    "name": (("user__last_name", "user__first_name", "pk"), False),
}


@dataclass(frozen=True)
class QueueFilter:
    """What the reader asked for; unknown words mean the default."""

    search: str = ""
    key: str = ANY  # "known", "none" or all
    status: str = MembershipState.PENDING
    order: str = "oldest"  # "newest", "name"
    cursor: str | None = None


@dataclass(frozen=True)
class Check:
    """One thing worth knowing before deciding. `tone` is "good", "warn" or "bad"."""

    tone: str
    text: str


@dataclass(frozen=True)
class Figures:
    """The head of the queue. `delay` is the median time from request to decision."""

    pending: int
    pending_with_key: int
    approved_this_month: int
    oldest_at: datetime | None
    delay: timedelta | None

    @property
    def delay_text(self) -> str:
        """The delay in its largest unit: « 3 h »."""
        if self.delay is None:
            return "–"
        minutes = round(self.delay.total_seconds() / 60)
        if minutes < 60:
            return gettext("%(n)d min") % {"n": minutes}
        if minutes < 48 * 60:
            return gettext("%(n)d h") % {"n": round(minutes / 60)}
        return gettext("%(n)d j") % {"n": round(minutes / 60 / 24)}


def queue(organisation_id: int, wanted: QueueFilter) -> KeyPage[Membership]:
    """One page of the requests of one CSE, with what checks need. One query, two after a cursor."""
    rows = _filtered(with_checks(Membership.objects.filter(organisation_id=organisation_id)), wanted)
    return _page_in_order(rows, wanted)


def unassigned(cursor: str | None) -> KeyPage[Membership]:
    """Requests made with key 0 that wait for an operator (S3.1), oldest first. One query."""
    rows = with_checks(Membership.objects.filter(organisation__isnull=True, state=MembershipState.PENDING))
    return _page_in_order(rows, QueueFilter(cursor=cursor))


def with_checks(rows: QuerySet[Membership]) -> QuerySet[Membership]:
    """Annotate what `checks` reads; joins what the tables show."""
    others = User.objects.exclude(pk=OuterRef("user_id"))
    same_phone = others.filter(phone=OuterRef("user__phone")).exclude(phone="")
    namesake = Membership.objects.filter(
        organisation_id=OuterRef("organisation_id"),
        user__last_name__iexact=OuterRef("user__last_name"),
        user__first_name__iexact=OuterRef("user__first_name"),
    ).exclude(user_id=OuterRef("user_id"))
    refused_before = Membership.objects.filter(
        user_id=OuterRef("user_id"), state=MembershipState.REFUSED, pk__lt=OuterRef("pk")
    )
    verified = EmailAddress.objects.filter(user_id=OuterRef("user_id"), verified=True)
    return rows.select_related("user", "site", "key", "organisation").annotate(
        phone_known=Exists(same_phone),
        namesake=Exists(namesake),
        refused_before=Exists(refused_before),
        email_verified=Exists(verified),
    )


def checks(row: Membership) -> list[Check]:
    """What speaks for caution about a row of `with_checks`. No query."""
    found = []
    if row.phone_known:  # type: ignore[attr-defined]
        found.append(Check("bad", gettext("Compte existant avec ce téléphone")))
    if row.namesake:  # type: ignore[attr-defined]
        found.append(Check("warn", gettext("Même nom qu'une autre demande de votre CSE")))
    if row.refused_before:  # type: ignore[attr-defined]
        found.append(Check("warn", gettext("Déjà refusée une fois")))
    if not row.email_verified:  # type: ignore[attr-defined]
        found.append(Check("warn", gettext("E-mail pas encore confirmé")))
    return found


def figures(organisation_id: int, *, at: datetime) -> Figures:
    """The head of the queue. Two queries."""
    month = start_of_day(local_date(at).replace(day=1))
    mine = Membership.objects.filter(organisation_id=organisation_id)
    pending = Q(state=MembershipState.PENDING)
    counted = mine.aggregate(
        pending=Count("pk", filter=pending),
        pending_with_key=Count("pk", filter=pending & Q(key__isnull=False)),
        approved=Count("pk", filter=Q(state=MembershipState.APPROVED, decided_at__gte=month)),
        oldest_at=Min("requested_at", filter=pending),
    )
    decided = mine.filter(decided_at__isnull=False, state__in=["approved", "refused"])
    delays = decided.order_by("-pk").values_list(F("decided_at") - F("requested_at"))[:DELAYS_SAMPLED]
    seconds = [delay.total_seconds() for (delay,) in delays]
    return Figures(
        pending=counted["pending"],
        pending_with_key=counted["pending_with_key"],
        approved_this_month=counted["approved"],
        oldest_at=counted["oldest_at"],
        delay=timedelta(seconds=median(seconds)) if seconds else None,
    )


def keys(
    organisation_id: int, *, search: str = "", batch: str = "", cursor: str | None = None
) -> KeyPage[IdentificationKey]:
    """The keys of one CSE, newest first. One query."""
    return page_by_key(key_list(organisation_id, search=search, batch=batch), cursor=cursor, size=PAGE_SIZE)


def key_list(organisation_id: int, *, search: str = "", batch: str = "") -> QuerySet[IdentificationKey]:
    """All keys of one CSE that match, for a page or an export."""
    found = IdentificationKey.objects.filter(organisation_id=organisation_id).select_related("site")
    if batch:
        found = found.filter(batch=batch)
    if search:
        found = found.filter(Q(code__icontains=search) | Q(batch__icontains=search))
    return found


def key_status(key: IdentificationKey, *, at: datetime) -> Check:
    """Whether a key still works. No query."""
    if key.revoked_at is not None:
        return Check("bad", gettext("Révoquée"))
    if key.expires_on is not None and local_date(at) > key.expires_on:
        return Check("warn", gettext("Expirée"))
    if key.use_limit is not None and key.uses >= key.use_limit:
        return Check("", gettext("Épuisée"))
    return Check("good", gettext("Active"))


def _filtered(rows: QuerySet[Membership], wanted: QueueFilter) -> QuerySet[Membership]:
    if wanted.status in MembershipState.values:
        rows = rows.filter(state=wanted.status)
    if wanted.key in {"known", "none"}:
        rows = rows.filter(key__isnull=wanted.key == "none")
    for word in wanted.search.split()[:5]:
        rows = rows.filter(
            Q(user__last_name__icontains=word)
            | Q(user__first_name__icontains=word)
            | Q(user__email__icontains=word)
        )
    return rows


def _page_in_order(rows: QuerySet[Membership], wanted: QueueFilter) -> KeyPage[Membership]:
    """One page after the cursor, which is the key of the last row seen; its place is looked up."""
    fields, newest_first = ORDERS.get(wanted.order, ORDERS["oldest"])
    cursor = wanted.cursor
    if cursor and cursor.isascii() and cursor.isdecimal():
        for last in Membership.objects.filter(pk=int(cursor[:18])).values_list(*fields):
            rows = rows.filter(_beyond(fields, last, "lt" if newest_first else "gt"))
    sign = "-" if newest_first else ""
    found = list(rows.order_by(*(f"{sign}{field}" for field in fields))[: PAGE_SIZE + 1])
    more = len(found) > PAGE_SIZE
    return KeyPage(found[:PAGE_SIZE], str(found[PAGE_SIZE - 1].pk) if more else None)


def _beyond(fields: tuple[str, ...], last: tuple[object, ...], side: str) -> Q:
    """Rows that come after `last` when sorted by all `fields`."""
    found, same = Q(), Q()
    for field, value in zip(fields, last, strict=True):
        found |= same & Q(**{f"{field}__{side}": value})
        same &= Q(**{field: value})
    return found
