"""`/marchand/`: a merchant's people see their own books, and nobody else's (S0.4)."""

import csv
from io import StringIO

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from merchants.models import Device, Dispute, MerchantUser, Operator, Sale, Statement
from merchants.selectors import transactions as selector
from merchants.services.dispute import answer_dispute
from merchants.services.settle import settle_due
from merchants.services.settle_all import make_papers
from merchants.states import DisputeState, MerchantRole
from outbox.models import Mail
from tests.factories import sign_in
from tests.merchants.portal import at_desk, merchant_person
from tests.merchants.settling import cancelled, make_shop, paris, sold

pytestmark = pytest.mark.django_db
QUERIES = 12
AT = paris(2026, 11, 2, 4)


@pytest.fixture
def shop():
    shop = make_shop()
    sold(shop, 12_345, paris(2026, 10, 5, 9))
    cancelled(shop, sold(shop, 2_000, paris(2026, 10, 6, 9)), paris(2026, 10, 7, 8, 30))
    settle_due(merchant_id=shop.merchant.pk, at=AT)
    sold(shop, 7_700, paris(2026, 11, 1, 10))
    return shop


@pytest.fixture
def desk(shop):
    return at_desk(shop.merchant)


def statement_of(shop) -> Statement:
    return Statement.objects.get(merchant=shop.merchant)


def first_sale(shop) -> Sale:
    return Sale.objects.get(merchant=shop.merchant, rank=1)


def pages(shop) -> list[str]:
    number, reference = statement_of(shop).number, first_sale(shop).reference
    return [
        reverse("merchant:transactions"),
        reverse("merchant:export"),
        reverse("merchant:transaction", args=[reference]),
        reverse("merchant:dispute_sale", args=[reference]),
        reverse("merchant:statements"),
        reverse("merchant:statement", args=[number]),
        reverse("merchant:statement_lines", args=[number]),
        reverse("merchant:dispute_statement", args=[number]),
        reverse("merchant:disputes"),
        reverse("merchant:terminals"),
        reverse("merchant:team"),
        reverse("merchant:password", args=[shop.till.operator.pk]),
    ]


def text(response) -> str:
    return response.content.decode().replace("\u00a0", " ").replace("\u202f", " ")


def test_every_page_opens_with_a_fixed_number_of_queries(shop, desk, django_assert_max_num_queries):
    for rank in range(3):
        sold(shop, 100, paris(2026, 11, 1, 11, rank))
    desk.get(reverse("merchant:disputes"))  # the first visit is noted in the session
    for path in pages(shop):
        with django_assert_max_num_queries(QUERIES):
            response = desk.get(path)
            if response.streaming:
                b"".join(response.streaming_content)
        assert response.status_code == 200, path


def test_the_list_shows_newest_first_and_what_waits_for_the_next_statement(desk):
    page = text(desk.get(reverse("merchant:transactions")))
    assert "En attente du prochain relevé : 77,00 CHF" in page
    assert page.index("-000003") < page.index("-000002") < page.index("-000001")
    assert "Annulée" in page


def test_transactions_are_filtered_by_terminal_and_day(shop, desk):
    other = make_shop()
    address = reverse("merchant:transactions")
    page = text(desk.get(address, {"du": "2026-10-06", "au": "2026-10-31"}))
    assert "-000002" in page
    assert "-000001" not in page
    assert "-000003" not in page
    page = text(desk.get(address, {"terminal": shop.till.terminal.tid}))
    assert page.count("<tr role=row") + page.count('<tr role="row"') == 4
    assert desk.get(address, {"terminal": other.till.terminal.tid}).status_code == 422


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ({"du": "31.31.2026"}, 'id="id_du_error"'),
        ({"du": "2026-10-06", "au": "2026-10-01"}, "La fin est avant le début."),
        ({"terminal": "CM9999"}, "pas l&#x27;un des vôtres"),
    ],
)
def test_a_wrong_filter_is_told_next_to_its_field_and_keeps_what_was_typed(desk, query, said):
    response = desk.get(reverse("merchant:transactions"), query)
    assert response.status_code == 422
    assert said in text(response)
    if "du" in query:
        assert query["du"] in text(response)
    assert desk.get(reverse("merchant:export"), query).status_code == 404


def test_pages_follow_a_key_and_lose_none(shop, desk, monkeypatch):
    monkeypatch.setattr(selector, "PAGE_SIZE", 2)
    same_instant = paris(2026, 11, 1, 12)
    for _ in range(5):
        sold(shop, 100, same_instant)
    seen, cursor = [], ""
    while cursor is not None:
        page = selector.transactions(shop.merchant.pk, selector.TransactionFilter(), cursor)
        seen += [sale.pk for sale in page.items]
        cursor = page.next_cursor
    assert len(seen) == len(set(seen)) == 8
    assert desk.get(reverse("merchant:transactions"), {"cursor": "nonsense"}).status_code == 200


