"""The operator's own queue: requests made with key 0 (S3.1)."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from accounts.errors import AlreadyAssigned, ReasonMissing
from accounts.forms import AssignForm, ReasonForm
from accounts.models import Membership
from accounts.selectors_cse import checks, unassigned, with_checks
from accounts.services.membership import assign, decide_one
from accounts.states import MembershipState
from kernel.access import Audience, allow
from kernel.states import TransitionRefused


@allow(Audience.OPERATOR)
@require_safe
def queue(request: HttpRequest) -> HttpResponse:
    """Requests without a CSE, oldest first."""
    page = unassigned(request.GET.get("cursor"))
    rows = [(row, checks(row)) for row in page.items]
    return render(request, "cse/unassigned.html", {"page": page, "rows": rows})


@allow(Audience.OPERATOR)
@require_http_methods(["GET", "HEAD", "POST"])
def examine(request: HttpRequest, pk: int) -> HttpResponse:
    """Assign one request to a CSE, or refuse it."""
    row = get_object_or_404(with_checks(Membership.objects.filter(organisation__isnull=True)), pk=pk)
    refusing = request.POST.get("do") == "refuse"
    assign_form = AssignForm(None if refusing else request.POST or None)
    reason_form = ReasonForm(request.POST if refusing else None)
    form = reason_form if refusing else assign_form
    if request.method == "POST" and form.is_valid():
        act = _refuse if refusing else _assign
        if act(request, row, form):
            return redirect("cse:unassigned")
    context = {
        "row": row,
        "checks": checks(row),
        "events": row.events.select_related("actor"),
        "assign_form": assign_form,
        "form": reason_form,
    }
    return render(request, "cse/unassigned_request.html", context, status=422 if form.errors else 200)


def _assign(request: HttpRequest, row: Membership, form: AssignForm | ReasonForm) -> bool:
    chosen = form.cleaned_data["organisation"]
    try:
        assign(
            membership_id=row.pk, organisation_id=chosen.pk, actor_id=request.user.pk or 0, at=timezone.now()
        )
    except (AlreadyAssigned, TransitionRefused):
        messages.warning(request, _("Quelqu'un s'en est déjà occupé."))
    else:
        messages.success(request, _("Demande transmise à %(cse)s.") % {"cse": chosen.name})
    return True


def _refuse(request: HttpRequest, row: Membership, form: AssignForm | ReasonForm) -> bool:
    try:
        decide_one(
            membership_id=row.pk,
            organisation_id=None,
            target=MembershipState.REFUSED,
            actor_id=request.user.pk or 0,
            at=timezone.now(),
            reason=form.cleaned_data["reason"],
        )
    except ReasonMissing:
        form.add_error("reason", _("Dites pourquoi : la personne le lira."))
        return False
    except TransitionRefused:
        messages.warning(request, _("Quelqu'un s'en est déjà occupé."))
    else:
        messages.success(request, _("Demande refusée."))
    return True
