from django.urls import path

from kernel import pages

urlpatterns = [
    path("confidentialite/", pages.privacy, name="privacy"),
    path("accessibilite/", pages.accessibility, name="accessibility"),
]
