"""Duplicates: two members side by side, and an operator's decision with its reason (S4.5)."""

from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from loyalty.admin_base import Asking, ReadOnly, ReasonForm, actor_id, points
from loyalty.models import Suspicion
from loyalty.selectors.review import PersonSeen, Review, suspicion_review
from loyalty.services.duplicates import clear_duplicate, confirm_duplicate, restore_duplicate
from loyalty.states import Sign, SuspicionState

SERVICES = {"confirm": confirm_duplicate, "clear": clear_duplicate, "restore": restore_duplicate}
DONE = {
    "confirm": _("Doublon confirmé : les deux inscriptions sont annulées, avec leurs points."),
    "clear": _("Doublon écarté : ce sont deux personnes."),
    "restore": _("Les deux inscriptions sont rétablies, avec leurs points."),
}
CHOICES = {
    SuspicionState.OPEN: (
        ("clear", _("Ce sont deux personnes : écarter"), "primary"),
        ("confirm", _("C'est la même personne : annuler les deux"), "danger"),
    ),
    SuspicionState.CONFIRMED: (("restore", _("Rétablir les deux"), "primary"),),
}


class WaitingFirst(admin.SimpleListFilter):
    """The list begins with what waits for a decision."""

    title = _("état")
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("all", _("tous")), *SuspicionState.choices]

    def value(self) -> str | None:
        return super().value() or SuspicionState.OPEN.value

    def choices(self, changelist: Any) -> Any:
        for value, title in self.lookup_choices:
            yield {
                "selected": self.value() == str(value),
                "query_string": changelist.get_query_string({self.parameter_name: value}),
                "display": title,
            }

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        return queryset if self.value() == "all" else queryset.filter(state=self.value())


@admin.register(Suspicion)
class SuspicionAdmin(ReadOnly, Asking):
    list_display = ("pair", "programme", "sign", "state_label", "raised_at", "decided_at", "decided_by")
    list_filter = (WaitingFirst, "first__programme")
    list_select_related = ("first", "second", "first__programme", "decided_by")
    search_fields = ("first__last_name", "second__last_name", "first__phone", "second__phone")
    ordering = ("-id",)

    @display(description=_("membres"))
    def pair(self, row: Suspicion) -> str:
        return f"{row.first} / {row.second}"

    @display(description=_("programme"))
    def programme(self, row: Suspicion) -> str:
        return row.first.programme.name

    @display(description=_("indice"), ordering="because")
    def sign(self, row: Suspicion) -> str:
        return str(Sign(row.because).label)

    @display(
        description=_("état"),
        ordering="state",
        label={"open": "warning", "confirmed": "danger", "cleared": "success"},
    )
    def state_label(self, row: Suspicion) -> tuple[str, str]:
        return row.state, str(SuspicionState(row.state).label)

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """The review page. It replaces Django's form: nothing here is edited, it is decided."""
        if not self.has_view_or_change_permission(request):
            raise PermissionDenied
        pk = int(object_id) if object_id.isdecimal() and len(object_id) < 19 else 0
        review = suspicion_review(pk, at=timezone.now())
        if review is None:
            raise Http404
        wanted = request.POST.get("decision", "")
        choices = CHOICES.get(review.state, ()) if self.has_act_permission(request) else ()
        if request.method == "POST" and not choices and not self.has_act_permission(request):
            raise PermissionDenied
        form = ReasonForm(request.POST or None)
        return self.ask(
            request,
            title=gettext("Doublon présumé n° %(n)s") % {"n": review.suspicion_id},
            form=form,
            act=lambda: self._decide(request, pk, wanted, form.cleaned_data["reason"]),
            back=reverse("admin:loyalty_suspicion_changelist"),
            then=reverse("admin:loyalty_suspicion_change", args=[pk]),
            template="admin/loyalty/suspicion.html",
            review=review,
            rows=_rows(review),
            choices=choices,
        )

    def _decide(self, request: HttpRequest, pk: int, wanted: str, reason: str) -> str:
        """Refuses with a 404 what is no decision."""
        if wanted not in SERVICES:
            raise Http404
        SERVICES[wanted](suspicion_id=pk, actor_id=actor_id(request), reason=reason, at=timezone.now())
        return self.note(request, Suspicion.objects.get(pk=pk), str(DONE[wanted]))


def _rows(review: Review) -> list[tuple[str, str, str, bool]]:
    """Name of the line, both values, and whether they are the same and tell something."""
    one, other = (_facts(person) for person in review.people)
    return [
        (name, value, other[name][0], telling and bool(value) and value == other[name][0])
        for name, (value, telling) in one.items()
    ]


def _facts(person: PersonSeen) -> dict[str, tuple[str, bool]]:
    """Each fact, and whether it speaks for one person when both have it."""
    link = format_html(
        '<a class="text-link" href="{}">n° {}</a>',
        reverse("admin:loyalty_member_change", args=[person.member_id]),
        person.member_id,
    )
    return {
        gettext("Membre"): (link, False),
        gettext("Nom complet"): (person.name, True),
        gettext("Date de naissance"): (f"{person.birth_on:%d/%m/%Y}", True),
        gettext("Téléphone"): (person.phone, True),
        gettext("E-mail du compte"): (person.email, True),
        gettext("CSE"): (person.organisation, False),
        gettext("Adresse"): (person.address, True),
        gettext("Langue"): (person.language, False),
        gettext("Inscription"): (_moment(person.enrolled_at), False),
        gettext("Carte de fidélité"): (f"… {person.card}" if person.card else "", False),
        gettext("État"): (str(person.state.label), False),
        gettext("Statut"): (person.tier, False),
        gettext("Points disponibles"): (points(person.available_minor), False),
        gettext("En attente"): (points(person.pending_minor), False),
        gettext("Dette"): (points(person.debt_minor), False),
        gettext("Achats"): (f"{person.purchases}", False),
        gettext("Dernier achat"): (_moment(person.last_purchase_at), False),
        gettext("Autres doublons à examiner"): (f"{person.other_suspicions}", False),
    }


def _moment(at: Any) -> str:
    return f"{timezone.localtime(at):%d/%m/%Y %H:%M}" if at else ""
