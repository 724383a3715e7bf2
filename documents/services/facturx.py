"""Invoices and credit notes as Factur-X: a page for people, and its EN 16931 XML inside, in PDF/A-3b."""

from datetime import UTC, datetime, time
from typing import Any

from django.conf import settings
from django.utils import translation
from django.utils.translation import gettext

from documents.services import render
from documents.services.facturx_xml import invoice_xml
from documents.services.invoice import (
    InvoiceData,
    InvoiceKind,
    InvoiceLine,
    Party,
    PaymentMeans,
    PrecedingInvoice,
    VatTreatment,
    check_complete,
    compute_figures,
)

__all__ = [
    "InvoiceData",
    "InvoiceKind",
    "InvoiceLine",
    "Party",
    "PaymentMeans",
    "PrecedingInvoice",
    "VatTreatment",
    "build_invoice_pdf",
    "our_company",
]

XML_NAME = "factur-x.xml"  # the name that the standard fixes
# The extension schema that PDF/A asks for before it lets `fx:` properties into the metadata.
FX_METADATA = b"""
<rdf:Description rdf:about="" xmlns:fx="urn:factur-x:pdfa:CrossIndustryDocument:invoice:1p0#">
<fx:DocumentType>INVOICE</fx:DocumentType><fx:DocumentFileName>factur-x.xml</fx:DocumentFileName>
<fx:Version>1.0</fx:Version><fx:ConformanceLevel>EN 16931</fx:ConformanceLevel></rdf:Description>
<rdf:Description rdf:about="" xmlns:pdfaExtension="http://www.aiim.org/pdfa/ns/extension/"
 xmlns:pdfaSchema="http://www.aiim.org/pdfa/ns/schema#" xmlns:pdfaProperty="http://www.aiim.org/pdfa/ns/property#">
<pdfaExtension:schemas><rdf:Bag><rdf:li rdf:parseType="Resource">
<pdfaSchema:schema>Factur-X PDFA Extension Schema</pdfaSchema:schema>
<pdfaSchema:namespaceURI>urn:factur-x:pdfa:CrossIndustryDocument:invoice:1p0#</pdfaSchema:namespaceURI>
<pdfaSchema:prefix>fx</pdfaSchema:prefix><pdfaSchema:property><rdf:Seq>%s</rdf:Seq></pdfaSchema:property>
</rdf:li></rdf:Bag></pdfaExtension:schemas></rdf:Description>
""" % b"".join(
    b'<rdf:li rdf:parseType="Resource"><pdfaProperty:name>%s</pdfaProperty:name>'
    b"<pdfaProperty:valueType>Text</pdfaProperty:valueType><pdfaProperty:category>external"
    b"</pdfaProperty:category><pdfaProperty:description>%s</pdfaProperty:description></rdf:li>" % row
    for row in (
        (b"DocumentFileName", b"The name of the embedded XML document"),
        (b"DocumentType", b"The type of the hybrid document in capital letters"),
        (b"Version", b"The version of the standard applying to the embedded XML document"),
        (b"ConformanceLevel", b"The conformance level of the embedded XML document"),
    )
)


def build_invoice_pdf(invoice: InvoiceData) -> bytes:
    """The Factur-X file of `invoice`: EN 16931 XML in a tagged PDF/A-3b.

    `invoice.number` comes from `documents.services.number`. Refuses `InvoiceIncomplete`.
    CPU only (tens of milliseconds): for a worker.
    """
    check_complete(invoice)
    made_at = datetime.combine(invoice.issued_on, time(12), tzinfo=UTC)
    xml = render.AttachedFile(XML_NAME, invoice_xml(invoice), "Factur-X EN 16931", "Data", made_at)
    document = render.lay_out(
        template="pdf/invoice_service.html" if invoice.is_service else "pdf/invoice.html",
        context=_context(invoice),
        language=invoice.language,
        metadata=render.PdfMetadata(title=_title(invoice), author=invoice.seller.name, created_at=made_at),
    )
    _announce_facturx(document)
    return render.write(document, attachments=[xml], pdf_variant="pdf/a-3b", finisher=_finish)


def our_company() -> Party:
    """The seller, from the SELLER_* settings."""
    return Party(
        name=settings.SELLER_NAME,
        address=tuple(settings.SELLER_ADDRESS),
        postcode=settings.SELLER_POSTCODE,
        city=settings.SELLER_CITY,
        country=settings.SELLER_COUNTRY,
        email=settings.SUPPORT_EMAIL,
        siret=settings.SELLER_SIRET,
        vat_number=settings.SELLER_VAT_NUMBER,
        legal_form=settings.SELLER_LEGAL_FORM,
    )


def _context(invoice: InvoiceData) -> dict[str, Any]:
    sold = {line.vat_treatment for line in invoice.lines}
    return {
        "invoice": invoice,
        "figures": compute_figures(invoice),
        "multi_purpose": VatTreatment.MULTI_PURPOSE in sold,
        "single_purpose": VatTreatment.SINGLE_PURPOSE in sold,
    }


def _title(invoice: InvoiceData) -> str:
    with translation.override(invoice.language):
        kind = gettext("Avoir") if invoice.is_credit_note else gettext("Facture")
    return f"{kind} {invoice.number}"


def _announce_facturx(document: Any) -> None:
    """Write into the one rdf:RDF: WeasyPrint's `xmp_metadata` starts a second, which strict readers miss."""
    metadata = document.metadata
    generate = metadata.generate_rdf_metadata

    def with_facturx(*args: Any) -> bytes:
        rdf: bytes = generate(*args)
        return rdf.replace(b"</rdf:RDF>", FX_METADATA + b"</rdf:RDF>")

    metadata.generate_rdf_metadata = with_facturx


def _finish(document: Any, pdf: Any) -> None:
    """WeasyPrint names each attachment twice in /AF, and guesses its type from the machine's own table."""
    pdf.catalog["AF"][:] = dict.fromkeys(pdf.catalog["AF"])
    for item in pdf.objects:
        extra = getattr(item, "extra", None)
        if extra and extra.get("Type") == "/EmbeddedFile":
            extra["Subtype"] = "/text#2fxml"
