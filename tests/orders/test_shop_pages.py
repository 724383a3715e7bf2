"""Catalogue, product and cart pages, as a browser without scripts and as htmx see them."""

from datetime import timedelta
from html import unescape

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import Membership
from accounts.states import MembershipState
from orders.models import DiscountAgreement, Order, OrderLine, TermsVersion
from orders.selectors import cart_view
from orders.states import OrderState
from tests.orders.factories import fill_cart, make_agreement, make_member, make_product, make_terms

HTMX = {"HX-Request": "true"}


@pytest.fixture
def visit(member) -> Client:
    client = Client()
    client.force_login(member)
    return client


def text_of(response) -> str:
    return unescape(response.content.decode()).replace("\u00a0", " ").replace("\u202f", " ")


def product_url(product) -> str:
    return reverse("orders:product", args=[product.slug])


def add(visit, product, **typed):
    return visit.post(product_url(product), {"montant": "", "choix": "", "quantite": "1", **typed})


def test_the_addresses_are_the_ones_promised(product):
    assert reverse("orders:catalogue") == "/boutique/"
    assert product_url(product) == f"/boutique/{product.slug}/"
    assert reverse("orders:cart") == "/panier/"
    assert reverse("orders:list") == "/commandes/"
    assert reverse("orders:detail", args=["CMD-326"]) == "/commandes/CMD-326/"
    assert reverse("orders:invoice", args=["CMD-326"]) == "/commandes/CMD-326/facture.pdf"


def test_the_catalogue_shows_the_discount_of_this_cse_only(visit, member, shop):  # S3.3
    mine = text_of(visit.get("/boutique/"))
    stranger = Client()
    stranger.force_login(make_member())

    assert "−5 %" in mine
    assert "Je commande" in mine
    assert "−5 %" not in text_of(stranger.get("/boutique/"))
    assert "−5 %" not in text_of(Client().get("/boutique/"))


def test_the_product_page_says_where_how_long_and_how(visit, member):  # S3.3
    product = make_product(
        lead="Dans plus de 2 900 magasins",
        exclusions="Hors carburant ; pas aux caisses Scan-Lib",
        where_usable="Tous les départements.",
    )

    page = text_of(visit.get(product_url(product)))

    valid = timezone.localdate().replace(year=timezone.localdate().year + 1) - timedelta(days=1)
    for words in (
        "2 900 magasins",
        "Hors carburant",
        "Tous les départements.",
        f"valable jusqu'au {valid:%d/%m/%Y}",
        "En une ou plusieurs fois, soldes et promotions compris",
    ):
        assert words in page


def test_price_and_saving_follow_what_is_typed(visit, shop):  # S3.4
    url = reverse("orders:price", args=[shop.slug])

    page = text_of(visit.get(url, {"montant": "33", "quantite": "2", "choix": "50"}, headers=HTMX))

    assert "62,70 €" in page
    assert "Vous économisez 3,30 €" in page
    assert "<html" not in page


def test_a_chip_wins_over_what_was_typed_before(visit, shop):
    url = reverse("orders:price", args=[shop.slug])
    typed = {"montant": "33", "quantite": "1", "choix": "100", "source": "choix"}

    page = text_of(visit.get(url, typed, headers=HTMX))

    assert "95,00 €" in page


def test_without_scripts_the_price_and_the_stepper_work_by_plain_posts(visit, shop):
    page = text_of(add(visit, shop, montant="33", quantite="2", calculer="1"))
    assert "62,70 €" in page

    page = text_of(add(visit, shop, montant="33", quantite="2", pas="1"))
    assert 'value="3"' in page
    assert "94,05 €" in page
    assert 'value="1"' in text_of(add(visit, shop, montant="33", quantite="1", pas="-1"))
    assert not OrderLine.objects.exists()


@pytest.mark.parametrize("typed", ["12,50", "12.50", " 12,5 € ", "12,50\u00a0EUR"])
def test_both_decimal_signs_are_accepted(visit, member, shop, typed):
    response = add(visit, shop, montant=typed)

    assert response.status_code == 303
    assert response.url == "/panier/"
    assert OrderLine.objects.get().face_minor == 1250


