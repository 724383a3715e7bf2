"""A day of merchants and their customers at random, while workers are killed: every amount must add up.

Usage: `python -m tests.faults.day [--operations 100000] [--workers 4] [--kill-every 3]`. Needs a server at
DATABASE_URL (default: postgres@127.0.0.1:5432), where it makes and drops a database of its own.

Each worker writes what it is about to do into a journal of its own, then does it, then writes the outcome.
What a killed worker left open is asked for once more under its key, as a terminal does after a weak network.
Then the day is settled by workers that are killed too. The journals alone must explain every card's balance
and every merchant's turnover; nothing may stay owed, and the audit of the ledger must find nothing.
"""

import argparse
import json
import multiprocessing
import os
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

from bench.ledger import own_database, start_django
from tests.faults.till import do

MERCHANTS, TILLS, CARDS = 6, 3, 240
OPENING_MINOR = 500_00
SETTLERS = 3
KINDS = {"sell": 58, "again": 6, "points": 6, "undo": 10, "load": 10, "guess": 3, "freeze": 4, "replace": 3}


@dataclass(frozen=True)
class World:
    """What a worker needs to know: (terminal, operator, device, merchant), (card, holder, member)."""

    tills: list[tuple[int, int, int, int]]
    cards: list[tuple[str, int, int]]


def build() -> World:
    """Merchants that are settled daily in a programme of their own, customers with a loaded card each."""
    from django.core.management import call_command

    from tests.merchants.factories import join, make_card, make_merchant, make_programme, make_till
    from tests.wallet.factories import make_user

    call_command("migrate", verbosity=0)
    programme = make_programme()
    tills, cards = [], []
    for _ in range(MERCHANTS):
        merchant = make_merchant(programme=programme, settlement_period="daily")
        for _ in range(TILLS):
            till = make_till(merchant)
            tills.append((till.terminal.pk, till.operator.pk, till.device.pk, merchant.pk))
    for _ in range(CARDS):
        user = make_user()
        # Without a name nobody looks like anybody else.
        member = join(programme, user=user, first_name="", last_name="")
        card = make_card(OPENING_MINOR, user)
        cards.append((str(card.pk), user.pk, member.pk))
    return World(tills, cards)


class Journal:
    """One line before each thing and one after it, written through: a kill loses neither."""

    def __init__(self, path: Path) -> None:
        self.file = path.open("ab", buffering=0)

    def begin(self, **facts: Any) -> None:
        self._write(facts)

    def end(self, key: UUID, outcome: str) -> None:
        self._write({"key": str(key), "outcome": outcome})

    def _write(self, facts: dict[str, Any]) -> None:
        self.file.write(json.dumps(facts).encode() + b"\n")


def work(url: str, world: World, path: Path, seed: int, count: int, done: Any) -> None:
    """One worker: random operations until the day's number is reached or it is killed."""
    start_django(url)
    chance, journal = random.Random(seed), Journal(path)
    sold: list[dict[str, Any]] = []
    while done.value < count:
        [kind] = chance.choices(list(KINDS), KINDS.values())
        facts = _plan(kind, chance, world, sold)
        journal.begin(**facts)
        journal.end(UUID(facts["key"]), do(facts))
        if kind in ("sell", "points"):
            sold = [*sold[-20:], facts]
        with done.get_lock():
            done.value += 1


