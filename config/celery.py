"""The Celery application. Messages are hints: what must be done is in the outbox's rows."""

import os
import warnings

from celery import Celery
from celery.signals import setup_logging

from config import embedded

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
embedded.register()
# In a container or on a fresh machine root is who there is; messages are JSON and carry no code.
warnings.filterwarnings("ignore", message=r"\s*You're running the worker with superuser privileges")

app = Celery("mirabelle")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


@setup_logging.connect
def _keep_our_logging(**kwargs: object) -> None:
    """Connected, so that Celery leaves logging to Django's settings."""
