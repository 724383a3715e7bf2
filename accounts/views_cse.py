"""/cse/: staff decide the requests of their own CSE, and of no other. They never see a purchase."""

from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.errors import ReasonMissing
from accounts.forms import KeyBatchForm, ReasonForm
from accounts.models import IdentificationKey, Membership
from accounts.selectors import StaffOf
from accounts.selectors_cse import (
    ANY,
    QueueFilter,
    checks,
    figures,
    key_list,
    key_status,
    keys,
    queue,
    with_checks,
)
from accounts.services.keys import KeyBatch, generate_keys, revoke_keys
from accounts.services.membership import decide, decide_one
from accounts.states import MembershipState
from kernel.access import Audience, allow
from kernel.sheets import csv_lines
from kernel.states import TransitionRefused

CHOSEN = "cse_organisation"
LARGEST_SELECTION = 200
ACTIONS = {
    "approve": MembershipState.APPROVED,
    "refuse": MembershipState.REFUSED,
    "suspend": MembershipState.SUSPENDED,
    "resume": MembershipState.APPROVED,
    "end": MembershipState.LEFT,
}

OFFERED = {
    MembershipState.PENDING: ("approve", "refuse"),
    MembershipState.APPROVED: ("suspend", "end"),
    MembershipState.SUSPENDED: ("resume", "end"),
}


def organisation_of(request: HttpRequest) -> StaffOf:
    """The CSE that the staff member works for now: the chosen one, while the role lasts."""
    mine = request.staff_scope.organisations  # type: ignore[attr-defined]
    chosen = request.session.get(CHOSEN)
    found: StaffOf = next((one for one in mine if one.organisation_id == chosen), mine[0])
    return found


@allow(Audience.CSE_STAFF)
@require_POST
def switch(request: HttpRequest) -> HttpResponse:
    """Work for another of one's own CSEs."""
    wanted = request.POST.get("organisation", "")
    mine = request.staff_scope.organisations  # type: ignore[attr-defined]
    if wanted not in {str(one.organisation_id) for one in mine}:
        raise Http404
    request.session[CHOSEN] = int(wanted)
    return redirect("cse:queue")


@allow(Audience.CSE_STAFF)
@require_safe
def requests_queue(request: HttpRequest) -> HttpResponse:
    """The queue, oldest first; htmx swaps only the list."""
    context = _queue_context(request)
    if request.headers.get("HX-Request"):
        return _vary(render(request, "cse/queue.html#list", context))
    return _vary(render(request, "cse/queue.html", context))


@allow(Audience.CSE_STAFF)
@require_POST
def decide_selected(request: HttpRequest) -> HttpResponse:
    """Approve or refuse all ticked requests at once."""
    target = ACTIONS.get(request.POST.get("do", ""))
    ids = _ticked(request)
    if target not in {MembershipState.APPROVED, MembershipState.REFUSED} or not ids:
        messages.error(request, _("Cochez au moins une demande."))
        return redirect(_queue_url(request))
    form = ReasonForm(request.POST)
    try:
        done = decide(
            membership_ids=ids,
            organisation_id=organisation_of(request).organisation_id,
            target=target,
            actor_id=_me(request),
            at=timezone.now(),
            reason=form.cleaned_data["reason"] if form.is_valid() else "",
        )
    except ReasonMissing:
        form.add_error("reason", _("Dites pourquoi : les personnes le liront."))
        return render(request, "cse/queue.html", _queue_context(request, form, ids), status=422)
    _tell(request, target, done.moved, done.skipped)
    return redirect(_queue_url(request))


