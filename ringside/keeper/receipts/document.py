"""The document of one decision: all that went into it, and what came out.

Its canonical bytes (`codec`) are what is kept; keccak256 of them is what the Desk's event carries.
`docs/receipts.md` says what every field means.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ringside.chain.multicall import Block
from ringside.chain.views import AccountView
from ringside.keccak import keccak
from ringside.keeper.conditions import Moment, Progress
from ringside.keeper.decide import Request, Settings, Taking, View, decide
from ringside.keeper.margins import rooms
from ringside.keeper.plan import Plan
from ringside.keeper.receipts.codec import CodecError, canonical, parse, plain, typed
from ringside.keeper.receipts.store import LARGEST, Receipt
from ringside.orders import Bundle, Domain, Order
from ringside.routing.compare import compare
from ringside.routing.problem import Certificate
from ringside.units import price_against
from ringside.venues import VENUES, Key, Reading, Snapshot
from ringside.venues import replay as replay_readings
from ringside.venues.base import Quote

VERSION = 3
"""Of the document's form."""
SOLVER = "bound-5"
"""The solver that this package decides by. Another name may give other legs."""


class DocumentError(ValueError):
    """Bytes that are no document of this form; the message says why."""


class UnknownVersion(DocumentError):
    """The document is of a form that this package does not know."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """One market's reading at one venue: the configuration that says what was asked, and the
    answers (`None` where an optional call failed)."""

    venue: str
    market: str
    config: Any
    results: tuple[bytes | None, ...]


@dataclass(frozen=True, slots=True)
class Candidate:
    """What one venue alone would do with the whole size: `quote` and its price with the fee (USD
    per base, 1e18), or `why` it would not. `room` is how much of it (|1e18|) its rules let the
    account trade there, if all margin went there; `funding_per_day` as in `compare`."""

    venue: str
    later: bool
    quote: Quote | None
    all_in_price: int | None
    why: str
    room: int
    funding_per_day: int


@dataclass(frozen=True, slots=True)
class Part:
    """A leg as it is sent: `margin` in USDC (1e6), the rest as in `Quote`; `later`: a ticket."""

    venue: str
    venue_id: int
    size: int
    margin: int
    notional: int
    fee: int
    later: bool


@dataclass(frozen=True, slots=True)
class Outcome:
    """What was decided. `parts` are in the order in which they are sent; tip and fee in USDC (1e6),
    costs, carry and the two all-ins in USD (1e18); best_single is the venue that alone would be
    best. `carry` is what the policy counted beside the fill, `given_up` as in `Plan`."""

    size: int
    parts: tuple[Part, ...]
    all_in: int
    tip: int
    fee: int
    costs: int
    worst_price: int
    best_single: str | None
    best_single_all_in: int | None
    carry: int
    given_up: int
    candidates: tuple[Candidate, ...]
    certificate: Certificate | None


@dataclass(frozen=True, slots=True)
class Decision:
    """One order's part, or one step's: what the Desk knew of it, and what was decided."""

    step: int | None
    key: bytes
    progress: Progress
    moment: Moment
    most: int | None
    outcome: Outcome


@dataclass(frozen=True, slots=True)
class Document:
    """A decision, whole. Either `order` or `bundle` is there."""

    version: int
    solver: str
    chain_id: int
    desk: str
    block: Block
    venue_ids: Mapping[str, int]
    settings: Settings
    order: Order | None
    bundle: Bundle | None
    account: AccountView
    readings: tuple[Recorded, ...]
    failures: Mapping[str, str]
    taken: tuple[Taking, ...]
    decisions: tuple[Decision, ...]

    @property
    def request(self) -> Request:
        """What the client signed."""
        found = self.order or self.bundle
        assert found is not None  # `read` and `document` see to it.
        return found

    @property
    def domain(self) -> Domain:
        """Where it was signed for."""
        return Domain(self.chain_id, self.desk)

    @property
    def snapshot(self) -> Snapshot:
        """The markets' states, parsed again from the readings.

        Raises:
            DocumentError: a venue is unknown, or the answers do not make its state.
        """
        readings: dict[Key, Reading] = {}
        for one in self.readings:
            if one.venue not in VENUES:
                raise DocumentError(
                    f"It has readings of {one.venue[:60]!r}, which is no known venue."
                )
            kind = VENUES[one.venue].Config
            try:
                config = typed(kind, one.config, f"document.readings.{one.venue}.config")
            except CodecError as no:
                raise DocumentError(f"This is no receipt: {no}.") from None
            readings[one.venue, one.market] = Reading(config, one.results)
        try:
            return replay_readings(self.block, readings)
        except Exception as no:  # What a forger wrote may fail in any way.
            raise DocumentError(f"Its readings make no state: {no!r}") from None

    def views(self) -> list[View]:
        """What the keeper saw, as `decide` takes it."""
        seen = self.snapshot
        steps = self.bundle.steps if self.bundle else ()
        return [
            View(
                seen,
                self.order.market if self.order else steps[one.step or 0].market,
                self.account,
                one.key,
                one.progress,
                one.moment,
                one.step,
                one.most,
                self.taken,
            )
            for one in self.decisions
        ]


def document(
    request: Request,
    views: Sequence[View],
    plans: Sequence[Plan],
    domain: Domain,
    venue_ids: Mapping[str, int],
    settings: Settings,
) -> Document:
    """What is written down of `plans`, decided on `views`, which are all of one block."""
    # Of a snapshot of all markets, what was decided on.
    names = {view.market for view in views}
    seen = {
        k: read for view in views for k, read in view.snapshot.readings.items() if k[1] in names
    }
    failed = {
        k: why for view in views for k, why in view.snapshot.failures.items() if k[1] in names
    }
    return Document(
        VERSION,
        SOLVER,
        domain.chain_id,
        domain.contract.lower(),
        views[0].snapshot.block,
        dict(venue_ids),
        settings,
        request if isinstance(request, Order) else None,
        request if isinstance(request, Bundle) else None,
        views[0].account,
        tuple(Recorded(*key, plain(r.config), tuple(r.results)) for key, r in seen.items()),
        {" ".join(key): why for key, why in failed.items()},
        views[0].taken,
        tuple(
            Decision(
                view.step, view.key, view.progress, view.moment, view.most, outcome(view, made)
            )
            for view, made in zip(views, plans, strict=True)
        ),
    )


def decided(
    request: Request,
    views: Sequence[View],
    domain: Domain,
    venue_ids: Mapping[str, int],
    settings: Settings,
) -> tuple[list[Plan], Receipt]:
    """As `decide`, with the receipt of it all, which each of the plans carries."""
    plans = decide(request, views, venue_ids, settings)
    told = receipt_of(document(request, views, plans, domain, venue_ids, settings))
    return [replace(chosen, receipt=told) for chosen in plans], told


def outcome(view: View, made: Plan) -> Outcome:
    """A plan and what there was to choose from, as it is written down."""
    route, quotes = made.route, {leg.venue: leg.quote for leg in made.route.legs}
    best = route.best_single
    return Outcome(
        made.size,
        tuple(
            Part(
                leg.venue,
                leg.venue_id,
                leg.size,
                leg.margin,
                quotes[leg.venue].notional,
                quotes[leg.venue].fee,
                leg in made.tickets,
            )
            for legs in made.transactions
            for leg in legs
        ),
        route.all_in,
        made.tip,
        made.fee,
        made.costs,
        made.worst_price,
        best.venue if best else None,
        best.quote.all_in if best else None,
        route.carry,
        made.given_up,
        candidates(view, made.order, made.size),
        route.certificate,
    )


def candidates(view: View, order: Order, size: int) -> tuple[Candidate, ...]:
    """Every venue's offer for all of `size`, the best first."""
    states = view.states
    sign = 1 if size > 0 else -1
    capacities = {venue: state.curve.capacity(sign) for venue, state in states.items()}
    known = {v: s for v, s in states.items() if v in view.account.seats}
    margin = min(order.max_margin, view.account.idle)
    room = rooms(order, view.account, known, margin, abs(size))
    return tuple(
        Candidate(
            offer.venue,
            states[offer.venue].delayed,
            offer.quote,
            price_against(offer.quote.all_in, size) if offer.quote else None,
            offer.why,
            room.get(offer.venue, 0),
            offer.funding_per_day,
        )
        for offer in compare(states, size, capacities)
    )


