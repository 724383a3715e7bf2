"""First use and sign-in: language, TID and password; devices that are remembered and revoked (S0.2)."""

import re
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
import time_machine
from django.test import Client
from django.utils import timezone

from merchants.errors import ActivationRefused, OperatorNameTaken, PasswordWeak
from merchants.models import Device, Operator, Terminal
from merchants.selectors.devices import device_session, token_index
from merchants.services.activation import (
    ALPHABET,
    DRAWING,
    activate_terminal,
    code_index,
    new_code,
    paper_ref,
)
from merchants.services.devices import revoke_device
from merchants.services.onboard import add_terminal, move_terminal
from merchants.services.team import switch_operator
from merchants.states import OperatorRole, TerminalState
from tests.merchants.factories import (
    PASSWORD,
    Till,
    at_till,
    make_device,
    make_merchant,
    make_operator,
    make_outlet,
    make_till,
)
from tests.pdfs import text_of
from tests.support import run_jobs

pytestmark = pytest.mark.django_db
NEUTRAL = "TID, utilisateur ou mot de passe incorrect"


def sign_in(client: Client, tid: str, password: str = PASSWORD, **fields: str):
    data = {"tid": tid, "mot_de_passe": password, "utilisateur": "", **fields}
    return client.post("/terminal/connexion/", data)


def is_in(client: Client) -> bool:
    return client.get("/terminal/").status_code == 200


@pytest.fixture
def till() -> Till:
    return make_till()


# --- signing in


def test_tid_and_password_open_the_terminal_and_the_device_is_remembered(client: Client, till: Till):  # S0.2
    first = client.get("/terminal/")
    assert urlsplit(first.headers["Location"]).path == "/terminal/connexion/"
    response = sign_in(client, till.terminal.tid.lower())
    assert response.headers["Location"] == "/terminal/"
    page = client.get("/terminal/").content.decode()
    assert till.outlet.name in page
    assert till.terminal.tid in page
    cookie = client.cookies["terminal"]
    assert cookie["httponly"]
    assert (cookie["path"], cookie["samesite"]) == ("/terminal/", "Lax")


def test_the_first_use_asks_the_language_and_the_device_keeps_it(client: Client, till: Till):  # S0.2
    page = client.get("/terminal/connexion/").content.decode()
    for name in ("Français", "Deutsch", "English", "Italiano"):
        assert name in page
    client.post("/terminal/langue/", {"langue": "de"})
    page = client.get("/terminal/connexion/").content.decode()
    assert 'lang="de"' in page
    sign_in(client, till.terminal.tid)
    assert 'lang="de"' in client.get("/terminal/").content.decode()
    client.post("/terminal/langue/", {"langue": "it", "next": "/terminal/reglages/"})
    assert Device.objects.get(operator=till.operator, language="it")
    assert client.post("/terminal/langue/", {"langue": "xx"}).status_code == 302


@pytest.mark.parametrize(
    ("header", "language"),
    [("it-CH,it;q=0.9", "it"), ("ja,de-CH;q=0.8", "de"), ("", "fr"), ("ja", "fr"), ("en-GB", "en")],
)
def test_before_anybody_chooses_the_browser_does(client: Client, header: str, language: str):
    page = client.get("/terminal/connexion/", headers={"accept-language": header})
    assert f'lang="{language}"' in page.content.decode()


@pytest.mark.parametrize("what", ["tid", "password", "revoked", "ended", "cashier's name", "gone"])
def test_every_wrong_sign_in_gets_the_same_answer(client: Client, till: Till, what: str):
    tid, password, fields = till.terminal.tid, PASSWORD, {}
    match what:
        case "tid":
            tid = "CM9999"
        case "password":
            password = "faux"
        case "revoked":
            Terminal.objects.filter(pk=till.terminal.pk).update(state="revoked")
        case "ended":
            type(till.merchant).objects.filter(pk=till.merchant.pk).update(is_active=False)
        case "cashier's name":
            fields = {"utilisateur": "personne"}
        case _:
            Operator.objects.filter(pk=till.operator.pk).update(is_active=False)
    response = sign_in(client, tid, password, **fields)
    assert response.status_code == 422
    text = response.content.decode()
    assert NEUTRAL in text
    assert f'value="{tid}"' in text
    assert PASSWORD not in text
    assert "terminal" not in client.cookies
    assert not is_in(client)


def test_what_is_missing_is_asked_for_next_to_its_field(client: Client):
    page = client.post("/terminal/connexion/", {"tid": "", "mot_de_passe": ""}).content.decode()
    assert 'id="id_tid_error"' in page
    assert 'id="id_mot_de_passe_error"' in page