@allow(Audience.CSE_STAFF)
@require_http_methods(["GET", "HEAD", "POST"])
def member(request: HttpRequest, pk: int) -> HttpResponse:
    """One request or member: checks, identity, history, and the decision."""
    mine = [one.organisation_id for one in request.staff_scope.organisations]  # type: ignore[attr-defined]
    row = get_object_or_404(with_checks(Membership.objects.all()), pk=pk, organisation_id__in=mine)
    form = ReasonForm(request.POST or None)
    if request.method == "POST" and form.is_valid() and _decided(request, row, form):
        return redirect("cse:request", pk=row.pk)
    return render(
        request,
        "cse/member.html",
        {
            "row": row,
            "checks": checks(row),
            "events": row.events.select_related("actor"),
            "form": form,
            "may": OFFERED.get(MembershipState(row.state), ()),
            "active": "queue" if row.state in {"pending", "refused"} else "members",
        },
        status=422 if form.errors else 200,
    )


def _decided(request: HttpRequest, row: Membership, form: ReasonForm) -> bool:
    target = ACTIONS.get(request.POST.get("do", ""))
    if target is None:
        form.add_error(None, _("Choisissez une décision."))
        return False
    try:
        decide_one(
            membership_id=row.pk,
            organisation_id=row.organisation_id,
            target=target,
            actor_id=_me(request),
            at=timezone.now(),
            reason=form.cleaned_data["reason"],
        )
    except ReasonMissing:
        form.add_error("reason", _("Dites pourquoi : la personne le lira."))
        return False
    except TransitionRefused:
        messages.warning(request, _("Quelqu'un a déjà décidé : voici où en est la demande."))
        return True
    _tell(request, target, 1, 0)
    return True


@allow(Audience.CSE_STAFF)
@require_safe
def members(request: HttpRequest) -> HttpResponse:
    """Who belongs to the CSE now, or did."""
    wanted = _filter(request, status=MembershipState.APPROVED, order="name")
    page = queue(organisation_of(request).organisation_id, wanted)
    context = {
        "page": page,
        "wanted": wanted,
        "organisation": organisation_of(request),
        "states": [MembershipState.APPROVED, MembershipState.SUSPENDED, MembershipState.LEFT],
        "active": "members",
    }
    name = "cse/members.html#list" if request.headers.get("HX-Request") else "cse/members.html"
    return _vary(render(request, name, context))


@allow(Audience.CSE_STAFF)
@require_http_methods(["GET", "HEAD", "POST"])
def key_page(request: HttpRequest) -> HttpResponse:
    """The CSE's keys, and a form that makes a batch of them."""
    mine = organisation_of(request)
    form = KeyBatchForm(request.POST or None, organisation_id=mine.organisation_id)
    if request.method == "POST" and form.is_valid():
        return _make_keys(request, form, mine)
    at = timezone.now()
    page = keys(
        mine.organisation_id,
        search=_word(request, "q"),
        batch=_word(request, "batch"),
        cursor=request.GET.get("cursor"),
    )
    context = {
        "form": form,
        "page": page,
        "rows": [(key, key_status(key, at=at)) for key in page.items],
        "search": _word(request, "q"),
        "batch": _word(request, "batch"),
        "organisation": mine,
        "active": "keys",
    }
    return render(request, "cse/keys.html", context, status=422 if form.errors else 200)


def _make_keys(request: HttpRequest, form: KeyBatchForm, mine: StaffOf) -> HttpResponse:
    batch = key_batch(form.cleaned_data, mine.organisation_id)
    made = generate_keys(batch=batch, actor_id=_me(request), at=timezone.now())
    text = ngettext("%(n)d clé créée.", "%(n)d clés créées.", len(made)) % {"n": len(made)}
    messages.success(request, text)
    return redirect(reverse("cse:keys", query={"batch": made[0].batch}))


def key_batch(data: dict[str, Any], organisation_id: int) -> KeyBatch:
    """What a valid `KeyBatchForm` asks for."""
    return KeyBatch(
        organisation_id=organisation_id,
        count=data["count"],
        prefix=data["key_prefix"],
        site_id=data["site"].pk if data["site"] else None,
        use_limit=data["use_limit"],
        expires_on=data["expires_on"],
        auto_approve=data["auto_approve"],
        name=data["name"],
    )


