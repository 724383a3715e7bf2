"""Rules as people fill them in: fields and rows instead of JSON, in currency, points and per cent."""

import json
import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from django import forms
from django.http import QueryDict
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.widgets import (
    UnfoldAdminSelectWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanWidget,
)

from loyalty.errors import RuleProblem, RulesInvalid
from loyalty.rules import BY_BRACKETS, BY_TIER, ENROLMENT, FIRST_PURCHASE, Rules, parse
from wallet.selectors.products import place_product_exists

SPARE_ROWS = 2
MOST_ROWS = 40
Raw = dict[str, Any]


def _text(**attrs: Any) -> UnfoldAdminTextInputWidget:
    return UnfoldAdminTextInputWidget(attrs=attrs)


class Hundredths(forms.DecimalField):
    """Typed with up to two decimals, `12,50`; inside an integer of hundredths: cents, or basis points."""

    def __init__(self, **kwargs: Any) -> None:
        # A number field would show nothing for « 12,50 ».
        widget = _text(inputmode="decimal")
        super().__init__(min_value=0, max_digits=12, decimal_places=2, localize=True, widget=widget, **kwargs)

    def prepare_value(self, value: Any) -> Any:
        return Decimal(value).scaleb(-2) if isinstance(value, int) else value

    def to_python(self, value: Any) -> Any:
        """Spaces between thousands are as people type them."""
        return super().to_python("".join(value.split()) if isinstance(value, str) else value)

    def clean(self, value: Any) -> int | None:
        typed = super().clean(value)
        return None if typed is None else int(typed * 100)


def whole(**kwargs: Any) -> forms.IntegerField:
    kwargs = {"required": False, "min_value": 0, **kwargs}
    return forms.IntegerField(widget=_text(inputmode="numeric"), **kwargs)


def word(**kwargs: Any) -> forms.CharField:
    return forms.CharField(required=False, max_length=40, widget=_text(), **kwargs)


class Row(forms.Form):
    """One line of a table. Emptied, it is taken out; begun, it must be complete."""

    OPTIONAL: tuple[str, ...] = ()

    @property
    def blank(self) -> bool:
        return not any(value not in (None, "") for value in self.cleaned_data.values())

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        if any(value not in (None, "") for value in data.values()):
            for name in self.fields:
                if name not in self.OPTIONAL and name not in self.errors and data.get(name) in (None, ""):
                    self.add_error(name, gettext("À remplir, ou videz toute la ligne."))
        return data


class BracketRow(Row):
    from_minor = Hundredths(label=_("À partir de"), required=False)
    rate_bp = Hundredths(label=_("Taux (%)"), required=False, max_value=100)


class TierRow(Row):
    OPTIONAL = ("birthday",)
    code = word(label=_("Code du statut"))
    name = word(label=_("Nom affiché"))
    from_minor = Hundredths(label=_("Dès (achats cumulés)"), required=False)
    rate_bp = Hundredths(label=_("Taux (%)"), required=False, max_value=100)
    birthday = whole(label=_("Points d'anniversaire"))


class RewardRow(Row):
    code = word(label=_("Code de la récompense"))
    name = word(label=_("Nom affiché"))
    points = whole(label=_("Points"))
    product_slug = word(label=_("Type de carte places"))

    def clean_product_slug(self) -> str:
        slug: str = self.cleaned_data["product_slug"]
        if slug and not place_product_exists(slug):
            raise forms.ValidationError(gettext("Aucun type de carte places n'a cet identifiant."))
        return slug


