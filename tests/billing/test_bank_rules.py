"""What was told of files, reminders and debits never changes: the database says so."""

from datetime import date

import pytest
from django.db import DatabaseError, connection, transaction

from billing import rules
from billing.models import CollectionFileEvent, ImportLine, Reminder
from billing.selectors.debit import collections_of, mandate_state, reminders_of
from billing.selectors.overdue import overdue_statements
from billing.services.remind import remind
from billing.states import ImportKind
from tests.billing.banking import billed, camt, debited, detail, entry, filed, imported
from tests.billing.factories import noon

pytestmark = pytest.mark.django_db


@pytest.fixture
def told():
    imported(ImportKind.CREDITS, camt(entry(detail(ref="Z"))), at=noon(date(2026, 4, 12)))
    filed(debited())
    remind(statement_id=billed().pk, level=1, at=noon(date(2026, 4, 23)))


@pytest.mark.parametrize("model", [ImportLine, Reminder, CollectionFileEvent])
@pytest.mark.parametrize("statement", ["UPDATE {} SET id = id", "DELETE FROM {}"])
def test_what_was_told_stays_as_it_is(told, model, statement):
    before = model.objects.count()
    assert before
    with pytest.raises(DatabaseError, match="refused"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement.format(model._meta.db_table))
    assert model.objects.count() == before


def test_every_rule_is_there_and_a_missing_one_is_named():
    assert rules.missing(connection) == []
    rules.remove(connection)
    absent = rules.missing(connection)
    for table in (*rules.APPEND_ONLY, *rules.TOLD):
        assert f"{table}_refuses_update" in absent
    assert set(rules.install(connection)) == set(absent)
    assert rules.missing(connection) == []


def test_before_the_tables_of_a_later_migration_exist_nothing_of_them_is_missed(monkeypatch):
    monkeypatch.setattr(rules, "TOLD", (*rules.TOLD, "billing_of_next_year"))
    assert rules.missing(connection) == []


def test_looking_costs_a_fixed_number_of_queries(django_assert_num_queries):
    collection = debited()
    account_id = collection.statement.account_id
    with django_assert_num_queries(2):
        assert mandate_state(account_id).coming is not None
    with django_assert_num_queries(1):
        assert len(collections_of(account_id)) == 1
    with django_assert_num_queries(1):
        assert reminders_of(collection.statement_id) == []
    with django_assert_num_queries(1):
        assert len(overdue_statements(date(2026, 4, 23))) == 1
