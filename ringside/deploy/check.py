"""Holding a chain against a plan: all code, the registry, and who may do what."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from eth_utils.address import to_checksum_address

from ringside.chain.batch import ask
from ringside.deploy.governance import Role
from ringside.deploy.plan import Plan
from ringside.deploy.site import Site, plain
from ringside.deploy.steps import Make, Step, seat
from ringside.keccak import keccak
from ringside.orders import market_id


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is not as the plan has it."""

    what: str
    expected: str
    found: str

    def __str__(self) -> str:
        return f"{self.what}: expected {self.expected}, found {self.found}"


def findings(site: Site, steps: Sequence[Step]) -> list[Finding]:
    """What on the chain is not as the plan has it, and what is there beyond it. Caps, fees and
    pauses are not looked at: they change as they should."""
    found = [
        Finding(str(step), "done", "not done")
        for step in steps
        if not isinstance(step, Make) and not site.done(step)
    ]
    for step in steps:
        if isinstance(step, Make):
            found += _code(site, step)
    if "venues" in site.record.contracts:
        found += [*_markets(site), *_venues(site), *_listings(site)]
    if {"access", "venues"} <= site.record.contracts.keys():
        found += _authority(site)
        if site.plan.owners is not None:
            found += _holders(site)
    return found


def misplaced(site: Site) -> list[Finding]:
    """Where the registry's venues are not the plan's, in its order, as far as both go: listing by
    number would reach another venue then."""
    names = list(site.ask("venues", "venueNames"))
    pairs = enumerate(zip(site.plan.venues, names, strict=False))
    return [Finding(f"venue {n}", v.name, name) for n, (v, name) in pairs if v.name != name]


def _code(site: Site, step: Make) -> Iterator[Finding]:
    """The code that its source and arguments make at that place, run anew, and what stands there:
    what the constructor stores in the code is in it."""
    stands = site.record.contracts.get(step.name)
    if stands is None:
        yield Finding(step.name, "a contract", "none on record")
        return
    told = [plain(one) for one in site.arguments(step.arguments)]
    if told != stands.arguments:
        yield Finding(f"{step.name} was told", str(told), str(stands.arguments))
    # Where a contract stands is part of its code, and follows from the nonce that made it; the
    # place has to be empty for that.
    override = {
        site.deployer: {"nonce": hex(stands.nonce)},
        stands.address: {"nonce": "0x0", "code": "0x", "state": {}},
    }
    call = {"from": site.deployer, "data": site.data(step)}
    (made,) = ask(site.w3, [("eth_call", [call, "latest", override])])
    code = bytes(site.w3.eth.get_code(to_checksum_address(stands.address)))
    if bytes.fromhex(made[2:]) != code:
        yield Finding(f"code of {step.name}", _brief(bytes.fromhex(made[2:])), _brief(code))


# ------------------------------------------------------------------------- the registry


def _markets(site: Site) -> Iterator[Finding]:
    planned = site.plan.markets
    for name in site.ask("venues", "marketNames"):
        if name not in planned:
            yield Finding(f"market {name}", "none", "one that the plan does not have")
            continue
        source, heartbeat, *_ = site.ask("venues", "feed", market_id(name))
        market = planned[name]
        if (source, heartbeat) != (market.feed, market.heartbeat):
            wanted = f"{market.feed}, {market.heartbeat} s"
            yield Finding(f"feed of {name}", wanted, f"{source}, {heartbeat} s")


def _venues(site: Site) -> Iterator[Finding]:
    yield from misplaced(site)
    planned = site.plan.venues
    for number, name in enumerate(site.ask("venues", "venueNames")):
        stands = site.ask("venues", "implementation", number)
        if number >= len(planned):
            found = f"{name} at {stands}, which the plan does not have"
            yield Finding(f"venue {number}", "none", found)
            continue
        own = site.record.contracts.get(seat(planned[number].name))
        if own is not None and stands != own.address:
            yield Finding(f"seat of {planned[number].name}", own.address, stands)


def _listings(site: Site) -> Iterator[Finding]:
    """Of every market at every venue: an instrument is what an order really trades."""
    count, names = site.ask("venues", "venueCount"), site.ask("venues", "marketNames")
    for number in range(count):
        for name in names:
            place = number, market_id(name)
            planned = _instrument(site.plan, number, name)
            if not site.ask("venues", "isListed", *place):
                continue  # Where it is planned, it is told as a step that is not done.
            *_, instrument = site.ask("venues", "route", *place)
            if instrument != planned:
                wanted = plain(planned) if planned else "not listed"
                yield Finding(f"{name} at venue {number}", wanted, plain(bytes(instrument)))


def _instrument(plan: Plan, number: int, market: str) -> bytes | None:
    if number >= len(plan.venues) or market not in plan.venues[number].markets:
        return None
    return plan.venues[number].instrument(market)


# ----------------------------------------------------------------------------- the roles


def _authority(site: Site) -> Iterator[Finding]:
    """The registry listens to our manager, which lets roles at it by nothing but the plan."""
    access = site.record.contracts["access"].address
    stands = site.ask("venues", "authority")
    if stands != access:
        yield Finding("authority of venues", access, stands)
    if site.ask("access", "isTargetClosed", "$venues"):
        yield Finding("venues at the manager", "open", "closed: nobody can do anything")
    if delay := site.ask("access", "getTargetAdminDelay", "$venues"):
        yield Finding("delay of the registry's administration", "0 s of its own", f"{delay:,} s")
    planned = Role.GUARDIAN if site.plan.owners is not None else Role.ADMIN
    for role, guardian in ((Role.GUARDIAN, Role.ADMIN), (Role.GOVERNOR, planned)):
        name = role.name.lower()
        if (found := site.ask("access", "getRoleAdmin", int(role))) != Role.ADMIN:
            yield Finding(f"who gives the role of {name}", "role 0", f"role {found}")
        if (found := site.ask("access", "getRoleGuardian", int(role))) != guardian:
            yield Finding(f"who cancels for the {name}", f"role {guardian:d}", f"role {found}")


def _holders(site: Site) -> Iterator[Finding]:
    """Nobody but the owners holds a role, by all grants there ever were."""
    owners = site.plan.owners
    assert owners is not None
    allowed = {
        (Role.ADMIN, owners.admin),
        (Role.GUARDIAN, owners.guardian),
        (Role.GOVERNOR, owners.governor),
    }
    granted = site.contract("access").events.RoleGranted().get_logs(from_block=site.record.since)
    for role, member in sorted({(e["args"]["roleId"], e["args"]["account"]) for e in granted}):
        if (role, member) not in allowed and site.ask("access", "hasRole", role, member)[0]:
            yield Finding(f"role {role}", "the planned owner alone", f"{member} as well")


def _brief(code: bytes) -> str:
    return f"{len(code)} bytes, keccak256 0x{keccak(code).hex()[:16]}…"
