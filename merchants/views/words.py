"""Refusals as sentences, each with the field that it belongs to."""

from django.utils.translation import get_language, gettext, ngettext

from kernel.calendar import PARIS
from kernel.errors import DomainError
from kernel.money import format_minor, format_points
from ledger.errors import InsufficientBalance
from loyalty.errors import (
    CapExceeded,
    MemberSuspected,
    MemberUnknown,
    MemberVoided,
    NotEnoughPoints,
    OneTimeCodeRefused,
    PhoneInvalid,
    PointsFrozen,
    ProgrammeClosed,
)
from loyalty.errors import TooManyTries as TooManyCodes
from merchants.errors import (
    AlreadyReversed,
    InvalidSale,
    NoContract,
    NotTheLast,
    PasswordWrong,
    PointsNeedMember,
    SaleAbandoned,
    TooManyTries,
)
from wallet.errors import CardBlocked, CardNotRecognised, CardNotUsable, CvcWrong, ForeignCurrency

Said = tuple[str | None, str]


def money(minor: int, currency: str) -> str:
    return format_minor(minor, currency, get_language() or "fr")


def points(minor: int) -> str:
    return format_points(minor, get_language() or "fr")


def why_not(reason: str) -> str:
    """Why no till takes a card, in a sentence for the cashier."""
    return {
        "frozen": gettext("Cette carte est gelée par son titulaire."),
        "replaced": gettext("Cette carte a été remplacée : demandez la nouvelle au client."),
        "void": gettext("Cette carte est annulée."),
    }.get(reason, gettext("Cette carte est bloquée. Son titulaire peut la débloquer dans son portefeuille."))


def of_card(refusal: DomainError, currency: str) -> Said | None:
    """What a prepaid card refused; None if it did not refuse this."""
    match refusal:
        case InsufficientBalance():
            if refusal.available <= 0:
                return "montant", gettext("Cette carte est vide.")
            return "montant", gettext("Le solde est insuffisant : %(available)s sont disponibles.") % {
                "available": money(refusal.available, currency)
            }
        case CvcWrong():
            return "cvc", ngettext(
                "CVC incorrect. Il reste %(n)s essai.",
                "CVC incorrect. Il reste %(n)s essais.",
                refusal.tries_left,
            ) % {"n": refusal.tries_left}
        case CardBlocked():
            return None, gettext(
                "Trois CVC incorrects : la carte est bloquée. Son titulaire peut la débloquer dans son "
                "portefeuille."
            )
        case CardNotUsable():
            return None, why_not(refusal.why)
        case ForeignCurrency():
            return None, gettext("Cette carte est en %(card)s. Ce terminal encaisse en %(own)s.") % {
                "card": str(refusal),
                "own": currency,
            }
        case CardNotRecognised():
            return "numero", gettext("Ce numéro n'est pas celui d'une carte prépayée. Vérifiez-le.")
    return None


def of_client(refusal: DomainError) -> Said | None:
    """Why nobody answers to what was typed; None if that is not what was refused."""
    match refusal:
        case OneTimeCodeRefused():
            return "client", gettext("Ce code n'est plus valable. Demandez-en un nouveau au client.")
        case TooManyCodes():
            return "client", gettext("Trop de codes incorrects ici. Réessayez dans quelques minutes.")
        case PointsNeedMember():
            return "client", gettext("Pour utiliser des points, il faut le code du client.")
        case MemberUnknown() | PhoneInvalid():
            return "client", gettext("Aucun membre du programme ne correspond.")
    return None


def of_points(refusal: DomainError) -> Said | None:
    """Why points cannot be used; None if that is not what was refused."""
    match refusal:
        case CapExceeded():
            return "points", gettext("Au plus %(most)s points pour cet achat.") % {
                "most": points(refusal.cap_minor)
            }
        case NotEnoughPoints():
            return "points", gettext("%(available)s points peuvent être utilisés ici.") % {
                "available": points(refusal.available_minor)
            }
        case MemberSuspected():
            return "points", gettext("Les points de ce client sont en cours de vérification.")
        case MemberVoided() | PointsFrozen() | ProgrammeClosed():
            return "points", gettext("Les points de ce client ne sont pas utilisables.")
    return None


def of_sale(refusal: DomainError, currency: str) -> Said:
    """What card, loyalty or the terminal itself refused."""
    if said := of_card(refusal, currency) or of_client(refusal) or of_points(refusal):
        return said
    match refusal:
        case NoContract():
            return None, gettext("Aucun contrat n'est en cours pour ce commerce. Appelez l'assistance.")
        case SaleAbandoned():
            return None, gettext("Ce débit a été abandonné : rien n'est débité. Recommencez.")
        case InvalidSale():
            return "montant", gettext("Vérifiez le montant.")
    raise refusal


def of_undo(refusal: DomainError) -> Said:
    match refusal:
        case PasswordWrong() if refusal.tries_left:
            return "mot_de_passe", ngettext(
                "Mot de passe incorrect. Il reste %(n)s essai.",
                "Mot de passe incorrect. Il reste %(n)s essais.",
                refusal.tries_left,
            ) % {"n": refusal.tries_left}
        case PasswordWrong():
            return "mot_de_passe", gettext("Mot de passe incorrect. Réessayez dans un quart d'heure.")
        case TooManyTries():
            return "mot_de_passe", gettext("Trop d'essais. Réessayez à %(time)s.") % {
                "time": refusal.until.astimezone(PARIS).strftime("%H:%M")
            }
        case AlreadyReversed():
            return None, gettext("Cette transaction est déjà annulée.")
        case NotTheLast():
            return None, gettext("Une autre transaction a eu lieu depuis : voici la dernière.")
    raise refusal
