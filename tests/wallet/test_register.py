"""A printed card is registered once, by whoever holds it (S2.1, S2.3, S2.6)."""

import uuid
from datetime import timedelta
from io import BytesIO
from unittest.mock import patch

import pytest
import zxingcpp
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from PIL import Image

import kernel.seal
from kernel.calendar import end_of_programme_day, programme_day
from ledger.selectors import balance
from tests.wallet.factories import make_card, make_printed, make_product, make_user
from wallet.errors import AlreadyInWallet, CardNotRecognised
from wallet.models import Card, CardEvent, PrintedCard
from wallet.selectors.numbers import tidy_number
from wallet.services.number import open_number
from wallet.services.printed import block_printed, unblock_printed
from wallet.services.register import register_card
from wallet.services.surname import tidy_surname
from wallet.states import CardKind

pytestmark = pytest.mark.django_db

NUMBER = "200466318274"
URL = "/portefeuille/enregistrer/"


@pytest.fixture
def ada(client):
    user = make_user()
    client.force_login(user)
    return user


def enter(user, number: str = NUMBER, *, kind: CardKind = CardKind.PLACES, surname: str = "", at=None):
    return register_card(
        customer_id=user.pk, kind=kind, number=number, surname=surname, at=at or timezone.now()
    )


def typed(number: str = NUMBER, **fields) -> dict[str, str]:
    return {"type": "places", "numero": number, "nom": ""} | fields


def named(surname: str = "Dubreuil-Œuvré") -> PrintedCard:
    return make_printed(NUMBER, make_product(12, kind=CardKind.NAMED, artwork="named"), surname=surname)


# The service


def test_a_registered_card_is_in_the_wallet_with_its_places_and_its_printed_day():  # S2.1, S2.3
    ada = make_user()
    last_day = programme_day(timezone.now()) + timedelta(days=40)
    printed = make_printed(NUMBER, make_product(3), expires_on=last_day)
    card = Card.objects.get(pk=enter(ada))
    printed.refresh_from_db()
    assert (card.holder_id, card.kind, card.face_minor, card.currency) == (ada.pk, "places", 3, "PLACE")
    assert card.expires_on == last_day
    assert open_number(card.number_sealed, card_id=card.pk) == NUMBER
    assert balance(card.account_id, at=timezone.now()).available == 3
    assert (printed.state, printed.card_id) == ("registered", card.pk)
    assert CardEvent.objects.get(card=card).kind == "registered"


@pytest.mark.parametrize(
    "written",
    [
        "2004 6631 8274",
        "2004-6631-8274",
        " 200466318274\n",
        "2004.6631.8274",
        "2004\u00a06631\u202f8274",
        "2004–6631—8274",
    ],
)
def test_a_number_may_be_grouped_as_one_likes(written):
    make_printed(NUMBER)
    assert enter(make_user(), written)


def test_letters_may_be_small():
    make_printed("CINE2004ABCD")
    assert enter(make_user(), "cine-2004-abcd")


@pytest.mark.parametrize(
    ("printed", "written"),
    [
        ("Dubreuil", "DUBREUIL"),
        ("Hélène", "helene"),
        ("de La Tour-d'Auvergne", "De la tour d’auvergne"),
        ("Œuvrard", "oeuvrard"),
        ("Weiß", "weiss"),
        ("Łukasz", "lukasz"),
        ("Nguyễn", "nguyen"),
        ("ÅNGSTRÖM", "angstrom"),
    ],
)
def test_surnames_compare_without_case_accents_or_hyphens(printed, written):  # S2.6
    named(printed)
    card = Card.objects.get(pk=enter(make_user(), kind=CardKind.NAMED, surname=written))
    assert card.kind == "named"
    assert card.bearer == written


def test_surnames_that_differ_stay_different():
    assert len({tidy_surname(name) for name in ("Martin", "Martine", "Marlin", "Mar tin2")}) == 4


