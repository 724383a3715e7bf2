"""Cards, what happened to them, how they are issued, and the links that give them away.

A card that holds places has a `product`, its unit is PLACE and its value is a number of places.
"""

import uuid

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from wallet.states import (
    NO_END,
    PLACE,
    CardEventKind,
    CardKind,
    CardState,
    CodeState,
    Hold,
    ImportState,
    IntentState,
    LinkState,
)


class IssueIntent(models.Model):
    """One card to be issued. `id` is stored before the issuer is called and is the issuer's key for ever."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    batch = models.CharField(_("lot"), max_length=60)
    rank = models.PositiveIntegerField(_("rang"))
    holder = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", verbose_name=_("titulaire")
    )
    issuer = models.CharField(_("émetteur"), max_length=40)
    face_minor = models.PositiveIntegerField(_("valeur (centimes)"))
    currency = models.CharField(_("devise"), max_length=3)
    product_name = models.CharField(_("produit"), max_length=120)
    label = models.CharField(_("référence d'achat"), max_length=60, blank=True)
    artwork = models.CharField(_("dessin"), max_length=40, default="ecard")
    restriction_text = models.CharField(_("restriction"), max_length=200, blank=True)
    where_text = models.TextField(_("où l'utiliser"), blank=True)
    expires_on = models.DateField(_("dernier jour"))
    state = models.CharField(_("état"), max_length=10, choices=IntentState, default=IntentState.PLANNED)
    hold = models.CharField(_("retenue"), max_length=10, choices=Hold, default=Hold.NONE, blank=True)
    attempts = models.PositiveSmallIntegerField(_("appels"), default=0)
    last_error = models.CharField(_("dernière erreur"), max_length=200, blank=True)
    planned_at = models.DateTimeField(_("prévue le"))
    sent_at = models.DateTimeField(_("demandée le"), null=True, blank=True)
    issued_at = models.DateTimeField(_("émise le"), null=True, blank=True)

    class Meta:
        verbose_name = _("émission")
        verbose_name_plural = _("émissions")
        constraints = [
            models.UniqueConstraint(fields=["batch", "rank"], name="one_intent_per_rank"),
            models.CheckConstraint(condition=Q(state__in=IntentState.values), name="intent_state_known"),
            models.CheckConstraint(condition=Q(hold__in=Hold.values), name="intent_hold_known"),
            models.CheckConstraint(condition=Q(face_minor__gt=0), name="intent_has_value"),
            models.CheckConstraint(
                condition=~Q(state="issued") | Q(issued_at__isnull=False), name="issued_intent_is_dated"
            ),
        ]
        indexes = [
            models.Index(
                fields=["planned_at"],
                condition=Q(state__in=["planned", "sent", "unknown", "failed"]),
                name="intents_still_open",
            ),
            models.Index(fields=["holder"], name="intents_of_holder"),
        ]


class Card(models.Model):
    """A card that a person holds. Its value is in the ledger, or with its issuer when `account` is empty.

    A credit card holds nothing: what is owed is known above this room, and `expires_on` is the plastic's.

    `holder` is empty when somebody without an account received it through a link. The number is sealed
    and bound to this row; `number_index` finds it, `masked` shows it.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    holder = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("titulaire"),
    )
    intent = models.OneToOneField(IssueIntent, on_delete=models.PROTECT, null=True, related_name="card")
    kind = models.CharField(_("genre"), max_length=12, choices=CardKind, default=CardKind.ECARD)
    product = models.ForeignKey(
        "wallet.CardProduct", on_delete=models.PROTECT, null=True, related_name="+", verbose_name=_("type")
    )
    bearer = models.CharField(_("nom sur la carte"), max_length=80, blank=True)
    account = models.OneToOneField("ledger.Account", on_delete=models.PROTECT, null=True, related_name="+")
    number_sealed = models.TextField()
    number_index = models.CharField(max_length=64, unique=True)
    last4 = models.CharField(_("fin du numéro"), max_length=4)
    masked = models.CharField(_("numéro masqué"), max_length=60)
    face_minor = models.PositiveIntegerField(_("valeur (centimes, ou places)"))
    currency = models.CharField(_("unité"), max_length=5)
    product_name = models.CharField(_("produit"), max_length=120)
    label = models.CharField(_("référence d'achat"), max_length=60, blank=True)
    artwork = models.CharField(_("dessin"), max_length=40, default="ecard")
    restriction_text = models.CharField(_("restriction"), max_length=200, blank=True)
    where_text = models.TextField(_("où l'utiliser"), blank=True)
    batch = models.CharField(_("lot"), max_length=60, blank=True)
    issuer = models.CharField(_("émetteur"), max_length=40)
    state = models.CharField(_("état"), max_length=8, choices=CardState, default=CardState.ACTIVE)
    # Filled while its payment is contested: the card is blocked, and this is what it comes back to.
    state_when_released = models.CharField(max_length=8, default="", blank=True, editable=False)
    issued_at = models.DateTimeField(_("émise le"))
    expires_on = models.DateField(_("dernier jour"))

    class Meta:
        verbose_name = _("carte")
        verbose_name_plural = _("cartes")
        constraints = [
            models.CheckConstraint(condition=Q(state__in=CardState.values), name="card_state_known"),
            models.CheckConstraint(condition=Q(kind__in=CardKind.values), name="card_kind_known"),
            models.CheckConstraint(
                condition=Q(kind__in=["ecard", "prepaid", "credit"], product__isnull=True)
                | (
                    ~Q(kind__in=["ecard", "prepaid", "credit"])
                    & Q(product__isnull=False, account__isnull=False, currency=PLACE)
                ),
                name="card_of_places_has_product",
            ),
            models.CheckConstraint(
                condition=~Q(kind="prepaid")
                | (Q(account__isnull=False, expires_on=NO_END) & ~Q(currency=PLACE)),
                name="prepaid_card_has_account_and_no_end",
            ),
            models.CheckConstraint(
                condition=~Q(kind="credit")
                | (
                    Q(account__isnull=True, intent__isnull=True, holder__isnull=False)
                    & Q(face_minor=0, expires_on__lt=NO_END)
                    & ~Q(currency=PLACE)
                ),
                name="credit_card_holds_nothing",
            ),
            models.CheckConstraint(
                condition=Q(state_when_released="")
                | Q(state="blocked", state_when_released__in=["active", "blocked"]),
                name="contested_card_is_blocked",
            ),
        ]
        indexes = [
            models.Index(fields=["holder", "expires_on", "id"], name="cards_of_holder"),
            models.Index(fields=["batch"], name="cards_of_batch"),
        ]

    def __str__(self) -> str:
        return self.masked


