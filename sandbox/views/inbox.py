"""The mailbox and the telephone of the demo."""

from csp.constants import NONE, UNSAFE_INLINE
from csp.decorators import csp_replace
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.clickjacking import xframe_options_sameorigin
from django.views.decorators.http import require_safe

from kernel.access import Audience, allow
from sandbox.models import Mail
from sandbox.selectors import PAGE, mails, messages
from sandbox.testcards import TEST_CARDS


@allow(Audience.PUBLIC)
@require_safe
def index(request: HttpRequest) -> HttpResponse:
    return render(request, "sandbox/index.html", {"cards": TEST_CARDS})


@allow(Audience.PUBLIC)
@require_safe
def mail_list(request: HttpRequest) -> HttpResponse:
    recipient = request.GET.get("pour", "").strip()[:254].replace("\0", "")
    rows = list(mails(recipient=recipient, before=_cursor(request))[: PAGE + 1])
    context = {"mails": rows[:PAGE], "recipient": recipient, "next": _next(rows)}
    return render(request, "sandbox/mail_list.html", context)


@allow(Audience.PUBLIC)
@require_safe
def mail(request: HttpRequest, pk: int) -> HttpResponse:
    return render(request, "sandbox/mail.html", {"mail": get_object_or_404(Mail, pk=pk)})


# A letter is foreign HTML: no script, nothing fetched, no origin; only our own page may frame it.
@csp_replace(  # type: ignore[arg-type]
    {
        "default-src": [NONE],
        "style-src": [UNSAFE_INLINE],
        "img-src": ["data:"],
        "frame-ancestors": ["'self'"],
        "sandbox": [
            "allow-popups",
            "allow-popups-to-escape-sandbox",
            "allow-top-navigation-by-user-activation",
        ],
    }
)
@xframe_options_sameorigin
@allow(Audience.PUBLIC)
@require_safe
def mail_html(request: HttpRequest, pk: int) -> HttpResponse:
    # Links leave the frame, else the page they open would refuse to be framed.
    html = get_object_or_404(Mail, pk=pk).html.replace("<head>", '<head><base target="_top">', 1)
    return HttpResponse(html)


@allow(Audience.PUBLIC)
@require_safe
def sms_list(request: HttpRequest) -> HttpResponse:
    rows = list(messages(before=_cursor(request))[: PAGE + 1])
    return render(request, "sandbox/sms.html", {"messages_received": rows[:PAGE], "next": _next(rows)})


def _cursor(request: HttpRequest) -> int | None:
    text = request.GET.get("avant", "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 18 else None


def _next(rows: list) -> int | None:  # type: ignore[type-arg]
    return rows[PAGE - 1].pk if len(rows) > PAGE else None