def receipt_of(written: Document) -> Receipt:
    """The document's canonical bytes, and their hash."""
    data = canonical(written)
    return Receipt(written.version, keccak(data), data)


def read(data: bytes) -> Document:
    """A document from its canonical bytes.

    Raises:
        UnknownVersion: it is of another form; the message names it.
        DocumentError: the bytes are no document, or more than `LARGEST`; the message says why.
    """
    if len(data) > LARGEST:
        raise DocumentError(f"This is no receipt: it has more than {LARGEST} bytes.")
    try:
        found = parse(data)
        version = found.get("version") if isinstance(found, dict) else None
        if version != str(VERSION):
            raise UnknownVersion(
                f"The document's version is {repr(version)[:60]}; this package knows {VERSION}."
            )
        written = typed(Document, found)
    except CodecError as no:
        raise DocumentError(f"This is no receipt: {no}.") from None
    if (written.order is None) == (written.bundle is None):
        raise DocumentError("A receipt is of one order or of one bundle.")
    steps = len(written.bundle.steps) if written.bundle else 0
    for one in written.decisions:
        if (one.step is None) != (written.bundle is None) or not 0 <= (one.step or 0) < max(
            steps, 1
        ):
            raise DocumentError(f"It has a decision on step {one.step}, which there is not.")
    if not written.decisions:
        raise DocumentError("It has no decision.")
    return written