def test_the_name_printed_is_kept_nowhere_but_as_a_fingerprint_that_differs_from_card_to_card():
    product = make_product(1, kind=CardKind.NAMED)
    one = make_printed("200400000001", product, surname="Dubreuil")
    two = make_printed("200400000002", product, surname="Dubreuil")
    stored = str(list(PrintedCard.objects.values()))
    assert "dubreuil" not in stored.lower()
    assert one.surname_index != two.surname_index


def test_the_same_customer_learns_kindly_that_the_card_is_there():
    ada = make_user()
    make_printed(NUMBER)
    card_id = enter(ada)
    with pytest.raises(AlreadyInWallet) as refusal:
        enter(ada)
    assert refusal.value.card_id == card_id
    assert Card.objects.count() == 1


def test_a_number_bought_online_is_known_to_be_one_s_own():
    ada = make_user()
    card = make_card(ada)
    with pytest.raises(AlreadyInWallet):
        enter(ada, open_number(card.number_sealed, card_id=card.pk))


# Every way to be refused: what is prepared, and what is typed.


def unknown():
    return {}


def wrong_surname():
    named("Dubreuil")
    return {"kind": CardKind.NAMED, "surname": "Martin"}


def wrong_kind():
    make_printed(NUMBER)
    return {"kind": CardKind.NAMED, "surname": "Martin"}


def named_as_places():
    named("Dubreuil")
    return {}


def somebody_else_s():
    make_printed(NUMBER)
    enter(make_user())
    return {}


def blocked():
    block_printed(printed_id=make_printed(NUMBER).pk, actor_id=make_user().pk, at=timezone.now())
    return {}


def expired():
    make_printed(NUMBER, expires_on=programme_day(timezone.now()) - timedelta(days=1))
    return {}


def bought_by_somebody_else():
    card = make_card(make_user())
    return {"number": open_number(card.number_sealed, card_id=card.pk)}


REFUSALS = [
    unknown,
    wrong_surname,
    wrong_kind,
    named_as_places,
    somebody_else_s,
    blocked,
    expired,
    bought_by_somebody_else,
]


@pytest.mark.parametrize("prepare", REFUSALS, ids=lambda prepare: prepare.__name__)
def test_every_refusal_is_the_same_answer_after_the_same_work_and_changes_nothing(prepare):  # S2.3, S2.6
    fields = prepare()
    before = (Card.objects.count(), list(PrintedCard.objects.values()))
    user = make_user()
    with (
        CaptureQueriesContext(connection) as queries,
        patch("kernel.seal.hmac.new", wraps=kernel.seal.hmac.new) as fingerprints,
        pytest.raises(CardNotRecognised) as refusal,
    ):
        enter(user, **fields)
    asked = [q["sql"].split(" WHERE ")[0] for q in queries if "SAVEPOINT" not in q["sql"]]
    assert len(asked) == 2
    assert '"wallet_printedcard"' in asked[0]
    assert '"wallet_card"' in asked[1]
    assert fingerprints.call_count == 2
    assert str(refusal.value) == ""
    assert (Card.objects.count(), list(PrintedCard.objects.values())) == before


def test_a_card_may_be_registered_until_the_end_of_its_last_cinema_day():  # S2.4
    last_day = programme_day(timezone.now()) + timedelta(days=2)
    make_printed(NUMBER, expires_on=last_day)
    with pytest.raises(CardNotRecognised):
        enter(make_user(), at=end_of_programme_day(last_day))
    assert enter(make_user(), at=end_of_programme_day(last_day) - timedelta(seconds=1))


def test_a_blocked_printed_card_can_be_registered_once_it_is_unblocked():
    printed = make_printed(NUMBER)
    block_printed(printed_id=printed.pk, actor_id=make_user().pk, at=timezone.now())
    unblock_printed(printed_id=printed.pk)
    assert enter(make_user())


def test_blocking_a_registered_printed_card_blocks_it_in_its_wallet():
    printed = make_printed(NUMBER)
    card_id = enter(make_user())
    assert block_printed(printed_id=printed.pk, actor_id=make_user().pk, at=timezone.now()) == card_id
    assert Card.objects.get(pk=card_id).state == "blocked"


