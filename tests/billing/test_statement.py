"""Statements as the seed tells them: its example to the cent, the minimum, cycles and what they list."""

from datetime import date, timedelta
from typing import Any

import pytest
from django.db import DatabaseError, connection, transaction
from django.test.utils import CaptureQueriesContext
from stdnum.ch import esr

from billing.errors import CycleNotOver, RateMissing
from billing.models import CreditAccount, Entry, InterestLine, Rate, Statement
from billing.selectors.rates import rate_table
from billing.services.close_cycle import close_accounts, close_cycle
from billing.states import EntryKind
from outbox.models import Job
from tests.billing.factories import close, make_account, night_after, noon, pay, post

pytestmark = pytest.mark.django_db


def martin(year: int = 2025) -> CreditAccount:
    """Mrs Martin of the seed: 100 francs on 15 March, billed on the 31st."""
    account = make_account(at=noon(date(year, 3, 1)))
    post(account, 10_000, date(year, 3, 15))
    statement = close(account)
    assert (statement.closes_on, statement.due_on) == (date(year, 3, 31), date(year, 4, 20))
    assert (statement.closing_minor, statement.due_minor, statement.minimum_minor) == (10_000, 10_000, 5_000)
    assert statement.interest_minor == 0
    return account


def through_20_april(account: CreditAccount) -> int:
    """Interest through 20 April, were it billed on that day: the seed's own figure."""
    CreditAccount.objects.filter(pk=account.pk).update(closes_on=date(account.closes_on.year, 4, 20))
    return close(account, at=night_after(date(account.closes_on.year, 4, 21))).interest_minor


def test_in_part_bears_interest_from_the_transaction_through_the_payment() -> None:  # S1.3
    account = martin()
    pay(account, 5_000, date(2025, 4, 20))
    assert through_20_april(account) == 141


def test_a_setting_leaves_the_day_of_the_payment_out(settings: Any) -> None:  # S1.3
    settings.BILLING_COUNT_PAYMENT_DAY = False
    account = martin()
    pay(account, 5_000, date(2025, 4, 20))
    CreditAccount.objects.filter(pk=account.pk).update(closes_on=date(2025, 4, 20))
    line = InterestLine.objects.get(statement=close(account, at=night_after(date(2025, 4, 21))))
    first = line.segments[0]
    assert first == ["2025-03-15", "2025-04-19", 10_000, 1395]
    # 36 days of 100 francs are 1.38; the 50 that stay bear interest on the day itself.
    assert (2 * 10_000 * 36 * 1395 + 3_650_000) // (2 * 3_650_000) == 138
    assert line.segments[1] == ["2025-04-20", "2025-04-20", 5_000, 1395]


def test_the_rest_bears_interest_from_the_day_after() -> None:  # S1.3
    account = martin()
    pay(account, 5_000, date(2025, 4, 20))
    statement = close(account)
    line = InterestLine.objects.get(statement=statement)
    assert line.segments == [
        ["2025-03-15", "2025-04-20", 10_000, 1395],
        ["2025-04-21", "2025-04-30", 5_000, 1395],
    ]
    # 100 × 37 × 13.95 % / 365 + 50 × 10 × 13.95 % / 365 = 1.6052…, rounded once.
    assert line.amount_minor == statement.interest_minor == 161
    assert statement.closing_minor == 10_000 + 161 - 5_000
    assert statement.previous_in_time is False


def test_in_full_and_in_time_bears_none() -> None:  # S1.2, S1.3
    account = martin()
    pay(account, 10_000, date(2025, 4, 20))
    statement = close(account)
    assert (statement.interest_minor, statement.closing_minor) == (0, 0)
    assert statement.previous_in_time is True
    assert not InterestLine.objects.exists()
    post(account, 2_000, date(2025, 5, 3))
    assert close(account).interest_minor == 0


def test_in_full_a_day_late_bears_interest_on_the_whole() -> None:  # S1.2, S1.3
    account = martin()
    pay(account, 10_000, date(2025, 4, 21))
    statement = close(account)
    assert statement.previous_in_time is False
    assert InterestLine.objects.get().segments == [["2025-03-15", "2025-04-21", 10_000, 1395]]
    assert statement.closing_minor == statement.interest_minor == 145


