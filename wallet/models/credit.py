"""What only a credit card has (S1.6, S1.7): its PIN, its tries, and how its holder stopped it."""

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from wallet.models.cards import Card
from wallet.states import PIN_TRIES, CreditStop


class CreditCard(models.Model):
    """What guards a credit card. What is owed on it is nothing of this room.

    `pin_hash` (Argon2id) is empty until the holder draws the PIN, which is shown at that moment only;
    `pin_count` numbers the PINs of the card, the void ones too. `wrong_pin` counts tries in a row; at
    `PIN_TRIES` nobody takes the card, whatever its state (S1.7). `generation` grows with each replacement.
    """

    card = models.OneToOneField(Card, on_delete=models.PROTECT, primary_key=True, related_name="credit")
    pin_hash = models.CharField(max_length=200, blank=True, default="")
    pin_count = models.PositiveSmallIntegerField(_("codes PIN attribués"), default=0)
    pin_shown_at = models.DateTimeField(_("code PIN montré le"), null=True, blank=True)
    wrong_pin = models.PositiveSmallIntegerField(_("codes PIN faux de suite"), default=0)
    generation = models.PositiveSmallIntegerField(_("numéros attribués"), default=1)
    stop = models.CharField(
        _("arrêt par son titulaire"),
        max_length=8,
        choices=CreditStop,
        default=CreditStop.NONE,
        blank=True,
    )

    class Meta:
        verbose_name = _("carte de crédit")
        verbose_name_plural = _("cartes de crédit")
        constraints = [
            models.CheckConstraint(
                condition=Q(wrong_pin__gte=0, wrong_pin__lte=PIN_TRIES), name="pin_tries_are_counted"
            ),
            models.CheckConstraint(condition=Q(generation__gte=1), name="credit_card_has_a_number"),
            models.CheckConstraint(condition=Q(stop__in=CreditStop.values), name="credit_stop_known"),
            models.CheckConstraint(
                condition=Q(pin_hash="", pin_shown_at__isnull=True, wrong_pin=0)
                | (~Q(pin_hash="") & Q(pin_shown_at__isnull=False, pin_count__gte=1)),
                name="pin_is_shown_when_drawn",
            ),
        ]
