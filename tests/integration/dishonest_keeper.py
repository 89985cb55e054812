"""A keeper's contract with accounts and money of its own at both real venues, and what it calls."""

from __future__ import annotations

from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

from stage import MAX, NO_RECEIPT, USDC, Ringside, send
from venue_views import PerpView, RageView

from ringside.orders import Order

MARGIN = 50_000_000 * USDC
"""At each venue: more than any push here needs."""
Call = tuple[str, str]


@dataclass(frozen=True)
class DishonestKeeper:
    """Everything in `run` happens in one transaction, or none of it."""

    ringside: Ringside
    contract: Any
    perp: PerpView
    rage: RageView
    rage_account: int

    def run(self, *calls: Call) -> Any:
        return send(self.contract.run, list(calls), sender=self.ringside.actors["attacker"])

    def run_locked(self, pool: str, *calls: Call) -> Any:
        """While the pool is locked by a loan of nothing."""
        sender = self.ringside.actors["attacker"]
        return send(self.contract.runLocked, pool, list(calls), sender=sender)

    def run_moved(self, pool: str, swap: tuple[str, bool, int, int], *calls: Call) -> Any:
        """While a swap (recipient, down, amount, limit) at the pool itself is not paid for."""
        sender = self.ringside.actors["attacker"]
        return send(self.contract.runMoved, pool, *swap, list(calls), sender=sender)

    # ------------------------------------------------------------------ calls

    def fill(self, order: Order, *legs: tuple[int, int, int]) -> Call:
        """A fill of the client's order."""
        signature = self.ringside.signed(order, self.ringside.actors["client"])
        terms = order.tuple, signature, list(legs), NO_RECEIPT
        return self.ringside.desk.address, self.ringside.desk.fill.encode_input(*terms)

    def push(self, venue: int, size: int, market: str = "ETH-USD") -> Call:
        """A trade of its own."""
        if venue == self.perp.id:
            sell = size < 0
            order = (self.perp.tokens[market], sell, sell, abs(size), 0, MAX, 0, bytes(32))
            return _call(self.perp.house, "openPosition", order)
        swap = (size, 0, False, False, False)
        return _call(self.rage.house, "swapToken", self.rage_account, self.rage.pools[market], swap)

    def provide(self, venue: int, lower: int, upper: int, amount: int) -> Call:
        """Liquidity in a range, or, where that is negative, out of it."""
        if venue == self.rage.id:
            change = (lower, upper, amount, 0, 0, False, 0, False)
            pool = self.rage.pools["ETH-USD"]
            return _call(self.rage.house, "updateRangeOrder", self.rage_account, pool, change)
        token = self.perp.tokens["ETH-USD"]
        if amount > 0:
            # Base for 2,000 USD each; the venue takes what fits the range.
            order = (token, amount, 2_000 * amount, lower, upper, 0, 0, False, MAX)
            return _call(self.perp.house, "addLiquidity", order)
        order = (token, lower, upper, -amount, 0, 0, MAX)
        return _call(self.perp.house, "removeLiquidity", order)

    # ------------------------------------------------------------------- wealth

    @property
    def wealth(self) -> int:
        """What both its accounts are worth, 1e18 USD."""
        at_rage = SimpleNamespace(accountId=lambda: self.rage_account)
        return self.perp.equity(self.contract) + self.rage.equity(at_rage)


def hire(ringside: Ringside, perp: PerpView, rage: RageView) -> DishonestKeeper:
    attacker = ringside.actors["attacker"]
    contract = attacker.deploy(ringside.project.Sandwich)
    send(ringside.usdc.mint, contract, 2 * MARGIN, sender=attacker)
    account = rage.house.functions.numAccounts().call()
    usdc = ringside.usdc
    calls = [
        (usdc.address, usdc.approve.encode_input(perp.spender, MAX)),
        (usdc.address, usdc.approve.encode_input(rage.spender, MAX)),
        _call(perp.vault, "deposit", usdc.address, MARGIN),
        _call(rage.house, "createAccountAndAddMargin", rage.collateral, MARGIN),
    ]
    keeper = DishonestKeeper(ringside, contract, perp, rage, account)
    keeper.run(*calls)
    return keeper


def _call(contract: Any, name: str, *args: Any) -> Call:
    return contract.address, contract.encode_abi(name, list(args))
