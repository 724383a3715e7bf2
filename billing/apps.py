from django.apps import AppConfig
from django.core.checks import register
from django.db.models.signals import post_migrate
from django.utils.translation import gettext_lazy as _


class BillingConfig(AppConfig):
    name = "billing"
    verbose_name = _("Relevés de carte")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from billing.checks import entries_are_guarded
        from billing.receivers import guard_entries

        register(entries_are_guarded)
        post_migrate.connect(guard_entries, sender=self)
