"""What to do about every order of the house on one snapshot.

Orders are planned one after the other, those that only reduce first, then the oldest: each is
priced on what the ones before leave of the venues' depth. Nothing here talks to the database, and
the chain is only read.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import structlog
from web3.exceptions import Web3Exception

from ringside.chain.contracts import Ringside
from ringside.chain.multicall import ReadFailed
from ringside.keeper import calls
from ringside.keeper.decide import Settings, Taking, View
from ringside.keeper.errors import PlanError
from ringside.keeper.look import Looker
from ringside.keeper.plan import Plan
from ringside.keeper.receipts.document import decided
from ringside.keeper.receipts.store import Receipt
from ringside.orders import Bundle, Mode, Order
from ringside.routing.policies import PolicyError
from ringside.routing.problem import SplitError
from ringside.service.costs import Costs, Planned
from ringside.store.book import Entry
from ringside.venues import Snapshot
from ringside.venues.base import VenueError

ANOTHER = "another order of the account goes first"
"""Why an order waits for the one that is planned."""
Slices = Mapping[bytes, tuple[tuple[int, int], ...]]
log = structlog.get_logger()


@dataclass(frozen=True)
class Proposal:
    """A fill that may be sent: the calls of the Desk in order, and what they earn (USDC 1e6)."""

    entry: Entry
    plans: tuple[Plan, ...]
    receipt: Receipt
    calls: tuple[Planned, ...]
    earns: int

    @property
    def venues(self) -> set[str]:
        return {leg.venue for plan in self.plans for leg in (*plan.legs, *plan.tickets)}


@dataclass
class Round:
    """What came of one planning: proposals, in the order in which they were priced, and by order
    why there is none."""

    proposals: list[Proposal] = field(default_factory=list)
    waiting: dict[bytes, str] = field(default_factory=dict)


class Planner:
    """Plans at one deployment, by `settings` where an order names no policy of its own."""

    def __init__(
        self, ringside: Ringside, looker: Looker, settings: Settings, costs: Costs
    ) -> None:
        self.ringside, self.looker = ringside, looker
        self.settings, self.costs = settings, costs

    def plan(
        self,
        entries: Sequence[Entry],
        seen: Snapshot,
        slices: Slices,
        after: Sequence[Proposal] = (),
    ) -> Round:
        """Plans what can be of these orders on `seen`, once the proposals `after` are mined."""
        found = Round()
        asked = {entry.key: self._asked(entry) for entry in entries}
        views = self._views(asked, seen, slices, found)
        busy = {proposal.entry.account for proposal in after}
        taken: dict[tuple[str, str, bool], int] = {}
        for proposal in after:
            _take(taken, proposal)
        for entry in sorted(entries, key=turn_of):
            if entry.key in found.waiting:
                continue
            if entry.account in busy:
                found.waiting[entry.key] = ANOTHER
                continue
            mine = [views[key] for _, key in asked[entry.key]]
            try:
                proposal = self._propose(entry, mine, taken)
            except (PlanError, SplitError, VenueError, PolicyError) as no:
                found.waiting[entry.key] = str(no)
                continue
            except Exception as no:  # One order's fault holds up no other's fill.
                log.exception("an order cannot be planned", order="0x" + entry.key.hex())
                found.waiting[entry.key] = f"it cannot be planned: {type(no).__name__}"
                continue
            refused = self.costs.refusal(proposal.calls, proposal.earns)
            if refused:
                found.waiting[entry.key] = refused
                continue
            found.proposals.append(proposal)
            busy.add(entry.account)
            _take(taken, proposal)
        return found

    # ------------------------------------------------------------------ internal

    def _views(
        self,
        asked: Mapping[bytes, list[tuple[Order, bytes]]],
        seen: Snapshot,
        slices: Slices,
        found: Round,
    ) -> dict[bytes, View]:
        """What is known of each part of the orders, by its key. An order of which that cannot be
        read waits, with why, and holds up no other."""

        def look(parts: Sequence[tuple[Order, bytes]]) -> dict[bytes, View]:
            return {view.key: view for view in self.looker.views(parts, seen, slices)}

        parts = [one for own in asked.values() for one in own]
        try:
            return look(parts) if parts else {}
        except (Web3Exception, ReadFailed) as no:
            fault = no
        views: dict[bytes, View] = {}
        for key, own in asked.items():
            try:
                views |= look(own)
            except (Web3Exception, ReadFailed) as no:
                log.warning("an order cannot be looked at", order="0x" + key.hex(), why=str(no))
                found.waiting[key] = "the chain does not say what is needed to plan it"
        if len(asked) > 1 and not views:
            raise fault  # Of all of them: it is not the orders'.
        return views

    def _asked(self, entry: Entry) -> list[tuple[Order, bytes]]:
        request = entry.request
        if isinstance(request, Order):
            return [(request, entry.key)]
        steps = range(len(request.steps))
        return [(request.order(i), request.step_key(self.ringside.domain, i)) for i in steps]

    def _propose(
        self, entry: Entry, views: Sequence[View], taken: Mapping[tuple[str, str, bool], int]
    ) -> Proposal:
        """
        Raises:
            PlanError, SplitError, VenueError, PolicyError: there is no fill now.
        """
        request = entry.request
        settings = replace(self.settings, policy=entry.policy or self.settings.policy)
        first = tuple(Taking(venue, name, size) for (venue, name, _), size in taken.items())
        mine = [replace(view, taken=first) for view in views]
        step: int | None = None
        if isinstance(request, Bundle):
            if request.mode == Mode.ATOMIC:
                mine = [replace(view, step=i) for i, view in enumerate(mine)]
            else:
                step, view = self._open_step(request, mine)
                mine = [view]
        at = self.ringside
        plans, told = decided(request, mine, at.domain, at.venue_ids, settings)
        made = self._calls(entry, plans, step)
        earns = sum(chosen.tip for chosen in plans)
        return Proposal(entry, tuple(plans), told, made, earns)

    def _open_step(self, bundle: Bundle, views: Sequence[View]) -> tuple[int, View]:
        """The first step that is not done and may go on.

        Raises:
            PlanError: none may.
        """
        refused: PlanError | None = None
        for i, view in enumerate(views):
            if view.progress.done or view.progress.used >= abs(bundle.steps[i].size):
                continue
            try:
                most = self.looker.most_of_step(bundle, i, view.block)
            except PlanError as no:
                refused = refused or no
                continue
            return i, replace(view, step=i, most=most)
        raise refused or PlanError("Every step of the bundle is filled or pending.")

    def _calls(self, entry: Entry, plans: Sequence[Plan], step: int | None) -> tuple[Planned, ...]:
        request = entry.request
        if isinstance(request, Bundle) and step is None:
            legs = sum(max(len(chosen.legs), 1) for chosen in plans)
            data = calls.of_bundle(request, plans, entry.signature)
            return (Planned("fill", data, legs),)
        (chosen,) = plans
        made = []
        for parts in chosen.transactions:
            if isinstance(request, Bundle):
                assert step is not None
                data = calls.of_step(request, step, chosen, parts, entry.signature)
            else:
                data = calls.of_order(chosen, parts, entry.signature)
            kind = "commit" if parts and parts[0] in chosen.tickets else "fill"
            made.append(Planned(kind, data, max(len(parts), 1)))
        return tuple(made)


def _take(taken: dict[tuple[str, str, bool], int], proposal: Proposal) -> None:
    """Counts what a proposal takes of the venues' depth."""
    for plan in proposal.plans:
        for leg in (*plan.legs, *plan.tickets):
            # Each direction by itself: that the first is mined is not counted on.
            place = leg.venue, plan.order.market, leg.size > 0
            taken[place] = taken.get(place, 0) + leg.size


def turn_of(entry: Entry) -> tuple[bool, float, bytes]:
    """Who goes first: what only reduces, then the oldest."""
    request = entry.request
    reduces = isinstance(request, Order) and (request.bounds.reduce_only or request.closes_all)
    return not reduces, entry.received_at, entry.key