def test_five_strangers_tries_stop_strangers_and_not_the_remembered_device(client: Client, till: Till):
    remembered = at_till(Client(), till)
    for _ in range(5):
        sign_in(client, till.terminal.tid, "faux")
    assert sign_in(client, till.terminal.tid).status_code == 422  # the right one comes too late
    remembered.post("/terminal/deconnexion/")
    assert sign_in(remembered, till.terminal.tid).status_code == 302
    with time_machine.travel(timezone.now() + timedelta(minutes=16), tick=False):
        assert sign_in(client, till.terminal.tid).status_code == 302


def test_a_remembered_device_that_guesses_is_stopped_too(till: Till):
    thief = at_till(Client(), till)
    thief.post("/terminal/deconnexion/")
    for _ in range(5):
        sign_in(thief, till.terminal.tid, "faux")
    assert sign_in(thief, till.terminal.tid).status_code == 422
    assert sign_in(Client(), till.terminal.tid).status_code == 302


def test_an_address_that_tries_many_terminals_is_told_to_wait(client: Client):
    answers = [sign_in(client, f"CM{number:04d}").status_code for number in range(3000, 3022)]
    assert answers[0] == 422
    assert answers[-1] == 429


def test_several_people_share_a_terminal_under_their_names(client: Client, till: Till):
    cashier = make_operator(till.merchant, login="lea", role=OperatorRole.CASHIER)
    assert sign_in(client, till.terminal.tid, utilisateur="LEA").status_code == 302
    assert Device.objects.filter(operator=cashier).count() == 1


def test_somebody_of_another_outlet_does_not_sign_in_here(client: Client, till: Till):
    elsewhere = make_outlet(till.merchant)
    cashier = make_operator(till.merchant, login="lea", role=OperatorRole.CASHIER)
    cashier.outlets.set([elsewhere])
    assert sign_in(client, till.terminal.tid, utilisateur="lea").status_code == 422
    cashier.outlets.add(till.outlet)
    assert sign_in(client, till.terminal.tid, utilisateur="lea").status_code == 302


def test_signing_in_again_changes_the_token_and_keeps_the_device(till: Till):
    client = at_till(Client(), till)
    client.post("/terminal/deconnexion/")
    sign_in(client, till.terminal.tid)
    assert Device.objects.filter(terminal=till.terminal).count() == 1
    assert device_session(till.token, at=timezone.now()) is None
    assert is_in(client)


@pytest.mark.parametrize(
    ("wanted", "goes"),
    [
        ("/terminal/journal/", "/terminal/journal/"),
        ("https://ailleurs.example/terminal/", "/terminal/"),
        ("//ailleurs.example/terminal/", "/terminal/"),
        ("/compte/coordonnees/", "/terminal/"),
        ("/terminal/\\ailleurs", "/terminal/\\ailleurs"),
    ],
)
def test_after_signing_in_one_is_where_one_wanted_to_go_on_this_very_site(
    client: Client, till: Till, wanted: str, goes: str
):
    response = sign_in(client, till.terminal.tid, next=wanted)
    assert response.headers["Location"].replace("%5C", "\\") == goes


def test_the_way_back_is_kept_when_somebody_must_sign_in_first(client: Client):
    location = client.get("/terminal/journal/?jour=2026-11-01").headers["Location"]
    assert parse_qs(urlsplit(location).query) == {"next": ["/terminal/journal/?jour=2026-11-01"]}


# --- devices


def test_a_forged_or_altered_cookie_opens_nothing(client: Client, till: Till):
    client.cookies["terminal"] = till.token
    assert not is_in(client)
    at_till(client, till)
    client.cookies["terminal"] = client.cookies["terminal"].value[:-1] + "x"
    assert not is_in(client)


def test_a_revoked_device_is_out_at_once_and_is_told(till: Till):
    client = at_till(Client(), till)
    assert is_in(client)
    assert revoke_device(device_id=till.device.pk, at=timezone.now())
    assert not revoke_device(device_id=till.device.pk, at=timezone.now())
    assert not is_in(client)
    assert "Cet appareil a été révoqué" in client.get("/terminal/connexion/").content.decode()


def test_whoever_signed_in_long_ago_signs_in_again(till: Till, settings):
    later = timezone.now() + timedelta(hours=settings.TERMINAL_SESSION_HOURS, seconds=1)
    with time_machine.travel(later, tick=False):
        assert not is_in(at_till(Client(), till))


def test_who_leaves_the_merchant_is_out_at_once(till: Till):
    client = at_till(Client(), till)
    make_operator(till.merchant)
    switch_operator(operator_id=till.operator.pk, merchant_id=till.merchant.pk, is_active=False)
    assert not is_in(client)


def test_a_terminal_out_of_service_forgets_its_devices(till: Till):
    client = at_till(Client(), till)
    move_terminal(terminal_id=till.terminal.pk, target=TerminalState.REVOKED, at=timezone.now())
    assert not is_in(client)
    move_terminal(terminal_id=till.terminal.pk, target=TerminalState.ACTIVE, at=timezone.now())
    assert not is_in(client)


