"""Texts of people's rooms that exist in every language of the portal."""

from modeltranslation.translator import TranslationOptions, register

from accounts.models import HelpSubject


@register(HelpSubject)
class HelpSubjectTranslation(TranslationOptions):
    fields = ("title", "text", "hours")
