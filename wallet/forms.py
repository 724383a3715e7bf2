"""What people type into the wallet."""

from django import forms
from django.utils.translation import gettext_lazy as _

MESSAGE_LENGTH = 280


class SendForm(forms.Form):
    """To whom a card goes. The address is not checked against accounts: that would tell who has one."""

    recipient = forms.EmailField(
        label=_("Adresse e-mail du destinataire"),
        max_length=254,
        widget=forms.EmailInput(attrs={"autocomplete": "off"}),
    )
    message = forms.CharField(
        label=_("Message"),
        required=False,
        max_length=MESSAGE_LENGTH,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text=_("280 caractères au plus"),
    )

    use_required_attribute = True

    def clean_message(self) -> str:
        message: str = self.cleaned_data["message"]
        return message.strip()


class ReminderForm(forms.Form):
    expiry_by_mail = forms.BooleanField(
        label=_("M'écrire avant que mes places et mes cartes n'expirent"), required=False
    )
