"""Pages that say the same to everybody."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from kernel.access import Audience, allow


@allow(Audience.PUBLIC)
def privacy(request: HttpRequest) -> HttpResponse:
    return render(request, "pages/privacy.html")


@allow(Audience.PUBLIC)
def accessibility(request: HttpRequest) -> HttpResponse:
    return render(request, "pages/accessibility.html")