def test_a_number_given_away_is_dead_for_everybody_as_the_card_has_a_new_one():
    ada, bob = make_user(), make_user()
    make_printed(NUMBER)
    card = Card.objects.get(pk=enter(ada))
    Card.objects.filter(pk=card.pk).update(holder=bob, number_index="x" * 64)
    with pytest.raises(CardNotRecognised):
        enter(ada)
    with pytest.raises(AlreadyInWallet):
        enter(bob)


# The page


def test_the_page_asks_for_the_type_first_and_offers_every_way_to_give_the_number(client, ada):
    text = client.get(URL).content.decode()
    order = [
        text.index(word) for word in ("Type de carte", "Carte place(s)", "Carte nominative", 'name="numero"')
    ]
    assert order == sorted(order)
    for word in ("Nom de famille", 'capture="environment"', 'accept="image/*"', "Enregistrer"):
        assert word in text


def test_a_card_typed_on_the_page_is_shown_in_the_wallet(client, ada):  # S2.1
    make_printed(NUMBER)
    answer = client.post(URL, typed("2004 6631 8274"))
    card = Card.objects.get(holder=ada)
    assert answer["Location"] == reverse("wallet:card", args=[card.pk])


def test_a_named_card_needs_its_surname(client, ada):  # S2.1
    named("Dubreuil")
    missing = client.post(URL, typed(type="nominative", nom=" - "))
    assert missing.status_code == 422
    assert "Saisissez le nom de famille" in missing.content.decode()
    answer = client.post(URL, typed(type="nominative", nom="dubreuil"))
    assert answer.status_code == 302


def neutral(answer) -> str:
    return str(answer.context["form"].errors["numero"])


def test_the_page_says_the_same_whatever_is_wrong_and_keeps_what_was_typed(client, ada):  # S2.6
    unknown = client.post(URL, typed())
    make_printed(NUMBER)
    enter(make_user())
    taken = client.post(URL, typed())
    assert unknown.status_code == taken.status_code == 422
    assert neutral(unknown) == neutral(taken)
    assert f'value="{NUMBER}"' in taken.content.decode()
    assert 'aria-describedby="id_numero_helptext id_numero_error"' in taken.content.decode()


@pytest.mark.parametrize(
    "number",
    [
        "",
        "  ",
        "1234567",
        "0" * 10_000,
        "2004\x00663182",
        "٢٠٠٤٦٦٣١٨٢٧٤",
        "２００４６６３１８２７４",
        "2004;DROP",
        "é" * 12,
    ],
)
def test_what_is_no_number_is_said_next_to_its_field(client, ada, number):
    make_printed(NUMBER)
    answer = client.post(URL, typed(number))
    assert answer.status_code == 422
    assert "numero" in answer.context["form"].errors
    assert not Card.objects.exists()


@pytest.mark.parametrize("fields", [{"type": ""}, {"type": "e-carte"}, {"nom": "x" * 200}, {"nom": "a\x00b"}])
def test_other_fields_refuse_nonsense_too(client, ada, fields):
    assert client.post(URL, typed(**fields)).status_code == 422


def test_one_s_own_card_is_said_kindly_with_the_way_to_it(client, ada):
    make_printed(NUMBER)
    card_id = enter(ada)
    answer = client.post(URL, typed())
    text = answer.content.decode()
    assert answer.status_code == 200
    assert "déjà dans votre portefeuille" in text
    assert reverse("wallet:card", args=[card_id]) in text


def test_a_visitor_signs_in_first(client):
    assert reverse("account_login") in client.get(URL)["Location"]
    assert client.post(URL, typed()).status_code in {302, 403}


def test_a_try_needs_the_page_s_own_token(ada, db):
    from django.test import Client

    strict = Client(enforce_csrf_checks=True)
    strict.force_login(ada)
    make_printed(NUMBER)
    assert strict.post(URL, typed()).status_code == 403
    assert not Card.objects.exists()


