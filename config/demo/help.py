"""Whom to ask about what, in the demo: invented addresses and numbers."""

from accounts.models import HelpSubject

SUBJECTS = (
    (
        "commandes",
        "Commandes et paiement",
        "Orders and payment",
        "Une commande en attente, un paiement refusé, une facture : donnez le numéro CMD-… de la commande.",
        "A pending order, a refused payment, an invoice: give the number of the order, CMD-….",
        {"email": "commandes@demo.example", "phone": "+33123456701"},
    ),
    (
        "cartes",
        "e-Cartes, carte prépayée et cinéma",
        "E-cards, prepaid card and cinema",
        "Une carte qui ne passe pas en caisse, perdue ou bloquée. Bloquez-la d'abord vous-même sur sa page "
        "du portefeuille : c'est immédiat, à toute heure.",
        "A card that the till refuses, lost or blocked. First block it yourself on its wallet page: it "
        "takes effect at once, at any time.",
        {"email": "cartes@demo.example", "phone": "+33123456702"},
    ),
    (
        "fidelite",
        "Points de fidélité",
        "Loyalty points",
        "Des points qui manquent après un achat : attendez leur date d'activation, puis écrivez-nous avec le "
        "ticket.",
        "Points missing after a purchase: wait for the day they become usable, then write to us with the "
        "receipt.",
        {"email": "fidelite@demo.example"},
    ),
    (
        "commercants",
        "Commerçants",
        "Merchants",
        "Terminal, annulation, relevé de règlement : gardez le numéro de terminal CM… sous la main.",
        "Terminal, cancellation, settlement statement: have the terminal number CM… at hand.",
        {"email": "commercants@demo.example", "phone": "+33123456703"},
    ),
)


def fill_help() -> None:
    """Four subjects; what an operator has changed since is left alone."""
    for position, (slug, title_fr, title_en, text_fr, text_en, contact) in enumerate(SUBJECTS, start=1):
        HelpSubject.objects.get_or_create(
            slug=slug,
            defaults={
                "title_fr": title_fr,
                "title_en": title_en,
                "text_fr": text_fr,
                "text_en": text_en,
                "hours_fr": "du lundi au vendredi, 9 h à 18 h",
                "hours_en": "Monday to Friday, 9 am to 6 pm",
                "position": position,
                **contact,
            },
        )