@allow(Audience.CSE_STAFF)
@require_POST
def revoke(request: HttpRequest) -> HttpResponse:
    """Withdraw the ticked keys."""
    done = revoke_keys(
        key_ids=_ticked(request), organisation_id=organisation_of(request).organisation_id, at=timezone.now()
    )
    text = ngettext("%(n)d clé révoquée.", "%(n)d clés révoquées.", done) % {"n": done}
    messages.success(request, text)
    return redirect("cse:keys")


@allow(Audience.CSE_STAFF)
@require_safe
def export_keys(request: HttpRequest) -> HttpResponse:
    """The keys as CSV, to hand out."""
    found = key_list(
        organisation_of(request).organisation_id, search=_word(request, "q"), batch=_word(request, "batch")
    )
    return keys_csv(found.order_by("pk"))


def keys_csv(found: Any) -> HttpResponse:
    """UTF-8 with its mark, semicolons: what French spreadsheets open as a table."""
    response = HttpResponse(content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = 'attachment; filename="cles.csv"'
    head = [_("Clé"), _("Site"), _("Utilisations"), _("Limite"), _("Dernier jour"), _("Lot")]
    response.writelines(csv_lines(head, map(_cells, found)))
    return response


def _cells(key: IdentificationKey) -> list[str | int]:
    site = key.site.name if key.site else ""
    return [key.code, site, key.uses, key.use_limit or "", str(key.expires_on or ""), key.batch]


def _queue_context(
    request: HttpRequest, form: ReasonForm | None = None, ticked: list[int] | None = None
) -> dict[str, Any]:
    mine = organisation_of(request)
    wanted = _filter(request)
    page = queue(mine.organisation_id, wanted)
    return {
        "organisation": mine,
        "wanted": wanted,
        "page": page,
        "rows": [(row, checks(row)) for row in page.items],
        "figures": figures(mine.organisation_id, at=timezone.now()),
        "states": MembershipState.choices,
        "form": form or ReasonForm(),
        "ticked": ticked or [],
        "deciding": wanted.status == MembershipState.PENDING,
        "active": "queue",
    }


def _filter(
    request: HttpRequest, *, status: str = MembershipState.PENDING, order: str = "oldest"
) -> QueueFilter:
    asked = request.GET
    return QueueFilter(
        search=_word(request, "q"),
        key=asked.get("key", ANY),
        status=asked.get("status") or status,
        order=asked.get("order") or order,
        cursor=asked.get("cursor"),
    )


def _word(request: HttpRequest, name: str) -> str:
    """A search word; PostgreSQL holds no NUL."""
    return request.GET.get(name, "").replace("\x00", "").strip()[:80]


def _ticked(request: HttpRequest) -> list[int]:
    ids = [text for text in request.POST.getlist("id") if text.isascii() and text.isdecimal()]
    return [int(text[:18]) for text in ids[:LARGEST_SELECTION]]


def _queue_url(request: HttpRequest) -> str:
    return f"{reverse('cse:queue')}?{request.GET.urlencode()}" if request.GET else reverse("cse:queue")


def _tell(request: HttpRequest, target: MembershipState, moved: int, skipped: int) -> None:
    words = {
        MembershipState.APPROVED: ngettext("%(n)d compte validé.", "%(n)d comptes validés.", moved),
        MembershipState.REFUSED: ngettext("%(n)d demande refusée.", "%(n)d demandes refusées.", moved),
        MembershipState.SUSPENDED: ngettext("%(n)d accès suspendu.", "%(n)d accès suspendus.", moved),
        MembershipState.LEFT: ngettext("%(n)d adhésion terminée.", "%(n)d adhésions terminées.", moved),
    }
    messages.success(request, words[target] % {"n": moved})
    if skipped:
        text = ngettext("%(n)d était déjà décidée.", "%(n)d étaient déjà décidées.", skipped)
        messages.warning(request, text % {"n": skipped})


def _vary(response: HttpResponse) -> HttpResponse:
    response["Vary"] = "HX-Request, Cookie"
    return response


def _me(request: HttpRequest) -> int:
    assert request.user.is_authenticated  # the view's audience says so
    return request.user.pk
