from django.apps import AppConfig


class MirabelleConfig(AppConfig):
    name = "config"
    label = "mirabelle_config"
