"""Rendering opens nothing outside the document, and works with the fonts of a bare machine."""

import io
import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from django.conf import settings
from django.template import engines
from django.test import override_settings
from PIL import Image

from documents.errors import RenderingFailed
from documents.services.barcode import data_uri
from documents.services.render import AttachedFile, PdfMetadata, render_pdf
from tests.pdfs import fonts_embedded, page_png, reader, structure_types, text_of

ROOT = Path(settings.BASE_DIR)
PIXEL = "data:image/gif;base64,R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7"
PAGE = '<html lang="{{ language }}"><body><h1>Éditée à {{ city }}</h1>{{ extra|safe }}</body></html>'


@pytest.fixture
def rendered():
    """Renders a small template that exists in memory only."""
    loaders = [("django.template.loaders.locmem.Loader", {"page.html": PAGE})]
    loaders.append("django.template.loaders.filesystem.Loader")
    templates = [{**settings.TEMPLATES[0], "APP_DIRS": False}]
    templates[0]["OPTIONS"] = {**templates[0]["OPTIONS"], "loaders": loaders}

    def render(extra="", **options):
        metadata = PdfMetadata(
            "Un titre", "Une autrice", "Un sujet", ("un", "deux"), datetime(2026, 7, 1, tzinfo=UTC)
        )
        context = {"city": "Évian", "extra": extra}
        return render_pdf(template="page.html", context=context, language="en", metadata=metadata, **options)

    with override_settings(TEMPLATES=templates):
        engines._engines = {}
        yield render


def test_a_document_has_its_language_metadata_tags_and_fonts(rendered):
    pdf = rendered()
    root, info = reader(pdf).trailer["/Root"], reader(pdf).metadata
    assert (root["/Lang"], root["/MarkInfo"]["/Marked"]) == ("en", True)
    assert (info.title, info.author, info.subject) == ("Un titre", "Une autrice", "Un sujet")
    assert info.creation_date == datetime(2026, 7, 1, tzinfo=UTC)
    assert "H1" in structure_types(pdf)
    assert fonts_embedded(pdf)
    assert all(fonts_embedded(pdf).values())
    assert "Éditée à Évian" in text_of(pdf)


@pytest.mark.parametrize(
    "extra",
    [
        '<img alt="" src="https://example.invalid/a.png">',
        '<img alt="" src="http://127.0.0.1:1/a.png">',
        '<img alt="" src="file:///etc/passwd">',
        '<img alt="" src="ftp://example.invalid/a.png">',
        '<link rel="stylesheet" href="file:///etc/hostname">',
        "<style>@import url(https://example.invalid/a.css);</style>",
        "<style>h1 { background: url(file:///etc/passwd) }</style>",
        '<object data="file:///etc/passwd"></object>',
    ],
)
def test_a_foreign_address_stops_the_rendering(rendered, extra):
    with pytest.raises(RenderingFailed):
        rendered(extra)


def test_a_picture_inside_a_picture_is_not_opened(rendered, tmp_path):
    Image.new("RGB", (9, 9), "red").save(tmp_path / "red.png")
    nested = (
        '<svg xmlns="http://www.w3.org/2000/svg" width="90" height="90">'
        f'<image href="file://{tmp_path}/red.png" width="90" height="90"/></svg>'
    )
    pdf = rendered(f'<img alt="x" src="{data_uri(nested)}">')
    colours = Image.open(io.BytesIO(page_png(pdf))).convert("RGB").getcolors(1 << 20)
    assert (255, 0, 0) not in {colour for _, colour in colours}


def test_a_page_cannot_attach_a_file_of_the_machine(rendered):
    pdf = rendered('<link rel="attachment" href="file:///etc/passwd">')
    assert not reader(pdf).attachments


def test_data_addresses_are_let_through(rendered):
    assert rendered(f'<img alt="point" src="{PIXEL}">').startswith(b"%PDF")


def test_files_can_be_attached(rendered):
    pdf = rendered(attachments=[AttachedFile("figures.csv", b"a;b", "Des données", "Supplement")])
    assert reader(pdf).attachments == {"figures.csv": [b"a;b"]}


def test_the_web_process_does_not_load_the_engine():
    code = (
        "import django, sys; django.setup(); import documents.services.ecard, documents.services.facturx;"
        "from django.urls import get_resolver; get_resolver().url_patterns;"
        "print([name for name in ('weasyprint', 'facturx', 'lxml', 'pypdf') if name in sys.modules])"
    )
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "config.settings", "MIRABELLE_MODE": "test"}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


def test_accents_survive_on_a_machine_with_one_font_family(tmp_path):
    """Bare Debian brings DejaVu alone."""
    dejavu = Path("/usr/share/fonts/truetype/dejavu")
    if not dejavu.exists():
        pytest.skip("needs Debian's fonts-dejavu-core in its usual place")
    (tmp_path / "fonts.conf").write_text(
        f"<fontconfig><dir>{dejavu}</dir><cachedir>{tmp_path}</cachedir></fontconfig>"
    )
    code = (
        "import django, sys; django.setup(); from tests.documents.samples import an_ecard;"
        "from documents.services.ecard import build_ecard_pdf;"
        "sys.stdout.buffer.write(build_ecard_pdf(an_ecard()))"
    )
    environment = {
        **os.environ,
        "FONTCONFIG_FILE": str(tmp_path / "fonts.conf"),
        "DJANGO_SETTINGS_MODULE": "config.settings",
        "MIRABELLE_MODE": "test",
    }
    pdf = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=environment, capture_output=True, check=True
    ).stdout
    assert all("DejaVu" in name for name in fonts_embedded(pdf))
    assert "Votre e-Carte Encore plus d'économies" in text_of(pdf)
    assert len(reader(pdf).pages) == 1
    assert page_png(pdf)
