"""The states of orders, payments and refunds, and the steps allowed between them."""

from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _

from kernel.states import Machine


class OrderState(TextChoices):
    """What the customer sees is the label (S3.7)."""

    CART = "cart", _("Panier")
    AWAITING_PAYMENT = "awaiting_payment", _("En attente de confirmation de paiement")
    PAYMENT_REVIEW = "payment_review", _("Paiement en cours de vérification")
    VALIDATED = "validated", _("Validé")
    FULFILLING = "fulfilling", _("Cartes en préparation")
    FULFILLED = "fulfilled", _("Activé")
    CANCELLED = "cancelled", _("Annulé")
    EXPIRED = "expired", _("Expiré")
    REFUND_PENDING = "refund_pending", _("Remboursement en cours")
    REFUNDED = "refunded", _("Remboursé")


class PaymentState(TextChoices):
    CREATED = "created", _("Créé")
    REDIRECTED = "redirected", _("Envoyé à la banque")
    PENDING = "pending", _("En attente")
    SUCCEEDED = "succeeded", _("Payé")
    FAILED = "failed", _("Paiement refusé")
    CANCELLED = "cancelled", _("Annulé")
    EXPIRED = "expired", _("Expiré")
    PARTLY_REFUNDED = "partly_refunded", _("Remboursé en partie")
    REFUNDED = "refunded", _("Remboursé")
    DISPUTED = "disputed", _("Contesté")
    CHARGED_BACK = "charged_back", _("Repris par la banque")


class RefundState(TextChoices):
    REQUESTED = "requested", _("Demandé")
    SUCCEEDED = "succeeded", _("Fait")
    FAILED = "failed", _("Échoué")


class BulkState(TextChoices):
    """A grouped order (S0.5). `ordered` while its order lives; `sent` when every link has left."""

    READING = "reading", _("Lecture du fichier")
    REFUSED = "refused", _("Fichier refusé")
    CHECKED = "checked", _("À vérifier")
    ORDERED = "ordered", _("Commandée")
    SENT = "sent", _("Liens envoyés")
    CLOSED = "closed", _("Liste close")


_O, _P, _R = OrderState, PaymentState, RefundState

ORDER_MACHINE = Machine[OrderState](
    {
        _O.CART: frozenset({_O.AWAITING_PAYMENT}),
        _O.AWAITING_PAYMENT: frozenset({_O.VALIDATED, _O.PAYMENT_REVIEW, _O.CANCELLED, _O.EXPIRED}),
        _O.EXPIRED: frozenset({_O.VALIDATED, _O.PAYMENT_REVIEW, _O.CANCELLED}),
        _O.PAYMENT_REVIEW: frozenset({_O.VALIDATED, _O.REFUND_PENDING, _O.CANCELLED}),
        _O.VALIDATED: frozenset({_O.FULFILLING, _O.FULFILLED, _O.REFUND_PENDING}),
        _O.FULFILLING: frozenset({_O.FULFILLED, _O.REFUND_PENDING}),
        _O.FULFILLED: frozenset({_O.REFUND_PENDING}),
        _O.REFUND_PENDING: frozenset({_O.REFUNDED}),
    }
)

_ENDED = {_P.SUCCEEDED, _P.FAILED, _P.CANCELLED, _P.EXPIRED}
PAYMENT_MACHINE = Machine[PaymentState](
    {
        _P.CREATED: frozenset({_P.REDIRECTED, _P.PENDING} | _ENDED),
        _P.REDIRECTED: frozenset({_P.PENDING} | _ENDED),
        _P.PENDING: frozenset(_ENDED),
        # The bank may still succeed after it said no, or after we gave up waiting.
        _P.FAILED: frozenset({_P.SUCCEEDED}),
        _P.CANCELLED: frozenset({_P.SUCCEEDED}),
        _P.EXPIRED: frozenset({_P.SUCCEEDED}),
        _P.SUCCEEDED: frozenset({_P.PARTLY_REFUNDED, _P.REFUNDED, _P.DISPUTED, _P.CHARGED_BACK}),
        _P.PARTLY_REFUNDED: frozenset({_P.REFUNDED, _P.DISPUTED, _P.CHARGED_BACK}),
        _P.DISPUTED: frozenset({_P.SUCCEEDED, _P.PARTLY_REFUNDED, _P.REFUNDED, _P.CHARGED_BACK}),
    }
)
OPEN_PAYMENTS = (_P.CREATED, _P.REDIRECTED, _P.PENDING)  # may still be paid without surprise
RECEIVED_PAYMENTS = (_P.SUCCEEDED, _P.PARTLY_REFUNDED, _P.REFUNDED, _P.DISPUTED, _P.CHARGED_BACK)
CONTESTED_PAYMENTS = (_P.DISPUTED, _P.CHARGED_BACK)  # their money is with the bank, not with us

REFUND_MACHINE = Machine[RefundState](
    {
        _R.REQUESTED: frozenset({_R.SUCCEEDED, _R.FAILED}),
        _R.FAILED: frozenset({_R.REQUESTED}),
    }
)

_B = BulkState
BULK_MACHINE = Machine[BulkState](
    {
        _B.READING: frozenset({_B.READING, _B.REFUSED, _B.CHECKED, _B.CLOSED}),
        _B.REFUSED: frozenset({_B.READING, _B.CLOSED}),
        _B.CHECKED: frozenset({_B.READING, _B.ORDERED, _B.CLOSED}),
        # Back when its order ended unpaid; closed when it was refunded before every link had left.
        _B.ORDERED: frozenset({_B.CHECKED, _B.SENT, _B.CLOSED}),
    }
)
