"""Joining a programme: an adult, a phone proven by four digits, a recorded consent (S4.5)."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from allauth.core import ratelimit
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import get_language, ngettext
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from accounts.selectors import PersonalDetails, personal_details
from kernel.access import Audience, allow
from kernel.errors import DomainError
from loyalty.errors import (
    AlreadyEnrolled,
    CodeSpent,
    CodeWrong,
    MemberVoided,
    PhoneInvalid,
    ProgrammeClosed,
    TooManyCodes,
    TooYoung,
)
from loyalty.forms import NO_PHONE, CodeForm, EnrolForm
from loyalty.selectors.own import OpenChallenge, OwnProgramme, open_challenge, was_member_before
from loyalty.services.enrol import (
    BETWEEN_CODES,
    CODE_LIFE,
    Applicant,
    confirm_enrolment,
    renew_code,
    start_enrolment,
)
from loyalty.views.common import known_programmes, named, reader
from loyalty.views.pages import invitation


@allow(Audience.SIGNED_IN)
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def enrol(request: HttpRequest, slug: str) -> HttpResponse:
    now = timezone.now()
    own = named(known_programmes(request, at=now), slug)
    if own.member is not None:
        messages.info(request, _("Vous êtes déjà membre de ce programme."))
    if own.member is not None or not own.is_open:
        return redirect("loyalty:programme", slug)
    account, rules = personal_details(reader(request)), invitation(own, now)
    form = EnrolForm(
        request.POST if request.method == "POST" else None,
        account=account,
        programme=own.name,
        version=rules["version_number"],
    )
    context = {"active": "loyalty", "own": own, "form": form, **rules}
    if request.method != "POST":
        return render(request, "loyalty/enrol.html", context)
    if form.is_valid() and (challenge_id := _start(request, own, form, account, now)):
        return redirect("loyalty:confirm", slug, challenge_id)
    return render(request, "loyalty/enrol.html", context, status=422)


@allow(Audience.SIGNED_IN)
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def confirm(request: HttpRequest, slug: str, challenge_id: UUID) -> HttpResponse:
    """The four digits. Three tries for each code; the service counts them, this page says what is left."""
    now = timezone.now()
    own, challenge = _own_challenge(request, slug, challenge_id, now)
    if challenge.is_done:
        return redirect("loyalty:programme", slug)
    if request.method != "POST":
        return _code_page(request, own, challenge, CodeForm(), now)
    form = CodeForm(request.POST)
    if not form.is_valid():
        return _code_page(request, own, challenge, form, now, status=422)
    if not ratelimit.consume(request, action="loyalty_confirm"):
        form.add_error("code", _("Trop d'essais. Réessayez dans une heure."))
        return _code_page(request, own, challenge, form, now, status=429)
    try:
        member_id = confirm_enrolment(challenge_id=challenge_id, code=form.cleaned_data["code"], at=now)
    except (CodeWrong, CodeSpent, AlreadyEnrolled, MemberVoided, ProgrammeClosed) as refusal:
        form.add_error("code", _refused_code(refusal))
        _own, challenge = _own_challenge(request, slug, challenge_id, now)
        return _code_page(request, own, challenge, form, now, status=422)
    messages.success(request, _welcome(own, linked=was_member_before(member_id, at=now)))
    return redirect("loyalty:programme", slug)


@allow(Audience.SIGNED_IN)
@require_POST
def resend(request: HttpRequest, slug: str, challenge_id: UUID) -> HttpResponse:
    """Another code for the same phone; the one before stops working."""
    now = timezone.now()
    _own, challenge = _own_challenge(request, slug, challenge_id, now)
    if challenge.is_done:
        return redirect("loyalty:programme", slug)
    if not ratelimit.consume(request, action="loyalty_codes"):
        messages.warning(request, _("Trop de codes demandés. Réessayez dans une heure."))
        return redirect("loyalty:confirm", slug, challenge_id)
    try:
        challenge_id = renew_code(challenge_id=challenge_id, at=now)
    except TooManyCodes as refusal:
        messages.warning(request, _wait_text(refusal.wait_seconds))
    except (CodeSpent, ProgrammeClosed):
        return redirect("loyalty:programme", slug)
    else:
        messages.success(request, _("Un nouveau code est parti. Le précédent ne fonctionne plus."))
    return redirect("loyalty:confirm", slug, challenge_id)


def _start(
    request: HttpRequest, own: OwnProgramme, form: EnrolForm, account: PersonalDetails, now: datetime
) -> UUID | None:
    """The challenge that was started; None once the refusal stands next to its field."""
    if not ratelimit.consume(request, action="loyalty_codes"):
        form.add_error("phone", _("Trop de codes demandés. Réessayez dans une heure."))
        return None
    applicant = Applicant(
        phone=account.phone or form.cleaned_data["phone"],
        birth_on=form.cleaned_data["birth_on"],
        consent_version=form.cleaned_data["version"],
        user_id=reader(request),
        first_name=account.first_name,
        last_name=account.last_name,
        language=get_language() or "fr",
    )
    try:
        return start_enrolment(programme_id=own.programme_id, applicant=applicant, at=now)
    except TooYoung:
        form.add_error("birth_on", _("Le programme est réservé aux personnes majeures : 18 ans ou plus."))
    except PhoneInvalid:
        form.add_error("phone", _phone_refused(account))
    except TooManyCodes as refusal:
        form.add_error("phone", _wait_text(refusal.wait_seconds))
    except ProgrammeClosed:
        form.add_error(None, _("Ce programme vient de fermer."))
    return None


def _phone_refused(account: PersonalDetails) -> str:
    """What is fixed cannot be typed again."""
    if account.phone:
        return _("Ce numéro ne reçoit pas de SMS. Écrivez à l'assistance, qui le corrigera.")
    return str(NO_PHONE)


def _own_challenge(
    request: HttpRequest, slug: str, challenge_id: UUID, now: datetime
) -> tuple[OwnProgramme, OpenChallenge]:
    own = named(known_programmes(request, at=now), slug)
    found = open_challenge(challenge_id, user_id=reader(request), programme_id=own.programme_id)
    if found is None:
        raise Http404
    return own, found


def _code_page(
    request: HttpRequest,
    own: OwnProgramme,
    challenge: OpenChallenge,
    form: CodeForm,
    now: datetime,
    *,
    status: int = 200,
) -> HttpResponse:
    wait = challenge.expires_at - CODE_LIFE + BETWEEN_CODES - now
    context: dict[str, Any] = {
        "active": "loyalty",
        "own": own,
        "challenge": challenge,
        "form": form,
        "is_alive": challenge.tries_left > 0 and challenge.expires_at > now,
        "wait_seconds": max(0, round(wait / timedelta(seconds=1))),
    }
    return render(request, "loyalty/confirm.html", context, status=status)


def _refused_code(refusal: DomainError) -> str:
    if isinstance(refusal, CodeWrong) and refusal.tries_left:
        text = ngettext(
            "Ce n'est pas le bon code. Il vous reste %(n)s essai.",
            "Ce n'est pas le bon code. Il vous reste %(n)s essais.",
            refusal.tries_left,
        )
        return text % {"n": refusal.tries_left}
    if isinstance(refusal, CodeWrong):
        return _("Ce n'est pas le bon code. Demandez-en un nouveau.")
    if isinstance(refusal, CodeSpent):
        return _("Ce code n'est plus valable. Demandez-en un nouveau.")
    if isinstance(refusal, ProgrammeClosed):
        return _("Ce programme vient de fermer.")
    # One answer for a phone that somebody else enrolled, another birth date and a voided membership.
    return _(
        "Ce numéro ne peut pas être inscrit à ce programme : il l'est peut-être déjà. "
        "Écrivez à l'assistance, qui vous répondra."
    )


def _wait_text(seconds: int) -> str:
    if seconds > BETWEEN_CODES.total_seconds():
        return _("Ce numéro a reçu assez de codes pour aujourd'hui. Réessayez demain.")
    text = ngettext(
        "Un code vient de partir. Attendez %(n)s seconde avant d'en demander un autre.",
        "Un code vient de partir. Attendez %(n)s secondes avant d'en demander un autre.",
        seconds,
    )
    return text % {"n": seconds}


def _welcome(own: OwnProgramme, *, linked: bool) -> str:
    if linked:
        text = _("Votre inscription en magasin est rattachée à votre compte, avec ses points.")
    else:
        text = _("Bienvenue dans le programme %(programme)s. Votre numéro est confirmé.")
    return text % {"programme": own.name}
