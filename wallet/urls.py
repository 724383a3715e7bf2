from django.urls import path

from wallet.views import cards, credit, kinds, links, prepaid, register, reminders, which

app_name = "wallet"

urlpatterns = [
    path("", cards.index, name="index"),
    path("enregistrer/", register.register, name="register"),
    path("recevoir/<str:token>/", links.claim, name="claim"),
    path("recue/<uuid:link_id>/", links.received, name="received"),
    path("recue/<uuid:link_id>/carte.pdf", links.received_pdf, name="received_pdf"),
    path("recue/<uuid:link_id>/lien/", links.renew, name="renew"),
    path("recue/<uuid:link_id>/ajouter/", links.adopt, name="adopt"),
    path("date/", which.which, name="which"),
    path("rappels/", reminders.reminders, name="reminders"),
    path("echeances.ics", reminders.deadlines_file, name="deadlines"),
    path("envois/", cards.sent, name="sent"),
    path("envois/<uuid:link_id>/annuler/", cards.revoke, name="revoke"),
    path("<uuid:card_id>/", cards.card, name="card"),
    path("<uuid:card_id>/caisse/", cards.till, name="till"),
    path("<uuid:card_id>/carte.pdf", cards.pdf, name="pdf"),
    path("<uuid:card_id>/envoyer/", cards.send, name="send"),
    path("<uuid:card_id>/bloquer/", kinds.block, name="block"),
    path("<uuid:card_id>/debloquer/", kinds.unfreeze, name="unfreeze"),
    path("<uuid:card_id>/cvc/", prepaid.cvc, name="cvc"),
    path("<uuid:card_id>/pin/", credit.pin, name="pin"),
    path("<uuid:card_id>/remplacer/", kinds.replace, name="replace"),
]
