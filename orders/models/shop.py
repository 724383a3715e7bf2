"""Products, discount agreements, orders and their payments."""

import uuid

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from orders.states import OPEN_PAYMENTS, OrderState, PaymentState, RefundState


class VatTreatment(models.TextChoices):
    """When VAT falls due on a voucher (S3.11)."""

    MULTI_PURPOSE = "mpv", _("Bon à usages multiples : pas de TVA à la vente")
    SINGLE_PURPOSE = "spv", _("Bon à usage unique : TVA à la vente")


class Artwork(models.TextChoices):
    """The drawings of static/art."""

    ECARD = "ecard", _("Mirabelle")
    MARKET = "marche", _("Marché")
    HOME = "maison", _("Maison")
    GARDEN = "jardin", _("Jardin")
    SPORT = "sport", _("Sport")
    CULTURE = "culture", _("Culture")
    CINEMA = "cinema", _("Cinéma")
    ALPINE = "alpine", _("Alpage")


class Product(models.Model):  # type: ignore[django-manager-missing]
    """What the shop sells. Amounts in minor units of `currency`."""

    slug = models.SlugField(unique=True)
    name = models.CharField(_("nom"), max_length=120)
    brand = models.CharField(_("enseigne"), max_length=80)
    category = models.SlugField(_("catégorie"), default="ecartes")
    artwork = models.CharField(_("dessin"), max_length=40, choices=Artwork, default=Artwork.ECARD)
    lead = models.CharField(_("accroche"), max_length=200, blank=True)
    where_usable = models.TextField(_("où l'utiliser"), blank=True)
    exclusions = models.CharField(_("exclusions"), max_length=200, blank=True)
    terms = models.TextField(_("validité et remboursement"), blank=True)
    currency = models.CharField(_("devise"), max_length=3, default="EUR")
    presets = models.JSONField(_("montants proposés (centimes)"), default=list)
    min_minor = models.PositiveIntegerField(_("montant minimum (centimes)"))
    max_minor = models.PositiveIntegerField(_("montant maximum (centimes)"))
    step_minor = models.PositiveIntegerField(_("pas (centimes)"), default=1)
    max_quantity = models.PositiveSmallIntegerField(_("quantité maximum par ligne"), default=20)
    validity_months = models.PositiveSmallIntegerField(_("validité (mois)"), default=12)
    vat_treatment = models.CharField(
        _("TVA"), max_length=3, choices=VatTreatment, default=VatTreatment.MULTI_PURPOSE
    )
    vat_rate_bp = models.PositiveIntegerField(_("taux de TVA (points de base)"), default=0)
    issuer = models.CharField(_("émetteur"), max_length=40, default="own")
    position = models.PositiveSmallIntegerField(_("rang"), default=0)
    is_active = models.BooleanField(_("en vente"), default=True)

    class Meta:
        verbose_name = _("produit")
        verbose_name_plural = _("produits")
        ordering = ["position", "id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(min_minor__gt=0, max_minor__gte=F("min_minor"), step_minor__gt=0),
                name="product_limits_make_sense",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def holds_places(self) -> bool:
        """Its cards hold cinema places; what is paid for them is no value of theirs (S2.2)."""
        return self.issuer.startswith("places:")

    @property
    def is_endless(self) -> bool:
        """Prepaid cards are good for ever (S0.1)."""
        return self.issuer == "prepaid"


class DiscountAgreement(models.Model):
    """The discount that one CSE negotiated on one product, between two dates (both included)."""

    organisation = models.ForeignKey("accounts.Organisation", on_delete=models.PROTECT, related_name="+")
    product = models.ForeignKey(Product, on_delete=models.PROTECT, related_name="agreements")
    rate_bp = models.PositiveIntegerField(_("remise (points de base)"))
    starts_on = models.DateField(_("début"))
    ends_on = models.DateField(_("fin"), null=True, blank=True)
    monthly_ceiling_minor = models.PositiveIntegerField(
        _("plafond mensuel par adhérent (centimes)"), null=True, blank=True
    )

    class Meta:
        verbose_name = _("remise négociée")
        verbose_name_plural = _("remises négociées")
        constraints = [
            models.CheckConstraint(condition=Q(rate_bp__lte=10_000), name="discount_at_most_all"),
            models.CheckConstraint(
                condition=Q(ends_on__isnull=True) | Q(ends_on__gte=F("starts_on")),
                name="discount_ends_after_start",
            ),
        ]


class TermsVersion(models.Model):  # type: ignore[django-manager-missing]
    """One text of the general terms of sale (CGV). A draft has no date; once published it is never edited."""

    number = models.PositiveIntegerField(_("version"), unique=True)
    text = models.TextField(_("texte"))
    published_at = models.DateTimeField(_("publiée le"), null=True, blank=True)

    class Meta:
        verbose_name = _("conditions générales de vente")
        verbose_name_plural = _("conditions générales de vente")

    def __str__(self) -> str:
        return f"CGV {self.number}"


class Order(models.Model):
    """A cart, then an order. `CMD-<pk>` is its number. Totals are frozen when it is placed."""

    customer = models.ForeignKey(
        settings.AUTH_USER_MODEL, verbose_name=_("client"), on_delete=models.PROTECT, related_name="+"
    )
    organisation = models.ForeignKey(
        "accounts.Organisation", verbose_name=_("CSE"), on_delete=models.PROTECT, null=True, related_name="+"
    )
    # Seats of a screening that are paid at full price; such an order never was a cart (S2.5).
    booking = models.OneToOneField(
        "wallet.Booking",
        verbose_name=_("réservation"),
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
    )
    # The prepaid card that it loads; such an order never was a cart either (S0.1).
    loads = models.ForeignKey(
        "wallet.Card",
        verbose_name=_("carte rechargée"),
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
    )
    # The grouped order that it pays; never a cart either. One that ended unpaid may be followed by another.
    bulk = models.ForeignKey(
        "orders.BulkOrder",
        verbose_name=_("commande groupée"),
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="orders",
    )
    # The credit account that it pays: no sale, so no terms, lines or invoice, and never a cart (S1.2).
    settles = models.ForeignKey(
        "billing.CreditAccount",
        verbose_name=_("compte de carte payé"),
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
    )
    state = models.CharField(_("état"), max_length=20, choices=OrderState, default=OrderState.CART)
    version = models.PositiveIntegerField(_("version"), default=1)  # grows with each change of the cart
    currency = models.CharField(_("devise"), max_length=3, default="EUR")
    face_minor = models.PositiveBigIntegerField(_("valeur (centimes)"), default=0)
    total_minor = models.PositiveBigIntegerField(_("total (centimes)"), default=0)
    # What the customer asked to pay in points, kept in the cart; a page offers the nearest that is possible.
    points_wanted_minor = models.PositiveBigIntegerField(_("points souhaités (centièmes)"), default=0)
    points_minor = models.PositiveBigIntegerField(_("payé en points (centièmes)"), default=0)
    # The use of points in loyalty: set aside when the order is placed, used when it is paid.
    redemption_key = models.UUIDField(_("utilisation de points"), null=True, editable=False)
    terms = models.ForeignKey(
        TermsVersion,
        verbose_name=_("conditions acceptées"),
        on_delete=models.PROTECT,
        null=True,
        related_name="+",
    )
    terms_accepted_at = models.DateTimeField(_("conditions acceptées le"), null=True)
    created_at = models.DateTimeField(_("créée le"), auto_now_add=True)
    placed_at = models.DateTimeField(_("passée le"), null=True)
    paid_at = models.DateTimeField(_("payée le"), null=True)
    cards_expected_from = models.DateTimeField(_("cartes attendues dès"), null=True)
    cards_expected_until = models.DateTimeField(_("cartes attendues avant"), null=True)
    fulfilled_at = models.DateTimeField(_("activée le"), null=True)

    class Meta:
        verbose_name = _("commande")
        verbose_name_plural = _("commandes")
        constraints = [
            models.CheckConstraint(condition=Q(state__in=OrderState.values), name="order_state_known"),
            models.UniqueConstraint(
                fields=["customer"], condition=Q(state="cart"), name="one_cart_per_customer"
            ),
            models.CheckConstraint(
                condition=Q(total_minor__lte=F("face_minor")), name="order_total_within_face"
            ),
            models.CheckConstraint(
                condition=Q(points_minor__gte=0, points_minor__lte=F("total_minor")),
                name="order_points_within_total",
            ),
            models.CheckConstraint(
                condition=Q(points_minor=0) | Q(redemption_key__isnull=False),
                name="order_points_are_redeemed",
            ),
            models.CheckConstraint(
                condition=Q(state="cart")
                | Q(placed_at__isnull=False, terms__isnull=False, terms_accepted_at__isnull=False)
                | Q(placed_at__isnull=False, settles__isnull=False),
                name="placed_order_accepted_terms",
            ),
            models.CheckConstraint(
                condition=Q(loads__isnull=True) | (Q(booking__isnull=True) & ~Q(state="cart")),
                name="load_is_no_cart_and_no_booking",
            ),
            models.CheckConstraint(
                condition=Q(bulk__isnull=True)
                | (
                    Q(booking__isnull=True, loads__isnull=True, organisation__isnull=False) & ~Q(state="cart")
                ),
                name="grouped_order_is_only_that",
            ),
            models.CheckConstraint(
                condition=Q(settles__isnull=True)
                | (
                    Q(
                        booking__isnull=True,
                        loads__isnull=True,
                        bulk__isnull=True,
                        terms__isnull=True,
                        points_minor=0,
                        total_minor=F("face_minor"),
                    )
                    & ~Q(state="cart")
                ),
                name="settlement_is_no_sale",
            ),
            models.UniqueConstraint(
                fields=["bulk"],
                condition=~Q(state__in=["cancelled", "expired"]),
                name="one_live_order_per_bulk",
            ),
        ]
        indexes = [
            models.Index(fields=["customer", "-id"], name="orders_of_customer"),
            # What the sweeps look for: few rows, however long the history.
            models.Index(
                fields=["state", "placed_at"],
                condition=Q(state__in=["awaiting_payment", "validated", "fulfilling"]),
                name="orders_under_way",
            ),
        ]

    def __str__(self) -> str:
        return self.number

    @property
    def number(self) -> str:
        return f"CMD-{self.pk}"

    @property
    def saving_minor(self) -> int:
        return self.face_minor - self.total_minor

    @property
    def due_minor(self) -> int:
        """What is paid by card: the total without the part paid in points, of which one is one unit."""
        return self.total_minor - self.points_minor


class OrderLine(models.Model):
    """`quantity` cards of one face value. The discount shown to the customer is stored with the line."""

    order = models.ForeignKey(Order, on_delete=models.CASCADE, related_name="lines")
    product = models.ForeignKey(
        Product, verbose_name=_("produit"), on_delete=models.PROTECT, related_name="+"
    )
    face_minor = models.PositiveIntegerField(_("valeur (centimes)"))
    quantity = models.PositiveSmallIntegerField(_("quantité"))
    rate_bp = models.PositiveIntegerField(_("remise (centièmes de %)"), default=0)
    price_minor = models.PositiveBigIntegerField(
        _("prix (centimes)")
    )  # of the whole line, rounded half-up (S3.4)
    # The price shown before the last repricing, until the customer acts on the cart again.
    previous_price_minor = models.PositiveBigIntegerField(_("prix précédent (centimes)"), null=True)

    class Meta:
        verbose_name = _("ligne de commande")
        verbose_name_plural = _("lignes de commande")
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(fields=["order", "product", "face_minor"], name="one_line_per_face"),
            models.CheckConstraint(condition=Q(quantity__gt=0, face_minor__gt=0), name="line_is_positive"),
        ]


