"""Refusals of this room."""

from kernel.errors import DomainError


class KeyRefused(DomainError):
    """The identification key opens nothing (S3.1)."""


class KeyUnknown(KeyRefused):
    """No CSE gave out this key."""


class KeyExpired(KeyRefused):
    """The key's last day is over."""


class KeyRevoked(KeyRefused):
    """The CSE withdrew the key."""


class KeyUsedUp(KeyRefused):
    """The key has served as often as it may."""


class AlreadyMember(DomainError):
    """The person has an open request or membership; one at a time."""


class ReasonMissing(DomainError):
    """A refusal or suspension is explained to the person."""


class NotAssigned(DomainError):
    """A request made with key 0 belongs to no CSE yet; it must be assigned first."""


class AlreadyAssigned(DomainError):
    """The request belongs to a CSE already."""


class DetailFixed(DomainError):
    """Phone and birth date do not change once set (S3.10)."""

    def __init__(self, field: str) -> None:
        super().__init__(field)
        self.field = field
