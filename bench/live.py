"""The real venues, asked directly: the yardstick that curves are measured against.

Each class is one funded trader at one venue, on the local chain. `ask` is an `eth_call` of the very
transaction that `trade` sends, so what it returns is what the venue would do.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Protocol

from web3 import Web3
from web3.contract import Contract
from web3.types import RPCEndpoint

from devnet import feeds
from devnet import market as devnet_market
from devnet.artifacts import local_usdc
from devnet.chain import DEPLOYER, Chain
from devnet.synthetix import markets as synthetix_markets
from devnet.venues import synthetix
from ringside import venues
from ringside.chain.abi import WORD, encode, signed, word
from ringside.units import ONE, USDC_TO_USD

GAS = hex(30_000_000)
TRADER = 7
"""Index of the account, among anvil's, that trades here; the devnet itself leaves it alone."""
PLENTY = 10**9 * 10**6
"""USDC (1e6) of margin: a billion, so that margin refuses nothing unless a test wants it to."""
NEVER = 2**256 - 1
OFFCHAIN_ORDER = 2
"""Synthetix's order type that is filled at a price of Pyth."""
SYNTHETIX_DELAY = 2
"""Seconds from an order to a price it may be filled at."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a venue said to a trade: the size it filled and the USD (1e18) all-in, or why it
    refused."""

    filled: int = 0
    all_in: int = 0
    refused: str = ""


class Trader(Protocol):
    """A funded trader at a venue."""

    venue: str

    def request(self, market: str, size: int) -> dict[str, str]:
        """The transaction that trades `size`."""

    def read(self, size: int, data: bytes) -> Answer:
        """What the transaction's return data say."""

    def trade(self, market: str, size: int) -> None:
        """Trade `size` for real; an error if the venue refuses."""


def eth_calls(w3: Web3, requests: Sequence[dict[str, str]], block: int) -> list[bytes | str]:
    """The requests by `eth_call` at `block` in one batch: return data, or the reason of a
    revert."""
    batch = [(RPCEndpoint("eth_call"), [request, hex(block)]) for request in requests]
    answers: list[bytes | str] = []
    provider: Any = w3.provider
    responses = provider.make_batch_request(batch)
    for response in responses:
        error = response.get("error")
        answers.append(
            f"{error['message']} {error.get('data', '')}"
            if error
            else bytes.fromhex(response["result"][2:])
        )
    return answers


def ask(w3: Web3, trader: Trader, market: str, sizes: Sequence[int], block: int) -> list[Answer]:
    """What the venue would do with each of `sizes`, all at the state of `block`."""
    answers = eth_calls(w3, [trader.request(market, size) for size in sizes], block)
    return [
        Answer(refused=a) if isinstance(a, str) else trader.read(size, a)
        for size, a in zip(sizes, answers, strict=True)
    ]


def send(w3: Web3, trader: Trader, market: str, size: int) -> None:
    """Trade `size` for real; an error if the venue refuses."""
    trader.trade(market, size)


def transact(w3: Web3, request: dict[str, str]) -> Any:
    """Send a request as a transaction and check it."""
    tx: Any = {**request, "gas": 30_000_000}
    receipt = w3.eth.wait_for_transaction_receipt(w3.eth.send_transaction(tx), poll_latency=0.002)
    if receipt["status"] != 1:
        raise RuntimeError(f"reverted: {eth_calls(w3, [request], receipt['blockNumber'] - 1)[0]!r}")
    return receipt


def fund(w3: Web3, addresses: dict[str, Any], spender: str, index: int, amount: int) -> str:
    """Give anvil's account `index` USDC that `spender` may take; returns the account."""
    chain = Chain(w3)
    usdc = chain.at(local_usdc(), addresses["usdc"])
    who = chain.accounts[index]
    chain.send(usdc, "mint", who, amount, role=DEPLOYER)
    chain.send(usdc, "approve", spender, amount, role=index)
    return who


