"""What customers choose when they book seats: how many, and which of their cards give places (S2.5)."""

import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from django import forms
from django.conf import settings
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from orders.forms import parse_quantity
from wallet.selectors.eligibility import Tariff

CARD = "carte-"  # carte-<card id>: so many of its places
STEP = "pas-"  # pas-<card id>: − or +, where no script takes the click
_LARGEST_ID = 2**63 - 1
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


class SeatsForm(forms.Form):
    """How many seats, from 1 to `BOOKING_MAX_SEATS`; `pas` is a press on − or + without JavaScript."""

    places = forms.CharField(
        label=_("Nombre de fauteuils"),
        max_length=20,
        error_messages={
            "required": _("Indiquez le nombre de fauteuils."),
            "max_length": _("Écrivez le nombre de fauteuils avec les chiffres 0 à 9."),
        },
    )
    pas = forms.ChoiceField(choices=[("-1", "-1"), ("1", "1")], required=False)

    def clean_places(self) -> int:
        seats = parse_quantity(self.cleaned_data["places"])
        if not 1 <= seats <= settings.BOOKING_MAX_SEATS:
            raise forms.ValidationError(too_many(settings.BOOKING_MAX_SEATS))
        return seats

    @property
    def stepped(self) -> int:
        """The number after the press on − or +, kept within the limits."""
        seats: int = self.cleaned_data["places"] + int(self.cleaned_data["pas"] or 0)
        return min(max(seats, 1), settings.BOOKING_MAX_SEATS)


@dataclass
class Choice:
    """How many places each card gives, as typed and as understood; `problems` go next to their fields."""

    counts: dict[UUID, int]
    typed: dict[UUID, str] = field(default_factory=dict)
    problems: dict[UUID, str] = field(default_factory=dict)
    problem: str = ""

    @property
    def places(self) -> int:
        return sum(self.counts.values())

    @property
    def is_sound(self) -> bool:
        return not self.problems and not self.problem

    @property
    def means(self) -> dict[UUID, int]:
        """The cards that give something, for the booking service."""
        return {card: count for card, count in self.counts.items() if count}


class BookForm(forms.Form):
    """What comes with the choice: the key of this try, and the terms when something is to pay (S3.5)."""

    cle = forms.UUIDField()
    conditions = forms.IntegerField(min_value=1, max_value=_LARGEST_ID, required=False)
    cgv = forms.BooleanField(required=False)

    @property
    def key(self) -> UUID:
        """The key that the page carried; a new one where it carried none that makes sense."""
        found: Any = self.cleaned_data.get("cle") if self.is_bound and self.is_valid() else None
        return found or uuid.uuid4()


def proposed_choice(tariff: Tariff) -> Choice:
    """What the tariff proposes before the customer has chosen: the cards that expire soonest."""
    return Choice({means.card_id: means.chosen for means in tariff.means})


def was_sent(data: Mapping[str, Any]) -> bool:
    """Whether the data come from the tariff page and not from a link to it."""
    return any(name.startswith(CARD) for name in data)


def read_choice(data: Mapping[str, Any], tariff: Tariff, *, steps: bool) -> Choice:
    """The places chosen on the tariff page. What makes no sense is shown again, with its problem."""
    choice = Choice({})
    for means in tariff.means:
        most = min(means.usable, tariff.seats)
        _read_one(choice, data, means.card_id, most, steps=steps)
    if _gone(data, tariff):
        choice.problem = gettext("Une carte que vous aviez choisie ne convient plus. Vérifiez votre choix.")
    elif choice.places > tariff.seats and not choice.problems:
        choice.problem = too_many_places(choice.places, tariff.seats)
    return choice


def _read_one(choice: Choice, data: Mapping[str, Any], card: UUID, most: int, *, steps: bool) -> None:
    text = str(data.get(f"{CARD}{card}", "0"))[:20]
    try:
        count = parse_quantity(text or "0")
    except forms.ValidationError as error:
        choice.typed[card], choice.problems[card] = text, error.messages[0]
        return
    step = {"-1": -1, "1": 1}.get(str(data.get(f"{STEP}{card}", "")), 0) if steps else 0
    if step:
        count = min(max(count + step, 0), most)
    if count > most:
        choice.typed[card], choice.problems[card] = text, too_many_of_card(most)
        count = most
    choice.counts[card] = count


def _gone(data: Mapping[str, Any], tariff: Tariff) -> bool:
    """Whether a card that was to give places is no longer among those that fit."""
    known = {str(means.card_id) for means in tariff.means}
    return any(
        name.removeprefix(CARD) not in known and str(text).strip() not in {"", "0"}
        for name, text in data.items()
        if name.startswith(CARD) and _UUID.fullmatch(name.removeprefix(CARD))
    )


def too_many(most: int) -> str:
    return gettext("Choisissez de 1 à %(most)s fauteuils.") % {"most": most}


def too_many_of_card(most: int) -> str:
    return ngettext(
        "Cette carte donne au plus %(n)s place ici.", "Cette carte donne au plus %(n)s places ici.", most
    ) % {"n": most}


def too_many_places(places: int, seats: int) -> str:
    return ngettext(
        "Vous avez choisi %(places)s places pour %(n)s fauteuil. Retirez-en.",
        "Vous avez choisi %(places)s places pour %(n)s fauteuils. Retirez-en.",
        seats,
    ) % {"places": places, "n": seats}
