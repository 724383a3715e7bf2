"""Programmes and their versions: drafted, checked, replayed, published (S4). A published one is only read."""

import hashlib
import json
from functools import partial
from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import Count, Max, Q, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.admin import TabularInline
from unfold.decorators import action, display
from unfold.widgets import UnfoldAdminTextInputWidget

from loyalty.admin_base import Asking, ConfirmForm, ReadOnly, language, money, points
from loyalty.admin_rules import JsonForm, RulesEditor, pretty
from loyalty.errors import RulesInvalid
from loyalty.models import Programme, ProgrammeVersion
from loyalty.parsing import bracket_name
from loyalty.rules import Rules, parse
from loyalty.services.programme import discard_draft, draft_version, edit_draft, publish_version
from loyalty.services.replay import ReplayLine, ReplayReport, replay_version
from loyalty.shipped import MIRABELLE
from loyalty.states import VersionState
from loyalty.words import describe, diff

REPLAY_DAYS = 90


class DraftForm(forms.Form):
    note = forms.CharField(
        label=_("Note de la version"),
        max_length=200,
        required=False,
        widget=UnfoldAdminTextInputWidget,
        help_text=_("Ce que cette version veut changer, pour s'y retrouver."),
    )


class SeenForm(ConfirmForm):
    """A draft is published as it was seen: `seen` is the fingerprint of the rules shown."""

    seen = forms.CharField(widget=forms.HiddenInput)

    def __init__(self, version: ProgrammeVersion, typed: QueryDict | None) -> None:
        super().__init__(typed, initial={"seen": fingerprint(version)})
        self.version = version

    def clean_seen(self) -> str:
        if self.cleaned_data["seen"] != fingerprint(self.version):
            self.data = {**self.data.dict(), "seen": fingerprint(self.version)}  # type: ignore[attr-defined]
            self.add_error(None, gettext("Le brouillon a changé entre-temps : relisez-le."))
        return ""


class VersionInline(ReadOnly, TabularInline):
    model = ProgrammeVersion
    fields = readonly_fields = ("number", "state", "note", "created_at", "published_at")
    ordering = ("-number",)
    show_change_link = True


@admin.register(Programme)
class ProgrammeAdmin(Asking):
    list_display = ("name", "slug", "in_force", "drafts", "members", "currency", "is_active")
    list_filter = ("is_active",)
    fields = ("name", "slug", "currency", "is_active")
    prepopulated_fields = {"slug": ("name",)}
    inlines = (VersionInline,)
    actions_detail = ("new_draft",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Programme]:
        drafts = Count("versions", filter=Q(versions__state=VersionState.DRAFT))
        newest = Max("versions__number", filter=Q(versions__state=VersionState.PUBLISHED))
        return super().get_queryset(request).annotate(n_drafts=drafts, newest=newest)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        # The books name their accounts by the identifier, and points are counted in the currency.
        return ("slug", "currency") if obj else ()

    def get_prepopulated_fields(self, request: HttpRequest, obj: Any = None) -> dict[str, Any]:
        return {} if obj else self.prepopulated_fields

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False  # A programme is closed (inactive), never deleted: its points stay.

    @display(description=_("en vigueur"), empty_value="–")
    def in_force(self, row: Any) -> str | None:
        return f"v{row.newest}" if row.newest else None

    @display(description=_("brouillons"))
    def drafts(self, row: Any) -> int:
        return int(row.n_drafts)

    @display(description=_("membres"))
    def members(self, row: Programme) -> str:
        url = reverse("admin:loyalty_member_changelist", query={"programme__id__exact": row.pk})
        return format_html('<a class="text-link" href="{}">{}</a>', url, gettext("Voir les membres"))

    @action(description=_("Nouveau brouillon"), url_path="brouillon", permissions=["act"])
    def new_draft(self, request: HttpRequest, object_id: str) -> HttpResponse:
        programme: Programme = self.found(request, object_id)
        source = _newest(programme)
        form = DraftForm(request.POST or None)
        made: list[int] = []

        def act() -> str:
            made.append(
                draft_version(
                    programme_id=programme.pk,
                    rules=source.rules if source else MIRABELLE,
                    note=form.cleaned_data["note"],
                    at=timezone.now(),
                )
            )
            return self.note(request, programme, gettext("Brouillon créé."))

        if source:
            begun = gettext("Le brouillon commence avec les règles de la version %(n)s.") % {
                "n": source.number
            }
        else:
            begun = gettext("Le brouillon commence avec les règles du programme Mirabelle.")
        answer = self.ask(
            request,
            title=gettext("Nouveau brouillon"),
            form=form,
            act=act,
            lines=[begun],
            back=reverse("admin:loyalty_programme_change", args=[programme.pk]),
        )
        return HttpResponseRedirect(_page_of(made[0])) if made else answer


