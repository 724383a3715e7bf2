"""Cards with places: their kinds, printed ones to register, and those in Camille's wallet."""

import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta

from config.demo.people import Cast
from kernel.calendar import add_months, programme_day
from wallet.models import CardProduct
from wallet.services.deliver import deliver_places
from wallet.services.register import register_card
from wallet.services.shelve import shelve_next_piece
from wallet.services.ship import CONDITIONS_EN, CONDITIONS_FR, ship_reward_places
from wallet.services.stock import start_import
from wallet.states import CardKind, Technology

# Printed cards that nobody has registered yet, for the reader to try.
CARD_TO_REGISTER = "2004 6631 8274"  # 3 places
NAMED_CARD_TO_REGISTER, SURNAME = "3100 2004 0090", "Morvan"
EVERY_TECHNOLOGY = tuple(Technology.values)


@dataclass(frozen=True)
class Kind:
    """One kind of card as the operators describe it."""

    slug: str
    name_fr: str
    name_en: str
    places: int = 1
    kind: CardKind = CardKind.PLACES
    months: int = 12
    weekdays: int = 0b1111111
    technologies: tuple[str, ...] = (Technology.FLAT,)
    most: int | None = None
    artwork: str = "cine"


KINDS = (
    Kind("cine-1", "CinéCarte 1 place", "1-place cinema card"),
    Kind(
        "cine-1-techno",
        "CinéCarte 1 place technologique",
        "1-place technology card",
        technologies=EVERY_TECHNOLOGY,
        artwork="tech",
    ),
    Kind("cine-3", "CinéCarte 3 places", "3-place cinema card", places=3),
    Kind("cine-5", "CinéCarte 5 places", "5-place cinema card", places=5),
    Kind("invitation", "Invitation", "Invitation", months=6),
    Kind("anniversaire", "Place anniversaire", "Birthday place", months=1, artwork="reward"),
    Kind(
        "permanente",
        "Invitation permanente",
        "Permanent invitation",
        places=52,
        kind=CardKind.NAMED,
        technologies=EVERY_TECHNOLOGY,
        most=2,
        artwork="named",
    ),
)
PRINTED = {
    "cine-1-techno": "numero;expiration\n2004 6631 8282;{day}\n2004 6631 8290;{day}\n",
    "cine-3": f"numero;expiration\n2004 4410 2291;{{soon}}\n{CARD_TO_REGISTER};{{day}}\n",
    "permanente": (
        "numero;expiration;nom\n3100 2004 0082;{day};DUBREUIL\n"
        f"{NAMED_CARD_TO_REGISTER};{{day}};{SURNAME.upper()}\n"
    ),
}


def describe_places() -> None:
    """Every kind of card of S2.1."""
    ship_reward_places()
    for kind in KINDS:
        CardProduct.objects.get_or_create(
            slug=kind.slug,
            defaults={
                "name_fr": kind.name_fr,
                "name_en": kind.name_en,
                "kind": kind.kind,
                "places": kind.places,
                "validity_months": kind.months,
                "weekdays": kind.weekdays,
                "technologies": list(kind.technologies),
                "seats_per_screening": kind.most,
                "conditions_fr": CONDITIONS_FR,
                "conditions_en": CONDITIONS_EN,
                "artwork": kind.artwork,
            },
        )


def fill_wallet(cast: Cast, *, at: datetime) -> None:
    """What Camille was given and what she registered: lasting, ending soon, over, and named."""
    registered_at = at - timedelta(days=16)
    _print_cards(cast, at=registered_at - timedelta(days=30))
    today = programme_day(at)
    for slug, label, days_ago, days_left in (
        ("anniversaire", "Anniversaire", 9, 21),
        ("invitation", "Invitation du service client", 200, -17),
    ):
        deliver_places(
            key=uuid.uuid5(uuid.NAMESPACE_URL, f"demo:{slug}"),
            holder_id=cast.member.pk,
            product_slug=slug,
            label=label,
            expires_on=today + timedelta(days=days_left),
            at=at - timedelta(days=days_ago),
        )
    for number, kind, surname in (
        ("2004 6631 8282", CardKind.PLACES, ""),
        ("2004 4410 2291", CardKind.PLACES, ""),
        ("3100 2004 0082", CardKind.NAMED, "Dubreuil"),
    ):
        register_card(customer_id=cast.member.pk, kind=kind, number=number, surname=surname, at=registered_at)


def _print_cards(cast: Cast, *, at: datetime) -> None:
    """Printed cards come as an operator brings them: a CSV file for each kind."""
    days = {
        "soon": f"{programme_day(at) + timedelta(days=72):%d/%m/%Y}",
        "day": f"{add_months(programme_day(at), 16):%d/%m/%Y}",
    }
    for slug, lines in PRINTED.items():
        imported = start_import(
            product_id=CardProduct.objects.get(slug=slug).pk,
            filename=f"{slug}-demo.csv",
            blocks=[lines.format(**days).encode()],
            imported_by_id=cast.operator.pk,
            at=at,
        )
        while shelve_next_piece(import_id=imported, at=at):
            pass
