"""After a migration or a flush: put the database's rules back, and forget ids that may be others now."""

from typing import Any

from django.db import connections

from ledger import rules
from ledger.services.open import forget_system_accounts


def guard_the_books(*, using: str, **_: Any) -> None:
    forget_system_accounts()
    if rules.tables_exist(connections[using]):
        rules.install(connections[using])
