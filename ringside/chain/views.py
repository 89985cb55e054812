"""What the Lens says of an account, as `interfaces/ILens.sol` has it.

The answer is taken apart word by word: a general decoder takes longer for it than the node for
giving it, and a keeper reads hundreds of accounts a block.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ringside.chain.abi import WORD, address, signed, word
from ringside.keccak import checksummed

_MARKET_WORDS = 13
"""Of a market: three values, five of the position, five of the margin."""


@dataclass(frozen=True, slots=True)
class Pocket:
    """A seat's margin, as `ISeat.Margin`: USD 1e18, leverage 1e18 = 1×."""

    equity: int
    backing: int
    free: int
    maintenance: int
    leverage: int


@dataclass(frozen=True, slots=True)
class Position:
    """A seat's place in one market, as `ISeat.Position`."""

    size: int
    funding_owed: int
    mark_price: int
    index_price: int
    funding_rate: int


@dataclass(frozen=True, slots=True)
class SeatView:
    """What the Lens says of one seat. An unreadable venue has no pocket, an unreadable market no
    position: they are absent, never zero.

    `resting` and `postable` are USDC (1e6): what lies in the seat outside its venue, and what
    operators may still post there by the venue's caps.

    `pocket` is the whole seat's margin, where its markets share it; where each has its own they
    are in `pockets`. `pending` has the open tickets' sizes, by market.
    """

    venue: str
    seat: str
    made: bool
    resting: int
    postable: int
    pocket: Pocket | None
    positions: Mapping[str, Position]
    isolated: bool = False
    pockets: Mapping[str, Pocket] = field(default_factory=dict)
    pending: Mapping[str, int] = field(default_factory=dict)

    def pocket_of(self, market: str) -> Pocket | None:
        """The margin that a position in `market` counts on."""
        return self.pockets.get(market) if self.isolated else self.pocket


@dataclass(frozen=True, slots=True)
class AccountView:
    """What the Lens says of an account. `idle` and `reserved` are USDC (1e6)."""

    owner: str
    idle: int
    epoch: int
    seats: Mapping[str, SeatView]
    reserved: int = 0


def account_view(
    answer: bytes, venue_ids: Mapping[str, int], names: Mapping[bytes, str]
) -> AccountView:
    """`ILens.AccountView` with venues and markets by their names. Venues of no name here are left
    out: the registry grows before every program knows of it.

    Raises:
        IndexError, KeyError: it is none, or of a market of no name here.
    """
    venues = {number: name for name, number in venue_ids.items()}
    head = word(answer) // WORD
    seats = head + word(answer, head + 5) // WORD
    first = seats + 1
    views = {}
    for i in range(word(answer, seats)):
        at = first + word(answer, first + i) // WORD
        if (venue := venues.get(word(answer, at))) is not None:
            views[venue] = _seat(answer, at, venue, names)
    owner, idle = checksummed(address(answer, head)), word(answer, head + 1)
    return AccountView(owner, idle, word(answer, head + 4), views, word(answer, head + 2))


def _seat(answer: bytes, at: int, venue: str, names: Mapping[bytes, str]) -> SeatView:
    made, isolated, readable = (bool(word(answer, at + i)) for i in (2, 3, 4))
    markets = at + word(answer, at + 12) // WORD
    positions, pockets, pending = {}, {}, {}
    for i in range(word(answer, markets)):
        place = markets + 1 + i * _MARKET_WORDS
        name = names[word(answer, place).to_bytes(WORD, "big")]
        if size := signed(answer, place + 2):
            pending[name] = size
        if word(answer, place + 1):
            positions[name] = _position(answer, place + 3)
            if isolated:
                pockets[name] = _pocket(answer, place + 8)
    shared = _pocket(answer, at + 7) if readable and not isolated else None
    seat = checksummed(address(answer, at + 1))
    money = word(answer, at + 5), word(answer, at + 6)
    return SeatView(venue, seat, made, *money, shared, positions, isolated, pockets, pending)


def _pocket(answer: bytes, at: int) -> Pocket:
    return Pocket(
        *(signed(answer, at), signed(answer, at + 1)),
        *(word(answer, at + 2), word(answer, at + 3), word(answer, at + 4)),
    )


def _position(answer: bytes, at: int) -> Position:
    return Position(
        *(signed(answer, at), signed(answer, at + 1)),
        *(word(answer, at + 2), word(answer, at + 3), signed(answer, at + 4)),
    )
