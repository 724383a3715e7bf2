"""One-time codes at a till (S4.12): each spends once, within a minute, and cannot be guessed."""

import time
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.db.models import QuerySet

from loyalty.errors import CapExceeded, NotEnoughPoints, OneTimeCodeRefused, TooManyTries
from loyalty.models import Member, OneTimeCode, OutletTries, Redemption
from loyalty.services import code as codes
from loyalty.services import spend
from loyalty.services.code import issue_one_time_code
from merchants.models import Sale
from merchants.services import identify
from merchants.services.identify import identify_client
from tests.concurrency.test_ledger_races import storm
from tests.loyalty.points import DAY, NOW, available, books_are_right, buy, everything, member, programme
from tests.merchants.factories import Till, make_till, pay_in_points, sales_of, undo

pytestmark = pytest.mark.django_db


def rich() -> Member:
    """Somebody with 1 000 points to spend at once; purchases below 500 bring none."""
    who = member(programme("family", activation_days={"online": 0, "shop": 0}, welcome=None))
    buy(who, 10_000_00)
    return who


def till_for(who: Member) -> Till:
    return make_till(programme=who.programme)


def pay(
    till: Till, who: Member, digits: str, points_minor: int = 10_00, *, at: Any = NOW, **fields: Any
) -> Any:
    return pay_in_points(till, who, points_minor, code=digits, at=at, **fields)


def test_a_one_time_code_spends_once() -> None:
    # S4.12
    who, key = rich(), uuid4()
    till, issued = till_for(who), issue_one_time_code(member_id=who.pk, at=NOW)
    assert (len(issued.code), issued.expires_at) == (12, NOW + timedelta(seconds=60))
    spaced = f"{issued.code[:4]} {issued.code[4:8]} {issued.code[8:]}"
    paid = pay(till, who, spaced, key=key)
    assert (paid.points_minor, available(who, NOW)) == (10_00, 990_00)
    assert Redemption.objects.get().state == "captured"
    assert pay(till, who, issued.code, key=key, at=NOW + DAY) == paid
    with pytest.raises(OneTimeCodeRefused):
        pay(till, who, issued.code)
    assert not OneTimeCode.objects.filter(code_index__contains=issued.code).exists()
    undo(till, 1, at=NOW)
    assert available(who, NOW) == 1_000_00
    assert books_are_right()


def test_a_one_time_code_works_for_60_seconds_and_until_the_next_one() -> None:
    # S4.12
    who = rich()
    till, old = till_for(who), issue_one_time_code(member_id=who.pk, at=NOW)
    with pytest.raises(OneTimeCodeRefused):
        pay(till, who, old.code, at=NOW + timedelta(seconds=60))
    assert pay(till, who, old.code, at=NOW + timedelta(seconds=59)).points_minor == 10_00
    older = issue_one_time_code(member_id=who.pk, at=NOW)
    issue_one_time_code(member_id=who.pk, at=NOW + timedelta(seconds=1))
    with pytest.raises(OneTimeCodeRefused):
        pay(till, who, older.code, at=NOW + timedelta(seconds=2))
    with pytest.raises(OneTimeCodeRefused):
        pay(till, who, "000000000000")
    assert sales_of(till) == 1


def test_a_code_is_used_up_also_by_who_only_earns() -> None:
    # S4.12
    who = rich()
    till, issued = till_for(who), issue_one_time_code(member_id=who.pk, at=NOW)
    assert pay(till, who, issued.code, 0).points_minor == 0
    before = everything()
    with pytest.raises(OneTimeCodeRefused):
        pay(till, who, issued.code, 0)
    assert (everything(), sales_of(till)) == (before, 1)


@pytest.mark.parametrize("points_minor", [0, 10_00])
def test_a_code_of_somebody_else_names_nobody(points_minor: int) -> None:
    # S4.12
    who, other = rich(), rich()
    till, issued = till_for(who), issue_one_time_code(member_id=other.pk, at=NOW)
    before = everything()
    with pytest.raises(OneTimeCodeRefused):
        pay(till, who, issued.code, points_minor)
    assert (everything(), sales_of(till)) == (before, 0)
    assert OneTimeCode.objects.get().used_at is None


def test_a_refused_spend_leaves_the_code_for_another_amount() -> None:
    # S4.4
    who = rich()
    till, issued = till_for(who), issue_one_time_code(member_id=who.pk, at=NOW)
    before = everything()
    with pytest.raises(CapExceeded):
        pay(till, who, issued.code, 99_01)
    with pytest.raises(NotEnoughPoints):
        pay(till, who, issued.code, 1_000_01, bill_minor=9_000_00)
    assert (everything(), sales_of(till)) == (before, 0)
    assert pay(till, who, issued.code, 99_00).points_minor == 99_00
    assert Redemption.objects.count() == 1