class PerpTrader:
    """A trader at Perp v2."""

    venue = "perp-v2"

    def __init__(
        self, w3: Web3, addresses: dict[str, Any], margin: int = PLENTY, index: int = TRADER
    ) -> None:
        self.w3, self.names = w3, addresses["venues"]["perp-v2"]
        self.who = fund(w3, addresses, self.names["vault"], index, margin)
        deposit = encode("deposit(address,uint256)", addresses["usdc"], margin)
        transact(w3, self._request(self.names["vault"], deposit))

    def _request(self, to: str, data: bytes) -> dict[str, str]:
        return {"from": self.who, "to": to, "data": "0x" + data.hex(), "gas": GAS}

    def request(self, market: str, size: int) -> dict[str, str]:
        """openPosition: a buy by exact base output, a sell by exact base input."""
        sell = size < 0
        data = encode(
            "openPosition((address,bool,bool,uint256,uint256,uint256,uint160,bytes32))",
            *(self.names["markets"][market]["base_token"], sell, sell, abs(size), 0, NEVER, 0, 0),
        )
        return self._request(self.names["clearing_house"], data)

    def trade(self, market: str, size: int) -> None:
        """In one transaction."""
        transact(self.w3, self.request(market, size))

    def read(self, size: int, data: bytes) -> Answer:
        """(base, quote): quote is the notional with the fee."""
        return Answer(word(data) if size > 0 else -word(data), word(data, 1))

    def quoter(self, market: str, sizes: Sequence[int], block: int) -> list[tuple[int, int]]:
        """(notional, all-in) of each size by the venue's periphery Quoter, which needs no
        margin."""
        base = self.names["markets"][market]["base_token"]
        signature = "swap((address,bool,bool,uint256,uint160))"
        data = [encode(signature, base, s < 0, s < 0, abs(s), 0) for s in sizes]
        found = eth_calls(self.w3, [self._request(self.names["quoter"], d) for d in data], block)
        return [(abs(signed(a, 3)), abs(signed(a, 1))) for a in found if isinstance(a, bytes)]


class RageTrader:
    """A trader at Rage."""

    venue = "rage"

    def __init__(
        self, w3: Web3, addresses: dict[str, Any], margin: int = PLENTY, index: int = TRADER
    ) -> None:
        self.w3, self.names = w3, addresses["venues"]["rage"]
        house = self.names["clearing_house"]
        self.who = fund(w3, addresses, house, index, margin)
        number = eth_calls(
            w3, [self._request(house, encode("numAccounts()"))], w3.eth.block_number
        )[0]
        assert isinstance(number, bytes)
        self.account = word(number)
        data = encode(
            "createAccountAndAddMargin(uint32,uint256)", self.names["collateral_id"], margin
        )
        transact(w3, self._request(house, data))

    def _request(self, to: str, data: bytes) -> dict[str, str]:
        return {"from": self.who, "to": to, "data": "0x" + data.hex(), "gas": GAS}

    def request(self, market: str, size: int, limit: int = 0) -> dict[str, str]:
        """swapToken by base; with a √price `limit` it must fill whole."""
        pool_id = self.names["markets"][market]["pool_id"]
        data = encode(
            "swapToken(uint256,uint32,(int256,uint160,bool,bool,bool))",
            *(self.account, pool_id, size, limit, False, False, False),
        )
        return self._request(self.names["clearing_house"], data)

    def trade(self, market: str, size: int) -> None:
        """In one transaction."""
        transact(self.w3, self.request(market, size))

    def read(self, size: int, data: bytes) -> Answer:
        """(vTokenAmountOut, vQuoteAmountOut): what the account got, fees included."""
        return Answer(signed(data), abs(signed(data, 1)) * USDC_TO_USD)

    def simulate(self, market: str, sizes: Sequence[int], block: int) -> list[tuple[int, int, int]]:
        """(size, all-in, fees) of each size by the venue's SwapSimulator; USD 1e18."""
        house = self.names["clearing_house"]
        pool_id = self.names["markets"][market]["pool_id"]
        signature = "simulateSwapView(address,uint32,int256,uint160,bool)"
        data = [encode(signature, house, pool_id, s, 0, False) for s in sizes]
        to = self.names["swap_simulator"]
        found = eth_calls(self.w3, [self._request(to, d) for d in data], block)
        # amountSpecified, vTokenIn, vQuoteIn, liquidityFees, protocolFees, √start, √end
        return [
            (
                -signed(a, 1),
                abs(signed(a, 2)) * USDC_TO_USD,
                (word(a, 3) + word(a, 4)) * USDC_TO_USD,
            )
            for a in found
            if isinstance(a, bytes) and len(a) >= 7 * WORD
        ]