@admin.register(ProgrammeVersion)
class ProgrammeVersionAdmin(ReadOnly, Asking):
    list_display = ("programme", "number", "state_label", "note", "created_at", "published_at")
    list_display_links = ("programme", "number")
    list_filter = ("state", "programme")
    list_select_related = ("programme",)
    ordering = ("programme__name", "-number")
    fieldsets = (
        (None, {"fields": (("programme", "number", "state"), ("created_at", "published_at"), "note")}),
        (_("En clair"), {"fields": ("changes", "summary")}),
        (_("Telles qu'elles sont enregistrées"), {"fields": ("as_json",), "classes": ("collapse",)}),
    )
    readonly_fields = (
        *("programme", "number", "state", "created_at", "published_at", "note"),
        *("changes", "summary", "as_json"),
    )
    actions_detail = ("edit", "edit_json", "replay", "publish", "discard")

    class Media:
        css = {"all": ("operators.css",)}

    def has_draft_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        """Only drafts change; a published version is shown without these actions, and refused by them."""
        version = self.get_object(request, object_id) if object_id else None
        return (
            version is not None and version.state == VersionState.DRAFT and self.has_act_permission(request)
        )

    @display(description=_("état"), ordering="state", label={"draft": "warning", "published": "success"})
    def state_label(self, version: ProgrammeVersion) -> tuple[str, str]:
        return version.state, str(VersionState(version.state).label)

    @display(description=_("Changements"))
    def changes(self, version: ProgrammeVersion) -> str:
        """A draft beside the version in force; a published one beside the one before it."""
        before, name = _before(version)
        if before is None:
            return gettext("C'est la première version.")
        lines = diff(before, parse(version.rules), language=language(), currency=version.programme.currency)
        if not lines:
            return gettext("Rien ne change par rapport à %(version)s.") % {"version": name}
        return format_html(
            "{}{}", gettext("Par rapport à %(version)s :") % {"version": name}, _diff_list(lines)
        )

    @display(description=_("Toutes les règles"))
    def summary(self, version: ProgrammeVersion) -> str:
        rules = parse(version.rules)
        return _list(describe(rules, language=language(), currency=version.programme.currency))

    @display(description=_("Règles (JSON)"))
    def as_json(self, version: ProgrammeVersion) -> str:
        return format_html('<pre class="op-pre" tabindex="0">{}</pre>', pretty(version.rules))

    @action(description=_("Modifier"), url_path="modifier", permissions=["draft"])
    def edit(self, request: HttpRequest, object_id: str) -> HttpResponse:
        version: ProgrammeVersion = self.found(request, object_id)
        editor = RulesEditor(parse(version.rules), version.note, request.POST or None)
        rules = editor.rules() if request.method == "POST" else None
        preview: dict[str, Any] = {}
        if rules is not None and "preview" in request.POST:
            preview = _preview(version, parse(rules))
        elif rules is not None:
            note = editor.form.cleaned_data["note"]
            if self.attempt(editor.form, partial(self._save, request, version, rules, note)):
                return HttpResponseRedirect(_page_of(version.pk))
        context = {"version": version, "editor": editor, "back": _page_of(version.pk), **preview}
        title = gettext("Modifier %(version)s") % {"version": _name(version)}
        return self.page(request, "admin/loyalty/edit_rules.html", title, context)

    @action(description=_("En JSON"), url_path="json", permissions=["draft"])
    def edit_json(self, request: HttpRequest, object_id: str) -> HttpResponse:
        version: ProgrammeVersion = self.found(request, object_id)
        shown = {"rules": pretty(version.rules), "note": version.note}
        form = JsonForm(request.POST or None, initial=shown)

        def act() -> str:
            return self._save(request, version, form.cleaned_data["rules"], form.cleaned_data["note"])

        return self.ask(
            request,
            title=gettext("Modifier %(version)s") % {"version": _name(version)},
            button=gettext("Enregistrer le brouillon"),
            form=form,
            act=act,
            back=_page_of(version.pk),
            template="admin/loyalty/edit_json.html",
        )

    @action(description=_("Rejouer"), url_path="rejouer", permissions=["act"])
    def replay(self, request: HttpRequest, object_id: str) -> HttpResponse:
        version: ProgrammeVersion = self.found(request, object_id)
        title = gettext("Rejouer %(version)s") % {"version": _name(version)}
        return self.page(request, "admin/loyalty/replay.html", title, _replayed(version))

    @action(description=_("Publier"), url_path="publier", permissions=["draft"])
    def publish(self, request: HttpRequest, object_id: str) -> HttpResponse:
        version: ProgrammeVersion = self.found(request, object_id)
        form = SeenForm(version, request.POST or None)

        def act() -> str:
            publish_version(version_id=version.pk, at=timezone.now())
            return self.note(request, version, gettext("Version publiée : elle vaut dès maintenant."))

        valid = form.is_valid() if request.method == "POST" else False
        shown = {} if valid else {**_preview(version, parse(version.rules)), **_replayed(version)}
        return self.ask(
            request,
            title=gettext("Publier %(version)s") % {"version": _name(version)},
            form=form,
            act=act,
            template="admin/loyalty/publish.html",
            **{**shown, "back": _page_of(version.pk)},
        )

    @action(description=_("Jeter"), url_path="jeter", permissions=["draft"])
    def discard(self, request: HttpRequest, object_id: str) -> HttpResponse:
        version: ProgrammeVersion = self.found(request, object_id)

        def act() -> str:
            self.log_deletions(request, ProgrammeVersion.objects.filter(pk=version.pk))
            discard_draft(version_id=version.pk)
            return gettext("Le brouillon est jeté.")

        return self.ask(
            request,
            title=gettext("Jeter %(version)s") % {"version": _name(version)},
            form=ConfirmForm(request.POST or None),
            act=act,
            variant="danger",
            lines=[gettext("Le brouillon disparaît. Les versions publiées restent.")],
            back=_page_of(version.pk),
            then=reverse("admin:loyalty_programmeversion_changelist"),
        )

    def _save(self, request: HttpRequest, version: ProgrammeVersion, rules: dict[str, Any], note: str) -> str:
        edit_draft(version_id=version.pk, rules=rules, note=note)
        return self.note(request, version, gettext("Brouillon enregistré."))


