"""What a transaction says was filled or committed, and what had been signed for it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from web3.logs import DISCARD
from web3.types import RPCEndpoint

from ringside.chain.contracts import Ringside
from ringside.keeper.decide import Request
from ringside.orders import (
    Bounds,
    Bundle,
    Conditions,
    Mode,
    Order,
    Terms,
    Tickets,
    market_id,
)

_FILLS = ("fill", "commit", "fillStep", "commitStep", "fillBundle")


@dataclass(frozen=True, slots=True)
class Leg:
    """One trade as the vault tells it: signed size (1e18), whole price (USD 1e18; a ticket's has
    none yet), margin in USDC (1e6), negative where it went back."""

    venue: str
    size: int
    quote: int | None
    margin: int


@dataclass(frozen=True, slots=True)
class Fill:
    """A `Filled`, or a `Committed` (`later`, and then `quote` is the worst it can be filled at).

    `tip` and `fee` in USDC (1e6); `receipt` is the version and hash that it names. `market` is
    empty where it is none of the deployment's. `index` is the event's place in its block.
    """

    key: bytes
    account: bytes
    filler: str
    market: str
    size: int
    quote: int
    tip: int
    fee: int
    legs: tuple[Leg, ...]
    receipt: tuple[int, bytes]
    later: bool
    index: int


def fills_in(ringside: Ringside, receipt: Any) -> tuple[Fill, ...]:
    """The fills and tickets of a mined transaction, in order."""
    desk, vault = ringside.desk.events, ringside.vault.events
    told = [
        (entry["logIndex"], name, entry["args"])
        for name, event, place in (
            ("Filled", desk.Filled(), ringside.desk.address),
            ("Committed", desk.Committed(), ringside.desk.address),
            ("Traded", vault.Traded(), ringside.vault.address),
            ("MarginPulled", vault.MarginPulled(), ringside.vault.address),
            ("TicketCommitted", vault.TicketCommitted(), ringside.vault.address),
        )
        for entry in event.process_receipt(receipt, DISCARD)
        if entry["address"] == place
    ]
    told.sort(key=lambda one: one[0])
    return tuple(
        _fill(ringside, args, name == "Committed", index, told[:number])
        for number, (index, name, args) in enumerate(told)
        if name in ("Filled", "Committed")
    )


def _fill(ringside: Ringside, args: Any, later: bool, index: int, before: list[Any]) -> Fill:
    """The Desk tells of a fill once its legs are done: they are the vault's last events for the
    account that add up to its size."""
    venues = {number: name for name, number in ringside.venue_ids.items()}
    markets = {market_id(name): name for name in ringside.addresses["feeds"]}
    wanted = "TicketCommitted" if later else "Traded"
    legs: list[Leg] = []
    market, fee, tip = "", 0, 0
    pulled: dict[int, int] = {}
    for _, name, leg in reversed(before):
        if sum(one.size for one in legs) == args["size"] or name in ("Filled", "Committed"):
            break
        if leg["account"] != args["account"]:
            continue
        if name == "MarginPulled":  # A leg that frees margin does so right after its trade.
            pulled = {leg["venue"]: leg["amount"]}
        elif name == wanted:
            quote = None if later else leg["quote"]
            venue = venues.get(leg["venue"], f"venue number {leg['venue']}")
            margin = leg["margin"] - pulled.pop(leg["venue"], 0)
            legs.append(Leg(venue, leg["size"], quote, margin))
            market, fee, tip = markets.get(leg["market"], ""), fee + leg["fee"], tip + leg["tip"]
    return Fill(
        bytes(args["key"]),
        bytes(args["account"]),
        args["filler"],
        market,
        args["size"],
        args["limitQuote"] if later else args["quote"],
        tip if later else args["tip"],
        fee,
        tuple(reversed(legs)),
        (args["receipt"]["version"], bytes(args["receipt"]["hash"])),
        later,
        index,
    )


def used_before(ringside: Ringside, fill: Fill, block: int) -> int:
    """What of the order (|1e18|) had been filled or committed just before its `fill` in `block`: at
    the block before, and earlier in this one."""
    desk = ringside.desk
    used = int(desk.functions.progress(fill.key).call(block_identifier=block - 1)[0])
    return used + sum(
        abs(int(entry["args"]["size"]))
        for event in (desk.events.Filled(), desk.events.Committed())
        for entry in event.get_logs(
            from_block=block, to_block=block, argument_filters={"key": fill.key}
        )
        if entry["logIndex"] < fill.index
    )


def signed_in(ringside: Ringside, transaction: Any) -> Iterator[tuple[Request, bytes]]:
    """The orders and bundles that the transaction hands the Desk, with their signatures: in its own
    input, or, where another contract calls the Desk, in the node's trace of it, if it gives one."""
    for data in _inputs(ringside, transaction):
        try:
            function = ringside.desk.get_function_by_selector(data[:4])
            if function.fn_name not in _FILLS:
                continue
            signed, signature = _arguments(ringside, function.abi, data)[:2]
        except ValueError:
            continue
        names = {market_id(name): name for name in ringside.addresses["feeds"]}
        try:
            request = _bundle(signed, names) if "steps" in signed else _order(signed, names)
        except (KeyError, ValueError):  # A market of no name here, or what no order can carry.
            continue
        yield request, bytes(signature)


