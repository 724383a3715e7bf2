"""What loyalty refuses. A refusal has written nothing, unless it says so."""

from dataclasses import dataclass

from django.utils.functional import Promise

from kernel.errors import DomainError


@dataclass(frozen=True, slots=True)
class RuleProblem:
    """One fault of a programme's rules: the part that is wrong, and a sentence for the reader."""

    part: str
    message: "str | Promise"


class RulesInvalid(DomainError):
    """The rules of a version contradict themselves; `problems` names each part, brackets by their figures."""

    def __init__(self, problems: "tuple[RuleProblem, ...]") -> None:
        super().__init__("; ".join(f"{p.part}: {p.message}" for p in problems))
        self.problems = problems


class VersionPublished(DomainError):
    """A published version never changes; make a new draft."""


class ProgrammeClosed(DomainError):
    """The programme is not active, or has no published version yet."""


# Enrolment


class TooYoung(DomainError):
    """Members are adults: 18 or more (S4.5)."""


class PhoneInvalid(DomainError):
    """This is no complete telephone number."""


class ConsentMissing(DomainError):
    """The terms of the programme must be accepted."""


class TooManyCodes(DomainError):
    """This phone was sent enough codes for now; `wait_seconds` until the next."""

    def __init__(self, wait_seconds: int) -> None:
        super().__init__(f"wait {wait_seconds} s")
        self.wait_seconds = wait_seconds


class CodeWrong(DomainError):
    """Not the code that was sent. The try has been counted; `tries_left`."""

    def __init__(self, tries_left: int) -> None:
        super().__init__(f"tries left: {tries_left}")
        self.tries_left = tries_left


class CodeSpent(DomainError):
    """The code was used, has run out of time or of tries, or never was. Ask for a new one."""


class AlreadyEnrolled(DomainError):
    """One registration per person and programme: this phone or this account has one (S4.5)."""


# Members


class MemberUnknown(DomainError):
    """Nobody in this programme answers to that."""


class MemberVoided(DomainError):
    """The membership and its points were voided as a duplicate (S4.5)."""


class MemberSuspected(DomainError):
    """Points are kept aside until an operator has decided about a possible duplicate (S4.5)."""


class ReasonMissing(DomainError):
    """A phone or a birth date is corrected, a duplicate decided, only with a reason (S4.11)."""


class CardTaken(DomainError):
    """The loyalty card belongs to somebody, or was replaced."""


class SuspicionDecided(DomainError):
    """Somebody has already decided this."""


# Points


class InvalidPurchase(DomainError):
    """Amounts are positive, and excluded lines are part of the purchase."""


class KeyReused(DomainError):
    """This key already stands for another request."""


class PurchaseUnknown(DomainError):
    """There is no such purchase."""


class OverRefund(DomainError):
    """More than what is left of the purchase; `left_minor` still is."""

    def __init__(self, left_minor: int) -> None:
        super().__init__(f"left: {left_minor}")
        self.left_minor = left_minor


class CapExceeded(DomainError):
    """At most `cap_minor` of this purchase may be paid in points (S4.4, S4.6)."""

    def __init__(self, cap_minor: int) -> None:
        super().__init__(f"cap: {cap_minor}")
        self.cap_minor = cap_minor


class NotEnoughPoints(DomainError):
    """`available_minor` could be spent here and now."""

    def __init__(self, available_minor: int) -> None:
        super().__init__(f"available: {available_minor}")
        self.available_minor = available_minor


class NotInPart(NotEnoughPoints):
    """Some points go whole into one purchase or not at all; `available_minor` is the nearest sum below
    (S4.3).
    """


class RedemptionUnknown(DomainError):
    """There is no such use of points."""


class RedemptionClosed(DomainError):
    """The points are no longer set aside, or are already given back."""


class PointsFrozen(DomainError):
    """The points account gives nothing out: an operator or the audit froze it."""


class OneTimeCodeRefused(DomainError):
    """The code is unknown, older than 60 seconds, or was used (S4.12)."""


class TooManyTries(DomainError):
    """This outlet has shown enough wrong codes for now; `wait_seconds` until the next (S4.12)."""

    def __init__(self, wait_seconds: int) -> None:
        super().__init__(f"wait {wait_seconds} s")
        self.wait_seconds = wait_seconds


class RewardUnknown(DomainError):
    """The programme has no such reward today."""


class PromotionOver(DomainError):
    """The offer is not running."""