class CardEvent(models.Model):
    """One thing that happened to a card, kept for ever. Spending is in the ledger."""

    card = models.ForeignKey(Card, on_delete=models.PROTECT, related_name="events")
    kind = models.CharField(max_length=12, choices=CardEventKind)
    at = models.DateTimeField()
    actor = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+")
    note = models.CharField(max_length=200, blank=True)


class StockPool(models.Model):
    """Codes bought from a third-party issuer, waiting to be sold. A product names it as `stock:<slug>`."""

    slug = models.SlugField(_("identifiant"), max_length=30, unique=True)
    name = models.CharField(_("nom"), max_length=120)
    low_stock_threshold = models.PositiveIntegerField(_("seuil d'alerte"), default=50)

    class Meta:
        verbose_name = _("stock de codes")
        verbose_name_plural = _("stocks de codes")

    def __str__(self) -> str:
        return self.name


class StockImport(models.Model):
    """One file: codes for a pool, or numbers of printed cards of a product.

    The file itself is kept sealed, piece by piece, and wiped as it is read.
    """

    pool = models.ForeignKey(StockPool, on_delete=models.PROTECT, null=True, related_name="imports")
    product = models.ForeignKey(
        "wallet.CardProduct", on_delete=models.PROTECT, null=True, related_name="imports"
    )
    filename = models.CharField(_("fichier"), max_length=200)
    fingerprint = models.CharField(max_length=64)
    columns = models.JSONField()
    delimiter = models.CharField(max_length=1)
    state = models.CharField(_("état"), max_length=8, choices=ImportState, default=ImportState.PENDING)
    added = models.PositiveIntegerField(_("codes ajoutés"), default=0)
    already = models.PositiveIntegerField(_("déjà en stock"), default=0)
    refused = models.PositiveIntegerField(_("lignes refusées"), default=0)
    imported_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", verbose_name=_("importé par")
    )
    imported_at = models.DateTimeField(_("importé le"))
    done_at = models.DateTimeField(_("terminé le"), null=True, blank=True)

    class Meta:
        verbose_name = _("import de codes")
        verbose_name_plural = _("imports de codes")
        constraints = [
            models.CheckConstraint(
                condition=Q(pool__isnull=False, product__isnull=True)
                | Q(pool__isnull=True, product__isnull=False),
                name="import_fills_one_thing",
            ),
        ]

    def __str__(self) -> str:
        return self.filename


