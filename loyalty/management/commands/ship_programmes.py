"""`manage.py ship_programmes`: the four programmes that come with the product, unless they are there."""

from typing import Any

from django.core.management.base import BaseCommand
from django.utils import timezone

from loyalty.services.ship import ship_programmes


class Command(BaseCommand):
    help = __doc__

    def handle(self, *args: Any, **options: Any) -> None:
        ids = ship_programmes(at=timezone.now())
        self.stdout.write(f"{len(ids)} programmes")