def test_from_2026_the_law_caps_the_rate() -> None:  # S1.8
    account = martin(2026)
    pay(account, 5_000, date(2026, 4, 20))
    CreditAccount.objects.filter(pk=account.pk).update(closes_on=date(2026, 4, 20))
    statement = close(account, at=night_after(date(2026, 4, 21)))
    assert statement.interest_minor == 122  # 100 × 37 × 12 % / 365 = 1.2164…
    assert (statement.rate_bp, statement.contract_rate_bp) == (1200, 1395)


def test_a_line_is_cut_where_the_rate_changes() -> None:  # S1.8
    account = make_account(at=noon(date(2025, 12, 1)))
    post(account, 10_000, date(2025, 12, 15))
    close(account)
    close(account)
    line = InterestLine.objects.get()
    assert line.segments == [
        ["2025-12-15", "2025-12-31", 10_000, 1395],
        ["2026-01-01", "2026-01-31", 10_000, 1200],
    ]
    assert line.amount_minor == 167  # 100 × (17 × 13.95 % + 31 × 12 %) / 365 = 1.6689…


def test_later_statements_go_on_where_the_last_one_ended() -> None:  # S1.3
    account = martin()
    second, third = close(account), close(account)
    lines = list(InterestLine.objects.order_by("from_on"))
    assert [(one.from_on, one.through_on) for one in lines] == [
        (date(2025, 3, 15), date(2025, 4, 30)),
        (date(2025, 5, 1), date(2025, 5, 31)),
    ]
    assert third.opening_minor == second.closing_minor
    # Neither the interest nor anything but the purchase bears interest.
    assert [line.entry.kind for line in lines] == [EntryKind.PURCHASE] * 2


@pytest.mark.parametrize(
    ("total", "minimum"),
    [
        (1, 1),
        (4_999, 4_999),
        (5_000, 5_000),
        (166_666, 5_000),
        (166_683, 5_000),
        (166_684, 5_001),
        (300_050, 9_002),
    ],
)
def test_the_minimum_is_three_percent_at_least_fifty_or_the_whole(total: int, minimum: int) -> None:
    """S1.2, S1.8"""
    account = make_account(at=noon(date(2025, 3, 1)))
    post(account, total, date(2025, 3, 15))
    statement = close(account)
    assert (statement.due_minor, statement.minimum_minor) == (total, minimum)


def test_every_cycle_has_its_statement_and_an_empty_one_is_not_told() -> None:  # S1.1
    account = make_account(at=noon(date(2025, 3, 1)))
    statement = close(account)
    assert (statement.closing_minor, statement.minimum_minor) == (0, 0)
    assert not Job.objects.filter(kind__startswith="billing.").exists()
    post(account, 700, date(2025, 4, 2))
    second = close(account)
    kinds = Job.objects.filter(ref=str(second.pk)).values_list("kind", flat=True)
    assert sorted(kinds) == ["billing.make_statement", "billing.statement_issued", "billing.tell_statement"]


def test_a_cycle_that_runs_has_no_statement() -> None:  # S1.1
    account = make_account(at=noon(date(2025, 3, 1)))
    post(account, 700, date(2025, 3, 2))
    with pytest.raises(CycleNotOver):
        close_cycle(account_id=account.pk, at=noon(date(2025, 3, 31)))
    assert not Statement.objects.exists()
    assert Entry.objects.get().statement is None


def test_what_is_booked_after_the_cycle_waits_for_the_next_statement() -> None:  # S1.2
    account = make_account(at=noon(date(2025, 3, 1)))
    post(account, 700, date(2025, 3, 31))
    post(account, 900, date(2025, 4, 1))
    assert close(account).purchases_minor == 700
    assert close(account).purchases_minor == 900


def test_what_arrives_late_is_listed_next_with_its_own_date() -> None:  # S1.3
    account = make_account(at=noon(date(2025, 3, 1)))
    close(account)
    late = post(account, 700, date(2025, 3, 20), at=noon(date(2025, 4, 2)))
    assert (late.booked_on, late.value_on) == (date(2025, 4, 1), date(2025, 3, 20))
    assert close(account).purchases_minor == 700