@pytest.mark.parametrize(
    ("typed", "message"),
    [
        ("9,99", "Choisissez un montant de 10,00 € à 150,00 €."),
        ("150,01", "Choisissez un montant de 10,00 € à 150,00 €."),
        ("0", "Choisissez un montant de 10,00 € à 150,00 €."),
        ("-50", "Le montant doit être positif."),
        ("12,505", "Pas plus de deux chiffres après la virgule."),
        ("1e400", "Écrivez le montant avec les chiffres 0 à 9"),
        ("NaN", "Écrivez le montant avec les chiffres 0 à 9"),
        ("Infinity", "Écrivez le montant avec les chiffres 0 à 9"),
        ("٥٠", "Écrivez le montant avec les chiffres 0 à 9"),
        ("5０", "Écrivez le montant avec les chiffres 0 à 9"),
        ("cinquante", "Écrivez le montant avec les chiffres 0 à 9"),
        ("50\x00", "est pas autoris"),
        ("9" * 40, "Écrivez le montant avec les chiffres 0 à 9"),
        ("9" * 15, "Choisissez un montant de 10,00 € à 150,00 €."),
        ("9" * 100_000, "Écrivez le montant avec les chiffres 0 à 9"),
        ("", "Choisissez ou écrivez un montant."),
    ],
)
def test_a_bad_amount_gets_its_message_and_keeps_what_was_typed(visit, shop, typed, message):
    response = add(visit, shop, montant=typed, quantite="7")

    page = text_of(response)
    assert response.status_code == 422
    assert message in page
    assert 'aria-describedby="id_montant_helptext id_montant_error"' in page
    assert 'name="quantite" type="number" min="1" max="20" value="7"' in page
    if typed and len(typed) < 60 and "\x00" not in typed:
        assert f'value="{typed.strip()}"' in page
    assert not Order.objects.exists()


def test_an_amount_off_the_step_says_the_step(visit, member, terms):
    product = make_product(step_minor=500)

    assert "Choisissez un multiple de 5,00 €." in text_of(add(visit, product, montant="12,50"))


@pytest.mark.parametrize(
    ("typed", "message"),
    [
        ("0", "Choisissez de 1 à 20 cartes par montant."),
        ("10000", "Choisissez de 1 à 20 cartes par montant."),
        ("10 000", "Choisissez de 1 à 20 cartes par montant."),
        ("deux", "Écrivez la quantité avec les chiffres 0 à 9."),
        ("-1", "Écrivez la quantité avec les chiffres 0 à 9."),
        ("1.5", "Écrivez la quantité avec les chiffres 0 à 9."),
        ("٣", "Écrivez la quantité avec les chiffres 0 à 9."),
        ("", "Indiquez une quantité."),
    ],
)
def test_a_bad_quantity_gets_its_message_and_keeps_the_amount(visit, shop, typed, message):
    response = add(visit, shop, montant="33", quantite=typed)

    page = text_of(response)
    assert response.status_code == 422
    assert message in page
    assert 'value="33"' in page
    assert not Order.objects.exists()


def test_the_ceiling_of_the_cse_is_told_with_what_is_left(visit, member, product, terms):  # S3.3
    make_agreement(member, product, monthly_ceiling_minor=10000)
    fill_cart(member, product, (6000, 1))

    page = text_of(add(visit, product, montant="50"))

    assert "il vous reste 100,00 € de valeur de cartes" in page
    assert OrderLine.objects.count() == 1


def test_a_visitor_is_asked_to_sign_in_and_comes_back_to_the_same_choice(shop):
    visitor = Client()

    response = add(visitor, shop, montant="33", quantite="2")

    assert response.status_code == 303
    assert response.url.startswith("/compte/connexion/?next=")
    assert "montant%3D33" in response.url
    page = text_of(visitor.get(product_url(shop), {"montant": "33", "quantite": "2"}))
    assert 'value="33"' in page


def test_who_awaits_approval_is_told_so_instead_of_ordering(visit, shop):  # S3.2
    Membership.objects.update(state=MembershipState.PENDING)

    response = add(visit, shop, montant="33")

    assert response.url == reverse("accounts:waiting")
    assert not Order.objects.exists()


def test_the_cart_shows_the_seeds_figures(visit, member, shop):  # S3.4
    fill_cart(member, shop, (5000, 1), (10000, 1), (1000, 1))

    page = text_of(visit.get("/panier/"))

    for words in ("47,50 €", "95,00 €", "9,50 €", "152,00 €", "Vous économisez 8,00 €"):
        assert words in page
    assert "Commander et payer 152,00 €" in page
    assert "En cochant cette case, j'accepte et je reconnais avoir pris connaissance des" in page  # S3.5


def line_post(visit, member, op, quantity="", *, headers=None, version=None):
    cart = cart_view(member.pk, at=timezone.now())
    line = cart.lines[0]
    data = {"op": op, "quantite": quantity or str(line.quantity), "version": version or cart.version}
    return visit.post(reverse("orders:line", args=[line.pk]), data, headers=headers or {})


