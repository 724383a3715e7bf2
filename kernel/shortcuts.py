"""One view, two answers: the page, or for htmx the fragment of the same template."""

from typing import Any

from django.contrib.messages import get_messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.template.loader import render_to_string
from django.utils.cache import patch_vary_headers


def wants_fragment(request: HttpRequest) -> bool:
    """True for a request by htmx that is neither boosted nor a restored history entry."""
    headers = request.headers
    whole = {"HX-Boosted", "HX-History-Restore-Request"}
    return "HX-Request" in headers and not any(name in headers for name in whole)


def render_page(
    request: HttpRequest,
    template: str,
    context: dict[str, Any],
    *,
    fragment: str | None = None,
    status: int = 200,
) -> HttpResponse:
    """Render `template`, or its partial `fragment` when htmx asks (with any message as a toast beside it)."""
    if fragment is None:
        return render(request, template, context, status=status)
    if wants_fragment(request):
        response = render(request, f"{template}#{fragment}", context, status=status)
        response.write(_toasts(request))
    else:
        response = render(request, template, context, status=status)
    patch_vary_headers(response, ["HX-Request"])
    return response


def _toasts(request: HttpRequest) -> str:
    messages = list(get_messages(request))
    if not messages:
        return ""
    return render_to_string("components/messages.html", {"messages": messages, "oob": True})
