"""Holding the manager of roles against a plan: who may do what at the registry, who is about to,
and what the deployer did with his rights before he gave them up.

The manager's views tell of now, and several of its settings count from later on. So what is asked
is whatever any of its events was ever about.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timezone
from typing import Any

from eth_typing import HexStr
from web3.exceptions import TransactionNotFound, Web3Exception

from ringside.deploy import governance
from ringside.deploy.governance import Role
from ringside.deploy.site import Finding, Site, plain

Log = Any
"""An event as web3 reads it."""


def findings(site: Site) -> list[Finding]:
    """What of the roles is not as the plan has it; without owners only who the registry listens to
    and whose the roles are."""
    found = [*_authority(site)]
    if site.plan.owners is not None:
        found += [*_holders(site), *_beyond(site), *_delays(site), *_handed_over(site)]
    return found


def _authority(site: Site) -> Iterator[Finding]:
    """The registry listens to our manager, whose roles are given and guarded as planned."""
    access = site.record.contracts["access"].address
    stands = site.ask("venues", "authority")
    if stands != access:
        yield Finding("authority of venues", access, stands)
    # Another one that was there in between could have set anything, and left no role behind.
    told = {e["args"]["authority"] for e in _logs(site, "AuthorityUpdated", "venues")}
    for other in sorted(told - {access, stands}):
        yield Finding("authority of venues", f"{access} ever since", f"{other} for a time")
    planned = Role.GUARDIAN if site.plan.owners is not None else Role.ADMIN
    for role, guardian in ((Role.GUARDIAN, Role.ADMIN), (Role.GOVERNOR, planned)):
        name = role.name.lower()
        if (found := site.ask("access", "getRoleAdmin", int(role))) != Role.ADMIN:
            yield Finding(f"who gives the role of {name}", "role 0", f"role {found}")
        if (found := site.ask("access", "getRoleGuardian", int(role))) != guardian:
            yield Finding(f"who cancels for the {name}", f"role {guardian:d}", f"role {found}")


def _holders(site: Site) -> Iterator[Finding]:
    """Nobody but the owners holds a role, is about to or ever did, by all grants there ever were:
    whoever held one for a time could have set fees and caps with it."""
    owners = site.plan.owners
    assert owners is not None
    allowed = {
        (Role.ADMIN, owners.admin),
        (Role.GUARDIAN, owners.guardian),
        (Role.GOVERNOR, owners.governor),
    }
    begun = (Role.ADMIN, site.deployer)
    granted = {(e["args"]["roleId"], e["args"]["account"]) for e in _logs(site, "RoleGranted")}
    for role, member in sorted(granted):
        # Not `hasRole`: a membership that begins later is one that nobody would see begin.
        since, _, coming, effect = site.ask("access", "getAccess", role, member)
        if (role, member) not in allowed:
            if since:
                found = f"{member} as well, since {_time(since)}"
                yield Finding(f"role {role}", "the planned owner alone", found)
            elif (role, member) != begun and member not in owners.former:
                yield Finding(f"role {role}", "no owner but those named", f"{member} for a time")
        elif effect:
            wanted = f"{governance.delay_of(Role(role), owners.delay):,} s for good"
            yield Finding(f"delay of role {role}", wanted, f"{coming:,} s from {_time(effect)} on")


def _beyond(site: Site) -> Iterator[Finding]:
    """Whatever else was ever set at the manager is as if it never had been: who may cancel a call
    of the manager's own functions, say, could keep the administrator from ever mending anything."""
    venues = site.record.contracts["venues"].address
    ours = {(venues, power.selector) for power in governance.POWERS}
    assigned = {
        (e["args"]["target"], bytes(e["args"]["selector"]))
        for e in _logs(site, "TargetFunctionRoleUpdated")
    }
    for target, selector in sorted(assigned - ours):
        if role := site.ask("access", "getTargetFunctionRole", target, selector):
            yield Finding(f"function {plain(selector)} of {target}", "role 0", f"role {role}")
    for target in sorted({e["args"]["target"] for e in _logs(site, "TargetClosed")}):
        if site.ask("access", "isTargetClosed", target):
            yield Finding(f"{target} at the manager", "open", "closed: nobody can do anything")
    for event, view, what in (
        ("RoleAdminChanged", "getRoleAdmin", "gives"),
        ("RoleGuardianChanged", "getRoleGuardian", "cancels for"),
    ):
        roles = {e["args"]["roleId"] for e in _logs(site, event)}
        for role in sorted(roles - {Role.GUARDIAN, Role.GOVERNOR}):
            if found := site.ask("access", view, role):
                yield Finding(f"who {what} role {role}", "role 0", f"role {found}")