def _plan(kind: str, chance: random.Random, world: World, sold: list[dict[str, Any]]) -> dict[str, Any]:
    if kind == "again" and sold:
        return chance.choice(sold)  # the very same tap, posted once more
    terminal, operator, device, merchant = chance.choice(world.tills)
    card, holder, member = chance.choice(world.cards)
    facts: dict[str, Any] = {"kind": "sell" if kind == "again" else kind, "key": str(uuid4())}
    facts |= {"terminal": terminal, "operator": operator, "device": device, "merchant": merchant}
    facts |= {"card": card, "holder": holder, "member": member}
    facts["amount"] = chance.randrange(30_00, 120_00) if kind == "load" else chance.randrange(1_00, 45_00)
    facts["points"] = chance.randrange(10, facts["amount"] // 5) if kind == "points" else 0
    return facts


def settle(url: str, path: Path) -> None:
    """Settle every merchant's day as of tomorrow, until killed or done."""
    start_django(url)
    from django.utils import timezone

    from merchants.models import Merchant
    from merchants.services.settle import settle_due

    merchants = list(Merchant.objects.values_list("pk", flat=True))
    random.shuffle(merchants)
    for pk in merchants:
        settle_due(merchant_id=pk, at=timezone.now() + timedelta(days=1))
    path.touch()


def run_killed(
    jobs: list[Any], spawn: Any, *, kill_every: float, finished: Any, most_kills: int = 10**9
) -> int:
    """Keep as many processes running as there are jobs, killing one now and then; how many were killed."""
    running, killed, next_kill = [spawn(job) for job in jobs], 0, time.monotonic() + kill_every
    while not finished():
        time.sleep(0.05)
        if time.monotonic() > next_kill and killed < most_kills:
            victim = random.choice(running)
            if victim.is_alive():
                os.kill(victim.pid, signal.SIGKILL)
                killed += 1
            next_kill = time.monotonic() + kill_every
        for n, process in enumerate(running):
            if not process.is_alive() and not finished():
                process.join()
                running[n] = spawn(jobs[n])
    for process in running:
        process.join()
    return killed


@dataclass
class Told:
    """What the journals tell: each key once, its facts and its last outcome (none: a kill cut it off)."""

    facts: dict[str, dict[str, Any]]
    outcomes: dict[str, str]

    @property
    def open_keys(self) -> list[str]:
        return [key for key in self.facts if not self.outcomes.get(key)]


def read_journals(folder: Path) -> Told:
    told = Told({}, {})
    for path in sorted(folder.glob("*.journal")):
        for line in path.read_bytes().splitlines():
            entry = json.loads(line)
            key = entry["key"]
            if "kind" in entry:
                told.facts[key] = entry
            elif told.outcomes.get(key) != "done":  # posted again: a "done" is never taken back
                told.outcomes[key] = entry["outcome"]
    return told


def expected(told: Told) -> tuple[Counter[str], Counter[int]]:
    """Each card's balance and each merchant's turnover, by the journals alone."""
    from merchants.models import Reversal

    balances: Counter[str] = Counter()
    turnover: Counter[int] = Counter()
    for key, facts in told.facts.items():
        if told.outcomes[key] != "done":
            continue
        paid = facts["amount"] - facts["points"]
        if facts["kind"] == "load":
            balances[facts["card"]] += facts["amount"]
        elif facts["kind"] in ("sell", "points"):
            balances[facts["card"]] -= paid
            turnover[facts["merchant"]] += paid
        elif facts["kind"] == "undo":  # which sale was the last is known only where it was done
            sale = told.facts[str(Reversal.objects.get(pk=key).sale_id)]
            back = sale["amount"] - sale["points"]
            balances[sale["card"]] += back
            turnover[sale["merchant"]] -= back
    return balances, turnover


def faults(world: World, told: Told) -> Iterator[str]:
    """Whatever is not as the journals tell it."""
    from django.utils import timezone

    from ledger.selectors import system_nets
    from ledger.services.audit import audit

    now = timezone.now() + timedelta(days=1)
    balances, turnover = expected(told)
    yield from card_faults(world, balances, now)
    yield from sale_faults(told)
    yield from statement_faults(world, turnover)
    yield from (f"{code} is owed {net}" for (code, _), net in system_nets("merchant:").items() if net)
    yield from (str(finding) for finding in audit(at=now).findings)


def card_faults(world: World, balances: Counter[str], now: datetime) -> Iterator[str]:
    from ledger.selectors import balance
    from wallet.models import Card

    accounts = dict(Card.objects.filter(kind="prepaid").values_list("pk", "account_id"))
    for card, _, _ in world.cards:
        there, due = balance(accounts[UUID(card)], at=now).available, OPENING_MINOR + balances[card]
        if there != due:
            yield f"card {card}: {there}, expected {due}"


def sale_faults(told: Told) -> Iterator[str]:
    """As many sales and reversals as the journals tell, each in one statement."""
    from merchants.models import Reversal, Sale, SettledReversal, SettledSale

    done = Counter(told.facts[key]["kind"] for key, outcome in told.outcomes.items() if outcome == "done")
    for model, settled, number in (
        (Sale, SettledSale, done["sell"] + done["points"]),
        (Reversal, SettledReversal, done["undo"]),
    ):
        there = (model.objects.count(), settled.objects.count())
        if there != (number, number):
            yield f"{model.__name__}: made and settled {there}, expected {number}"


def statement_faults(world: World, turnover: Counter[int]) -> Iterator[str]:
    from django.db.models import Sum

    from merchants.models import Statement

    for merchant in {merchant for *_, merchant in world.tills}:
        sums = Statement.objects.filter(merchant=merchant).aggregate(
            sold=Sum("sales_minor"), back=Sum("reversals_minor")
        )
        settled = (sums["sold"] or 0) - (sums["back"] or 0)
        if settled != turnover[merchant]:
            yield f"merchant {merchant}: settled {settled}, expected {turnover[merchant]}"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--operations", type=int, default=100_000)
    parser.add_argument("--workers", type=int, default=4)
    parser.add_argument("--kill-every", type=float, default=3.0)
    parser.add_argument("--seed", type=int, default=random.randrange(10**6))
    options = parser.parse_args()
    with own_database() as url, tempfile.TemporaryDirectory() as folder:
        start_django(url)
        return day(url, Path(folder), options)


def day(url: str, folder: Path, options: argparse.Namespace) -> int:
    from django.db import connection

    world = build()
    connection.close()
    context = multiprocessing.get_context("spawn")
    done, seeds = context.Value("q", 0), iter(range(options.seed, options.seed + 10**6))

    def worker(number: int) -> Any:
        path, seed = folder / f"{number}.journal", next(seeds)
        process = context.Process(target=work, args=(url, world, path, seed, options.operations, done))
        process.start()
        return process

    began = time.monotonic()
    killed = run_killed(
        list(range(options.workers)),
        worker,
        kill_every=options.kill_every,
        finished=lambda: done.value >= options.operations,
    )
    seconds = time.monotonic() - began
    told = read_journals(folder)
    asked_again = told.open_keys
    for key in asked_again:
        told.outcomes[key] = do(told.facts[key])
    connection.close()

    def settler(number: int) -> Any:
        process = context.Process(target=settle, args=(url, folder / f"{number}.settled"))
        process.start()
        return process

    killed_settlers = run_killed(
        list(range(SETTLERS)),
        settler,
        kill_every=1.5,
        most_kills=5,
        finished=lambda: len(list(folder.glob("*.settled"))) == SETTLERS,
    )
    found = list(faults(world, told))
    tell(told, seconds, killed, killed_settlers, len(asked_again), found, seed=options.seed)
    return 1 if found else 0


def tell(
    told: Told, seconds: float, killed: int, killed_settlers: int, asked: int, found: list[str], *, seed: int
) -> None:
    counts = Counter((told.facts[key]["kind"], outcome) for key, outcome in told.outcomes.items())
    print(f"{len(told.outcomes):,} keys in {seconds:.0f} s, seed {seed}")
    print(f"workers killed {killed}, settlers killed {killed_settlers}, outcomes asked for again {asked}")
    for (kind, outcome), count in sorted(counts.items()):
        print(f"  {kind:8} {outcome:22} {count:7}")
    print("\n".join(found[:20]))
    print("PASS  every amount is where the journals tell it" if not found else f"FAIL  {len(found)} faults")


if __name__ == "__main__":
    sys.exit(main())
