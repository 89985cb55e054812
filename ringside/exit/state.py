"""What an account has, at one block: idle, seats, positions, tickets, gifts.

The Lens is asked first. What a venue does not let it value (a stale price, a suspension) is asked
of the seat itself, piece by piece: a size is enough to close.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from eth_abi.abi import decode, encode
from eth_abi.exceptions import DecodingError

from ringside.accounts import owner_of
from ringside.chain.contracts import DeploymentError, abi
from ringside.keccak import keccak_text
from ringside.orders import market_id
from ringside.units import ONE

if TYPE_CHECKING:
    from web3 import Web3
    from web3.contract import Contract

COIN = "0x0000000000000000000000000000000000000000"
"""How `Vault.sweep` calls the chain's own coin."""
RESERVE_LIFE = 86_400
"""`Vault.RESERVE_LIFE`: seconds after which what is set aside for a ticket can be taken back."""
READ_GAS = 30_000_000
"""What a node gives an eth_call: enough for the Lens, whatever a venue burns."""
SETTINGS = b"PerpsV2MarketSettings".ljust(32, b"\0")
_ORDER = (
    *("bool", "int128", "uint128", "uint128", "uint128", "uint128"),
    *("uint256", "uint256", "bytes32"),
)


@dataclass(frozen=True, slots=True)
class VenueOrder:
    """An order that waits at a venue that fills later, and the venue's times for it."""

    size: int
    since: int
    min_age: int
    max_age: int

    @property
    def executable(self) -> int:
        """The first second whose price the venue takes."""
        return self.since + self.min_age + 1

    @property
    def last(self) -> int:
        """The last second in which it can be executed."""
        return self.since + self.max_age - 1

    @property
    def droppable(self) -> int:
        """The first second in which it can be cancelled."""
        return self.since + self.max_age + 1


@dataclass(frozen=True, slots=True)
class Ticket:
    """An open ticket as the vault has it. `aside` is USDC (1e6)."""

    number: int
    since: int
    aside: int


@dataclass(frozen=True, slots=True)
class Spot:
    """One market at one seat.

    `size` is None where even the seat cannot tell; `equity` and `free` (USD 1e18) are None where
    the venue's margin cannot be read, and belong to the market alone only where the seat is
    isolated. `order` is what the venue itself still has of an open ticket.
    """

    market: str
    instrument: bytes
    size: int | None
    price: int | None = None
    equity: int | None = None
    free: int | None = None
    maintenance: int = 0
    ticket: Ticket | None = None
    order: VenueOrder | None = None
    order_known: bool = False
    flagged: bool = False


@dataclass(frozen=True, slots=True)
class Seat:
    """One venue. `equity` and `free` are the whole seat's, None where it is isolated or cannot be
    read. `resting` is what lies in the seat outside the venue, by token."""

    venue: int
    name: str
    address: str
    delayed: bool
    isolated: bool
    spots: tuple[Spot, ...]
    equity: int | None = None
    free: int | None = None
    maintenance: int = 0
    resting: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True, slots=True)
class State:
    """An account at a block. Money is USDC (1e6); `wallet` is the owner's."""

    account: bytes
    owner: str
    block: int
    now: int
    epoch: int
    idle: int
    reserved: int
    wallet: int
    seats: tuple[Seat, ...]
    operators: tuple[str, ...] = ()
    """Of the operators asked about, those that still hold rights."""

    def seat(self, venue: int) -> Seat:
        """The seat at a venue."""
        return next(seat for seat in self.seats if seat.venue == venue)

    def spot(self, venue: int, market: str) -> Spot:
        """A market at a venue."""
        return next(spot for spot in self.seat(venue).spots if spot.market == market)


@dataclass(frozen=True)
class Deployment:
    """The contracts, found from the Lens alone."""

    w3: Web3
    lens: Contract
    vault: Contract
    desk: Contract
    venues: Contract
    token: str
    susd: dict[str, str] = field(default_factory=dict)
    """Seat -> the venue's own token, where it has one: read once."""

    @classmethod
    def at(cls, w3: Web3, lens: str) -> Deployment:
        """
        Raises:
            DeploymentError: there is no code at `lens`.
        """
        place = w3.to_checksum_address(lens)
        if not w3.eth.get_code(place):
            raise DeploymentError(f"no Lens at {place}: is this the right chain?")
        found = w3.eth.contract(address=place, abi=abi("Lens"))

        def part(name: str) -> Contract:
            where = found.functions[name.upper()]().call()
            made: Contract = w3.eth.contract(address=where, abi=abi(name.capitalize()))
            return made

        token = str(found.functions.TOKEN().call())
        return cls(w3, found, part("vault"), part("desk"), part("venues"), token)

    def ask(
        self, to: str, signature: str, returns: Sequence[str], *values: Any, block: int
    ) -> tuple[Any, ...] | None:
        """What a view says, or None if it does not answer."""
        from web3.exceptions import Web3Exception

        kinds = signature[signature.index("(") + 1 : -1]
        data = keccak_text(signature)[:4] + encode(kinds.split(",") if kinds else [], values)
        place = self.w3.to_checksum_address(to)
        try:
            raw = self.w3.eth.call({"to": place, "data": data, "gas": READ_GAS}, block)
            return tuple(decode(returns, bytes(raw)))
        except (Web3Exception, DecodingError):
            return None

    def balance(self, token: str, holder: str, block: int) -> int:
        """What `holder` has of a token; nothing where the token does not answer."""
        if token == COIN:
            return int(self.w3.eth.get_balance(self.w3.to_checksum_address(holder), block))
        found = self.ask(token, "balanceOf(address)", ["uint256"], holder, block=block)
        return int(found[0]) if found else 0


