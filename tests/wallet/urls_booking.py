"""The portal's addresses, with a place where screenings are booked."""

from django.http import HttpRequest, HttpResponse
from django.urls import include, path

from config.urls import urlpatterns as portal
from kernel.access import Audience, allow


@allow(Audience.PUBLIC)
def seats(request: HttpRequest, pk: int) -> HttpResponse:
    return HttpResponse(str(pk))


booking = ([path("seances/<int:pk>/", seats, name="seats")], "booking")
urlpatterns = [path("cinema/", include(booking)), *portal]
