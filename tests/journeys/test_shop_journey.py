"""The main job, from sign-up to a barcode at the till, on the product as `make run` starts it.

Phone and desktop, JavaScript on and off, French and English: every pair of these is met.
"""

import re
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.barcodes import decode
from tests.journeys.looks import DESKTOP, PHONE, Looks, Visit
from tests.journeys.person import PASSWORD, Person
from tests.journeys.stack import running_stack

pytestmark = pytest.mark.xdist_group("stack")

WAYS = [
    Looks(PHONE, javascript=True, language="fr"),
    Looks(DESKTOP, javascript=False, language="fr"),
    Looks(PHONE, javascript=False, language="en", theme="dark"),
    Looks(DESKTOP, javascript=True, language="en", theme="dark"),
]


@pytest.fixture(scope="session")
def product(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with running_stack(tmp_path_factory.mktemp("stack")) as address:
        yield address


@pytest.fixture
def window(browser: Browser, product: str) -> Iterator[Callable[[Looks], Page]]:
    visits: list[Visit] = []

    def open_window(looks: Looks) -> Page:
        visits.append(Visit(browser, product, looks, {"django_language": looks.language}))
        return visits[-1].page

    yield open_window
    troubles = [trouble for one in visits for trouble in one.troubles]
    for one in visits:
        one.close()
    assert troubles == []


@pytest.mark.parametrize("looks", WAYS, ids=str)
def test_from_sign_up_to_the_barcode_at_the_till(
    looks: Looks, window: Callable[[Looks], Page], product: str
) -> None:  # S3.1 to S3.9
    member = Person(window(looks), looks)
    email = f"nadia.{looks}@essai.example".replace("(", "").replace(")", "").replace(",", "").replace(" ", "")
    sign_up(member, email)
    confirm_address(member, email)
    member.sees("Validation par votre CSE")
    approve(Person(window(Looks()), Looks()), email)
    member.page.goto("/compte/attente/")  # as the page itself does after a while
    order(member, [("50", "1"), ("100", "1"), ("10", "1")])
    expect_cart(member)
    pay(member)
    watch(member)
    number = show_at_the_till(member)
    download(member, number)


def sign_up(member: Person, email: str) -> None:
    page = member.page
    page.goto("/compte/inscription/")
    page.locator("input[name=key]").fill("DEMO-2026")
    page.locator("input[name=first_name]").fill("Nadia")
    page.locator("input[name=last_name]").fill("Essai")
    page.locator("input[name=email]").fill(email)
    page.locator("input[name=password1]").fill(PASSWORD)
    page.locator("input[name=terms]").check()
    member.press("Je crée mon compte")
    member.sees("La demande de création de votre compte a bien été prise en compte par notre système.")


def confirm_address(member: Person, email: str) -> None:
    mail = member.mail_about(email, "/compte/e-mail/")
    link = re.search(r"https?://\S+?(/compte/e-mail/[-:\w]+/)", mail)
    assert link
    member.page.goto(link[1])
    member.press("Confirmer")
    if "/connexion/" in member.page.url:
        member.page.locator("input[type=email]").fill(email)
        member.page.locator("input[type=password]").fill(PASSWORD)
        member.press("Se connecter")
    member.page.goto("/compte/attente/")


def approve(staff: Person, email: str) -> None:
    """By a volunteer of the CSE, who needs a second factor; the demo's codes serve once each."""
    staff.sign_in("cse@demo.example")
    for _ in range(3):
        if "/connexion/code/" not in staff.page.url:
            break
        reader = staff.page.context.new_page()
        reader.goto("/sandbox/totp/")
        code = re.sub(r"\D", "", reader.locator(".figure").inner_text())
        reader.close()
        staff.page.locator("main input[name=code]").fill(code)
        staff.page.locator("main form button").first.click()
        staff.page.wait_for_load_state()
        if "/connexion/code/" in staff.page.url:
            staff.page.wait_for_timeout(31_000)  # this code was used already: wait for the next
    staff.page.goto(f"/cse/?q={email}")
    staff.page.get_by_role("checkbox", name=re.compile("Sélectionner Nadia")).check()
    staff.press("Valider")
    staff.page.goto(f"/cse/?q={email}")
    expect(staff.page.get_by_role("checkbox", name=re.compile("Sélectionner Nadia"))).to_have_count(0)


def order(member: Person, cards: list[tuple[str, str]]) -> None:
    page = member.page
    for amount, quantity in cards:
        page.goto("/boutique/")
        page.locator("main a[href^='/boutique/']").first.click()
        page.locator("#id_montant").fill(amount)
        page.locator("#id_quantite").fill(quantity)
        member.press("Je commande")
        page.wait_for_url("**/panier/**")


def expect_cart(member: Person) -> None:  # S3.4
    text = member.page.locator("main").inner_text().replace("\u00a0", " ").replace("\u202f", " ")
    figures = ["47,50 €", "95,00 €", "9,50 €", "152,00 €", "8,00 €"]
    if member.looks.language == "en":
        figures = ["€47.50", "€95.00", "€9.50", "€152.00", "€8.00"]
    for figure in figures:
        assert figure in text


def pay(member: Person) -> None:  # S3.5, S3.6
    page = member.page
    page.locator("main input[type=checkbox]").check()
    member.press("Commander et payer %(total)s")
    page.wait_for_url("**/sandbox/bank/**", timeout=60_000)
    member.pay_at_the_bank()
    page.wait_for_url("**/commandes/CMD-*/", timeout=60_000)


def watch(member: Person) -> None:  # S3.7
    number = re.search(r"CMD-\d+", member.page.url)
    assert number
    tag = member.page.locator("#suivi .tag").first
    expect(tag).to_have_text(member.word("En attente de confirmation de paiement"))
    member.sees("L'e-mail de confirmation est parti, la facture est prête.", seconds=90)
    member.mail_about(number[0], "152" if member.looks.language == "fr" else "152")
    member.sees("Vos cartes sont dans votre portefeuille.", seconds=90)


def show_at_the_till(member: Person) -> str:  # S3.9
    page = member.page
    page.goto("/portefeuille/")
    expect(page.locator("main a[href$='/caisse/']").first).to_be_visible()
    page.locator("main a[href$='/caisse/']").first.click()
    page.wait_for_load_state()
    number = re.sub(r"\D", "", page.locator("figcaption").inner_text())
    assert len(number) == 20
    assert number in decode(page.locator("figure").screenshot())
    return number


def download(member: Person, number: str) -> None:
    """The PDFs: the card's for its holder, the invoice; and neither for a stranger."""
    page = member.page
    card = page.url.replace("caisse/", "carte.pdf")
    page.goto("/commandes/")
    invoice = page.locator("a[href$='facture.pdf']").first.get_attribute("href")
    assert invoice
    for address in (card, invoice):
        answer = page.request.get(address)
        assert answer.status == 200
        assert answer.body().startswith(b"%PDF-")
        assert number.encode() not in answer.body()  # text in a PDF is compressed: no leak by accident
    stranger = page.context.browser.new_context(base_url=re.match(r"https?://[^/]+", page.url)[0])  # type: ignore
    answer = stranger.request.get(card, max_redirects=0)
    stranger.close()
    assert answer.status in (302, 404)
