"""Whether what a document says of its pinned block is what the chain says of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields, is_dataclass
from typing import Any

from web3.exceptions import Web3Exception

from ringside.chain.contracts import Ringside, abi
from ringside.chain.multicall import MULTICALL3, Call, Read, ReadFailed, aggregate, pinned
from ringside.keeper.decide import order_of
from ringside.keeper.errors import PlanError
from ringside.keeper.look import Looker
from ringside.keeper.receipts.codec import typed
from ringside.keeper.receipts.document import Candidate, Decision, Document, candidates
from ringside.orders import Mode, market_id
from ringside.units import from_units
from ringside.venues import VENUES

_KNOWN_LATER = {"ticks", "words", "first_traded", "twap_interval"}
"""Parts of a configuration that change as the market lives: `parse` checks them against the
answers."""
ROUNDING = 10**9
"""A venue's quote and its trade may differ by one part in this."""
_QUOTE: list[dict[str, Any]] = [
    {
        "type": "function",
        "name": "quote",
        "stateMutability": "nonpayable",
        "inputs": [{"name": "instrument", "type": "bytes32"}, {"name": "size", "type": "int256"}],
        "outputs": [{"name": "quote", "type": "uint256"}, {"name": "whole", "type": "bool"}],
    }
]


class Forgotten(Exception):
    """The node has no state of that block any more: ask one that keeps it."""


@dataclass(frozen=True, slots=True)
class Requote:
    """One venue's whole price (USD 1e18, `None` for none) for a decision's size at the pinned
    block: as the document has it, as our reading of the chain makes it, and as the venue's own
    quote answers on the chain (`asked`: whether it could be asked)."""

    step: int | None
    venue: str
    size: int
    document: int | None
    reading: int | None
    quoted: int | None
    asked: bool

    @property
    def holds(self) -> bool:
        """Whether the document has what the chain had. A venue's quote may not know of bounds that
        refuse the trade itself, so only two prices can contradict each other; and it may round
        otherwise than the venue's trade does, so they do only if further apart than 1e-9."""
        if self.document != self.reading:
            return False
        if self.quoted is None or self.document is None:
            return True
        return abs(self.quoted - self.document) * ROUNDING <= self.document


@dataclass(frozen=True, slots=True)
class Held:
    """A document against the chain: `differences`, each a sentence, and the quotes."""

    differences: tuple[str, ...]
    requotes: tuple[Requote, ...]


def hold(ringside: Ringside, looker: Looker, written: Document) -> Held:
    """Reads again what the document says was read, at its block.

    Raises:
        Forgotten: the node no longer has that block's state.
        DocumentError: the readings make no state.
    """
    number, w3 = written.block.number, ringside.w3
    try:
        block = pinned(w3, number)
    except Web3Exception:
        return Held((f"the chain has no block {number:,}",), ())
    if block != written.block:
        return Held((f"block {number:,} is another one on the chain",), ())
    if not _keeps(ringside, number):
        raise Forgotten(f"the node no longer has the state of block {number:,}")
    if not ringside.w3.eth.get_code(ringside.desk.address, number):
        return Held((f"at block {number:,} there was no Desk yet",), ())
    found = [
        *_place(ringside, written),
        *_readings(ringside, looker, written),
        *_account(looker, written),
    ]
    return Held(tuple(found), tuple(_requotes(ringside, looker, written)))


def _keeps(ringside: Ringside, number: int) -> bool:
    """Whether the node still has the state: some answer for one they have not as if it were empty,
    which that of a block with Multicall3 (it reads everything here) is not."""
    places = ringside.desk.address, ringside.addresses.get("multicall3", MULTICALL3)
    try:
        return any(ringside.w3.eth.get_code(place, number) for place in places)
    except (Web3Exception, ValueError):
        return False


def _place(ringside: Ringside, written: Document) -> Iterator[str]:
    domain = ringside.domain
    if (written.chain_id, written.desk) != (domain.chain_id, domain.contract.lower()):
        yield f"it is of the Desk {written.desk} on chain {written.chain_id}"
    if dict(written.venue_ids) != dict(ringside.venue_ids):
        yield "it numbers the venues otherwise than the registry"