def test_the_token_is_no_secret_of_the_database(till: Till):
    assert till.token not in str(list(Device.objects.values_list()))
    assert Device.objects.get().token_index == token_index(till.token)


def test_a_busy_till_writes_little_for_being_seen(till: Till, django_assert_num_queries):
    client = at_till(Client(), till)
    with django_assert_num_queries(1):
        client.get("/terminal/reglages/mot-de-passe/")  # POST only: the door alone
    with time_machine.travel(timezone.now() + timedelta(minutes=6), tick=False):
        client.get("/terminal/")
        assert Device.objects.get(pk=till.device.pk).last_seen_at > till.device.last_seen_at


# --- activation


def activation(terminal: Terminal) -> str:
    """The code on the paper, as a worker drew it."""
    from documents.selectors import document

    run_jobs()
    terminal.refresh_from_db()
    drawn = document(DRAWING, paper_ref(terminal))
    assert drawn is not None
    found = re.search(rf"\b([{ALPHABET}]{{4}} [{ALPHABET}]{{4}} [{ALPHABET}]{{4}})\b", text_of(drawn.content))
    assert found
    return found[1]


@pytest.fixture
def new_terminal() -> Terminal:
    return add_terminal(outlet_id=make_outlet(make_merchant()).pk, at=timezone.now())


def activate(client: Client, terminal: Terminal, code: str, **fields: str):
    facts = {
        "tid": terminal.tid,
        "activation": code,
        "nom": "Léa Vernet",
        "utilisateur": "responsable",
        "nouveau": PASSWORD,
        **fields,
    }
    return client.post("/terminal/activation/", facts)


def test_the_paper_makes_the_first_manager_once(client: Client, new_terminal: Terminal):  # S0.2
    code = activation(new_terminal)
    assert code.replace(" ", "") not in str(list(Terminal.objects.values_list()))
    response = activate(client, new_terminal, code.lower())
    assert response.headers["Location"] == "/terminal/"
    assert is_in(client)
    made = Operator.objects.get()
    assert (made.name, made.login, made.role) == ("Léa Vernet", "responsable", OperatorRole.MANAGER)
    assert sign_in(Client(), new_terminal.tid).status_code == 302
    again = activate(Client(), new_terminal, code, utilisateur="autre")
    assert again.status_code == 422
    assert Operator.objects.count() == 1


def test_a_used_code_leaves_no_paper_behind(client: Client, new_terminal: Terminal):
    from documents.models import StoredDocument

    activate(client, new_terminal, activation(new_terminal))
    assert not StoredDocument.objects.exists()


def test_a_new_code_ends_the_one_before(new_terminal: Terminal):
    old = activation(new_terminal)
    new_code(terminal_id=new_terminal.pk, at=timezone.now())
    assert activate(Client(), new_terminal, old).status_code == 422
    assert activate(Client(), new_terminal, activation(new_terminal)).status_code == 302


def test_a_code_is_good_for_thirty_days_and_its_own_terminal(new_terminal: Terminal):
    code = activation(new_terminal)
    other = add_terminal(outlet_id=new_terminal.outlet_id, at=timezone.now())
    assert activate(Client(), other, code).status_code == 422
    with time_machine.travel(timezone.now() + timedelta(days=30), tick=False):
        assert activate(Client(), new_terminal, code).status_code == 422
    assert not Operator.objects.exists()


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"nouveau": "court"}, "nouveau"),
        ({"nouveau": "password"}, "nouveau"),
        ({"utilisateur": "léa vernet"}, "utilisateur"),
        ({"nom": ""}, "nom"),
        ({"tid": "CM9999"}, "activation"),
    ],
)
def test_what_is_wrong_is_said_next_to_its_field_and_the_code_stays_good(
    client: Client, new_terminal: Terminal, fields: dict[str, str], field: str
):
    code = activation(new_terminal)
    page = activate(client, new_terminal, code, **fields)
    assert page.status_code == 422
    text = page.content.decode()
    assert f'id="id_{field}_error"' in text
    assert code in text
    assert not Operator.objects.exists()
    assert activate(client, new_terminal, code).status_code == 302


def test_guessing_at_an_activation_code_is_slowed_down(client: Client, new_terminal: Terminal):
    answers = [activate(client, new_terminal, f"AAAA BBBB CC{n:02d}").status_code for n in range(7)]
    assert answers[0] == 422
    assert answers[-1] == 429


def test_two_papers_of_one_merchant_do_not_make_one_name_twice(new_terminal: Terminal):
    other = add_terminal(outlet_id=new_terminal.outlet_id, at=timezone.now())
    assert activate(Client(), new_terminal, activation(new_terminal)).status_code == 302
    taken = activate(Client(), other, activation(other))
    assert "déjà pris" in taken.content.decode()
    assert activate(Client(), other, activation(other), utilisateur="second").status_code == 302


