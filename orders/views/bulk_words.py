"""Words of grouped orders: why a line was refused, what became of it."""

from django.utils.translation import get_language, gettext

from kernel.money import format_minor
from orders.models import BulkLine, Product
from orders.services.bulk_file import MAX_MESSAGE, MAX_NAME
from wallet.services.csvlines import reason_text


def field_text(field: str) -> str:
    """The column that is wrong; the whole line when the cells could not be told apart."""
    texts = {
        "email": gettext("E-mail"),
        "first_name": gettext("Prénom"),
        "last_name": gettext("Nom"),
        "amount": gettext("Montant"),
        "message": gettext("Message"),
    }
    return texts.get(field, gettext("Ligne entière"))


def line_text(line: BulkLine, product: Product) -> str:
    """Why a line was refused, in the reader's language."""
    if line.field == "line" and line.reason != "encoding":
        return reason_text(line.reason)
    texts = {
        "encoding": gettext("Des caractères sont illisibles : enregistrez le fichier en « CSV UTF-8 »."),
        "missing": gettext("La cellule est vide."),
        "wrong": gettext("Ce n'est pas une adresse e-mail complète, comme nom@exemple.fr."),
        "too_long": gettext("Plus de %(most)s caractères.")
        % {"most": MAX_MESSAGE if line.field == "message" else MAX_NAME},
        "face": gettext("Ce n'est pas un montant positif avec deux décimales au plus."),
        "range": gettext("Le montant va de %(low)s à %(high)s.")
        % {"low": _money(product.min_minor, product), "high": _money(product.max_minor, product)},
        "step": gettext("Le montant doit être un multiple de %(step)s.")
        % {"step": _money(product.step_minor, product)},
    }
    return texts.get(line.reason, line.reason)


def delivery_text(state: str) -> tuple[str, str]:
    """What became of a beneficiary's card, and its tone."""
    texts = {
        "waiting": (gettext("En préparation"), ""),
        "open": (gettext("Lien envoyé"), "info"),
        "claimed": (gettext("Carte reçue"), "good"),
        "expired": (gettext("Lien expiré"), "warn"),
        "revoked": (gettext("Envoi annulé"), "warn"),
        "skipped": (gettext("Carte utilisée avant l'envoi"), "warn"),
    }
    return texts[state]


def _money(minor: int, product: Product) -> str:
    return format_minor(minor, product.currency, get_language() or "fr")
