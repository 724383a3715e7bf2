"""A passkey from end to end: a virtual authenticator in a real browser, under the production's policy."""

from collections.abc import Callable
from typing import Any

from playwright.sync_api import Page, expect

from tests.factories import PASSWORD, member

AUTHENTICATOR = {
    "protocol": "ctap2",
    "transport": "internal",
    "hasResidentKey": True,
    "hasUserVerification": True,
    "isUserVerified": True,
    "automaticPresenceSimulation": True,
}


def open_with_authenticator(visit: Callable[..., Page], site: str) -> tuple[Page, str]:
    """A window whose device holds passkeys. WebAuthn wants a name, not an address of numbers."""
    named = site.replace("127.0.0.1", "localhost")
    page = visit(named)
    devtools = page.context.new_cdp_session(page)
    devtools.send("WebAuthn.enable")
    devtools.send("WebAuthn.addVirtualAuthenticator", {"options": AUTHENTICATOR})
    return page, named


def test_a_passkey_is_added_then_signs_in_without_a_password(
    site: str, visit: Callable[..., Page], database: Any
) -> None:
    with database():
        user = member()
    page, home = open_with_authenticator(visit, site)
    page.goto(f"{home}/compte/connexion/?next=/compte/securite/cles/ajouter/")
    page.get_by_label("Adresse e-mail").fill(user.email)
    page.get_by_label("Mot de passe").fill(PASSWORD)
    page.get_by_role("main").get_by_role("button", name="Se connecter").click()
    page.get_by_label("Mot de passe").fill(PASSWORD)
    page.get_by_role("button", name="Confirmer").click()
    page.locator("#id_name").fill("Mon téléphone")
    page.locator("#id_passwordless").check()
    page.get_by_role("main").get_by_role("button", name="Ajouter").click()
    expect(page.get_by_role("heading", name="Codes de secours")).to_be_visible()
    page.goto(f"{home}/compte/deconnexion/")
    page.get_by_role("main").get_by_role("button", name="Se déconnecter").click()
    page.get_by_role("button", name="Utiliser une clé d'accès").click()
    page.wait_for_url(f"{home}/")


def test_a_device_without_the_passkey_is_told_so_on_the_page(
    site: str, visit: Callable[..., Page], database: Any
) -> None:
    page, home = open_with_authenticator(visit, site)
    page.goto(f"{home}/compte/connexion/")
    page.get_by_role("button", name="Utiliser une clé d'accès").click()
    expect(page.get_by_text("La clé d'accès n'a pas répondu")).to_be_visible()
