"""Kinds of cards with places: what is on a new one, and their conditions in the reader's language (S2.1)."""

from collections.abc import Iterable
from dataclasses import dataclass

from django.utils.translation import gettext, gettext_lazy

from wallet.models import CardProduct
from wallet.models.places import EVERY_DAY
from wallet.states import Technology

DAYS = (
    gettext_lazy("lundi"),
    gettext_lazy("mardi"),
    gettext_lazy("mercredi"),
    gettext_lazy("jeudi"),
    gettext_lazy("vendredi"),
    gettext_lazy("samedi"),
    gettext_lazy("dimanche"),
)


@dataclass(frozen=True)
class PlaceContent:
    """What a new card of this product is made of. `cinemas`: codes of the only ones that take it, or none."""

    product: CardProduct
    cinemas: frozenset[str]


@dataclass(frozen=True)
class ProductTexts:
    """One kind of card in the reader's language."""

    name: str
    conditions: str
    weekdays: str
    technologies: str
    cinemas: str


def place_content(slug: str) -> PlaceContent | None:
    """The product called `slug`, or None. Two queries."""
    product = CardProduct.objects.prefetch_related("cinemas").filter(slug=slug).first()
    return content_of(product) if product else None


def content_of(product: CardProduct) -> PlaceContent:
    """One query, unless the cinemas came along with the product."""
    return PlaceContent(product, frozenset(cinema.code for cinema in product.cinemas.all()))


def place_product_exists(slug: str) -> bool:
    """Whether cards can be made of this product. One query."""
    return CardProduct.objects.filter(slug=slug).exists()


def product_texts(product_ids: Iterable[int]) -> dict[int, ProductTexts]:
    """The texts of several products, by id. Two queries, or none when there is nothing to look up."""
    wanted = set(product_ids)
    if not wanted:
        return {}
    return {
        product.pk: ProductTexts(
            name=product.name,
            conditions=product.conditions,
            weekdays=weekdays_text(product.weekdays),
            technologies=technologies_text(product.technologies),
            cinemas=", ".join(cinema.name for cinema in product.cinemas.all()),
        )
        for product in CardProduct.objects.filter(pk__in=wanted).prefetch_related("cinemas")
    }


@dataclass(frozen=True)
class ProductWords:
    """What a place product opens, in the reader's language. `artwork` is a drawing of static/art."""

    name: str
    weekdays: str
    technologies: str
    months: int
    artwork: str


def product_words(slugs: Iterable[str]) -> dict[str, ProductWords]:
    """By slug; one that is not sold any more is missing. One query, none when nothing is asked."""
    wanted = set(slugs)
    return {
        product.slug: ProductWords(
            name=product.name,
            weekdays=weekdays_text(product.weekdays),
            technologies=technologies_text(product.technologies),
            months=product.validity_months,
            artwork=product.artwork,
        )
        for product in (CardProduct.objects.filter(slug__in=wanted) if wanted else ())
    }


def weekdays_of(mask: int) -> list[int]:
    """The days of a mask, Monday is 0."""
    return [day for day in range(7) if mask >> day & 1]


def weekdays_text(mask: int) -> str:
    """`Tous les jours`, `Du lundi au vendredi`, or the days by name (S2.6)."""
    days = weekdays_of(mask)
    if mask == EVERY_DAY:
        return gettext("Tous les jours")
    if len(days) > 2 and days[-1] - days[0] == len(days) - 1:
        names = {"first": DAYS[days[0]], "last": DAYS[days[-1]]}
        return gettext("Du %(first)s au %(last)s") % names
    return _sentence(str(DAYS[day]) for day in days)


def technologies_text(technologies: Iterable[str]) -> str:
    """`2D`, or `2D, 3D, IMAX` in the order of their supplements."""
    known = set(technologies)
    return ", ".join(str(technology.label) for technology in Technology if technology in known)


def _sentence(words: Iterable[str]) -> str:
    text = ", ".join(words)
    return text[:1].upper() + text[1:]
