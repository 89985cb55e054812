"""The chain that the stateful tests act on, spoken to as cheaply as can be: one node, raw JSON-RPC,
one call for all that is read after a step."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from eth_abi.abi import decode, encode
from eth_account import Account
from eth_account.hdaccount import ETHEREUM_DEFAULT_PATH
from eth_utils.abi import collapse_if_tuple
from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak
from requests import Session
from web3 import HTTPProvider, Web3

from devnet import ringside
from devnet.anvil import rpc
from devnet.artifacts import compiled
from devnet.chain import Chain
from devnet.ringside import CAPS
from devnet.synthetix import markets
from ringside.accounts import account_id
from ringside.chain.abi import encode as call_data
from ringside.chain.contracts import Refused
from ringside.chain.contracts import Ringside as Deployment
from ringside.chain.multicall import MULTICALL3
from ringside.chain.sender import attempt
from ringside.orders import Domain, market_id
from ringside.permits import PERMIT2
from ringside.units import USDC

ROLES = ("governor", "maker", "arbitrageur", "client", "keeper", "attacker", "guardian")
ROLES += ("stranger", "neighbour", "signer")
PAYEES = ("keeper", "attacker", "stranger", "governor")
"""Who fills, and whom the protocol's fee goes to: they own accounts too."""
MNEMONIC = "test test test test test test test test test test test junk"
MARKETS = ("ETH-USD", "BTC-USD")
PERP, RAGE, SYNTHETIX, FICKLE = "perp-v2", "rage", "synthetix", "fickle"
DEPOSIT = 200_000 * USDC
FOREVER = 2**40 - 1
MAX = 2**256 - 1
ALL_VENUES = 2**128 - 1
PAY_CAP = 10_000 * USDC
GAS = 15_000_000
RICH = hex(10**24)
_AGGREGATE3 = bytes.fromhex("82ad56cb")
_FOREIGN = (
    "SafeERC20FailedOperation(address)",
    "ReentrancyGuardReentrantCall()",
    "AccessManagedUnauthorized(address)",
    "Fickle()",
    "InvalidSigner()",
    "InvalidContractSignature()",
    "InvalidNonce()",
)


@dataclass(frozen=True)
class Holder:
    """An account, its owner, and the key that signs for it."""

    name: str
    account: bytes
    owner: str
    key: bytes


@dataclass(frozen=True)
class Event:
    """What the vault or the Desk said in a transaction."""

    name: str
    args: Mapping[str, Any]


@dataclass(frozen=True)
class Read:
    """A view: whose, what of it, and how many words of the answer count."""

    name: str
    what: str
    to: str
    data: bytes
    words: int = 1


def _word(answer: bytes, place: int) -> int:
    return int.from_bytes(answer[place : place + 32], "big")


@cache
def _functions(contract: str) -> dict[str, tuple[bytes, list[str]]]:
    found = {}
    for entry in compiled(contract).abi:
        if entry["type"] == "function":
            kinds = [collapse_if_tuple(i) for i in entry["inputs"]]
            head = keccak(text=f"{entry['name']}({','.join(kinds)})")[:4]
            found[entry["name"]] = (head, kinds)
    return found


def data_of(contract: str, name: str, *args: Any) -> bytes:
    """The call of a function of one of our contracts."""
    head, kinds = _functions(contract)[name]
    return head + encode(kinds, args)


@cache
def _events() -> dict[str, tuple[str, list[tuple[str, str]], list[tuple[str, str]]]]:
    found = {}
    for contract in ("Vault", "Desk", "Policies"):
        for entry in compiled(contract).abi:
            if entry["type"] == "event":
                kinds = [collapse_if_tuple(i) for i in entry["inputs"]]
                pairs = list(zip(entry["inputs"], kinds, strict=True))
                topic = "0x" + keccak(text=f"{entry['name']}({','.join(kinds)})").hex()
                indexed = [(i["name"], kind) for i, kind in pairs if i["indexed"]]
                plain = [(i["name"], kind) for i, kind in pairs if not i["indexed"]]
                found[topic] = (entry["name"], indexed, plain)
    return found


