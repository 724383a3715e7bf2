"""Operators draft, check, replay and publish programmes; a published version is only read (S4)."""

import json
from copy import deepcopy
from typing import Any

import pytest
import time_machine
from django.contrib.admin.models import LogEntry
from django.test import Client

from loyalty.models import Programme, ProgrammeVersion
from loyalty.selectors.programmes import version_in_force
from loyalty.services.programme import draft_version, publish_version
from tests.factories import operator
from tests.loyalty.admin_pages import reader, text_of, typed, url
from tests.loyalty.points import DAY, NOW, RULES, buy, member, programme, shipped

pytestmark = pytest.mark.django_db


@pytest.fixture
def office(client: Client) -> Client:
    client.force_login(operator())
    return client


@pytest.fixture(autouse=True)
def _today() -> Any:
    with time_machine.travel(NOW, tick=False):
        yield


def draft(owner: Programme, base: str = "family", **changes: Any) -> ProgrammeVersion:
    rules = {**deepcopy(RULES[base]), **changes}
    return ProgrammeVersion.objects.get(pk=draft_version(programme_id=owner.pk, rules=rules, at=NOW))


@pytest.mark.parametrize("slug", ["family", "croissant", "cinema", "mirabelle"])
def test_the_form_keeps_every_rule_of_each_shipped_programme(office: Client, slug: str) -> None:
    version = draft(shipped(slug), slug)
    page = url("programmeversion", "edit", version.pk)
    answer = office.post(page, {**typed(text_of(office.get(page))), "save": "1"})
    assert answer.status_code == 302, text_of(answer)
    before = version_in_force(version.programme_id, at=NOW).rules
    version.refresh_from_db()
    publish_version(version_id=version.pk, at=NOW)
    assert version_in_force(version.programme_id, at=NOW).rules == before


def test_a_draft_starts_from_the_version_in_force_and_is_recorded(office: Client) -> None:
    owner = shipped("family")
    page = url("programme", "new_draft", owner.pk)
    assert "règles de la version 1" in text_of(office.get(page))
    assert not owner.versions.filter(state="draft").exists()
    answer = office.post(page, {"note": "Rentrée"})
    made = owner.versions.get(state="draft")
    assert (made.number, made.note, made.rules) == (2, "Rentrée", RULES["family"])
    assert answer["Location"] == url("programmeversion", "change", made.pk)
    assert LogEntry.objects.filter(object_id=str(owner.pk)).exists()


def test_a_new_programme_can_be_made_and_drafted(office: Client) -> None:
    inline = {"versions-TOTAL_FORMS": "0", "versions-INITIAL_FORMS": "0"}
    facts = {"name": "Jardins", "slug": "jardins", "currency": "EUR", "is_active": "on", **inline}
    office.post(url("programme", "add"), facts)
    made = Programme.objects.get(slug="jardins")
    office.post(url("programme", "new_draft", made.pk), {"note": ""})
    assert made.versions.get().rules == RULES["mirabelle"]
    office.post(
        url("programme", "change", made.pk), {**facts, "slug": "autre", "currency": "CHF", "is_active": ""}
    )
    made.refresh_from_db()
    assert (made.slug, made.currency, made.is_active) == ("jardins", "EUR", False)
    assert office.post(url("programme", "delete", made.pk), {"post": "yes"}).status_code == 403


def test_brackets_are_edited_in_rows_and_end_where_the_next_begins(office: Client) -> None:
    version = draft(shipped("mirabelle"), "mirabelle")
    page = url("programmeversion", "edit", version.pk)
    rows = {
        "brackets-1-from_minor": "1 000,50",
        "brackets-1-rate_bp": "2,5",
        "excluded": "soldes\n\ncarburant \n",
    }
    answer = office.post(page, {**typed(text_of(office.get(page))), **rows})
    assert answer.status_code == 302
    version.refresh_from_db()
    assert version.rules["accrual"]["brackets"] == [
        {"from_minor": 0, "to_minor": 1_000_50, "rate_bp": 200},
        {"from_minor": 1_000_50, "to_minor": None, "rate_bp": 250},
    ]
    assert version.rules["redemption"]["excluded_categories"] == ["soldes", "carburant"]


