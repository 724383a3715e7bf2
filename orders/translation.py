"""Texts of the shop that exist in every language of the portal."""

from modeltranslation.translator import TranslationOptions, register

from orders.models import Product, TermsVersion


@register(Product)
class ProductTranslation(TranslationOptions):
    fields = ("name", "lead", "where_usable", "exclusions", "terms")


@register(TermsVersion)
class TermsTranslation(TranslationOptions):
    fields = ("text",)
