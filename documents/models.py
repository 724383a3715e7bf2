"""Gapless series of numbers, and documents made once and kept."""

from django.db import models
from django.utils import timezone


class NumberSeries(models.Model):
    """The last number given in one series and year. Written by `documents.services.number` only."""

    series = models.CharField(max_length=20)
    year = models.PositiveSmallIntegerField()
    last = models.PositiveIntegerField(default=0)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["series", "year"], name="one_row_per_series_and_year")]

    def __str__(self) -> str:
        return f"{self.series} {self.year}: {self.last}"


class StoredDocument(models.Model):
    """One finished file. `content` holds the plain bytes, or a seal token when `seal_key` names a key."""

    kind = models.CharField(max_length=40)
    ref = models.CharField(max_length=80)
    filename = models.CharField(max_length=120)
    content = models.BinaryField()
    seal_key = models.CharField(max_length=40, blank=True)
    sha256 = models.CharField(max_length=64)  # of the plain bytes
    size = models.PositiveIntegerField()
    made_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["kind", "ref"], name="one_document_per_kind_and_ref")]
        indexes = [models.Index(fields=["seal_key", "id"], name="documents_by_seal_key")]

    def __str__(self) -> str:
        return f"{self.kind} {self.ref}"
