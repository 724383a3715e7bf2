"""What documents keep sealed, for `rotate_keys`."""

from typing import Any

from django.db.models import QuerySet

from documents.models import StoredDocument
from documents.selectors import binding, plain_content
from kernel.reseal import Sealed
from kernel.seal import newest_key_id, seal


def _stale() -> QuerySet[Any]:
    return StoredDocument.objects.exclude(seal_key__in=["", newest_key_id()])


def _renew(row: StoredDocument) -> None:
    row.content = seal(plain_content(row), bound_to=binding(row.kind, row.ref)).encode()
    row.seal_key = newest_key_id()


SEALED = (Sealed("documents", StoredDocument, ("content", "seal_key"), _stale, _renew, at_once=50),)
