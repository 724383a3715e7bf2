"""A terminal's activation code as paper: drawn by a worker, sealed at rest, forgotten once it was used."""

from django.conf import settings

from documents.services.barcode import data_uri, qr_svg
from documents.services.store import store
from kernel.seal import unseal_text
from merchants.models import Terminal
from merchants.services.activation import DRAWING, binding, paper_ref


def draw_activation(ref: str) -> None:
    """Draw the paper that `ref` names, keep it, and wipe the code; nothing if that was replaced or used."""
    terminal = Terminal.objects.select_related("outlet__merchant").get(pk=int(ref.partition(":")[0]))
    if paper_ref(terminal) != ref or not terminal.activation_sealed:
        return
    store(
        kind=DRAWING, ref=ref, content=_pdf(terminal), filename=f"activation-{terminal.tid}.pdf", secret=True
    )
    Terminal.objects.filter(pk=terminal.pk, activation=terminal.activation).update(activation_sealed="")


def _pdf(terminal: Terminal) -> bytes:
    # WeasyPrint is heavy to load: only the process that draws pays for it.
    from django.utils import translation
    from django.utils.translation import gettext

    from documents.services.render import PdfMetadata, render_pdf

    code = unseal_text(terminal.activation_sealed, bound_to=binding(terminal.pk))
    language = terminal.outlet.merchant.language
    address = f"{settings.SITE_URL}/terminal/activation/?tid={terminal.tid}"
    with translation.override(language):
        title = gettext("Activation du terminal %(tid)s") % {"tid": terminal.tid}
    return render_pdf(
        template="pdf/activation.html",
        context={
            "terminal": terminal,
            "outlet": terminal.outlet,
            "merchant": terminal.outlet.merchant,
            "code": f"{code[:4]} {code[4:8]} {code[8:]}",
            "address": address,
            "qr": data_uri(qr_svg(address)),
            "expires_at": terminal.activation_expires_at,
        },
        language=language,
        metadata=PdfMetadata(title=title, author="Mirabelle"),
    )
