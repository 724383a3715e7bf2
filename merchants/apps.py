from django.apps import AppConfig
from django.core.checks import register
from django.db.models.signals import post_migrate, pre_migrate
from django.utils.translation import gettext_lazy as _


class MerchantsConfig(AppConfig):
    name = "merchants"
    verbose_name = _("Commerçants")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from kernel.access import Audience, keep_door, offer_landing
        from kernel.reseal import keep_resealed
        from merchants.checks import sales_are_guarded
        from merchants.doors import terminal_door
        from merchants.portal import merchant_door, merchant_landing
        from merchants.receivers import guard_sales, let_rebuild
        from merchants.services.reseal import SEALED

        keep_resealed(SEALED)
        keep_door(Audience.TERMINAL, terminal_door)
        keep_door(Audience.MERCHANT, merchant_door)
        offer_landing(merchant_landing)
        register(sales_are_guarded)
        pre_migrate.connect(let_rebuild, sender=self)
        post_migrate.connect(guard_sales, sender=self)
