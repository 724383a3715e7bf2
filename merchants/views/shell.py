"""What makes the terminal an app on a telephone: a manifest, a worker for its shell, a page for no network.

The worker keeps the shell only. Nothing about cards or money is ever kept on the device.
"""

import hashlib

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.templatetags.static import static
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from kernel.access import Audience, allow
from merchants.doors import PATH, language_before, speak

SHELL = (
    "css/portal.css",
    "django_htmx/htmx-2.min.js",
    "portal.js",
    "terminal.js",
    "scan.js",
    "favicon.svg",
)


@allow(Audience.PUBLIC)
@require_safe
def manifest(request: HttpRequest) -> HttpResponse:
    language = language_before(request)
    speak(request, language)
    return JsonResponse(
        {
            "name": _("Terminal Mirabelle"),
            "short_name": "Mirabelle",
            "lang": language,
            "id": PATH,
            "start_url": PATH,
            "scope": PATH,
            "display": "standalone",
            "orientation": "portrait",
            "background_color": "#f5f6f1",
            "theme_color": "#0e5763",
            "icons": [
                {
                    "src": static(f"terminal/{name}.png"),
                    "sizes": f"{size}x{size}",
                    "type": "image/png",
                    "purpose": use,
                }
                for name, size, use in (
                    ("icon-192", 192, "any"),
                    ("icon-512", 512, "any"),
                    ("maskable-512", 512, "maskable"),
                )
            ],
        },
        content_type="application/manifest+json",
    )


@allow(Audience.PUBLIC)
@require_safe
def worker(request: HttpRequest) -> HttpResponse:
    """The service worker; its text changes with the files of the shell, and with it what it keeps."""
    files = [static(name) for name in SHELL]
    context = {
        "offline": reverse("terminal:offline"),
        "files": files,
        "version": hashlib.sha256("".join(files).encode()).hexdigest()[:12],
    }
    response = render(request, "terminal/sw.js", context, content_type="text/javascript")
    response["Cache-Control"] = "no-cache"
    return response


@allow(Audience.PUBLIC)
@require_safe
def offline(request: HttpRequest) -> HttpResponse:
    """Shown by the worker when the network does not answer: it asks what became of the last tap."""
    speak(request, language_before(request))
    return render(request, "terminal/offline.html")