class Arena:
    """Ringside and its venues, the holders of four accounts, and what was called how often.

    An owner with two accounts, another one, and a contract that signs by ERC-1271; the Desk may do
    everything for each, Policies may move and pay. Beside the three real venues there is one that
    may turn on its clients.
    """

    def __init__(self, url: str, addresses: dict[str, Any]) -> None:
        # A session that looks for no proxy in the environment, at every request.
        session = Session()
        session.trust_env = False
        self.w3 = w3 = Web3(HTTPProvider(url, session=session))
        self.chain = Chain(w3)
        self.addresses = ringside.deploy(w3, addresses)
        self.own = self.addresses["ringside"]
        self.who = dict(zip(ROLES, self.chain.accounts, strict=True))
        self.vault, self.desk, self.usdc = self.own["vault"], self.own["desk"], addresses["usdc"]
        self.policies = self.own["policies"]
        self.domain = Domain(w3.eth.chain_id, self.desk)
        self.tried: Counter[str] = Counter()
        self.done: Counter[str] = Counter()
        self.refusals: Counter[tuple[str, str]] = Counter()
        rpc(w3, "anvil_autoImpersonateAccount", True)
        self._add_fickle()
        self.bundles = str(to_checksum_address(self.call("Desk", "BUNDLES")[12:32]))
        self.payees = [(account_id(self.who[role]), role) for role in PAYEES]
        self.payees.append((account_id(self.fickle), FICKLE))
        self.venues = {**self.own["venue_ids"], FICKLE: self.fickle_id}
        self.deployment = Deployment.at(w3, self.addresses)
        self.holders = self._open_accounts()
        self.seats = {
            (holder.name, venue): self._seat(holder.account, number)
            for holder in self.holders.values()
            for venue, number in self.venues.items()
        }
        self.rage_ids: dict[str, int] = {}
        self._fixed_reads = self._reads()
        places = self.addresses["venues"][SYNTHETIX]["markets"]
        self.proxies = {name: markets.market(w3, places[name]["market"]) for name in MARKETS}
        self._mark = ""
        self._time = int(self.chain.block()["timestamp"])
        self.reset()

    # ------------------------------------------------------------------ building

    def _add_fickle(self) -> None:
        venues = self.chain.at(compiled("Venues"), self.own["venues"])
        self.fickle_id = len(self.own["venue_ids"])
        made = self.chain.deploy(compiled("FickleSeat"), self.vault, self.usdc)
        other = self.chain.deploy(compiled("LocalUSDC"))
        self.fickle, self.other = made.address, other.address
        self.chain.send(made, "setOther", other.address)
        # It has money of its own in the vault, and wants it in the middle of everything.
        self.must("LocalUSDC", "mint", self.fickle, USDC, by="governor")
        rpc(self.w3, "anvil_setBalance", self.fickle, RICH)
        self.must("LocalUSDC", "approve", self.vault, USDC, by=self.fickle)
        own = account_id(self.fickle)
        self.must("Vault", "deposit", own, USDC, by=self.fickle)
        wanted = data_of("Vault", "withdraw", own, USDC, self.fickle)
        self.must("FickleSeat", "plan", [(self.vault, wanted)], by="governor")
        self.chain.send(venues, "addVenue", FICKLE, made.address, *CAPS)
        key = (1).to_bytes(32, "big")
        self.chain.send(venues, "list", self.fickle_id, market_id("ETH-USD"), key)
        self.chain.send(venues, "setCollector", self.who["governor"])

    def _open_accounts(self) -> dict[str, Holder]:
        Account.enable_unaudited_hdwallet_features()
        keys = {
            role: bytes(
                Account.from_mnemonic(
                    MNEMONIC, account_path=f"{ETHEREUM_DEFAULT_PATH[:-1]}{ROLES.index(role)}"
                ).key
            )
            for role in ("client", "neighbour", "signer")
        }
        self.strangers_key = bytes(Account.from_mnemonic(MNEMONIC).key)
        wallet = self.chain.deploy(compiled("ContractWallet"), self.who["signer"]).address
        rpc(self.w3, "anvil_setBalance", wallet, RICH)
        self.who["wallet"] = wallet
        plain = [
            ("client", self.who["client"], "", keys["client"]),
            ("client/hedge", self.who["client"], "hedge", keys["client"]),
            ("neighbour", self.who["neighbour"], "", keys["neighbour"]),
            ("wallet", wallet, "", keys["signer"]),
        ]
        holders = {}
        for name, owner, label, key in plain:
            holder = Holder(name, account_id(owner, label), owner, key)
            holders[name] = holder
            self.must("LocalUSDC", "mint", owner, 10 * DEPOSIT, by="governor")
            for spender in (self.vault, PERMIT2):
                self.must("LocalUSDC", "approve", spender, MAX, by=owner)
            self.must("Vault", "deposit", holder.account, DEPOSIT, by=owner)
            for operator, rights in ((self.desk, 7), (self.policies, 6)):
                grant = (operator, rights, FOREVER, PAY_CAP, ALL_VENUES)
                self.must("Vault", "setOperator", holder.account, grant, by=owner)
        return holders

    def _seat(self, account: bytes, venue: int) -> str:
        found = self.call("Vault", "seatOf", account, venue)
        return str(to_checksum_address(found[12:32]))

    def reset(self) -> None:
        """The chain as it was when it was built."""
        if self._mark:
            rpc(self.w3, "evm_revert", self._mark)
            rpc(self.w3, "evm_setTime", self._time)
        self._mark = str(rpc(self.w3, "evm_snapshot"))
        self.rage_ids = {}
        self._ask()

    def moved(self) -> None:
        """The chain went on: what was read is not so any more."""
        self._seen: dict[str, dict[str, Any]] = {}

    def advance(self, seconds: int) -> None:
        """One block, so much later."""
        self.chain.advance(seconds)
        self.moved()

    # ------------------------------------------------------------------ calling

    def place(self, contract: str) -> str:
        places = {"LocalUSDC": self.usdc, "FickleSeat": self.fickle}
        return str(places.get(contract) or self.own[contract.lower()])

    def address(self, who: str) -> str:
        """Of a role, or itself."""
        return str(self.who.get(who, who))

    def call(self, contract: str, name: str, *args: Any, by: str = "stranger") -> bytes:
        """What a call would return now.

        Raises:
            Refused: by which error.
        """
        return self.call_raw(self.place(contract), data_of(contract, name, *args), by)

    def call_raw(self, to: str, data: bytes, by: str = "stranger", value: int = 0) -> bytes:
        tx = {"from": self.address(by), "to": to, "data": data, "gas": GAS, "value": value}
        return attempt(self.w3, tx, _FOREIGN)

    def send_raw(self, to: str, data: bytes, by: str, value: int = 0) -> dict[str, Any] | None:
        """Mined; `None` where it reverted."""
        tx = {"from": self.address(by), "to": to, "data": "0x" + data.hex()}
        tx |= {"gas": hex(GAS), "value": hex(value)}
        self.moved()
        mined: Any = rpc(self.w3, "eth_sendTransactionSync", tx)
        return mined if int(mined["status"], 16) == 1 else None

    def must(self, contract: str, name: str, *args: Any, by: str) -> dict[str, Any]:
        """A transaction that has to go through."""
        data, to = data_of(contract, name, *args), self.place(contract)
        mined = self.send_raw(to, data, by)
        if mined is None:
            self.call_raw(to, data, by)  # Says why.
            raise AssertionError(f"{contract}.{name} reverted, and the same call passes now")
        return mined

    # ---------------------------------------------------------- calls that are counted

    def refused(self, kind: str, to: str, data: bytes, by: str, value: int = 0) -> Refused | None:
        """Tries a call, without changing anything; how it was refused, if it was."""
        self.tried[kind] += 1
        try:
            self.call_raw(to, data, by, value)
        except Refused as refused:
            self.refusals[kind, refused.name] += 1
            return refused
        return None

    def act(
        self, kind: str, to: str, data: bytes, by: str, value: int = 0
    ) -> list[Event] | Refused:
        """Sends what is not refused; what the vault and the Desk said, or how it was refused."""
        refused = self.refused(kind, to, data, by, value)
        if refused is not None:
            return refused
        mined = self.send_raw(to, data, by, value)
        if mined is None:
            # What had just passed: two seconds later the venue says otherwise.
            self.refusals[kind, "overtaken by time"] += 1
            return Refused("overtaken by time")
        self.done[kind] += 1
        return self.events(mined)

    @property
    def calls(self) -> int:
        """Tried so far, refused or not."""
        return self.tried.total()

    def events(self, mined: Mapping[str, Any]) -> list[Event]:
        ours = {place.lower() for place in (self.vault, self.desk, self.policies)}
        found = []
        for log in mined["logs"]:
            known = _events().get(log["topics"][0]) if log["topics"] else None
            if known is None or log["address"].lower() not in ours:
                continue
            name, indexed, plain = known
            values = decode([kind for _, kind in plain], bytes.fromhex(log["data"][2:]))
            args = dict(zip((n for n, _ in plain), values, strict=True))
            for (field, kind), topic in zip(indexed, log["topics"][1:], strict=True):
                args[field] = decode([kind], bytes.fromhex(topic[2:]))[0]
            found.append(Event(name, args))
        return found

    @property
    def now(self) -> int:
        latest: Any = rpc(self.w3, "eth_getBlockByNumber", "latest", False)
        return int(latest["timestamp"], 16)

    # ------------------------------------------------------------------ reading

    def _reads(self) -> list[Read]:
        """Everything that belongs to an account: what Ringside keeps, and what the venues keep for
        its seats; of a read, how many words count."""
        at = self.addresses["venues"]
        perp, syn = at[PERP], at[SYNTHETIX]
        reads: list[Read] = []

        def own(name: str, what: str, contract: str, function: str, *args: Any) -> None:
            data = data_of(contract, function, *args)
            reads.append(Read(name, what, self.place(contract), data))

        for holder in self.holders.values():
            name, account = holder.name, holder.account
            seats = {venue: self.seats[name, venue] for venue in self.venues}
            for what in ("idle", "reserved", "active"):
                own(name, what, "Vault", what, account)
            own(name, "epoch", "Desk", "epochs", account)
            for operator in (self.desk, self.policies, self.who["attacker"]):
                data = data_of("Vault", "operators", account, operator)
                reads.append(Read(name, f"operator {operator}", self.vault, data, 4))
            for venue, seat in seats.items():
                own(name, f"{venue} resting", "LocalUSDC", "balanceOf", seat)
                own(name, f"{venue} posted", "Vault", "postedBy", account, self.venues[venue])
                data = data_of("Vault", "seatOf", account, self.venues[venue])
                reads.append(Read(name, f"{venue} seat", self.vault, data, 2))
            seat = seats[PERP]
            data = call_data("getBalanceByToken(address,address)", seat, self.usdc)
            reads.append(Read(name, "perp-v2 margin", perp["vault"], data))
            for market in MARKETS:
                token = perp["markets"][market]["base_token"]
                data = call_data("getTotalPositionSize(address,address)", seat, token)
                reads.append(Read(name, f"perp-v2 {market}", perp["account_balance"], data))
            seat = seats[SYNTHETIX]
            data = call_data("balanceOf(address)", seat)
            reads.append(Read(name, "synthetix sUSD", syn["susd"], data))
            for market in MARKETS:
                place = syn["markets"][market]["market"]
                data = call_data("positions(address)", seat)
                reads.append(Read(name, f"synthetix {market}", place, data, 5))
                data = call_data("delayedOrders(address)", seat)
                reads.append(Read(name, f"order {market}", place, data, 3))
            seat = seats[FICKLE]
            for what, function in (("fickle ETH-USD", "held_"), ("fickle margin", "posted")):
                reads.append(Read(name, what, seat, data_of("FickleSeat", function)))
            reads.append(Read(name, "rage id", seats[RAGE], data_of("RageSeat", "accountId")))
        for account, name in self.payees:
            own(name, "idle", "Vault", "idle", account)
        for market, feed in self.addresses["feeds"].items():
            reads.append(Read("oracle", market, feed, call_data("latestAnswer()")))
        for venue, number in self.venues.items():
            own("vault", f"{venue} posted", "Vault", "posted", number)
        own("vault", "at fickle", "LocalUSDC", "balanceOf", self.fickle)
        own("vault", "balance", "LocalUSDC", "balanceOf", self.vault)
        return reads

    def _rage_reads(self) -> list[Read]:
        """Of those who have an account there."""
        at = self.addresses["venues"][RAGE]
        pool = {name: at["markets"][name]["pool_id"] for name in MARKETS}
        margin = "getAccountCollateralBalance(uint256,uint32)"
        size = "getAccountTokenPositionInfo(uint256,uint32)"
        reads = []
        for name, number in self.rage_ids.items():
            data = call_data(margin, number, at["collateral_id"])
            reads.append(Read(name, "rage margin", at["lens"], data))
            for market in MARKETS:
                data = call_data(size, number, pool[market])
                reads.append(Read(name, f"rage {market}", at["lens"], data))
        return reads

    def _ask(self) -> None:
        """All of it as one call."""
        self._asked = [*self._fixed_reads, *self._rage_reads()]
        calls = [(read.to, True, read.data) for read in self._asked]
        packed = _AGGREGATE3 + encode(["(address,bool,bytes)[]"], [calls])
        self._question = {"to": MULTICALL3, "data": "0x" + packed.hex(), "gas": hex(90_000_000)}
        self.moved()

    def footprint(self) -> dict[str, dict[str, Any]]:
        """By account (and of payees their idle, and the vault's balance): what is where. A read
        that fails is `None`: there is no seat yet."""
        if self._seen:
            return self._seen
        answer = bytes.fromhex(str(rpc(self.w3, "eth_call", self._question, "latest"))[2:])
        found: dict[str, dict[str, Any]] = {}
        for place, read in enumerate(self._asked):
            row = 64 + _word(answer, 64 + 32 * place)
            start = row + _word(answer, row + 32) + 32
            value: Any = None
            if _word(answer, row) and _word(answer, start - 32) >= 32 * read.words:
                parts = [
                    int.from_bytes(answer[i : i + 32], "big", signed=True)
                    for i in range(start, start + 32 * read.words, 32)
                ]
                value = parts[0] if read.words == 1 else tuple(parts)
            found.setdefault(read.name, {})[read.what] = value
        fresh = {
            name: here["rage id"]
            for name, here in found.items()
            if here.get("rage id") is not None and name not in self.rage_ids
        }
        if fresh:
            self.rage_ids |= fresh
            self._ask()
            return self.footprint()
        self._seen = found
        return found

    def position(self, here: Mapping[str, Any], venue: str, market: str) -> int:
        """By the venue's own storage, in one account's part of a footprint."""
        value = here.get(f"{venue} {market}")
        if value is None:
            return 0
        return int(value[4] if venue == SYNTHETIX else value)

    def oracle(self, market: str) -> int:
        """1e18 USD."""
        return int(self.footprint()["oracle"][market]) * 10**10
