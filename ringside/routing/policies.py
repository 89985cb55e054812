"""How an order is to be routed: what a client signs or sets, turned into limits for the solver.

A policy only ever tightens a request: it takes venues out, bounds what they may take, or adds to
what a base costs there. So none goes beyond an account's room, and several together mean the same
in whatever order they are given; they are applied in that of their words. Each is written as text
for people (`horizon:3d`), several joined by `+` (`horizon:3d + at-most:2 + not:rage`), and as
canonical JSON for receipts.

| text | what it does |
|---|---|
| `best` | the cheapest fill, which every request is to begin with |
| `horizon:3d`, `horizon:36h` | the cheapest fill and funding over that time, as forecast |
| `weights:a=60%,b=40%,band=5%` | those venues alone, each its share, give or take the band |
| `only:a,b` and `not:a,b` | these venues and no others; not these |
| `at-most:2` | no more legs than that |
| `lowest-margin:2%` | the least margin, at no more than 2 % of what it saves; 100 % if not said |

One's own is a class with the names of `PolicyType`, under an entry point of the group
`ringside.routing`; the entry point's name is the word it is written with.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from importlib.metadata import entry_points
from typing import Any, ClassVar, Protocol, cast

from ringside.routing.funding import HOURS_A_DAY, MEASURED, WrongUnit, carry, require_rate
from ringside.routing.request import Request, RequestError
from ringside.units import BPS

GROUP = "ringside.routing"
"""The group of entry points under which one's own policies are found."""


class PolicyError(ValueError):
    """What was given is no policy; the message names it and says why."""


class Policy(Protocol):
    """A rule of routing. Equal policies do the same to the same request, always."""

    def apply(self, request: Request) -> Request:
        """`request`, tightened.

        Raises:
            RequestError: nothing that is left could be routed.
        """

    def __str__(self) -> str:
        """As `parse` reads it."""

    def to_json(self) -> dict[str, Any]:
        """Strings, whole numbers, lists and mappings of them; `policy` is the policy's word."""


class PolicyType(Protocol):
    """What an entry point loads."""

    def from_text(self, argument: str) -> Policy:
        """From what follows the word and its colon, "" if nothing does."""

    def from_json(self, given: Mapping[str, Any]) -> Policy:
        """From what `to_json` gives, without `policy`."""


class _Plain:
    """A policy of plain fields: its JSON is the fields by their names."""

    NAME: ClassVar[str]

    def to_json(self) -> dict[str, Any]:
        values = {f.name: getattr(self, f.name) for f in fields(cast(Any, self))}
        return {"policy": self.NAME, **{name: _jsonable(value) for name, value in values.items()}}

    @classmethod
    def from_json(cls, given: Mapping[str, Any]) -> Any:
        names = {f.name for f in fields(cast(Any, cls))}
        if set(given) != names:
            wanted = ", ".join(sorted(names)) or "nothing"
            raise PolicyError(
                f"The policy {cls.NAME} takes {wanted} in JSON, not {', '.join(sorted(given))}."
            )
        return cls(**given)


@dataclass(frozen=True, slots=True)
class BestFill(_Plain):
    """The cheapest fill: fees, impact and leg costs, and nothing that comes later."""

    NAME: ClassVar[str] = "best"

    @classmethod
    def from_text(cls, argument: str) -> BestFill:
        _require(not argument, f"The policy best takes no {argument!r}.")
        return cls()

    def __str__(self) -> str:
        return self.NAME

    def apply(self, request: Request) -> Request:
        return request


@dataclass(frozen=True, slots=True)
class Horizon(_Plain):
    """The cheapest fill with the funding of `hours` after it, as forecast. A venue whose funding is
    not known, or in another unit, is left out rather than taken for free."""

    hours: int
    NAME: ClassVar[str] = "horizon"

    def __post_init__(self) -> None:
        longest = MEASURED.longest
        _require(
            _is_whole(self.hours) and 0 < self.hours <= longest,
            f"A horizon is 1 to {longest} hours (30 days), not {self.hours!r}.",
        )

    @classmethod
    def from_text(cls, argument: str) -> Horizon:
        found = re.fullmatch(r"([0-9]{1,6})([hd])", argument)
        _require(found, f"A horizon is given as 36h or 3d, not {argument!r}.")
        count, unit = cast("re.Match[str]", found).groups()
        return cls(int(count) * (HOURS_A_DAY if unit == "d" else 1))

    def __str__(self) -> str:
        return f"{self.NAME}:{self.hours}h"

    def apply(self, request: Request) -> Request:
        known, unusable = dict(request.funding), {}
        for venue in request.venues:
            if venue not in known:
                unusable[venue] = "its funding is not known"
        for venue, funding in request.funding.items():
            try:
                require_rate(venue, funding)
            except WrongUnit as refused:
                del known[venue]
                unusable[venue] = str(refused).rstrip(".?")
        left = request.without(unusable)
        _require_some(left)
        # The mean is over every venue that is known, so that leaving one out changes no other.
        return left.with_carry(carry(known, request.sign, self.hours))


