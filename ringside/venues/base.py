"""What every venue module gives, and the words in which it speaks.

A venue is one module of `ringside.venues` with the same few names (`Venue`). It reads its static
configuration once, states what it wants to know of a block as calls, and turns the answers, without
touching the chain again, into a `MarketState`: prices, funding, margin rules and an exact cost
`Curve`. Because `parse` is pure, a recorded reading replays to the same state, bit by bit.

Sizes are 1e18 base, positive long; prices 1e18 USD per base; USD amounts and ratios 1e18; rates
1e18 a day, positive when longs pay.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from ringside.chain.multicall import Block, Read
from ringside.units import ONE, from_units, price_against
from ringside.venues.ledger import Ledger
from ringside.venues.pieces import Mode

if TYPE_CHECKING:
    from web3 import Web3


class VenueError(Exception):
    """Something a venue would refuse, or a reading that cannot be trusted."""


class BeyondCapacity(VenueError):
    """The size is more than the venue itself would fill in that direction at this state."""


class BelowMinimum(VenueError):
    """The size is less than the venue accepts, or not a whole number of its lots."""


class Stale(VenueError):
    """The static knowledge a reading was made with is out of date; `config` is the newer one.

    Raised by `parse`; `snapshot` reads again at the same block. Never reaches a caller.
    """

    def __init__(self, config: Any, reason: str) -> None:
        self.config = config
        super().__init__(reason)


@dataclass(frozen=True, slots=True)
class Quote:
    """What a venue would do with `size` now.

    `notional` is the USD exchanged before the fee and `fee` the USD charged on top, both as the
    venue itself books them. A buy costs notional + fee; a sell brings notional − fee.
    """

    size: int
    notional: int
    fee: int

    @property
    def all_in(self) -> int:
        """USD paid (a buy) or received (a sell), fee included."""
        return self.notional + self.fee if self.size > 0 else self.notional - self.fee

    @property
    def all_in_price(self) -> int:
        """USD per base, fee included: rounded up for a buy and down for a sell, against the
        caller."""
        return price_against(self.all_in, self.size)


@dataclass(frozen=True, slots=True)
class Leg:
    """A part of an order for one venue: signed `size`, and `margin` (USD 1e18 ≥ 0) to move to the
    seat beforehand."""

    venue: str
    size: int
    margin: int = 0


class Curve(Protocol):
    """The cost of a size at one venue and market, at one block."""

    @property
    def venue(self) -> str:
        """The venue's name in the registry."""

    @property
    def market(self) -> str:
        """Ringside's name of the market."""

    @property
    def lot(self) -> int:
        """Sizes are whole multiples of this (1e18 base)."""

    def minimum(self, sign: int) -> int:
        """The smallest |size| the venue accepts in that direction, at least one lot."""

    def capacity(self, sign: int) -> int:
        """The largest |size| the venue itself would fill whole in that direction, an account's
        margin apart; 0 if it would fill none."""

    def quote(self, size: int) -> Quote:
        """The exact cost of `size`.

        Raises:
            BeyondCapacity: |size| is above `capacity`.
            BelowMinimum: size is 0 or below `minimum`, or not a whole number of lots.
        """

    def marginal_price(self, sign: int) -> int:
        """The all-in price (1e18) of the first unit, rounded against the caller."""

    def modes(self, sign: int) -> tuple[Mode, ...]:
        """The curve in closed form in that direction, made once; empty where nothing is filled.

        The modes' ranges cover every lot from `minimum` to `capacity`, in order and without overlap
        but at an end. Every mode's pieces start at 0 and add up to its `most`.
        """

    def dearest(self) -> Curve:
        """One that is nowhere cheaper than this is after trades in the other direction: itself, as
        a rule, since those leave more room."""


def require_tradable(curve: Curve, size: int) -> None:
    """
    Raises:
        BeyondCapacity, BelowMinimum: the venue would not fill `size`; as `Curve.quote`.
    """
    sign, amount = (1 if size > 0 else -1), abs(size)
    where, most, least = f"{curve.venue} {curve.market}", curve.capacity(sign), curve.minimum(sign)
    if amount > most:
        raise BeyondCapacity(
            f"{where} fills at most {from_units(most)} on a {'buy' if sign > 0 else 'sell'}, "
            f"not {from_units(amount)}"
        )
    if amount < least or amount % curve.lot:
        raise BelowMinimum(
            f"{where} takes {from_units(least):f} at least, in lots of "
            f"{from_units(curve.lot):f}, not {from_units(amount):f}"
        )


