"""What a fill costs over the venue itself: `python -m bench.gas`.

A fill and the same trade by a contract that trades at the venue directly start from one snapshot of
the local chain. The headline is an opening trade (margin and trade) on a seat that exists and is
flat; the same onto a position already open, without margin, and a client's very first trade stand
beside it. The parts of the overhead are read from a trace of the headline fill. Written to
build/bench/gas.json; the figures that `bench/gas_snapshot.json` holds are compared by the tests.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from eth_account import Account
from eth_utils.crypto import keccak
from rich.console import Console
from rich.table import Table

from devnet import anvil, ringside, state
from devnet.anvil import rpc
from devnet.artifacts import compiled
from devnet.chain import Chain
from ringside.accounts import Right, account_id
from ringside.orders import Bounds, Conditions, Domain, Order, market_id, sign
from ringside.permits import permit
from ringside.units import ONE, USDC

ROOT = Path(__file__).resolve().parent.parent
OUT = ROOT / "build" / "bench" / "gas.json"
SNAPSHOT = ROOT / "bench" / "gas_snapshot.json"

MARKET = "ETH-USD"
SIZE = 25 * ONE
MARGIN = 12_500 * USDC
TIP = USDC
KEEPER, CLIENT_FUNDS = 6, 1_000_000 * USDC
FOREVER = 2**40 - 1
ORACLE = ONE // 50
LEVERAGE = 9 * ONE
RECEIPT = (1, keccak(text="a receipt"))
DIRECT = {"perp-v2": ("PerpDirect", "base_token"), "rage": ("RageDirect", "pool_id")}


@dataclass
class Bench:
    """A client with an account, a keeper who was paid before, and a direct trader at each venue."""

    chain: Chain
    addresses: Mapping[str, Any]

    def __post_init__(self) -> None:
        chain, own, usdc = self.chain, self.addresses["ringside"], self.addresses["usdc"]
        self.vault = chain.at(compiled("Vault"), own["vault"])
        self.desk = chain.at(compiled("Desk"), own["desk"])
        self.usdc = chain.at(compiled("LocalUSDC"), usdc)
        self.domain = Domain(self.addresses["chain_id"], own["desk"])
        self.venues = list(DIRECT)
        self.ids = own["venue_ids"]
        # Nobody's key: the same in every run, so that every run costs the same.
        self.client = Account.from_key(keccak(text="the client of the gas benchmark"))
        rpc(chain.w3, "anvil_setBalance", self.client.address, hex(10**20))
        rpc(chain.w3, "anvil_impersonateAccount", self.client.address)
        chain.accounts.append(self.client.address)
        self.role = len(chain.accounts) - 1
        self.account = account_id(self.client.address)
        self.nonce = 0
        self.direct: dict[str, tuple[Any, Any]] = {}
        for venue, (contract, key) in DIRECT.items():
            where = self.addresses["venues"][venue]
            trader = chain.deploy(compiled(contract), usdc, where["clearing_house"])
            chain.send(self.usdc, "mint", trader.address, CLIENT_FUNDS)
            self.direct[venue] = trader, where["markets"][MARKET][key]
        chain.send(self.usdc, "mint", self.client.address, 2 * CLIENT_FUNDS)
        # The keeper has been paid before, so that its balance is not new.
        keeper = chain.accounts[KEEPER]
        chain.send(self.usdc, "mint", keeper, USDC)
        chain.send(self.usdc, "approve", self.vault.address, USDC, role=KEEPER)
        chain.send(self.vault, "deposit", account_id(keeper), USDC, role=KEEPER)

    @contextmanager
    def undone(self) -> Iterator[None]:
        """Whatever happens inside is rolled back."""
        nonce, before = self.nonce, rpc(self.chain.w3, "evm_snapshot")
        yield
        rpc(self.chain.w3, "evm_revert", before)
        self.nonce = nonce

    def deposit(self) -> int:
        """By permit, with the Desk approved in it."""
        deadline = self.chain.block()["timestamp"] + 3600
        typed = permit(
            self.addresses["chain_id"],
            self.usdc.address,
            self.client.address,
            self.vault.address,
            CLIENT_FUNDS,
            0,
            deadline,
        )
        s = Account.sign_typed_data(self.client.key, full_message=typed)
        rights = int(Right.TRADE | Right.MOVE | Right.PAY)
        return self.send(
            self.vault,
            "depositWithPermit",
            self.account,
            CLIENT_FUNDS,
            (deadline, s.v, s.r.to_bytes(32, "big"), s.s.to_bytes(32, "big")),
            (self.desk.address, rights, FOREVER, 1_000 * TIP, 7),
        )

    def send(self, contract: Any, name: str, *args: Any) -> int:
        """Gas of a transaction of the client's."""
        return int(self.chain.send(contract, name, *args, role=self.role)["gasUsed"])

    def order(self, size: int, **changes: Any) -> Order:
        """The client's: any price in reason, the oracle's bound, a tip; told otherwise by
        `changes`."""
        plain: dict[str, Any] = {
            "account": self.account,
            "market": MARKET,
            "size": size,
            "limit_price": (2_100 if size > 0 else 1_900) * ONE,
            "max_margin": CLIENT_FUNDS,
            "tip": TIP,
            "venues": 3,
            "deadline": FOREVER,
            "nonce": self.nonce,
            "bounds": Bounds(max_deviation=ORACLE),
        }
        return Order(**{**plain, **changes})

    def fill(
        self,
        legs: Mapping[str, int],
        margin: int = 0,
        whole: int | None = None,
        conditions: Conditions | None = None,
        **bounds: Any,
    ) -> Any:
        """The receipt of a fill: `legs` is size by venue, `margin` for each, `whole` the order's
        size."""
        self.nonce += whole is None or self.nonce == 0
        size = sum(legs.values()) if whole is None else whole
        wanted = Bounds(max_deviation=ORACLE, **bounds)
        order = self.order(size, bounds=wanted, conditions=conditions)
        chosen = [(self.ids[venue], part, margin) for venue, part in legs.items()]
        signature = sign(order, self.domain, self.client.key)
        return self.chain.send(
            self.desk, "fill", order.tuple, signature, chosen, RECEIPT, role=KEEPER
        )

    def alone(self, venue: str, size: int, margin: int, name: str = "trade") -> int:
        """Gas of the same trade by the direct trader."""
        trader, key = self.direct[venue]
        return int(self.chain.send(trader, name, key, size, margin)["gasUsed"])

    def against(self, venue: str, size: int, margin: int, **bounds: Any) -> tuple[int, int]:
        """Gas of the fill and of the direct trade, each from this very state."""
        with self.undone():
            ours = int(self.fill({venue: size}, margin, **bounds)["gasUsed"])
        with self.undone():
            return ours, self.alone(venue, size, margin)


