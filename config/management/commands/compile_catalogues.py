"""`manage.py compile_catalogues`: what `compilemessages` does, without gettext's own tools."""

from typing import Any

from django.core.management.base import BaseCommand

from config.prepare import compile_messages


class Command(BaseCommand):
    help = "Compile the translations that changed."
    requires_system_checks: list[str] = []

    def handle(self, *args: Any, **options: Any) -> None:
        compile_messages(lambda text: self.stdout.write(text))
