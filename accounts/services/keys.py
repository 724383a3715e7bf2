"""Identification keys: made in batches, counted exactly, revoked (S3.1)."""

import secrets
from dataclasses import dataclass
from datetime import date, datetime

from django.db import transaction
from django.db.models import F

from accounts.errors import KeyExpired, KeyRevoked, KeyUnknown, KeyUsedUp
from accounts.models import IdentificationKey
from kernel.calendar import local_date

# No 0/O, 1/I/L, 2/Z, 5/S, 8/B: a key is read aloud and typed on a phone.
ALPHABET = "ACDEFGHJKMNPQRTUVWXY34679"
RANDOM_LENGTH = 8
LARGEST_BATCH = 5000


@dataclass(frozen=True)
class KeyBatch:
    """What a batch of new keys shares. `expires_on` is the last day that works; None is for ever."""

    organisation_id: int
    count: int
    prefix: str = ""
    site_id: int | None = None
    use_limit: int | None = 1
    expires_on: date | None = None
    auto_approve: bool = False
    name: str = ""


def normalise(code: str) -> str:
    """A key as stored: upper case, no spaces, any dash a plain one."""
    joined = "".join(code.split()).upper()
    return joined.translate({0x2010: "-", 0x2011: "-", 0x2013: "-", 0x2014: "-"})


def check_usable(key: IdentificationKey | None, *, at: datetime) -> IdentificationKey:
    """The key itself, or the refusal: `KeyUnknown`, `KeyRevoked`, `KeyExpired`, `KeyUsedUp`."""
    if key is None or not key.organisation.is_active:
        raise KeyUnknown
    if key.revoked_at is not None:
        raise KeyRevoked
    if key.expires_on is not None and local_date(at) > key.expires_on:
        raise KeyExpired
    if key.use_limit is not None and key.uses >= key.use_limit:
        raise KeyUsedUp
    return key


def find_usable(*, code: str, at: datetime) -> IdentificationKey:
    """Look a key up without using it. Refusals of `check_usable`."""
    key = IdentificationKey.objects.select_related("organisation", "site").filter(code=normalise(code))
    return check_usable(key.first(), at=at)


def use_key(*, code: str, at: datetime) -> IdentificationKey:
    """Count one use, under lock, never more than the limit. Call it inside the caller's transaction."""
    locked = (
        IdentificationKey.objects.select_for_update(of=("self",))
        .select_related("organisation")
        .filter(code=normalise(code))
        .first()
    )
    key = check_usable(locked, at=at)
    IdentificationKey.objects.filter(pk=key.pk).update(uses=F("uses") + 1)
    key.uses += 1
    return key


def generate_keys(*, batch: KeyBatch, actor_id: int, at: datetime) -> list[IdentificationKey]:
    """Make `count` new keys (1 to 5 000), all different from every key there is."""
    if not 1 <= batch.count <= LARGEST_BATCH:
        raise ValueError(f"a batch holds 1 to {LARGEST_BATCH} keys")
    name = batch.name or f"{at:%Y%m%d-%H%M%S}"
    with transaction.atomic():
        return IdentificationKey.objects.bulk_create(
            IdentificationKey(
                organisation_id=batch.organisation_id,
                site_id=batch.site_id,
                code=code,
                use_limit=batch.use_limit,
                expires_on=batch.expires_on,
                auto_approve=batch.auto_approve,
                batch=name,
                created_by_id=actor_id,
            )
            for code in _new_codes(normalise(batch.prefix), batch.count)
        )


def _new_codes(prefix: str, count: int) -> list[str]:
    codes: set[str] = set()
    while len(codes) < count:
        fresh = {_code(prefix) for _ in range(count - len(codes))}
        taken = IdentificationKey.objects.filter(code__in=fresh).values_list("code", flat=True)
        codes |= fresh - set(taken)
    return sorted(codes)


def _code(prefix: str) -> str:
    tail = "".join(secrets.choice(ALPHABET) for _ in range(RANDOM_LENGTH))
    return "-".join(part for part in (prefix, tail[:4], tail[4:]) if part)


def revoke_keys(*, key_ids: list[int], organisation_id: int, at: datetime) -> int:
    """Withdraw keys of one CSE; members who came with them stay. Returns how many were still live."""
    live = IdentificationKey.objects.filter(
        pk__in=key_ids, organisation_id=organisation_id, revoked_at__isnull=True
    )
    return live.update(revoked_at=at)
