"""The sheet to print: drawn by a worker, sealed, in the reader's language, for the holder only."""

from io import BytesIO

import pytest
from django.urls import reverse
from pypdf import PdfReader

from documents.models import StoredDocument
from tests.support import run_jobs
from tests.wallet.factories import make_card, make_user

pytestmark = pytest.mark.django_db


def test_a_worker_draws_the_sheet_when_the_card_is_issued_and_it_is_served_from_there(client):  # S3.9
    ada = make_user()
    card = make_card(ada)
    run_jobs()
    stored = StoredDocument.objects.get(kind="ecard")
    assert b"%PDF" not in bytes(stored.content)
    client.force_login(ada)
    response = client.get(reverse("wallet:pdf", args=[card.pk]))
    assert response.content.startswith(b"%PDF")
    assert f'filename="e-carte-{card.last4}.pdf"' in response["Content-Disposition"]
    assert "no-store" in response["Cache-Control"]
    assert StoredDocument.objects.filter(kind="ecard").count() == 1


def test_a_reader_in_english_gets_an_english_sheet(client):
    languages = []
    for language in ("fr", "en"):
        ada = make_user(language=language)
        client.force_login(ada)
        client.cookies.pop("django_language", None)
        headers = {"accept-language": language}
        sheet = client.get(reverse("wallet:pdf", args=[make_card(ada).pk]), headers=headers).content
        languages.append(PdfReader(BytesIO(sheet)).root_object["/Lang"])
    assert languages == ["fr", "en"]


def test_before_the_worker_came_the_sheet_is_drawn_at_once(client):
    ada = make_user()
    card = make_card(ada)
    client.force_login(ada)
    assert client.get(reverse("wallet:pdf", args=[card.pk])).content.startswith(b"%PDF")
    run_jobs()
    assert StoredDocument.objects.filter(kind="ecard").count() == 1
