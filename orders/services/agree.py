"""Sign a discount agreement: one per CSE, product and day at most, as the database says too."""

from django.db import transaction

from orders.errors import AgreementOverlaps
from orders.models import DiscountAgreement, Product
from orders.selectors import agreement_overlaps


@transaction.atomic
def sign_agreement(agreement: DiscountAgreement) -> DiscountAgreement:
    """Store an agreement, new or changed. Refuses `AgreementOverlaps`."""
    # Two people may sign for the same CSE at once: the product's row makes the second one look again.
    Product.objects.select_for_update().get(pk=agreement.product_id)
    if agreement_overlaps(
        organisation_id=agreement.organisation_id,
        product_id=agreement.product_id,
        starts_on=agreement.starts_on,
        ends_on=agreement.ends_on,
        except_id=agreement.pk,
    ):
        raise AgreementOverlaps
    agreement.save()
    return agreement
