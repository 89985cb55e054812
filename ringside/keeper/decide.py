"""A keeper's decision as one pure function of what it saw. The keeper decides by it, and whoever
replays a receipt repeats it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from ringside.chain.contracts import AccountView, Position, SeatView
from ringside.keeper.closing import no_legs
from ringside.keeper.conditions import Moment, Progress
from ringside.keeper.errors import NothingToClose, PlanError
from ringside.keeper.plan import HEADROOM, ChainLeg, Plan, plan
from ringside.orders import Bundle, Mode, Order
from ringside.units import ONE
from ringside.venues import Snapshot
from ringside.venues.base import MarketState

Request = Order | Bundle
"""What a client signs."""


@dataclass(frozen=True, slots=True)
class Settings:
    """The keeper's own choices: `policy` by name, and the rest as in `plan`."""

    policy: str = "best-fill"
    leg_cost: int = 0
    headroom: int = HEADROOM
    most_delayed: int = ONE


@dataclass(frozen=True, slots=True)
class View:
    """What the keeper knows of one block for one order, or for the bundle's `step`.

    `key` is what the Desk keeps its progress under; `most` bounds |size| (1e18), where a bundle's
    step may not go further yet.
    """

    snapshot: Snapshot
    market: str
    account: AccountView
    key: bytes
    progress: Progress
    moment: Moment
    step: int | None = None
    most: int | None = None

    @property
    def block(self) -> int:
        return self.snapshot.block.number

    @property
    def states(self) -> Mapping[str, MarketState]:
        """The market's, by venue."""
        return self.snapshot.of(self.market)


def order_of(request: Request, step: int | None) -> Order:
    """What is planned for: the order, or a bundle's step as one. A step of an atomic bundle is
    filled at once, so its tickets are left out."""
    if isinstance(request, Order):
        return request
    assert step is not None, "a bundle is planned step by step"
    order = request.order(step)
    return order.with_(tickets=None) if request.mode == Mode.ATOMIC else order


def decide(
    request: Request, views: Sequence[View], venue_ids: Mapping[str, int], settings: Settings
) -> list[Plan]:
    """A plan for every view: one for an order or a step of a bundle, all steps of an atomic bundle,
    each planned on what the ones before leave.

    Raises:
        PlanError, SplitError: as `plan.plan`; a step of an atomic bundle cannot be filled whole.
    """
    found: list[Plan] = []
    for view in views:
        order, account = order_of(request, view.step), view.account
        for earlier in found:
            account = after(account, earlier)
        chosen = _planned(order, replace(view, account=account), venue_ids, settings)
        together = isinstance(request, Bundle) and request.mode == Mode.ATOMIC
        if together and not order.closes_all and chosen.size != order.size:
            raise PlanError(f"Step {view.step} of the bundle cannot be filled whole now.")
        found.append(chosen)
    return found


def _planned(order: Order, view: View, venue_ids: Mapping[str, int], settings: Settings) -> Plan:
    """As `plan.plan`; a bundle's step to close all that finds nothing to close has no legs."""
    try:
        return plan(
            order,
            view.account,
            view.states,
            venue_ids,
            view.progress,
            view.moment,
            leg_cost=settings.leg_cost,
            headroom=settings.headroom,
            most_delayed=settings.most_delayed,
            most=view.most,
        )
    except NothingToClose:
        if view.step is None or view.progress.open:
            raise
        return no_legs(order)


def after(account: AccountView, chosen: Plan) -> AccountView:
    """The account once a plan's fill is done: its positions to the unit, its margins by what was
    moved, without what the trades themselves gained or lost."""
    seats = dict(account.seats)
    for leg in chosen.legs:
        seats[leg.venue] = _moved(seats[leg.venue], chosen.order.market, leg)
    idle = account.idle - chosen.tip - chosen.fee - sum(leg.margin for leg in chosen.legs)
    return replace(account, idle=idle, seats=seats)


def _moved(seat: SeatView, market: str, leg: ChainLeg) -> SeatView:
    at = seat.positions.get(market, Position(0, 0, 0, 0, 0))
    positions = {**seat.positions, market: replace(at, size=at.size + leg.size)}
    return replace(seat, positions=positions)
