"""Who works at a merchant's terminals."""

from merchants.models import Operator


def team_of(merchant_id: int) -> list[Operator]:
    """Everybody, those who left last. One query."""
    people = Operator.objects.filter(merchant_id=merchant_id)
    return list(people.order_by("-is_active", "name", "pk")[:200])


def operator_of(merchant_id: int, operator_id: int) -> Operator | None:
    """One of the merchant's people. One query."""
    return Operator.objects.filter(pk=operator_id, merchant_id=merchant_id).first()