def measure(bench: Bench, parts: bool = True) -> dict[str, Any]:
    """Every figure, as gas.json has it."""
    from bench import gas_orders  # Which builds on this module.

    gas: dict[str, Any] = {"deposit": bench.deposit()}
    pairs: dict[str, dict[str, tuple[int, int]]] = {}

    def note(what: str, venue: str, pair: tuple[int, int]) -> None:
        pairs.setdefault(what, {})[venue] = pair

    for venue in bench.venues:
        with bench.undone():
            first = int(bench.fill({venue: SIZE}, MARGIN)["gasUsed"])
        with bench.undone():
            note("first_trade", venue, (first, bench.alone(venue, SIZE, MARGIN, "first")))
    for venue in bench.venues:
        bench.fill({venue: SIZE}, MARGIN)
        bench.alone(venue, SIZE, MARGIN, "first")
    for venue in bench.venues:
        note("adding_to_a_position", venue, bench.against(venue, SIZE, MARGIN))
        bounded = bench.against(venue, SIZE, MARGIN, max_leverage=LEVERAGE)
        note("adding_with_leverage_bound", venue, bounded)
        note("adding_without_margin", venue, bench.against(venue, ONE, 0))
        note("reducing", venue, bench.against(venue, -ONE, 0))
    for venue in bench.venues:
        bench.fill({venue: -SIZE})
        bench.alone(venue, -SIZE, 0)
    for venue in bench.venues:
        note("fill_over_direct", venue, bench.against(venue, SIZE, MARGIN))
        bounded = bench.against(venue, SIZE, MARGIN, max_leverage=LEVERAGE)
        note("with_leverage_bound", venue, bounded)

    both = dict.fromkeys(bench.venues, SIZE // 2)
    with bench.undone():
        gas["fill_two_legs"] = int(bench.fill(both, MARGIN)["gasUsed"])
    for venue in bench.venues:
        with bench.undone():
            half = {venue: SIZE // 2}
            bench.nonce += 1
            receipt = bench.fill(half, MARGIN, whole=SIZE)
            gas[f"fill_first_half {venue}"] = int(receipt["gasUsed"])
            receipt = bench.fill(half, MARGIN, whole=SIZE)
            gas[f"fill_second_half {venue}"] = int(receipt["gasUsed"])
        with bench.undone():
            number = bench.ids[venue]
            gas[f"post {venue}"] = bench.send(
                bench.vault, "post", bench.account, number, market_id(MARKET), MARGIN, 0
            )
            pull = (bench.account, number, market_id(MARKET), MARGIN, MARGIN)
            gas[f"pull {venue}"] = bench.send(bench.vault, "pull", *pull)
    with bench.undone():
        to = bench.client.address
        gas["withdraw"] = bench.send(bench.vault, "withdraw", bench.account, MARGIN, to)
    with bench.undone():
        gas["cancel"] = bench.send(bench.desk, "cancel", bench.account, 10_000)

    result: dict[str, Any] = {
        what: {venue: round(ours / theirs, 4) for venue, (ours, theirs) in by.items()}
        for what, by in pairs.items()
    }
    for what, by in pairs.items():
        for venue, (ours, theirs) in by.items():
            gas[f"{what} {venue}"], gas[f"{what} {venue}, direct"] = ours, theirs
    gas |= gas_orders.tickets(bench)
    result["fill_over_direct"]["synthetix"] = gas_orders.over_direct(gas)
    result["adding_without_margin"]["synthetix"] = gas_orders.over_direct(gas, "without margin, ")
    result["features"] = gas_orders.features(bench)
    gas |= {f"feature {name}": extra for name, extra in result["features"].items()}
    result["gas"] = dict(sorted(gas.items()))
    if parts:
        result["parts"] = {venue: _parts(bench, venue) for venue in bench.venues}
    return result


REST = "desk, calldata and base cost, less refunds"


def _parts(bench: Bench, venue: str) -> dict[str, int]:
    """What the headline fill's overhead is made of: each contract's own share of the fill's trace
    less what the direct trade has of it. A trace shows frames before refunds and the total after
    them, so the last row is the rest; the rows add up to the overhead."""
    own = bench.addresses["ringside"]
    names = {
        own["desk"]: REST,
        own["vault"]: "vault",
        own["venues"]: "registry",
        own["seats"][venue]: "seat",
        bench.addresses["usdc"]: "USDC, vault to seat",
        bench.addresses["feeds"][MARKET]: "oracle",
        bench.direct[venue][0].address: REST,
        "0x" + "01".rjust(40, "0"): "signature",
    }
    with bench.undone():
        receipt = bench.fill({venue: SIZE}, MARGIN)
        ours = _shares(bench, receipt, names)
    with bench.undone():
        trader, key = bench.direct[venue]
        receipt = bench.chain.send(trader, "trade", key, SIZE, MARGIN)
        theirs = _shares(bench, receipt, names)
    rows = [*(name for name in ours if name != REST), REST]
    return {name: ours[name] - theirs.get(name, 0) for name in rows}


def _shares(bench: Bench, receipt: Any, names: Mapping[str, str]) -> dict[str, int]:
    """Gas by name: frames of the contracts named by themselves, the venue with all it calls, and
    REST."""
    by_address = {address.lower(): name for address, name in names.items()}
    found: dict[str, int] = {}

    def walk(call: Mapping[str, Any], inside: str) -> None:
        name = by_address.get(call.get("to", "").lower(), "seat" if inside == "vault" else "venue")
        used, calls = int(call["gasUsed"], 16), call.get("calls", [])
        if name != "venue":
            used -= sum(int(c["gasUsed"], 16) for c in calls)
            for below in calls:
                walk(below, name)
        if name != REST:
            found[name] = found.get(name, 0) + used

    digest = "0x" + bytes(receipt["transactionHash"]).hex()
    trace: Any = rpc(bench.chain.w3, "debug_traceTransaction", digest, {"tracer": "callTracer"})
    walk(trace, "")
    return {**found, REST: int(receipt["gasUsed"]) - sum(found.values())}


@contextmanager
def stage() -> Iterator[Bench]:
    """A fresh chain with everything on it."""
    with anvil.running(state.free_port()) as w3:
        yield Bench(Chain(w3), ringside.deploy(w3, state.load(w3)))


def table(result: Mapping[str, Any]) -> list[Table]:
    """The ratios, and where the headline's gas goes."""
    venues = list(result["fill_over_direct"])
    ratios = Table("fill ÷ direct", *venues, title="Gas", title_justify="left")
    for what, by in result.items():
        if what not in ("gas", "parts", "features"):
            ratios.add_row(what, *(f"{by[v]:.4f}" if v in by else "" for v in venues))
    extras = Table("feature", "gas", title="What a feature adds to a fill", title_justify="left")
    for what, extra in result["features"].items():
        extras.add_row(what, f"{extra:,}")
    steps = Table("step", "gas", "direct", title="A ticket at Synthetix", title_justify="left")
    gas = result["gas"]
    for name in (n for n in gas if n.startswith("ticket ") and not n.endswith(", direct")):
        other = gas.get(f"{name}, direct")
        steps.add_row(name.removeprefix("ticket "), f"{gas[name]:,}", f"{other:,}" if other else "")
    parts = Table("part", *result["parts"], title="What the overhead is", title_justify="left")
    for name in dict.fromkeys(n for by in result["parts"].values() for n in by):
        parts.add_row(name, *(f"{by.get(name, 0):,}" for by in result["parts"].values()))
    parts.add_row("all", *(f"{sum(by.values()):,}" for by in result["parts"].values()))
    return [ratios, parts, extras, steps]


def run(say: Callable[..., None], accept: bool = False) -> None:
    """Measures, prints and writes; with `accept` what was measured becomes the snapshot."""
    with stage() as bench:
        result = measure(bench)
    OUT.parent.mkdir(parents=True, exist_ok=True)
    OUT.write_text(json.dumps(result, indent=2) + "\n")
    for part in table(result):
        say(part)
    say(f"{OUT.relative_to(ROOT)} written")
    if accept:
        SNAPSHOT.write_text(json.dumps(result["gas"], indent=2) + "\n")
        say(f"{SNAPSHOT.relative_to(ROOT)} accepted: commit it")


if __name__ == "__main__":
    run(Console().print, "--accept" in sys.argv)
