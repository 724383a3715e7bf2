"""Questions that holders ask, answered with their own figures and dates (S1.9)."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta

from django.conf import settings
from django.urls import reverse
from django.utils.translation import get_language, gettext

from billing.models import CreditAccount, Statement
from billing.selectors.amounts import Position
from billing.selectors.debit import MandateView
from billing.selectors.interest import amount_of
from billing.selectors.statements import Operation
from billing.states import PRINCIPAL_KINDS, BillingDay, FeeRule, Segment
from kernel.money import format_minor, share_of
from kernel.templatetags.kernel import day, percent

ABROAD = (FeeRule.ABROAD, FeeRule.FOREIGN_CURRENCY)


@dataclass(frozen=True, slots=True)
class Question:
    """A question with its answer; `link` leads to where something can be done about it."""

    text: str
    answer: str
    link: str = ""
    label: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Own:
    """The reader's own figures. `lines`: what the statement lists, when the page shows all of it."""

    account: CreditAccount
    statement: Statement | None
    position: Position
    debit: MandateView
    lines: tuple[Operation, ...]
    listed_all: bool

    def money(self, minor: int) -> str:
        return format_minor(minor, self.account.currency, get_language() or "fr")


def questions(own: Own) -> list[Question]:
    """No query."""
    billed = [_when_due, _minimum, _interest, _late] if own.statement and own.statement.due_minor else []
    always = [_debit, _objection, _abroad, _gambling, _pin, _lost, _wrong]
    return [_billing_day(own), *(ask(own) for ask in (*billed, *always))]


def _billing_day(own: Own) -> Question:
    chosen = own.account.next_billing_day or own.account.billing_day
    when = day_of_month(chosen)
    answer = gettext(
        "Votre carte est facturée %(when)s : le prochain relevé s'arrête le %(closes)s. Six jours sont "
        "possibles, et un nouveau jour compte après le cycle en cours."
    ) % {"when": when, "closes": day(own.account.closes_on)}
    link = reverse("billing:day", args=[own.account.pk])
    return Question(gettext("Puis-je changer mon jour de facturation ?"), answer, link, gettext("Changer"))


def _when_due(own: Own) -> Question:
    assert own.statement is not None
    answer = gettext(
        "Le relevé du %(closed)s est à payer avant le %(due)s, %(days)s jours après. C'est le jour où "
        "l'argent doit être arrivé : par carte il compte tout de suite, par virement partez deux ou trois "
        "jours plus tôt."
    ) % {
        "closed": day(own.statement.closes_on),
        "due": day(own.statement.due_on),
        "days": settings.BILLING_PAYMENT_DAYS,
    }
    return Question(gettext("Combien de temps ai-je pour payer ?"), answer)


def _minimum(own: Own) -> Question:
    one = own.statement
    assert one is not None
    base = max(0, one.closing_minor - one.disputed_minor)
    share = share_of(base, settings.BILLING_MINIMUM_BP)
    facts = {
        "rate": percent(settings.BILLING_MINIMUM_BP),
        "base": own.money(base),
        "share": own.money(share),
        "floor": own.money(settings.BILLING_MINIMUM),
        "minimum": own.money(one.minimum_minor),
    }
    answer = gettext(
        "%(rate)s de %(base)s font %(share)s ; le minimum est de %(floor)s au moins, ou le total s'il est "
        "plus petit. Pour ce relevé : %(minimum)s."
    )
    return Question(gettext("Comment mon minimum est-il calculé ?"), answer % facts)


def _interest(own: Own) -> Question:
    one = own.statement
    assert one is not None
    text = gettext("Que coûte un paiement en plusieurs fois ?")
    rule = gettext(
        "Rien si les %(due)s arrivent avant le %(day)s. Sinon chaque achat porte intérêt à %(rate)s par an "
        "depuis sa date, jusqu'à ce qu'il soit payé."
    ) % {"due": own.money(one.due_minor), "day": day(one.due_on), "rate": percent(one.rate_bp)}
    example = _example(own, one)
    return Question(text, f"{rule} {example}".strip())


def _example(own: Own, one: Statement) -> str:
    """What the largest purchase shown costs when only the minimum is paid, on the last day."""
    purchases = [line for line in own.lines if line.kind in PRINCIPAL_KINDS and not line.dispute]
    if not purchases or one.minimum_minor >= one.due_minor:
        return ""
    largest = max(purchases, key=lambda line: line.amount_minor)
    days = Segment(largest.value_on, one.due_on, largest.amount_minor, one.rate_bp)
    return gettext(
        "Par exemple %(shop)s, %(amount)s le %(on)s : si vous ne payez que le minimum, ses %(days)s jours "
        "jusqu'au %(due)s coûtent %(interest)s."
    ) % {
        "shop": largest.text,
        "amount": own.money(largest.amount_minor),
        "on": day(largest.value_on),
        "days": days.days,
        "due": day(one.due_on),
        "interest": own.money(amount_of([days])),
    }


def _late(own: Own) -> Question:
    one = own.statement
    assert one is not None
    text = gettext("Et si je paie en retard, ou moins que le minimum ?")
    if not settings.BILLING_REMINDER_FEES:
        return Question(text, gettext("Un rappel vous est envoyé, et les intérêts continuent."))
    answer = gettext(
        "Si %(minimum)s ne sont pas arrivés le %(due)s, un rappel part à partir du %(reminder)s ; il coûte "
        "%(fee)s, et les intérêts continuent. Un paiement arrête les rappels."
    ) % {
        "minimum": own.money(one.minimum_minor),
        "due": day(one.due_on),
        "reminder": day(one.due_on + timedelta(days=settings.BILLING_REMINDER_DAYS[0])),
        "fee": own.money(settings.BILLING_REMINDER_FEES[0]),
    }
    return Question(text, answer)


