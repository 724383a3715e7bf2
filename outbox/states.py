"""The states of a job and of a mail."""

from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _


class JobState(TextChoices):
    """A job that is being run stays WAITING, under a lease: a dead worker leaves nothing to repair."""

    WAITING = "waiting", _("en attente")
    DONE = "done", _("fait")
    PARKED = "parked", _("en panne")
    CANCELLED = "cancelled", _("annulé")
