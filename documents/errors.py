"""What documents refuse."""

from kernel.errors import DomainError


class BarcodeTextUnfit(DomainError):
    """The text is empty, too long, or has characters that the symbology can't carry."""


class PhotoTooLarge(DomainError):
    """The photograph has more bytes or pixels than are looked at."""


class PhotoUnreadable(DomainError):
    """The file is no JPEG, PNG or WebP picture, or a damaged one."""


class RenderingFailed(DomainError):
    """The template asked for something outside itself, or the engine could not lay it out."""


class DocumentDamaged(DomainError):
    """The stored bytes are not those that were stored."""


class InvoiceIncomplete(DomainError):
    """An invoice lacks what the law or the standard requires; the message names it."""


class SlipUnfit(DomainError):
    """The payment slip is not what the standard of QR-bills allows; the message names it."""
