"""The people at a merchant's terminals."""

from collections.abc import Iterable

from django.db import transaction

from merchants.errors import LastManager, OperatorNameTaken
from merchants.models import Merchant, Operator
from merchants.selectors.team import is_last_manager
from merchants.services.devices import sign_out_everywhere
from merchants.services.password import hash_password


@transaction.atomic
def add_operator(
    *, merchant_id: int, login: str, name: str, password: str, role: str, outlet_ids: Iterable[int] = ()
) -> int:
    """Somebody new, at these outlets or at all; the operator's id.

    Refuses `PasswordWeak`, `OperatorNameTaken`.
    """
    encoded = hash_password(password)
    Merchant.objects.select_for_update(no_key=True).get(pk=merchant_id)
    name_to_sign_in = login.strip().lower()
    if Operator.objects.filter(merchant_id=merchant_id, login=name_to_sign_in).exists():
        raise OperatorNameTaken(name_to_sign_in)
    operator = Operator.objects.create(
        merchant_id=merchant_id, login=name_to_sign_in, name=name.strip(), password=encoded, role=role
    )
    operator.outlets.set(list(outlet_ids))
    return operator.pk


@transaction.atomic
def switch_operator(*, operator_id: int, merchant_id: int, is_active: bool) -> None:
    """Let somebody work at the merchant's terminals, or no longer; who leaves is signed out at once.

    Refuses `LastManager`: one who looks after the terminals stays.
    """
    Merchant.objects.select_for_update(no_key=True).get(pk=merchant_id)
    operator = Operator.objects.get(pk=operator_id, merchant_id=merchant_id)
    if not is_active and is_last_manager(operator_id):
        raise LastManager(operator.login)
    operator.is_active = is_active
    operator.save(update_fields=["is_active"])
    if not is_active:
        sign_out_everywhere(operator_id=operator_id)
