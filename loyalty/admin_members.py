"""Members: found, read, corrected with a reason (S4.11). Points and events are only read."""

from collections.abc import Iterable
from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.admin.views.main import ChangeList
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.admin import TabularInline
from unfold.decorators import action, display
from unfold.widgets import UnfoldAdminSingleDateWidget, UnfoldAdminTextareaWidget, UnfoldAdminTextInputWidget

from ledger import selectors as ledger
from loyalty.admin_base import Asking, ReadOnly, ReasonForm, actor_id, language, money, points
from loyalty.errors import PhoneInvalid
from loyalty.models import LoyaltyCard, Member, MemberEvent, Programme
from loyalty.phones import e164
from loyalty.selectors.members import card_index
from loyalty.selectors.page import DatedPoints, LoyaltyOverview, loyalty_overview
from loyalty.selectors.programmes import versions_of
from loyalty.services.details import FEWEST_DIGITS, correct_fixed_details, link_card, update_details
from loyalty.services.settle import settle_member
from loyalty.states import MemberState

LINKED_LISTS = (
    ("purchase", _("Achats")),
    ("accrual", _("Gains de points")),
    ("redemption", _("Utilisations")),
    ("rewardclaim", _("Récompenses")),
)


class FixedForm(ReasonForm):
    phone = forms.CharField(
        label=_("Téléphone"),
        max_length=30,
        widget=UnfoldAdminTextInputWidget(attrs={"inputmode": "tel", "autocomplete": "off"}),
    )
    birth_on = forms.DateField(label=_("Date de naissance"), widget=UnfoldAdminSingleDateWidget)
    field_order = ("phone", "birth_on", "reason")


class DetailsForm(forms.Form):
    first_name = forms.CharField(
        label=_("Prénom"), max_length=80, required=False, widget=UnfoldAdminTextInputWidget
    )
    last_name = forms.CharField(
        label=_("Nom"), max_length=80, required=False, widget=UnfoldAdminTextInputWidget
    )
    address = forms.CharField(
        label=_("Adresse"),
        max_length=500,
        required=False,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 3}),
    )


class CardForm(forms.Form):
    """The number goes in the body, never in an address: addresses end up in logs."""

    number = forms.CharField(
        label=_("Numéro de la carte"),
        max_length=64,
        widget=UnfoldAdminTextInputWidget(attrs={"autocomplete": "off"}),
        help_text=_("Seuls les quatre derniers chiffres restent lisibles."),
    )


class CardInline(ReadOnly, TabularInline):
    hide_title = True
    model = LoyaltyCard
    fields = readonly_fields = ("last4", "linked_at", "replaced_at")
    ordering = ("-linked_at",)


