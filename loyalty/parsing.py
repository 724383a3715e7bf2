"""From JSON to `loyalty.rules.Rules`: every fault is named, with the bracket's figures where it is a
bracket.
"""

from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import Any

from django.utils.translation import gettext as _

from kernel.money import BASIS
from loyalty.errors import RuleProblem, RulesInvalid
from loyalty.rules import (
    BY_BRACKETS,
    BY_TIER,
    PROMOTION_DAYS,
    TRIGGERS,
    Birthday,
    Bracket,
    Life,
    Reward,
    Rules,
    Tier,
    Welcome,
    channel_names,
)

LONGEST_DAYS = 3660
LONGEST_WORD, LONGEST_TIER = 40, 20
LARGEST_MINOR = 10**12
Report = Callable[[str, str], None]
KNOWN_PARTS = frozenset(
    {
        "accrual",
        "minimum_minor",
        "activation_days",
        "life",
        "welcome",
        "birthday",
        "tiers",
        "idle_resets_tier",
        "redemption",
        "rewards",
        "promotion_days",
    }
)


# Parts that are objects themselves, with what they may hold.
KNOWN_INSIDE = {
    "accrual": {"by", "brackets"},
    "life": {"months", "idle_days"},
    "welcome": {"trigger", "points", "delay_days", "life_days", "single_purchase"},
    "birthday": {"days_before", "life_days", "points"},
    "redemption": {"cap_bp", "excluded_categories"},
}


def parse_rules(raw: Mapping[str, Any]) -> Rules:
    """Parse and validate. Refuses `RulesInvalid` with all problems at once."""
    problems: list[RuleProblem] = []

    def report(part: str, message: str) -> None:
        problems.append(RuleProblem(part, message))

    if not isinstance(raw, Mapping):
        raise RulesInvalid((RuleProblem("rules", _("Les règles sont un objet JSON.")),))
    for unknown in _unknown(raw):
        report(unknown, _("Cette partie n'existe pas."))
    rules = _read(raw, report)
    _check_together(rules, report)
    if problems:
        raise RulesInvalid(tuple(problems))
    return rules


def _unknown(raw: Mapping[str, Any]) -> list[str]:
    """A misspelt part would be taken for one that is not there."""
    found = set(raw) - KNOWN_PARTS
    for part, known in KNOWN_INSIDE.items():
        inside = raw.get(part)
        if isinstance(inside, Mapping):
            found |= {f"{part}.{name}" for name in set(inside) - known}
    return sorted(found)


def _read(raw: Mapping[str, Any], report: Report) -> Rules:
    accrual = _object(raw, "accrual", report)
    by = accrual.get("by", BY_BRACKETS)
    if by not in (BY_BRACKETS, BY_TIER):
        report("accrual.by", _("Choisissez « brackets » ou « tier »."))
    redemption = _object(raw, "redemption", report)
    tiers = _tiers(raw, report)
    return Rules(
        accrual_by=by,
        brackets=_brackets(accrual, report) if by == BY_BRACKETS else (),
        minimum_minor=_number(raw, "minimum_minor", report, default=0),
        activation_days=_activation(raw, report),
        life=_life(raw, report),
        welcome=_welcome(raw, report),
        birthday=_birthday(raw, report),
        tiers=tiers,
        idle_resets_tier=raw.get("idle_resets_tier") is True,
        cap_bp=_number(redemption, "cap_bp", report, prefix="redemption.", default=0, most=BASIS),
        excluded_categories=tuple(_words(redemption, "excluded_categories", report)),
        rewards=_rewards(raw, report),
        promotion_days=_number(
            raw, "promotion_days", report, default=PROMOTION_DAYS, least=1, most=LONGEST_DAYS
        ),
    )


def _check_together(rules: Rules, report: Report) -> None:
    if rules.accrual_by == BY_TIER and not rules.tiers:
        report("tiers", _("Le gain par statut demande au moins un statut."))
    longest = max(rules.activation_days.values(), default=0)
    if rules.life.idle_days is not None and longest >= rules.life.idle_days:
        report("activation_days", _("Les points s'éteindraient avant d'être utilisables."))
    if rules.idle_resets_tier and rules.life.idle_days is None:
        report("idle_resets_tier", _("Seule une durée en jours d'inactivité remet le statut à zéro."))
    if rules.birthday:
        codes = {tier.code for tier in rules.tiers} or {""}
        for code in sorted(set(rules.birthday.points) ^ codes):
            report("birthday.points", _("Statut sans points ou inconnu : %(code)s.") % {"code": code or "—"})