@pytest.mark.parametrize(
    ("base", "change", "said"),
    [
        ("family", {"brackets-2-from_minor": "300"}, "La tranche 500,00 – 300,00 est vide."),
        ("family", {"brackets-1-rate_bp": ""}, "À remplir, ou videz toute la ligne."),
        ("family", {"brackets-1-rate_bp": "101"}, "inférieure ou égale à 100"),
        ("family", {"brackets-1-rate_bp": "deux"}, "Saisissez un nombre."),
        ("family", {"accrual_by": "tier"}, "au moins un statut"),
        ("family", {"idle_days": "90"}, "soit des mois, soit des jours"),
        ("family", {"welcome_life": ""}, "Un nombre entier est attendu."),
        ("family", {"cap_bp": "-1"}, "supérieure ou égale à 0"),
        ("croissant", {"tiers-1-from_minor": "70000"}, "Le seuil de Platinum n'est pas au-dessus"),
        ("croissant", {"tiers-2-code": "gold"}, "Le code gold est là deux fois."),
        ("croissant", {"tiers-1-birthday": ""}, "Statut sans points ou inconnu : gold."),
        ("cinema", {"rewards-0-product_slug": "rien"}, "Aucun type de carte places n'a cet identifiant."),
        ("cinema", {"rewards-1-code": "5-7"}, "Le code 5-7 est là deux fois."),
    ],
)
def test_a_fault_is_named_beside_its_field_and_nothing_is_lost_or_saved(
    office: Client, base: str, change: dict[str, str], said: str
) -> None:
    version = draft(shipped(base), base)
    page = url("programmeversion", "edit", version.pk)
    sent = {**typed(text_of(office.get(page))), **change, "note": "Ma note"}
    answer = office.post(page, sent)
    shown = text_of(answer)
    assert answer.status_code == 200
    assert said in shown
    assert {**typed(shown), **change} == typed(shown)
    assert 'value="Ma note"' in shown
    version.refresh_from_db()
    assert (version.rules, version.note) == (RULES[base], "")


def test_a_draft_is_checked_without_being_saved(office: Client) -> None:
    version = draft(shipped("mirabelle"), "mirabelle")
    page = url("programmeversion", "edit", version.pk)
    shown = text_of(
        office.post(page, {**typed(text_of(office.get(page))), "brackets-0-rate_bp": "5", "preview": "1"})
    )
    assert "Aperçu, pas encore enregistré" in shown
    assert "Chaque achat rapporte 5 % de son montant en points." in shown
    assert "Disparaît :" in shown
    version.refresh_from_db()
    assert version.rules == RULES["mirabelle"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "Ce n'est pas du JSON : ligne 1, colonne 2."),
        ('{\n "life": }', "ligne 2, colonne 10"),
        ("NaN", "Ce n'est pas du JSON."),
        ("[" * 5000, "Ce n'est pas du JSON"),
        ('"\\u0000"', "Ce n'est pas du JSON."),
        ('"\\ud800"', "Ce n'est pas du JSON."),
        ("[]", "Les règles sont un objet JSON."),
        ('{"lief": {"months": 12}}', "lief : Cette partie n'existe pas."),
        ('{"redemption": {"cap": 99}}', "redemption.cap : Cette partie n'existe pas."),
        (
            '{"accrual": {"brackets": [{"from_minor": 0, "to_minor": 50000, "rate_bp": 0},'
            ' {"from_minor": 60000, "rate_bp": 200}]}, "life": {"months": 12}}',
            "accrual.brackets[1] : Il y a un trou avant la tranche 600,00 – ….",
        ),
    ],
)
def test_json_is_refused_with_the_place_of_its_fault(office: Client, text: str, said: str) -> None:
    version = draft(shipped("family"))
    answer = office.post(url("programmeversion", "edit_json", version.pk), {"rules": text, "note": "essai"})
    shown = text_of(answer)
    assert said in shown
    assert typed(shown)["rules"].strip() == text.strip()
    version.refresh_from_db()
    assert version.rules == RULES["family"]


def test_json_is_saved_when_it_is_right(office: Client) -> None:
    version = draft(shipped("family"))
    rules = {**RULES["family"], "minimum_minor": 10_00}
    page = url("programmeversion", "edit_json", version.pk)
    assert office.post(page, {"rules": json.dumps(rules), "note": ""}).status_code == 302
    version.refresh_from_db()
    assert version.rules == rules


def test_the_page_tells_the_rules_in_words_and_what_they_change(office: Client) -> None:
    version = draft(shipped("family"), minimum_minor=20_00)
    shown = text_of(office.get(url("programmeversion", "change", version.pk)))
    assert "Un achat de moins de 20,00 € ne rapporte pas de points." in shown
    assert "Par rapport à v1 :" in shown
    assert "Achat de 500,00 € à 1 999,99 € : 2 % de son montant en points." in shown
    first = text_of(
        office.get(url("programmeversion", "change", version.programme.versions.get(number=1).pk))
    )
    assert "C'est la première version." in first


def test_a_replay_compares_by_bracket_with_what_was_given(office: Client) -> None:
    owner = shipped("mirabelle")
    buy(member(owner), 1_000_00, at=NOW - 10 * DAY)
    dearer = {"by": "brackets", "brackets": [
        {"from_minor": 0, "to_minor": 500_00, "rate_bp": 200},
        {"from_minor": 500_00, "to_minor": None, "rate_bp": 500},
    ]}  # fmt: skip
    version = draft(owner, "mirabelle", accrual=dearer)
    shown = " ".join(text_of(office.get(url("programmeversion", "replay", version.pk))).split())
    for cells in (
        "<dt>Ce brouillon aurait coûté</dt><dd>50,00 €</dd>",
        "<dt>Réellement donné</dt><dd>20,00 €</dd>",
        "<dt>Différence</dt><dd>+30,00 €</dd>",
        '<th scope="row">500,00 – …</th><td class="op-number">1</td><td class="op-number">1 000,00 €</td>'
        '<td class="op-number">50</td><td class="op-number">20</td><td class="op-number">+30,00 €</td>',
    ):
        assert cells in shown
    assert version.programme.versions.count() == 2


