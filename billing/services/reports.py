"""What is told of the lines of a file: keys while it is read, words when somebody looks."""

from dataclasses import dataclass, field

from django.utils.translation import gettext as _

from billing.models import ImportLine
from billing.states import LineOutcome
from wallet.services.csvlines import reason_text as line_reason


@dataclass
class Report:
    """What became of some items of a file."""

    posted: int = 0
    duplicates: int = 0
    refused: int = 0
    reviewed: int = 0
    lines: list[ImportLine] = field(default_factory=list)

    def refuse(self, number: int, reason: str, reference: str = "") -> None:
        self.refused += 1
        self._tell(number, LineOutcome.REFUSED, reason, reference)

    def duplicate(self, number: int, reference: str = "") -> None:
        self.duplicates += 1
        self._tell(number, LineOutcome.DUPLICATE, "known", reference)

    def notice(self, number: int, reason: str, reference: str = "") -> None:
        self._tell(number, LineOutcome.NOTICE, reason, reference)

    def _tell(self, number: int, outcome: LineOutcome, reason: str, reference: str) -> None:
        line = ImportLine(number=number, outcome=outcome, reason=reason, reference=reference[:80])
        self.lines.append(line)


def reason_text(reason: str) -> str:
    """What is wrong with a line, in the reader's language."""
    for texts in (_of_transactions, _of_the_bank):
        if reason in (known := texts()):
            return known[reason]
    return line_reason(reason)


def _of_transactions() -> dict[str, str]:
    return {
        "account": _("Le compte n'est pas un numéro de huit chiffres."),
        "unknown_account": _("Aucun compte de carte ne porte ce numéro."),
        "closed": _("Ce compte est clos."),
        "reference": _("La référence manque, ou dépasse 60 caractères."),
        "text": _("Le libellé manque, ou dépasse 140 caractères."),
        "amount": _("Le montant n'est pas positif avec deux décimales au plus."),
        "currency": _("La devise n'existe pas, ou n'est pas celle du compte."),
        "date": _("Une date manque ou n'existe pas (JJ/MM/AAAA ou AAAA-MM-JJ)."),
        "order": _("L'opération est comptabilisée avant d'avoir été faite."),
        "future": _("La date est dans l'avenir."),
        "before_account": _("L'opération est plus ancienne que le compte."),
        "kind": _("Le genre n'est ni achat, ni retrait, ni avoir."),
        "country": _("Le pays n'est pas un code de deux lettres qui existe."),
        "mcc": _("La catégorie de commerçant n'est pas un nombre de quatre chiffres."),
        "original": _("Montant et devise d'origine vont ensemble, et le cours est un nombre positif."),
        "differs": _("Cette référence est déjà celle d'une autre opération."),
        "unsorted": _("Comptabilisée, mais plus ancienne que la ligne précédente."),
        "known": _("Déjà comptabilisée : rien n'est changé."),
    }


def _of_the_bank() -> dict[str, str]:
    return {
        "pending": _("Pas encore comptabilisé par la banque : ignoré."),
        "debit": _("Ce n'est pas un encaissement : ignoré."),
        "not_a_return": _("Ce n'est pas le rejet d'un prélèvement : ignoré."),
        "review": _("Aucun compte ne l'attend : à attribuer dans « Encaissements à attribuer »."),
        "details": _("Le détail du lot ne fait pas son total."),
        "no_original": _("L'encaissement que la banque reprend n'est pas connu, ou fut déjà repris."),
        "end_to_end": _("Aucun prélèvement ne porte cette référence."),
        "not_sent": _("Ce prélèvement n'a pas été remis à la banque."),
        "differs_return": _("La banque rend un autre montant que celui prélevé."),
        "objected": _("Ce prélèvement fut déjà rendu après opposition : l'argent est rendu deux fois."),
        "whole_file": _(
            "La banque refuse le fichier entier : marquez-le « refusé » dans les fichiers de prélèvements."
        ),
    }
