from django.apps import AppConfig


class DocumentsConfig(AppConfig):
    name = "documents"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from documents.services.reseal import SEALED
        from kernel.reseal import keep_resealed

        keep_resealed(SEALED)
