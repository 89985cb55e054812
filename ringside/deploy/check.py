"""Holding a chain against a plan: all code, the registry, and who may do what."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from decimal import Decimal
from typing import Any

from eth_typing import HexStr
from eth_utils.address import to_checksum_address
from web3.exceptions import TransactionNotFound

from ringside.chain.batch import ask
from ringside.deploy import governance
from ringside.deploy.governance import Role
from ringside.deploy.plan import ZERO, Plan
from ringside.deploy.record import Contract
from ringside.deploy.site import Site, created, plain
from ringside.deploy.steps import Make, Step, seat
from ringside.keccak import keccak
from ringside.orders import market_id
from ringside.units import USDC


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is not as the plan has it."""

    what: str
    expected: str
    found: str

    def __str__(self) -> str:
        return f"{self.what}: expected {self.expected}, found {self.found}"


def findings(site: Site, steps: Sequence[Step]) -> list[Finding]:
    """What on the chain is not as the plan has it, and what is there beyond it. What changes as it
    should is told by `present`."""
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
            found += _delays(site)
    return found


def present(site: Site) -> list[Finding]:
    """Caps, pauses, fees and their collector as they are now, beside what they began as: planned
    caps, no pause, no fee, nobody to collect one."""
    told = []
    for number, venue in enumerate(site.plan.venues[: site.ask("venues", "venueCount")]):
        planned, stand = _caps(venue.caps), _caps(site.ask("venues", "caps", number))
        told.append(Finding(f"caps of {venue.name}", planned, stand))
        paused = "paused" if site.ask("venues", "isPaused", number) else "open"
        told.append(Finding(venue.name, "open", paused))
    for name in site.ask("venues", "marketNames"):
        *_, fee = site.ask("venues", "feed", market_id(name))
        told.append(Finding(f"fee of {name}", "0 %", f"{Decimal(fee).scaleb(-16).normalize():f} %"))
    collector = site.ask("venues", "collector")
    nobody = "nobody"
    told.append(Finding("fees go to", nobody, nobody if collector == ZERO else collector))
    return told


def moved(site: Site) -> list[Finding]:
    """What of that is not any more what it began as."""
    return [one for one in present(site) if one.expected != one.found]


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
    if _bytes(made) != code:
        yield Finding(f"code of {step.name}", _brief(_bytes(made)), _brief(code))
    yield from _creation(site, step, stands)


def _creation(site: Site, step: Make, stands: Contract) -> Iterator[Finding]:
    """The transaction on record is the one that made it, from the very code that is planned: other
    creation code could have left the same contract with roles or balances of its own choice."""
    try:
        tx = site.w3.eth.get_transaction(HexStr(stands.tx))
    except TransactionNotFound:
        yield Finding(f"making of {step.name}", stands.tx, "no such transaction")
        return
    made = created(tx["from"], tx["nonce"])
    by = to_checksum_address(tx["from"])
    for what, wanted, found in (
        ("maker", site.deployer, by),
        ("place", stands.address, "a call" if tx.get("to") else made),
        ("nonce", str(stands.nonce), str(tx["nonce"])),
        ("block", str(stands.block), str(tx["blockNumber"])),
        ("creation code", _brief(_bytes(site.data(step))), _brief(bytes(tx["input"]))),
    ):
        if wanted != found:
            yield Finding(f"{what} of {step.name}", wanted, found)


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
    planned = Role.GUARDIAN if site.plan.owners is not None else Role.ADMIN
    for role, guardian in ((Role.GUARDIAN, Role.ADMIN), (Role.GOVERNOR, planned)):
        name = role.name.lower()
        if (found := site.ask("access", "getRoleAdmin", int(role))) != Role.ADMIN:
            yield Finding(f"who gives the role of {name}", "role 0", f"role {found}")
        if (found := site.ask("access", "getRoleGuardian", int(role))) != guardian:
            yield Finding(f"who cancels for the {name}", f"role {guardian:d}", f"role {found}")


def _holders(site: Site) -> Iterator[Finding]:
    """Nobody but the owners holds a role or is about to, by all grants there ever were."""
    owners = site.plan.owners
    assert owners is not None
    allowed = {
        (Role.ADMIN, owners.admin),
        (Role.GUARDIAN, owners.guardian),
        (Role.GOVERNOR, owners.governor),
    }
    granted = {(e["roleId"], e["account"]) for e in _events(site, "RoleGranted")}
    for role, member in sorted(granted):
        # Not `hasRole`: a membership that begins later is one that nobody would see begin.
        since, _, coming, effect = site.ask("access", "getAccess", role, member)
        if (role, member) not in allowed:
            if since:
                found = f"{member} as well, since {_time(since)}"
                yield Finding(f"role {role}", "the planned owner alone", found)
        elif effect:
            wanted = f"{governance.delay_of(Role(role), owners.delay):,} s for good"
            yield Finding(f"delay of role {role}", wanted, f"{coming:,} s from {_time(effect)} on")


def _delays(site: Site) -> Iterator[Finding]:
    """Delays of the manager's own, those included that have yet to begin: its views tell of now."""
    last = {e["roleId"]: e for e in _events(site, "RoleGrantDelayChanged")}
    for role, e in last.items():
        if e["delay"]:
            found = f"{e['delay']:,} s from {_time(e['since'])} on"
            yield Finding(f"delay of grants of role {role}", "0 s", found)
    venues = site.record.contracts["venues"].address
    for e in [e for e in _events(site, "TargetAdminDelayUpdated") if e["target"] == venues][-1:]:
        if e["delay"]:
            found = f"{e['delay']:,} s from {_time(e['since'])} on"
            yield Finding("delay of the registry's administration", "0 s of its own", found)


def _events(site: Site, name: str) -> list[Any]:
    """All that the manager ever said of it: from the block that made it, as the chain has it."""
    try:
        tx = site.w3.eth.get_transaction(HexStr(site.record.contracts["access"].tx))
    except TransactionNotFound:
        return []  # Which is found already, and nothing of that record is to be relied on.
    logs = site.contract("access").events[name]().get_logs(from_block=tx["blockNumber"])
    return [e["args"] for e in logs]


def _caps(units: Sequence[int]) -> str:
    """As the registry keeps them, in whole USDC rounded down."""
    in_all, own = (unit // USDC for unit in units)
    return f"{in_all:,} USDC in all, {own:,} for one account"


def _time(seconds: int) -> str:
    return f"{datetime.fromtimestamp(seconds, timezone.utc):%Y-%m-%d %H:%M} UTC"


def _bytes(told: str) -> bytes:
    return bytes.fromhex(told.removeprefix("0x"))


def _brief(code: bytes) -> str:
    return f"{len(code)} bytes, keccak256 0x{keccak(code).hex()[:16]}…"
