"""A keeper that fills one order once: quotes, splits, simulates, submits."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from web3.exceptions import ContractLogicError, Web3Exception
from web3.types import TxParams, TxReceipt

from ringside.chain.contracts import AccountView, Ringside, refusal, revert_data
from ringside.keeper.plan import Plan, plan
from ringside.orders import Order
from ringside.venues import VENUE_ERRORS, Markets, load, snapshot
from ringside.venues.base import MarketState

FILL_GAS = 6_000_000
"""Gas limit of a fill. Estimates are no use: the venues need more than they report."""

NO_RECEIPT = (0, bytes(32))
"""What a fill says of its keeper's decision, until receipts are written: nothing, version 0."""

Send = Callable[[TxParams], TxReceipt]
"""Signs and sends a transaction, and waits for its receipt."""


@dataclass(frozen=True)
class View:
    """What the keeper knows of one block."""

    block: int
    states: Mapping[str, MarketState]
    account: AccountView
    filled: int
    used_margin: int


class Keeper:
    """Fills orders at one deployment, from the address `sender`. Whatever it does, the order
    decides."""

    def __init__(self, ringside: Ringside, sender: str, send: Send, leg_cost: int = 0) -> None:
        self.ringside, self.sender, self.send, self.leg_cost = ringside, sender, send, leg_cost
        self._markets: dict[str, Markets] = {}

    def look(self, order: Order) -> View:
        """The venues, the account and the order's progress, all at one block."""
        if order.market not in self._markets:
            self._markets[order.market] = load(
                self.ringside.w3,
                self.ringside.addresses,
                self.ringside.venue_ids,
                [order.market],
            )
        seen = snapshot(self.ringside.w3, self._markets[order.market])
        number = seen.block.number
        account = self.ringside.account(order.account, self._all_markets(), number)
        desk = self.ringside.desk.functions
        key = order.digest(self.ringside.domain)
        used, margin, *_ = desk.progress(key).call(block_identifier=number)
        filled, used_margin = used, margin
        return View(number, seen.of(order.market), account, filled, used_margin)

    def plan(self, order: Order, view: View | None = None) -> Plan:
        """The best fill at `view`, or now.

        Raises:
            PlanError, SplitError: no fill is possible; the message says why.
        """
        view = view or self.look(order)
        return plan(
            order,
            view.account,
            view.states,
            self.ringside.venue_ids,
            view.filled,
            view.used_margin,
            self.leg_cost,
        )

    def simulate(self, chosen: Plan, signature: bytes) -> int:
        """What the fill would cost or bring (USD 1e18, fees in it, tip not), by the chain itself.

        Raises:
            Refused: the chain would refuse it, and by which error.
        """
        return int(self._call(chosen.order, signature, [leg.tuple for leg in chosen.legs]))

    def submit(self, chosen: Plan, signature: bytes) -> TxReceipt:
        """Simulates, then sends.

        Raises:
            Refused: by the simulation, or by the chain in the end.
        """
        self.simulate(chosen, signature)
        legs = [leg.tuple for leg in chosen.legs]
        data = self.ringside.desk.encode_abi(
            "fill", [chosen.order.tuple, signature, legs, NO_RECEIPT]
        )
        receipt = self.send(
            {
                "from": self.sender,
                "to": self.ringside.desk.address,
                "data": data,
                "gas": FILL_GAS,
            }
        )
        if receipt["status"] != 1:
            self._call(chosen.order, signature, legs)  # Says why, if it still holds.
            raise RuntimeError(f"the fill reverted in block {receipt['blockNumber']} only")
        return receipt

    def fill(self, order: Order, signature: bytes) -> tuple[Plan, TxReceipt]:
        """Fills all that is left of the order, in one go."""
        chosen = self.plan(order)
        return chosen, self.submit(chosen, signature)

    def _call(self, order: Order, signature: bytes, legs: list[tuple[int, int, int]]) -> Any:
        fill = self.ringside.desk.functions.fill(order.tuple, signature, legs, NO_RECEIPT)
        try:
            return fill.call({"from": self.sender, "gas": FILL_GAS})
        except (ContractLogicError, Web3Exception) as error:
            raise refusal(revert_data(error), VENUE_ERRORS) from None

    def _all_markets(self) -> list[str]:
        return list(self.ringside.addresses["feeds"])
