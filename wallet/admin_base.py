"""What several of the wallet's admin pages share."""

from typing import Any

from django import forms
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.admin import ModelAdmin
from unfold.widgets import UnfoldAdminFileFieldWidget

from wallet.errors import ImportRefused
from wallet.services.stock import start_import


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


class ImportForm(forms.Form):
    """The file is streamed; nothing reads it whole."""

    file = forms.FileField(label=_("Fichier CSV"), allow_empty_file=True, widget=UnfoldAdminFileFieldWidget)


def import_page(
    page: ModelAdmin, request: HttpRequest, object_id: str, *, fills: str, columns: str, button: str
) -> HttpResponse:
    """Send a file for the object shown, whose id `start_import` takes as `fills`; then on to its report."""
    target = page.get_object(request, object_id)
    if target is None:
        raise Http404
    form = ImportForm(request.POST or None, request.FILES or None)
    form.fields["file"].help_text = columns
    if request.method == "POST" and form.is_valid():
        upload = form.cleaned_data["file"]
        try:
            import_id = start_import(
                filename=upload.name,
                blocks=upload.chunks(),
                imported_by_id=int(request.user.pk or 0),
                at=timezone.now(),
                **{fills: target.pk},
            )
        except ImportRefused as refusal:
            form.add_error("file", str(refusal))
        else:
            messages.success(request, gettext("Le fichier est en cours de lecture. Voici son rapport."))
            return redirect("admin:wallet_stockimport_change", import_id)
    context = {
        **page.admin_site.each_context(request),
        "title": str(target),
        "form": form,
        "button": button,
        "opts": page.opts,
    }
    return TemplateResponse(request, "admin/wallet/import_codes.html", context)
