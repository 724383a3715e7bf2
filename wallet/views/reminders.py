"""Reminders before cards expire: the reader's choice, and the last days as a calendar file."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from kernel.access import Audience, allow
from kernel.calendar import local_date
from wallet.forms import ReminderForm
from wallet.selectors.deadlines import DELAYS, deadlines, wants_reminders
from wallet.services.deadlines import build_calendar
from wallet.services.remind import choose_reminders
from wallet.views.cards import reader

NEXT_SHOWN = 5


@allow(Audience.SIGNED_IN)
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def reminders(request: HttpRequest) -> HttpResponse:
    form = ReminderForm(request.POST or None, initial={"expiry_by_mail": wants_reminders(reader(request))})
    if request.method == "POST":
        form = ReminderForm(request.POST)
        if form.is_valid():
            wanted = form.cleaned_data["expiry_by_mail"]
            choose_reminders(user_id=reader(request), expiry_by_mail=wanted)
            messages.success(request, _("C'est noté.") if wanted else _("Vous ne recevrez plus de rappels."))
            return redirect("wallet:reminders")
    now = timezone.now()
    context = {
        "active": "wallet",
        "form": form,
        "delays": sorted(DELAYS, reverse=True),
        "today": local_date(now),
        "deadlines": deadlines(reader(request), at=now)[:NEXT_SHOWN],
    }
    return render(request, "wallet/reminders.html", context)


@allow(Audience.SIGNED_IN)
@never_cache
@require_safe
def deadlines_file(request: HttpRequest) -> HttpResponse:
    now = timezone.now()
    content = build_calendar(deadlines(reader(request), at=now), language=get_language() or "fr", at=now)
    response = HttpResponse(content, content_type="text/calendar; charset=utf-8")
    response["Content-Disposition"] = 'attachment; filename="echeances.ics"'
    return response