def _debit(own: Own) -> Question:
    text = gettext("Puis-je payer par prélèvement ?")
    link, coming = reverse("billing:mandate", args=[own.account.pk]), own.debit.coming
    if not own.debit.is_active:
        answer = gettext(
            "Oui : signez un mandat, et le total de chaque relevé est débité avant son échéance."
        )
        return Question(text, answer, link, gettext("Signer un mandat"))
    answer = gettext("C'est le cas : le total de chaque relevé est débité de %(iban)s.") % {
        "iban": own.debit.iban_masked
    }
    if coming is not None:
        answer += " " + gettext("Le prochain débit : %(amount)s le %(day)s.") % {
            "amount": own.money(coming.amount_minor),
            "day": day(coming.collect_on),
        }
    return Question(text, answer, link, gettext("Voir le mandat"))


def _objection(own: Own) -> Question:
    fee = own.money(settings.BILLING_REFUSAL_FEE)
    answer = gettext(
        "Oui, pendant %(days)s jours : l'argent revient, et le relevé est de nouveau à payer. Une "
        "opposition sans raison, ou un débit que la banque refuse, coûte %(fee)s ; trois refus de suite "
        "terminent le mandat."
    ) % {"days": settings.BILLING_OBJECTION_DAYS, "fee": fee}
    last = own.debit.last
    if last is not None and last.objection_until is not None:
        answer += " " + gettext("Votre débit du %(on)s : jusqu'au %(until)s.") % {
            "on": day(last.collect_on),
            "until": day(last.objection_until),
        }
    if own.debit.is_active:
        answer += " " + gettext("Refus de suite à ce jour : %(refusals)s sur 3.") % {
            "refusals": own.debit.refusals
        }
    return Question(gettext("Puis-je m'opposer à un prélèvement ?"), answer)


def _abroad(own: Own) -> Question:
    answer = gettext(
        "%(rate)s du montant en francs, pour un achat dans une autre monnaie ou chez un commerçant à "
        "l'étranger, même en francs et même en ligne : c'est le siège du vendeur qui compte, ses mentions "
        "légales le disent. Le Liechtenstein n'est pas l'étranger. Le cours est celui du jour du "
        "traitement ; chaque opération le montre."
    ) % {"rate": percent(settings.BILLING_ABROAD_BP)}
    return Question(
        gettext("Que coûtent les achats à l'étranger ou dans une autre monnaie ?"),
        f"{answer} {_charged(own, ABROAD)}".strip(),
    )


def _gambling(own: Own) -> Question:
    answer = gettext(
        "%(rate)s du montant, en Suisse comme ailleurs. %(exempt)s n'en coûtent pas. Si deux frais "
        "conviennent, seul le plus élevé est pris."
    ) % {
        "rate": percent(settings.BILLING_GAMBLING_BP),
        "exempt": gettext(" et ").join(settings.BILLING_EXEMPT_LOTTERIES),
    }
    text = gettext("Et les loteries, les paris, les casinos ?")
    return Question(text, f"{answer} {_charged(own, (FeeRule.GAMBLING,))}".strip())


def _pin(own: Own) -> Question:
    answer = gettext(
        "Demandez-en un nouveau sur la page de la carte : il coûte %(fee)s. Après trois codes faux, la "
        "carte se bloque, et il faut un nouveau code."
    ) % {"fee": own.money(settings.BILLING_NEW_PIN_FEE)}
    return Question(gettext("J'ai oublié mon code PIN"), answer, _card(own), gettext("Voir la carte"))


def _lost(own: Own) -> Question:
    answer = gettext(
        "Bloquez-la vous-même, à toute heure, sur sa page : c'est immédiat et gratuit. La carte de "
        "remplacement coûte %(fee)s."
    ) % {"fee": own.money(settings.BILLING_REPLACEMENT_FEE)}
    return Question(gettext("Ma carte est perdue ou volée"), answer, _card(own), gettext("Bloquer la carte"))


def _wrong(own: Own) -> Question:
    answer = gettext(
        "Contestez-la : le lien est sous l'opération. Tant que rien n'est décidé, elle ne compte pas dans le "
        "minimum et ne porte pas intérêt."
    )
    return Question(gettext("Une opération n'est pas juste"), answer)


def _charged(own: Own, rules: Iterable[FeeRule]) -> str:
    """What the statement charged by these rules; nothing when the page does not show all of its lines."""
    if own.statement is None or not own.listed_all:
        return ""
    wanted = set(rules)
    fees = [fee for line in own.lines for fee in line.fees if fee.rule in wanted]
    if not fees:
        return gettext("Sur ce relevé : aucun.")
    return gettext("Sur ce relevé : %(amount)s.") % {
        "amount": own.money(sum(fee.amount_minor for fee in fees))
    }


def _card(own: Own) -> str:
    return reverse("wallet:card", args=[own.account.card_id])


def day_of_month(chosen: int) -> str:
    """`le 15 du mois`."""
    if chosen == BillingDay.LAST:
        return gettext("le dernier jour du mois")
    return gettext("le %(day)s du mois") % {"day": chosen}
