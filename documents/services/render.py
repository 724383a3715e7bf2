"""HTML templates to PDF: tagged, with embedded fonts, a language, metadata and attached files."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from django.template.loader import render_to_string
from django.utils import translation

from documents.services.artwork import brand_mark

STYLESHEET = "pdf/pdf.css"
Finisher = Any  # engine.Finisher, which can't be imported here without loading WeasyPrint


@dataclass(frozen=True)
class PdfMetadata:
    """What a reader's properties window shows, and screen readers say first."""

    title: str
    author: str = ""
    subject: str = ""
    keywords: Sequence[str] = ()
    created_at: datetime | None = None


@dataclass(frozen=True)
class AttachedFile:
    """A file inside the PDF. `relationship` is an AFRelationship of PDF/A-3, such as `Data`."""

    name: str
    content: bytes
    description: str = ""
    relationship: str = "Unspecified"
    at: datetime | None = None


def render_pdf(
    *,
    template: str,
    context: Mapping[str, Any],
    language: str,
    metadata: PdfMetadata,
    attachments: Sequence[AttachedFile] = (),
    pdf_variant: str | None = "pdf/ua-1",
) -> bytes:
    """The PDF of `template` with `pdf/pdf.css`, in `language`. No network, no files: `data:` addresses only.

    Refuses `RenderingFailed`. CPU only: run it in a worker, never in a request or a transaction.
    """
    document = lay_out(template=template, context=context, language=language, metadata=metadata)
    return write(document, attachments=attachments, pdf_variant=pdf_variant)


def lay_out(*, template: str, context: Mapping[str, Any], language: str, metadata: PdfMetadata) -> Any:
    """The laid-out document, for callers that adjust it before `write`."""
    from documents.services import engine

    with translation.override(language):
        shared = {"language": language, "title": metadata.title, "mark": brand_mark()}
        html = render_to_string(template, {**context, **shared})
    document = engine.lay_out(html, _css())
    _describe(document.metadata, metadata, language)
    return document


def write(
    document: Any,
    *,
    attachments: Sequence[AttachedFile] = (),
    pdf_variant: str | None = None,
    finisher: Finisher = None,
) -> bytes:
    """The PDF of `document`, tagged whatever the variant."""
    from weasyprint import Attachment

    from documents.services import engine

    document.metadata.attachments = [
        Attachment(
            string=file.content,
            name=file.name,
            description=file.description,
            relationship=file.relationship,
            created=file.at,
            modified=file.at,
        )
        for file in attachments
    ]
    return engine.write(document, finisher=finisher, pdf_variant=pdf_variant, pdf_tags=True)


def _describe(target: Any, metadata: PdfMetadata, language: str) -> None:
    target.title, target.lang = metadata.title, language
    target.authors = [metadata.author] if metadata.author else []
    target.description, target.keywords = metadata.subject or None, list(metadata.keywords)
    if metadata.created_at:
        target.created = target.modified = metadata.created_at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


@lru_cache(maxsize=1)
def _css() -> str:
    return render_to_string(STYLESHEET)
