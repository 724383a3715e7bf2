"""Value between system accounts: what is owed is paid on (S0.4)."""

from uuid import uuid4

import pytest
from django.utils import timezone

from ledger.errors import InvalidAmount, KeyReused
from ledger.models import Transfer
from ledger.selectors import system_net, system_nets
from ledger.services.audit import audit
from ledger.services.pass_on import pass_on

pytestmark = pytest.mark.django_db


def facts(**changes):
    return {
        "key": uuid4(),
        "source": "merchant:1",
        "sink": "bank",
        "unit": "CHF",
        "amount": 1_250,
        "kind": "settlement",
        "at": timezone.now(),
    } | changes


def test_value_goes_from_one_system_account_to_another():
    made = pass_on(**facts())
    assert made.amount == 1_250
    assert (system_net("merchant:1", "CHF"), system_net("bank", "CHF")) == (-1_250, 1_250)
    assert audit(at=timezone.now()).ok


def test_the_same_request_again_gives_the_first_result():
    asked = facts()
    assert pass_on(**asked) == pass_on(**asked)
    assert Transfer.objects.count() == 1


def test_another_request_under_a_used_key_is_refused():
    asked = facts()
    pass_on(**asked)
    with pytest.raises(KeyReused):
        pass_on(**asked | {"amount": 1_251})
    assert system_net("bank", "CHF") == 1_250


@pytest.mark.parametrize("amount", [0, -1, 1.5, 10**15 + 1])
def test_amounts_are_whole_and_positive(amount):
    with pytest.raises(InvalidAmount):
        pass_on(**facts(amount=amount))
    assert not Transfer.objects.exists()


def test_an_account_does_not_pay_itself():
    with pytest.raises(ValueError, match="two accounts"):
        pass_on(**facts(sink="merchant:1"))


def test_system_nets_tell_each_account_and_unit():
    pass_on(**facts())
    pass_on(**facts(source="merchant:2", amount=300))
    pass_on(**facts(source="bank", sink="merchant:2", unit="EUR", amount=70))
    assert system_nets("merchant:") == {
        ("merchant:1", "CHF"): -1_250,
        ("merchant:2", "CHF"): -300,
        ("merchant:2", "EUR"): 70,
    }