def test_an_outlet_is_refused_after_twenty_wrong_codes_for_a_while() -> None:
    # S4.12: twelve digits are not guessed by trying.
    who = rich()
    marais, lices = till_for(who), till_for(who)
    issued = issue_one_time_code(member_id=who.pk, at=NOW)
    for n in range(20):
        with pytest.raises(OneTimeCodeRefused):
            pay(marais, who, f"{n:012}", at=NOW + timedelta(seconds=n))
    before = everything()
    with pytest.raises(TooManyTries) as refusal:
        pay(marais, who, issued.code, at=NOW + timedelta(seconds=20))
    assert (refusal.value.wait_seconds, everything()) == (580, before)
    assert pay(lices, who, issued.code, at=NOW + timedelta(seconds=21)).points_minor == 10_00
    later = NOW + timedelta(minutes=10)
    fresh_code = issue_one_time_code(member_id=who.pk, at=later)
    assert pay(marais, who, fresh_code.code, at=later).points_minor == 10_00


def test_a_right_code_does_not_count_as_a_try_even_when_the_amount_is_refused() -> None:
    # S4.12
    who = rich()
    till = till_for(who)
    for _ in range(25):
        issued = issue_one_time_code(member_id=who.pk, at=NOW)
        with pytest.raises(CapExceeded):
            pay(till, who, issued.code, 99_01)
        pay(till, who, issued.code)
    assert OutletTries.objects.get().tries == 0


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("counted", ["when used", "after looking"])
def test_64_uses_of_one_code_at_once_spend_once(counted: str, monkeypatch: pytest.MonkeyPatch) -> None:
    # S4.12
    who = rich()
    issued = issue_one_time_code(member_id=who.pk, at=NOW)
    first = till_for(who)
    tills = [first, *(make_till(first.merchant) for _ in range(15))]
    if counted == "after looking":
        monkeypatch.setattr(QuerySet, "select_for_update", lambda rows, **_: rows.all())
        monkeypatch.setattr(spend, "consume_code", _look_then_use)
    outcomes = storm(*[lambda till=till: pay(till, who, issued.code) for _ in range(4) for till in tills])
    if counted == "when used":
        assert outcomes == {"done": 1, "OneTimeCodeRefused": 63}
        assert available(who, NOW) == 990_00
        assert Sale.objects.count() == 1
    else:
        assert outcomes["done"] > 1
    assert books_are_right()


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("counter", ["first", "after reading"])
@pytest.mark.parametrize("way", ["pay", "identify"])
def test_64_guesses_at_once_evaluate_at_most_twenty(
    way: str, counter: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # S4.12
    who, compared = rich(), []
    till = till_for(who)
    place, name = (spend, "consume_code") if way == "pay" else (identify, "member_of_code")
    look = getattr(place, name)
    monkeypatch.setattr(place, name, lambda guess, **facts: compared.append(guess) or look(guess, **facts))
    if counter == "after reading":
        monkeypatch.setattr(codes, "_count_try", _read_then_count)

    def guess(digits: str) -> None:
        if way == "pay":
            pay(till, who, digits)
        else:
            identify_client(programme_id=who.programme_id, outlet=till.outlet.code, typed=digits, at=NOW)

    outcomes = storm(*[lambda digits=f"{n:012}": guess(digits) for n in range(64)])
    assert outcomes["OneTimeCodeRefused"] == len(compared)
    assert outcomes["OneTimeCodeRefused"] + outcomes["TooManyTries"] == 64
    assert (len(compared) == 20) == (counter == "first"), len(compared)
    assert not Sale.objects.exists()


def _read_then_count(outlet: str, at: Any) -> None:
    row, _ = OutletTries.objects.get_or_create(outlet=outlet, defaults={"ends_at": at + DAY})
    if row.tries >= 20:
        raise TooManyTries(1)
    time.sleep(0.01)
    OutletTries.objects.filter(pk=row.pk).update(tries=row.tries + 1)


def _look_then_use(code: str, *, member_id: int, at: Any) -> None:
    rows = OneTimeCode.objects.filter(member_id=member_id, used_at__isnull=True, expires_at__gt=at)
    if not rows.exists():
        raise OneTimeCodeRefused
    time.sleep(0.01)
    rows.update(used_at=at)
