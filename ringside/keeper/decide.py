"""A keeper's decision as one pure function of what it saw. The keeper decides by it, and whoever
replays a receipt repeats it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from ringside.chain.views import AccountView
from ringside.keeper.closing import no_legs
from ringside.keeper.conditions import Moment, Progress
from ringside.keeper.errors import NothingToClose, PlanError
from ringside.keeper.freeing import after, with_freed
from ringside.keeper.plan import HEADROOM, Plan, plan
from ringside.orders import Bundle, Mode, Order
from ringside.routing.policies import canonical, parse
from ringside.routing.problem import SplitError
from ringside.units import ONE
from ringside.venues import Snapshot
from ringside.venues.base import MarketState
from ringside.venues.taken import after as after_legs

Request = Order | Bundle
"""What a client signs."""


@dataclass(frozen=True, slots=True)
class Settings:
    """The keeper's own choices: `policy` as `routing.policies.parse` takes it, kept in canonical
    form, and the rest as in `plan`.

    Raises:
        PolicyError: there is no such policy.
    """

    policy: str = "best"
    leg_cost: int = 0
    headroom: int = HEADROOM
    most_delayed: int = ONE

    def __post_init__(self) -> None:
        object.__setattr__(self, "policy", canonical(parse(self.policy)))


@dataclass(frozen=True, slots=True)
class Taking:
    """What orders planned before on the same block take of a market at a venue (signed, 1e18)."""

    venue: str
    market: str
    size: int


@dataclass(frozen=True, slots=True)
class View:
    """What the keeper knows of one block for one order, or for the bundle's `step`.

    `key` is what the Desk keeps its progress under; `most` bounds |size| (1e18), where a bundle's
    step may not go further yet. `taken` is what other orders take first.
    """

    snapshot: Snapshot
    market: str
    account: AccountView
    key: bytes
    progress: Progress
    moment: Moment
    step: int | None = None
    most: int | None = None
    taken: tuple[Taking, ...] = ()

    @property
    def block(self) -> int:
        return self.snapshot.block.number

    @property
    def states(self) -> Mapping[str, MarketState]:
        """The market's, by venue, after what is taken first."""
        mine = [taking for taking in self.taken if taking.market == self.market]
        return after_legs(self.snapshot.of(self.market), mine)


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
    together = isinstance(request, Bundle) and request.mode == Mode.ATOMIC
    found: list[Plan] = []
    for view in views:
        order = order_of(request, view.step)
        try:
            chosen = _planned(order, _at(views, found), venue_ids, settings)
        except (PlanError, SplitError):
            freed = _freed(order, views, found, settings) if together else found
            if freed == found:
                raise
            found = freed
            chosen = _planned(order, _at(views, found), venue_ids, settings)
        if together and not order.closes_all and chosen.size != order.size:
            raise PlanError(f"Step {view.step} of the bundle cannot be filled whole now.")
        found.append(chosen)
    return found


def _at(views: Sequence[View], found: Sequence[Plan]) -> View:
    """The view after those planned, on what they leave."""
    view = views[len(found)]
    account = view.account
    for earlier, chosen in zip(views, found, strict=False):
        account = after(account, chosen, earlier.states)
    return replace(view, account=account)


def _freed(
    order: Order, views: Sequence[View], found: Sequence[Plan], settings: Settings
) -> list[Plan]:
    """What is planned, with as much margin freed on the way as `order`, the next step, is signed to
    take and finds not idle."""
    freed = list(found)
    for place in range(len(found)):
        view = _at(views, freed)
        fee = view.moment.protocol_fee(abs(order.size)) if not order.closes_all else 0
        needed = order.max_margin + order.tip + fee - view.account.idle
        if needed > 0:
            before = _at(views, freed[:place])
            freed[place] = with_freed(
                *(freed[place], before.account, before.states, needed),
                settings.headroom,
                found[place + 1 :],
            )
    return freed


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
            policy=parse(settings.policy),
        )
    except NothingToClose:
        if view.step is None or view.progress.open:
            raise
        return no_legs(order)
