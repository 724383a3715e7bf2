"""Paying a card statement by hosted payment: the amount that its page shows, then the bank's page (S1.2)."""

from typing import cast

from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.translation import get_language, gettext
from django.views.decorators.http import require_POST

from billing.errors import AmountInvalid, CreditAccountClosed, CreditAccountUnknown
from kernel.access import Audience, allow
from kernel.errors import DomainError
from kernel.money import format_minor
from orders.errors import AboveDebt, TotalTooSmall
from orders.services.settle_account import place_statement_payment
from orders.views.payment import go_to_bank

DIGITS = 12


@allow(Audience.SIGNED_IN)
@require_POST
def settle(request: HttpRequest, account_id: int) -> HttpResponse:
    """`centimes` is what the button names; the page that drew it checked what was typed."""
    try:
        order = place_statement_payment(
            customer_id=cast(int, request.user.pk),
            account_id=account_id,
            amount_minor=_amount(request),
            at=timezone.now(),
        )
    except CreditAccountUnknown as gone:
        raise Http404 from gone
    except (AboveDebt, AmountInvalid, CreditAccountClosed, TotalTooSmall) as refusal:
        messages.error(request, _sentence(refusal))
        return redirect("billing:account", account_id)
    return go_to_bank(request, order)


def _amount(request: HttpRequest) -> int:
    """Minor units; nothing for what is no number."""
    typed = request.POST.get("centimes", "")
    return int(typed) if typed.isascii() and typed.isdecimal() and len(typed) <= DIGITS else 0


def _sentence(refusal: DomainError) -> str:
    def money(minor: int) -> str:
        return format_minor(minor, settings.BILLING_CURRENCY, get_language() or "fr")

    match refusal:
        case AboveDebt() if refusal.owed_minor:
            return gettext("Vous devez %(owed)s au plus : choisissez de nouveau.") % {
                "owed": money(refusal.owed_minor)
            }
        case AboveDebt() | CreditAccountClosed():
            return gettext("Rien n'est dû sur ce compte : il n'y a rien à payer.")
        case TotalTooSmall():
            return gettext("La banque ne prend pas moins de %(least)s par carte.") % {
                "least": money(refusal.minimum)
            }
    return gettext("Choisissez un montant à payer.")
