"""What a terminal says where there is no page: in the language chosen on it, with a way back to the till."""

from dataclasses import dataclass
from http import HTTPStatus

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from merchants.doors import language_before, speak


@dataclass(frozen=True, slots=True)
class Refusal:
    status: HTTPStatus
    title: Promise
    error: Promise
    heading: Promise
    text: Promise


UNREADABLE = Refusal(
    HTTPStatus.BAD_REQUEST,
    _("Demande illisible"),
    _("Erreur 400"),
    _("Nous n'avons pas compris cette demande"),
    _("L'adresse ou le formulaire est abîmé. Rien n'a été enregistré."),
)
FORBIDDEN = Refusal(
    HTTPStatus.FORBIDDEN,
    _("Accès refusé"),
    _("Erreur 403"),
    _("Cette page ne vous est pas ouverte"),
    _("Seule une personne responsable du terminal peut le faire."),
)
STALE_FORM = Refusal(
    HTTPStatus.FORBIDDEN,
    _("Formulaire expiré"),
    _("Erreur 403"),
    _("Ce formulaire n'est plus valable"),
    _("Rien n'a été enregistré : revenez en arrière, rechargez la page et envoyez-la de nouveau."),
)
UNKNOWN = Refusal(
    HTTPStatus.NOT_FOUND,
    _("Page introuvable"),
    _("Erreur 404"),
    _("Cette page n'existe pas"),
    _("L'adresse a changé, ou elle contient une faute de frappe."),
)
BROKEN = Refusal(
    HTTPStatus.INTERNAL_SERVER_ERROR,
    _("Service indisponible"),
    _("Erreur 500"),
    _("Un problème est survenu de notre côté"),
    _("Aucun paiement n'a été débité deux fois. Réessayez dans quelques minutes : nous sommes prévenus."),
)


def refused(request: HttpRequest, refusal: Refusal) -> HttpResponse:
    """Asks nothing of the database: the refusal may come before the terminal's door, or from a broken one."""
    session = getattr(request, "terminal", None)
    speak(request, session.language if session else language_before(request))
    return render(request, "terminal/refused.html", {"refusal": refusal}, status=refusal.status)
