"""/cse/: staff decide the requests of their own CSE (S3.2)."""

import re

import pytest
from django.core import mail
from django.test import Client
from django.utils import timezone

from accounts.models import IdentificationKey, Membership
from tests.factories import (
    PASSWORD,
    identification_key,
    member,
    membership,
    operator,
    organisation,
    person,
    sign_in,
    staff,
)
from tests.support import run_jobs

pytestmark = pytest.mark.django_db


@pytest.fixture
def cse():
    return organisation(name="CSE Vergers")


@pytest.fixture
def desk(client, cse) -> Client:
    """A staff member at work."""
    return sign_in(client, staff(cse), second_factor=True)


def names(page) -> list[str]:
    return re.findall(r'<a href="/cse/demandes/\d+/"><b>([^<]+)</b>', page.content.decode())


def request_of(cse, last_name: str, **fields) -> Membership:
    user = person(first_name="Jo", last_name=last_name, **fields.pop("user", {}))
    return membership(user, cse, **fields)


def test_the_queue_shows_the_requests_of_its_own_cse_oldest_first(desk, cse):  # S3.2
    for last_name in ("Abricot", "Brugnon"):
        request_of(cse, last_name)
    request_of(organisation(), "Ailleurs")
    request_of(None, "Sans clé")
    request_of(cse, "Déjà", state="approved")
    assert names(desk.get("/cse/")) == ["Jo Abricot", "Jo Brugnon"]


def test_another_cse_answers_as_if_nobody_were_there(desk):  # S3.2
    row = request_of(organisation(), "Ailleurs")
    assert desk.get(f"/cse/demandes/{row.pk}/").status_code == 404
    assert desk.post(f"/cse/demandes/{row.pk}/", {"do": "approve"}).status_code == 404
    desk.post("/cse/decider/", {"do": "approve", "id": [row.pk]})
    row.refresh_from_db()
    assert (row.state, row.events.count()) == ("pending", 0)


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("q=abri", ["Jo Abricot"]),
        ("q=jo+bru", ["Jo Brugnon"]),
        ("q=%00abri", ["Jo Abricot"]),
        ("q=%25", []),
        ("key=known", ["Jo Brugnon"]),
        ("key=none", ["Jo Abricot"]),
        ("status=refused", ["Jo Cerise"]),
        ("status=all&order=newest", ["Jo Cerise", "Jo Brugnon", "Jo Abricot"]),
        ("status=all&order=name", ["Jo Abricot", "Jo Brugnon", "Jo Cerise"]),
        ("status=nonsense&order=x&key=y&cursor=z", ["Jo Abricot", "Jo Brugnon", "Jo Cerise"]),
    ],
)
def test_search_filters_and_order(desk, cse, query, found):  # S3.2
    request_of(cse, "Abricot")
    request_of(cse, "Brugnon", key=identification_key(cse))
    request_of(cse, "Cerise", state="refused")
    assert names(desk.get(f"/cse/?{query}")) == found


@pytest.mark.parametrize("order", ["oldest", "newest", "name"])
def test_pages_follow_the_key_and_miss_nobody(desk, cse, order):
    for number in range(60):
        request_of(cse, f"N{number % 7}")
    seen, url = [], f"/cse/?order={order}"
    while url:
        page = desk.get(url)
        seen += re.findall(r'name="id"\s+value="(\d+)"', page.content.decode())
        more = re.search(r'rel="next" href="([^"]+)"', page.content.decode())
        url = f"/cse/{more[1]}".replace("&amp;", "&") if more else ""
    assert len(seen) == len(set(seen)) == 60


def test_htmx_gets_the_list_alone(desk, cse):
    request_of(cse, "Abricot")
    page = desk.get("/cse/?q=abri", headers={"HX-Request": "true"}).content.decode()
    assert page.lstrip().startswith("<form")
    assert "<html" not in page


def test_the_queue_costs_the_same_whatever_its_size(desk, cse, django_assert_max_num_queries):
    for number in range(30):
        request_of(cse, f"N{number}")
    with django_assert_max_num_queries(9):
        desk.get("/cse/")
    with django_assert_max_num_queries(9):
        desk.get("/cse/adherents/")
    row = Membership.objects.first()
    with django_assert_max_num_queries(9):
        desk.get(f"/cse/demandes/{row.pk}/")
    with django_assert_max_num_queries(9):
        desk.get("/cse/cles/")


def test_checks_warn_of_a_phone_that_another_account_has(desk, cse):
    person(phone="+33612345678")
    request_of(cse, "Abricot", user={"phone": "+33612345678"})
    assert "Compte existant avec ce téléphone" in desk.get("/cse/").content.decode()


def test_bulk_approval_opens_the_accounts_and_says_how_many(desk, cse):  # S3.2
    rows = [request_of(cse, name) for name in ("Abricot", "Brugnon")]
    page = desk.post("/cse/decider/?q=x", {"do": "approve", "id": [row.pk for row in rows]})
    assert page.headers["Location"] == "/cse/?q=x"
    assert "2 comptes validés" in desk.get("/cse/").content.decode()
    assert set(Membership.objects.values_list("state", flat=True)) == {"approved"}
    run_jobs()
    assert len(mail.outbox) == 2


def test_bulk_refusal_needs_a_reason_and_keeps_the_ticks(desk, cse):  # S3.2
    rows = [request_of(cse, name) for name in ("Abricot", "Brugnon")]
    page = desk.post("/cse/decider/", {"do": "refuse", "id": [rows[0].pk], "reason": " "})
    assert page.status_code == 422
    text = page.content.decode()
    assert "Dites pourquoi" in text
    assert re.search(rf'value="{rows[0].pk}"\s+checked', text)
    assert Membership.objects.filter(state="pending").count() == 2
    desk.post("/cse/decider/", {"do": "refuse", "id": [rows[0].pk], "reason": "Inconnu"})
    rows[0].refresh_from_db()
    assert (rows[0].state, rows[0].reason) == ("refused", "Inconnu")


