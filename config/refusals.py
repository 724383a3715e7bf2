"""Who answers where there is no page: the terminal for its own addresses, Django's templates elsewhere."""

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.views import csrf, defaults

from merchants.doors import PATH
from merchants.views.refused import BROKEN, FORBIDDEN, STALE_FORM, UNKNOWN, UNREADABLE, refused


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponseBase:
    return refused(request, UNREADABLE) if _at_a_till(request) else defaults.bad_request(request, exception)


def permission_denied(request: HttpRequest, exception: Exception) -> HttpResponseBase:
    if _at_a_till(request):
        return refused(request, FORBIDDEN)
    return defaults.permission_denied(request, exception)


def stale_form(request: HttpRequest, reason: str = "") -> HttpResponseBase:
    return refused(request, STALE_FORM) if _at_a_till(request) else csrf.csrf_failure(request, reason)


def page_not_found(request: HttpRequest, exception: Exception) -> HttpResponseBase:
    return refused(request, UNKNOWN) if _at_a_till(request) else defaults.page_not_found(request, exception)


def server_error(request: HttpRequest) -> HttpResponseBase:
    return refused(request, BROKEN) if _at_a_till(request) else defaults.server_error(request)


def _at_a_till(request: HttpRequest) -> bool:
    return request.path.startswith(PATH)
