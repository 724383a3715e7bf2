"""People and their works councils."""

from django.contrib.auth.models import AbstractUser
from django.db import models
from django.utils.translation import gettext_lazy as _


class User(AbstractUser):
    """A person, known by e-mail."""

    username = None  # type: ignore[assignment]
    email = models.EmailField(_("adresse e-mail"), unique=True)
    language = models.CharField(_("langue"), max_length=5, default="fr")

    USERNAME_FIELD = "email"
    REQUIRED_FIELDS: list[str] = []


class Organisation(models.Model):
    """A works council (CSE)."""

    name = models.CharField(_("nom"), max_length=120, unique=True)
    slug = models.SlugField(unique=True)
