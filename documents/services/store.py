"""Keep finished files, each once per kind and reference."""

import hashlib
from collections.abc import Sequence

from documents.models import StoredDocument
from documents.selectors import binding
from kernel.seal import newest_key_id, seal


def store(*, kind: str, ref: str, content: bytes, filename: str, secret: bool = False) -> None:
    """Keep `content` as the document (kind, ref), sealed at rest when `secret`.

    The first one stays, so a repeated job changes nothing.
    """
    made = StoredDocument(
        kind=kind,
        ref=ref,
        filename=filename,
        content=_sealed(kind, ref, content) if secret else content,
        seal_key=newest_key_id() if secret else "",
        sha256=hashlib.sha256(content).hexdigest(),
        size=len(content),
    )
    StoredDocument.objects.bulk_create([made], ignore_conflicts=True)


def discard(*, kind: str, refs: Sequence[str]) -> int:
    """Forget documents that would be made differently today (a card changed hands); how many there were."""
    gone, _ = StoredDocument.objects.filter(kind=kind, ref__in=refs).delete()
    return gone


def _sealed(kind: str, ref: str, content: bytes) -> bytes:
    return seal(content, bound_to=binding(kind, ref)).encode()
