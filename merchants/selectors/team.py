"""Who works at a merchant's terminals."""

from merchants.models import Operator
from merchants.states import OperatorRole


def team_of(merchant_id: int) -> list[Operator]:
    """Everybody, those who left last. One query."""
    people = Operator.objects.filter(merchant_id=merchant_id)
    return list(people.order_by("-is_active", "name", "pk")[:200])


def operator_of(merchant_id: int, operator_id: int) -> Operator | None:
    """One of the merchant's people. One query."""
    return Operator.objects.filter(pk=operator_id, merchant_id=merchant_id).first()


def is_last_manager(operator_id: int) -> bool:
    """Whether the merchant would be left without anybody who looks after its terminals. Two queries."""
    managers = Operator.objects.filter(role=OperatorRole.MANAGER, is_active=True)
    operator = managers.filter(pk=operator_id).first()
    if operator is None:
        return False
    return not managers.filter(merchant_id=operator.merchant_id).exclude(pk=operator_id).exists()
