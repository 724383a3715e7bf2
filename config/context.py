"""What every page of the portal needs."""

from django.conf import settings
from django.http import HttpRequest


def portal(request: HttpRequest) -> dict[str, object]:
    return {"sandbox": settings.SANDBOX, "support_email": settings.SUPPORT_EMAIL}
