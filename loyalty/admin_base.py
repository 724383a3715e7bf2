"""What loyalty's admin pages share: rows that services write, and pages that ask before a service acts."""

from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from typing import Any

from babel.numbers import format_decimal
from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db.models import Model
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.utils.functional import Promise
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _
from unfold.admin import ModelAdmin
from unfold.widgets import UnfoldAdminTextInputWidget, UnfoldBooleanWidget

from kernel.errors import DomainError
from kernel.money import format_minor
from loyalty import errors
from loyalty.states import POINT
from loyalty.words import LOCALES

REFUSALS: Mapping[type[DomainError], Promise] = {
    errors.AlreadyEnrolled: _("Ce téléphone est celui d'un autre membre du programme."),
    errors.CardTaken: _("Ce numéro est celui d'une autre carte, d'une carte remplacée, ou n'en est pas un."),
    errors.MemberVoided: _("Ce membre est annulé."),
    errors.PhoneInvalid: _("Ce n'est pas un numéro de téléphone complet."),
    errors.ProgrammeClosed: _("Le programme n'est pas actif, ou n'a pas de version publiée."),
    errors.PromotionOver: _("L'offre n'a pas cours aujourd'hui."),
    errors.ReasonMissing: _("Dites pourquoi : le motif est conservé."),
    errors.RulesInvalid: _("Ces règles se contredisent : corrigez-les d'abord."),
    errors.SuspicionDecided: _("Quelqu'un en a déjà décidé."),
    errors.TooYoung: _("Un membre a 18 ans au moins."),
    errors.VersionPublished: _("Une version publiée ne change plus."),
}


class ReadOnly:
    """Rows that services write and people only read."""

    can_delete = False
    extra = 0

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class ReasonForm(forms.Form):
    reason = forms.CharField(
        label=_("Motif"),
        max_length=300,
        widget=UnfoldAdminTextInputWidget,
        help_text=_("Conservé dans l'historique."),
        error_messages={"required": _("Dites pourquoi : le motif est conservé.")},
    )


class ConfirmForm(forms.Form):
    confirmed = forms.BooleanField(label=_("Je confirme"), widget=UnfoldBooleanWidget)


class Asking(ModelAdmin):
    """An admin whose objects change through services only, each behind a page of its own."""

    show_full_result_count = False

    def has_act_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        return request.user.has_perm(f"loyalty.change_{self.opts.model_name}")

    def found(self, request: HttpRequest, object_id: str) -> Any:
        """The object, for somebody who may see it."""
        if not self.has_view_or_change_permission(request):
            raise PermissionDenied
        if (row := self.get_object(request, object_id)) is None:
            raise Http404
        return row

    def page(
        self, request: HttpRequest, template: str, title: str, context: Mapping[str, Any]
    ) -> HttpResponse:
        shared = {**self.admin_site.each_context(request), "title": title, "opts": self.opts}
        return TemplateResponse(request, template, {**shared, **context})

    def ask(
        self,
        request: HttpRequest,
        *,
        title: str,
        form: forms.Form,
        act: Callable[[], str],
        back: str,
        then: str = "",
        lines: Iterable[str] = (),
        template: str = "admin/loyalty/ask.html",
        **context: Any,
    ) -> HttpResponse:
        """Show `form`; once it is valid call `act`, which returns what to say, and go on to `then`."""
        if request.method == "POST" and form.is_valid() and (said := self.attempt(form, act)):
            messages.success(request, said)
            return HttpResponseRedirect(then or back)
        shown = {"form": form, "lines": list(lines), "back": back, "button": title, **context}
        return self.page(request, template, title, shown)

    def attempt(self, form: forms.Form, act: Callable[[], str]) -> str:
        """What `act` says, or nothing, and its refusal on the form."""
        try:
            return act()
        except DomainError as refusal:
            field = FIELD_OF.get(type(refusal))
            form.add_error(field if field in form.fields else None, refusal_text(refusal))
        return ""

    def note(self, request: HttpRequest, row: Model, what: str) -> str:
        """Write `what` was done into the object's history, and return it to be said."""
        self.log_change(request, row, what)
        return what


FIELD_OF = {
    errors.AlreadyEnrolled: "phone",
    errors.CardTaken: "number",
    errors.PhoneInvalid: "phone",
    errors.ReasonMissing: "reason",
    errors.TooYoung: "birth_on",
}


def refusal_text(refusal: DomainError) -> str:
    """A refusal in words."""
    known = next((text for kind, text in REFUSALS.items() if isinstance(refusal, kind)), None)
    return str(known) if known else f"{type(refusal).__name__} {refusal}"


def points(minor: int) -> str:
    """`1 240` or `12,40` in French: hundredths of points without decimals when they are whole."""
    locale = LOCALES.get(language(), "fr_FR")
    pattern = "#,##0" if minor % POINT == 0 else "#,##0.00"
    return str(format_decimal(Decimal(minor) / POINT, format=pattern, locale=locale))


def money(minor: int, currency: str) -> str:
    return format_minor(minor, currency, language())


def language() -> str:
    return (get_language() or "fr")[:2]


def actor_id(request: HttpRequest) -> int:
    return int(request.user.pk or 0)
