"""Onboarding by an operator of ours: the merchant's bank, its contracts, its outlets and terminals."""

from datetime import date, datetime

import schwifty
from django.db import transaction
from schwifty.exceptions import SchwiftyException

from documents.services.number import next_number
from kernel.calendar import local_date
from merchants.errors import (
    BicInvalid,
    ContractInUse,
    ContractOverlaps,
    IbanInvalid,
    ProgrammeOfOtherCurrency,
)
from merchants.models import Contract, Merchant, Terminal
from merchants.selectors.contracts import contract_overlaps, kept_by_sales
from merchants.services.activation import new_code
from merchants.services.devices import revoke_device
from merchants.states import TERMINAL_MACHINE, TerminalState

SERIES, ALWAYS = "terminal", 0  # TIDs are one series for ever


def tidy_iban(text: str) -> str:
    """An IBAN as it is kept: capitals without spaces. Refuses `IbanInvalid` for one that no bank has."""
    try:
        return str(schwifty.IBAN(text).compact)
    except SchwiftyException as problem:
        raise IbanInvalid from problem


def bic_for(iban: str, text: str = "") -> str:
    """The BIC that was typed, else the one that the IBAN's bank code is known by, else none.

    Refuses `BicInvalid`, also for a bank in another country than the IBAN's.
    """
    account = schwifty.IBAN(iban)
    if not text.strip():
        return str(account.bic or "")
    try:
        bic = schwifty.BIC(text.strip().upper())
    except SchwiftyException as problem:
        raise BicInvalid from problem
    if bic.country_code != account.country_code:
        raise BicInvalid
    return str(bic.compact)


def keep_merchant(merchant: Merchant) -> Merchant:
    """Store a merchant, new or changed, with its bank checked.

    Refuses `IbanInvalid`, `BicInvalid`, `ProgrammeOfOtherCurrency`.
    """
    merchant.iban = tidy_iban(merchant.iban)
    merchant.bic = bic_for(merchant.iban, merchant.bic)
    if merchant.programme is not None and merchant.programme.currency != merchant.currency:
        raise ProgrammeOfOtherCurrency(merchant.programme.currency)
    merchant.save()
    return merchant


@transaction.atomic
def sign_contract(contract: Contract) -> Contract:
    """Store a new contract. Refuses `ContractOverlaps`, as the database does too."""
    _lock(contract.merchant_id)
    return _keep_contract(contract)


@transaction.atomic
def change_contract(contract: Contract, *, at: datetime) -> Contract:
    """Store a contract that was changed. Refuses `ContractOverlaps` and, once its merchant sold in its days,
    `ContractInUse`, as the database does too: only its end may still move, to no day that is over.
    """
    stored = Contract.objects.values_list("merchant_id", flat=True).get(pk=contract.pk)
    _lock(contract.merchant_id, stored)
    kept = kept_by_sales(contract, today=local_date(at))
    if kept is not None:
        raise ContractInUse(kept.names, kept.earliest)
    return _keep_contract(contract)


def _lock(*merchant_ids: int) -> None:
    """Two people may sign with one merchant at once: its row makes the second look again."""
    list(Merchant.objects.select_for_update().filter(pk__in=merchant_ids).order_by("pk"))


def _keep_contract(contract: Contract) -> Contract:
    if contract_overlaps(
        merchant_id=contract.merchant_id,
        starts_on=contract.starts_on,
        ends_on=contract.ends_on,
        except_id=contract.pk,
    ):
        raise ContractOverlaps
    contract.save()
    return contract


def agree(
    *,
    merchant_id: int,
    starts_on: date,
    commission_bp: int,
    fixed_fee_minor: int = 0,
    ends_on: date | None = None,
) -> Contract:
    """Sign a contract by its figures: commission in basis points, and a fee in minor units a transaction."""
    return sign_contract(
        Contract(
            merchant_id=merchant_id,
            starts_on=starts_on,
            ends_on=ends_on,
            commission_bp=commission_bp,
            fixed_fee_minor=fixed_fee_minor,
        )
    )


@transaction.atomic
def add_terminal(*, outlet_id: int, at: datetime) -> Terminal:
    """A new terminal with the next TID, and its first activation code on its way to paper."""
    number = next_number(series=SERIES, year=ALWAYS)
    terminal = Terminal.objects.create(tid=f"CM{number:04d}", outlet_id=outlet_id)
    new_code(terminal_id=terminal.pk, at=at)
    return terminal


@transaction.atomic
def move_terminal(*, terminal_id: int, target: TerminalState, at: datetime) -> None:
    """Take a terminal out of service, or back into it. Out of service its devices are forgotten.

    The only writer of `state`. Refuses `TransitionRefused` when it is there already.
    """
    terminal = Terminal.objects.select_for_update(of=("self",)).get(pk=terminal_id)
    TERMINAL_MACHINE.check(TerminalState(terminal.state), target)
    terminal.state = target
    terminal.save(update_fields=["state"])
    if target == TerminalState.REVOKED:
        for device_id in terminal.devices.filter(revoked_at__isnull=True).values_list("pk", flat=True):
            revoke_device(device_id=device_id, at=at)
