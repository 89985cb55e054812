"""A plan's transactions as calls of the Desk."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ringside.keeper.plan import ChainLeg, Plan
from ringside.keeper.receipts.store import NO_RECEIPT, Receipt
from ringside.orders import Bundle

if TYPE_CHECKING:
    from web3.contract import Contract


def of_order(desk: Contract, chosen: Plan, legs: Sequence[ChainLeg], signature: bytes) -> str:
    """The call of one of the transactions that fill an order."""
    head, told = [chosen.order.tuple, signature], carried(chosen.receipt)
    if legs and legs[0] in chosen.tickets:
        return str(desk.encode_abi("commit", [*head, legs[0].tuple, told]))
    return str(desk.encode_abi("fill", [*head, [leg.tuple for leg in legs], told]))


def of_step(
    desk: Contract,
    bundle: Bundle,
    step: int,
    chosen: Plan,
    legs: Sequence[ChainLeg],
    signature: bytes,
) -> str:
    """The same for a step of a bundle that is not atomic."""
    head, told = [bundle.tuple, signature, step], carried(chosen.receipt)
    if legs and legs[0] in chosen.tickets:
        return str(desk.encode_abi("commitStep", [*head, legs[0].tuple, told]))
    return str(desk.encode_abi("fillStep", [*head, [leg.tuple for leg in legs], told]))


def of_bundle(desk: Contract, bundle: Bundle, plans: Sequence[Plan], signature: bytes) -> str:
    """The call that fills an atomic bundle, whole."""
    legs = [[leg.tuple for leg in chosen.legs] for chosen in plans]
    told = carried(plans[0].receipt)
    return str(desk.encode_abi("fillBundle", [bundle.tuple, signature, legs, told]))


def carried(told: Receipt | None) -> tuple[int, bytes]:
    """A receipt as a transaction carries it."""
    return told.tuple if told else NO_RECEIPT
