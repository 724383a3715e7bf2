"""One command seals again whatever is sealed, in any room, so that an old key can go."""

import re
from collections.abc import Callable
from datetime import date
from io import StringIO
from threading import Event, Thread
from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import TOTP
from django.apps import apps
from django.core.management import CommandError, call_command
from django.db import connection, models, transaction
from django.utils import timezone

from documents.selectors import document
from documents.services.store import store
from kernel.reseal import all_sealed
from kernel.seal import SealKeyUnknown, unseal, unseal_text
from loyalty.services.enrol import Applicant, sealed_for, start_enrolment
from merchants.services.activation import binding as activation_binding
from merchants.services.activation import new_code
from orders.selectors_bulk import person_of
from orders.services.bulk_upload import upload_binding
from outbox.models import Mail
from outbox.services.mail import send_rendered_mail
from outbox.services.send import compose
from tests.loyalty.points import NOW, shipped
from tests.merchants.factories import make_till
from tests.orders.bulk_files import csv_of, row
from tests.orders.bulks import a_bulk
from tests.wallet.factories import make_card, make_printed, make_user
from tests.wallet.prepaid_factories import cvc_of, make_prepaid, number_of
from tests.wallet.test_stock import HEADER, lines, load
from wallet.issuers.stock import code_binding
from wallet.models import StockCode, StockImportPiece, StockPool
from wallet.services.printed import masked_number
from wallet.services.stock import lines_of, start_import

pytestmark = pytest.mark.django_db

OLD = "vieille:QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVphYmNkZWY="
NEW = "neuve:enl4d3Z1dHNycXBvbm1sa2ppaGdmZWRjYmFaWVhXVlU="
# What is sealed under another name: a stored file, and what allauth keeps of a second factor.
OTHERS = {("documents.StoredDocument", "content"), ("mfa.Authenticator", "data")}
# Every kind of secret, and how its room reads one of them.
Readers = dict[str, Callable[[], Any]]


def sealed_columns() -> set[tuple[str, str]]:
    """Columns that hold tokens, by the name that the house gives them."""
    named = re.compile(r"(?:.+_)?sealed")
    return OTHERS | {
        (model._meta.label, field.attname)
        for model in apps.get_models()
        for field in model._meta.concrete_fields
        if named.fullmatch(field.attname)
    }


def fresh(row: models.Model) -> Any:
    return type(row)._base_manager.get(pk=row.pk)


def shop_secrets() -> Readers:
    waiting, read = a_bulk(csv_of(row(1)), read=False), a_bulk(csv_of(row(2, message="Bravo")))
    line = read.lines.get()
    return {
        "a file of people": lambda: unseal(fresh(waiting.upload).sealed, bound_to=upload_binding(waiting)),
        "a line of people": lambda: person_of(fresh(line)),
    }


def wallet_secrets() -> Readers:
    ada = make_user()
    card, prepaid, printed = make_card(ada), make_prepaid(ada), make_printed()
    pool = StockPool.objects.create(slug="marche", name="Marché")
    load(pool, HEADER + lines(2))
    code, again = StockCode.objects.first(), (HEADER + lines(9)).encode()
    import_id = start_import(
        pool_id=pool.pk, filename="b.csv", blocks=[again], imported_by_id=ada.pk, at=timezone.now()
    )
    piece = StockImportPiece.objects.get(upload_id=import_id)
    return {
        "a card": lambda: number_of(card),
        "a CVC": lambda: cvc_of(prepaid),
        "a printed card": lambda: masked_number(fresh(printed)),
        "a code": lambda: unseal(fresh(code).number_sealed, bound_to=code_binding(code)),
        "an import": lambda: list(lines_of(fresh(piece))),
    }


