"""What each thing that an order may say adds to a fill's gas, and what a ticket costs over the
venue itself.

A feature's figure is the difference between two fills from one snapshot, at the venue named, that
differ in nothing else. A ticket is committed, executed by a stranger and settled; the direct
account exchanges the same USDC, posts it, submits the same order, and is executed by the same
stranger.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from eth_account import Account
from eth_utils.crypto import keccak

from bench.gas import (
    CLIENT_FUNDS,
    FOREVER,
    KEEPER,
    MARGIN,
    MARKET,
    ORACLE,
    RECEIPT,
    SIZE,
    Bench,
)
from devnet.anvil import rpc
from devnet.artifacts import compiled
from devnet.synthetix import markets
from devnet.venues import synthetix
from ringside.orders import CLOSE_LONGS, Bounds, Bundle, Conditions, Mode, Tickets, market_id, sign
from ringside.units import ONE, USDC

VENUE = "rage"
"""Where features are measured: the venue whose own gas varies least."""
TICKETS = Tickets(most=3, max_cost=100 * USDC, max_loss=ONE // 100)
FAR = 1_000_000 * ONE
STRANGER = 8
"""Which of anvil's accounts executes orders at the venue."""


def features(bench: Bench) -> dict[str, int]:
    """Gas that each feature adds to a one-leg fill; to a two-step bundle, over two such fills."""
    now = bench.chain.block()["timestamp"]
    plain = _fill(bench)
    signed = {
        "best execution": {"tolerance": ONE // 20},
        "least fill": {"min_fill": SIZE},
        "all or none": {"all_or_none": True},
        "reduce-only, on a reduction": {"reduce_only": True},
        "trigger": {"conditions": Conditions(trigger_price=FAR)},
        "schedule": {"conditions": Conditions(not_before=now - 60, interval=60, slice=SIZE)},
        "one cancels the other": {"conditions": Conditions(group=1, group_size=SIZE)},
        "not before": {"conditions": Conditions(not_before=now)},
    }
    found = {}
    for name, terms in signed.items():
        if "reduce_only" in terms:
            with bench.undone():
                bench.fill({VENUE: SIZE}, MARGIN)
                found[name] = _fill(bench, -ONE, 0, **terms) - _fill(bench, -ONE, 0)
        else:
            found[name] = _fill(bench, **terms) - plain
    with bench.undone():
        bench.fill({"perp-v2": ONE}, MARGIN)
        found["close-first, with a position elsewhere"] = _fill(bench) - _fill(
            bench, open_against=True
        )
    with bench.undone():
        _set_fee(bench)
        found["protocol fee"] = _fill(bench) - plain
    found["an owner that is a contract"] = _by_contract(bench) - plain
    return found | _closing(bench) | _bundles(bench)


def _fill(bench: Bench, size: int = SIZE, margin: int = MARGIN, **terms: Any) -> int:
    with bench.undone():
        return int(bench.fill({VENUE: size}, margin, **terms)["gasUsed"])


def _by_contract(bench: Bench) -> int:
    """A fill for an owner with code, which one recovery of a signature is in."""
    client, signer = bench.client, Account.from_key(keccak(text="the key of a contract"))
    wallet = bench.chain.deploy(compiled("ContractWallet"), signer.address)
    code = bench.chain.w3.eth.get_code(wallet.address)
    with bench.undone():
        rpc(bench.chain.w3, "anvil_setCode", client.address, code.to_0x_hex())
        bench.client = signer
        try:
            return _fill(bench)
        finally:
            bench.client = client


def _closing(bench: Bench) -> dict[str, int]:
    """Over an order that sells what is held, by its size."""
    with bench.undone():
        bench.fill({VENUE: SIZE}, MARGIN)
        plain = _fill(bench, -SIZE, 0)
        with bench.undone():
            bench.nonce += 1
            receipt = bench.fill({VENUE: -SIZE}, whole=CLOSE_LONGS)
            closed = int(receipt["gasUsed"]) - plain
        return {
            "closing all, at one venue": closed,
            "margin freed by closing": _fill(bench, -SIZE, -MARGIN // 2) - plain,
        }


def _set_fee(bench: Bench) -> None:
    venues = bench.chain.at(compiled("Venues"), bench.addresses["ringside"]["venues"])
    bench.chain.send(venues, "setCollector", bench.chain.accounts[KEEPER])
    bench.chain.send(venues, "setFee", market_id(MARKET), ONE // 10_000)


def _bundles(bench: Bench) -> dict[str, int]:
    """A flip (close at one venue, open at the other): as two orders, and under one signature."""
    steps = {"perp-v2": -SIZE, VENUE: SIZE}
    with bench.undone():
        bench.fill({"perp-v2": SIZE}, MARGIN)
        with bench.undone():
            apart = sum(
                int(bench.fill({venue: size}, MARGIN if size > 0 else 0)["gasUsed"])
                for venue, size in steps.items()
            )
        legs = [
            [(bench.ids[venue], size, MARGIN if size > 0 else 0)] for venue, size in steps.items()
        ]
        found = {}
        for mode in Mode:
            with bench.undone():
                bundle, signature = _bundle(bench, list(steps.values()), mode)
                if mode is Mode.ATOMIC:
                    gas = _sent(bench, "fillBundle", bundle.tuple, signature, legs, RECEIPT)
                else:
                    gas = sum(
                        _sent(bench, "fillStep", bundle.tuple, signature, i, part, RECEIPT)
                        for i, part in enumerate(legs)
                    )
                found[f"bundle of two, {mode.name.lower()}"] = gas - apart
    return found


def _bundle(bench: Bench, sizes: list[int], mode: Mode) -> tuple[Bundle, bytes]:
    bench.nonce += 1
    steps = tuple(bench.order(size).terms for size in sizes)
    bundle = Bundle(bench.account, steps, mode, FOREVER, bench.nonce)
    return bundle, sign(bundle, bench.domain, bench.client.key)


def _sent(bench: Bench, name: str, *args: Any) -> int:
    return int(bench.chain.send(bench.desk, name, *args, role=KEEPER)["gasUsed"])


# --------------------------------------------------------------------- tickets


def tickets(bench: Bench) -> dict[str, int]:
    """Gas of a ticket's steps at Synthetix on a seat that exists and is flat, and of a direct
    account's; with margin exchanged and posted, and without."""
    venue = bench.addresses["venues"]["synthetix"]
    proxy = markets.market(bench.chain.w3, venue["markets"][MARKET]["market"])
    direct = bench.chain.deploy(
        compiled("SynthetixDirect"),
        *(bench.usdc.address, venue["susd"], venue["swap_router"], venue["pool_fee"]),
    )
    bench.chain.send(bench.usdc, "mint", direct.address, CLIENT_FUNDS)
    seat = bench.vault.functions.seatOf(bench.account, bench.ids["synthetix"]).call()[0]
    # Both have traded here before, and are flat.
    for size, margin in ((SIZE, MARGIN), (-SIZE, 0)):
        _ours(bench, proxy, seat, size, margin)
        _theirs(bench, proxy, direct, size, margin)
    found: dict[str, int] = {}
    for what, margin in (("", MARGIN), ("without margin, ", 0)):
        with bench.undone():
            for step, gas in _ours(bench, proxy, seat, SIZE, margin).items():
                found[f"ticket {what}{step}"] = gas
        with bench.undone():
            for step, gas in _theirs(bench, proxy, direct, SIZE, margin).items():
                found[f"ticket {what}{step}, direct"] = gas
    with bench.undone():
        _commit(bench, SIZE, MARGIN)
        bench.chain.advance(40)
        pocket = (bench.account, bench.ids["synthetix"], market_id(MARKET))
        found["ticket expire"] = int(
            bench.chain.send(bench.vault, "expire", *pocket, role=KEEPER)["gasUsed"]
        )
    return found


def over_direct(gas: Mapping[str, int], what: str = "") -> float:
    """Commit to settle, over the direct account's submit and execute."""
    ours = sum(gas[f"ticket {what}{step}"] for step in ("commit", "execute", "settle"))
    theirs = sum(gas[f"ticket {what}{step}, direct"] for step in ("commit", "execute"))
    return round(ours / theirs, 4)


def _commit(bench: Bench, size: int, margin: int) -> int:
    bench.nonce += 1
    bounds = Bounds(max_deviation=ORACLE)
    order = bench.order(size, venues=7, tickets=TICKETS, bounds=bounds)
    leg = (bench.ids["synthetix"], size, margin)
    signature = sign(order, bench.domain, bench.client.key)
    return _sent(bench, "commit", order.tuple, signature, leg, RECEIPT)


def _ours(bench: Bench, proxy: Any, seat: str, size: int, margin: int) -> dict[str, int]:
    commit = _commit(bench, size, margin)
    execute = _execute(bench, proxy, seat)
    pocket = (bench.account, bench.ids["synthetix"], market_id(MARKET))
    number = bench.vault.functions.ticket(*pocket).call()[2]
    settle = _sent(bench, "settle", *pocket, number, b"")
    return {"commit": commit, "execute": execute, "settle": settle}


def _theirs(bench: Bench, proxy: Any, direct: Any, size: int, margin: int) -> dict[str, int]:
    commit = bench.chain.send(direct, "trade", proxy.address, size, margin)["gasUsed"]
    return {"commit": int(commit), "execute": _execute(bench, proxy, direct.address)}


def _execute(bench: Bench, proxy: Any, account: str) -> int:
    bench.chain.advance(4)
    venue = bench.addresses["venues"]["synthetix"]
    updates, fee = synthetix.price_update(bench.chain.w3, venue, MARKET)
    receipt = bench.chain.send(
        proxy, "executeOffchainDelayedOrder", account, updates, role=STRANGER, value=fee
    )
    return int(receipt["gasUsed"])
