"""Seal stored documents with the newest key; run after a key was added in front of SEAL_KEYS."""

from typing import Any

from django.core.management.base import BaseCommand

from documents.services.store import reseal

BATCH = 200


class Command(BaseCommand):
    help = "Seals stored documents again with the newest of SEAL_KEYS. Can be stopped and run again."

    def handle(self, *args: Any, **options: Any) -> None:
        total = 0
        while done := reseal(limit=BATCH):
            total += done
        self.stdout.write(f"documents sealed again: {total}")
