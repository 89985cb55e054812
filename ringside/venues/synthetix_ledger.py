"""A seat's history at Synthetix Perps V2, from events.

A market states a position anew, as PositionModified, whenever it touches it: margin, size, and the
price it is valued at from then on; the FundingRecomputed before it says up to which entry of the
funding sequence it is settled. A size that changed without a trade was liquidated, and all its
margin is gone. An order's deposit is in its DelayedOrderSubmitted; it came back to the margin if
the order's DelayedOrderRemoved follows a restatement that no transfer or commitment explains.

USDC becomes sUSD in a pool: what the seat gave is a Transfer to the pool, what it got is in the
Swap that follows. sUSD counts as a dollar, and the difference is the conversion.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ringside.chain.abi import encode, signed, word
from ringside.units import ONE, USDC_TO_USD, mul_div_to_zero
from ringside.venues.ledger import Fill, Ledger, Log, logs

if TYPE_CHECKING:
    from web3 import Web3

_MODIFIED = "PositionModified(uint256,address,uint256,int256,int256,uint256,uint256,uint256,int256)"
_FUNDING = "FundingRecomputed(int256,int256,uint256,uint256)"
_TRANSFERRED = "MarginTransferred(address,int256)"
_SUBMITTED = (
    "DelayedOrderSubmitted(address,bool,int256,uint256,uint256,uint256,uint256,uint256,bytes32)"
)
_REMOVED = "DelayedOrderRemoved(address,bool,uint256,int256,uint256,uint256,uint256,bytes32)"
_TRANSFER = "Transfer(address,address,uint256)"
_SWAP = "Swap(address,address,int256,int256,uint160,uint128,int24)"


@dataclass
class _Book:
    """One market's entries so far, and the position as last stated. `sequence` is the funding that
    a unit of base has received since the market began (1e18)."""

    market: str
    size: int = 0
    price: int = 0
    margin: int = 0
    sequence: int = 0
    newest: int = 0
    transferred: bool = False
    restated: bool = False
    fills: list[Fill] = field(default_factory=list)
    roundings: list[int] = field(default_factory=list)
    funding: int = 0
    deposits: int = 0

    def read(self, log: Log) -> None:
        """Any event but the market's own."""
        if log.name == _MODIFIED:
            self._modified(log)
        elif log.name == _TRANSFERRED:
            self.transferred = True
        elif log.name == _SUBMITTED:
            self.deposits += word(log.data, 6)
            self.restated = False
        elif log.name == _REMOVED and self.restated:
            self.deposits -= word(log.data, 5)
            self.restated = False

    def _modified(self, log: Log) -> None:
        margin, size, traded, price, _, fee = (signed(log.data, i) for i in range(6))
        gained = mul_div_to_zero(self.size, price - self.price, ONE)
        received = mul_div_to_zero(self.size, self.newest - self.sequence, ONE)
        change, liquidated = size - self.size, size != self.size and not traded
        notional = abs(change) * price // ONE
        if change:
            lost = self.margin + gained + received if liquidated else 0
            place = log.block, log.transaction
            self.fills.append(Fill(self.market, change, notional, fee, *place, lost))
        # The fills' notionals less what the market books, which it truncates bit by bit.
        brought = -notional if change > 0 else notional
        before = mul_div_to_zero(self.size, self.price, ONE)
        rounding = brought + mul_div_to_zero(size, price, ONE) - before - gained
        self.roundings += [rounding] if rounding else []
        self.funding -= received
        if not (traded or liquidated):
            self.restated, self.transferred = not self.transferred, False
        self.size, self.price, self.margin, self.sequence = size, price, margin, self.newest


def read_ledger(
    w3: Web3, venue: str, addresses: Mapping[str, Any], seat: str, blocks: tuple[int, int]
) -> Ledger:
    """What happened at `seat` in the blocks from the first to the last."""
    names = addresses["venues"][venue]
    books = {
        where["market"].lower(): _opened(w3, market, where["market"], seat, blocks[0])
        for market, where in names["markets"].items()
    }
    signatures = [_MODIFIED, _FUNDING, _TRANSFERRED, _SUBMITTED, _REMOVED]
    for log in logs(w3, list(books), signatures, blocks):
        book = books[log.address]
        if log.name == _FUNDING:
            book.newest = signed(log.data)
        elif int.from_bytes(log.topics[log.name == _MODIFIED], "big") == int(seat, 16):
            book.read(log)
    margin, conversion = _converted(w3, names, addresses["usdc"], seat, blocks)
    fills = [fill for book in books.values() for fill in book.fills]
    return Ledger(
        venue,
        tuple(sorted(fills, key=lambda fill: fill.block)),
        {book.market: book.funding for book in books.values() if book.funding},
        margin,
        tuple(lost for book in books.values() for lost in book.roundings),
        sum(book.deposits for book in books.values()),
        conversion,
    )


def _opened(w3: Web3, market: str, proxy: str, seat: str, first: int) -> _Book:
    """The position that the seat already had before block `first`."""
    if not first:
        return _Book(market)

    def ask(signature: str, argument: int | str) -> bytes:
        to, data = w3.to_checksum_address(proxy), "0x" + encode(signature, argument).hex()
        request: Any = {"to": to, "data": data}
        return bytes(w3.eth.call(request, first - 1))

    held = ask("positions(address)", seat)
    if not held or not word(held, 4):
        return _Book(market)
    sequence = signed(ask("fundingSequence(uint256)", word(held, 1)))
    return _Book(market, signed(held, 4), word(held, 3), word(held, 2), sequence)


def _converted(
    w3: Web3, names: Mapping[str, Any], usdc: str, seat: str, blocks: tuple[int, int]
) -> tuple[int, int]:
    """USDC (1e6) that went to the pool less what came from it, and what that lost in USD (1e18)."""
    pool, tokens = names["susd_pool"], [usdc, names["susd"]]
    gave = logs(w3, tokens, [_TRANSFER], blocks, bytes.fromhex(seat[2:]))
    gave = [log for log in gave if int.from_bytes(log.topics[1], "big") == int(pool, 16)]
    swaps = logs(w3, [pool], [_SWAP], blocks) if gave else []
    usdc_at = 0 if int(usdc, 16) < int(names["susd"], 16) else 1
    margin = conversion = 0
    for given in gave:
        swap = next(s for s in swaps if (s.block, s.index) > (given.block, given.index))
        paid, received = signed(swap.data, usdc_at), -signed(swap.data, 1 - usdc_at)
        margin += paid
        conversion += paid * USDC_TO_USD - received
    return margin, conversion
