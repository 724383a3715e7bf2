"""Programmes as versioned data: validated, in plain words, unchangeable once published."""

from copy import deepcopy
from datetime import timedelta
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction

from loyalty import guards
from loyalty.checks import versions_are_guarded
from loyalty.errors import ProgrammeClosed, RulesInvalid, VersionPublished
from loyalty.models import MemberEvent, Programme, ProgrammeVersion
from loyalty.rules import parse
from loyalty.selectors.programmes import version_in_force
from loyalty.services.programme import draft_version, edit_draft, publish_version
from loyalty.services.ship import join_programme, ship_programmes
from loyalty.words import describe, diff
from tests.factories import organisation
from tests.loyalty.points import NOW, RULES, member, programme, programme_of, shipped

pytestmark = pytest.mark.django_db


def brackets(*edges: tuple[int, int | None]) -> dict[str, Any]:
    rows = [{"from_minor": low, "to_minor": high, "rate_bp": 100} for low, high in edges]
    return {**deepcopy(RULES["family"]), "accrual": {"by": "brackets", "brackets": rows}}


def problems(rules: dict[str, Any]) -> list[tuple[str, str]]:
    with pytest.raises(RulesInvalid) as refusal:
        parse(rules)
    return [(problem.part, str(problem.message)) for problem in refusal.value.problems]


@pytest.mark.parametrize(
    ("edges", "part", "says"),
    [
        ([(0, 500_00), (400_00, None)], "accrual.brackets[1]", "400,00 – … chevauche"),
        ([(0, 500_00), (600_00, None)], "accrual.brackets[1]", "trou avant la tranche 600,00 – …"),
        ([(0, None), (500_00, None)], "accrual.brackets[1]", "chevauche"),
        ([(100, None)], "accrual.brackets[0]", "doit commencer à 0"),
        ([(0, 2_000_00)], "accrual.brackets[0]", "0,00 – 2 000,00, la dernière, n'a pas de fin"),
        ([(0, 500_00), (500_00, 500_00), (500_00, None)], "accrual.brackets[1]", "500,00 – 500,00 est vide"),
        ([], "accrual.brackets", "au moins une tranche"),
    ],
)
def test_overlapping_and_gapped_brackets_are_refused_by_name(
    edges: list[tuple[int, int | None]], part: str, says: str
) -> None:
    found = problems(brackets(*edges))
    assert any(where == part and says in what for where, what in found), found


@pytest.mark.parametrize(
    ("change", "part"),
    [
        ({"life": {"months": 12, "idle_days": 90}}, "life"),
        ({"life": {}}, "life"),
        ({"activation_days": {"online": -1}}, "activation_days.online"),
        ({"redemption": {"cap_bp": 10_001}}, "redemption.cap_bp"),
        ({"accrual": {"by": "mood"}}, "accrual.by"),
        ({"accrual": {"by": "tier"}}, "tiers"),
        ({"life": {"idle_days": 15}}, "activation_days"),
        ({"idle_resets_tier": True}, "idle_resets_tier"),
        ({"birthday": {"days_before": 3, "life_days": 14, "points": {"gold": 5}}}, "birthday.points"),
        ({"welcome": {"trigger": "never", "points": 1, "life_days": 1}}, "welcome.trigger"),
        ({"welcome": {"trigger": "enrolment", "points": 0, "life_days": 1}}, "welcome.points"),
        ({"minimum_minor": 1.5}, "minimum_minor"),
        ({"minimum_minor": True}, "minimum_minor"),
        ({"surprise": 1}, "surprise"),
        ({"rewards": [{"code": "a", "name": "A", "points": 1, "product_slug": "a"}] * 2}, "rewards"),
        ({"accrual": []}, "accrual"),
    ],
)
def test_rules_that_contradict_themselves_are_refused_where_they_do(
    change: dict[str, Any], part: str
) -> None:
    found = problems({**deepcopy(RULES["family"]), **change})
    assert part in [where for where, _ in found], found


def test_tiers_must_rise_from_zero() -> None:
    rules = deepcopy(RULES["croissant"])
    rules["tiers"][1]["from_minor"] = 0
    assert ("tiers[1]", "Le seuil de Gold n'est pas au-dessus du précédent.") in problems(rules)
    rules["tiers"][0]["from_minor"] = 1
    assert ("tiers[0]", "Le premier statut commence à 0.") in problems(rules)


def test_a_draft_with_faults_is_not_saved() -> None:
    owner = programme()
    with pytest.raises(RulesInvalid):
        draft_version(programme_id=owner.pk, rules=brackets((5, None)), at=NOW)
    assert owner.versions.count() == 1


def test_a_draft_changes_until_it_is_published_and_never_after() -> None:
    owner = programme()
    rules = {**deepcopy(RULES["family"]), "minimum_minor": 100}
    draft = draft_version(programme_id=owner.pk, rules=rules, at=NOW)
    edit_draft(version_id=draft, rules={**rules, "minimum_minor": 200}, note="two")
    publish_version(version_id=draft, at=NOW)
    publish_version(version_id=draft, at=NOW + timedelta(days=1))
    with pytest.raises(VersionPublished):
        edit_draft(version_id=draft, rules=rules)
    kept = ProgrammeVersion.objects.get(pk=draft)
    assert (kept.number, kept.rules["minimum_minor"], kept.published_at) == (2, 200, NOW)


