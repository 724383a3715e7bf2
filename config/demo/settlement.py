"""The bakery's months that are over, as settled on the first of this one, and what it thinks of that."""

from datetime import datetime, timedelta

from django.conf import settings

from accounts.services.demo import add_person, enrol_totp
from accounts.services.profile import record_consent
from config.demo.people import MERCHANT, PASSWORD
from kernel.calendar import local_date, start_of_day
from merchants.models import Merchant, MerchantUser, SettledSale
from merchants.selectors.statements import unpaid_statements
from merchants.services.bank_file import plan_bank_file
from merchants.services.dispute import open_dispute
from merchants.services.settle import settle_due

SETTLED_AT = timedelta(hours=4)
PLANNED_AFTER = timedelta(hours=2)


def tell_settlement(merchant_id: int, *, at: datetime) -> None:
    """Statements, the bank file that pays them, somebody who reads them, and a transaction in dispute."""
    first = start_of_day(local_date(at).replace(day=1))
    settled_at = min(first + SETTLED_AT, at)
    settle_due(merchant_id=merchant_id, at=settled_at)
    currency = Merchant.objects.get(pk=merchant_id).currency
    if unpaid_statements().exists():
        plan_bank_file(currency=currency, at=min(settled_at + PLANNED_AFTER, at))
    user_id = _somebody(merchant_id, at=at - timedelta(days=60))
    # The last one of its statement, so that the page of the list shows it.
    last = SettledSale.objects.filter(statement__merchant_id=merchant_id).latest("sale__rank")
    open_dispute(
        merchant_id=merchant_id,
        user_id=user_id,
        sale_id=last.sale_id,
        text="Cette vente a été tapée deux fois, et une seule a été annulée.",
        at=max(at - timedelta(days=1), settled_at),
    )


def _somebody(merchant_id: int, *, at: datetime) -> int:
    user = add_person(email=MERCHANT, password=PASSWORD, at=at, first_name="Élise", last_name="Vernet")
    record_consent(user_id=user.pk, version=settings.TERMS_OF_USE_VERSION, at=at)
    enrol_totp(user_id=user.pk)
    MerchantUser.objects.create(merchant_id=merchant_id, user=user)
    return user.pk
