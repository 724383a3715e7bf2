"""A number in clear exists in three places: the holder's till page, the holder's PDF, the issuer's answer."""

import logging
from datetime import timedelta
from io import StringIO

import pytest
from django.apps import apps
from django.core import mail
from django.core.management import call_command
from django.urls import reverse
from django.utils import timezone

from kernel.seal import needs_reseal
from tests.support import run_jobs
from tests.wallet.factories import make_card, make_cards, make_user
from tests.wallet.test_stock import HEADER, lines, load
from wallet.models import Card, StockCode, StockPool
from wallet.services.number import in_groups, open_number
from wallet.services.reseal import SEALED
from wallet.services.send import send_card

pytestmark = pytest.mark.django_db

NEW_KEY = "neuve:" + "QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVphYmNkZWY="


def number_of(card: Card) -> str:
    card.refresh_from_db()
    return open_number(card.number_sealed, card_id=card.pk)


def everything_stored() -> str:
    """Every value of every row, jobs and mails included."""
    return "\n".join(str(list(model._base_manager.values_list())) for model in apps.get_models())


def test_a_number_is_in_no_row_no_job_no_mail_and_no_log(client, caplog, capsys):
    caplog.set_level(logging.DEBUG)
    ada = make_user()
    card = make_card(ada)
    client.force_login(ada)
    for name in ("card", "till", "pdf"):
        assert client.get(reverse(f"wallet:{name}", args=[card.pk])).status_code == 200
    number = number_of(card)
    send_card(
        card_id=card.pk,
        sender_id=ada.pk,
        recipient="x@exemple.test",
        message="",
        language="fr",
        at=timezone.now(),
    )
    run_jobs(until=timedelta(minutes=1))
    logged = caplog.text + "".join(capsys.readouterr())
    mailed = "".join(f"{m.subject}{m.body}{m.alternatives}" for m in mail.outbox)
    assert mailed
    for place in (everything_stored(), logged, mailed):
        assert number not in place
        assert in_groups(number) not in place


def test_rotation_reseals_every_number_and_code_and_nothing_else_changes(settings):
    card = make_card(make_user())
    load(StockPool.objects.create(slug="marche", name="Marché"), HEADER + lines(30))
    before = (number_of(card), card.number_index, card.masked)
    settings.SEAL_KEYS = [NEW_KEY, *settings.SEAL_KEYS]
    out = StringIO()
    call_command("rotate_keys", "--batch", "7", stdout=out)
    assert "stock codes: done, 30 resealed" in out.getvalue()
    for token in [
        *Card.objects.values_list("number_sealed", flat=True),
        *StockCode.objects.values_list("number_sealed", flat=True),
    ]:
        assert not needs_reseal(token)
    settings.SEAL_KEYS = [NEW_KEY]
    card.refresh_from_db()
    assert (number_of(card), card.number_index, card.masked) == before


def test_a_rotation_that_was_stopped_goes_on_where_it_was(settings):
    cards = make_cards(make_user(), *[1000] * 5)
    settings.SEAL_KEYS = [NEW_KEY, *settings.SEAL_KEYS]
    cards_sealed = next(kind for kind in SEALED if kind.name == "cards")
    assert [cards_sealed.reseal(limit=2) for _ in range(4)] == [2, 2, 1, 0]
    assert all(number_of(card).startswith("5032") for card in cards)


def test_a_sealed_number_opens_in_its_own_row_only():
    from kernel.seal import SealBroken

    one, other = make_cards(make_user(), 1000, 2000)
    with pytest.raises(SealBroken):
        open_number(one.number_sealed, card_id=other.pk)
