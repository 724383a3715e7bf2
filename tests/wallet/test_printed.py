"""Printed cards: brought in by a file, counted, sealed, blocked (S2.1)."""

from io import StringIO

import pytest
from django.contrib.admin.models import LogEntry
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import CommandError, call_command
from django.urls import reverse
from django.utils import timezone

from kernel.calendar import local_date
from tests.support import run_jobs
from tests.wallet.factories import make_card, make_printed, make_product, make_user
from tests.wallet.test_register import enter
from tests.wallet.test_stock import load as load_codes
from tests.wallet.test_stock import refused
from wallet.errors import ImportRefused
from wallet.models import Card, PrintedCard, StockCode, StockImport, StockImportPiece, StockPool
from wallet.services.number import open_number
from wallet.services.stock import start_import
from wallet.states import CardKind, ImportState

pytestmark = pytest.mark.django_db

HEADER = "numero;expiration\n"


def load(product, content: str, *, filename: str = "cartes.csv") -> StockImport:
    import_id = start_import(
        product_id=product.pk,
        filename=filename,
        blocks=[content.encode()],
        imported_by_id=make_user().pk,
        at=timezone.now(),
    )
    run_jobs()
    return StockImport.objects.get(pk=import_id)


def lines(count: int, *, first: int = 1) -> str:
    return "".join(f"2004{number:08d};31/12/2099\n" for number in range(first, first + count))


@pytest.fixture
def operator(client):
    user = make_user(is_staff=True, is_superuser=True)
    client.force_login(user)
    return user


def test_good_lines_become_cards_to_register_sealed_and_the_file_is_wiped():
    product = make_product(3)
    upload = load(product, HEADER + lines(3))
    assert (upload.state, upload.added, upload.refused) == (ImportState.DONE, 3, 0)
    assert set(PrintedCard.objects.values_list("product_id", "state")) == {(product.pk, "available")}
    stored = str(list(PrintedCard.objects.values())) + str(list(StockImportPiece.objects.values()))
    assert "200400000001" not in stored
    assert not StockImportPiece.objects.exclude(sealed="").exists()
    assert Card.objects.get(pk=enter(make_user(), "2004 0000 0002")).face_minor == 3


def test_each_bad_line_is_reported_by_its_number_and_reason():
    content = HEADER + "\n".join(
        [
            "2004 0000 0001;31/12/2099",  # 2: groups are no fault on a card of ours
            "200400000002",  # 3
            "2004;31/12/2099",  # 4
            "=2004000003;31/12/2099",  # 5
            "200400000004;31/02/2099",  # 6
            "200400000005;01/01/2020",  # 7
            "2004-0000-0001;2099-12-31",  # 8: the same card
            "٢٠٠٤٠٠٠٠٠٠٠٦;31/12/2099",  # 9
            "2004\x0000000007;31/12/2099",  # 10
            f"{'9' * 41};31/12/2099",  # 11
            "abcd00000008;31/12/2099",  # 12
        ]
    )
    upload = load(make_product(), content)
    assert refused(upload) == [
        "3 columns",
        "4 number",
        "5 formula",
        "6 date",
        "7 expired",
        "8 twice",
        "9 number",
        "10 number",
        "11 number",
    ]
    assert PrintedCard.objects.count() == upload.added == 2
    assert enter(make_user(), "ABCD 0000 0008")


def test_a_named_card_brings_the_surname_printed_on_it():  # S2.1
    product = make_product(12, kind=CardKind.NAMED)
    content = "Numéro;Expiration;Nom\n200400000001;31/12/2099;DUBREUIL\n200400000002;31/12/2099; . \n"
    upload = load(product, content)
    assert (upload.added, refused(upload)) == (1, ["3 surname"])
    assert "DUBREUIL" not in str(list(PrintedCard.objects.values()))
    assert enter(make_user(), "200400000001", kind=CardKind.NAMED, surname="Dubreuil")


@pytest.mark.parametrize(
    ("kind", "header", "word"),
    [
        (CardKind.PLACES, "code;valeur\n", "numero"),
        (CardKind.NAMED, HEADER, "«\u00a0nom\u00a0»"),
        (CardKind.PLACES, "", "vide"),
    ],
)
def test_a_file_without_its_columns_is_refused_whole(kind, header, word):
    with pytest.raises(ImportRefused, match=word):
        load(make_product(kind=kind), header + (lines(1) if header else ""))
    assert not StockImport.objects.exists()


def test_the_same_file_again_changes_nothing_and_another_product_s_number_is_refused():
    product = make_product()
    load(product, HEADER + lines(5))
    again = load(product, HEADER + lines(5))
    assert (again.added, again.already, again.refused) == (0, 5, 0)
    other = load(make_product(), HEADER + lines(2, first=5))
    assert (other.added, refused(other)) == (1, ["2 elsewhere"])
    assert PrintedCard.objects.count() == 6


def test_registered_and_blocked_cards_survive_their_file_coming_again():
    product = make_product()
    load(product, HEADER + lines(2))
    enter(make_user(), "200400000001")
    again = load(product, HEADER + lines(2))
    assert (again.added, again.already) == (0, 2)
    assert PrintedCard.objects.filter(state="registered").count() == 1


