"""Finished files, read back."""

import hashlib
from dataclasses import dataclass
from datetime import datetime

from documents.errors import DocumentDamaged
from documents.models import StoredDocument
from kernel.seal import unseal


@dataclass(frozen=True)
class Document:
    """A finished file, opened. `sha256` (hex, of `content`) serves as its ETag."""

    filename: str
    content: bytes
    sha256: str
    made_at: datetime


def document(kind: str, ref: str) -> Document | None:
    """The document (kind, ref), or None. One query. Refuses `DocumentDamaged` and what `unseal` refuses."""
    row = StoredDocument.objects.filter(kind=kind, ref=ref).first()
    if row is None:
        return None
    content = plain_content(row)
    if hashlib.sha256(content).hexdigest() != row.sha256:
        raise DocumentDamaged(f"{kind} {ref}")
    return Document(row.filename, content, row.sha256, row.made_at)


def document_exists(kind: str, ref: str) -> bool:
    """Whether the document is made already. One query, without its bytes."""
    return StoredDocument.objects.filter(kind=kind, ref=ref).exists()


def plain_content(row: StoredDocument) -> bytes:
    """The bytes of `row`, opened when they are sealed."""
    content = bytes(row.content)  # PostgreSQL hands out a memoryview
    return unseal(content.decode(), bound_to=binding(row.kind, row.ref)) if row.seal_key else content


def binding(kind: str, ref: str) -> str:
    """What a sealed document is bound to."""
    return f"documents.document:{kind}:{ref}"