# Brackets and tiers


def bracket_name(bracket: Bracket) -> str:
    """« 500,00 – 2 000,00 » as the reader of a refusal knows it."""
    end = _amount(bracket.to_minor) if bracket.to_minor is not None else "…"
    return f"{_amount(bracket.from_minor)} – {end}"


def _amount(minor: int) -> str:
    whole, cents = divmod(minor, 100)
    return f"{whole:,}".replace(",", " ") + f",{cents:02d}"


def _brackets(accrual: Mapping[str, Any], report: Report) -> tuple[Bracket, ...]:
    rows = _objects(accrual, "brackets", report, "accrual.")
    found = []
    for n, row in enumerate(rows):
        part = f"accrual.brackets[{n}]."
        following = rows[n + 1].get("from_minor") if n + 1 < len(rows) else None
        end = row.get("to_minor", following)
        if end is not None and (not isinstance(end, int) or isinstance(end, bool)):
            report(f"{part}to_minor", _("Un nombre entier est attendu."))
            end = None
        start = _number(row, "from_minor", report, prefix=part)
        rate = _number(row, "rate_bp", report, prefix=part, most=BASIS)
        found.append(Bracket(start, end, rate))
    _check_brackets(found, report)
    return tuple(found)


def _check_brackets(brackets: Sequence[Bracket], report: Report) -> None:
    """Each amount from zero on lies in exactly one bracket."""
    if not brackets:
        report("accrual.brackets", _("Il faut au moins une tranche."))
        return
    if brackets[0].from_minor != 0:
        _say(report, 0, brackets[0], _("La tranche %(name)s doit commencer à 0."))
    for n, bracket in enumerate(brackets):
        if bracket.to_minor is not None and bracket.to_minor <= bracket.from_minor:
            _say(report, n, bracket, _("La tranche %(name)s est vide."))
    for n, (lower, upper) in enumerate(pairwise(brackets), start=1):
        _check_seam(n, lower, upper, report)
    if brackets[-1].to_minor is not None:
        _say(report, len(brackets) - 1, brackets[-1], _("La tranche %(name)s, la dernière, n'a pas de fin."))


def _check_seam(n: int, lower: Bracket, upper: Bracket, report: Report) -> None:
    if lower.to_minor is None or lower.to_minor > upper.from_minor:
        _say(report, n, upper, _("La tranche %(name)s chevauche la précédente."))
    elif lower.to_minor < upper.from_minor:
        _say(report, n, upper, _("Il y a un trou avant la tranche %(name)s."))


def _say(report: Report, n: int, bracket: Bracket, message: str) -> None:
    report(f"accrual.brackets[{n}]", message % {"name": bracket_name(bracket)})


def _tiers(raw: Mapping[str, Any], report: Report) -> tuple[Tier, ...]:
    found = [
        Tier(
            code=_word(row, "code", report, prefix=f"tiers[{n}].", most=LONGEST_TIER),
            name=_word(row, "name", report, prefix=f"tiers[{n}]."),
            from_minor=_number(row, "from_minor", report, prefix=f"tiers[{n}]."),
            rate_bp=_number(row, "rate_bp", report, prefix=f"tiers[{n}].", default=0, most=BASIS),
        )
        for n, row in enumerate(_objects(raw, "tiers", report))
    ]
    if found and found[0].from_minor != 0:
        report("tiers[0]", _("Le premier statut commence à 0."))
    for n, (lower, upper) in enumerate(pairwise(found), start=1):
        if lower.from_minor >= upper.from_minor:
            report(
                f"tiers[{n}]",
                _("Le seuil de %(name)s n'est pas au-dessus du précédent.") % {"name": upper.name},
            )
    _check_once([tier.code for tier in found], "tiers", report)
    return tuple(found)


# The other parts


def _activation(raw: Mapping[str, Any], report: Report) -> dict[str, int]:
    days = _object(raw, "activation_days", report)
    return {
        name: _number(days, name, report, prefix="activation_days.", default=0, most=LONGEST_DAYS)
        for name in channel_names()
    }


