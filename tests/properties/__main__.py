"""`python -m tests.properties [customers] [seed]`: random years of card customers, as many as wanted.

Not part of `make test` but for a few customers: a thousand take most of an hour. In a database of its own.
"""

import os
import sys
import time

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
os.environ.setdefault("MIRABELLE_MODE", "test")


def main(customers: int, seed: int) -> int:
    import django

    django.setup()
    from django.db import connection

    from tests.properties.card_year import BEGINS, ENDS, live_a_year

    name = connection.creation.create_test_db(verbosity=0, autoclobber=True)
    print(f"{customers} customers from {BEGINS} to {ENDS}, seed {seed}, {connection.vendor}", flush=True)
    try:
        started = time.monotonic()
        made = live_a_year(customers, seed)
        seconds = time.monotonic() - started
        print(f"{made} statements agree with the oracle, every account balances to zero; {seconds:.0f} s")
    finally:
        connection.creation.destroy_test_db(name, verbosity=0)
    return 0


if __name__ == "__main__":
    told = [int(word) for word in sys.argv[1:]]
    sys.exit(main(*(told + [1_000, 1][len(told) :])))
