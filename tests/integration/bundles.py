"""Bundles as tests tell of them: steps from the same words as orders, signed and filled."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from stage import NEVER, NO_RECEIPT, Ringside, send

from devnet.artifacts import compiled
from ringside.orders import Bundle, Mode, Terms, sign

Leg = tuple[int, int, int]


def step(ringside: Ringside, **changes: Any) -> Terms:
    """What `Ringside.order` would be, as a step."""
    return ringside.order(**changes).terms


def bundle(ringside: Ringside, mode: Mode, *steps: Terms, **changes: Any) -> Bundle:
    plain = {"account": ringside.account, "deadline": NEVER, "nonce": 1}
    return Bundle(steps=steps, mode=mode, **{**plain, **changes})


def signed(ringside: Ringside, whole: Bundle) -> bytes:
    return sign(whole, ringside.domain, ringside.actors["client"].private_key)


@dataclass(frozen=True)
class _FillBundle:
    """The method of that name: Ape cannot encode lists of lists of structs."""

    contract: Any

    def encode_input(self, *args: Any) -> str:
        web3 = self.contract.provider.web3
        desk = web3.eth.contract(abi=compiled("Desk").abi)
        return str(desk.encode_abi("fillBundle", args))


def fill_bundle(
    ringside: Ringside, whole: Bundle, *legs: list[Leg], receipt: Any = NO_RECEIPT
) -> Any:
    """All steps of an atomic bundle, by the keeper."""
    terms = whole.tuple, signed(ringside, whole), list(legs), receipt
    return send(_FillBundle(ringside.desk), *terms, sender=ringside.actors["keeper"])


def fill_step(
    ringside: Ringside, whole: Bundle, index: int, *legs: Leg, receipt: Any = NO_RECEIPT
) -> Any:
    """One step of another bundle, by the keeper."""
    terms = whole.tuple, signed(ringside, whole), index, list(legs), receipt
    return send(ringside.desk.fillStep, *terms, sender=ringside.actors["keeper"])