class RulesForm(forms.Form):
    note = forms.CharField(label=_("Note de la version"), max_length=200, required=False, widget=_text())
    accrual_by = forms.ChoiceField(
        label=_("Les achats rapportent"),
        choices=[(BY_BRACKETS, _("selon le montant (tranches)")), (BY_TIER, _("selon le statut du membre"))],
        widget=UnfoldAdminSelectWidget,
    )
    minimum_minor = Hundredths(label=_("Achat minimal qui rapporte"), required=False)
    activation_online = whole(label=_("Utilisables après (jours, en ligne)"))
    activation_shop = whole(label=_("Utilisables après (jours, en magasin)"))
    life_months = whole(label=_("Durée de vie (mois)"), help_text=_("Ou bien des jours sans achat, à côté."))
    idle_days = whole(label=_("Fin après tant de jours sans achat"))
    idle_resets_tier = forms.BooleanField(
        label=_("L'inactivité remet aussi le statut au premier"), required=False, widget=UnfoldBooleanWidget
    )
    welcome_trigger = forms.ChoiceField(
        label=_("Points de bienvenue"),
        required=False,
        choices=[
            ("", _("aucun")),
            (FIRST_PURCHASE, _("au premier achat")),
            (ENROLMENT, _("à l'inscription")),
        ],
        widget=UnfoldAdminSelectWidget,
    )
    welcome_points = whole(label=_("Points offerts"))
    welcome_delay = whole(label=_("Utilisables après (jours)"))
    welcome_life = whole(label=_("Valables (jours)"))
    welcome_single = forms.BooleanField(
        label=_("À utiliser en une seule fois"), required=False, widget=UnfoldBooleanWidget
    )
    birthday_points = whole(
        label=_("Points d'anniversaire"),
        help_text=_("Sans statuts. Avec des statuts, les points sont dans leur tableau."),
    )
    birthday_before = whole(label=_("Crédités avant l'anniversaire (jours)"))
    birthday_life = whole(label=_("Valables (jours)"))
    cap_bp = Hundredths(
        label=_("Part d'un achat payable en points (%)"), required=False, max_value=100,
        help_text=_("0 : les points s'échangent contre des récompenses seulement."),
    )  # fmt: skip
    excluded = forms.CharField(
        label=_("Catégories exclues"),
        required=False,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 2}),
        help_text=_("Une par ligne : ni gain, ni paiement en points."),
    )
    promotion_days = whole(label=_("Durée des points d'une offre (jours)"), min_value=1)


BracketRows = forms.formset_factory(BracketRow, extra=SPARE_ROWS, max_num=MOST_ROWS)
TierRows = forms.formset_factory(TierRow, extra=SPARE_ROWS, max_num=MOST_ROWS)
RewardRows = forms.formset_factory(RewardRow, extra=SPARE_ROWS, max_num=MOST_ROWS)
# Where a fault of a single part is shown; a fault of a row is shown in its row.
FIELD_OF = {
    "accrual.by": "accrual_by",
    "accrual.brackets": "accrual_by",
    "tiers": "accrual_by",
    "minimum_minor": "minimum_minor",
    "activation_days": "activation_online",
    "activation_days.online": "activation_online",
    "activation_days.shop": "activation_shop",
    "life": "life_months",
    "life.months": "life_months",
    "life.idle_days": "idle_days",
    "idle_resets_tier": "idle_resets_tier",
    "welcome.trigger": "welcome_trigger",
    "welcome.points": "welcome_points",
    "welcome.delay_days": "welcome_delay",
    "welcome.life_days": "welcome_life",
    "birthday.points": "birthday_points",
    "birthday.days_before": "birthday_before",
    "birthday.life_days": "birthday_life",
    "redemption.cap_bp": "cap_bp",
    "redemption.excluded_categories": "excluded",
    "promotion_days": "promotion_days",
}
ROW = re.compile(r"(accrual\.brackets|tiers|rewards)\[(\d+)\](?:\.(\w+))?$")


