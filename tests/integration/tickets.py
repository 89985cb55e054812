"""What the tests of venues that fill later share: Synthetix through its own views and events, and
the steps of a ticket's life."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from stage import ETH_USD, MAX, NO_RECEIPT, ONE, ROLES, USDC, Ringside, send
from web3.logs import DISCARD

from devnet import feeds
from devnet.anvil import rpc
from devnet.artifacts import synthetix as artifact
from devnet.chain import Chain
from devnet.synthetix import markets
from devnet.venues import synthetix
from ringside.orders import Order, Tickets, sign, venue_set
from ringside.units import mul_div_to_zero

UNIT = 10**12
"""One unit of USDC in 1e18 USD."""
WINDOW = 30
"""Seconds after an order from which on it cannot be executed; it can be dropped one later."""
YOUNGEST = 2
"""Seconds from an order to the first price it can be executed at."""
TICKETS = Tickets(most=2, max_cost=20 * USDC, max_loss=ONE // 100)
MARGIN = 3_000 * USDC
UNKNOWN = MAX
"""As a ticket's price: the venue's state does not say."""


@dataclass(frozen=True)
class Fill:
    """What the venue's event says of a fill."""

    size: int
    price: int
    fee: int
    index: int
    """Of the funding up to then."""

    @property
    def notional(self) -> int:
        """Signed, truncated as the venue does."""
        return mul_div_to_zero(self.size, self.price, ONE)


class SynthetixView:
    """Synthetix."""

    NAME, SEAT = "synthetix", "SynthetixSeat"

    def __init__(self, ringside: Ringside) -> None:
        places = ringside.addresses["venues"][self.NAME]
        self.ringside, self.places, w3 = ringside, places, ringside.w3
        self.id = ringside.addresses["ringside"]["venue_ids"][self.NAME]
        self.chain = Chain(w3)
        self.proxies = {m: markets.market(w3, p["market"]) for m, p in places["markets"].items()}
        self.settings = self.chain.at(artifact("PerpsV2MarketSettings"), places["market_settings"])
        self.susd = self.chain.at(artifact("ProxyERC20"), places["susd"])

    # ------------------------------------------------------------------ views

    def seat(self, account: bytes | None = None) -> Any:
        return self.ringside.seat_at(self.id, self.SEAT, account)

    def instrument(self, market: str = "ETH-USD") -> bytes:
        return int(self.places["markets"][market]["market"], 16).to_bytes(32, "big")

    def ask(self, name: str, *args: Any, market: str = "ETH-USD") -> Any:
        """A view of the market's."""
        return self.proxies[market].functions[name](*args).call()

    def setting(self, name: str, market: str = "ETH-USD") -> int:
        """One of the market's parameters, or of all markets'."""
        function = self.settings.get_function_by_name(name)
        keys = [self.places["markets"][market]["key"]] if function.abi["inputs"] else []
        return int(function(*keys).call())

    def position(self, market: str = "ETH-USD") -> tuple[int, int, int, int, int]:
        """The seat's: id, funding index, margin, price, size."""
        found = self.ask("positions", self.seat().address, market=market)
        return tuple(int(part) for part in found)  # type: ignore[return-value]

    def size(self, market: str = "ETH-USD") -> int:
        return self.position(market)[4]

    def margin(self, market: str = "ETH-USD") -> int:
        """1e18 sUSD."""
        return self.position(market)[2]

    def order(self, market: str = "ETH-USD", seat: str | None = None) -> tuple[int, int, int]:
        """The pending order's size, price bound and time."""
        found = self.ask("delayedOrders", seat or self.seat().address, market=market)
        return int(found[1]), int(found[2]), int(found[7])

    def earned(self, role: str) -> int:
        """1e18 sUSD that somebody holds."""
        return int(self.susd.functions.balanceOf(self.chain.accounts[ROLES.index(role)]).call())

    def funding(self, size: int, before: int, after: int, market: str = "ETH-USD") -> int:
        """What a position of that size received from one funding index to the other."""
        sums = [self.ask("fundingSequence", index, market=market) for index in (before, after)]
        return mul_div_to_zero(size, sums[1] - sums[0], ONE)

    # ------------------------------------------------------------------ steps

    def send(self, name: str, *args: Any, by: str, market: str = "ETH-USD", value: int = 0) -> Any:
        role = ROLES.index(by)
        return self.chain.send(self.proxies[market], name, *args, role=role, value=value)

    def execute(
        self,
        market: str = "ETH-USD",
        price: Decimal | None = None,
        seat: str | None = None,
        by: str = "stranger",
    ) -> Any:
        """The pending order, by anybody who brings a price that is young enough."""
        at = self.order(market, seat)[2] + YOUNGEST
        if self.ringside.now < at:
            self.ringside.mine_at(at)
        w3, places = self.ringside.w3, self.places
        updates, fee = synthetix.price_update(w3, places, market, price)
        trader = seat or self.seat().address
        return self.send(
            *("executeOffchainDelayedOrder", trader, updates), by=by, market=market, value=fee
        )

    def pass_window(self, market: str = "ETH-USD") -> None:
        """Until the pending order can be dropped."""
        self.ringside.mine_at(self.order(market)[2] + WINDOW + 1)

    def drop(self, market: str = "ETH-USD", by: str = "stranger") -> Any:
        """The pending order at the venue itself, as soon as that is possible."""
        self.pass_window(market)
        seat = self.seat().address
        return self.send("cancelOffchainDelayedOrder", seat, by=by, market=market)

    def move(self, price: Decimal | int, market: str = "ETH-USD") -> None:
        """The oracle's price, and no other venue's."""
        feeds.move(self.ringside.w3, self.ringside.addresses["feeds"], market, Decimal(price))

    def flag(self, by: str = "stranger", market: str = "ETH-USD") -> None:
        self.send("flagPosition", self.seat().address, by=by, market=market)

    def liquidate(self, market: str = "ETH-USD") -> None:
        seat = self.seat().address
        if not self.ask("isFlagged", seat, market=market):
            self.flag(market=market)
        self.send("liquidatePosition", seat, by="stranger", market=market)

    def fill_in(self, receipt: Any, market: str = "ETH-USD") -> Fill:
        """The one fill in a transaction."""
        event = self.proxies[market].events.PositionModified()
        found = [log.args for log in event.process_receipt(receipt, errors=DISCARD)]
        (fill,) = [args for args in found if args.tradeSize != 0]
        return Fill(fill.tradeSize, fill.lastPrice, fill.fee, fill.fundingIndex)

    def arrived(self, receipt: Any, market: str = "ETH-USD") -> int:
        """The margin that a transaction brought, 1e18 sUSD."""
        event = self.proxies[market].events.MarginTransferred()
        mined = self.ringside.w3.eth.get_transaction_receipt(receipt.txn_hash)
        found = event.process_receipt(mined, errors=DISCARD)
        return sum(int(log.args.marginDelta) for log in found)