def test_the_export_is_the_filtered_list_as_csv(shop, desk):
    response = desk.get(reverse("merchant:export"), {"du": "2026-10-06", "au": "2026-10-06"})
    assert response.streaming
    assert "no-store" in response.headers["Cache-Control"]
    lines = list(csv.reader(StringIO(b"".join(response).decode("utf-8-sig")), delimiter=";"))
    assert len(lines) == 2
    assert lines[1][7] == "20.00"
    assert lines[1][10] == "2026-10-07 08:30:00+02:00"
    assert lines[1][11] == lines[1][12] == statement_of(shop).number


def test_a_statement_shows_its_net_and_hands_out_its_papers(shop, desk):
    statement = statement_of(shop)
    page = text(desk.get(reverse("merchant:statement", args=[statement.number])))
    assert "121,34 CHF" in page
    assert "TVA 8,1 % sur commission et frais" in page
    pending = desk.get(reverse("merchant:statement_file", args=[statement.number]))
    assert pending.status_code == 202
    make_papers(statement_id=statement.pk)
    for name in ("statement_file", "invoice"):
        response = desk.get(reverse(f"merchant:{name}", args=[statement.number]))
        assert response.headers["Content-Type"] == "application/pdf"
        assert response.content.startswith(b"%PDF")


def test_nobody_sees_the_books_of_another_merchant(shop):
    stranger = at_desk(make_shop().merchant)
    own = {reverse(f"merchant:{name}") for name in ("transactions", "statements", "disputes")}
    own |= {reverse(f"merchant:{name}") for name in ("export", "terminals", "team")}
    for path in pages(shop):
        response = stranger.get(path)
        assert response.status_code == (200 if path in own else 404), path
        if path in own and not response.streaming:
            assert shop.till.terminal.tid not in response.content.decode()
            assert shop.till.operator.name not in response.content.decode()


def test_a_stranger_can_change_nothing(shop):
    stranger = at_desk(make_shop().merchant)
    device, operator = shop.till.device, shop.till.operator
    number = statement_of(shop).number
    for name, arguments, data in (
        ("device", [shop.till.terminal.tid, device.pk], {}),
        ("operator", [operator.pk], {"actif": "0"}),
        ("password", [operator.pk], {"nouveau": "un-long-mot-de-passe"}),
        ("dispute_statement", [number], {"texte": "faux"}),
        ("dispute_sale", [first_sale(shop).reference], {"texte": "faux"}),
    ):
        assert stranger.post(reverse(f"merchant:{name}", args=arguments), data).status_code == 404
    assert Device.objects.get(pk=device.pk).revoked_at is None
    assert Operator.objects.get(pk=operator.pk).password == operator.password
    assert not Dispute.objects.exists()


def test_a_device_of_another_terminal_is_not_revoked_through_ones_own(shop):
    other = make_shop()
    stranger = at_desk(other.merchant)
    stranger.post(reverse("merchant:device", args=[other.till.terminal.tid, shop.till.device.pk]))
    assert Device.objects.get(pk=shop.till.device.pk).revoked_at is None


def test_the_space_asks_for_a_second_factor(shop):
    user = merchant_person(shop.merchant)
    response = sign_in(Client(), user).get(reverse("merchant:transactions"))
    assert response.status_code == 302
    assert response.headers["Location"].startswith(reverse("mfa_reauthenticate"))
    user.authenticator_set.all().delete()
    response = sign_in(Client(), user).get(reverse("merchant:transactions"))
    assert response.headers["Location"].startswith(reverse("mfa_activate_totp"))


def test_who_lost_the_access_is_turned_away(shop, desk):
    MerchantUser.objects.all().delete()
    assert desk.get(reverse("merchant:transactions")).status_code == 403


def test_the_accountant_reads_and_disputes_but_does_not_manage(shop):
    accountant = at_desk(shop.merchant, role=MerchantRole.ACCOUNTANT)
    assert accountant.get(reverse("merchant:statements")).status_code == 200
    for name, arguments in (
        ("terminals", []),
        ("team", []),
        ("password", [shop.till.operator.pk]),
    ):
        assert accountant.get(reverse(f"merchant:{name}", args=arguments)).status_code == 403
    forget = reverse("merchant:device", args=[shop.till.terminal.tid, shop.till.device.pk])
    assert accountant.post(forget).status_code == 403
    assert Device.objects.get(pk=shop.till.device.pk).revoked_at is None