def read(
    at: Deployment, account: bytes, tokens: Iterable[str] = (), operators: Iterable[str] = ()
) -> State:
    """All that an account has, at the latest block.

    `tokens` are looked for in the seats beside USDC, the chain's coin and the venues' own;
    `operators` are asked about.
    """
    header = at.w3.eth.get_block("latest")
    block = header["number"]
    names = at.venues.functions.marketNames().call(block_identifier=block)
    venues = at.venues.functions.venueNames().call(block_identifier=block)
    keys = {market_id(name): name for name in names}
    view = at.lens.functions.account(account, list(keys)).call(
        {"gas": READ_GAS}, block_identifier=block
    )
    owner, idle, reserved, _active, epoch, seats = view
    wallet = owner_of(account)
    prices = {name: _oracle(at, key, block) for key, name in keys.items()}
    rights = at.vault.functions.operators
    return State(
        account=account,
        owner=at.w3.to_checksum_address(owner),
        block=block,
        now=header["timestamp"],
        epoch=epoch,
        idle=idle,
        reserved=reserved,
        wallet=at.balance(at.token, wallet, block),
        seats=tuple(
            _seat(at, account, venues[row[0]], row, keys, prices, tuple(tokens), block)
            for row in seats
            if row[2]
        ),
        operators=tuple(
            who for who in operators if rights(account, who).call(block_identifier=block)[0]
        ),
    )


def _seat(
    at: Deployment,
    account: bytes,
    name: str,
    row: Any,
    keys: dict[bytes, str],
    prices: dict[str, int | None],
    tokens: tuple[str, ...],
    block: int,
) -> Seat:
    venue, address, _, isolated, readable, _, _, margin, markets = row
    spots, delayed = [], False
    for key, ok, _pending, position, pocket in markets:
        route = at.venues.functions.route(venue, key).call(block_identifier=block)
        _, delayed, _, _, _, instrument = route
        size: int | None = position[0]
        if not ok:
            held = at.ask(address, "held(bytes32)", ["int256"], instrument, block=block)
            size = int(held[0]) if held else None
        price = prices[keys[key]] or (position[3] if ok else None) or None
        spot = {"market": keys[key], "instrument": instrument, "size": size, "price": price}
        if ok and isolated:
            equity, _, free, maintenance, _ = pocket
            spot |= {"equity": equity, "free": free, "maintenance": maintenance}
        if delayed:
            spot |= _ticket(at, account, venue, address, key, instrument, block)
        spots.append(Spot(**spot))
    whole = {}
    if readable and not isolated:
        equity, _, free, maintenance, _ = margin
        whole = {"equity": equity, "free": free, "maintenance": maintenance}
    looked = dict.fromkeys((at.token, COIN, *_own_token(at, address, block), *tokens))
    held_here = ((token, at.balance(token, address, block)) for token in looked)
    resting = tuple((token, amount) for token, amount in held_here if amount)
    return Seat(
        *(venue, name, address, delayed, isolated, tuple(spots)),
        **whole,
        resting=resting,
    )


def _ticket(
    at: Deployment,
    account: bytes,
    venue: int,
    seat: str,
    key: bytes,
    instrument: bytes,
    block: int,
) -> dict[str, Any]:
    """The vault's record of a ticket, and what Synthetix still has of it."""
    found: dict[str, Any] = {}
    ticket = at.vault.functions.ticket(account, venue, key).call(block_identifier=block)
    _, tip, number, is_open, _, fee, since = ticket
    if is_open:
        found["ticket"] = Ticket(number, since, tip + fee)
    market = "0x" + instrument[-20:].hex()
    flagged = at.ask(market, "isFlagged(address)", ["bool"], seat, block=block)
    found["flagged"] = bool(flagged and flagged[0])
    order = at.ask(market, "delayedOrders(address)", _ORDER, seat, block=block)
    ages = _ages(at, seat, market, block)
    if order is None or ages is None:
        return found
    found["order_known"] = True
    if order[1]:
        found["order"] = VenueOrder(order[1], order[7], *ages)
    return found


def _ages(at: Deployment, seat: str, market: str, block: int) -> tuple[int, int] | None:
    key = at.ask(market, "marketKey()", ["bytes32"], block=block)
    resolver = at.ask(seat, "RESOLVER()", ["address"], block=block)
    if key is None or resolver is None:
        return None
    find = "getAddress(bytes32)"
    settings = at.ask(resolver[0], find, ["address"], SETTINGS, block=block)
    if settings is None:
        return None
    least, most = (
        at.ask(settings[0], f"offchainDelayedOrder{name}(bytes32)", ["uint256"], *key, block=block)
        for name in ("MinAge", "MaxAge")
    )
    return None if least is None or most is None else (int(least[0]), int(most[0]))


def _own_token(at: Deployment, seat: str, block: int) -> tuple[str, ...]:
    """What the venue pays in, where that is not the settlement token."""
    if seat not in at.susd:
        found = at.ask(seat, "SUSD()", ["address"], block=block)
        at.susd[seat] = at.w3.to_checksum_address(found[0]) if found else at.token
    return (at.susd[seat],)


def _oracle(at: Deployment, key: bytes, block: int) -> int | None:
    """The market's fixed feed, however old its answer: USD per base, 1e18."""
    source, _, decimals, *_ = at.venues.functions.feed(key).call(block_identifier=block)
    returns = ["uint80", "int256", "uint256", "uint256", "uint80"]
    found = at.ask(source, "latestRoundData()", returns, block=block)
    if found is None or found[1] <= 0:
        return None
    return int(found[1]) * ONE // int(10**decimals)
