"""The baseline: one signed-in Django page with one query and a list of twenty rows."""

import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

import django

django.setup()

from django.conf import settings  # noqa: E402
from django.core.handlers.wsgi import WSGIHandler  # noqa: E402
from django.http import HttpRequest, HttpResponse  # noqa: E402
from django.template import engines  # noqa: E402
from django.urls import path  # noqa: E402

from orders.models import OrderLine  # noqa: E402

PAGE = engines["django"].from_string(
    "<!DOCTYPE html><html><body><h1>{{ user.email }}</h1><ul>"
    "{% for line in lines %}"
    "<li>{{ line.quantity }} × {{ line.face_minor }}: {{ line.price_minor }}</li>"
    "{% endfor %}"
    "</ul></body></html>"
)


def bare(request: HttpRequest) -> HttpResponse:
    assert request.user.is_authenticated
    lines = OrderLine.objects.order_by("-id").values("quantity", "face_minor", "price_minor")[:20]
    return HttpResponse(PAGE.render({"user": request.user, "lines": lines}))


urlpatterns = [path("bare/", bare)]
# The installed apps insist on their middleware while they load; afterwards only these two run.
settings.ROOT_URLCONF = "bench.bare"
settings.MIDDLEWARE = [
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
]
application = WSGIHandler()
