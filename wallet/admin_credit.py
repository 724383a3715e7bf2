"""The operators' view of credit cards: what guards one, and a reason for whatever they do to it."""

from django import forms
from django.utils.translation import gettext_lazy as _
from unfold.admin import StackedInline
from unfold.forms import ActionForm
from unfold.widgets import UnfoldAdminTextInputWidget

from wallet.admin_base import ReadOnly
from wallet.models import CreditCard


class CreditInline(ReadOnly, StackedInline):
    """What guards a credit card; its PIN is known to nobody."""

    model = CreditCard
    fields = ["stop", "wrong_pin", "generation", "pin_count", "pin_shown_at"]
    readonly_fields = fields


class ReasonedActionForm(ActionForm):
    """An action and why: the reason stands among the card's events."""

    note = forms.CharField(
        label=_("Motif"),
        required=False,
        max_length=200,
        help_text=_("Obligatoire pour une carte de crédit."),
        widget=UnfoldAdminTextInputWidget({"placeholder": _("Obligatoire pour une carte de crédit.")}),
    )
