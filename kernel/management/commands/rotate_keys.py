"""Seal every secret again with the newest key of SEAL_KEYS. Safe to stop, to repeat, under traffic."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from kernel.reseal import Sealed, all_sealed


class Command(BaseCommand):
    help = "Reseal whatever any room keeps sealed with the newest of SEAL_KEYS, so that older keys can go."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--batch", type=int, default=500, help="rows per transaction, at most")

    def handle(self, *args: Any, **options: Any) -> None:
        for kind in all_sealed():
            self._run(kind, options["batch"])
        left = {kind.name: count for kind in all_sealed() if (count := kind.left())}
        if left:
            raise CommandError(
                "Keep the older keys and run this again: rows were in use, or a process that was not "
                f"restarted still seals with an older key. Left: {left}"
            )

    def _run(self, kind: Sealed, batch: int) -> None:
        done = 0
        while moved := kind.reseal(limit=batch):
            done += moved
            self.stdout.write(f"{kind.name}: {done}")
        self.stdout.write(f"{kind.name}: done, {done} resealed")
