"""A plan as steps in their order: contracts to be made, and calls to be sent. Each call knows how
to ask the chain whether it was done, so that none is sent twice."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from ringside.chain.contracts import abi
from ringside.deploy import governance
from ringside.deploy.governance import Role
from ringside.deploy.plan import ZERO, Plan
from ringside.orders import market_id

SELF, DEPLOYER = "$", "$deployer"
"""What starts the name of a contract made earlier, where an argument is its address."""
CONTRACTS = {
    "access": ("Access", (DEPLOYER,)),
    "venues": ("Venues", ("$access", "sequencer", "grace")),
    "vault": ("Vault", ("token", "$venues")),
    "quotes": ("Quotes", ("$vault", "$venues")),
    "bundles": ("Bundles", ("$vault", "$venues", "$quotes", "token")),
    "desk": ("Desk", ("$bundles", "token")),
    "lens": ("Lens", ("$vault", "$venues", "$desk", "token")),
    "policies": ("Policies", ("$vault", "$venues", "$desk")),
    "board": ("Board", ()),
}
"""Our contracts by the name they are recorded under, and what their constructors are told: a
contract made before, or what the plan says under that name."""


@dataclass(frozen=True, slots=True)
class Make:
    """A contract to be made: recorded as `name`, of the source `contract`."""

    name: str
    contract: str
    arguments: tuple[Any, ...]

    def __str__(self) -> str:
        return f"make {self.contract} as {self.name}"


Ask = Callable[..., Any]
"""Asks a recorded contract: (name, function, *arguments)."""


@dataclass(frozen=True, slots=True)
class Send:
    """A call of a recorded contract. `done` asks the chain whether it has happened."""

    target: str
    function: str
    arguments: tuple[Any, ...]
    told: str
    done: Callable[[Ask], bool]

    def __str__(self) -> str:
        return self.told


Step = Make | Send


def seat(venue: str) -> str:
    """What a venue's seat contract is recorded under."""
    return f"seat:{venue}"


def steps(plan: Plan) -> list[Step]:
    """Everything, in order; the hand-over of the roles comes last."""
    made: list[Step] = [
        Make(name, contract, tuple(_told(plan, item) for item in told))
        for name, (contract, told) in CONTRACTS.items()
    ]
    for venue in plan.venues:
        made.append(Make(seat(venue.name), venue.seat, ("$vault", plan.token, *venue.arguments)))
    return [*made, *_markets(plan), *_venues(plan), *_collector(plan), *_governance(plan)]


def _told(plan: Plan, item: str) -> Any:
    return item if item.startswith(SELF) else getattr(plan, item)


def _markets(plan: Plan) -> list[Step]:
    return [
        Send(
            *("venues", "addMarket", (name, market.feed, market.heartbeat)),
            f"add the market {name}, priced by {market.feed}",
            lambda ask, name=name: name in ask("venues", "marketNames"),  # type: ignore[misc]
        )
        for name, market in plan.markets.items()
    ]


def _venues(plan: Plan) -> list[Step]:
    found: list[Step] = []
    for number, venue in enumerate(plan.venues):
        cap, own = venue.caps
        found.append(
            Send(
                *("venues", "addVenue", (venue.name, SELF + seat(venue.name), cap, own)),
                f"add the venue {venue.name}, capped at {venue.cap:,} USDC in all and "
                f"{venue.account_cap:,} for one account",
                lambda ask, name=venue.name: name in ask("venues", "venueNames"),  # type: ignore[misc]
            )
        )
        for name in venue.markets:
            place = number, market_id(name)
            found.append(
                Send(
                    *("venues", "list", (*place, venue.instrument(name))),
                    f"list {name} at {venue.name}",
                    lambda ask, place=place: ask("venues", "isListed", *place),  # type: ignore[misc]
                )
            )
    return found


def _collector(plan: Plan) -> list[Step]:
    if plan.collector == ZERO:
        return []
    return [
        Send(
            *("venues", "setCollector", (plan.collector,)),
            f"let fees go to {plan.collector}, once there are any",
            # Whom the governor names later is no deviation: `present` tells of it.
            lambda ask: ask("venues", "collector") != ZERO,
        )
    ]


def _governance(plan: Plan) -> list[Step]:
    if plan.owners is None:
        return []
    found: list[Step] = []
    for role in (Role.GUARDIAN, Role.GOVERNOR):
        selectors = governance.of(role)
        found.append(
            Send(
                *("access", "setTargetFunctionRole", ("$venues", selectors, int(role))),
                f"what the {role.name.lower()} may call: "
                + ", ".join(p.name for p in governance.POWERS if p.role is role),
                _assigned(role, selectors),
            )
        )
    found.append(
        Send(
            *("access", "setRoleGuardian", (int(Role.GOVERNOR), int(Role.GUARDIAN))),
            "let the guardian cancel what the governor has announced",
            lambda ask: ask("access", "getRoleGuardian", int(Role.GOVERNOR)) == Role.GUARDIAN,
        )
    )
    owners = plan.owners
    for role, owner in (
        (Role.GUARDIAN, owners.guardian),
        (Role.GOVERNOR, owners.governor),
        (Role.ADMIN, owners.admin),
    ):
        delay = governance.delay_of(role, owners.delay)
        found.append(
            Send(
                *("access", "grantRole", (int(role), owner, delay)),
                f"make {owner} {role.name.lower()}, with a delay of {delay:,} s",
                _holds(role, owner, delay),
            )
        )
    found.append(
        Send(
            *("access", "renounceRole", (int(Role.ADMIN), DEPLOYER)),
            "the deployer gives up every right",
            lambda ask: not ask("access", "hasRole", int(Role.ADMIN), DEPLOYER)[0],
        )
    )
    return found


def _assigned(role: Role, selectors: Sequence[bytes]) -> Callable[[Ask], bool]:
    def done(ask: Ask) -> bool:
        told = (ask("access", "getTargetFunctionRole", "$venues", one) for one in selectors)
        return all(found == role for found in told)

    return done


def _holds(role: Role, owner: str, delay: int) -> Callable[[Ask], bool]:
    return lambda ask: list(ask("access", "hasRole", int(role), owner)) == [True, delay]


def reads(name: str) -> list[dict[str, Any]]:
    """The ABI of one of our contracts, by the name it is recorded under."""
    return abi(CONTRACTS[name][0])
