"""A programme's rules in plain words, and what changed between two versions. Pure."""

from decimal import Decimal

from babel.numbers import format_percent
from django.utils import translation
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from kernel.money import BASIS, format_minor
from loyalty.rules import BY_TIER, FIRST_PURCHASE, Bracket, Rules, Welcome
from loyalty.states import Channel

LOCALES = {"fr": "fr_FR", "en": "en_GB", "de": "de_CH"}


def describe(rules: Rules, *, language: str, currency: str = "EUR") -> list[str]:
    """One sentence per rule, in the reader's language, in the order of a member's questions (S4.14)."""
    with translation.override(language):
        return [
            *_earning(rules, language, currency),
            *_time(rules),
            *_gifts(rules),
            *_spending(rules, language),
        ]


def diff(old: Rules | None, new: Rules, *, language: str, currency: str = "EUR") -> list[tuple[str, str]]:
    """Sentences that are only in one of the two: `("-", …)` leaves, `("+", …)` comes.

    Without an old version everything comes.
    """
    before = describe(old, language=language, currency=currency) if old else []
    after = describe(new, language=language, currency=currency)
    gone = [("-", sentence) for sentence in before if sentence not in after]
    return gone + [("+", sentence) for sentence in after if sentence not in before]


def percent(rate_bp: int, language: str) -> str:
    """`2 %` in French (no-break space), `2%` in English."""
    locale = LOCALES.get(language[:2], "fr_FR")
    return str(format_percent(Decimal(rate_bp) / BASIS, locale=locale, decimal_quantization=False))


# Earning


def _earning(rules: Rules, language: str, currency: str) -> list[str]:
    lines = []
    if rules.minimum_minor:
        least = format_minor(rules.minimum_minor, currency, language)
        lines.append(_("Un achat de moins de %(amount)s ne rapporte pas de points.") % {"amount": least})
    if rules.accrual_by == BY_TIER:
        return lines + _tiers(rules, language, currency)
    return lines + [_bracket(bracket, language, currency) for bracket in rules.brackets]


def _tiers(rules: Rules, language: str, currency: str) -> list[str]:
    lines = []
    for tier in rules.tiers:
        facts = {
            "tier": tier.name,
            "rate": percent(tier.rate_bp, language),
            "amount": format_minor(tier.from_minor, currency, language),
        }
        if tier.from_minor:
            text = _("Statut %(tier)s dès %(amount)s d'achats cumulés : %(rate)s de chaque achat en points.")
        else:
            text = _("Statut %(tier)s, au départ : %(rate)s de chaque achat en points.")
        lines.append(text % facts)
    return lines


def _bracket(bracket: Bracket, language: str, currency: str) -> str:
    facts = {
        "rate": percent(bracket.rate_bp, language),
        "low": format_minor(bracket.from_minor, currency, language),
        "high": format_minor((bracket.to_minor or 1) - 1, currency, language),
        "end": format_minor(bracket.to_minor or 0, currency, language),
    }
    if bracket.rate_bp == 0 and bracket.from_minor == 0 and bracket.to_minor:
        return _("Achat de moins de %(end)s : pas de points.") % facts
    if bracket.to_minor is not None:
        return _("Achat de %(low)s à %(high)s : %(rate)s de son montant en points.") % facts
    if bracket.from_minor == 0:
        return _("Chaque achat rapporte %(rate)s de son montant en points.") % facts
    return _("Achat de %(low)s et plus : %(rate)s de son montant en points.") % facts


# Time


def _time(rules: Rules) -> list[str]:
    online, shop = (rules.activation_days[channel.value] for channel in (Channel.ONLINE, Channel.SHOP))
    facts = {"online": _delay(online), "shop": _delay(shop)}
    if online == shop:
        lines = [_("Les points d'un achat sont utilisables %(online)s.") % facts]
    else:
        text = _("Les points d'un achat en ligne sont utilisables %(online)s, en magasin %(shop)s.")
        lines = [text % facts]
    if rules.life.months is not None:
        text = ngettext(
            "Les points d'un achat vivent %(count)s mois.",
            "Les points d'un achat vivent %(count)s mois.",
            rules.life.months,
        )
        return [*lines, text % {"count": rules.life.months}]
    if rules.idle_resets_tier:
        text = _(
            "Après %(count)s jours sans achat, les points d'achat s'éteignent "
            "et le statut revient au premier."
        )
    else:
        text = _("Après %(count)s jours sans achat, les points d'achat s'éteignent.")
    return [*lines, text % {"count": rules.life.idle_days}]


def _delay(days: int) -> str:
    if not days:
        return _("aussitôt")
    return ngettext("%(count)s jour plus tard", "%(count)s jours plus tard", days) % {"count": days}


# Gifts


def _gifts(rules: Rules) -> list[str]:
    lines = _welcome(rules.welcome) if rules.welcome else []
    if rules.birthday:
        points = _points_by_tier(rules)
        facts = {"points": points, "before": rules.birthday.days_before, "life": rules.birthday.life_days}
        text = _("Anniversaire : %(points)s points, %(before)s jours avant, valables %(life)s jours.")
        lines.append(text % facts)
    facts = {"days": rules.promotion_days}
    text = _(
        "Les points d'une offre valent dans les points de vente nommés, %(days)s jours sauf autre mention."
    )
    return [*lines, text % facts]


def _points_by_tier(rules: Rules) -> str:
    """`300 (Guest) / 500 (Gold)`, in the order of the ladder."""
    points = rules.birthday.points if rules.birthday else {}
    if not rules.tiers:
        return str(points.get("", 0))
    return " / ".join(f"{points.get(tier.code, 0)} ({tier.name})" for tier in rules.tiers)


def _welcome(welcome: Welcome) -> list[str]:
    facts = {
        "points": welcome.points,
        "delay": _delay(welcome.delay_days),
        "life": welcome.life_days,
    }
    if welcome.trigger == FIRST_PURCHASE:
        text = _(
            "Au premier achat, quel que soit son montant : %(points)s points de bienvenue, "
            "utilisables %(delay)s, valables %(life)s jours."
        )
    else:
        text = _(
            "À l'inscription : %(points)s points de bienvenue, utilisables %(delay)s, "
            "valables %(life)s jours."
        )
    lines = [text % facts]
    if welcome.single_purchase:
        lines.append(_("Les points de bienvenue s'utilisent en une seule fois."))
    return lines


# Spending


def _spending(rules: Rules, language: str) -> list[str]:
    lines = []
    if rules.cap_bp:
        text = _("1 point vaut 1 unité de monnaie ; les points paient au plus %(rate)s d'un achat.")
        lines.append(text % {"rate": percent(rules.cap_bp, language)})
    else:
        lines.append(_("Les points s'échangent contre des récompenses, ils ne paient pas d'achat."))
    if rules.excluded_categories:
        text = _("Ni gain ni paiement en points : %(categories)s.")
        lines.append(text % {"categories": ", ".join(rules.excluded_categories)})
    for reward in rules.rewards:
        lines.append(_("%(points)s points : %(reward)s.") % {"points": reward.points, "reward": reward.name})
    return lines