# ---------------------------------------------------------------------- the desk


def ticket_order(ringside: Ringside, **changes: Any) -> Order:
    """An order for Synthetix alone that signs for tickets, unless told otherwise."""
    venue = ringside.addresses["ringside"]["venue_ids"]["synthetix"]
    return ringside.order(**{"venues": venue_set([venue]), "tickets": TICKETS, **changes})


def commit(
    ringside: Ringside, order: Order, leg: tuple[int, int, int], by: Any = None, value: int = 0
) -> Any:
    """A ticket for the client's order, by the keeper."""
    signature = ringside.signed(order, ringside.actors["client"])
    keeper = by or ringside.actors["keeper"]
    terms = order.tuple, signature, leg, NO_RECEIPT
    return send(ringside.desk.commit, *terms, sender=keeper, value=value)


def commit_step(ringside: Ringside, bundle: Any, step: int, leg: tuple[int, int, int]) -> Any:
    signature = sign(bundle, ringside.domain, ringside.actors["client"].private_key)
    terms = bundle.tuple, signature, step, leg, NO_RECEIPT
    return send(ringside.desk.commitStep, *terms, sender=ringside.actors["keeper"])


def fill_step(ringside: Ringside, bundle: Any, step: int, *legs: tuple[int, int, int]) -> Any:
    signature = sign(bundle, ringside.domain, ringside.actors["client"].private_key)
    terms = bundle.tuple, signature, step, list(legs), NO_RECEIPT
    return send(ringside.desk.fillStep, *terms, sender=ringside.actors["keeper"])


def settle(
    ringside: Ringside, venue: int, number: int = 1, market: bytes = ETH_USD, by: Any = None
) -> Any:
    """Books a ticket of the client's, by a stranger; the Desk's own event of it."""
    sender = by or ringside.actors["stranger"]
    where = ringside.account, venue, market, number, b""
    receipt = send(ringside.desk.settle, *where, sender=sender)
    (event,) = receipt.decode_logs(ringside.desk.Settled)
    return event


def progress(ringside: Ringside, signed: Order | bytes) -> Any:
    """Of an order, or under a key."""
    key = signed.digest(ringside.domain) if isinstance(signed, Order) else signed
    return ringside.desk.progress(key)


# --------------------------------------------------------------------- the owner


def own_commit(
    ringside: Ringside,
    venue: int,
    size: int,
    margin: int = 0,
    max_loss: int = ONE,
    by: Any = None,
    **changes: Any,
) -> Any:
    """A ticket by the account's owner (or `by`) at the vault itself, without the Desk."""
    terms = ringside._terms(venue, size, margin, **changes)
    return send(ringside.vault.commit, terms, max_loss, sender=by or ringside.actors["client"])


def own_settle(ringside: Ringside, venue: int, market: bytes = ETH_USD, by: Any = None) -> Any:
    """At the vault itself; its event, none while the venue has not resolved the ticket."""
    where = ringside.account, venue, market, b""
    receipt = send(ringside.vault.settle, *where, sender=by or ringside.actors["client"])
    return next(iter(receipt.decode_logs(ringside.vault.TicketSettled)), None)


def take(view: SynthetixView, size: int, margin: int = MARGIN, market: str = "ETH-USD") -> Fill:
    """A position at Synthetix by the owner himself: a ticket committed, executed and settled."""
    ringside = view.ringside
    name = ringside.order(market=market).tuple[1][0]
    own_commit(ringside, view.id, size, margin, market=name)
    fill = view.fill_in(view.execute(market), market)
    own_settle(ringside, view.id, name)
    return fill


@contextmanager
def undone(ringside: Ringside) -> Iterator[None]:
    """What is inside is taken back, so that each example of a test finds the same chain."""
    before = rpc(ringside.w3, "evm_snapshot")
    try:
        yield
    finally:
        rpc(ringside.w3, "evm_revert", before)
