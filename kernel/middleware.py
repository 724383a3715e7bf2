"""One structured log line per request, with an id that also marks everything logged in between."""

import re
import time
import uuid
from collections.abc import Callable

import structlog
from django.http import HttpRequest, HttpResponse
from structlog.contextvars import bind_contextvars, clear_contextvars

log = structlog.get_logger("request")

GIVEN_ID = re.compile(r"[A-Za-z0-9-]{8,64}")
# Asked every few seconds by load balancers.
UNLOGGED = {"/healthz", "/readyz"}


class RequestLogMiddleware:
    """Takes the request id of the proxy in front, or makes one; answers with it.

    The route is logged, never the path: paths hold claim links. The user is logged when the view has
    asked who it is; the log asks nothing of the database.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        started = time.perf_counter()
        given = request.headers.get("X-Request-ID", "")
        request_id = given if GIVEN_ID.fullmatch(given) else uuid.uuid4().hex
        clear_contextvars()
        bind_contextvars(request_id=request_id)
        response = self.get_response(request)
        response["X-Request-ID"] = request_id
        if request.path not in UNLOGGED:
            log.info("request", **_facts(request, response, started))
        return response


def _facts(request: HttpRequest, response: HttpResponse, started: float) -> dict[str, object]:
    match = request.resolver_match
    return {
        "method": request.method,
        "route": match.route if match else None,
        "status": response.status_code,
        "milliseconds": round((time.perf_counter() - started) * 1000, 1),
        "user_id": getattr(getattr(request, "_cached_user", None), "pk", None),
    }