def test_a_number_is_unique_across_cards_codes_and_printed_cards():
    card = make_card(make_user())
    number = open_number(card.number_sealed, card_id=card.pk)
    pool = StockPool.objects.create(slug="marche", name="Marché")
    load_codes(pool, "code;valeur;expiration\n200400000001;20;31/12/2099\n")
    upload = load(make_product(), f"{HEADER}{number};31/12/2099\n{lines(2)}")
    assert (upload.added, refused(upload)) == (1, ["2 taken", "3 taken"])
    codes = load_codes(pool, "code;valeur;expiration\n200400000002;20;31/12/2099\n")
    assert refused(codes) == ["2 taken"]
    assert StockCode.objects.count() == 1


# The command


def test_the_command_brings_a_file_in_and_says_how_fast_and_what_was_refused(tmp_path):
    make_user(is_superuser=True)
    product, file, out = make_product(), tmp_path / "cartes.csv", StringIO()
    file.write_text(f"{HEADER}{lines(3)}zzz;31/12/2099\n")
    call_command("import_printed_cards", file, "--product", product.slug, stdout=out)
    said = out.getvalue()
    assert "line 5: " in said
    assert "zzz" not in said
    assert "lines/s" in said
    assert "MB" in said
    assert "3 added, 0 known, 1 refused" in said
    assert PrintedCard.objects.count() == 3


def test_the_command_says_what_is_missing(tmp_path):
    product = make_product()
    file = tmp_path / "cartes.csv"
    for arguments, word in (
        ((file, "--product", "rien"), "no product"),
        ((file, "--product", product.slug), "no operator"),
        ((file, "--product", product.slug, "--by", "x@exemple.test"), "nobody is called"),
    ):
        with pytest.raises(CommandError, match=word):
            call_command("import_printed_cards", *arguments)
    make_user(is_superuser=True)
    with pytest.raises(CommandError, match="No such file"):
        call_command("import_printed_cards", file, "--product", product.slug)
    file.write_bytes("n'importe quoi\n1\n".encode("utf-16"))
    with pytest.raises(CommandError, match="UTF-16"):
        call_command("import_printed_cards", file, "--product", product.slug)
    assert not StockImport.objects.exists()


# The admin


def test_an_operator_imports_cards_and_reads_the_report(client, operator):
    product = make_product()
    url = reverse("admin:wallet_cardproduct_import_cards", args=[product.pk])
    assert client.get(reverse("admin:wallet_cardproduct_change", args=[product.pk])).status_code == 200
    assert "«\u00a0numero\u00a0» et «\u00a0expiration\u00a0»" in client.get(url).content.decode()
    content = f"{HEADER}{lines(1)}court;31/12/2099\n"
    answer = client.post(url, {"file": SimpleUploadedFile("cartes.csv", content.encode())})
    run_jobs()
    upload = StockImport.objects.get()
    assert answer["Location"] == reverse("admin:wallet_stockimport_change", args=[upload.pk])
    assert client.get(answer["Location"]).status_code == 200
    report = client.get(reverse("admin:wallet_stockimport_report", args=[upload.pk]))
    assert "3;Le code doit compter" in b"".join(report.streaming_content).decode()


def test_an_operator_sees_cards_masked_and_blocks_one_by_its_number(client, operator):
    printed = make_printed("200466318274")
    text = client.get(reverse("admin:wallet_printedcard_changelist")).content.decode()
    assert "200XXXXXX274" in text
    assert "200466318274" not in text
    url = reverse("admin:wallet_printedcard_block_by_number")
    assert client.get(url).status_code == 200
    unknown = client.post(url, {"number": "200400000000"})
    assert "Aucune carte imprim" in unknown.content.decode()
    assert client.post(url, {"number": "2004 6631 8274"}).status_code == 302
    printed.refresh_from_db()
    assert printed.state == "blocked"
    assert LogEntry.objects.get().object_id == str(printed.pk)


def test_an_operator_blocks_and_unblocks_what_is_ticked(client, operator):
    printed = make_printed()
    for name, state in (("block", "blocked"), ("unblock", "available"), ("unblock", "available")):
        data = {"action": name, "_selected_action": [str(printed.pk)]}
        client.post(reverse("admin:wallet_printedcard_changelist"), data)
        printed.refresh_from_db()
        assert printed.state == state


def test_an_onlooker_blocks_nothing(client):
    from django.contrib.auth.models import Permission

    printed = make_printed("200466318274")
    onlooker = make_user(is_staff=True)
    onlooker.user_permissions.set(Permission.objects.filter(codename__startswith="view_"))
    client.force_login(onlooker)
    client.post(reverse("admin:wallet_printedcard_block_by_number"), {"number": "200466318274"})
    data = {"action": "block", "_selected_action": [str(printed.pk)]}
    client.post(reverse("admin:wallet_printedcard_changelist"), data)
    printed.refresh_from_db()
    assert printed.state == "available"
    assert printed.expires_on > local_date(timezone.now())
