"""A plan's transactions as calls of the Desk."""

from __future__ import annotations

from collections.abc import Sequence

from ringside.chain.contracts import calldata
from ringside.keeper.plan import ChainLeg, Plan
from ringside.keeper.receipts.store import NO_RECEIPT, Receipt
from ringside.orders import Bundle


def of_order(chosen: Plan, legs: Sequence[ChainLeg], signature: bytes) -> bytes:
    """The call of one of the transactions that fill an order."""
    head, told = (chosen.order.tuple, signature), carried(chosen.receipt)
    if legs and legs[0] in chosen.tickets:
        return calldata("Desk", "commit", *head, legs[0].tuple, told)
    return calldata("Desk", "fill", *head, [leg.tuple for leg in legs], told)


def of_step(
    bundle: Bundle, step: int, chosen: Plan, legs: Sequence[ChainLeg], signature: bytes
) -> bytes:
    """The same for a step of a bundle that is not atomic."""
    head, told = (bundle.tuple, signature, step), carried(chosen.receipt)
    if legs and legs[0] in chosen.tickets:
        return calldata("Desk", "commitStep", *head, legs[0].tuple, told)
    return calldata("Desk", "fillStep", *head, [leg.tuple for leg in legs], told)


def of_bundle(bundle: Bundle, plans: Sequence[Plan], signature: bytes) -> bytes:
    """The call that fills an atomic bundle, whole."""
    legs = [[leg.tuple for leg in chosen.legs] for chosen in plans]
    return calldata("Desk", "fillBundle", bundle.tuple, signature, legs, carried(plans[0].receipt))


def carried(told: Receipt | None) -> tuple[int, bytes]:
    """A receipt as a transaction carries it."""
    return told.tuple if told else NO_RECEIPT
