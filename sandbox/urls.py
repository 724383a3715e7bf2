from django.urls import path

from sandbox.views import bank, inbox, totp

app_name = "sandbox"
urlpatterns = [
    path("", inbox.index, name="index"),
    path("mail/", inbox.mail_list, name="mail"),
    path("mail/<int:pk>/", inbox.mail, name="letter"),
    path("mail/<int:pk>/html/", inbox.mail_html, name="letter_html"),
    path("sms/", inbox.sms_list, name="sms"),
    path("totp/", totp.code, name="totp"),
    path("bank/<uuid:session_id>/", bank.bank, name="bank"),
    path("bank/<uuid:session_id>/code/", bank.code, name="bank_code"),
    path("bank/<uuid:session_id>/renvoyer/", bank.resend, name="bank_resend"),
    path("bank/<uuid:session_id>/abandonner/", bank.abandon, name="bank_abandon"),
]