@dataclass(frozen=True, slots=True)
class Weights(_Plain):
    """A target share (basis points of the order, all of them 10,000) for each venue, and the `band`
    by which what it takes may differ from it. With a band of 0 the shares are exact, to the
    coarsest lot among them; within a band the cost decides. Venues without a share take nothing:
    one that may take up to the band is given a share of 0."""

    shares: Mapping[str, int]
    band: int = 0
    NAME: ClassVar[str] = "weights"

    def __post_init__(self) -> None:
        given = self.shares
        _require(
            isinstance(given, Mapping) and all(_is_name(v) and v != "band" for v in given),
            f"Weights are shares by venue, not {given!r}.",
        )
        object.__setattr__(self, "shares", dict(sorted(given.items())))
        for name, share in (*given.items(), ("band", self.band)):
            _require(
                _is_whole(share) and 0 <= share <= BPS,
                f"The share of {name} is 0 to {BPS} basis points, not {share!r}.",
            )
        total = sum(given.values())
        _require(total == BPS, f"The shares of all venues are 100 %, not {_percent(total)}.")

    def __hash__(self) -> int:
        return hash((tuple(self.shares.items()), self.band))

    @classmethod
    def from_text(cls, argument: str) -> Weights:
        found: dict[str, int] = {}
        for part in argument.split(","):
            name, equals, share = part.partition("=")
            name = name.strip()
            _require(equals and name, f"A weight is given as venue=60%, not {part!r}.")
            _require(name not in found, f"{name} has two weights.")
            found[name] = _basis_points(share)
        band = found.pop("band", 0)
        return cls(found, band)

    def __str__(self) -> str:
        parts = [f"{venue}={_percent(share)}" for venue, share in self.shares.items()]
        return f"{self.NAME}:{','.join([*parts, f'band={_percent(self.band)}'])}"

    def apply(self, request: Request) -> Request:
        reasons = {v: "it has no weight" for v in request.venues if v not in self.shares}
        left = request.without(reasons)
        for venue, share in self.shares.items():
            if share > self.band and venue not in left.venues:
                raise RequestError(
                    f"{venue} has a weight of {_percent(share)} and is not on offer."
                )
        offers, amount = [], abs(request.size)
        # One of the coarsest lots more than the share comes to: what lots keep one venue from
        # taking needs a place elsewhere, even where the share is a whole number of them.
        lot = max((offer.curve.lot for offer in left.offers), default=1)
        for offer in left.offers:
            share = self.shares[offer.curve.venue]
            least = max(share - self.band, 0) * amount // BPS // lot * lot
            most = (share + self.band) * amount // BPS // lot * lot + lot
            most = most if share + self.band else 0
            offers.append(
                replace(
                    offer,
                    most=most if offer.most is None else min(offer.most, most),
                    least=max(offer.least, least),
                    required=offer.required or least > 0,
                )
            )
        left = replace(left, offers=tuple(offers))
        _require_some(left)
        return left


@dataclass(frozen=True, slots=True)
class _Names(_Plain):
    venues: tuple[str, ...]

    def __post_init__(self) -> None:
        names = self.venues
        _require(
            isinstance(names, (list, tuple)) and names and all(map(_is_name, names)),
            f"The policy {self.NAME} takes venues by their names, not {names!r}.",
        )
        object.__setattr__(self, "venues", tuple(sorted(set(names))))

    @classmethod
    def from_text(cls, argument: str) -> Any:
        return cls(tuple(name.strip() for name in argument.split(",")))

    def __str__(self) -> str:
        return f"{self.NAME}:{','.join(self.venues)}"


@dataclass(frozen=True, slots=True)
class Only(_Names):
    """These venues and no others."""

    NAME: ClassVar[str] = "only"

    def apply(self, request: Request) -> Request:
        reasons = {v: "it is not allowed" for v in request.venues if v not in self.venues}
        left = request.without(reasons)
        _require_some(left)
        return left


