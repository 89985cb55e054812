"""A local chain with many clients on it, each with money and a grant to the Desk, and the orders
that they sign: what benches and soaks of the keeper run against."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from random import Random
from typing import Any

from eth_account import Account
from eth_utils.crypto import keccak
from web3 import Web3

from devnet import feeds, state
from devnet import ringside as own
from devnet.anvil import rpc
from devnet.artifacts import local_usdc
from devnet.chain import Chain
from ringside import wire
from ringside.accounts import Right, account_id
from ringside.chain.contracts import Ringside
from ringside.orders import Bundle, Domain, Order, sign, venue_set
from ringside.units import ONE, USDC, to_units

DEPOSIT = 1_000_000 * USDC
PAYER = 3
"""Which of anvil's accounts pays everybody's deposit."""
COINS = 10**22
"""Wei that an owner or lane gets."""
FOREVER = 2**40 - 1
MARKETS = ("ETH-USD", "BTC-USD")
SIZES = {"ETH-USD": ONE, "BTC-USD": ONE // 30}
"""The largest size of a random order: some 2,000 USD."""


@dataclass(frozen=True)
class Owner:
    """A client: its key, its address, its one account."""

    key: bytes
    address: str
    account: bytes


class Site:
    """The deployment on a fresh anvil, and its `owners`."""

    def __init__(self, w3: Web3, owners: int, lanes: int = 8) -> None:
        self.w3, self.chain = w3, Chain(w3)
        addresses = own.deploy(w3, state.load(w3))
        self.addresses: dict[str, Any] = addresses
        self.ringside = Ringside.at(w3, addresses)
        self.since = int(w3.eth.block_number)
        self.owners = [self._owner(f"owner {i}") for i in range(owners)]
        self.lanes = [keccak(text=f"lane {i}") for i in range(lanes)]
        self._nonces: dict[bytes, int] = {}
        for key in self.lanes:
            self._give_coins(Account.from_key(key).address)
        self._admit()

    @cached_property
    def domain(self) -> Any:
        return Domain(self.w3.eth.chain_id, self.ringside.desk.address)

    def _owner(self, name: str) -> Owner:
        key = keccak(text=name)
        address = Account.from_key(key).address
        return Owner(key, address, account_id(address))

    def _give_coins(self, address: str) -> None:
        rpc(self.w3, "anvil_setBalance", address, hex(COINS))

    def _admit(self) -> None:
        """Everybody's deposit, and grant to the Desk."""
        usdc = self.chain.at(local_usdc(), self.ringside.usdc.address)
        vault, desk = self.ringside.vault, self.ringside.desk.address
        total = DEPOSIT * len(self.owners)
        self.chain.send(usdc, "mint", self.chain.accounts[PAYER], total)
        self.chain.send(usdc, "approve", vault.address, total, role=PAYER)
        rights = int(Right.TRADE | Right.MOVE | Right.PAY)
        grant = (desk, rights, FOREVER, 2**64 - 1, 2**128 - 1)
        rpc(self.w3, "anvil_autoImpersonateAccount", True)
        for owner in self.owners:
            self._give_coins(owner.address)
            self.as_owner(owner, vault, "setOperator", owner.account, grant)
            self.chain.send(vault, "deposit", owner.account, DEPOSIT, role=PAYER)

    def as_owner(self, owner: Owner, contract: Any, method: str, *arguments: Any) -> None:
        """Sends an owner's own transaction; does not wait for it."""
        self.send(owner.address, contract, method, *arguments)

    def send(self, who: str, contract: Any, method: str, *arguments: Any, value: int = 0) -> None:
        """Sends from an address that anvil signs for; does not wait for it."""
        tx = {
            "from": who,
            "to": contract.address,
            "data": contract.encode_abi(method, list(arguments)),
            "gas": hex(3_000_000),
            "value": hex(value),
        }
        rpc(self.w3, "eth_sendTransaction", tx)

    def mine_every(self, seconds: int) -> None:
        """A block each so many seconds, whatever comes; 0 for one with each transaction."""
        rpc(self.w3, "evm_setAutomine", not seconds)
        rpc(self.w3, "evm_setIntervalMining", seconds)

    # ------------------------------------------------------------------ orders

    @cached_property
    def prices(self) -> dict[str, int]:
        """The oracles', 1e18, as they were at first."""
        return {m: to_units(feeds.read(self.w3, self.addresses["feeds"], m)) for m in MARKETS}

    def nonce(self, owner: Owner) -> int:
        """A new one of the owner's."""
        self._nonces[owner.account] = self._nonces.get(owner.account, 0) + 1
        return self._nonces[owner.account]

    def order(self, owner: Owner, market: str, size: int, **changes: Any) -> Order:
        """At the venues that fill at once, 10 % from the oracle at worst, half its worth as
        margin."""
        price = self.prices[market]
        ids = self.ringside.venue_ids
        fields: dict[str, Any] = {
            "account": owner.account,
            "market": market,
            "size": size,
            "limit_price": price * (11 if size > 0 else 9) // 10,
            "max_margin": abs(size) * price // ONE // 10**12 // 2,
            "tip": USDC,
            "venues": venue_set([ids["perp-v2"], ids["rage"]]),
            "deadline": FOREVER,
            **changes,
        }
        fields.setdefault("nonce", self.nonce(owner))
        return Order(**fields)

    def mixed(self, owner: Owner, rng: Random, **changes: Any) -> Order:
        """A random market, size and direction, at one venue or at both."""
        market = rng.choice(MARKETS)
        size = rng.randint(SIZES[market] // 20, SIZES[market]) * rng.choice((1, -1))
        ids = self.ringside.venue_ids
        one, other = ids["perp-v2"], ids["rage"]
        venues = venue_set(rng.choice(([one], [other], [one, other])))
        return self.order(owner, market, size, venues=venues, **changes)

    def waiting(self, owner: Owner, rng: Random) -> Order:
        """One that no venue fills: its limit is a tenth away."""
        market = rng.choice(MARKETS)
        size = rng.randint(SIZES[market] // 20, SIZES[market])
        return self.order(owner, market, size, limit_price=self.prices[market] * 9 // 10)

    def body(self, request: Order | Bundle, key: bytes) -> dict[str, Any]:
        """What is posted."""
        kind = "bundle" if isinstance(request, Bundle) else "order"
        signature = "0x" + sign(request, self.domain, key).hex()
        return {kind: wire.message(request), "signature": signature}

    def filled(self) -> dict[bytes, list[tuple[int, int]]]:
        """Every `Filled` of the Desk by key: block and size."""
        found: dict[bytes, list[tuple[int, int]]] = {}
        for log in self.ringside.desk.events.Filled().get_logs(from_block=self.since):
            told = log["args"]
            found.setdefault(bytes(told["key"]), []).append((log["blockNumber"], told["size"]))
        return found
