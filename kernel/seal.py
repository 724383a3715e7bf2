"""Secrets at rest: AES-256-GCM with a key id, bound to the row that holds them, and keyed blind indexes.

A token reads `<key id>.<base64url of nonce and ciphertext>`. The key id and the binding are authenticated
with it: a token that is copied to another row, or relabelled, does not open.
"""

import base64
import binascii
import hashlib
import hmac
import os
from functools import lru_cache
from itertools import pairwise

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from kernel.errors import DomainError

KEY_BYTES = 32
NONCE_BYTES = 12


class SealBroken(DomainError):
    """The token was altered, was sealed for another row, or is no token at all."""


class SealKeyUnknown(DomainError):
    """The key that sealed the token is no longer among SEAL_KEYS."""


def seal(plaintext: str | bytes, *, bound_to: str) -> str:
    """`plaintext` sealed with the newest key; it opens only for `bound_to`, the row it belongs to."""
    key_id = newest_key_id()
    data = plaintext.encode() if isinstance(plaintext, str) else plaintext
    nonce = os.urandom(NONCE_BYTES)
    sealed = _ciphers()[key_id].encrypt(nonce, data, _associated(key_id, bound_to))
    return f"{key_id}.{base64.urlsafe_b64encode(nonce + sealed).decode()}"


def unseal(token: str, *, bound_to: str) -> bytes:
    """What `seal` was given. Refuses `SealKeyUnknown`, and `SealBroken` for any other token or row."""
    key_id, _, body = token.partition(".")
    cipher = _ciphers().get(key_id)
    if cipher is None:
        raise SealKeyUnknown(key_id[:40])
    try:
        raw = base64.b64decode(body, altchars=b"-_", validate=True)
        return cipher.decrypt(raw[:NONCE_BYTES], raw[NONCE_BYTES:], _associated(key_id, bound_to))
    except (InvalidTag, ValueError, binascii.Error):
        raise SealBroken(bound_to) from None


def unseal_text(token: str, *, bound_to: str) -> str:
    """`unseal` for what was text."""
    return unseal(token, bound_to=bound_to).decode()


def needs_reseal(token: str) -> bool:
    """Whether an older key than the newest sealed `token`."""
    return token.partition(".")[0] != newest_key_id()


def newest_key_id() -> str:
    """The id of the key that `seal` uses now."""
    return next(iter(_ciphers()))


def blind_index(value: str, *, purpose: str) -> str:
    """A keyed fingerprint (HMAC-SHA256, hex) to look `value` up by equality; `purpose` separates columns."""
    message = f"{purpose}\0{value}".encode()
    return hmac.new(_index_key(settings.INDEX_KEY), message, hashlib.sha256).hexdigest()


def _associated(key_id: str, bound_to: str) -> bytes:
    return f"{key_id}\0{bound_to}".encode()


def _ciphers() -> dict[str, AESGCM]:
    """Ciphers by key id, newest first; parsed anew only when the setting changes."""
    return _parse_keys(tuple(settings.SEAL_KEYS))


@lru_cache(maxsize=8)
def _parse_keys(pairs: tuple[str, ...]) -> dict[str, AESGCM]:
    if not pairs:
        raise ImproperlyConfigured("SEAL_KEYS is empty")
    ids = [pair.partition(":")[0] for pair in pairs]
    if any(not key_id or "." in key_id for key_id in ids):
        raise ImproperlyConfigured("SEAL_KEYS: ids are not empty and have no dot")
    if any(left == right for left, right in pairwise(sorted(ids))):
        raise ImproperlyConfigured("SEAL_KEYS: an id is there twice")
    return {key_id: AESGCM(_decode_key(pair, "SEAL_KEYS")) for key_id, pair in zip(ids, pairs, strict=True)}


@lru_cache(maxsize=8)
def _index_key(encoded: str) -> bytes:
    return _decode_key(f":{encoded}", "INDEX_KEY")


def _decode_key(pair: str, setting: str) -> bytes:
    try:
        key = base64.b64decode(pair.partition(":")[2], validate=True)
    except binascii.Error:
        key = b""
    if len(key) != KEY_BYTES:
        raise ImproperlyConfigured(f"{setting}: a key is 32 bytes in base64")
    return key