def _life(raw: Mapping[str, Any], report: Report) -> Life:
    life = _object(raw, "life", report)
    if (life.get("months") is None) == (life.get("idle_days") is None):
        report("life", _("Choisissez soit des mois, soit des jours d'inactivité."))
        return Life(months=12)
    if life.get("months") is not None:
        return Life(months=_number(life, "months", report, prefix="life.", least=1, most=600))
    return Life(idle_days=_number(life, "idle_days", report, prefix="life.", least=1, most=LONGEST_DAYS))


def _welcome(raw: Mapping[str, Any], report: Report) -> Welcome | None:
    if raw.get("welcome") is None:
        return None
    given = _object(raw, "welcome", report)
    if given.get("trigger") not in TRIGGERS:
        report("welcome.trigger", _("Choisissez « first_purchase » ou « enrolment »."))
    prefix = "welcome."
    return Welcome(
        trigger=str(given.get("trigger")),
        points=_number(given, "points", report, prefix=prefix, least=1),
        delay_days=_number(given, "delay_days", report, prefix=prefix, default=0, most=LONGEST_DAYS),
        life_days=_number(given, "life_days", report, prefix=prefix, least=1, most=LONGEST_DAYS),
        single_purchase=given.get("single_purchase") is True,
    )


def _birthday(raw: Mapping[str, Any], report: Report) -> Birthday | None:
    if raw.get("birthday") is None:
        return None
    given = _object(raw, "birthday", report)
    points = _object(given, "points", report, "birthday.")
    return Birthday(
        days_before=_number(given, "days_before", report, prefix="birthday.", default=0, most=300),
        life_days=_number(given, "life_days", report, prefix="birthday.", least=1, most=300),
        points={str(code): _number(points, code, report, prefix="birthday.points.") for code in points},
    )


def _rewards(raw: Mapping[str, Any], report: Report) -> tuple[Reward, ...]:
    found = tuple(
        Reward(
            code=_word(row, "code", report, prefix=f"rewards[{n}]."),
            name=_word(row, "name", report, prefix=f"rewards[{n}]."),
            points=_number(row, "points", report, prefix=f"rewards[{n}].", least=1),
            product_slug=_word(row, "product_slug", report, prefix=f"rewards[{n}]."),
        )
        for n, row in enumerate(_objects(raw, "rewards", report))
    )
    _check_once([reward.code for reward in found], "rewards", report)
    return found


# Single values


def _check_once(codes: Sequence[str], part: str, report: Report) -> None:
    for code in sorted({code for code in codes if codes.count(code) > 1}):
        report(part, _("Le code %(code)s est là deux fois.") % {"code": code})


def _object(raw: Mapping[str, Any], name: str, report: Report, prefix: str = "") -> Mapping[str, Any]:
    value = raw.get(name, {})
    if isinstance(value, Mapping):
        return value
    report(prefix + name, _("Un objet JSON est attendu."))
    return {}


def _objects(raw: Mapping[str, Any], name: str, report: Report, prefix: str = "") -> list[Mapping[str, Any]]:
    value = raw.get(name, [])
    if isinstance(value, list) and all(isinstance(row, Mapping) for row in value):
        return value
    report(prefix + name, _("Une liste d'objets JSON est attendue."))
    return []


def _number(
    raw: Mapping[str, Any],
    name: str,
    report: Report,
    *,
    prefix: str = "",
    default: int | None = None,
    least: int = 0,
    most: int = LARGEST_MINOR,
) -> int:
    value = raw.get(name, default)
    if not isinstance(value, int) or isinstance(value, bool):
        report(prefix + name, _("Un nombre entier est attendu."))
        return least
    if not least <= value <= most:
        report(prefix + name, _("De %(least)s à %(most)s.") % {"least": least, "most": most})
        return least
    return value


def _word(
    raw: Mapping[str, Any], name: str, report: Report, *, prefix: str = "", most: int = LONGEST_WORD
) -> str:
    value = raw.get(name)
    if not isinstance(value, str) or not value.strip() or len(value) > most:
        report(prefix + name, _("Un mot de 1 à %(most)s caractères est attendu.") % {"most": most})
        return ""
    return value.strip()


def _words(raw: Mapping[str, Any], name: str, report: Report) -> list[str]:
    value = raw.get(name, [])
    if isinstance(value, list) and all(isinstance(word, str) and word for word in value):
        return value
    report(f"redemption.{name}", _("Une liste de mots est attendue."))
    return []
