from django.apps import AppConfig
from django.core.checks import register
from django.db.models.signals import post_migrate
from django.utils.translation import gettext_lazy as _


class OrdersConfig(AppConfig):
    name = "orders"
    verbose_name = _("Boutique")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from kernel.reseal import keep_resealed
        from orders.checks import agreements_are_guarded
        from orders.receivers import guard_agreements
        from orders.services.reseal import SEALED

        keep_resealed(SEALED)
        register(agreements_are_guarded)
        post_migrate.connect(guard_agreements, sender=self)