class RulesEditor:
    """The form and its three tables, from rules or from what was typed."""

    def __init__(self, rules: Rules, note: str, typed: QueryDict | None = None) -> None:
        self.form = RulesForm(typed, initial=_initial(rules, note))
        brackets = [{"from_minor": row.from_minor, "rate_bp": row.rate_bp} for row in rules.brackets]
        self.brackets = BracketRows(typed, initial=brackets, prefix="brackets")
        self.tiers = TierRows(typed, initial=_tiers(rules), prefix="tiers")
        rewards = [
            {"code": row.code, "name": row.name, "points": row.points, "product_slug": row.product_slug}
            for row in rules.rewards
        ]
        self.rewards = RewardRows(typed, initial=rewards, prefix="rewards")
        self.rewards_errors: list[str] = []

    def rules(self) -> Raw | None:
        """What was typed as a version's JSON, or None with every fault next to its field."""
        parts = (self.form, self.brackets, self.tiers, self.rewards)
        valid = [part.is_valid() for part in parts]  # all of them, for each to show its faults
        if not all(valid):
            return None
        raw = self._raw()
        try:
            parse(raw)
        except RulesInvalid as refusal:
            for problem in refusal.problems:
                self._show(problem)
            return None
        return raw

    def _raw(self) -> Raw:
        data = self.form.cleaned_data
        excluded = [line.strip() for line in data["excluded"].splitlines()]
        tiers = [row.cleaned_data for row in _filled(self.tiers)]
        raw: Raw = {
            "accrual": {"by": data["accrual_by"]},
            "activation_days": {
                "online": data["activation_online"] or 0,
                "shop": data["activation_shop"] or 0,
            },
            "life": {"months": data["life_months"], "idle_days": data["idle_days"]},
            "redemption": {
                "cap_bp": data["cap_bp"] or 0,
                "excluded_categories": [line for line in excluded if line],
            },
        }
        if data["accrual_by"] == BY_BRACKETS:
            raw["accrual"]["brackets"] = _brackets(_filled(self.brackets))
        if tiers:
            columns = ("code", "name", "from_minor", "rate_bp")
            raw["tiers"] = [{name: row[name] for name in columns} for row in tiers]
        if rewards := _filled(self.rewards):
            raw["rewards"] = [dict(row.cleaned_data) for row in rewards]
        raw |= {
            name: data[name] for name in ("minimum_minor", "promotion_days", "idle_resets_tier") if data[name]
        }
        return raw | _welcome(data) | _birthday(data, tiers)

    def _show(self, problem: RuleProblem) -> None:
        message = str(problem.message)
        if row := ROW.match(problem.part):
            self._show_in_row(row[1], int(row[2]), row[3] or "", message)
        elif problem.part.startswith("birthday.points.") and self.tiers.forms:
            code = problem.part.removeprefix("birthday.points.")
            rows = [row for row in _filled(self.tiers) if row.cleaned_data.get("code") == code]
            (rows[0] if rows else self.form).add_error("birthday" if rows else "birthday_points", message)
        elif problem.part == "rewards":
            self.rewards_errors.append(message)
        else:
            field = FIELD_OF.get(problem.part)
            self.form.add_error(field, message if field else f"{problem.part} : {message}")

    def _show_in_row(self, table: str, number: int, column: str, message: str) -> None:
        rows = {"accrual.brackets": self.brackets, "tiers": self.tiers, "rewards": self.rewards}[table]
        form = _filled(rows)[number]
        form.add_error(column if column in form.fields else next(iter(form.fields)), message)


class JsonForm(forms.Form):
    """The rules as they are stored. Each fault is named with its part."""

    rules = forms.CharField(
        label=_("Règles (JSON)"),
        max_length=50_000,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 28, "spellcheck": "false", "wrap": "off"}),
        help_text=_("Montants en centimes, taux en points de base (200 = 2 %), points entiers."),
    )
    note = forms.CharField(label=_("Note de la version"), max_length=200, required=False, widget=_text())

    def clean_rules(self) -> Raw:
        raw = read_json(self.cleaned_data["rules"])
        try:
            parse(raw)
        except RulesInvalid as refusal:
            raise forms.ValidationError([f"{p.part} : {p.message}" for p in refusal.problems]) from refusal
        return raw