class EventInline(ReadOnly, TabularInline):
    hide_title = True
    model = MemberEvent
    fields = readonly_fields = ("at", "kind", "field", "before", "after", "actor", "reason")
    ordering = ("-id",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[MemberEvent]:
        return super().get_queryset(request).select_related("actor")


class TierFilter(admin.SimpleListFilter):
    """The tiers of the chosen programme; reading them from a million members would take too long."""

    title = _("statut")
    parameter_name = "tier"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Iterable[tuple[str, str]]:
        chosen = request.GET.get("programme__id__exact", "")
        programmes = Programme.objects.filter(pk=chosen) if chosen.isdecimal() else Programme.objects.all()
        return tiers_of(programmes)

    def queryset(self, request: HttpRequest, queryset: QuerySet[Member]) -> QuerySet[Member]:
        return queryset.filter(tier=self.value()) if self.value() else queryset


class MemberList(ChangeList):
    """Two queries give the points and tiers of everybody on the page."""

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        now, rows = timezone.now(), self.result_list
        found = ledger.balances([row.account_id for row in rows], at=now)
        versions = versions_of({row.programme_id for row in rows})
        for row in rows:
            row.available_minor = found[row.account_id].available
            version = versions.at(row.programme_id, now)
            names = {tier.code: tier.name for tier in version.rules.tiers} if version else {}
            row.tier_label = names.get(row.tier, row.tier)


@admin.register(Member)
class MemberAdmin(ReadOnly, Asking):
    list_display = ("name", "programme", "phone", "tier_label", "state_label", "available", "enrolled_at")
    list_filter = ("programme", "state", TierFilter)
    list_select_related = ("programme",)
    search_fields = ("last_name",)  # the box; `get_search_results` looks
    search_help_text = _("Téléphone, nom, e-mail du compte ou numéro de carte de fidélité")
    ordering = ("-id",)
    fieldsets = (
        (None, {"fields": (("name", "programme"), ("state", "tier_name"), ("phone", "birth_on"), "address")}),
        (
            _("Compte"),
            {"fields": (("account_email", "language"), ("enrolled_at", "consent"))},
        ),
        (
            _("Points"),
            {
                "fields": (
                    ("available", "pending"),
                    ("expiring", "lifetime"),
                    ("held", "debt"),
                    ("last_purchase_at", "idle_until"),
                    "lists",
                )
            },
        ),
    )
    readonly_fields = (
        *("name", "programme", "state", "tier_name", "phone", "birth_on", "address", "account_email"),
        *("language", "enrolled_at", "consent", "available", "pending", "expiring", "held", "debt"),
        *("lifetime", "last_purchase_at", "idle_until", "lists"),
    )
    inlines = (CardInline, EventInline)
    actions_detail = ("correct", "details", "link_card")

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return MemberList

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Any:
        """The member as of now: what time has done to it is done first, as on the member's own page."""
        member = super().get_object(request, object_id, from_field)
        if member is not None:
            settle_member(member_id=member.pk, at=timezone.now())
            member.refresh_from_db()
        return member

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Member], search_term: str
    ) -> tuple[QuerySet[Member], bool]:
        """By index where the words allow it: a phone, an e-mail or a card is one person's."""
        words = search_term.replace("\0", "").strip()
        if not words:
            return queryset, False
        if "@" in words:
            return queryset.filter(user__email__istartswith=words), False
        if exact := _by_number(words):
            return queryset.filter(exact), False
        for word in words.split():
            queryset = queryset.filter(Q(first_name__icontains=word) | Q(last_name__icontains=word))
        return queryset, False

    @display(description=_("nom"), ordering="last_name")
    def name(self, member: Member) -> str:
        return f"{member.first_name} {member.last_name}".strip() or gettext("sans nom")

    @display(
        description=_("état"),
        ordering="state",
        label={"active": "success", "suspected": "warning", "voided": "danger"},
    )
    def state_label(self, member: Member) -> tuple[str, str]:
        return member.state, str(MemberState(member.state).label)

    @display(description=_("statut"), ordering="tier", empty_value="–")
    def tier_label(self, member: Any) -> str | None:
        return member.tier_label or None

    @display(description=_("points disponibles"))
    def available(self, member: Any) -> str:
        if hasattr(member, "available_minor"):  # in the list
            return points(member.available_minor if member.state == MemberState.ACTIVE else 0)
        return points(_overview(member).available_minor)

    @display(description=_("Statut"))
    def tier_name(self, member: Member) -> str:
        step = _overview(member).tier
        return step.name if step else "–"

    @display(description=_("E-mail du compte"))
    def account_email(self, member: Member) -> str:
        if member.user is None:
            return gettext("Inscrit en magasin, sans compte.")
        url = reverse("admin:accounts_user_change", args=[member.user.pk])
        return format_html('<a class="text-link" href="{}">{}</a>', url, member.user.email)

    @display(description=_("Conditions acceptées"))
    def consent(self, member: Member) -> str:
        there = timezone.localtime(member.consented_at)
        return gettext("version %(n)s, le %(day)s") % {
            "n": member.consent_version,
            "day": f"{there:%d/%m/%Y %H:%M}",
        }

    @display(description=_("En attente"))
    def pending(self, member: Member) -> str:
        overview = _overview(member)
        dates = ", ".join(_dated(one) for one in overview.pending)
        return f"{points(overview.pending_minor)} ({dates})" if dates else points(0)

    @display(description=_("Prochaine fin"))
    def expiring(self, member: Member) -> str:
        soonest = _overview(member).expiring_next
        return _dated(soonest) if soonest else "–"

    @display(description=_("Réservés"))
    def held(self, member: Member) -> str:
        return points(_overview(member).held_minor)

    @display(description=_("Dette"))
    def debt(self, member: Member) -> str:
        return points(member.debt_minor)

    @display(description=_("Achats cumulés"))
    def lifetime(self, member: Member) -> str:
        return money(member.lifetime_minor, member.programme.currency)

    @display(description=_("Détail"))
    def lists(self, member: Member) -> str:
        links = (
            (reverse(f"admin:loyalty_{model}_changelist", query={"member__id__exact": member.pk}), name)
            for model, name in LINKED_LISTS
        )
        return format_html_join(" · ", '<a class="text-link" href="{}">{}</a>', links)

    @action(description=_("Téléphone, naissance"), url_path="corriger", permissions=["act"])
    def correct(self, request: HttpRequest, object_id: str) -> HttpResponse:
        member: Member = self.found(request, object_id)
        form = FixedForm(request.POST or None, initial={"phone": member.phone, "birth_on": member.birth_on})

        def act() -> str:
            correct_fixed_details(
                member_id=member.pk, actor_id=actor_id(request), at=timezone.now(), **form.cleaned_data
            )
            return self.note(request, member, gettext("Téléphone ou date de naissance corrigés."))

        return self._ask_about(
            request,
            member,
            form,
            act,
            title=gettext("Corriger téléphone ou naissance"),
            lines=[gettext("Le membre ne peut pas les changer lui-même. L'ancienne valeur est conservée.")],
        )

    @action(description=_("Nom, adresse"), url_path="coordonnees", permissions=["act"])
    def details(self, request: HttpRequest, object_id: str) -> HttpResponse:
        member: Member = self.found(request, object_id)
        shown = {name: getattr(member, name) for name in DetailsForm.base_fields}
        form = DetailsForm(request.POST or None, initial=shown)

        def act() -> str:
            update_details(
                member_id=member.pk, actor_id=actor_id(request), at=timezone.now(), **form.cleaned_data
            )
            return self.note(request, member, gettext("Nom ou adresse changés."))

        return self._ask_about(request, member, form, act, title=gettext("Changer nom ou adresse"))

    @action(description=_("Carte perdue ou nouvelle"), url_path="carte", permissions=["act"])
    def link_card(self, request: HttpRequest, object_id: str) -> HttpResponse:
        member: Member = self.found(request, object_id)
        form = CardForm(request.POST or None)

        def act() -> str:
            link_card(
                member_id=member.pk,
                number=form.cleaned_data["number"],
                actor_id=actor_id(request),
                at=timezone.now(),
            )
            return self.note(request, member, gettext("Carte rattachée."))

        return self._ask_about(
            request,
            member,
            form,
            act,
            title=gettext("Rattacher une carte"),
            lines=[gettext("Une carte précédente, perdue, cesse de valoir. Les points restent.")],
        )

    def _ask_about(
        self, request: HttpRequest, member: Member, form: forms.Form, act: Any, *, title: str, lines: Any = ()
    ) -> HttpResponse:
        who = f"{self.name(member)}, {member.programme.name}, {member.phone}"
        back = reverse("admin:loyalty_member_change", args=[member.pk])
        return self.ask(
            request, title=title, form=form, act=act, lines=[who, *lines], back=back,
            button=gettext("Enregistrer"),
        )  # fmt: skip


