from django.apps import AppConfig
from django.core.checks import register
from django.db.models.signals import post_migrate
from django.utils.translation import gettext_lazy as _


class LoyaltyConfig(AppConfig):
    name = "loyalty"
    verbose_name = _("Fidélité")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from kernel.reseal import keep_resealed
        from loyalty.checks import versions_are_guarded
        from loyalty.receivers import guard_the_versions
        from loyalty.services.reseal import SEALED

        keep_resealed(SEALED)
        register(versions_are_guarded)
        post_migrate.connect(guard_the_versions, sender=self)
