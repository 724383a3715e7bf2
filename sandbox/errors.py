"""Refusals of the sandbox bank."""

from kernel.errors import DomainError


class SessionClosed(DomainError):
    """The payment page is no longer waiting for this step."""


class CardUnknown(DomainError):
    """Not one of the test cards. A real card has no business here."""


class CodeWrong(DomainError):
    """`left` tries remain."""

    def __init__(self, left: int) -> None:
        super().__init__(str(left))
        self.left = left


class CodeExpired(DomainError):
    """The code is too old; another can be asked for."""
