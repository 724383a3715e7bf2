"""Operators import files, decide what nobody claims, and hand debits over."""

from datetime import date

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from billing.models import Entry, ImportFile, Objection, UnknownCredit
from billing.services.importing import MAX_FILE_BYTES
from billing.services.objection import object_to_debit
from billing.services.remind import remind
from billing.states import CollectionFileState, EntryKind, FeeRule, ImportKind, MandateState
from tests.billing.banking import (
    billed,
    booked,
    camt,
    csv_file,
    csv_line,
    debited,
    detail,
    entry,
    filed,
    imported,
)
from tests.billing.factories import make_account, noon
from tests.factories import operator, sign_in
from tests.support import run_jobs

pytestmark = pytest.mark.django_db
IMPORT = "admin:billing_importfile_import_file"


@pytest.fixture(autouse=True)
def _by_hand(settings):
    settings.BILLING_COLLECTOR = "pain008"


@pytest.fixture
def client():
    return sign_in(Client(), operator())


def send(client, kind, content, name="fichier.csv"):
    body = content.encode() if isinstance(content, str) else content
    data = {"kind": kind, "file": SimpleUploadedFile(name, body)}
    return client.post(reverse(IMPORT), data, follow=True)


def act(client, model, action, *rows):
    address = reverse(f"admin:billing_{model}_changelist")
    data = {"action": action, "_selected_action": [row.pk for row in rows]}
    return said(client.post(address, data, follow=True))


def said(response) -> str:
    return response.content.decode().replace("\u00a0", " ").replace("\u202f", " ")


def test_a_file_is_sent_read_by_a_worker_and_its_report_seen(client):
    account = make_account(at=noon(date(2026, 3, 1)))
    body = csv_file(
        csv_line(account, "N-1", date(2026, 3, 15), "10"), csv_line(account, "=2", date(2026, 3, 15), "x")
    )
    response = send(client, "transactions", body)
    assert "en cours de lecture" in said(response)
    run_jobs()
    upload = ImportFile.objects.get()
    page = client.get(reverse("admin:billing_importfile_change", args=[upload.pk]))
    assert page.status_code == 200
    lines = client.get(reverse("admin:billing_importline_changelist"), {"upload__id__exact": upload.pk})
    assert "Une cellule commence comme une formule" in said(lines)
    report = client.get(reverse("admin:billing_importfile_report", args=[upload.pk]))
    text = b"".join(report).decode()
    assert "3;Refusée;" in text
    again = send(client, "transactions", body)
    assert "déjà été importé" in said(again)
    assert ImportFile.objects.count() == 1


def test_what_is_no_such_file_is_said_beside_the_field(client):
    assert "vide" in said(send(client, "credits", b""))
    assert "XML" in said(send(client, "credits", "a;b"))
    assert not ImportFile.objects.exists()


def test_a_file_that_is_too_big_is_refused_at_the_door(client):
    assert "20 Mo" in said(send(client, "credits", b"<" * (MAX_FILE_BYTES + 1)))
    assert not ImportFile.objects.exists()


def test_an_unknown_credit_is_given_to_an_account_or_back(client):
    statement = billed()
    entries = [entry(detail("80.00", ref=f"Z-{number}"), amount="80.00") for number in range(2)]
    imported(ImportKind.CREDITS, camt(*entries), at=timezone.now())
    first, second = UnknownCredit.objects.order_by("pk")
    assert client.get(reverse("admin:billing_unknowncredit_changelist")).status_code == 200
    address = reverse("admin:billing_unknowncredit_assign", args=[first.pk])
    assert "Aucun compte" in said(client.post(address, {"account": "99999999"}))
    assert "huit chiffres" in said(client.post(address, {"account": "abc"}))
    first.refresh_from_db()
    assert first.state == "open"
    client.post(address, {"account": str(statement.account)})
    first.refresh_from_db()
    assert (first.state, first.account_id) == ("assigned", statement.account_id)
    assert "entre-temps" in said(client.post(address, {"account": str(statement.account)}, follow=True))
    assert "rendu" in act(client, "unknowncredit", "give_back", second)
    assert "déjà décidé" in act(client, "unknowncredit", "give_back", second)
    assert Entry.objects.filter(kind=EntryKind.PAYMENT).count() == 1
    assert client.get(reverse("admin:billing_unknowncredit_change", args=[first.pk])).status_code == 200


def test_a_file_of_debits_is_downloaded_and_handed_over(client):
    made = filed(debited(), sent=False)
    response = client.get(reverse("admin:billing_collectionfile_download", args=[made.pk]))
    assert b"pain.008.001.08" in response.content
    assert "no-store" in response["Cache-Control"]
    act(client, "collectionfile", "send", made)
    made.refresh_from_db()
    assert made.state == CollectionFileState.SENT
    assert "impossible dans son état" in act(client, "collectionfile", "cancel", made)


def test_a_file_that_was_called_off_is_not_downloaded(client):
    made = filed(debited(), sent=False)
    act(client, "collectionfile", "cancel", made)
    response = client.get(reverse("admin:billing_collectionfile_download", args=[made.pk]))
    assert response.status_code == 302


def test_an_objection_is_decided_once_with_an_answer(client):
    collection = booked(debited())
    object_to_debit(
        collection_id=collection.pk,
        holder_id=collection.statement.account.holder_id,
        reason="Faux",
        at=noon(collection.collect_on),
    )
    objection = Objection.objects.get()
    address = reverse("admin:billing_objection_change", args=[objection.pk])
    assert "Dites pourquoi" in said(client.post(address, {"decision": "unjustified", "reply": ""}))
    assert Objection.objects.get().state == "open"
    client.post(address, {"decision": "unjustified", "reply": "Le débit était annoncé."})
    assert Objection.objects.get().state == "unjustified"
    assert Entry.objects.get(rule=FeeRule.OBJECTION_UNJUSTIFIED).amount_minor == 3_000
    client.post(address, {"decision": "justified", "reply": "Non."})
    assert Objection.objects.get().state == "unjustified"


def test_a_mandate_is_ended_by_an_operator(client):
    mandate = debited().mandate
    act(client, "mandate", "stop", mandate)
    mandate.refresh_from_db()
    assert mandate.state == MandateState.ENDED


def test_every_page_opens_and_hides_whole_ibans(client):
    collection = booked(debited())
    remind(statement_id=billed().pk, level=1, at=noon(date(2026, 5, 1)))
    for model, row in (
        ("mandate", collection.mandate),
        ("collection", collection),
        ("collectionfile", collection.collection_file),
    ):
        listed = client.get(reverse(f"admin:billing_{model}_changelist"))
        page = client.get(reverse(f"admin:billing_{model}_change", args=[row.pk]))
        assert listed.status_code == page.status_code == 200
        assert collection.mandate.iban not in said(listed) + said(page)
    for model in ("objection", "reminder", "importline", "importfile"):
        assert client.get(reverse(f"admin:billing_{model}_changelist")).status_code == 200


def test_whoever_may_only_look_may_not_act():
    watcher = operator()
    type(watcher).objects.filter(pk=watcher.pk).update(is_superuser=False)
    seeing = sign_in(Client(), watcher)
    assert seeing.get(reverse(IMPORT)).status_code in {302, 403}
    made = filed(debited(), sent=False)
    act(seeing, "collectionfile", "send", made)
    made.refresh_from_db()
    assert made.state == CollectionFileState.READY