class OrderEvent(models.Model):
    """One step of an order's state, kept for ever."""

    order = models.ForeignKey(Order, on_delete=models.PROTECT, related_name="events")
    from_state = models.CharField(_("de l'état"), max_length=20)
    to_state = models.CharField(_("à l'état"), max_length=20)
    at = models.DateTimeField(_("le"))
    actor = models.CharField(_("par"), max_length=80, default="system")
    note = models.CharField(_("note"), max_length=200, blank=True)

    class Meta:
        verbose_name = _("étape de commande")
        verbose_name_plural = _("étapes de commande")


class Payment(models.Model):
    """One try to pay one order, at one gateway. `reference` is what the customer's bank statement shows."""

    order = models.ForeignKey(
        Order, verbose_name=_("commande"), on_delete=models.PROTECT, related_name="payments"
    )
    reference = models.CharField(_("référence"), max_length=20, unique=True)
    gateway = models.CharField(_("banque"), max_length=20)
    psp_id = models.CharField(_("référence de la banque"), max_length=120, blank=True)
    redirect_url = models.URLField(_("page de paiement"), max_length=2000, blank=True)
    amount_minor = models.PositiveBigIntegerField(_("montant demandé (centimes)"))
    currency = models.CharField(_("devise"), max_length=3)
    received_minor = models.PositiveBigIntegerField(
        _("montant reçu (centimes)"), null=True
    )  # what the bank captured
    received_currency = models.CharField(_("devise reçue"), max_length=3, blank=True)
    state = models.CharField(_("état"), max_length=20, choices=PaymentState, default=PaymentState.CREATED)
    refusal_code = models.CharField(_("motif du refus"), max_length=40, blank=True)
    card_label = models.CharField(
        _("carte"), max_length=40, blank=True
    )  # "Visa •••• 4417", as the PSP reports it
    created_at = models.DateTimeField(_("créé le"))
    expires_at = models.DateTimeField(_("expire le"))
    succeeded_at = models.DateTimeField(_("réussi le"), null=True)

    class Meta:
        verbose_name = _("paiement")
        verbose_name_plural = _("paiements")
        constraints = [
            models.CheckConstraint(condition=Q(state__in=PaymentState.values), name="payment_state_known"),
            models.CheckConstraint(condition=Q(amount_minor__gt=0), name="payment_is_positive"),
            models.UniqueConstraint(
                fields=["gateway", "psp_id"], condition=~Q(psp_id=""), name="one_payment_per_psp_id"
            ),
            models.UniqueConstraint(
                fields=["order"], condition=Q(state__in=OPEN_PAYMENTS), name="one_open_payment_per_order"
            ),
        ]

    def __str__(self) -> str:
        return self.reference