@dataclass(frozen=True, slots=True)
class Not(_Names):
    """Not these venues."""

    NAME: ClassVar[str] = "not"

    def apply(self, request: Request) -> Request:
        left = request.without(dict.fromkeys(self.venues, "it is not allowed"))
        _require_some(left)
        return left


@dataclass(frozen=True, slots=True)
class AtMost(_Plain):
    """No more than so many venues."""

    venues: int
    NAME: ClassVar[str] = "at-most"

    def __post_init__(self) -> None:
        _require(
            _is_whole(self.venues) and self.venues > 0,
            f"An order goes to at most 1 venue or more, not {self.venues!r}.",
        )

    @classmethod
    def from_text(cls, argument: str) -> AtMost:
        _require(re.fullmatch("[0-9]{1,4}", argument), f"At most how many venues is {argument!r}?")
        return cls(int(argument))

    def __str__(self) -> str:
        return f"{self.NAME}:{self.venues}"

    def apply(self, request: Request) -> Request:
        now = request.most_venues
        return replace(request, most_venues=self.venues if now is None else min(now, self.venues))


@dataclass(frozen=True, slots=True)
class LowestMargin(_Plain):
    """The least margin: a dollar of it that is not taken is worth `worth` (basis points of it) in
    fees, impact and funding. With the whole of it, which is meant if nothing is said, the venues
    that take less margin are filled first as long as that costs less than the margin itself.

    A price on margin rather than a limit: there is always an answer, and the solver's bound holds
    for it. It ranks venues and is paid by nobody (`Request.shadow`).
    """

    worth: int = BPS
    NAME: ClassVar[str] = "lowest-margin"

    def __post_init__(self) -> None:
        _require(
            _is_whole(self.worth) and 0 < self.worth <= BPS,
            f"A dollar of margin is worth 1 to {BPS} basis points of it, not {self.worth!r}.",
        )

    @classmethod
    def from_text(cls, argument: str) -> LowestMargin:
        return cls(_basis_points(argument)) if argument else cls()

    def __str__(self) -> str:
        return self.NAME if self.worth == BPS else f"{self.NAME}:{_percent(self.worth)}"

    def apply(self, request: Request) -> Request:
        worth = {o.curve.venue: -(-o.margin * self.worth // BPS) for o in request.offers}
        return request.with_carry(worth, shadow=True)


@dataclass(frozen=True, slots=True)
class All:
    """Several policies at once, each of another kind."""

    policies: tuple[Policy, ...]
    NAME: ClassVar[str] = "all"

    def __post_init__(self) -> None:
        kinds = [policy.to_json()["policy"] for policy in self.policies]
        _require(len(kinds) > 1, "Several policies are two or more.")
        _require(self.NAME not in kinds, "Policies that go together are given in one list.")
        twice = sorted({kind for kind in kinds if kinds.count(kind) > 1})
        _require(not twice, f"There are two policies of one kind: {', '.join(twice)}.")
        by_kind = sorted(zip(kinds, self.policies, strict=True), key=lambda pair: pair[0])
        object.__setattr__(self, "policies", tuple(policy for _, policy in by_kind))

    def __str__(self) -> str:
        return " + ".join(map(str, self.policies))

    def to_json(self) -> dict[str, Any]:
        return {"policy": self.NAME, "policies": [p.to_json() for p in self.policies]}

    def apply(self, request: Request) -> Request:
        for policy in self.policies:
            request = applied(policy, request)
        return request


BUILT_IN: dict[str, PolicyType] = {
    kind.NAME: kind for kind in (BestFill, Horizon, Weights, Only, Not, AtMost, LowestMargin)
}


def parse(given: str | Mapping[str, Any]) -> Policy:
    """The policy that a text, a JSON text or its mapping stands for.

    Raises:
        PolicyError: it stands for none; the message says what is wrong with it.
    """
    if not isinstance(given, str):
        return from_json(given)
    if given.lstrip().startswith("{"):
        try:
            return from_json(json.loads(given))
        except (json.JSONDecodeError, RecursionError) as error:
            raise PolicyError(f"The policy is no JSON: {error}.") from None
    parts = [_one(part.strip()) for part in given.split("+")]
    return parts[0] if len(parts) == 1 else All(tuple(parts))


def _one(text: str) -> Policy:
    name, _, argument = text.partition(":")
    return _type(name.strip()).from_text(argument.strip())


def from_json(given: Mapping[str, Any]) -> Policy:
    """
    Raises:
        PolicyError: as `parse`.
    """
    _require(isinstance(given, Mapping), f"A policy in JSON is an object, not {given!r}.")
    name = given.get("policy")
    _require(isinstance(name, str), "A policy in JSON says which it is under `policy`.")
    rest = {key: value for key, value in given.items() if key != "policy"}
    if name != All.NAME:
        return _type(cast(str, name)).from_json(rest)
    listed = rest.get("policies")
    _require(set(rest) == {"policies"} and isinstance(listed, list), "It takes policies, a list.")
    return All(tuple(from_json(one) for one in cast("list[Any]", listed)))


def canonical(policy: Policy) -> str:
    """The one JSON text of a policy, as it goes into a receipt."""
    return json.dumps(policy.to_json(), sort_keys=True, separators=(",", ":"), ensure_ascii=True)


def applied(policy: Policy, request: Request) -> Request:
    """`policy.apply(request)`, held to what a policy may do: tighten.

    Raises:
        RequestError: nothing is left to route, or the policy went beyond what was offered, as one
            that is not of this module may.
    """
    found = policy.apply(request)
    if not isinstance(found, Request):
        raise RequestError(f"The policy {canonical(policy)} gives {found!r}, not a request.")
    before = {offer.curve.venue: offer for offer in request.offers}
    wider = found.size != request.size or len(set(found.venues)) < len(found.venues)
    wider |= not _within(found.most_venues, request.most_venues)
    wider |= not _within(found.margin, request.margin)
    for offer in found.offers:
        was = before.pop(offer.curve.venue, None)
        wider |= was is None or (
            offer.curve != was.curve
            or not _within(offer.most, was.most)
            or offer.least < was.least
            or was.required > offer.required
            or (offer.leg_cost, offer.margin) != (was.leg_cost, was.margin)
        )
    wider |= any(offer.required for offer in before.values())
    if wider:
        raise RequestError(f"The policy {canonical(policy)} goes beyond what was offered to it.")
    if type(policy) not in (*BUILT_IN.values(), All) and _restates(policy, request, found):
        raise RequestError(f"The policy {canonical(policy)} restates what it may only add to.")
    return found


def _restates(policy: Policy, request: Request, found: Request) -> bool:
    """Whether a policy does not add: what it adds is what it comes to where there was nothing."""
    same = found.funding == request.funding and request.left_out.items() <= found.left_out.items()
    was, alone, now = (
        {o.curve.venue: (o.carry, r.shadow.get(o.curve.venue, 0)) for o in r.offers}
        for r in (request, policy.apply(request.for_entry), found)
    )
    both = [(v, k) for v in now if v in alone for k in (0, 1)]
    return not same or any(now[v][k] - was[v][k] != alone[v][k] for v, k in both)


def _within(now: int | None, before: int | None) -> bool:
    return before is None or (now is not None and now <= before)


def _type(name: str) -> PolicyType:
    """By its word: one of these, or an entry point's. What is here cannot be replaced."""
    if name in BUILT_IN:
        return BUILT_IN[name]
    found = list(entry_points(group=GROUP, name=name))
    if not found:
        words = ", ".join(sorted({*BUILT_IN, *entry_points(group=GROUP).names}))
        raise PolicyError(f"There is no policy {name!r}. There are: {words}.")
    if len(found) > 1:
        where = " and ".join(sorted(point.value for point in found))
        raise PolicyError(f"Two policies are called {name!r}: {where}.")
    try:
        return cast(PolicyType, found[0].load())
    except (ImportError, AttributeError) as error:
        raise PolicyError(f"The policy {name!r} does not load: {error}.") from error


def _jsonable(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def _is_name(value: object) -> bool:
    """Whether it could be a venue's: nothing that a policy's text is divided by."""
    return isinstance(value, str) and value != "" and not set(value) & set(" ,+:=")


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _basis_points(text: str) -> int:
    """Of a percentage with at most two digits after the point."""
    found = re.fullmatch(r"([0-9]{1,3})(?:\.([0-9]{1,2}))?%", text.strip())
    _require(found, f"A share is given as 60% or 12.5%, not {text.strip()!r}.")
    whole, part = cast("re.Match[str]", found).groups("")
    return int(whole) * 100 + int(part.ljust(2, "0"))


def _percent(basis_points: int) -> str:
    whole, part = divmod(basis_points, 100)
    return f"{whole}.{part:02}".rstrip("0").rstrip(".") + "%"


def _require(holds: object, message: str) -> None:
    if not holds:
        raise PolicyError(message)


def _require_some(request: Request) -> None:
    if not request.offers:
        reasons = "; ".join(f"{venue}: {why}" for venue, why in request.left_out.items())
        raise RequestError(f"The policy leaves no venue: {reasons or 'none was on offer'}.")