def capped(capacity: int, most: int | None) -> int:
    """No more than `most`, if that is given."""
    return capacity if most is None else min(capacity, most)


@dataclass(frozen=True)
class MarketState(ABC):
    """One market at one venue at one block."""

    venue: str
    market: str
    block: int
    mark_price: int
    """The price the venue values positions at for margin (risk price)."""
    index_price: int
    """The venue's outside price."""
    funding_rate: int
    """A fraction of notional a day, 1e18; positive: longs pay shorts."""
    initial_margin_ratio: int
    maintenance_margin_ratio: int
    curve: Curve
    delayed: bool = field(default=False, kw_only=True)
    """Whether a fill comes later, at the price of then; the curve says what it would cost now."""
    leg_cost: int = field(default=0, kw_only=True)
    """USD (1e18) that an order costs whatever its size, filled or not."""
    conversion: int = field(default=0, kw_only=True)
    """The fraction (1e18) that margin loses on its way from USDC to what the venue takes, at the
    spot price and its fee; negative: gains. The way back is not in it."""
    funding_velocity: int = field(default=0, kw_only=True)
    """What is added to `funding_rate` in a day (1e18 a day per day) while the market stays as it
    is; 0 where the venue's rate has no such drift."""
    dearest_fee: int = field(default=0, kw_only=True)
    """Where a fill comes later, the fraction (1e18) of notional that the seat keeps free for the
    venue's fee when it states its bound: no less than any fee the curve charges now."""

    @abstractmethod
    def room(
        self,
        margin: int,
        sign: int,
        position: int = 0,
        open_notional: int | None = None,
        committed: int = 0,
        most: int | None = None,
    ) -> int:
        """The largest |size| the venue would let an account trade in that direction, 0 if none.

        `margin` is what the account holds there without unrealised profit (USD); `position` its
        size in this market and `open_notional` the quote balance that belongs to it, negative for
        what a long paid (left out: no unrealised profit); `committed` the margin its other
        positions need. Never more than the curve's capacity, nor than `most`: where that is
        given, more is not looked for.
        """

    def takes(self, margin: int, size: int, position: int = 0, committed: int = 0) -> bool:
        """Whether there is `room` for all of `size` (signed). A venue whose rule says so at once
        does not look for the largest that it would take."""
        sign = 1 if size > 0 else -1
        return self.room(margin, sign, position, None, committed, abs(size)) >= abs(size)

    @abstractmethod
    def liquidation_price(
        self, margin: int, position: int, open_notional: int | None = None, committed: int = 0
    ) -> int | None:
        """The risk price at which the venue may liquidate; `None` if no positive price does.
        Rounded towards the current price, against the caller. Arguments as in `room`."""

    def stands(self, bought: int, sold: int, sign: int, taken: Curve) -> Iterable[Curve]:
        """Curves by which `room` in that direction is asked, once `bought` and `sold` (|1e18|) are
        filled: `taken`, which is what is left of this state's own, where the venue's rules need no
        more of a curve than its costs."""
        yield taken

    def at_mark(self, position: int, open_notional: int | None) -> int:
        """`open_notional`, or what it is when the position was entered at the mark."""
        if open_notional is not None:
            return open_notional
        value = abs(position) * self.mark_price // ONE
        return -value if position > 0 else value


class Venue(Protocol):
    """The names every venue module has."""

    Config: type[Any]
    """The module's own frozen dataclass of what does not change: texts, numbers and the like, so
    that it can be written down."""
    ERRORS: tuple[str, ...]
    """Signatures of the custom errors it refuses a trade with; reasons in words need none."""

    def load(self, w3: Web3, addresses: Mapping[str, Any], market: str) -> Any:
        """Read once what does not change: contracts, decimals, tick spacing, known ticks."""

    def calls(self, config: Any, block: Block) -> Sequence[Read]:
        """What must be read of `block` to know the market."""

    def parse(self, config: Any, results: Sequence[bytes | None], block: Block) -> MarketState:
        """The market's state from the answers to `calls`; pure.

        Raises:
            Stale: `config` must be renewed, and is.
        """

    def leg(self, size: int, margin: int) -> Leg:
        """The leg that the contracts take for `size` and `margin`."""

    def ledger(
        self, w3: Web3, addresses: Mapping[str, Any], seat: str, blocks: tuple[int, int]
    ) -> Ledger:
        """What happened at `seat` in the blocks from the first to the last, by the venue's
        events."""