@pytest.mark.parametrize(
    "change",
    [
        lambda rows: rows.update(rules={}),
        lambda rows: rows.update(published_at=NOW),
        lambda rows: rows.update(state="draft", published_at=None),
        lambda rows: rows._raw_delete("default"),
    ],
)
def test_the_database_itself_keeps_a_published_version(change: Any) -> None:
    owner = programme()
    before = list(ProgrammeVersion.objects.values_list())
    with pytest.raises(IntegrityError), transaction.atomic():
        change(owner.versions.all())
    assert list(ProgrammeVersion.objects.values_list()) == before


def test_members_events_are_only_added() -> None:
    member(programme())
    for change in (
        lambda: MemberEvent.objects.update(reason="other"),
        lambda: MemberEvent.objects.all()._raw_delete("default"),
    ):
        with pytest.raises(IntegrityError), transaction.atomic():
            change()
    assert MemberEvent.objects.count() == 1


def test_a_missing_trigger_is_reported_and_put_back() -> None:
    assert versions_are_guarded() == []
    guards.remove(connection)
    assert versions_are_guarded()[0].id == "loyalty.E001"
    assert set(guards.install(connection)) == set(guards.TRIGGERS)
    assert versions_are_guarded() == []


def test_the_version_in_force_is_the_latest_published_by_then() -> None:
    owner = programme()
    first = version_in_force(owner.pk, at=NOW)
    second = draft_version(programme_id=owner.pk, rules=RULES["cinema"], at=NOW)
    assert version_in_force(owner.pk, at=NOW) == first
    publish_version(version_id=second, at=NOW)
    assert version_in_force(owner.pk, at=NOW).version_id == second
    assert version_in_force(owner.pk, at=NOW - timedelta(seconds=1)) == first


def test_a_closed_programme_has_no_version_in_force() -> None:
    owner = programme()
    Programme.objects.filter(pk=owner.pk).update(is_active=False)
    with pytest.raises(ProgrammeClosed):
        version_in_force(owner.pk, at=NOW)


def test_the_four_programmes_are_shipped_once_and_left_alone_after() -> None:
    ids = ship_programmes(at=NOW)
    Programme.objects.filter(slug="family").update(name="Famille")
    assert ship_programmes(at=NOW) == ids
    assert ProgrammeVersion.objects.count() == 4
    assert set(Programme.objects.values_list("slug", "name")) == {
        ("family", "Famille"),
        ("croissant", "Croissant"),
        ("cinema", "Cinema"),
        ("mirabelle", "Mirabelle"),
    }


def test_a_works_council_belongs_to_one_programme_at_a_time() -> None:
    ship_programmes(at=NOW)
    cse = organisation()
    assert programme_of(cse.pk) is None
    for slug in ("family", "mirabelle"):
        join_programme(organisation_id=cse.pk, programme_slug=slug)
    assert programme_of(cse.pk) == "mirabelle"


def test_rules_are_told_in_plain_words() -> None:
    # S4.14
    family = version_in_force(shipped("family").pk, at=NOW).rules
    told = [line.replace("\u202f", " ").replace("\xa0", " ") for line in describe(family, language="fr")]
    assert told == [
        "Achat de moins de 500,00 € : pas de points.",
        "Achat de 500,00 € à 1 999,99 € : 2 % de son montant en points.",
        "Achat de 2 000,00 € à 4 999,99 € : 5 % de son montant en points.",
        "Achat de 5 000,00 € à 9 999,99 € : 7 % de son montant en points.",
        "Achat de 10 000,00 € et plus : 10 % de son montant en points.",
        "Les points d'un achat en ligne sont utilisables 14 jours plus tard, en magasin 15 jours plus tard.",
        "Les points d'un achat vivent 12 mois.",
        "Au premier achat, quel que soit son montant : 100 points de bienvenue, "
        "utilisables 1 jour plus tard, valables 14 jours.",
        "Les points de bienvenue s'utilisent en une seule fois.",
        "Les points d'une offre valent dans les points de vente nommés, 7 jours sauf autre mention.",
        "1 point vaut 1 unité de monnaie ; les points paient au plus 99 % d'un achat.",
        "Ni gain ni paiement en points : soldes, cartes-cadeaux.",
    ]


def test_croissant_and_cinema_are_told_too() -> None:
    croissant = describe(version_in_force(shipped("croissant").pk, at=NOW).rules, language="fr")
    birthday = "300 (Guest) / 500 (Gold) / 700 (Platinum) points, 3 jours avant, valables 14 jours."
    assert f"Anniversaire\u00a0: {birthday}" in croissant
    assert (
        "Après 90 jours sans achat, les points d'achat s'éteignent et le statut revient au premier."
        in croissant
    )
    cinema = describe(version_in_force(shipped("cinema").pk, at=NOW).rules, language="fr")
    assert "240 points\u00a0: Place 5/7." in cinema


def test_a_diff_names_what_goes_and_what_comes() -> None:
    old = parse(RULES["family"])
    new = parse({**deepcopy(RULES["family"]), "life": {"months": 6}})
    assert diff(old, new, language="fr") == [
        ("-", "Les points d'un achat vivent 12 mois."),
        ("+", "Les points d'un achat vivent 6 mois."),
    ]
    assert diff(new, new, language="fr") == []
    assert {sign for sign, _ in diff(None, new, language="fr")} == {"+"}
