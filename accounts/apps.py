from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class AccountsConfig(AppConfig):
    name = "accounts"
    verbose_name = _("Personnes")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from accounts.services.reseal import SEALED
        from kernel.reseal import keep_resealed

        keep_resealed(SEALED)