class StockImportPiece(models.Model):
    """Some whole lines of an imported file: sealed until read, then replaced by what was refused in them."""

    upload = models.ForeignKey(StockImport, on_delete=models.CASCADE, related_name="pieces")
    first_line = models.PositiveIntegerField()
    sealed = models.TextField(blank=True)
    report = models.TextField(blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["upload", "first_line"], name="one_piece_per_line"),
        ]


class StockCode(models.Model):
    """One code of a third-party issuer: reserved for one intent, then issued as one card, once."""

    pool = models.ForeignKey(StockPool, on_delete=models.PROTECT, related_name="codes")
    upload = models.ForeignKey(StockImport, on_delete=models.PROTECT, null=True, related_name="+")
    uid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    number_sealed = models.TextField()
    number_index = models.CharField(max_length=64, unique=True)
    face_minor = models.PositiveIntegerField(_("valeur (centimes)"))
    currency = models.CharField(_("devise"), max_length=3)
    expires_on = models.DateField(_("dernier jour"))
    state = models.CharField(_("état"), max_length=10, choices=CodeState, default=CodeState.AVAILABLE)
    intent = models.OneToOneField(IssueIntent, on_delete=models.PROTECT, null=True, related_name="+")

    class Meta:
        verbose_name = _("code")
        constraints = [
            models.CheckConstraint(condition=Q(state__in=CodeState.values), name="code_state_known"),
            models.CheckConstraint(
                condition=Q(state="available", intent__isnull=True)
                | (~Q(state="available") & Q(intent__isnull=False)),
                name="taken_code_names_its_intent",
            ),
        ]
        indexes = [
            models.Index(
                fields=["pool", "currency", "face_minor", "expires_on", "id"],
                condition=Q(state="available"),
                name="codes_available",
            ),
        ]


class ClaimLink(models.Model):
    """A link that gives a card away. The token is in the mail only; here is its hash.

    When somebody without an account received the card, `claimed_by` is empty and the card is reached again
    by a fresh token, always sent to the same address.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    card = models.ForeignKey(Card, on_delete=models.PROTECT, related_name="links")
    sender = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    recipient = models.EmailField()
    message = models.CharField(max_length=280, blank=True)
    language = models.CharField(max_length=5, default="fr")
    last4 = models.CharField(max_length=4)  # of the number that the sender knew
    amount_minor = models.PositiveIntegerField()  # what the card was worth when it was sent
    token_hash = models.CharField(max_length=64, unique=True)
    token_sent_at = models.DateTimeField()
    token_expires_at = models.DateTimeField()
    token_used = models.BooleanField(default=False)
    state = models.CharField(max_length=8, choices=LinkState, default=LinkState.OPEN)
    created_at = models.DateTimeField()
    claimed_at = models.DateTimeField(null=True)
    claimed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(state__in=LinkState.values), name="link_state_known"),
            models.CheckConstraint(
                condition=Q(token_expires_at__gt=F("token_sent_at")), name="link_lives_a_while"
            ),
            models.UniqueConstraint(
                fields=["card"], condition=Q(state="open"), name="one_open_link_per_card"
            ),
        ]
        indexes = [models.Index(fields=["sender", "-created_at"], name="links_of_sender")]