def secrets_below() -> Readers:
    """Those of loyalty, merchants, accounts, outbox and documents."""
    facts = {"phone": "06 12 34 56 78", "birth_on": date(1990, 5, 17), "consent_version": 1}
    challenge = start_enrolment(programme_id=shipped("family").pk, applicant=Applicant(**facts), at=NOW)
    terminal = make_till().terminal
    new_code(terminal_id=terminal.pk, at=timezone.now())
    user = make_user()
    totp = TOTP.activate(user, "JBSWY3DPEHPK3PXP").instance
    codes = RecoveryCodes.activate(user).instance
    older = Authenticator.objects.create(
        user=make_user(),
        type=Authenticator.Type.RECOVERY_CODES,
        data={"migrated_codes": [RecoveryCodes(codes).instance.data["seed"]]},
    )
    send_rendered_mail(
        event="e", ref="1", recipient="a@b.example", language="fr", subject="S", text="T", html="", at=NOW
    )
    mail = Mail.objects.get(ref="1", recipient="a@b.example")
    store(kind="ecard", ref="1", content=b"%PDF \x00\xff", filename="c.pdf", secret=True)
    return {
        "an enrolment": lambda: unseal_text(
            apps.get_model("loyalty.Challenge").objects.get(pk=challenge).sealed,
            bound_to=sealed_for(challenge),
        ),
        "an activation": lambda: unseal_text(
            fresh(terminal).activation_sealed, bound_to=activation_binding(terminal.pk)
        ),
        "a second factor": lambda: unseal_text(fresh(totp).data["secret"], bound_to="accounts.mfa"),
        "recovery codes": lambda: RecoveryCodes(fresh(codes)).get_unused_codes(),
        "older recovery codes": lambda: RecoveryCodes(fresh(older)).get_unused_codes(),
        "a mail": lambda: compose(fresh(mail)).body,
        "a document": lambda: document("ecard", "1").content,
    }


@pytest.fixture
def secrets(settings) -> Readers:
    """One of each kind, sealed with the old key; a newer one stands in front of it."""
    settings.SEAL_KEYS = [OLD]
    readers = wallet_secrets() | shop_secrets() | secrets_below()  # the first runs all jobs that wait
    settings.SEAL_KEYS = [NEW, OLD]
    return readers


def rotate(*options: str) -> str:
    out = StringIO()
    call_command("rotate_keys", *options, stdout=out)
    return out.getvalue()


def places_of(key_id: str) -> set[tuple[str, str]]:
    """Every column of every table with a token that this key sealed, whatever its name and type."""
    found = set()
    for model in apps.get_models():
        for field in model._meta.concrete_fields:
            for value in model._base_manager.values_list(field.attname, flat=True):
                text = bytes(value).decode("latin-1") if isinstance(value, bytes | memoryview) else str(value)
                if f"{key_id}." in text:
                    found.add((model._meta.label, field.attname))
    return found


def test_every_sealed_column_of_every_room_is_named_to_the_rotation():
    named = {(kind.model._meta.label, column) for kind in all_sealed() for column in kind.columns}
    assert sealed_columns() <= named
    assert len({kind.name for kind in all_sealed()}) == len(sealed_columns())


def test_after_a_rotation_the_old_key_can_go_and_every_secret_still_opens(secrets, settings):
    before = {name: read() for name, read in secrets.items()}
    assert places_of("vieille") == sealed_columns()
    rotate("--batch", "1")
    assert places_of("vieille") == set()
    assert places_of("neuve") == sealed_columns()
    settings.SEAL_KEYS = [NEW]
    assert {name: read() for name, read in secrets.items()} == before


def test_the_old_key_is_needed_until_the_rotation_is_done(secrets, settings):
    settings.SEAL_KEYS = [NEW]
    for read in secrets.values():
        with pytest.raises(SealKeyUnknown):
            read()


def test_a_second_rotation_finds_nothing_to_do(secrets):
    rotate()
    again = rotate()
    assert again.count("done, 0 resealed") == len(all_sealed()) == len(again.splitlines())


def test_used_recovery_codes_stay_used(secrets):
    codes = RecoveryCodes(Authenticator.objects.filter(data__has_key="seed").get())
    codes.validate_code(codes.get_unused_codes()[0])
    left = codes.get_unused_codes()
    rotate()
    codes.instance.refresh_from_db()
    assert codes.get_unused_codes() == left


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_rows_in_use_are_left_and_told_of(secrets):
    held, done = Event(), Event()

    def hold() -> None:
        with transaction.atomic():
            list(Mail.objects.select_for_update())
            held.set()
            done.wait(20)
        connection.close()

    holder = Thread(target=hold)
    holder.start()
    held.wait(20)
    try:
        with pytest.raises(CommandError, match="mails"):
            rotate()
    finally:
        done.set()
        holder.join()
    assert {label for label, _ in places_of("vieille")} == {"outbox.Mail"}
    rotate()
    assert places_of("vieille") == set()
