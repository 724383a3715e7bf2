import copy
from pathlib import Path

import pytest
from django.conf import settings
from django.template.loader import render_to_string
from django.test import Client, RequestFactory
from django.urls import reverse

from accounts.models import User
from kernel.shortcuts import render_page
from tests.factories import member, operator, organisation, staff

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("address", ["/aide/", "/confidentialite/", "/accessibilite/"])
def test_pages_for_everybody_need_no_account(client: Client, address: str) -> None:
    response = client.get(address)
    assert response.status_code == 200
    assert response.content.count(b"<h1") == 1


def test_an_unknown_address_is_answered_in_our_design(client: Client) -> None:
    response = client.get("/rien/")
    assert response.status_code == 404
    assert "Cette page n'existe pas" in response.content.decode().replace("&#x27;", "'")


@pytest.mark.parametrize("name", ["400.html", "403_csrf.html", "500.html"])
def test_early_errors_need_neither_request_nor_database(name: str, django_assert_num_queries) -> None:
    with django_assert_num_queries(0):
        assert "<h1>" in render_to_string(name)


def test_a_stale_form_is_explained() -> None:
    response = Client(enforce_csrf_checks=True).post("/compte/connexion/", {"login": "x"})
    assert response.status_code == 403
    assert "plus valable" in response.content.decode()


def test_the_theme_cookie_is_only_believed_when_it_names_a_theme(client: Client) -> None:
    client.cookies["theme"] = '"><script>'
    assert b"data-theme" not in client.get("/aide/").content
    client.cookies["theme"] = "dark"
    assert b'data-theme="dark"' in client.get("/aide/").content


@pytest.fixture
def page(tmp_path: Path, settings) -> str:
    """A page with one partial, `figure`."""
    (tmp_path / "page.html").write_text(
        "<h1>x</h1>{% partialdef figure inline %}<b>{{ n }}</b>{% endpartialdef %}"
    )
    templates = copy.deepcopy(settings.TEMPLATES)
    templates[0]["DIRS"].append(tmp_path)
    settings.TEMPLATES = templates
    return "page.html"


def test_htmx_gets_the_fragment_and_a_browser_the_page(page: str) -> None:
    plain, swapped = RequestFactory().get("/"), RequestFactory().get("/", headers={"HX-Request": "true"})
    for request in (plain, swapped):
        response = render_page(request, page, {"n": 3}, fragment="figure", status=422)
        assert response.status_code == 422
        assert response["Vary"] == "HX-Request"
        assert b"<b>3</b>" in response.content
        assert (b"<h1>" in response.content) == (request is plain)


def test_a_restored_history_entry_gets_the_whole_page(page: str) -> None:
    request = RequestFactory().get("/", headers={"HX-Request": "true", "HX-History-Restore-Request": "true"})
    assert b"<h1>" in render_page(request, page, {}, fragment="figure").content


def test_no_template_carries_inline_style_or_script() -> None:
    for path in Path(settings.BASE_DIR, "templates").rglob("*.html"):
        if path.parent.name in {"email", "pdf"}:
            continue
        text = path.read_text()
        for forbidden in (" style=", "<style", " onclick=", " onload=", "javascript:"):
            assert forbidden not in text, f"{path}: {forbidden}"


def test_parts_rendered_once_keep_people_and_languages_apart(client: Client) -> None:
    for name in ("Les Uns", "Les Autres"):
        client.force_login(member(organisation(name=name)))
        for language, label in (("fr", "Gérez vos coordonnées"), ("en", "Manage your details")):
            User.objects.update(language=language)
            page = client.get("/aide/").content.decode()
            assert name in page
            assert label in page
            assert "Espace CSE" not in page


def test_staff_find_their_desk_on_their_first_page(client: Client) -> None:
    cse = organisation()
    for user, shown in ((member(cse), False), (staff(cse), True)):
        client.force_login(user)
        page = client.get("/").content.decode()
        assert (f'class="button" href="{reverse("cse:queue")}"' in page) is shown


def test_the_menu_shows_each_person_only_their_own_doors(client: Client) -> None:
    cse = organisation()
    pages = {}
    for who, user in (("member", member(cse)), ("staff", staff(cse)), ("operator", operator())):
        client.force_login(user)
        pages[who] = client.get("/aide/").content.decode()
    assert [who for who, page in pages.items() if "/cse/" in page] == ["staff"]
    assert [who for who, page in pages.items() if "/admin/" in page] == ["operator"]
