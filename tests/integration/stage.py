"""What the integration tests share: the system under test, and the few steps every story is told
in."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from eth_abi.abi import decode
from eth_account import Account
from eth_utils.crypto import keccak
from hypothesis import HealthCheck, settings
from web3 import Web3

from devnet import state
from devnet.anvil import rpc
from devnet.artifacts import compiled
from devnet.chain import Chain
from devnet.ringside import CAPS, deploy
from ringside.accounts import Right, account_id
from ringside.orders import Domain, Order, market_id, sign

ROLES = ("governor", "maker", "arbitrageur", "client", "keeper", "attacker", "guardian")
ROLES += ("stranger", "neighbour", "newcomer")
USDC = 10**6
ETH = BTC = ONE = 10**18
MAX = 2**256 - 1
NEVER = 2**40 - 1
"""An expiry that is not reached."""
ALL_RIGHTS = Right.TRADE | Right.MOVE | Right.PAY
DEPOSIT = 100_000 * USDC
PAY_CAP = 1_000 * USDC
ALL_VENUES = 2**128 - 1
ETH_USD, BTC_USD = market_id("ETH-USD"), market_id("BTC-USD")
READ_GAS = 30_000_000
"""What a node gives an eth_call, and what fits a block."""
NO_RECEIPT = (0, b"\0" * 32)
NO_GRANT = ("0x" + "00" * 20, 0, 0, 0, 0)
DOMAIN_TYPE = ("name", "string"), ("version", "string"), ("chainId", "uint256")
PERMIT_TYPES = {
    "EIP712Domain": [
        {"name": name, "type": kind}
        for name, kind in (*DOMAIN_TYPE, ("verifyingContract", "address"))
    ],
    "Permit": [
        {"name": name, "type": kind}
        for name, kind in (
            ("owner", "address"),
            ("spender", "address"),
            ("value", "uint256"),
            ("nonce", "uint256"),
            ("deadline", "uint256"),
        )
    ],
}


def few(examples: int) -> settings:
    """Hypothesis on the chain: so many examples, one after the other on the same chain, and the
    same ones in every run."""
    on_chain = HealthCheck.function_scoped_fixture, HealthCheck.too_slow
    return settings(max_examples=examples, suppress_health_check=on_chain, derandomize=True)


class Refused(Exception):
    """A transaction that would revert, with what it reverts with."""

    def __init__(self, data: bytes) -> None:
        super().__init__(f"0x{data.hex()}")
        self.data = data


def send(method: Any, *args: Any, sender: Any, value: int = 0) -> Any:
    """A transaction as wallets send them: tried by a call first, so that a refusal is seen as it
    is.

    (Ape renders the whole trace of a transaction that failed: a minute, at a real venue.)
    """
    tx = {
        "from": sender.address,
        "to": method.contract.address,
        "data": method.encode_input(*args),
        "gas": hex(15_000_000),
        "value": hex(value),
    }
    provider = method.contract.provider
    answer = provider.web3.provider.make_request("eth_call", [tx, "latest"])
    if "error" in answer:
        data = answer["error"].get("data") or "0x"
        raise Refused(bytes.fromhex(data.removeprefix("0x")))
    mined: Any = rpc(provider.web3, "eth_sendTransactionSync", tx)
    assert int(mined["status"], 16) == 1, "reverted, though the same call had passed"
    return provider.get_receipt(mined["transactionHash"])


def selector(error: Any) -> bytes:
    """The first four bytes of what a custom error reverts with."""
    return keccak(text=error.abi.selector)[:4]


@contextmanager
def reverts(error: Any, **inputs: Any) -> Iterator[None]:
    """What is inside is refused with exactly this custom error, and these of its arguments.

    (`ape.reverts` takes any revert that it cannot decode for the one expected.)
    """
    try:
        yield
    except Refused as refused:
        data = refused.data
    else:
        raise AssertionError(f"expected {error.abi.name}, and nothing was refused")
    assert data[:4] == selector(error), f"not {error.abi.name}: 0x{data.hex()}"
    values = decode([item.canonical_type for item in error.abi.inputs], data[4:])
    found = dict(zip((item.name for item in error.abi.inputs), values, strict=True))
    for name, value in inputs.items():
        seen = "0x" + found[name].hex() if isinstance(found[name], bytes) else found[name]
        expected = "0x" + value.hex() if isinstance(value, bytes) else value
        if isinstance(expected, str):
            expected = expected.lower()
        assert seen == expected, f"{error.abi.name}: {name} is {seen}, not {expected}"


@dataclass(frozen=True, repr=False)
class Ringside:
    """The system on its chain, and one client's account that is ready to trade."""

    w3: Web3
    addresses: dict[str, Any]
    project: Any
    actors: dict[str, Any]
    usdc: Any
    access: Any
    venues: Any
    vault: Any
    quotes: Any
    desk: Any
    lens: Any

    @property
    def account(self) -> bytes:
        return account_id(self.actors["client"].address)

    @property
    def domain(self) -> Domain:
        return Domain(self.w3.eth.chain_id, self.desk.address)

    # ------------------------------------------------------------------ time

    @property
    def now(self) -> int:
        return int(self.w3.eth.get_block("latest")["timestamp"])

    def mine_at(self, timestamp: int) -> None:
        rpc(self.w3, "evm_setNextBlockTimestamp", timestamp)
        rpc(self.w3, "evm_mine")

    def send_at(self, timestamp: int) -> None:
        """The next transaction's block has this time."""
        rpc(self.w3, "evm_setNextBlockTimestamp", timestamp)

    # ----------------------------------------------------------------- money

    def permit(self, owner: Any, amount: int, **changes: Any) -> tuple[int, int, bytes, bytes]:
        """An EIP-2612 permit for the vault, as the vault takes it."""
        message = {
            "owner": owner.address,
            "spender": self.vault.address,
            "value": amount,
            "nonce": self.usdc.nonces(owner),
            "deadline": NEVER,
            **changes,
        }
        domain = {
            "name": "USD Coin",
            "version": "1",
            "chainId": self.w3.eth.chain_id,
            "verifyingContract": self.usdc.address,
        }
        data = {
            "types": PERMIT_TYPES,
            "primaryType": "Permit",
            "domain": domain,
            "message": message,
        }
        signed = Account.sign_typed_data(owner.private_key, full_message=data)
        words = signed.r.to_bytes(32, "big"), signed.s.to_bytes(32, "big")
        return message["deadline"], signed.v, *words

    def open_account(self, owner: Any, label: str = "", amount: int = DEPOSIT) -> bytes:
        """An account of `owner` with money in it and the Desk approved, in one transaction of
        his."""
        account = account_id(owner.address, label)
        send(self.usdc.mint, owner, amount, sender=owner)
        grant = (self.desk.address, ALL_RIGHTS, NEVER, PAY_CAP, ALL_VENUES)
        permit = self.permit(owner, amount)
        send(self.vault.depositWithPermit, account, amount, permit, grant, sender=owner)
        return account

    def idle(self, account: bytes | None = None) -> int:
        return int(self.vault.idle(account or self.account))

    # ---------------------------------------------------------------- orders

    def order(self, **changes: Any) -> Order:
        """A purchase of one ETH that any price and either venue will do for, unless told
        otherwise."""
        size = changes.get("size", ETH)
        plain: dict[str, Any] = {
            "account": self.account,
            "market": "ETH-USD",
            "size": size,
            "limit_price": 10_000 * ONE if size > 0 else 0,
            "max_margin": 10_000 * USDC,
            "tip": 0,
            "venues": 0b11,
            "deadline": NEVER,
            "nonce": 1,
        }
        return Order(**{**plain, **changes})

    def signed(self, order: Order, owner: Any) -> bytes:
        return sign(order, self.domain, owner.private_key)

    def fill(
        self,
        order: Any,
        *legs: tuple[int, int, int],
        by: Any = None,
        signature: bytes | None = None,
    ) -> Any:
        """Fills by the keeper; signed by the client unless a signature is given."""
        if signature is None:
            signature = self.signed(order, self.actors["client"])
        terms = order.tuple if isinstance(order, Order) else order
        keeper = by or self.actors["keeper"]
        return send(self.desk.fill, terms, signature, list(legs), NO_RECEIPT, sender=keeper)

    def quote(self, order: Order, *legs: tuple[int, int, int]) -> int:
        """What a fill would cost or bring now (1e18 USD), tip not in it."""
        signature = self.signed(order, self.actors["client"])
        keeper = self.actors["keeper"]
        terms = order.tuple, signature, list(legs), NO_RECEIPT
        return int(self.desk.fill.call(*terms, sender=keeper, skip_trace=True))

    def filled(self, receipt: Any) -> Any:
        """The one event of a fill."""
        (event,) = receipt.decode_logs(self.desk.Filled)
        return event

    def _terms(self, venue: int, size: int, margin: int, **changes: Any) -> tuple[Any, ...]:
        t = {
            "account": self.account,
            "venue": venue,
            "market": ETH_USD,
            "size": size,
            "limitQuote": MAX if size > 0 else 0,
            "margin": margin,
            "tip": 0,
            "payee": self.actors["client"].address,
            "fee": 0,
            "collector": self.actors["client"].address,
            "measure": False,
        }
        assert changes.keys() <= t.keys()
        return tuple({**t, **changes}.values())

    def trade(self, venue: int, size: int, margin: int = 0, by: Any = None, **changes: Any) -> Any:
        """A trade by the account's owner (or `by`) at one seat, without the Desk."""
        terms = self._terms(venue, size, margin, **changes)
        return send(self.vault.trade, terms, sender=by or self.actors["client"])

    def would_return(self, venue: int, size: int, margin: int, **changes: Any) -> Any:
        """What such a trade would return now: whole price, position, leverage."""
        terms = self._terms(venue, size, margin, **changes)
        found = self.vault.trade.call(terms, sender=self.actors["client"], skip_trace=True)
        return found.quote, found.position, found.leverage

    def returned(self, receipt: Any) -> tuple[int, int, int]:
        """What `Vault.trade` returned inside a transaction: whole price, position, leverage (and
        the active venues, left out)."""
        top = {"tracer": "callTracer", "tracerConfig": {"onlyTopCall": True}}
        found: Any = rpc(self.w3, "debug_traceTransaction", receipt.txn_hash, top)
        quote, position, leverage, _ = decode(
            ["uint256", "int256", "uint256", "uint256"], bytes.fromhex(found["output"][2:])
        )
        return quote, position, leverage

    def view(self, account: bytes, *markets: bytes, gas: int = READ_GAS) -> Any:
        """What the Lens shows of an account, read with no more than this gas."""
        abi = compiled("Lens").abi
        lens = self.w3.eth.contract(address=self.lens.address, abi=abi, decode_tuples=True)
        return lens.functions.account(account, list(markets)).call({"gas": gas})

    # ----------------------------------------------------------------- venues

    def seat_at(self, venue: int, contract: str, account: bytes | None = None) -> Any:
        """The account's seat at a venue, as the contract of that name."""
        address = self.vault.seatOf(account or self.account, venue).seat
        return getattr(self.project, contract).at(address)

    def add_venue(
        self, contract: str, market: bytes = ETH_USD, instrument: int = 1
    ) -> tuple[int, Any]:
        """One more venue, by the name of its seat contract; its id and the implementation."""
        governor = self.actors["governor"]
        arguments = self.vault.address, self.usdc.address
        made = governor.deploy(getattr(self.project, contract), *arguments)
        venue = len(self.venues.venueNames())
        name = f"{contract} {venue}"
        send(self.venues.addVenue, name, made.address, *CAPS, sender=governor)
        send(self.venues.list, venue, market, instrument.to_bytes(32, "big"), sender=governor)
        return venue, made

    def twin(self, seat: str, number: int = 0) -> str:
        """A seat contract's code once more, elsewhere: what a venue may be added with."""
        return str(Chain(self.w3).copy_code(seat, number))


def build(w3: Web3, project: Any, accounts: Any) -> Ringside:
    """Ringside on the loaded chain, the client's and a neighbour's account opened."""
    addresses = deploy(w3, state.load(w3))
    places = addresses["ringside"]
    ringside = Ringside(
        w3=w3,
        addresses=addresses,
        project=project,
        actors={role: accounts[i] for i, role in enumerate(ROLES)},
        usdc=project.LocalUSDC.at(addresses["usdc"]),
        access=project.Access.at(places["access"]),
        venues=project.Venues.at(places["venues"]),
        vault=project.Vault.at(places["vault"]),
        quotes=project.Quotes.at(places["quotes"]),
        desk=project.Desk.at(places["desk"]),
        lens=project.Lens.at(places["lens"]),
    )
    for role in ("client", "neighbour"):
        ringside.open_account(ringside.actors[role])
    return ringside
