"""`/terminal/`: the merchant's telephone (S0.2, S0.3)."""

from django.urls import path

from merchants.views import card, debit, entrance, journal, points, preferences, shell, undo

app_name = "terminal"
urlpatterns = [
    path("", card.start, name="start"),
    path("montant/<str:token>/", debit.amount, name="amount"),
    path("recherche/", card.search, name="search"),
    path("solde/", card.balance, name="balance"),
    path("solde/<str:token>/", card.balance_of, name="balance_of"),
    path("debit/<uuid:key>/", debit.outcome, name="outcome"),
    path("debit/<uuid:key>/abandonner/", debit.abandon, name="abandon"),
    path("annulation/", undo.undo, name="undo"),
    path("points/", points.points, name="points"),
    path("journal/", journal.day, name="journal"),
    path("journal/<int:rank>/", journal.sale, name="sale"),
    path("journal/<int:rank>/recu/", journal.mail, name="mail"),
    path("recu/<str:token>/", journal.receipt, name="receipt"),
    path("connexion/", entrance.sign_in_page, name="sign_in"),
    path("activation/", entrance.activate, name="activate"),
    path("deconnexion/", entrance.leave, name="sign_out"),
    path("langue/", entrance.language, name="language"),
    path("reglages/", preferences.preferences, name="settings"),
    path("reglages/mot-de-passe/", preferences.password, name="password"),
    path("reglages/appareils/<int:device_id>/", preferences.device, name="device"),
    path("reglages/equipe/", preferences.colleague, name="team"),
    path("reglages/equipe/<int:operator_id>/", preferences.switch, name="operator"),
    path("hors-ligne/", shell.offline, name="offline"),
    path("sw.js", shell.worker, name="worker"),
    path("manifest.webmanifest", shell.manifest, name="manifest"),
]
