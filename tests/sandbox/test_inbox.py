"""The mailbox and the telephone of the demo."""

import pytest
from django.core.mail import EmailMultiAlternatives, get_connection
from django.urls import reverse
from django.utils import timezone

from sandbox.models import Mail
from sandbox.services.sms import send_sms

pytestmark = pytest.mark.django_db


def post_mail(html: str = "<html><head></head><body><p>Bonjour</p></body></html>", **kwargs) -> Mail:
    message = EmailMultiAlternatives(
        subject=kwargs.get("subject", "Bonjour"),
        body="Bonjour\nhttps://exemple.example/",
        to=kwargs.get("to", ["a@membre.example"]),
        connection=get_connection("sandbox.mail.MailboxBackend"),
        headers={"Message-ID": "<1@mirabelle.example>"},
    )
    if html:
        message.attach_alternative(html, "text/html")
    message.send()
    return Mail.objects.latest("pk")


def test_mail_is_kept_once_per_recipient_with_both_parts_and_headers():
    post_mail(to=["a@membre.example", "b@membre.example"])
    assert list(Mail.objects.values_list("recipient", flat=True)) == ["a@membre.example", "b@membre.example"]
    mail = Mail.objects.first()
    assert mail.headers["Message-ID"] == "<1@mirabelle.example>"
    assert "Bonjour" in mail.text
    assert "<p>" in mail.html


def test_list_and_letter_show_the_mail(client):
    mail = post_mail(subject="Vos cartes <script>")
    listed = client.get(reverse("sandbox:mail")).content.decode()
    assert "Vos cartes &lt;script&gt;" in listed
    assert "<script>alert" not in listed
    letter = client.get(reverse("sandbox:letter", args=[mail.pk])).content.decode()
    assert 'href="https://exemple.example/"' in letter
    assert reverse("sandbox:letter_html", args=[mail.pk]) in letter


def test_the_list_is_filtered_by_recipient_and_paginated_by_key(client):
    for n in range(32):
        post_mail(to=[f"m{n}@membre.example"], html="")
    html = client.get(reverse("sandbox:mail")).content.decode()
    assert html.count('class="bubble"') == 30
    oldest_shown = Mail.objects.order_by("-pk")[29].pk
    assert f"?avant={oldest_shown}" in html
    rest = client.get(reverse("sandbox:mail"), {"avant": oldest_shown}).content.decode()
    assert rest.count('class="bubble"') == 2
    one = client.get(reverse("sandbox:mail"), {"pour": "m3@membre.example"}).content.decode()
    assert one.count('class="bubble"') == 1
    for odd in ("x", "²", "9" * 30, "-1"):
        assert client.get(reverse("sandbox:mail"), {"avant": odd}).status_code == 200


def test_a_letter_is_shown_under_a_policy_that_runs_nothing(client):
    mail = post_mail(html="<html><head></head><body><script>alert(1)</script></body></html>")
    answer = client.get(reverse("sandbox:letter_html", args=[mail.pk]))
    policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "sandbox" in policy
    assert "frame-ancestors 'self'" in policy
    assert "script-src" not in policy
    assert answer.headers["X-Frame-Options"] == "SAMEORIGIN"


def test_telephone_shows_messages_newest_first(client):
    for text in ("premier", "second"):
        send_sms(sender="MIRAGES", phone="+33639980017", text=text, at=timezone.now())
    html = client.get(reverse("sandbox:sms")).content.decode()
    assert html.index("second") < html.index("premier")


def test_index_lists_the_test_cards(client):
    assert "4999 9900 0000 0015" in client.get(reverse("sandbox:index")).content.decode()
