from pathlib import Path

from django.apps import AppConfig
from django.db.models.signals import post_migrate
from django.utils.translation import gettext_lazy as _


class WalletConfig(AppConfig):
    name = "wallet"
    verbose_name = _("Portefeuille")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from kernel.functions import keeper
        from kernel.reseal import keep_resealed
        from wallet.services.reseal import SEALED

        keep_resealed(SEALED)
        self.keep_functions = keeper(Path(__file__).resolve().parent / "sql")
        post_migrate.connect(self.keep_functions, sender=self)
