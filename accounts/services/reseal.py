"""What accounts keep sealed, for `rotate_keys`: second factors, which allauth keeps in its own table as JSON.

The secret of an application; the seed of recovery codes, or the codes themselves where allauth took them
over from an older form. Passkeys hold nothing secret.
"""

from typing import Any

from allauth.mfa.models import Authenticator
from allauth.mfa.utils import decrypt, encrypt
from django.db.models import Q, QuerySet

from kernel.reseal import Sealed
from kernel.seal import newest_key_id

KEYS = ("secret", "seed")
CODES = "migrated_codes"


def _stale() -> QuerySet[Any]:
    newest, stale = f"{newest_key_id()}.", Q()
    for key in (*KEYS, f"{CODES}__0"):
        stale |= Q(**{f"data__{key}__isnull": False}) & ~Q(**{f"data__{key}__startswith": newest})
    rows: QuerySet[Any] = Authenticator.objects.filter(stale)
    return rows


def _renew(row: Authenticator) -> None:
    renewed = {key: encrypt(decrypt(row.data[key])) for key in KEYS if key in row.data}
    if CODES in row.data:
        renewed[CODES] = [encrypt(decrypt(code)) for code in row.data[CODES]]
    row.data = {**row.data, **renewed}


SEALED = (Sealed("second factors", Authenticator, ("data",), _stale, _renew),)