def _readings(ringside: Ringside, looker: Looker, written: Document) -> Iterator[str]:
    """The same answers to the same questions, byte for byte; the questions put to the right
    contracts; and no venue left out that our own reading has."""
    number = written.block.number
    recorded = {(one.venue, one.market) for one in written.readings}
    listed: set[str] = set()
    for market in dict.fromkeys(view.market for view in written.views()):
        ours = looker.snapshot(market, number)
        listed |= {" ".join(key) for key in (*ours.states, *ours.failures)}
        for key in ours.states:
            if " ".join(key) in written.failures:
                yield f"it says that {key[0]} could not be read, which it could"
            if key not in recorded:
                yield f"it leaves out {key[0]}, which could be read"
        for key in ours.failures:
            if key not in recorded and " ".join(key) not in written.failures:
                yield f"it does not say that {key[0]} could not be read"
    for name in sorted(written.failures.keys() - listed):
        yield f"it says that {name[:60]!r} could not be read, which there is not"
    for one in written.readings:
        config = typed(VENUES[one.venue].Config, one.config)
        known = looker.markets.get(one.market)
        own = known.configs.get((one.venue, one.market)) if known else None
        if own is None:
            yield f"{one.venue} does not list {one.market}"
            continue
        for name, said, is_ in _unlike(config, own):
            yield f"its {name} of {one.venue} is {said}, and {is_} on the chain"
        asked = VENUES[one.venue].calls(config, written.block)
        answers = _answers(ringside, list(asked), number)
        if len(answers) != len(one.results):
            yield f"{one.venue} is asked {len(answers)} things, and it has {len(one.results)}"
            continue
        for place, (read, said, got) in enumerate(zip(asked, one.results, answers, strict=True), 1):
            if said != got:
                what = f"call 0x{read.data[:4].hex()}" if isinstance(read, Call) else "slot"
                yield f"answer {place} of {one.venue} ({what} to {read.to}) is another on the chain"


def _answers(ringside: Ringside, asked: list[Read], number: int) -> list[bytes | None]:
    optional = [
        Call(read.to, read.data, optional=True) if isinstance(read, Call) else read
        for read in asked
    ]
    try:
        return aggregate(ringside.w3, optional, number)
    except (ReadFailed, Web3Exception):
        return [None] * len(asked)


def _unlike(config: Any, own: Any, path: str = "") -> Iterator[tuple[str, Any, Any]]:
    """Fields that differ, but for what changes as the market lives."""
    for entry in fields(config):
        said, is_ = getattr(config, entry.name), getattr(own, entry.name)
        if is_dataclass(said):
            yield from _unlike(said, is_, f"{path}{entry.name}.")
        elif entry.name not in _KNOWN_LATER and said != is_:
            yield path + entry.name, said, is_


def _account(looker: Looker, written: Document) -> Iterator[str]:
    """The account, and the order's progress and moment, as the chain has them."""
    for one in written.decisions:
        order, where = order_of(written.request, one.step), _of(one.step)
        if written.bundle is not None and one.step is not None:
            key = written.bundle.step_key(written.domain, one.step)
            order = written.bundle.order(one.step)
        else:
            key = order.digest(written.domain)
        if key != one.key:
            yield f"{where}the key is not that of the order in it"
        view = looker.look(order, one.key, written.block.number)
        if view.account != written.account:
            yield f"{where}the account is another on the chain"
        if view.progress != one.progress:
            yield f"{where}the order's progress is another on the chain"
        if view.moment != one.moment:
            yield f"{where}the oracle's answer or the order's moment is another on the chain"
        yield from _most(looker, written, one)


def _most(looker: Looker, written: Document, one: Decision) -> Iterator[str]:
    """Only the step of a bundle that is not atomic is bounded, by the one before it."""
    bundle, most = written.bundle, None
    if bundle is not None and one.step is not None and bundle.mode != Mode.ATOMIC:
        try:
            most = looker.most_of_step(bundle, one.step, written.block.number)
        except PlanError:
            yield f"step {one.step}: it could not be filled yet"
            return
    if most != one.most:
        said, is_ = (
            "all" if size is None else f"{from_units(size):f}" for size in (one.most, most)
        )
        yield f"{_of(one.step)}it says that {said} of it might be filled, and it was {is_}"


def _requotes(ringside: Ringside, looker: Looker, written: Document) -> Iterator[Requote]:
    for one in written.decisions:
        order = order_of(written.request, one.step)
        size = one.outcome.size
        view = looker.look(order, one.key, written.block.number)
        ours = {c.venue: c for c in candidates(view, order, size)}
        theirs = {c.venue: c for c in one.outcome.candidates}
        for venue in sorted(ours.keys() | theirs.keys()):
            said, found = theirs.get(venue), ours.get(venue)
            later = bool(found and found.later)
            quoted = None if later else quote(ringside, venue, order.market, size, view.block)
            yield Requote(one.step, venue, size, _price(said), _price(found), quoted, not later)


def _price(candidate: Candidate | None) -> int | None:
    return candidate.quote.all_in if candidate and candidate.quote else None


def quote(ringside: Ringside, venue: str, market: str, size: int, block: int) -> int | None:
    """The venue's own whole price (USD 1e18) for all of `size` at `block`, `None` if it says it
    would not, or nothing."""
    w3, number = ringside.w3, ringside.venue_ids.get(venue)
    registry: Any = w3.eth.contract(
        address=ringside.addresses["ringside"]["venues"], abi=abi("Venues")
    )
    try:
        route = registry.functions.route(number, market_id(market)).call(block_identifier=block)
        seat: Any = w3.eth.contract(address=route[0], abi=_QUOTE)
        paid, whole = seat.functions.quote(route[-1], size).call(block_identifier=block)
    except (Web3Exception, ValueError):
        return None
    return int(paid) if whole else None


def _of(step: int | None) -> str:
    return "" if step is None else f"step {step}: "
