"""A holder says that a transaction is not theirs, or not right."""

from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from billing.errors import NotDisputable
from billing.forms import DisputeForm
from billing.selectors.statements import operation_of
from billing.services.dispute import open_dispute
from billing.views.common import reader, shell
from kernel.access import Audience, allow


@allow(Audience.SIGNED_IN)
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def dispute(request: HttpRequest, entry_id: UUID) -> HttpResponse:
    found = operation_of(entry_id, holder_id=reader(request))
    if found is None:
        raise Http404
    form = DisputeForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        try:
            open_dispute(
                entry_id=entry_id,
                holder_id=reader(request),
                reason=form.cleaned_data["motif"],
                at=timezone.now(),
            )
        except NotDisputable:
            form.add_error(None, gettext("Cette opération ne peut pas, ou ne peut plus, être contestée."))
        else:
            messages.success(
                request,
                gettext(
                    "Contestation enregistrée. L'opération ne compte plus dans le minimum et ne porte pas "
                    "intérêt tant que rien n'est décidé."
                ),
            )
            return redirect("billing:index")
    context = shell(line=found, form=form, currency=settings.BILLING_CURRENCY)
    return render(request, "billing/dispute.html", context, status=422 if form.errors else 200)
