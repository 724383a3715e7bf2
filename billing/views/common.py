"""What the views of this room share."""

from typing import Any, cast

from django.conf import settings
from django.http import Http404, HttpRequest

from billing.models import CreditAccount, Statement
from billing.selectors.statements import account_of, statement_numbered


def reader(request: HttpRequest) -> int:
    """The id of the signed-in reader; the audience let nobody else in."""
    return cast(int, request.user.pk)


def own_account(request: HttpRequest, account_id: int) -> CreditAccount:
    found = account_of(account_id, holder_id=reader(request))
    if found is None:
        raise Http404
    return found


def own_statement(request: HttpRequest, number: str) -> Statement:
    found = statement_numbered(number, holder_id=reader(request))
    if found is None:
        raise Http404
    return found


def shell(**facts: Any) -> dict[str, Any]:
    """What every page of this room is told, with `facts`."""
    return {
        "active": "statements",
        "counts_payment_day": settings.BILLING_COUNT_PAYMENT_DAY,
        "minimum_bp": settings.BILLING_MINIMUM_BP,
        "minimum_floor": settings.BILLING_MINIMUM,
        "fee_minor": settings.BILLING_REFUSAL_FEE,
        **facts,
    }