def read_json(text: str) -> Any:
    """Refuses, as form errors, what is no JSON and what a database could not keep."""
    try:
        read = json.loads(text, parse_constant=_refuse)
        json.dumps(read, ensure_ascii=False).encode()
    except json.JSONDecodeError as fault:
        place = {"line": fault.lineno, "column": fault.colno}
        message = gettext("Ce n'est pas du JSON : ligne %(line)s, colonne %(column)s.") % place
        raise forms.ValidationError(message) from fault
    except (ValueError, RecursionError) as fault:
        raise forms.ValidationError(gettext("Ce n'est pas du JSON.")) from fault
    if "\\u0000" in json.dumps(read):
        raise forms.ValidationError(gettext("Ce n'est pas du JSON."))
    return read


def pretty(rules: Mapping[str, Any]) -> str:
    return json.dumps(rules, ensure_ascii=False, indent=2)


def _refuse(constant: str) -> None:
    raise ValueError(constant)


def _filled(rows: Any) -> list[Row]:
    return [row for row in rows.forms if not row.blank]


def _initial(rules: Rules, note: str) -> Raw:
    welcome, birthday = rules.welcome, rules.birthday
    return {
        "note": note,
        "accrual_by": rules.accrual_by,
        "minimum_minor": rules.minimum_minor,
        "activation_online": rules.activation_days["online"],
        "activation_shop": rules.activation_days["shop"],
        "life_months": rules.life.months,
        "idle_days": rules.life.idle_days,
        "idle_resets_tier": rules.idle_resets_tier,
        "welcome_trigger": welcome.trigger if welcome else "",
        "welcome_points": welcome.points if welcome else None,
        "welcome_delay": welcome.delay_days if welcome else None,
        "welcome_life": welcome.life_days if welcome else None,
        "welcome_single": bool(welcome and welcome.single_purchase),
        "birthday_points": birthday.points.get("") if birthday else None,
        "birthday_before": birthday.days_before if birthday else None,
        "birthday_life": birthday.life_days if birthday else None,
        "cap_bp": rules.cap_bp,
        "excluded": "\n".join(rules.excluded_categories),
        "promotion_days": rules.promotion_days,
    }


def _tiers(rules: Rules) -> list[Raw]:
    gifts = rules.birthday.points if rules.birthday else {}
    return [
        {
            "code": tier.code,
            "name": tier.name,
            "from_minor": tier.from_minor,
            "rate_bp": tier.rate_bp,
            "birthday": gifts.get(tier.code),
        }
        for tier in rules.tiers
    ]


def _brackets(rows: Sequence[Row]) -> list[Raw]:
    """Each bracket ends where the next begins, so none overlaps and there is no gap."""
    found = [dict(row.cleaned_data) for row in rows]
    ends = [row["from_minor"] for row in found[1:]] + [None]
    return [
        {"from_minor": row["from_minor"], "to_minor": end, "rate_bp": row["rate_bp"]}
        for row, end in zip(found, ends, strict=True)
    ]


def _welcome(data: Raw) -> Raw:
    if not data["welcome_trigger"]:
        return {}
    return {
        "welcome": {
            "trigger": data["welcome_trigger"],
            "points": data["welcome_points"],
            "delay_days": data["welcome_delay"] or 0,
            "life_days": data["welcome_life"],
            "single_purchase": data["welcome_single"],
        }
    }


def _birthday(data: Raw, tiers: Sequence[Raw]) -> Raw:
    points = {row["code"]: row["birthday"] for row in tiers if row["birthday"] is not None}
    if data["birthday_points"] is not None:
        points[""] = data["birthday_points"]
    if not points and data["birthday_life"] is None and data["birthday_before"] is None:
        return {}
    return {
        "birthday": {
            "days_before": data["birthday_before"] or 0,
            "life_days": data["birthday_life"],
            "points": points,
        }
    }
