"""What a handler may raise to say more than "it failed"."""

from datetime import timedelta

from kernel.errors import DomainError


class Retry(DomainError):
    """Nothing is wrong; look again `after`. Not counted as a failure, so it may go on for ever."""

    def __init__(self, after: timedelta) -> None:
        super().__init__(f"again in {after}")
        self.after = after


class Park(DomainError):
    """Trying again cannot help: park the job now, for a person to look at."""


class UnknownKind(DomainError):
    """No room handles this kind of job; a newer release may have written it."""
