"""Texts of the wallet that exist in every language of the portal."""

from modeltranslation.translator import TranslationOptions, register

from wallet.models import CardProduct, Film


@register(CardProduct)
class CardProductTranslation(TranslationOptions):
    fields = ("name", "conditions")


@register(Film)
class FilmTranslation(TranslationOptions):
    fields = ("genre", "rating", "summary")
