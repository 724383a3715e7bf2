"""The bank's own pages: a card, a code, a result."""

from contextlib import suppress
from functools import cache
from urllib.parse import urlsplit
from uuid import UUID

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.translation import get_language, gettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from kernel.access import Audience, allow
from sandbox.errors import CardUnknown, CodeExpired, CodeWrong, SessionClosed
from sandbox.forms import CardForm, CodeForm
from sandbox.models import BankSession
from sandbox.services.bank import CODE_TRIES, cancel_session, resend_code, submit_card, submit_code
from sandbox.states import WAITING, SessionState
from sandbox.testcards import TEST_CARDS


@allow(Audience.PUBLIC)
@never_cache
@require_http_methods(["GET", "POST"])
def bank(request: HttpRequest, session_id: UUID) -> HttpResponse:
    session = get_object_or_404(BankSession, pk=session_id)
    if request.method == "POST":
        return _take_card(request, session)
    if session.state in WAITING and session.expires_at <= timezone.now():
        return _page(request, session, "sandbox/bank_result.html", expired=True)
    if session.state == SessionState.OPEN:
        return _page(request, session, "sandbox/bank_card.html", form=_card_form(request))
    if session.state == SessionState.CHALLENGED:
        return _page(request, session, "sandbox/bank_code.html", form=CodeForm())
    return _page(request, session, "sandbox/bank_result.html")


def _card_form(request: HttpRequest) -> CardForm:
    """`?carte=3` fills in a test card, so that nobody has to copy sixteen digits."""
    chosen = request.GET.get("carte", "")
    if not chosen.isascii() or not chosen.isdigit() or int(chosen[:3]) >= len(TEST_CARDS):
        return CardForm()
    expiry = f"12/{timezone.localdate().year % 100 + 3:02d}"
    card = TEST_CARDS[int(chosen[:3])]
    return CardForm(
        initial={"number": card.grouped, "expiry": expiry, "cvc": "123", "holder": "Camille Démo"}
    )


def _take_card(request: HttpRequest, session: BankSession) -> HttpResponse:
    form = CardForm(request.POST)
    if form.is_valid():
        try:
            session = submit_card(
                session_id=session.pk, number=form.cleaned_data["number"], at=timezone.now()
            )
        except SessionClosed:
            return _again(session)
        except CardUnknown:
            sentence = gettext(
                "Cette banque ne connaît que les cartes de test ci-dessous. Aucune vraie carte ici."
            )
            form.add_error("number", sentence)
        else:
            return _onward(session)
    return _page(request, session, "sandbox/bank_card.html", form=form, status=422)


@allow(Audience.PUBLIC)
@require_POST
def code(request: HttpRequest, session_id: UUID) -> HttpResponse:
    session = get_object_or_404(BankSession, pk=session_id)
    form = CodeForm(request.POST)
    if form.is_valid():
        try:
            return _onward(
                submit_code(session_id=session_id, code=form.cleaned_data["code"], at=timezone.now())
            )
        except SessionClosed:
            return _again(session)
        except CodeExpired:
            form.refuse(gettext("Ce code a expiré. Demandez-en un autre."))
        except CodeWrong as wrong:
            form.refuse(
                gettext("Ce code n’est pas le bon. Essais restants : %(left)d.") % {"left": wrong.left}
            )
    return _page(request, session, "sandbox/bank_code.html", form=form, status=422)


@allow(Audience.PUBLIC)
@require_POST
def resend(request: HttpRequest, session_id: UUID) -> HttpResponse:
    session = get_object_or_404(BankSession, pk=session_id)
    with suppress(SessionClosed):  # the page says what became of it
        resend_code(session_id=session_id, at=timezone.now())
    return _again(session)


@allow(Audience.PUBLIC)
@require_POST
def abandon(request: HttpRequest, session_id: UUID) -> HttpResponse:
    get_object_or_404(BankSession, pk=session_id)
    return _home(cancel_session(session_id=session_id))


def _onward(session: BankSession) -> HttpResponse:
    """Back to the shop when the customer is done; a refusal is first said by the bank itself."""
    return _home(session) if session.state == SessionState.PROCESSING else _again(session)


def _again(session: BankSession) -> HttpResponse:
    return HttpResponseRedirect(reverse("sandbox:bank", args=[session.pk]), status=303)


def _home(session: BankSession) -> HttpResponse:
    return HttpResponseRedirect(_return_path(session), status=303)


def _return_path(session: BankSession) -> str:
    """The path alone: the shop is on this very server, by whatever name the customer came."""
    return urlsplit(session.return_url).path


@cache
def _cards(language: str) -> SafeString:
    """The list of test cards, the same on every page of one language: rendered once per process."""
    return render_to_string("sandbox/_bank_cards.html", {"cards": TEST_CARDS})


def _page(
    request: HttpRequest, session: BankSession, template: str, *, status: int = 200, **context: object
) -> HttpResponse:
    context |= {
        "session": session,
        "back": _return_path(session),
        "cards": _cards(get_language() or "fr"),
        "tries": CODE_TRIES,
    }
    return render(request, template, context, status=status)