def test_the_stepper_buttons_work_without_scripts(visit, member, shop):
    fill_cart(member, shop, (5000, 2))

    assert line_post(visit, member, "plus").url == "/panier/"
    assert OrderLine.objects.get().quantity == 3
    line_post(visit, member, "minus")
    line_post(visit, member, "set", "9")
    assert OrderLine.objects.get().quantity == 9
    line_post(visit, member, "remove")
    assert "Votre panier est vide" in text_of(visit.get("/panier/"))


def test_htmx_gets_the_cart_alone(visit, member, shop):
    fill_cart(member, shop, (5000, 2))

    page = text_of(line_post(visit, member, "plus", headers=HTMX))

    assert "142,50 €" in page
    assert "<html" not in page


@pytest.mark.parametrize("typed", ["10000", "deux", "1e9", "٣"])
def test_a_bad_quantity_in_the_cart_is_told_beside_its_line(visit, member, shop, typed):
    fill_cart(member, shop, (5000, 2))

    response = line_post(visit, member, "set", typed)

    assert response.status_code == 422
    assert f'value="{typed}"' in text_of(response)
    assert 'aria-invalid="true"' in text_of(response)
    assert OrderLine.objects.get().quantity == 2


def test_a_cart_changed_in_another_tab_is_told_and_keeps_everything(visit, member, shop):
    version = fill_cart(member, shop, (5000, 2)).version
    fill_cart(member, shop, (1000, 1))

    response = line_post(visit, member, "plus", version=version)

    assert response.status_code == 422
    assert "Votre panier a changé" in text_of(response)
    assert [line.quantity for line in OrderLine.objects.all()] == [2, 1]


def checkout(visit, member, **changes):
    cart = cart_view(member.pk, at=timezone.now())
    terms = TermsVersion.objects.latest("number")
    data = {"commande": cart.order_id, "version": cart.version, "conditions": terms.pk, "cgv": "on"}
    return visit.post(reverse("orders:checkout"), {**data, **changes})


def test_unticked_terms_are_told_next_to_the_box_and_nothing_is_placed(visit, member, shop):  # S3.5
    fill_cart(member, shop, (5000, 1))

    response = checkout(visit, member, cgv="")

    assert response.status_code == 422
    assert "Cochez cette case" in text_of(response)
    assert Order.objects.get().state == OrderState.CART


def test_a_price_that_changed_is_shown_with_the_old_one_before_anything_is_placed(visit, member, shop):
    fill_cart(member, shop, (5000, 1))
    visit.get("/panier/")
    DiscountAgreement.objects.update(rate_bp=300)

    response = checkout(visit, member)

    page = text_of(response)
    assert response.status_code == 422
    assert "<s>47,50 €</s> <b>48,50 €</b>" in page
    assert "Commander et payer 48,50 €" in page
    assert Order.objects.get().state == OrderState.CART


def test_new_terms_since_the_page_was_shown_must_be_read_first(visit, member, shop, terms):  # S3.5
    fill_cart(member, shop, (5000, 1))
    make_terms()

    response = checkout(visit, member, conditions=terms.pk)

    assert "conditions générales de vente viennent de changer" in text_of(response)
    assert Order.objects.get().state == OrderState.CART


@pytest.mark.parametrize("bad", [{"version": "abc"}, {"commande": "1e9"}, {"version": str(10**30)}])
def test_a_tampered_checkout_changes_nothing(visit, member, shop, bad):
    fill_cart(member, shop, (5000, 1))

    assert checkout(visit, member, **bad).status_code == 422

    assert Order.objects.get().state == OrderState.CART


def test_the_cart_survives_signing_out_and_in(visit, member, shop):  # S3.4
    add(visit, shop, montant="33", quantite="2")
    visit.logout()
    visit.force_login(member)

    assert "62,70 €" in text_of(visit.get("/panier/"))


def test_the_terms_in_force_can_be_read_by_anybody_and_older_ones_stay(product):  # S3.5
    first = make_terms(text="Premier texte")
    current = make_terms(text="Second texte")
    draft = make_terms(text="Brouillon", published_at=None)

    visitor = Client()
    assert "Second texte" in text_of(visitor.get("/conditions/"))
    assert f"Version {current.number}" in text_of(visitor.get("/conditions/"))
    assert "Premier texte" in text_of(visitor.get(f"/conditions/{first.number}/"))
    assert visitor.get(f"/conditions/{draft.number}/").status_code == 404


def test_a_visitor_sees_a_landing_page(db):
    page = text_of(Client().get("/"))

    assert "Je crée mon compte" in page
    assert "Se connecter" in page


def test_public_pages_answer_head_as_monitors_and_link_checkers_ask(client, shop):
    for path in ("/", "/boutique/", f"/boutique/{shop.slug}/", "/conditions/"):
        answer = client.head(path)
        assert (answer.status_code, answer.content) == (200, b"")
