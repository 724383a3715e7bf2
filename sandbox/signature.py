"""How the sandbox bank signs: HMAC-SHA256 over the time, a dot and the raw bytes."""

import hmac
from datetime import datetime

HEADER = "Mirages-Signature"
TOLERANCE_SECONDS = 300


def sign(body: bytes, *, secret: str, at: datetime) -> str:
    """The header's value: `t=1700000000,v1=<hex>`."""
    stamp = str(int(at.timestamp()))
    return f"t={stamp},v1={_digest(stamp, body, secret)}"


def fits(header: str, body: bytes, *, secret: str, at: datetime) -> bool:
    """Whether a header signs these bytes and is at most five minutes old."""
    parts = dict(part.split("=", 1) for part in header.split(",") if "=" in part)
    stamp = parts.get("t", "")
    if not (stamp.isascii() and stamp.isdigit() and len(stamp) < 13):
        return False
    fresh = abs(at.timestamp() - int(stamp)) <= TOLERANCE_SECONDS
    right = hmac.compare_digest(_digest(stamp, body, secret).encode(), parts.get("v1", "").encode())
    return fresh and right


def _digest(stamp: str, body: bytes, secret: str) -> str:
    return hmac.new(secret.encode(), f"{stamp}.".encode() + body, "sha256").hexdigest()