def test_codes_are_compared_however_they_are_grouped():
    assert code_index(1, "abcd-efgh jkmn") == code_index(1, "ABCDEFGHJKMN")
    assert code_index(1, "ABCDEFGHJKMN") != code_index(2, "ABCDEFGHJKMN")


def test_refusals_of_the_service_have_names(new_terminal: Terminal):
    facts = {"name": "x", "login": "x", "language": "fr", "label": "", "at": timezone.now()}
    with pytest.raises(ActivationRefused):
        activate_terminal(tid=new_terminal.tid, code="", password=PASSWORD, **facts)
    code = activation(new_terminal)
    with pytest.raises(PasswordWeak):
        activate_terminal(tid=new_terminal.tid, code=code, password="x", **facts)
    make_operator(new_terminal.outlet.merchant, login="x")
    with pytest.raises(OperatorNameTaken):
        activate_terminal(tid=new_terminal.tid, code=code, password=PASSWORD, **facts)


# --- settings


def test_a_manager_adds_a_colleague_who_signs_in_and_lets_them_go(till: Till):
    manager = at_till(Client(), till)
    facts = {"nom": "Noé", "utilisateur": "noe", "nouveau": "brioche-tiède"}
    assert manager.post("/terminal/reglages/equipe/", facts).status_code == 302
    noe = Operator.objects.get(login="noe")
    assert noe.role == OperatorRole.CASHIER
    browser = Client()
    assert sign_in(browser, till.terminal.tid, "brioche-tiède", utilisateur="noe").status_code == 302
    manager.post(f"/terminal/reglages/equipe/{noe.pk}/", {"actif": "0"})
    assert not is_in(browser)
    manager.post(f"/terminal/reglages/equipe/{noe.pk}/", {"actif": "1"})
    assert sign_in(browser, till.terminal.tid, "brioche-tiède", utilisateur="noe").status_code == 302


def test_a_cashier_manages_nothing(till: Till):
    cashier = make_operator(till.merchant, login="lea", role=OperatorRole.CASHIER)
    device, token = make_device(till.terminal, cashier)
    browser = at_till(Client(), Till(till.merchant, till.outlet, till.terminal, cashier, device, token))
    assert "Équipe" not in browser.get("/terminal/reglages/").content.decode()
    for path in ("equipe/", f"equipe/{till.operator.pk}/", f"appareils/{till.device.pk}/"):
        assert browser.post(f"/terminal/reglages/{path}", {"actif": "0"}).status_code == 403
    assert Operator.objects.get(pk=till.operator.pk).is_active
    assert Device.objects.get(pk=till.device.pk).revoked_at is None


def test_a_manager_reaches_no_other_merchants_people_or_devices(till: Till):
    other = make_till()
    manager = at_till(Client(), till)
    assert manager.post(f"/terminal/reglages/equipe/{other.operator.pk}/", {"actif": "0"}).status_code == 404
    manager.post(f"/terminal/reglages/appareils/{other.device.pk}/")
    assert Operator.objects.get(pk=other.operator.pk).is_active
    assert Device.objects.get(pk=other.device.pk).revoked_at is None


def test_the_last_manager_stays(till: Till):
    manager = at_till(Client(), till)
    manager.post(f"/terminal/reglages/equipe/{till.operator.pk}/", {"actif": "0"})
    assert Operator.objects.get(pk=till.operator.pk).is_active


def test_one_changes_ones_password_and_signs_in_with_the_new_one(till: Till):
    browser = at_till(Client(), till)
    wrong = browser.post(
        "/terminal/reglages/mot-de-passe/", {"mot_de_passe": "faux", "nouveau": "brioche-tiède"}
    )
    assert wrong.status_code == 422
    weak = browser.post("/terminal/reglages/mot-de-passe/", {"mot_de_passe": PASSWORD, "nouveau": "court"})
    assert weak.status_code == 422
    assert is_in(browser)
    facts = {"mot_de_passe": PASSWORD, "nouveau": "brioche-tiède"}
    assert browser.post("/terminal/reglages/mot-de-passe/", facts).status_code == 302
    assert not is_in(browser)
    assert sign_in(browser, till.terminal.tid).status_code == 422
    assert sign_in(browser, till.terminal.tid, "brioche-tiède").status_code == 302


def test_a_manager_revokes_a_lost_device(till: Till):
    lost, token = make_device(till.terminal, till.operator)
    thief = at_till(Client(), Till(till.merchant, till.outlet, till.terminal, till.operator, lost, token))
    assert is_in(thief)
    at_till(Client(), till).post(f"/terminal/reglages/appareils/{lost.pk}/")
    assert not is_in(thief)