class PaymentEvent(models.Model):
    """One step of a payment's state, kept for ever."""

    payment = models.ForeignKey(Payment, on_delete=models.PROTECT, related_name="events")
    from_state = models.CharField(_("de l'état"), max_length=20)
    to_state = models.CharField(_("à l'état"), max_length=20)
    at = models.DateTimeField(_("le"))
    note = models.CharField(_("note"), max_length=200, blank=True)

    class Meta:
        verbose_name = _("étape de paiement")
        verbose_name_plural = _("étapes de paiement")

    def __str__(self) -> str:
        return f"{self.from_state} → {self.to_state}"


class Refund(models.Model):
    """Money going back. `key` is the PSP's idempotency key, stored before the PSP is called."""

    key = models.UUIDField(_("clé"), unique=True, default=uuid.uuid4)
    payment = models.ForeignKey(
        Payment, verbose_name=_("paiement"), on_delete=models.PROTECT, related_name="refunds"
    )
    amount_minor = models.PositiveBigIntegerField(_("montant (centimes)"))
    # Points that the order had used and that returned with this money.
    points_minor = models.PositiveBigIntegerField(_("points rendus (centièmes)"), default=0)
    state = models.CharField(_("état"), max_length=20, choices=RefundState, default=RefundState.REQUESTED)
    reason = models.CharField(_("motif"), max_length=200, blank=True)
    undue = models.BooleanField(
        _("paiement indu"), default=False
    )  # paid twice or too late: no invoice, so no credit note
    psp_id = models.CharField(_("référence de la banque"), max_length=120, blank=True)
    requested_at = models.DateTimeField(_("demandé le"))
    done_at = models.DateTimeField(_("fait le"), null=True)

    class Meta:
        verbose_name = _("remboursement")
        verbose_name_plural = _("remboursements")
        constraints = [
            models.CheckConstraint(condition=Q(amount_minor__gt=0), name="refund_is_positive"),
            models.CheckConstraint(condition=Q(state__in=RefundState.values), name="refund_state_known"),
        ]

    def __str__(self) -> str:
        return str(self.key)