def test_publishing_asks_first_shows_the_cost_and_is_recorded(office: Client) -> None:
    owner = shipped("family")
    version = draft(owner, minimum_minor=20_00)
    page = url("programmeversion", "publish", version.pk)
    shown = text_of(office.get(page))
    assert "Ce brouillon aurait coûté" in shown
    assert "Ce qui change par rapport à v1" in shown
    seen = typed(shown)["seen"]
    unconfirmed = office.post(page, {"seen": seen})
    assert "Ce champ est obligatoire" in text_of(unconfirmed)
    version.refresh_from_db()
    assert version.state == "draft"
    assert office.post(page, {"seen": seen, "confirmed": "on"}).status_code == 302
    assert version_in_force(owner.pk, at=NOW).number == 2
    assert LogEntry.objects.get(object_id=str(version.pk)).change_message


def test_a_draft_that_changed_since_it_was_looked_at_is_not_published(office: Client) -> None:
    version = draft(shipped("family"))
    page = url("programmeversion", "publish", version.pk)
    seen = typed(text_of(office.get(page)))["seen"]
    ProgrammeVersion.objects.filter(pk=version.pk).update(rules={**RULES["family"], "minimum_minor": 1})
    answer = text_of(office.post(page, {"seen": seen, "confirmed": "on"}))
    assert "Le brouillon a changé entre-temps : relisez-le." in answer
    version.refresh_from_db()
    assert version.state == "draft"
    again = {**typed(answer), "confirmed": "on"}
    assert office.post(page, again).status_code == 302


@pytest.mark.parametrize("page", ["edit", "edit_json", "publish", "discard"])
def test_a_published_version_is_only_read(office: Client, page: str) -> None:
    version = shipped("family").versions.get()
    shown = text_of(office.get(url("programmeversion", "change", version.pk)))
    assert url("programmeversion", page, version.pk) not in shown
    assert url("programmeversion", "replay", version.pk) in shown
    for method in (office.get, office.post):
        assert method(url("programmeversion", page, version.pk)).status_code == 403
    assert office.post(url("programmeversion", "change", version.pk), {"note": "x"}).status_code == 403
    assert office.post(url("programmeversion", "delete", version.pk), {"post": "yes"}).status_code == 403
    chosen = {"action": "delete_selected", "_selected_action": [version.pk], "post": "yes"}
    office.post(url("programmeversion", "changelist"), chosen)
    assert ProgrammeVersion.objects.get(pk=version.pk).rules == RULES["family"]


def test_a_draft_can_be_thrown_away_and_only_a_draft(office: Client) -> None:
    version = draft(shipped("family"))
    page = url("programmeversion", "discard", version.pk)
    assert office.get(page).status_code == 200
    assert office.post(page, {}).status_code == 200
    assert office.post(page, {"confirmed": "on"}).status_code == 302
    assert [row.number for row in ProgrammeVersion.objects.filter(programme__slug="family")] == [1]


@pytest.mark.parametrize("page", ["edit", "edit_json", "replay", "publish", "discard"])
def test_who_may_only_look_changes_nothing(client: Client, page: str) -> None:
    version = draft(shipped("family"))
    reader(client, "view_programmeversion", "view_programme")
    assert client.get(url("programmeversion", "change", version.pk)).status_code == 200
    assert client.post(url("programmeversion", page, version.pk), {"confirmed": "on"}).status_code == 403
    assert client.get(url("programme", "new_draft", version.programme_id)).status_code == 403
    assert ProgrammeVersion.objects.filter(pk=version.pk, state="draft").exists()


def test_a_draft_without_a_version_in_force_is_published_whole(office: Client) -> None:
    owner = Programme.objects.create(slug="neuf", name="Neuf")
    version = draft(owner, "cinema")
    shown = text_of(office.get(url("programmeversion", "publish", version.pk)))
    assert "Première version : toutes les règles" in shown
    assert "Aucun achat à rejouer." in shown


def test_the_lists_ask_few_questions(office: Client, django_assert_max_num_queries: Any) -> None:
    for slug in ("family", "croissant", "cinema"):
        draft(shipped(slug), slug)
    for model in ("programme", "programmeversion"):
        with django_assert_max_num_queries(9):
            assert office.get(url(model, "changelist")).status_code == 200


def test_rules_of_a_programme_of_its_own_are_read_in_words(office: Client) -> None:
    version = programme("croissant").versions.get()
    shown = text_of(office.get(url("programmeversion", "change", version.pk)))
    assert "300 (Guest) / 500 (Gold) / 700 (Platinum)" in shown