@pytest.mark.parametrize("rate", ["2/h/user", "2/h/ip", "2/h/key"])
def test_tries_are_counted_by_account_by_address_and_by_card(client, ada, settings, rate):
    settings.ACCOUNT_RATE_LIMITS = settings.ACCOUNT_RATE_LIMITS | {"register_card": rate}
    for _ in range(2):
        assert client.post(URL, typed()).status_code == 422
    make_printed(NUMBER)
    answer = client.post(URL, typed())
    assert answer.status_code == 429
    assert "Trop d" in neutral(answer)
    assert not Card.objects.exists()


def test_tries_at_other_cards_by_other_people_from_elsewhere_do_not_count(client, ada, settings):
    settings.ACCOUNT_RATE_LIMITS = settings.ACCOUNT_RATE_LIMITS | {"register_card": "1/h/key"}
    client.post(URL, typed())
    make_printed("200466318275")
    assert client.post(URL, typed("200466318275")).status_code == 302


# In the middle of a booking (S2.5)


def test_after_registering_the_customer_is_back_where_the_booking_was(client, ada):
    make_printed(NUMBER)
    back = reverse("wallet:register") + "?next=/cinema/"
    answer = client.post(back, typed())
    assert answer["Location"] in {"/cinema/", reverse("wallet:card", args=[Card.objects.get().pk])}


@pytest.mark.parametrize(
    "query",
    [
        "next=https://voleur.example/",
        "next=//voleur.example/cinema/",
        "next=/cinema/../compte/",
        "next=/compte/connexion/",
        "next=javascript:alert(1)",
        "seance=1e9&places=2",
        "seance=٣&places=2",
        "seance=" + "9" * 400,
        "seance=-1",
    ],
)
def test_only_pages_of_our_cinema_are_returned_to(client, ada, query):
    make_printed(NUMBER)
    answer = client.post(f"{URL}?{query}", typed())
    assert answer["Location"] == reverse("wallet:card", args=[Card.objects.get().pk])


# A photograph


def photo_of(*numbers: str, size: tuple[int, int] = (900, 500), form: str = "PNG", angle: int = 0) -> bytes:
    sheet = Image.new("L", size, 255)
    for place, number in enumerate(numbers):
        bars = zxingcpp.create_barcode(number, zxingcpp.BarcodeFormat.Code128).to_image(scale=3)
        sheet.paste(picture_of(bars), (20, 20 + 200 * place))
    kept = BytesIO()
    sheet.rotate(angle, expand=True, fillcolor=255).save(kept, form)
    return kept.getvalue()


def picture_of(bars) -> Image.Image:
    view = memoryview(bars)
    height, width = view.shape[0], view.shape[1]
    return Image.frombytes("L", (width, height), view.tobytes())


def send_photo(client, content: bytes, name: str = "photo.jpg", **fields):
    upload = SimpleUploadedFile(name, content, content_type="image/jpeg")
    return client.post(URL, typed("", lire="1", photo=upload, **fields))


@pytest.mark.parametrize("form", ["PNG", "JPEG", "WEBP"])
@pytest.mark.parametrize("angle", [0, 90, 180])
def test_the_number_on_a_photograph_lands_in_its_field_to_be_confirmed(client, ada, form, angle):
    make_printed(NUMBER)
    answer = send_photo(client, photo_of(NUMBER, form=form, angle=angle))
    text = answer.content.decode()
    assert answer.status_code == 200
    assert f'value="{NUMBER}"' in text
    assert "Le numéro est lu" in text
    assert not Card.objects.exists()


def test_a_photograph_keeps_the_type_and_the_name_already_given(client, ada):
    text = send_photo(client, photo_of(NUMBER), type="nominative", nom="Dubreuil").content.decode()
    assert 'value="Dubreuil"' in text
    assert text.count("checked") == 1


def test_a_photograph_sent_without_a_number_is_read_whatever_button_was_pressed(client, ada):
    upload = SimpleUploadedFile("photo.png", photo_of(NUMBER))
    answer = client.post(URL, typed("", enregistrer="1", photo=upload))
    assert f'value="{NUMBER}"' in answer.content.decode()