class WebhookInbox(models.Model):
    """What a PSP told us: a hint, kept once per event, handled by a job."""

    provider = models.CharField(_("banque"), max_length=20)
    event_id = models.CharField(_("numéro d'annonce"), max_length=120)
    payload = models.BinaryField()
    received_at = models.DateTimeField(_("reçue le"))
    handled_at = models.DateTimeField(_("traitée le"), null=True)

    class Meta:
        verbose_name = _("annonce de banque")
        verbose_name_plural = _("annonces de banques")
        constraints = [models.UniqueConstraint(fields=["provider", "event_id"], name="webhook_once")]

    def __str__(self) -> str:
        return self.event_id


class Invoice(models.Model):
    """An invoice or a credit note: a gapless number per year and the figures, frozen."""

    class Kind(models.TextChoices):
        INVOICE = "invoice", _("Facture")
        CREDIT_NOTE = "credit_note", _("Avoir")

    order = models.ForeignKey(
        Order, verbose_name=_("commande"), on_delete=models.PROTECT, related_name="invoices"
    )
    kind = models.CharField(_("type"), max_length=12, choices=Kind)
    refund = models.OneToOneField(
        Refund,
        verbose_name=_("remboursement"),
        on_delete=models.PROTECT,
        null=True,
        related_name="credit_note",
    )
    number = models.CharField(_("numéro"), max_length=20, unique=True)
    issued_on = models.DateField(_("émise le"))
    figures = models.JSONField()

    class Meta:
        verbose_name = _("facture")
        verbose_name_plural = _("factures")
        constraints = [
            models.UniqueConstraint(
                fields=["order"], condition=Q(kind="invoice"), name="one_invoice_per_order"
            )
        ]