def test_a_credit_balance_is_carried_and_pays_what_comes() -> None:  # S1.2
    account = martin()
    pay(account, 12_500, date(2025, 4, 10))
    second = close(account)
    assert (second.closing_minor, second.due_minor, second.minimum_minor) == (-2_500, 0, 0)
    post(account, 1_000, date(2025, 5, 10))
    third = close(account)
    assert (third.opening_minor, third.closing_minor) == (-2_500, -1_500)
    assert third.interest_minor == 0


def test_issued_statements_and_their_lines_never_change() -> None:
    account = martin()
    close(account)
    for rows, change in (
        (Statement.objects.all(), {"due_minor": 1}),
        (InterestLine.objects.all(), {"amount_minor": 1}),
    ):
        with pytest.raises(DatabaseError), transaction.atomic():
            rows.update(**change)
        with pytest.raises(DatabaseError), transaction.atomic():
            rows.delete()


def test_many_accounts_are_billed_in_as_many_queries_as_one() -> None:
    def billed(count: int) -> int:
        accounts = [martin() for _ in range(count)]
        for account in accounts:
            pay(account, 5_000, date(2025, 4, 20))
            post(account, 3_000, date(2025, 4, 22))
        with CaptureQueriesContext(connection) as queries, transaction.atomic():
            made, refused = close_accounts(accounts, rate_table(), at=night_after(date(2025, 4, 30)))
        assert (len(made), refused) == (count, {})
        return len(queries)

    billed(1)  # the ledger gets to know its system accounts
    assert billed(1) == billed(6) == 33


def test_without_a_rate_nothing_is_billed_and_nothing_written() -> None:
    account = martin()
    Rate.objects.filter(kind="contract").update(starts_on=date(2025, 4, 1))
    jobs = Job.objects.count()
    with pytest.raises(RateMissing):
        close_cycle(account_id=account.pk, at=night_after(date(2025, 4, 30)))
    account.refresh_from_db()
    assert account.closes_on == date(2025, 4, 30)
    assert (Statement.objects.count(), Job.objects.count()) == (1, jobs)


def test_one_day_after_the_other_no_gap_no_overlap() -> None:  # S1.1
    account = make_account(billing_day=20, at=noon(date(2024, 1, 31)))
    statements = [close(account) for _ in range(14)]
    for before, after in zip(statements, statements[1:], strict=False):
        assert after.starts_on == before.closes_on + timedelta(days=1)
        assert after.opening_minor == before.closing_minor
        assert after.previous_id == before.pk


def test_a_statement_keeps_the_address_of_its_day() -> None:
    account = make_account(at=noon(date(2025, 3, 1)))
    account.holder.__class__.objects.filter(pk=account.holder_id).update(
        address_line1="Chemin des Pruniers 7", postal_code="1000", city="Exempleville", country="CH"
    )
    statement = close(account)
    account.holder.__class__.objects.filter(pk=account.holder_id).update(city="Ailleurs")
    statement.refresh_from_db()
    assert statement.debtor == {
        "name": "Ada Martin",
        "line1": "Chemin des Pruniers 7",
        "line2": "",
        "postal_code": "1000",
        "city": "Exempleville",
        "country": "CH",
        "language": "fr",
    }


def test_number_and_reference_follow_from_account_and_day() -> None:
    account = make_account(at=noon(date(2025, 3, 1)))
    statement = close(account)
    assert statement.number == f"CC-{account.pk:08d}-20250331"
    assert statement.reference[:-1] == f"{account.pk:010d}20250331".zfill(26)
    assert esr.is_valid(statement.reference)


def test_money_that_older_purchases_took_leaves_a_purchase_bearing_interest() -> None:  # S1.3
    """Both statements after the late one are paid in time; yet what came late took the money first."""
    account = make_account(at=noon(date(2025, 3, 1)))
    post(account, 10_000, date(2025, 3, 15))
    close(account)
    second = close(account)
    post(account, 4_000, date(2025, 3, 2), at=noon(date(2025, 5, 5)))  # older than the first, known later
    pay(account, second.due_minor, date(2025, 5, 10))
    third = close(account)
    pay(account, third.due_minor, date(2025, 6, 12))
    fourth = close(account)
    assert (third.previous_in_time, fourth.previous_in_time) == (True, True)
    line = InterestLine.objects.get(statement=fourth)
    assert line.segments == [["2025-06-01", "2025-06-12", 4_000, 1395]]
    assert line.entry.amount_minor == 10_000