def fingerprint(version: ProgrammeVersion) -> str:
    return hashlib.sha256(json.dumps(version.rules, sort_keys=True).encode()).hexdigest()


def _name(version: ProgrammeVersion) -> str:
    return f"{version.programme.name} v{version.number}"


def _page_of(version_id: int) -> str:
    return reverse("admin:loyalty_programmeversion_change", args=[version_id])


def _newest(programme: Programme) -> ProgrammeVersion | None:
    """The version in force, or else the newest draft."""
    newest = programme.versions.order_by("-published_at", "-number")
    return newest.filter(state=VersionState.PUBLISHED).first() or newest.first()


def _before(version: ProgrammeVersion) -> tuple[Rules | None, str]:
    """The rules that this version replaces, and their name."""
    published = ProgrammeVersion.objects.filter(
        programme_id=version.programme_id, state=VersionState.PUBLISHED
    ).exclude(pk=version.pk)
    if version.published_at is not None:
        published = published.filter(published_at__lte=version.published_at)
    found = published.order_by("-published_at", "-number").first()
    return (parse(found.rules), f"v{found.number}") if found else (None, "")


def _preview(version: ProgrammeVersion, rules: Rules) -> dict[str, Any]:
    """What the rules say, and what they change, for people."""
    before, name = _before(version)
    words = {"language": language(), "currency": version.programme.currency}
    changes = diff(before, rules, **words) if before else []
    return {
        "summary": _list(describe(rules, **words)),
        "changes": _diff_list(changes) if changes else "",
        "before": name,
    }