@pytest.mark.parametrize(
    "data",
    [{}, {"do": "approve"}, {"do": "approve", "id": "x"}, {"do": "suspend", "id": "1"}, {"id": "9" * 40}],
)
def test_a_bulk_of_nothing_changes_nothing(desk, cse, data):
    request_of(cse, "Abricot")
    assert desk.post("/cse/decider/", data).status_code == 302
    assert Membership.objects.filter(state="pending").count() == 1


def test_one_request_is_approved_suspended_and_restored_with_its_history(desk, cse):  # S3.2
    row = request_of(cse, "Abricot")
    url = f"/cse/demandes/{row.pk}/"
    for do, reason, state in [
        ("approve", "", "approved"),
        ("suspend", "Départ", "suspended"),
        ("resume", "", "approved"),
        ("end", "", "left"),
    ]:
        desk.post(url, {"do": do, "reason": reason})
        row.refresh_from_db()
        assert row.state == state
    text = desk.get(url).content.decode()
    assert "Départ" in text
    assert text.count("par Camille") == 4


def test_two_staff_at_once_decide_once(desk, cse):
    row = request_of(cse, "Abricot")
    Membership.objects.filter(pk=row.pk).update(state="refused")
    page = desk.post(f"/cse/demandes/{row.pk}/", {"do": "approve"}, follow=True)
    assert "déjà décidé" in page.content.decode()
    row.refresh_from_db()
    assert row.state == "refused"


def test_staff_of_several_cses_switch_between_their_own(client, cse):  # S3.2
    user = staff(cse)
    other, foreign = organisation(name="CSE Zone"), organisation()
    other.staff_roles.create(user=user)
    request_of(other, "Zinnia")
    desk = sign_in(client, user, second_factor=True)
    assert names(desk.get("/cse/")) == []
    desk.post("/cse/changer/", {"organisation": other.pk})
    assert names(desk.get("/cse/")) == ["Jo Zinnia"]
    assert desk.post("/cse/changer/", {"organisation": foreign.pk}).status_code == 404
    user.staff_roles.filter(organisation=other).delete()
    assert names(desk.get("/cse/")) == []


def test_members_are_listed_by_name(desk, cse):
    member(cse, last_name="Zeste")
    member(cse, last_name="Amande")
    text = desk.get("/cse/adherents/").content.decode()
    assert text.index("Amande") < text.index("Zeste")


def test_staff_make_export_and_revoke_keys_of_their_cse(desk, cse):  # S3.1
    foreign = identification_key()
    page = desk.post("/cse/cles/", {"name": "=lot", "count": "3", "key_prefix": "ete", "use_limit": "1"})
    assert page.status_code == 302
    assert "3 clés créées" in desk.get(page.headers["Location"]).content.decode()
    mine = IdentificationKey.objects.filter(organisation=cse)
    assert mine.count() == 3
    csv = desk.get("/cse/cles/export.csv").content.decode("utf-8-sig")
    assert csv.count("ETE-") == 3
    assert ";'=lot" in csv
    assert foreign.code not in csv
    desk.post("/cse/cles/revoquer/", {"id": [mine[0].pk, foreign.pk]})
    assert mine.filter(revoked_at__isnull=False).count() == 1
    foreign.refresh_from_db()
    assert foreign.revoked_at is None


@pytest.mark.parametrize(
    "bad",
    [
        {"count": "0"},
        {"count": "10000000"},
        {"count": "1e400"},
        {"key_prefix": "é è"},
        {"use_limit": "0"},
        {"expires_on": "2020-01-01"},
        {"site": "999"},
    ],
)
def test_a_bad_batch_is_refused_next_to_its_field(desk, bad):
    page = desk.post("/cse/cles/", {"count": "3", "use_limit": "1", **bad})
    assert page.status_code == 422
    assert 'aria-invalid="true"' in page.content.decode()
    assert not IdentificationKey.objects.exists()


def test_operators_assign_or_refuse_requests_made_with_key_0(client, cse):  # S3.1
    first, second = request_of(None, "Zéro"), request_of(None, "Nul")
    desk = sign_in(client, operator())
    assert "Zéro" in desk.get("/cse/sans-cle/").content.decode()
    desk.post(f"/cse/sans-cle/{first.pk}/", {"do": "assign", "organisation": cse.pk})
    first.refresh_from_db()
    assert (first.organisation, first.state) == (cse, "pending")
    page = desk.post(f"/cse/sans-cle/{second.pk}/", {"do": "refuse", "reason": ""})
    assert page.status_code == 422
    desk.post(f"/cse/sans-cle/{second.pk}/", {"do": "refuse", "reason": "Aucun CSE connu"})
    second.refresh_from_db()
    assert second.state == "refused"
    assert desk.get(f"/cse/sans-cle/{first.pk}/").status_code == 404


def test_staff_sign_in_with_a_code_and_land_on_their_queue(client, cse, time_machine):
    from accounts.services.demo import totp_code

    time_machine.move_to(timezone.now(), tick=False)
    user = staff(cse)
    page = client.post("/compte/connexion/", {"login": user.email, "password": PASSWORD}, follow=True)
    assert page.redirect_chain[-1][0] == "/compte/connexion/code/"
    code, _ = totp_code(at=timezone.now())
    page = client.post("/compte/connexion/code/", {"code": code}, follow=True)
    assert page.redirect_chain[-1][0] == "/cse/"
    assert page.status_code == 200