def tiers_of(programmes: QuerySet[Programme]) -> list[tuple[str, str]]:
    """Code and name of the tiers in force, each once."""
    now = timezone.now()
    ids = set(programmes.values_list("pk", flat=True))
    known = versions_of(ids)
    found = {
        tier.code: tier.name
        for programme_id in sorted(ids)
        if (version := known.at(programme_id, now))
        for tier in version.rules.tiers
    }
    return list(found.items())


def _by_number(words: str) -> Q | None:
    """A phone however it is written, or a loyalty card; a search by index in each programme."""
    digits = "".join(words.split())
    every = Q(programme__in=list(Programme.objects.values_list("pk", flat=True)))
    try:
        return every & Q(phone=e164(words))
    except PhoneInvalid:
        if any(c.isdigit() for c in digits) and digits.isalnum() and len(digits) >= FEWEST_DIGITS:
            return Q(cards__number_index=card_index(digits))
    return None


def _overview(member: Any) -> LoyaltyOverview:
    """Asked once for all the fields of the page."""
    if not hasattr(member, "_overview"):
        member._overview = loyalty_overview(member, at=timezone.now(), language=language())
    found: LoyaltyOverview = member._overview
    return found


def _dated(some: DatedPoints) -> str:
    facts = {"points": points(some.points_minor), "day": f"{some.on:%d/%m/%Y}"}
    return gettext("%(points)s le %(day)s") % facts
