"""/compte/: signing up, waiting for both gates, one's own details."""

from typing import Any

from allauth.account import views as allauth
from django.conf import settings
from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone, translation
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.errors import AlreadyMember, DetailFixed, KeyRefused
from accounts.forms import MembershipRequestForm, ProfileForm, key_error
from accounts.selectors import waiting_steps
from accounts.services.membership import leave, request_membership
from accounts.services.profile import Details, set_user_language, update_details
from accounts.states import MembershipState
from kernel.access import Audience, allow
from kernel.states import TransitionRefused

STOP_POLLING = 286  # htmx's own answer for « nothing more will change »
THEMES = ("light", "dark")
ONE_YEAR_SECONDS = 365 * 24 * 3600


class SignupView(allauth.SignupView):  # type: ignore[misc]
    """Account, request, consent and mail: all or nothing."""

    def form_valid(self, form: Any) -> Any:
        try:
            with transaction.atomic():
                return super().form_valid(form)
        except KeyRefused as refusal:  # used up or withdrawn since the form was checked
            form.add_error("key", key_error(refusal))
            return self.form_invalid(form)

    def form_invalid(self, form: Any) -> Any:
        return self.render_to_response(self.get_context_data(form=form), status=422)


signup = allow(Audience.PUBLIC)(SignupView.as_view())


@allow(Audience.PUBLIC)
@require_POST
def check_key(request: HttpRequest) -> HttpResponse:
    """What the typed key would do; the fragment under the field."""
    form = MembershipRequestForm(request.POST)
    form.is_valid()
    context = {"form": form, "found": getattr(form.fields["key"], "found", None)}
    return render(request, "account/key_check.html", context)


@allow(Audience.SIGNED_IN)
@require_safe
def waiting(request: HttpRequest) -> HttpResponse:
    """Which gate is still shut (S3.2). htmx asks again and is sent home once both are open."""
    gate = request.gate  # type: ignore[attr-defined]
    if gate.may_order:
        return _home(request)
    final = gate.membership_state not in {MembershipState.PENDING, MembershipState.APPROVED}
    context = {
        "gate": gate,
        "steps": waiting_steps(gate),
        "final": final,
        "form": MembershipRequestForm() if final else None,
    }
    if request.headers.get("HX-Request"):
        status = STOP_POLLING if final else 200
        return render(request, "account/waiting.html#steps", context, status=status)
    return render(request, "account/waiting.html", context)


def _home(request: HttpRequest) -> HttpResponse:
    if request.headers.get("HX-Request"):
        return HttpResponse(status=STOP_POLLING, headers={"HX-Redirect": reverse("home")})
    return redirect("home")


@allow(Audience.SIGNED_IN)
@require_POST
def request_again(request: HttpRequest) -> HttpResponse:
    """Ask (again) to join a CSE."""
    form = MembershipRequestForm(request.POST)
    if form.is_valid():
        try:
            request_membership(user_id=_me(request), key=form.cleaned_data["key"], at=timezone.now())
        except KeyRefused as refusal:
            form.add_error("key", key_error(refusal))
        except AlreadyMember:
            form.add_error("key", _("Vous avez déjà une demande ou une adhésion en cours."))
        else:
            message = _(
                "La demande de création de votre compte a bien été prise en compte par notre système."
            )
            messages.success(request, message)
            return redirect("accounts:waiting")
    gate = request.gate  # type: ignore[attr-defined]
    context = {"gate": gate, "steps": waiting_steps(gate), "final": True, "form": form}
    return render(request, "account/waiting.html", context, status=422)


@allow(Audience.SIGNED_IN)
@require_POST
def withdraw(request: HttpRequest) -> HttpResponse:
    """Withdraw one's own request, for instance to ask again with another key."""
    if request.gate.membership_state != MembershipState.PENDING:  # type: ignore[attr-defined]
        messages.error(request, _("Il n'y a pas de demande à retirer."))
        return redirect("accounts:waiting")
    try:
        leave(user_id=_me(request), at=timezone.now())
    except TransitionRefused:
        messages.error(request, _("Il n'y a pas de demande à retirer."))
    return redirect("accounts:waiting")


@allow(Audience.SIGNED_IN)
@require_http_methods(["GET", "HEAD", "POST"])
def profile(request: HttpRequest) -> HttpResponse:
    """« Gérez vos coordonnées » (S3.10)."""
    form = ProfileForm(request.POST or None, instance=request.user)
    if request.method == "POST" and form.is_valid():
        details = Details(**{name: form.cleaned_data[name] for name in Details.__dataclass_fields__})
        try:
            update_details(user_id=_me(request), details=details, at=timezone.now())
        except DetailFixed as refusal:  # set meanwhile, in another tab
            form.add_error(refusal.field, _("Ce champ est fixé et ne change plus."))
        else:
            messages.success(request, _("Vos coordonnées sont enregistrées."))
            return _in_language(redirect("accounts:profile"), details.language)
    status = 422 if form.errors else 200
    return render(request, "account/profile.html", {"form": form, "section": "profile"}, status=status)


@allow(Audience.PUBLIC)
@require_safe
def terms_of_use(request: HttpRequest) -> HttpResponse:
    return render(request, "account/terms_of_use.html", {"version": settings.TERMS_OF_USE_VERSION})


@allow(Audience.PUBLIC)
@require_POST
def set_language(request: HttpRequest) -> HttpResponse:
    """Read the portal in another language, here and in mails."""
    language = request.POST.get("language", "")
    response: HttpResponse = HttpResponseRedirect(_next(request))
    if language not in dict(settings.LANGUAGES):
        return response
    if request.user.is_authenticated:
        set_user_language(user_id=_me(request), language=language)
    return _in_language(response, language)


def _in_language(response: HttpResponse, language: str) -> HttpResponse:
    translation.activate(language)
    response.set_cookie(
        settings.LANGUAGE_COOKIE_NAME,
        language,
        max_age=ONE_YEAR_SECONDS,
        secure=settings.LANGUAGE_COOKIE_SECURE,
        httponly=settings.LANGUAGE_COOKIE_HTTPONLY,
        samesite="Lax",
    )
    return response


@allow(Audience.PUBLIC)
@require_POST
def set_theme(request: HttpRequest) -> HttpResponse:
    """Light, dark, or whatever the device says (no cookie)."""
    response: HttpResponse = HttpResponseRedirect(_next(request))
    theme = request.POST.get("theme")
    if theme not in THEMES:
        response.delete_cookie("theme")
        return response
    response.set_cookie(
        "theme", theme, max_age=ONE_YEAR_SECONDS, secure=settings.SECURE, httponly=True, samesite="Lax"
    )
    return response


def _me(request: HttpRequest) -> int:
    assert request.user.is_authenticated  # the view's audience says so
    return request.user.pk


def _next(request: HttpRequest) -> str:
    target = request.POST.get("next") or request.headers.get("Referer") or "/"
    safe = url_has_allowed_host_and_scheme(target, {request.get_host()}, require_https=request.is_secure())
    return target if safe else "/"
