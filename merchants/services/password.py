"""Operators' passwords: Argon2, and tries that are counted before anything is compared."""

from datetime import datetime, timedelta
from typing import TypeVar

from django.contrib.auth.hashers import check_password, make_password
from django.contrib.auth.password_validation import CommonPasswordValidator, MinimumLengthValidator
from django.core.exceptions import ValidationError
from django.db import models, transaction
from django.db.models import Case, F, Q, Value, When

from merchants.errors import PasswordWeak, PasswordWrong, TooManyTries
from merchants.models import Device, Operator
from merchants.services.devices import sign_out_everywhere
from merchants.states import LEAST_PASSWORD, PASSWORD_TRIES

PAUSE = timedelta(minutes=15)
NOBODY = "x" * 20  # compared with nothing: it only takes as long as a real password
Counter = TypeVar("Counter", Device, Operator)


def confirm_password(*, operator_id: int, device_id: int, password: str, at: datetime) -> None:
    """Say whether this is the password of the operator at a remembered device (S0.3).

    The try is counted on the device and committed before the comparison; a right one ends the row of wrong
    ones. After five in a row the device waits a quarter of an hour. Refuses `PasswordWrong`, `TooManyTries`.
    """
    device = count_try(Device, device_id, at=at)
    operator = Operator.objects.filter(pk=operator_id, is_active=True).first()
    if not is_password(operator, password):
        raise PasswordWrong(PASSWORD_TRIES - device.wrong_tries)
    forget_tries(device)


def is_password(operator: Operator | None, password: str) -> bool:
    """Compare, in the same time whether or not there is such an operator."""
    encoded = operator.password if operator else ""
    if not encoded:
        make_password(NOBODY)
        return False
    return check_password(password, encoded)


def count_try(model: type[Counter], pk: int, *, at: datetime) -> Counter:
    """Count one more try in a transaction of its own, and return the row. Refuses `TooManyTries`, uncounted.

    One statement decides, so that of many at once no more than five are looked at.
    """
    rests = Q(blocked_until__isnull=False, blocked_until__lte=at)
    with transaction.atomic(durable=True):
        may_try = model._default_manager.filter(Q(wrong_tries__lt=PASSWORD_TRIES) | rests, pk=pk)
        counted = may_try.update(
            blocked_until=Case(
                When(rests, then=Value(None)),
                When(wrong_tries__gte=PASSWORD_TRIES - 1, then=Value(at + PAUSE)),
                default=F("blocked_until"),
                output_field=models.DateTimeField(),
            ),
            wrong_tries=Case(When(rests, then=Value(1)), default=F("wrong_tries") + 1),
        )
        row = model._default_manager.get(pk=pk)
    if not counted:
        raise TooManyTries(row.blocked_until or at + PAUSE)
    return row


def forget_tries(row: Device | Operator) -> None:
    type(row)._default_manager.filter(pk=row.pk).update(wrong_tries=0, blocked_until=None)


def hash_password(password: str) -> str:
    """The password as it is kept. Refuses `PasswordWeak`."""
    try:
        MinimumLengthValidator(LEAST_PASSWORD).validate(password)
        CommonPasswordValidator().validate(password)
    except ValidationError as problem:
        raise PasswordWeak from problem
    return make_password(password)


@transaction.atomic
def set_password(*, operator_id: int, password: str) -> None:
    """Give an operator a new password; who was signed in with the old one no longer is.

    Refuses `PasswordWeak`.
    """
    encoded = hash_password(password)
    Operator.objects.filter(pk=operator_id).update(password=encoded, wrong_tries=0, blocked_until=None)
    sign_out_everywhere(operator_id=operator_id)
