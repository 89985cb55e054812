"""What a fill costs its keeper and whether it is worth it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ringside.units import ONE, USDC_TO_USD, from_units

LIMITS = {"fill": 1_200_000, "commit": 3_000_000, "execute": 2_500_000, "settle": 1_200_000}
LIMITS |= {"expire": 2_500_000}
"""Gas limits by kind, a fill's by leg: well above what was measured (docs/architecture.md), since
the venues need more than they report."""
HEAD = 2_400_000
"""Gas of a fill whatever its legs: best execution and closing first ask venues, each with a stipend
of 2,000,000 that has to be there whole when it is asked, after the legs, and is hardly used."""
USED = {"fill": 700_000, "commit": 1_600_000, "execute": 900_000, "settle": 180_000}
USED |= {"expire": 700_000}
"""What they use as a rule, as measured (docs/architecture.md), a fill by leg."""


@dataclass(frozen=True, slots=True)
class Planned:
    """A call of the Desk that a plan makes: fill or commit, and over how many legs."""

    kind: str
    data: bytes
    legs: int


@dataclass
class Costs:
    """`native` is the market whose oracle price is that of the chain's own coin; `price` is USD
    (1e18) of the coin, 0 while it is not known. `loss` is what a keeper lets one transaction cost
    him beyond its tip (USD 1e18). `gas_price` is wei."""

    native: str = "ETH-USD"
    price: int = 0
    gas_price: int = 0
    loss: int = 0

    def gas(self, call: Planned) -> int:
        """The gas limit."""
        return LIMITS[call.kind] * call.legs + (HEAD if call.kind == "fill" else 0)

    def of(self, kind: str, legs: int = 1) -> int:
        """USD (1e18) that a transaction costs as a rule, rounded up."""
        return self.priced(USED[kind] * legs)

    def priced(self, gas: int) -> int:
        """USD (1e18) that so much gas costs, rounded up."""
        return -(-gas * self.gas_price * self.price // ONE)

    def short(self, cost: int, earns: int) -> str:
        """Why a `cost` (USD 1e18) is not worth a tip (USDC), in words; nothing if it is."""
        if self.gas_price and not self.price:
            return f"what its gas costs is not known: no venue tells the price of {self.native}"
        if cost <= earns * USDC_TO_USD + self.loss:
            return ""
        return (
            f"its gas costs {from_units(cost // 10**16, 2)} USD now, and its tip pays "
            f"{from_units(earns, 6)}"
        )

    def refusal(self, calls: Sequence[Planned], earns: int) -> str:
        """Why a fill is not worth its gas, in words; nothing if it is."""
        cost = 0
        for call in calls:
            cost += self.of(call.kind, call.legs)
            if call.kind == "commit":  # Which has to be executed and settled as well.
                cost += self.of("execute") + self.of("settle")
        return self.short(cost, earns)
