"""What a transaction's fills were worth, held against what their keeper wrote down and against the
chain.

Nothing the document says is believed. Its hash is in the event, its legs are the vault's, its
readings are read again at its block, its decision is repeated; and how good the fill was is
measured on the chain itself, at three states: the pinned block, the block before the fill's, and
just before the transaction within its block.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any

from web3 import Web3
from web3.exceptions import TransactionNotFound, Web3Exception

from ringside.chain.contracts import Ringside
from ringside.keccak import keccak
from ringside.keeper.decide import Request, order_of
from ringside.keeper.errors import PlanError
from ringside.keeper.look import Looker
from ringside.keeper.receipts.against_chain import Forgotten, Held, Requote, hold
from ringside.keeper.receipts.before import Before, NotKnown
from ringside.keeper.receipts.conduct import (
    age_told,
    filled_since,
    out_of_range,
    settings_told,
    too_old,
    unexplained,
)
from ringside.keeper.receipts.document import Document, DocumentError, read
from ringside.keeper.receipts.events import Fill, fills_in, signed_in, step_of, used_before
from ringside.keeper.receipts.replay import replay
from ringside.keeper.receipts.shortfall import (
    Bound,
    Shortfall,
    bounds,
    optima,
    shortfall,
    unknown,
)
from ringside.keeper.receipts.store import Receipts, Unreadable
from ringside.orders import Bundle, Mode
from ringside.routing.problem import SplitError

if TYPE_CHECKING:
    from collections.abc import Callable

PINNED, PARENT, BEFORE = "at the pinned block", "at the parent block", "just before"


class AuditError(Exception):
    """There is nothing to audit; the message says why."""


class Verdict(str, Enum):
    """What a receipt is worth."""

    SOUND = "sound"
    """Document, fill and chain agree, and the decision repeats."""
    NO_RECEIPT = "no receipt"
    """The fill names none, or its document is not to be had."""
    TAMPERED = "tampered"
    """The document is not the one that was hashed, or not of what was filled."""
    FALSE = "false"
    """It says of its block what the chain does not."""
    NOT_REPEATED = "does not repeat"
    """What it says was known leads to another decision, or to none."""
    SHORT = "short"
    """All of that, and yet it falls short at its block, by the keeper's own settings."""
    UNCHECKED = "unchecked"
    """The node does not keep the block that it is pinned to."""


@dataclass(frozen=True, slots=True)
class Audited:
    """One fill or ticket: what its receipt is worth and why (`findings`, each a sentence), what the
    document says of its block's age and its keeper's settings (`told`, as well), what the venues
    quoted at the pinned block, and, for a fill, how far it fell short and what its bounds allowed
    (nothing where it filled nothing). `known` is where the order's terms are from: "document",
    "transaction" or "nowhere"."""

    fill: Fill
    step: int | None
    verdict: Verdict
    findings: tuple[str, ...]
    told: tuple[str, ...]
    requotes: tuple[Requote, ...]
    shortfalls: tuple[Shortfall, ...]
    bounds: tuple[Bound, ...]
    known: str


@dataclass(frozen=True, slots=True)
class Report:
    """A transaction's fills and tickets, each audited."""

    transaction: str
    block: int
    audited: tuple[Audited, ...]


def audit(w3: Web3, addresses: Mapping[str, Any], transaction: str, store: Receipts) -> Report:
    """
    Raises:
        AuditError: no such transaction, or it filled nothing at this deployment.
        DeploymentError: `addresses` are not of a deployment on this chain.
    """
    ringside = Ringside.at(w3, addresses)
    try:
        mined: Any = w3.eth.get_transaction(transaction)  # type: ignore[arg-type]
        receipt: Any = w3.eth.get_transaction_receipt(transaction)  # type: ignore[arg-type]
    except TransactionNotFound:
        raise AuditError(f"The chain has no mined transaction {transaction}.") from None
    except (Web3Exception, ValueError) as no:
        raise AuditError(f"The node does not give the transaction {transaction}: {no}") from None
    fills = fills_in(ringside, receipt)
    if not fills:
        raise AuditError(f"{transaction} fills nothing at the Desk {ringside.desk.address}.")
    court = _Court(ringside, mined, fills, store)
    number = int(mined["blockNumber"])
    return Report(transaction, number, tuple(court.audited(fill) for fill in fills))


@dataclass(frozen=True, slots=True)
class _Paper:
    """What was found under a fill's receipt."""

    written: Document | None
    verdict: Verdict
    why: tuple[str, ...]


