"""A delayed order at Synthetix, seen from outside: what it waits for, how anyone executes it, and
why the venue will not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ringside.chain.abi import encode, selector, signed, word
from ringside.venues.ledger import logs

if TYPE_CHECKING:
    from web3 import Web3

ERRORS = ("StalePrice()",)
"""Custom errors that come through from Pyth; everything else it refuses with is words."""
REASONS = {
    "price divergence too high": "price too far",
    "price not updated": "stale",
    "executability not reached": "stale",
    "StalePrice": "stale",
    "order too old, use cancel": "too old",
    "Price impact exceeded": "slippage",
    "Position flagged": "liquidated in between",
}
"""The venue's words, and Ringside's for them."""
TOO_OLD, LIQUIDATED = "too old", "liquidated in between"
_SIZE, _INTENTION = 1, 7
_FLAGGED = "PositionFlagged(uint256,address,address,uint256,uint256)"
_LIQUIDATED = "PositionLiquidated(uint256,address,address,int256,uint256,uint256,uint256,uint256)"


@dataclass(frozen=True, slots=True)
class Waiting:
    """An order that the venue has. It can be executed in blocks up to `last`, with a price
    published at `earliest` or later, and dropped in blocks from `drop` on; seconds."""

    size: int
    earliest: int
    last: int
    drop: int


def waiting(w3: Web3, addresses: Mapping[str, Any], market: str, seat: str) -> Waiting | None:
    """The seat's order in the market, if it has one."""
    proxy, settings, key = _places(addresses, market)

    def ask(to: str, data: bytes) -> bytes:
        return bytes(w3.eth.call({"to": w3.to_checksum_address(to), "data": data.hex()}))  # type: ignore[typeddict-item]

    found = ask(proxy, encode("delayedOrders(address)", seat))
    if not word(found, _SIZE):
        return None
    ages = [
        word(ask(settings, encode(f"offchainDelayedOrder{name}Age(bytes32)", key)))
        for name in ("Min", "Max")
    ]
    since = word(found, _INTENTION)
    # Strict on both sides: neither works when exactly the greatest age has passed.
    return Waiting(
        signed(found, _SIZE), since + ages[0] + 1, since + ages[1] - 1, since + ages[1] + 1
    )


def execution(
    addresses: Mapping[str, Any], market: str, seat: str, updates: Sequence[bytes]
) -> tuple[str, bytes]:
    """Where to send what, with Pyth's fee, to have the seat's order filled."""
    from eth_abi.abi import encode as encode_all

    proxy, _, _ = _places(addresses, market)
    head = selector("executeOffchainDelayedOrder(address,bytes[])")
    return proxy, head + encode_all(["address", "bytes[]"], [seat, list(updates)])


def was_liquidated(
    w3: Web3, addresses: Mapping[str, Any], market: str, seat: str, blocks: tuple[int, int]
) -> bool:
    """Whether the venue's events say so, or that a liquidation was begun; neither has topics."""
    proxy, _, _ = _places(addresses, market)
    found = logs(w3, [proxy], [_FLAGGED, _LIQUIDATED], blocks)
    return any(word(log.data, 1) == int(seat, 16) for log in found)


def _places(addresses: Mapping[str, Any], market: str) -> tuple[str, str, str]:
    venue = addresses["venues"]["synthetix"]
    return (
        venue["markets"][market]["market"],
        venue["market_settings"],
        venue["markets"][market]["key"],
    )
