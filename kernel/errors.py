"""The root of every refusal."""


class DomainError(Exception):
    """A rule said no. Subclasses are named as the fact: `InsufficientBalance`, `KeyExpired`.

    Views turn these into messages; anything else that escapes is a bug and stays a 500.
    """
