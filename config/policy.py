"""The admin's own Content Security Policy."""

from collections.abc import Callable

from csp.constants import SELF, UNSAFE_EVAL, UNSAFE_INLINE
from django.http import HttpRequest, HttpResponse


class AdminPolicyMiddleware:
    """django-unfold writes inline styles and evaluates small scripts; only operators ever get its pages."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        match = request.resolver_match
        if match is not None and match.namespaces[:1] == ["admin"] and request.user.is_staff:
            response._csp_replace = {  # type: ignore[attr-defined]
                "script-src": [SELF, UNSAFE_INLINE, UNSAFE_EVAL],
                "style-src": [SELF, UNSAFE_INLINE],
            }
        return response
