"""What we tell allauth: where mails go, where people land, how secrets are kept."""

import uuid
from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.utils import user_email
from allauth.mfa.adapter import DefaultMFAAdapter
from django.conf import settings
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import get_language

from accounts.models import User
from accounts.selectors import ordering_gate
from kernel.access import landing_for
from kernel.seal import seal, unseal_text
from outbox.services.mail import queue_mail

# Values of allauth's mail context that our template reads; everything else stays here.
LINKS = ("activate_url", "password_reset_url", "signup_url", "deleted_email", "from_email", "to_email")


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]
    """Mails are queued as rows, their links sealed until sent."""

    def send_mail(self, template_prefix: str, email: str, context: dict[str, Any]) -> None:
        user = context.get("user") or User.objects.filter(email=email).first()
        queue_mail(
            event=f"accounts.{template_prefix.rsplit('/', 1)[-1]}",
            ref=str(uuid.uuid4()),
            recipient=email,
            language=(user.language if user else get_language()) or settings.LANGUAGE_CODE,
            template=f"account/{template_prefix.rsplit('/', 1)[-1]}",
            context={"first_name": user.first_name if user else ""},
            secrets={name: str(context[name]) for name in LINKS if context.get(name)},
            at=timezone.now(),
        )

    def get_login_redirect_url(self, request: HttpRequest) -> str:
        """Members to the shop's home; those who only manage, to their work; others see what is missing."""
        gate = ordering_gate(request.user.pk)
        if gate.may_order:
            return reverse("home")
        if gate.membership_state is None and gate.is_staff:
            return reverse("cse:queue")
        if gate.membership_state is None and request.user.is_staff:
            return reverse("admin:index")
        assert request.user.pk is not None
        elsewhere = landing_for(request.user.pk) if gate.membership_state is None else None
        return elsewhere or reverse("accounts:waiting")

    def get_signup_redirect_url(self, request: HttpRequest) -> str:
        return self.get_login_redirect_url(request)

    def get_email_verification_redirect_url(self, email_address: Any) -> str:
        signed_in = self.request.user.is_authenticated
        return reverse("accounts:waiting" if signed_in else "account_login")

    def save_user(self, request: HttpRequest, user: User, form: Any, commit: bool = True) -> User:
        data = form.cleaned_data
        user_email(user, data["email"])
        for name in ("title", "first_name", "last_name", "phone", "birth_date"):
            setattr(user, name, data[name])
        user.language = get_language() or settings.LANGUAGE_CODE
        user.set_password(data["password1"])
        if commit:
            user.save()
        return user


class MfaAdapter(DefaultMFAAdapter):  # type: ignore[misc]
    """Second-factor secrets are sealed at rest."""

    def encrypt(self, text: str) -> str:
        return seal(text, bound_to="accounts.mfa")

    def decrypt(self, encrypted_text: str) -> str:
        return unseal_text(encrypted_text, bound_to="accounts.mfa")