def test_who_works_for_two_merchants_chooses(shop):
    other = make_shop()
    user = merchant_person(shop.merchant)
    MerchantUser.objects.create(merchant=other.merchant, user=user)
    desk = sign_in(Client(), user, second_factor=True)
    desk.post(reverse("merchant:switch"), {"merchant": other.merchant.pk})
    assert shop.till.terminal.tid not in text(desk.get(reverse("merchant:terminals")))
    desk.post(reverse("merchant:switch"), {"merchant": shop.merchant.pk})
    assert shop.till.terminal.tid in text(desk.get(reverse("merchant:terminals")))
    assert desk.post(reverse("merchant:switch"), {"merchant": "999999"}).status_code == 404


def test_a_lost_device_is_revoked(shop, desk):
    desk.post(reverse("merchant:device", args=[shop.till.terminal.tid, shop.till.device.pk]))
    assert Device.objects.get(pk=shop.till.device.pk).revoked_at is not None


def test_somebody_new_is_added_and_a_forgotten_password_replaced(shop, desk):
    typed = {"nom": "Noé", "utilisateur": "noe", "nouveau": "un-long-mot-de-passe"}
    assert desk.post(reverse("merchant:team"), typed).status_code == 302
    noe = Operator.objects.get(login="noe")
    assert noe.role == "cashier"
    again = desk.post(reverse("merchant:team"), typed)
    assert again.status_code == 422
    assert "déjà pris" in text(again)
    weak = desk.post(reverse("merchant:password", args=[noe.pk]), {"nouveau": "court"})
    assert weak.status_code == 422
    desk.post(reverse("merchant:password", args=[noe.pk]), {"nouveau": "un-autre-long-mot"})
    assert Operator.objects.get(pk=noe.pk).password != noe.password
    desk.post(reverse("merchant:operator", args=[noe.pk]), {"actif": "0"})
    assert not Operator.objects.get(pk=noe.pk).is_active


def test_the_last_manager_stays(shop, desk):
    desk.post(reverse("merchant:operator", args=[shop.till.operator.pk]), {"actif": "0"})
    assert Operator.objects.get(pk=shop.till.operator.pk).is_active


def test_a_dispute_is_opened_once_answered_and_told(shop, desk):
    address = reverse("merchant:dispute_sale", args=[first_sale(shop).reference])
    empty = desk.post(address, {"texte": "  "})
    assert empty.status_code == 422
    assert not Dispute.objects.exists()
    response = desk.post(address, {"texte": "Le client a payé deux fois."})
    dispute = Dispute.objects.get()
    assert response.headers["Location"] == reverse("merchant:dispute", args=[dispute.pk])
    assert Mail.objects.filter(event="dispute_opened").exists()
    again = desk.post(address, {"texte": "Encore."})
    assert again.status_code == 422
    assert "Encore." in text(again)
    assert Dispute.objects.count() == 1
    answer_dispute(
        dispute_id=dispute.pk,
        target=DisputeState.UPHELD,
        answer="Vous avez raison.",
        actor="exploitation",
        at=timezone.now(),
    )
    page = text(desk.get(reverse("merchant:dispute", args=[dispute.pk])))
    assert "Vous avez raison." in page
    assert "Retirer la contestation" not in page
    assert Mail.objects.filter(event="dispute_answered").count() == 1


def test_a_dispute_is_taken_back_until_it_is_answered(shop, desk):
    desk.post(reverse("merchant:dispute_statement", args=[statement_of(shop).number]), {"texte": "Faux."})
    dispute = Dispute.objects.get()
    desk.post(reverse("merchant:withdraw", args=[dispute.pk]))
    assert Dispute.objects.get().state == DisputeState.WITHDRAWN
    desk.post(reverse("merchant:withdraw", args=[dispute.pk]))
    steps = dispute.events.order_by("pk").values_list("from_state", "to_state")
    assert list(steps) == [("", "open"), ("open", "withdrawn")]


def test_the_menu_shows_the_way_once_one_has_been_there(shop, desk):
    desk.get(reverse("merchant:transactions"))
    assert reverse("merchant:transactions") in text(desk.get(reverse("help")))


def test_merchants_people_land_in_their_space(shop):
    from accounts.adapter import AccountAdapter

    user = merchant_person(shop.merchant)
    request = type("Request", (), {"user": user})()
    assert AccountAdapter().get_login_redirect_url(request) == reverse("merchant:transactions")
