"""What only a prepaid card has (S0): its CVC, the numbers it had before, and the batches that are printed."""

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from wallet.models.cards import Card
from wallet.states import CVC_TRIES, LARGEST_BATCH


class PrepaidCard(models.Model):
    """The CVC of a prepaid card, sealed and bound to its card, and what guards it.

    `wrong_cvc` counts tries in a row; at `CVC_TRIES` no terminal takes the card (S0.7), whatever its state.
    `generation` grows when a lost card gets another number. `cvc_shown_at` is empty until its holder has
    seen the CVC. `frozen`: its holder blocked it, and may unblock it.
    """

    card = models.OneToOneField(Card, on_delete=models.PROTECT, primary_key=True, related_name="prepaid")
    cvc_sealed = models.TextField()
    wrong_cvc = models.PositiveSmallIntegerField(_("CVC faux de suite"), default=0)
    generation = models.PositiveSmallIntegerField(_("numéros attribués"), default=1)
    cvc_shown_at = models.DateTimeField(_("CVC montré le"), null=True, blank=True)
    frozen = models.BooleanField(_("gelée par son titulaire"), default=False)

    class Meta:
        verbose_name = _("carte prépayée")
        verbose_name_plural = _("cartes prépayées")
        constraints = [
            models.CheckConstraint(
                condition=Q(wrong_cvc__gte=0, wrong_cvc__lte=CVC_TRIES), name="cvc_tries_are_counted"
            ),
            models.CheckConstraint(condition=Q(generation__gte=1), name="prepaid_card_has_a_number"),
            models.CheckConstraint(condition=~Q(cvc_sealed=""), name="prepaid_card_has_a_cvc"),
        ]


class RetiredNumber(models.Model):
    """A number that its card no longer has: terminals say so, and it opens nothing."""

    number_index = models.CharField(max_length=64, primary_key=True)
    card = models.ForeignKey(Card, on_delete=models.PROTECT, related_name="retired_numbers")
    last4 = models.CharField(max_length=4)
    masked = models.CharField(max_length=60)
    retired_at = models.DateTimeField()


class PrepaidBatch(models.Model):
    """Cards made to be printed and handed over, empty and without a holder until they are registered."""

    label = models.CharField(_("remises à"), max_length=120)
    size = models.PositiveSmallIntegerField(_("cartes"))
    made_at = models.DateTimeField(_("créé le"))
    made_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", verbose_name=_("créé par")
    )

    class Meta:
        verbose_name = _("lot de cartes prépayées")
        verbose_name_plural = _("lots de cartes prépayées")
        constraints = [
            models.CheckConstraint(condition=Q(size__gte=1, size__lte=LARGEST_BATCH), name="batch_has_cards"),
        ]

    def __str__(self) -> str:
        return self.label
