"""One client, one keeper and a stranger on the local chain, and the few steps every story is told
in."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from typing import Any

from eth_account import Account
from eth_account.hdaccount import ETHEREUM_DEFAULT_PATH
from hypothesis import Phase, settings
from web3 import Web3
from web3.logs import DISCARD

from devnet import feeds, market
from devnet import ringside as own
from devnet.anvil import rpc
from devnet.artifacts import local_usdc
from devnet.chain import Chain
from devnet.synthetix import markets
from devnet.venues import synthetix
from ringside.accounts import Right, account_id
from ringside.chain.contracts import Ringside
from ringside.chain.sender import GAS
from ringside.chain.views import SeatView
from ringside.keeper.oneshot import Keeper
from ringside.keeper.plan import Plan
from ringside.keeper.receipts.store import NO_RECEIPT
from ringside.keeper.tickets import Ticket
from ringside.orders import Bounds, Bundle, Order, Tickets, market_id, sign, venue_set
from ringside.statement import Statement, statement
from ringside.units import ONE, USDC, to_units, usdc_to_usd
from ringside.venues import VENUES
from ringside.venues.ledger import Ledger

CLIENT, KEEPER, STRANGER = 3, 4, 5
"""Which of anvil's accounts plays which role."""
MNEMONIC = "test test test test test test test test test test test junk"
"""Anvil's own, from which its accounts come."""
MARKETS = ("ETH-USD", "BTC-USD")
DEPOSIT = 200_000 * USDC
TIP = USDC
FOREVER = 2**40 - 1
EXAMPLES = settings(deadline=None, derandomize=True, phases=[Phase.explicit, Phase.generate])
"""Of stories on a chain: the same every time, and a failure is told as it was found, since to
shrink it takes minutes."""
LATER = "synthetix"
"""The venue that fills later."""
TICKETS = Tickets(10, 500 * USDC, ONE // 100)
"""Ten may fail, at 500 dollars in all, and exchange may take a hundredth."""
ALL = 2**256 - 1
ANY_PRICE = {1: 2**256 - 1, -1: 0}
"""A limit that any price meets, by direction."""


class Story:
    """The client's account, what is done with it, and what is said about it."""

    def __init__(self, w3: Web3, addresses: dict[str, Any]) -> None:
        self.w3, self.chain = w3, Chain(w3)
        self.ringside = Ringside.at(w3, own.deploy(w3, addresses))
        self.first_block = w3.eth.block_number + 1
        self.client, self.stranger = self.chain.accounts[CLIENT], self.chain.accounts[STRANGER]
        self.account = account_id(self.client)
        self.keeper = Keeper(self.ringside, self.chain.accounts[KEEPER], self.send)
        self.nonce = 0
        Account.enable_unaudited_hdwallet_features()
        path = f"{ETHEREUM_DEFAULT_PATH[:-1]}{CLIENT}"
        self.key = bytes(Account.from_mnemonic(MNEMONIC, account_path=path).key)
        rights = int(Right.TRADE | Right.MOVE | Right.PAY)
        self.own(
            "setOperator", self.account, (self.desk.address, rights, FOREVER, 2**64 - 1, 2**128 - 1)
        )
        usdc = self.chain.at(local_usdc(), self.ringside.usdc.address)
        self.chain.send(usdc, "mint", self.client, 10**9 * USDC)
        self.chain.send(usdc, "approve", self.vault.address, 10**9 * USDC, role=CLIENT)

    @property
    def vault(self) -> Any:
        return self.ringside.vault

    @property
    def desk(self) -> Any:
        return self.ringside.desk

    @contextmanager
    def rolled_back(self) -> Iterator[None]:
        """What is done inside never happened."""
        mark, time = rpc(self.w3, "evm_snapshot"), self.chain.block()["timestamp"]
        configs = {name: dict(known.configs) for name, known in self.keeper.looker.markets.items()}
        nonce = self.nonce
        try:
            yield
        finally:
            rpc(self.w3, "evm_revert", mark)
            # Anvil's own clock does not go back with the blocks.
            rpc(self.w3, "evm_setTime", time)
            self.nonce = nonce
            for name, known in self.keeper.looker.markets.items():
                known.configs.update(configs.get(name, {}))

    # ---------------------------------------------------------------- anybody

    def send(self, tx: Any) -> Any:
        """Sends what an unlocked account signs."""
        digest = self.w3.eth.send_transaction(tx)
        return self.w3.eth.wait_for_transaction_receipt(digest, poll_latency=0.002)

    def fill_by(self, who: str, order: Order, legs: list[tuple[int, int, int]]) -> Any:
        """A fill sent without asking first."""
        data = self.desk.encode_abi("fill", [order.tuple, self.sign(order), legs, NO_RECEIPT])
        tx = {"from": who, "to": self.desk.address, "data": data, "gas": GAS}
        receipt = self.send(tx)
        assert receipt["status"] == 1
        return receipt

    def filled(self, receipt: Any) -> Any:
        """What the Desk's event says of a fill, given its receipt or those of a plan."""
        receipt = receipt[0] if isinstance(receipt, tuple) else receipt
        return self.desk.events.Filled().process_receipt(receipt, DISCARD)[0]["args"]

    def price(self, name: str) -> int:
        """The oracle's, 1e18."""
        return to_units(feeds.read(self.w3, self.ringside.addresses["feeds"], name))

    def move(self, name: str, price: Decimal, arbitrage: bool = True) -> None:
        market.move(self.w3, self.ringside.addresses, name, price, arbitrage=arbitrage)

    # ----------------------------------------------------------------- client

    def own(self, method: str, *arguments: Any) -> Any:
        """A transaction of the client's at the vault."""
        return self.chain.send(self.ringside.vault, method, *arguments, role=CLIENT)

    def deposit(self, amount: int = DEPOSIT) -> None:
        self.own("deposit", self.account, amount)

    def order(self, name: str, size: int, **changes: Any) -> Order:
        """An order at all venues, 10 % from the oracle at worst, with half its worth as margin."""
        self.nonce += 1
        price = self.price(name)
        limit = price * (11 if size > 0 else 9) // 10
        fields = {
            "account": self.account,
            "market": name,
            "size": size,
            "limit_price": limit,
            "max_margin": abs(size) * price // ONE // 10**12 // 2,
            "tip": TIP,
            "venues": venue_set(list(self.ringside.venue_ids.values())),
            "deadline": self.chain.block()["timestamp"] + 3_600,
            "nonce": self.nonce,
            "bounds": Bounds(),
        }
        return Order(**{**fields, **changes})

    def sign(self, order: Order | Bundle) -> bytes:
        return sign(order, self.ringside.domain, self.key)

    def fill(self, order: Order) -> tuple[Plan, Any]:
        """By the keeper."""
        return self.keeper.fill(order, self.sign(order))

    def terms(self, venue: str, name: str, size: int, margin: int = 0) -> tuple[Any, ...]:
        """A trade at any price, as the vault takes it."""
        number, limit = self.ringside.venue_ids[venue], ANY_PRICE[1 if size > 0 else -1]
        paid = (margin, 0, self.client, 0, self.client, False)
        return (self.account, number, market_id(name), size, limit, *paid)

    def trade(self, venue: str, name: str, size: int, margin: int = 0) -> Any:
        """By the owner, at any price; at a venue that fills later, to the end."""
        terms = self.terms(venue, name, size, margin)
        if venue != LATER:
            return self.own("trade", terms)
        receipt = self.own("commit", terms, ONE)
        self.execute(name)
        place = self.account, self.ringside.venue_ids[venue], market_id(name)
        self.own("settle", *place, b"")
        return receipt

    def execute(self, name: str, price: Decimal | None = None) -> Any:
        """By a stranger, two seconds later."""
        self.chain.advance(2)
        names = self.ringside.addresses["venues"][LATER]
        data, fee = synthetix.price_update(self.w3, names, name, price)
        proxy = markets.market(self.w3, names["markets"][name]["market"])
        arguments = ("executeOffchainDelayedOrder", self.seats[LATER].seat, data)
        return self.chain.send(proxy, *arguments, role=STRANGER, value=fee)

    def prices(self, ticket: Ticket) -> tuple[list[bytes], int]:
        """Pyth's newest price of a ticket's market, at the oracle's price."""
        names = self.ringside.addresses["venues"][LATER]
        return synthetix.price_update(self.w3, names, ticket.market)

    def post(self, venue: str, amount: int, name: str = "ETH-USD") -> None:
        number = self.ringside.venue_ids[venue]
        self.own("post", self.account, number, market_id(name), amount, ONE)

    def pull(self, venue: str, amount: int, name: str = "ETH-USD", least: int = 0) -> None:
        number = self.ringside.venue_ids[venue]
        self.own("pull", self.account, number, market_id(name), amount, least)

    def leave(self) -> None:
        """Closes every position, pulls every margin, withdraws everything."""
        for venue, seat in self.seats.items():
            for name, position in seat.positions.items():
                if position.size:
                    self.trade(venue, name, -position.size)
            left = self.seats[venue]
            for name in MARKETS if left.isolated else MARKETS[:1]:
                pocket = left.pocket_of(name)
                if pocket is None or pocket.free < usdc_to_usd(1):
                    continue
                if left.isolated:
                    self.pull(venue, ALL, name)
                else:
                    free = pocket.free // usdc_to_usd(1)
                    self.pull(venue, free, least=free)
        if idle := self.vault.functions.idle(self.account).call():
            self.own("withdraw", self.account, idle, self.client)

    # -------------------------------------------------------------- what is said

    @property
    def seats(self) -> dict[str, SeatView]:
        return dict(self.ringside.account(self.account, MARKETS).seats)

    @property
    def blocks(self) -> tuple[int, int]:
        """From the very first: after some hundred rollbacks anvil has forgotten the state of the
        block before ours, which a ledger that begins later would ask for."""
        return 0, self.w3.eth.block_number

    def ledger(self, venue: str) -> Ledger:
        """By the venue's own events."""
        at, seat = self.ringside, self.seats[venue].seat
        return VENUES[venue].ledger(at.w3, at.addresses, seat, self.blocks)

    def statement(self) -> Statement:
        return statement(self.ringside, self.account, self.blocks)

    def logs(self, event: str, venue: str | None = None) -> list[Any]:
        """The vault's events of the account, at one venue or at all."""
        wanted: dict[str, Any] = {"account": self.account}
        if venue is not None:
            wanted["venue"] = self.ringside.venue_ids[venue]
        found = self.vault.events[event]().get_logs(
            from_block=self.first_block, argument_filters=wanted
        )
        return [entry["args"] for entry in found]
