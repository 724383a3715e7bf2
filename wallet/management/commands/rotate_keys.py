"""Seal every secret again with the newest key of SEAL_KEYS. Safe to stop, to repeat, under traffic."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from documents.services.store import reseal as reseal_documents
from wallet.services.reseal import SECRETS, reseal


class Command(BaseCommand):
    help = "Reseal card numbers, stock codes, pending imports and stored documents with the newest key."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--batch", type=int, default=500, help="rows per transaction")

    def handle(self, *args: Any, **options: Any) -> None:
        for name in SECRETS:
            self._run(name, lambda limit, name=name: reseal(name, limit=limit), options["batch"])
        self._run("documents", lambda limit: reseal_documents(limit=limit), options["batch"])

    def _run(self, name: str, step: Any, batch: int) -> None:
        done = 0
        while moved := step(batch):
            done += moved
            self.stdout.write(f"{name}: {done}")
        self.stdout.write(f"{name}: done, {done} resealed")
