"""The Celery application. Messages are hints: what must be done is in the outbox's rows."""

import os

from celery import Celery

from config import embedded

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
embedded.register()

app = Celery("mirabelle")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