def _delays(site: Site) -> Iterator[Finding]:
    """Delays of the manager's own: those that count, and those that are to. One that is lowered
    counts until as much time has passed."""
    for event, about, view, what in (
        ("RoleGrantDelayChanged", "roleId", "getRoleGrantDelay", "grants of role"),
        ("TargetAdminDelayUpdated", "target", "getTargetAdminDelay", "the administration of"),
    ):
        last = {e["args"][about]: e["args"] for e in _logs(site, event)}
        for place, coming in sorted(last.items()):
            now, then = site.ask("access", view, place), coming["delay"]
            if now or then:
                found = f"{now:,} s, and {then:,} s from {_time(coming['since'])} on"
                yield Finding(f"delay of {what} {place}", "0 s", found)


def _handed_over(site: Site) -> Iterator[Finding]:
    """What the registry was when the deployer gave up his rights: no fee, the planned collector,
    and no cap above the planned, as the plan says what it begins as. Whatever changed later the
    owners did."""
    gone = [
        log
        for log in _logs(site, "RoleRevoked")
        if (log["args"]["roleId"], log["args"]["account"]) == (Role.ADMIN, site.deployer)
    ]
    if not gone:
        return  # That he has not is a step that is not done.
    end = _place(gone[-1])

    def before(name: str) -> list[Any]:
        return [log["args"] for log in _logs(site, name, "venues") if _place(log) < end]

    when = "when the deployer left"
    for market, rate in {e["market"]: e["rate"] for e in before("FeeSet")}.items():
        if rate:
            yield Finding(f"fee of market {plain(market)} {when}", "0", f"{rate} / 1e18")
    for who in [e["collector"] for e in before("CollectorSet")][-1:]:
        if who != site.plan.collector:
            yield Finding(f"collector of fees {when}", site.plan.collector, who)
    caps = {e["venue"]: e for e in before("CapsSet")}
    for number, venue in enumerate(site.plan.venues):
        if (set_ := caps.get(number)) is None:
            continue
        stood = set_["cap"], set_["accountCap"]
        if any(now > most for now, most in zip(stood, venue.caps, strict=True)):
            yield Finding(f"caps of {venue.name} {when}", f"at most {venue.caps}", str(stood))


def _place(log: Log) -> tuple[int, int]:
    return log["blockNumber"], log["logIndex"]


def _logs(site: Site, name: str, of: str = "access") -> list[Log]:
    """All events of that name, in their order: from the block that made the manager, as the chain
    has it and not as the record does."""
    try:
        tx = site.w3.eth.get_transaction(HexStr(site.record.contracts["access"].tx))
        first = int(tx["blockNumber"])
    except TransactionNotFound:
        first = 0  # Which is found too: a false one hides nothing.
    event = site.contract(of).events[name]()
    return _between(event, first, int(site.w3.eth.block_number))


def _between(event: Any, first: int, last: int) -> list[Log]:
    """In halves where it is more than a node tells at once."""
    try:
        return list(event.get_logs(from_block=first, to_block=last))
    except Web3Exception:
        if first == last:
            raise
    middle = (first + last) // 2
    return [*_between(event, first, middle), *_between(event, middle + 1, last)]


def _time(seconds: int) -> str:
    return f"{datetime.fromtimestamp(seconds, timezone.utc):%Y-%m-%d %H:%M} UTC"