def _list(sentences: list[str]) -> str:
    return format_html(
        '<ul class="op-lines">{}</ul>', format_html_join("", "<li>{}</li>", ([s] for s in sentences))
    )


def _diff_list(lines: list[tuple[str, str]]) -> str:
    kinds = {"-": ("op-gone", gettext("Disparaît :")), "+": ("op-come", gettext("Apparaît :"))}
    rows = ((*kinds[sign], sentence) for sign, sentence in lines)
    item = '<li class="{}"><b class="op-hidden">{}</b> <span>{}</span></li>'
    return format_html('<ul class="op-lines">{}</ul>', format_html_join("", item, rows))


def _replayed(version: ProgrammeVersion) -> dict[str, Any]:
    """The replay in words, or what stops it."""
    currency = version.programme.currency
    shown: dict[str, Any] = {"version": version, "days": REPLAY_DAYS, "back": _page_of(version.pk)}
    try:
        report = replay_version(version_id=version.pk, at=timezone.now(), days=REPLAY_DAYS)
    except RulesInvalid as refusal:
        return {**shown, "problems": refusal.problems}
    return {
        **shown,
        "report": report,
        "figures": _figures(report, currency),
        "tables": [
            (gettext("Par tranche d'achat"), _rows(_bracket_lines(report), currency)),
            (gettext("Par statut"), _rows([(tier.name, line) for tier, line in report.by_tier], currency)),
        ],
        "total": _row(gettext("Tous les achats"), report.total, currency),
    }


def _figures(report: ReplayReport, currency: str) -> list[tuple[str, str]]:
    return [
        (gettext("Achats rejoués"), f"{report.total.purchases}"),
        (gettext("Membres concernés"), f"{report.members}"),
        (gettext("Chiffre d'affaires net"), money(report.total.turnover_minor, currency)),
        (gettext("Ce brouillon aurait coûté"), money(report.cost_minor, currency)),
        (gettext("Réellement donné"), money(report.actual_minor, currency)),
        (gettext("Différence"), _signed(report.difference_minor, currency)),
        (gettext("dont bienvenue, rejouée"), money(report.welcome_minor, currency)),
        (gettext("dont bienvenue, réelle"), money(report.actual_welcome_minor, currency)),
    ]


def _bracket_lines(report: ReplayReport) -> list[tuple[str, ReplayLine]]:
    return [(bracket_name(bracket), line) for bracket, line in report.by_bracket]


def _rows(lines: list[tuple[str, ReplayLine]], currency: str) -> list[tuple[str, ...]]:
    return [_row(name, line, currency) for name, line in lines]


def _row(name: str, line: ReplayLine, currency: str) -> tuple[str, ...]:
    return (
        name,
        f"{line.purchases}",
        money(line.turnover_minor, currency),
        points(line.points_minor),
        points(line.actual_minor),
        _signed(line.points_minor - line.actual_minor, currency),
    )


def _signed(minor: int, currency: str) -> str:
    return f"+{money(minor, currency)}" if minor > 0 else money(minor, currency)