class _Court:
    """What is asked more than once for one transaction is asked once."""

    def __init__(
        self, ringside: Ringside, mined: Any, fills: Sequence[Fill], store: Receipts
    ) -> None:
        self.ringside, self.fills, self.store = ringside, fills, store
        self.mined, self.number = mined, int(mined["blockNumber"])
        self.time = int(ringside.w3.eth.get_block(self.number)["timestamp"])
        self.looker = Looker(ringside)
        self.signed = [request for request, _ in signed_in(ringside, mined)]
        self.papers: dict[tuple[int, bytes], _Paper] = {}
        self.held: dict[bytes, Held | str] = {}
        self.then: Web3 | None = None
        self.why_not = ""
        try:
            self.then = Web3(Before(ringside.w3, mined))
        except NotKnown as no:
            self.why_not = str(no)

    def audited(self, fill: Fill) -> Audited:
        paper = self._paper(fill.receipt)
        request, step, known = self._request(fill, paper.written)
        verdict, findings, requotes = self._judged(fill, paper, step)
        shortfalls: tuple[Shortfall, ...] = ()
        allowed: tuple[Bound, ...] = ()
        if not fill.later and fill.size and request is not None:
            shortfalls = tuple(self._shortfalls(fill, request, step, paper))
            order = order_of(request, step)
            allowed = bounds(self.ringside, order, fill, self.then or self.ringside.w3)
        told = self._told(paper.written)
        return Audited(fill, step, verdict, findings, told, requotes, shortfalls, allowed, known)

    # ------------------------------------------------------------------ the paper

    def _paper(self, receipt: tuple[int, bytes]) -> _Paper:
        if receipt not in self.papers:
            self.papers[receipt] = self._read(*receipt)
        return self.papers[receipt]

    def _read(self, version: int, digest: bytes) -> _Paper:
        if not any(digest):
            return _Paper(None, Verdict.NO_RECEIPT, ("The fill names no receipt.",))
        try:
            data = self.store.get(digest)
        except Unreadable as no:
            return _Paper(None, Verdict.NO_RECEIPT, (str(no),))
        if data is None:
            why = f"There is no document of the hash 0x{digest.hex()} in {self.store.folder}."
            return _Paper(None, Verdict.NO_RECEIPT, (why,))
        if keccak(data) != digest:
            why = f"The document's hash is 0x{keccak(data).hex()}, not that of the event."
            return _Paper(None, Verdict.TAMPERED, (why,))
        try:
            written = read(data)
        except DocumentError as no:
            return _Paper(None, Verdict.TAMPERED, (f"What was hashed is no document: {no}",))
        if version != written.version:
            why = f"The event names version {version}, the document is of {written.version}."
            return _Paper(written, Verdict.TAMPERED, (why,))
        return _Paper(written, Verdict.SOUND, ())

    def _request(
        self, fill: Fill, written: Document | None
    ) -> tuple[Request | None, int | None, str]:
        """What was signed. The document's is only believed if the Desk's key follows from it."""
        from_paper = [("document", written.request)] if written else []
        for known, request in (*from_paper, *(("transaction", r) for r in self.signed)):
            found, step = step_of(request, fill.key, self.ringside)
            if found:
                return request, step, known
        return None, None, "nowhere"

    def _judged(
        self, fill: Fill, paper: _Paper, step: int | None
    ) -> tuple[Verdict, tuple[str, ...], tuple[Requote, ...]]:
        written = paper.written
        if written is None or paper.verdict is not Verdict.SOUND:
            return paper.verdict, paper.why, ()
        if unlike := tuple(_unlike(fill, written)):
            return Verdict.TAMPERED, unlike, ()
        held = self._held(fill.receipt[1], written)
        try:
            again = replay(written).differences
        except DocumentError as no:
            again = (str(no),)
        used = self._used_before(fill)
        since = () if used is None else tuple(filled_since(fill, written, used))
        notes = (
            *out_of_range(written.settings),
            *too_old(*self._age(written)),
            *_slipped(fill, written),
        )
        if isinstance(held, str):
            verdict = Verdict.NOT_REPEATED if again else Verdict.UNCHECKED
            return verdict, (held, *again, *since, *notes), ()
        mine = tuple(q for q in held.requotes if q.step == step)
        wrong = tuple(_contradictions(mine))
        if held.differences or wrong:
            return Verdict.FALSE, (*held.differences, *wrong, *again, *since, *notes), mine
        if again:
            return Verdict.NOT_REPEATED, (*again, *since, *notes), mine
        if since:
            return Verdict.TAMPERED, (*since, *notes), mine
        if short := unexplained(written).get(step):
            return Verdict.SHORT, (short, *notes), mine
        if used is None:
            why = "Not checked: the node does not say how much had been filled before."
            return Verdict.UNCHECKED, (why, *notes), mine
        return Verdict.SOUND, notes, mine

    def _used_before(self, fill: Fill) -> int | None:
        try:
            return used_before(self.ringside, fill, self.number)
        except (Web3Exception, ValueError):
            return None

    def _age(self, written: Document) -> tuple[int, int]:
        """Of its block at the fill, in blocks and seconds."""
        return self.number - written.block.number, self.time - written.block.timestamp

    def _told(self, written: Document | None) -> tuple[str, ...]:
        if written is None:
            return ()
        return age_told(*self._age(written)), settings_told(written.settings)

    def _held(self, digest: bytes, written: Document) -> Held | str:
        if digest not in self.held:
            try:
                self.held[digest] = hold(self.ringside, self.looker, written)
            except Forgotten as no:
                self.held[digest] = f"Not checked: {no}."
            except OSError:
                raise  # The node's doing, and not the document's.
            except Exception as no:  # What a forger wrote may fail in any way.
                self.held[digest] = Held((f"It cannot be asked again: {no!r}",), ())
        return self.held[digest]

    # ------------------------------------------------------------------ the price

    def _shortfalls(
        self, fill: Fill, request: Request, step: int | None, paper: _Paper
    ) -> Iterator[Shortfall]:
        """Each by itself: one that cannot be known says why and hides no other."""
        together: list[tuple[Fill, int | None]] = [(fill, step)]
        if isinstance(request, Bundle) and request.mode == Mode.ATOMIC:
            together = [(f, step_of(request, f.key, self.ringside)[1]) for f in self.fills]
            together = [(f, s) for f, s in together if s is not None]
        place = together.index((fill, step))

        def against(where: str, looker: Callable[[], Looker], block: int | None) -> Shortfall:
            try:
                best = optima(looker(), request, together, block)[place]
            except (PlanError, SplitError) as no:
                return unknown(where, f"there was no fill of it: {no}")
            except (NotKnown, Web3Exception, ValueError, LookupError) as no:
                return unknown(where, f"the node does not say: {no}")
            return shortfall(where, fill, best)

        if paper.written is None:
            yield unknown(PINNED, "there is no document that says which block that is")
        else:
            yield against(PINNED, lambda: self.looker, paper.written.block.number)
        yield against(PARENT, lambda: self.looker, self.number - 1)
        if self.then is None:
            yield unknown(BEFORE, self.why_not)
        else:
            yield against(BEFORE, self._before, None)

    def _before(self) -> Looker:
        assert self.then is not None
        at = Ringside.at(self.then, self.ringside.addresses)
        return Looker(at, markets=self.looker.markets)


