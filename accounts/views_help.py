"""The help page: answers that ship with the portal, then whom to ask about what (S0.6)."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from accounts.forms import international
from accounts.selectors import help_subjects
from kernel.access import Audience, allow


@allow(Audience.PUBLIC)
@require_safe
def help_page(request: HttpRequest) -> HttpResponse:
    contacts = [(subject, subject.phone and international(subject.phone)) for subject in help_subjects()]
    return render(request, "pages/help.html", {"contacts": contacts})
