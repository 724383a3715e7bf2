"""The database refuses by itself two discounts of one CSE on one product and day (S3.3)."""

from concurrent.futures import ThreadPoolExecutor
from datetime import date

import pytest
from django.core.management import call_command
from django.db import DatabaseError, IntegrityError, connection, transaction

from orders import rules
from orders.checks import agreements_are_guarded
from orders.models import DiscountAgreement
from orders.selectors import agreement_overlaps
from tests.orders.factories import make_agreement, make_member, make_product

MARCH, APRIL, MAY = date(2026, 3, 1), date(2026, 4, 1), date(2026, 5, 1)
SPRING = {"starts_on": MARCH, "ends_on": date(2026, 4, 30)}
# Beside an agreement of March and April: what shares a day with it, and what does not.
PERIODS = [
    (MARCH, date(2026, 4, 30), False),
    (date(2026, 1, 1), MARCH, False),
    (date(2026, 4, 30), None, False),
    (date(2026, 1, 1), None, False),
    (APRIL, APRIL, False),
    (MAY, None, True),
    (date(2026, 1, 1), date(2026, 2, 28), True),
]


@pytest.mark.django_db
@pytest.mark.parametrize(("starts_on", "ends_on", "free"), PERIODS)
def test_the_database_and_the_service_agree_on_which_periods_share_a_day(
    member, product, starts_on, ends_on, free
):  # S3.3
    first = make_agreement(member, product, **SPRING)
    facts = {"starts_on": starts_on, "ends_on": ends_on}
    where = {"organisation_id": first.organisation_id, "product_id": first.product_id, "except_id": None}
    assert agreement_overlaps(**where, **facts) != free
    if free:
        make_agreement(member, product, **facts)
    else:
        with pytest.raises(IntegrityError), transaction.atomic():
            make_agreement(member, product, **facts)
    assert DiscountAgreement.objects.count() == 1 + free


@pytest.mark.django_db
def test_other_cses_and_products_do_not_meet_and_an_agreement_may_keep_its_days(member, product):  # S3.3
    first = make_agreement(member, product, **SPRING)
    make_agreement(make_member(), product, **SPRING)
    make_agreement(member, make_product(), **SPRING)
    first.rate_bp = 700
    first.save()
    later = make_agreement(member, product, starts_on=MAY)
    with pytest.raises(IntegrityError), transaction.atomic():
        DiscountAgreement.objects.filter(pk=later.pk).update(starts_on=APRIL)
    with pytest.raises(IntegrityError), transaction.atomic():
        DiscountAgreement.objects.filter(pk=first.pk).update(ends_on=None)
    later.refresh_from_db()
    assert later.starts_on == MAY


@pytest.mark.django_db
def test_a_rule_that_is_missing_is_named_at_start_up_and_comes_back_with_migrate(member, product):
    assert agreements_are_guarded() == []
    name = next(iter(rules._statements(connection)))
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute(f"ALTER TABLE {rules.TABLE} DROP CONSTRAINT {name}")
        else:
            cursor.execute(f"DROP TRIGGER {name}")
    [problem] = agreements_are_guarded()
    assert problem.id == "orders.E001"
    assert name in problem.msg
    call_command("migrate", verbosity=0)
    assert agreements_are_guarded() == []


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_of_eight_agreements_written_at_once_without_the_service_one_stays():
    member, product = make_member(), make_product()

    def write(_: int) -> bool:
        try:
            make_agreement(member, product, **SPRING)
        except DatabaseError:  # refused, or a deadlock of two that wait for each other: only one may stay
            return False
        finally:
            connection.close()
        return True

    with ThreadPoolExecutor(8) as threads:
        assert sum(threads.map(write, range(8))) == 1
    assert DiscountAgreement.objects.count() == 1