def _unlike(fill: Fill, written: Document) -> Iterator[str]:
    """Where a fill is not what the document says was decided."""
    ours = [one for one in written.decisions if one.key == fill.key]
    if not ours:
        yield "The document is of another order than was filled."
        return
    parts = [part for part in ours[0].outcome.parts if part.later == fill.later]
    planned = {part.venue: (part.size, part.margin) for part in parts}
    done = {leg.venue: (leg.size, leg.margin) for leg in fill.legs}
    if fill.later:  # Each ticket is a transaction of its own.
        planned = {venue: part for venue, part in planned.items() if venue in done}
    for venue in sorted(planned.keys() | done.keys()):
        said, was = planned.get(venue), done.get(venue)
        if said is None:
            yield f"{venue} filled {_amount(was)}, of which the document has nothing."
        elif was is None:
            yield f"The document has {_amount(said)} at {venue}, where nothing was filled."
        elif said != was:
            yield f"{venue} filled {_amount(was)}; the document has {_amount(said)}."


def _amount(part: tuple[int, int] | None) -> str:
    size, margin = part or (0, 0)
    return f"{size / 10**18:+g} with {margin / 10**6:,.2f} USDC of margin"


def _slipped(fill: Fill, written: Document) -> Iterator[str]:
    """A price other than planned is no lie by itself: others may have traded in between."""
    if fill.later:
        return
    one = next(one for one in written.decisions if one.key == fill.key)
    parts = [part for part in one.outcome.parts if not part.later]
    planned = sum(p.notional + (p.fee if p.size > 0 else -p.fee) for p in parts)
    if planned != fill.quote:
        lost = (fill.quote - planned) * (1 if fill.size > 0 else -1)
        worse = "worse" if lost > 0 else "better"
        yield (
            f"It was filled {abs(lost) / 10**18:,.6f} USD {worse} than the document expected: the "
            "venues had moved since its block."
        )


def _contradictions(requotes: Sequence[Requote]) -> Iterator[str]:
    for one in requotes:
        if not one.holds:
            said, found = _usd(one.document), _usd(one.reading)
            if said == found:
                found = f"{_usd(one.quoted)} by its own quote"
            yield f"{one.venue} alone is {said} in the document, and {found} on the chain."


def _usd(value: int | None) -> str:
    return "no price" if value is None else f"{value / 10**18:,.6f} USD"


__all__ = [
    "AuditError",
    "Audited",
    "Report",
    "Verdict",
    "audit",
]
