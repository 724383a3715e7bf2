"""The triggers of ledger, loyalty, billing and merchants refuse what Django's `flush` does between tests:
take them away for the moment.

`flush` ends with `post_migrate`, which puts them back (see `receivers.py` of each).
"""

from collections.abc import Iterator
from typing import Any

import pytest
from django.core.management.commands import flush
from django.db import connections

from billing import rules as entry_rules
from ledger import rules
from loyalty import guards
from merchants import rules as sale_rules


@pytest.fixture(autouse=True, scope="session")
def _let_tests_flush() -> Iterator[None]:
    handle = flush.Command.handle

    def unguarded(self: flush.Command, **options: Any) -> None:
        connection = connections[options["database"]]
        if rules.tables_exist(connection):
            rules.remove(connection)
        if guards.tables_exist(connection):
            guards.remove(connection)
        if sale_rules.tables_exist(connection):
            sale_rules.remove(connection)
        if entry_rules.tables_exist(connection):
            entry_rules.remove(connection)
        handle(self, **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(flush.Command, "handle", unguarded)
        yield
