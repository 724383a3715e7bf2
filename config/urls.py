"""Every address of the portal; each room keeps its own. Names are listed in docs/architecture.md."""

from django.conf import settings
from django.contrib import admin
from django.urls import include, path

from accounts.views_help import help_page
from config import health

handler400 = "config.refusals.bad_request"
handler403 = "config.refusals.permission_denied"
handler404 = "config.refusals.page_not_found"
handler500 = "config.refusals.server_error"

urlpatterns = [
    path("healthz", health.alive),
    path("readyz", health.ready),
    path("", include("kernel.urls")),
    path("aide/", help_page, name="help"),
    path("compte/", include("accounts.urls")),
    path("cse/", include("accounts.urls_cse")),
    path("", include("orders.urls")),
    path("portefeuille/", include("wallet.urls")),
    path("fidelite/", include("loyalty.urls")),
    path("releves/", include("billing.urls")),
    path("cinema/", include("wallet.urls_cinema")),
    path("cinema/", include("orders.urls_booking")),
    path("terminal/", include("merchants.urls")),
    path("marchand/", include("merchants.urls_portal")),
    path("admin/", admin.site.urls),
    *([path("sandbox/", include("sandbox.urls"))] if settings.SANDBOX else []),
]
