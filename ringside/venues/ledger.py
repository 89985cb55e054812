"""What a venue's own events say happened at a seat. Each figure is read, none is worked out from
another.

Money is USD 1e18; positive fees, funding, penalties and roundings are what the seat paid or lost.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any

from ringside.keccak import keccak_text

if TYPE_CHECKING:
    from web3 import Web3


@dataclass(frozen=True, slots=True)
class Fill:
    """A trade: signed `size`, `notional` exchanged before the fee, `fee`. `penalty` is what a
    liquidation took on top, less what the venue's insurance fund bore of a debt."""

    market: str
    size: int
    notional: int
    fee: int
    block: int
    transaction: str
    penalty: int = 0


@dataclass(frozen=True, slots=True)
class Ledger:
    """One seat's history. `margin` is USDC (1e6) posted less pulled, by the venue's own events;
    `roundings` what each settlement into the token's decimals lost, less than one unit each.
    `deposits` went to whoever filled or cancelled a delayed order, less what came back;
    `conversion` is what margin lost between USDC and what the venue takes, one for one."""

    venue: str
    fills: tuple[Fill, ...] = ()
    funding: Mapping[str, int] = field(default_factory=dict)
    margin: int = 0
    roundings: tuple[int, ...] = ()
    deposits: int = 0
    conversion: int = 0

    @property
    def fees(self) -> int:
        """All that trading here cost but funding: fees, penalties, deposits and conversion."""
        charged = sum(fill.fee + fill.penalty for fill in self.fills)
        return charged + self.deposits + self.conversion

    @property
    def funding_paid(self) -> int:
        return sum(self.funding.values())

    @property
    def rounding(self) -> int:
        return sum(self.roundings)

    def position(self, market: str) -> int:
        """Signed size that the fills add up to."""
        return sum(fill.size for fill in self.fills if fill.market == market)

    @property
    def proceeds(self) -> int:
        """What sales brought less what purchases cost, before fees: the realised PnL once all is
        closed."""
        return sum(fill.notional * (-1 if fill.size > 0 else 1) for fill in self.fills)


@dataclass(frozen=True, slots=True)
class Log:
    """One event, undecoded: topics after the first, and data."""

    name: str
    address: str
    topics: tuple[bytes, ...]
    data: bytes
    block: int
    index: int
    transaction: str


@cache
def topic(signature: str) -> str:
    """An event's first topic, as 0x-hex."""
    return "0x" + keccak_text(signature).hex()


def logs(
    w3: Web3,
    addresses: Sequence[str],
    signatures: Sequence[str],
    blocks: tuple[int, int],
    first_topic: bytes | None = None,
) -> list[Log]:
    """Events of `addresses` with one of `signatures` in the blocks from the first to the last, in
    the chain's order; `first_topic` is the first indexed argument, any by default."""
    names = {topic(signature): signature for signature in signatures}
    topics: list[Any] = [list(names)]
    if first_topic is not None:
        topics.append("0x" + first_topic.rjust(32, b"\0").hex())
    found = w3.eth.get_logs(
        {
            "address": [w3.to_checksum_address(a) for a in addresses],
            "topics": topics,
            "fromBlock": blocks[0],
            "toBlock": blocks[1],
        }
    )
    entries = [
        Log(
            names["0x" + bytes(entry["topics"][0]).hex()],
            entry["address"].lower(),
            tuple(bytes(t) for t in entry["topics"][1:]),
            bytes(entry["data"]),
            entry["blockNumber"],
            entry["logIndex"],
            "0x" + bytes(entry["transactionHash"]).hex(),
        )
        for entry in found
    ]
    return sorted(entries, key=lambda log: (log.block, log.index))
