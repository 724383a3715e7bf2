"""Looks at finished PDFs: pictures and text by PDFium, structure by pypdf."""

import io

import pypdfium2
from pypdf import PdfReader


def page_png(pdf: bytes, *, page: int = 0, dpi: int = 150, right_half: bool = False) -> bytes:
    """One page, or its right half, as people see it."""
    document = pypdfium2.PdfDocument(pdf)
    picture = document[page].render(scale=dpi / 72).to_pil()
    if right_half:
        picture = picture.crop((picture.width // 2, 0, picture.width, picture.height))
    target = io.BytesIO()
    picture.save(target, "PNG")
    return target.getvalue()


def text_of(pdf: bytes) -> str:
    """The text of all pages, with ordinary spaces."""
    document = pypdfium2.PdfDocument(pdf)
    pages = [page.get_textpage().get_text_range() for page in document]
    return " ".join(" ".join(pages).replace("\ufffe", "-").split())


def reader(pdf: bytes) -> PdfReader:
    return PdfReader(io.BytesIO(pdf), strict=True)


def fonts_embedded(pdf: bytes) -> dict[str, bool]:
    """Every font's name, and whether its file is inside."""
    fonts = {}
    for page in reader(pdf).pages:
        for reference in page["/Resources"]["/Font"].values():
            for descendant in reference.get_object()["/DescendantFonts"]:
                descriptor = descendant.get_object()["/FontDescriptor"]
                fonts[descriptor["/FontName"]] = bool({"/FontFile2", "/FontFile3"} & set(descriptor))
    return fonts


def structure_types(pdf: bytes) -> set[str]:
    """The kinds of elements in the structure tree."""
    kinds: set[str] = set()
    todo = [reader(pdf).trailer["/Root"]["/StructTreeRoot"]]
    while todo:
        element = todo.pop().get_object()
        if isinstance(element, list):
            todo += element
        elif hasattr(element, "get"):
            kinds.add(str(element.get("/S", "")).lstrip("/"))
            todo += [element["/K"]] if "/K" in element else []
    return kinds - {""}
