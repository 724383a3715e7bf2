from django.apps import AppConfig
from django.core.checks import register
from django.db.models.signals import post_migrate
from django.utils.translation import gettext_lazy as _


class LedgerConfig(AppConfig):
    name = "ledger"
    verbose_name = _("Grand livre")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from ledger.checks import books_are_guarded
        from ledger.receivers import guard_the_books

        register(books_are_guarded)
        post_migrate.connect(guard_the_books, sender=self)