@pytest.mark.parametrize(
    ("content", "word"),
    [
        (b"", "Choisissez ou prenez"),
        (b"rien d'une image", "pas une photo lisible"),
        (b"GIF89a" + b"\x00" * 50, "pas une photo lisible"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "pas une photo lisible"),
        (photo_of(NUMBER)[:20], "pas une photo lisible"),
        (photo_of(), "Aucun numéro"),
        (photo_of("HELLO"), "Aucun numéro"),
        (photo_of(NUMBER, "200466318275"), "Plusieurs"),
    ],
    ids=["empty", "text", "gif", "svg", "cut short", "nothing on it", "no number", "two numbers"],
)
def test_a_photograph_that_does_not_help_is_answered_clearly(client, ada, content, word):
    answer = send_photo(client, content)
    assert answer.status_code == 422
    assert word in answer.content.decode()


@pytest.mark.parametrize("form", ["PNG", "JPEG", "WEBP"])
def test_a_photograph_that_stops_in_the_middle_never_breaks_the_page(client, ada, form):
    """WeasyPrint, where it is loaded, has Pillow make do with what is there: the number may be legible."""
    content = photo_of(NUMBER, form=form)
    assert send_photo(client, content[: len(content) // 2]).status_code in {200, 422}


def test_a_picture_that_would_unpack_to_a_giant_is_refused_by_its_head(client, ada):
    bomb = BytesIO()
    Image.new("1", (30_000, 30_000)).save(bomb, "PNG")
    assert len(bomb.getvalue()) < 1_000_000
    answer = send_photo(client, bomb.getvalue())
    assert "trop lourde" in answer.content.decode()


def test_a_body_of_too_many_bytes_is_refused_before_it_is_read(client, ada):
    answer = client.post(URL, typed(), CONTENT_LENGTH=str(10**9))
    assert answer.status_code == 413
    assert "trop lourde" in answer.content.decode()


def test_a_photograph_drawn_in_thousands_of_passes_is_refused_before_it_costs_hours(client, ada):
    content = BytesIO()
    Image.new("L", (400, 300), 128).save(content, "JPEG", progressive=True)
    plain = content.getvalue()
    last = plain[plain.rindex(b"\xff\xda") : -2]
    with patch("PIL.Image.open", side_effect=AssertionError("unpacked")):
        answer = send_photo(client, plain[:-2] + 5000 * last + plain[-2:])
    assert answer.status_code == 422
    assert "pas une photo lisible" in answer.content.decode()


def test_a_telephones_progressive_photograph_is_read_with_whatever_is_behind_it(client, ada):
    picture = BytesIO()
    Image.open(BytesIO(photo_of(NUMBER))).save(picture, "JPEG", progressive=True, quality=95)
    answer = send_photo(client, picture.getvalue() + 100 * b"film\xff\xda\x00\x02")
    assert NUMBER in answer.content.decode()


def test_photographs_are_counted(client, ada, settings):
    settings.ACCOUNT_RATE_LIMITS = settings.ACCOUNT_RATE_LIMITS | {"scan_card": "1/h/user"}
    assert send_photo(client, photo_of(NUMBER)).status_code == 200
    assert send_photo(client, photo_of(NUMBER)).status_code == 422


def test_registering_costs_few_queries(client, ada, django_assert_max_num_queries):
    make_printed(NUMBER)
    enter(make_user(), number=NUMBER)
    make_printed("200466318275")
    client.post(URL, typed("200400000000"))
    with django_assert_max_num_queries(12):
        client.get(URL)
    with django_assert_max_num_queries(12):
        client.post(URL, typed())
    assert uuid.UUID(str(Card.objects.first().pk))


def test_a_number_typed_is_tidied_the_same_way_everywhere():
    assert tidy_number(" ab-12 34\u00a0\u202f—56_/.78\u200b") == "AB12345678"
