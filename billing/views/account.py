"""What a holder decides about an account: the day on which it is billed (S1.1)."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from billing.errors import CreditAccountClosed
from billing.forms import BillingDayForm
from billing.services.billing_day import choose_billing_day
from billing.states import BillingDay
from billing.views.common import own_account, reader, shell
from billing.views.faq import day_of_month
from kernel.access import Audience, allow


@allow(Audience.SIGNED_IN)
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def billing_day(request: HttpRequest, account_id: int) -> HttpResponse:
    """A day chosen counts from the next cycle on; the last choice of a cycle is the one that counts."""
    account = own_account(request, account_id)
    chosen = account.next_billing_day or account.billing_day
    form = BillingDayForm(request.POST if request.method == "POST" else None, initial={"jour": chosen})
    if not form.is_valid():
        context = shell(
            account=account,
            form=form,
            chosen=chosen,
            days=[(day, day_of_month(day)) for day in BillingDay.values],
        )
        return render(request, "billing/day.html", context, status=422 if form.is_bound else 200)
    try:
        choose_billing_day(
            account_id=account.pk,
            holder_id=reader(request),
            day=form.cleaned_data["jour"],
            at=timezone.now(),
        )
    except CreditAccountClosed:
        messages.error(request, gettext("Ce compte est clos : il n'est plus facturé."))
    else:
        messages.success(request, gettext("C'est noté : la date de facturation est enregistrée."))
    return redirect("billing:account", account.pk)
