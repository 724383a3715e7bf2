"""The kinds of place card that come with the product: what loyalty points are exchanged for (S2.2)."""

from wallet.models import CardProduct
from wallet.states import CardKind, Technology

MONDAY_TO_FRIDAY, EVERY_DAY = 0b0011111, 0b1111111
# Slug, French and English name, days.
REWARDS = (
    ("fidelite-5-7", "Place 5/7 fidélité", "5/7 loyalty place", MONDAY_TO_FRIDAY),
    ("fidelite-7-7", "Place 7/7 fidélité", "7/7 loyalty place", EVERY_DAY),
)
CONDITIONS_FR = (
    "Une place donne droit à une entrée pour une séance acceptée. Connectez-vous au moment de réserver : vos "
    "places sont proposées sur la page des tarifs. Elles ne sont ni remboursables, ni prolongeables."
)
CONDITIONS_EN = (
    "One place is one admission to an accepted screening. Sign in when you book: your places are offered on "
    "the price page. They can be neither refunded nor extended."
)


def ship_reward_places() -> None:
    """Make the 5/7 and 7/7 loyalty places, unless they are there. What an operator changed is left alone."""
    for slug, name_fr, name_en, weekdays in REWARDS:
        CardProduct.objects.get_or_create(
            slug=slug,
            defaults={
                "name_fr": name_fr,
                "name_en": name_en,
                "kind": CardKind.PLACES,
                "places": 1,
                "validity_months": 6,
                "weekdays": weekdays,
                "technologies": [Technology.FLAT.value],
                "conditions_fr": CONDITIONS_FR,
                "conditions_en": CONDITIONS_EN,
                "artwork": "reward",
            },
        )
