from django.urls import path

from loyalty.views import enrol, pages, spend

app_name = "loyalty"

urlpatterns = [
    path("", pages.home, name="home"),
    path("<slug:slug>/", pages.programme, name="programme"),
    path("<slug:slug>/historique/", pages.history, name="history"),
    path("<slug:slug>/inscription/", enrol.enrol, name="enrol"),
    path("<slug:slug>/inscription/<uuid:challenge_id>/", enrol.confirm, name="confirm"),
    path("<slug:slug>/inscription/<uuid:challenge_id>/code/", enrol.resend, name="resend"),
    path("<slug:slug>/payer/", spend.code, name="code"),
    path("<slug:slug>/recompenses/<str:reward>/", spend.claim, name="claim"),
]
