"""Finished files stay as they were made; secret ones are sealed."""

import base64

import pytest

from documents.errors import DocumentDamaged
from documents.models import StoredDocument
from documents.selectors import document, document_exists
from documents.services.reseal import SEALED
from documents.services.store import discard, store
from kernel.seal import SealBroken

pytestmark = pytest.mark.django_db
SECRET = b"%PDF 5032 1234 5678 1234 7118 \x00\xff"
NEW_KEY = "new:" + base64.b64encode(b"n" * 32).decode()


def keep(ref="1", *, content=SECRET, secret=True):
    store(kind="ecard", ref=ref, content=content, filename="carte.pdf", secret=secret)


def test_a_document_comes_back_as_it_was_stored():
    keep(secret=False)
    found = document("ecard", "1")
    assert found is not None
    assert (found.content, found.filename, len(found.sha256)) == (SECRET, "carte.pdf", 64)


def test_what_is_not_there_is_none():
    assert document("ecard", "1") is None
    assert not document_exists("ecard", "1")


def test_the_first_document_of_a_reference_stays():
    keep()
    keep(content=b"another")
    assert document("ecard", "1").content == SECRET
    assert StoredDocument.objects.count() == 1


def test_a_secret_is_sealed_at_rest_and_bound_to_its_reference():
    keep("1")
    keep("2", content=b"other")
    first, second = StoredDocument.objects.order_by("ref")
    assert b"7118" not in bytes(first.content)
    assert document("ecard", "1").content == SECRET
    StoredDocument.objects.filter(pk=second.pk).update(content=first.content)
    with pytest.raises(SealBroken):
        document("ecard", "2")


def test_changed_bytes_are_noticed():
    keep(secret=False)
    StoredDocument.objects.update(content=b"changed")
    with pytest.raises(DocumentDamaged):
        document("ecard", "1")


def test_discarding_forgets_those_named_only():
    keep("1")
    keep("2")
    assert discard(kind="ecard", refs=["1", "absent"]) == 1
    assert document("ecard", "1") is None
    assert document_exists("ecard", "2")


def test_reading_takes_one_query(django_assert_num_queries):
    keep()
    with django_assert_num_queries(1):
        document("ecard", "1")


def test_after_a_new_key_all_secrets_are_sealed_again_and_the_old_key_can_go(settings):
    [documents] = SEALED
    old = list(settings.SEAL_KEYS)
    for ref in "123":
        keep(ref)
    keep("clear", secret=False)
    settings.SEAL_KEYS = [NEW_KEY, *old]
    assert [documents.reseal(limit=2) for _ in range(3)] == [2, 1, 0]
    settings.SEAL_KEYS = [NEW_KEY]
    assert all(document("ecard", ref).content == SECRET for ref in ["1", "2", "3", "clear"])
