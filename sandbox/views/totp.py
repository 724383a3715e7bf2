"""The authenticator app of the demo's staff."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from accounts.services.demo import totp_code
from kernel.access import Audience, allow


@allow(Audience.PUBLIC)
@never_cache
@require_GET
def code(request: HttpRequest) -> HttpResponse:
    digits, seconds_left = totp_code(at=timezone.now())
    context = {"digits": digits, "seconds_left": seconds_left}
    name = "sandbox/totp.html#code" if request.headers.get("HX-Request") else "sandbox/totp.html"
    return render(request, name, context)
