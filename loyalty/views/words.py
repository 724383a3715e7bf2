"""Lots of points in words: where they come from, and why they cannot simply be used today (S4.14)."""

import re
from dataclasses import dataclass
from datetime import date, datetime

from django.urls import NoReverseMatch, reverse
from django.utils.functional import Promise
from django.utils.translation import get_language, gettext, pgettext_lazy
from django.utils.translation import gettext_lazy as _

from kernel.calendar import local_date
from kernel.money import POINTS, format_minor
from ledger.selectors import Entry
from ledger.states import OwnKind
from loyalty.selectors.page import DatedPoints, LotLine, LoyaltyOverview
from loyalty.states import AccrualKind, Channel, Movement
from loyalty.words import percent

SOON_DAYS = 14
ORDER = re.compile(r"order:(\d{1,18})", re.ASCII)
Text = str | Promise
KINDS: dict[str, Text] = {
    AccrualKind.WELCOME: _("Points de bienvenue"),
    AccrualKind.BIRTHDAY: _("Cadeau d'anniversaire"),
}
TAGS: dict[str, tuple[str, Text]] = {
    "": ("good", pgettext_lazy("points", "Disponibles")),
    "outlet": ("info", _("Pour certains points de vente")),
    "single": ("info", _("En un seul achat")),
    "taken": ("", pgettext_lazy("points", "Repris")),
    "expired": ("", pgettext_lazy("points", "Terminés")),
    "empty": ("", pgettext_lazy("points", "Utilisés")),
}
HINTS: dict[str, Text] = {
    "single": _("À utiliser en entier, en une fois."),
    "taken": _("L'achat a été remboursé."),
}
MOVEMENTS: dict[str, Text] = {
    Movement.PURCHASE: pgettext_lazy("points", "Gagnés par un achat"),
    Movement.WELCOME: _("Points de bienvenue"),
    Movement.BIRTHDAY: _("Cadeau d'anniversaire"),
    Movement.PROMOTION: _("Points d'une offre"),
    Movement.SPENT: pgettext_lazy("points", "Utilisés pour un achat"),
    Movement.GIVEN_BACK: pgettext_lazy("points", "Rendus après un remboursement"),
    Movement.TAKEN_BACK: pgettext_lazy("points", "Repris après un remboursement"),
    Movement.DEBT: _("Dette réglée"),
    Movement.REWARD: pgettext_lazy("points", "Échangés contre une récompense"),
    OwnKind.EXPIRY: pgettext_lazy("points", "Arrivés à leur date de fin"),
    OwnKind.HOLD: pgettext_lazy("points", "Réservés pour une commande"),
    OwnKind.RELEASE: pgettext_lazy("points", "Plus réservés"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class LotRow:
    """One lot for the table. `tone` colours the tag; `href` leads to the order."""

    title: str
    href: str
    on: datetime
    tone: str
    tag: str
    hint: str
    until: date | None
    rolls: bool
    amount_minor: int
    remaining_minor: int
    is_partly_used: bool


def lot_row(line: LotLine, *, at: datetime) -> LotRow:
    title, href = _origin(line)
    tone, tag = _tag(line, local_date(at))
    return LotRow(
        title=title,
        href=href,
        on=line.credited_at,
        tone=tone,
        tag=tag,
        hint=_hint(line),
        until=line.expires_on,
        rolls=line.rolls,
        amount_minor=line.amount_minor,
        remaining_minor=line.remaining_minor,
        is_partly_used=0 < line.remaining_minor < line.amount_minor,
    )


@dataclass(frozen=True, slots=True)
class MovementRow:
    """One movement for the table; `balance_minor` counts pending points too."""

    text: str
    at: datetime
    amount_minor: int
    balance_minor: int


def movement_row(entry: Entry) -> MovementRow:
    """A kind that this room does not know is told as it is."""
    return MovementRow(
        str(MOVEMENTS.get(entry.kind, entry.kind)), entry.at, entry.amount, entry.balance_after
    )


def obstacles(seen: LoyaltyOverview, offers: tuple[LotLine, ...], *, language: str) -> list[str]:
    """Why not everything can be used today, one sentence each; empty when it can."""
    return [
        *(_say(_("%(points)s seront utilisables le %(day)s."), one) for one in seen.pending),
        *(_of_an_offer(line) for line in offers),
        *(
            _say(_("%(points)s s'utilisent en entier, dans un seul achat, jusqu'au %(day)s."), one)
            for one in seen.whole
        ),
        *_amounts(seen),
        *_limits(seen, language),
    ]


def points(minor: int) -> str:
    """`12,40 points` in the reader's language."""
    return format_minor(minor, POINTS, get_language() or "fr")


def _amounts(seen: LoyaltyOverview) -> list[str]:
    said = []
    if seen.held_minor:
        text = _("%(points)s sont réservés pour une commande en cours et reviennent si elle échoue.")
        said.append(str(text) % {"points": points(seen.held_minor)})
    if seen.debt_minor:
        text = _(
            "Un achat remboursé avait donné des points déjà utilisés : vos prochains points en "
            "compensent d'abord %(points)s."
        )
        said.append(str(text) % {"points": points(seen.debt_minor)})
    return said


def _limits(seen: LoyaltyOverview, language: str) -> list[str]:
    if not seen.gives or not seen.available_minor or not seen.cap_bp:
        return []
    text = gettext("Les points paient au plus %(rate)s d'un achat.")
    return [text % {"rate": percent(seen.cap_bp, language)}]


def _say(text: Text, dated: DatedPoints) -> str:
    return str(text) % {"points": points(dated.points_minor), "day": f"{dated.on:%d/%m/%Y}"}


def _of_an_offer(line: LotLine) -> str:
    if not line.outlets:
        text = gettext("%(points)s de l'offre « %(offer)s » : %(conditions)s")
    else:
        text = gettext("%(points)s de l'offre « %(offer)s » ne valent que dans : %(outlets)s. %(conditions)s")
    facts = {"offer": line.offer, "outlets": ", ".join(line.outlets), "conditions": line.conditions}
    return text % {"points": points(line.remaining_minor), **facts}


def _origin(line: LotLine) -> tuple[str, str]:
    if line.kind == AccrualKind.PROMOTION:
        return gettext("Offre « %(name)s »") % {"name": line.offer}, ""
    if line.kind != AccrualKind.PURCHASE:
        return str(KINDS[line.kind]), ""
    if order := ORDER.fullmatch(line.ref):
        number = f"CMD-{order[1]}"
        return gettext("Commande %(number)s") % {"number": number}, _order_page(number)
    if line.channel == Channel.ONLINE:
        return gettext("Achat en ligne"), ""
    if line.outlet:
        return gettext("Achat en magasin, %(outlet)s") % {"outlet": line.outlet}, ""
    return gettext("Achat en magasin"), ""


def _order_page(number: str) -> str:
    try:
        return reverse("orders:detail", args=[number])
    except NoReverseMatch:
        return ""


def _tag(line: LotLine, today: date) -> tuple[str, str]:
    if line.reason_unusable == "pending":
        text = pgettext_lazy("points", "Disponibles le %(day)s")
        return "warn", str(text) % {"day": f"{line.activates_on:%d/%m/%Y}"}
    if not line.reason_unusable and line.expires_on and (line.expires_on - today).days <= SOON_DAYS:
        return "bad", str(pgettext_lazy("points", "Finissent bientôt"))
    tone, tag = TAGS[line.reason_unusable]
    return tone, str(tag)


def _hint(line: LotLine) -> str:
    if line.reason_unusable == "outlet":
        return f"{', '.join(line.outlets)} · {line.conditions}"
    return str(HINTS.get(line.reason_unusable, ""))
