from django.apps import AppConfig
from django.core.checks import register
from django.db.models.signals import post_migrate
from django.utils.translation import gettext_lazy as _


class OrdersConfig(AppConfig):
    name = "orders"
    verbose_name = _("Boutique")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from orders.checks import agreements_are_guarded
        from orders.receivers import guard_agreements

        register(agreements_are_guarded)
        post_migrate.connect(guard_agreements, sender=self)