class SynthetixTrader:
    """A trader at Synthetix, with margin at every market, and whoever fills its orders."""

    venue = "synthetix"

    def __init__(
        self, w3: Web3, addresses: dict[str, Any], margin: int = PLENTY, index: int = TRADER
    ) -> None:
        self.w3, self.addresses, self.names = w3, addresses, addresses["venues"]["synthetix"]
        self.chain, self.index = Chain(w3), index
        self.who, amount = self.chain.accounts[index], margin * USDC_TO_USD
        for market in self.names["markets"] if margin else ():
            synthetix.issue(w3, self.names, self.who, amount)
            self.send(market, "transferMargin", amount)

    def contract(self, market: str) -> Contract:
        """The market's proxy."""
        return synthetix_markets.market(self.w3, self.names["markets"][market]["market"])

    def ask(self, market: str, name: str, *args: Any, block: int | None = None) -> Any:
        """What a view of the market answers."""
        return self.contract(market).functions[name](*args).call(block_identifier=block or "latest")

    def send(self, market: str, name: str, *args: Any, **options: int) -> Any:
        """A transaction to the market, from this account or another `role`; its receipt."""
        options = {"role": self.index, **options}
        return self.chain.send(self.contract(market), name, *args, **options)

    def request(self, market: str, size: int) -> dict[str, str]:
        """postTradeDetails at the price of now, which leaves the order's deposit out."""
        data = encode(
            "postTradeDetails(int256,uint256,uint8,address)", size, 0, OFFCHAIN_ORDER, self.who
        )
        to = self.names["markets"][market]["market"]
        return {"from": self.who, "to": to, "data": "0x" + data.hex(), "gas": GAS}

    def read(self, size: int, data: bytes) -> Answer:
        """(margin, size, price, liquidation price, fee, status)."""
        if status := word(data, 5):
            return Answer(refused=f"status {status}")
        notional, fee = abs(size) * word(data, 2) // ONE, word(data, 4)
        return Answer(size, notional + fee if size > 0 else notional - fee)

    def submit(self, market: str, size: int) -> None:
        """Commit to trade `size` at any price."""
        self.send(market, "submitOffchainDelayedOrder", size, 2**127 if size > 0 else 0)

    def execute(self, market: str, role: int | None = None) -> Any:
        """Have it filled at the feed's price, by a stranger unless told otherwise."""
        data, fee = synthetix.price_update(self.w3, self.names, market)
        role = self.index + 1 if role is None else role
        name = "executeOffchainDelayedOrder"
        return self.send(market, name, self.who, data, role=role, value=fee)

    def trade(self, market: str, size: int) -> None:
        """In two transactions, some seconds apart."""
        self.submit(market, size)
        self.chain.advance(SYNTHETIX_DELAY)
        self.execute(market)


def disturb(
    rng: random.Random,
    w3: Web3,
    addresses: dict[str, Any],
    known: venues.Markets,
    trader: Trader,
    market: str,
) -> None:
    """Change a market's state at random: price moves with the arbitrageurs behind them, time, real
    trades."""
    if rng.random() < 0.4:
        price = feeds.START_PRICES[market] * Decimal(rng.randint(93, 107)) / 100
        devnet_market.move(w3, addresses, market, price)
    if rng.random() < 0.5:
        Chain(w3).advance(rng.choice((16, 300, 2_000)))
    for _ in range(rng.randint(1, 3)):
        curve = venues.snapshot(w3, known).states[trader.venue, market].curve
        sign = rng.choice((1, -1))
        most = curve.capacity(sign) // 3
        if most > 10**15:
            send(w3, trader, market, sign * rng.randint(10**15, most))