def _arguments(ringside: Ringside, abi: Any, data: bytes) -> list[Any]:
    """A call's arguments in their order. They are told apart by number, since the Desk does not
    name those that it only passes on."""
    inputs = [{**one, "name": str(i)} for i, one in enumerate(abi["inputs"])]
    numbered = ringside.w3.eth.contract(abi=[{**abi, "inputs": inputs}])
    return list(numbered.decode_function_input(data)[1].values())


def step_of(request: Request, key: bytes, ringside: Ringside) -> tuple[bool, int | None]:
    """Whether the Desk keeps this order, or a step of this bundle, under `key`; and which step."""
    if isinstance(request, Order):
        return request.digest(ringside.domain) == key, None
    for step in range(len(request.steps)):
        if request.step_key(ringside.domain, step) == key:
            return True, step
    return False, None


def _inputs(ringside: Ringside, transaction: Any) -> Iterator[bytes]:
    desk = ringside.desk.address.lower()
    if (transaction["to"] or "").lower() == desk:
        yield bytes(transaction["input"])
        return
    try:
        answer = ringside.w3.provider.make_request(
            RPCEndpoint("debug_traceTransaction"),
            ["0x" + bytes(transaction["hash"]).hex(), {"tracer": "callTracer"}],
        )
    except OSError:  # Many a node answers what it does not serve with HTTP's 4xx.
        return
    open_calls = [answer["result"]] if answer.get("result") else []
    while open_calls:
        call = open_calls.pop()
        if (call.get("to") or "").lower() == desk:
            yield bytes.fromhex(call["input"][2:])
        open_calls += call.get("calls", [])


def _order(args: Any, names: Mapping[bytes, str]) -> Order:
    terms = _terms(args["terms"], names)
    return Order(
        bytes(args["account"]),
        terms.market,
        terms.size,
        terms.limit_price,
        terms.max_margin,
        terms.tip,
        terms.venues,
        args["deadline"],
        args["nonce"],
        args["epoch"],
        terms.bounds,
        terms.tickets,
        terms.conditions,
    )


def _bundle(args: Any, names: Mapping[bytes, str]) -> Bundle:
    steps = tuple(_terms(step, names) for step in args["steps"])
    frame = args["deadline"], args["nonce"], args["epoch"]
    return Bundle(bytes(args["account"]), steps, Mode(args["mode"]), *frame)


def _terms(args: Any, names: Mapping[bytes, str]) -> Terms:
    return Terms(
        names[bytes(args["market"])],
        args["size"],
        args["limitPrice"],
        args["maxMargin"],
        args["tip"],
        args["venues"],
        Bounds(*args["bounds"].values()),
        Tickets(*args["tickets"][0].values()) if args["tickets"] else None,
        Conditions(*args["conditions"][0].values()) if args["conditions"] else None,
    )
