"""Holding a chain against a plan: all code, the registry, and who may do what."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal

from eth_typing import HexStr
from eth_utils.address import to_checksum_address
from web3.exceptions import TransactionNotFound

from ringside.chain.batch import ask
from ringside.deploy import authority
from ringside.deploy.plan import ZERO, Plan
from ringside.deploy.record import Contract
from ringside.deploy.site import Finding, Site, created, plain
from ringside.deploy.steps import Make, Step, seat
from ringside.keccak import keccak
from ringside.orders import market_id
from ringside.units import USDC


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
        found += authority.findings(site)
    return found


def present(site: Site) -> list[Finding]:
    """Caps, pauses, fees and their collector as they are now, beside what they began as: planned
    caps and collector, no pause, no fee."""
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
    told.append(Finding("fees go to", _who(site.plan.collector), _who(collector)))
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
    maker = to_checksum_address(stands.maker or site.deployer)
    yield from _creation(site, step, stands, maker)
    if created(maker, stands.nonce) != to_checksum_address(stands.address):
        return  # Its maker, nonce or place is another then, which is found already.
    # Where a contract stands is part of its code, and follows from the nonce that made it; the
    # place has to be empty for that.
    override = {
        maker: {"nonce": hex(stands.nonce)},
        stands.address: {"nonce": "0x0", "code": "0x", "state": {}},
    }
    call = {"from": maker, "data": site.data(step)}
    (made,) = ask(site.w3, [("eth_call", [call, "latest", override])])
    code = bytes(site.w3.eth.get_code(to_checksum_address(stands.address)))
    if _bytes(made) != code:
        yield Finding(f"code of {step.name}", _brief(_bytes(made)), _brief(code))


def _creation(site: Site, step: Make, stands: Contract, maker: str) -> Iterator[Finding]:
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
        ("maker", maker, by),
        ("place", to_checksum_address(stands.address), "a call" if tx.get("to") else made),
        ("nonce", str(stands.nonce), str(tx["nonce"])),
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


def _who(address: str) -> str:
    return "nobody" if address == ZERO else address


def _caps(units: Sequence[int]) -> str:
    """As the registry keeps them, in whole USDC rounded down."""
    in_all, own = (unit // USDC for unit in units)
    return f"{in_all:,} USDC in all, {own:,} for one account"


def _bytes(told: str) -> bytes:
    return bytes.fromhex(told.removeprefix("0x"))


def _brief(code: bytes) -> str:
    return f"{len(code)} bytes, keccak256 0x{keccak(code).hex()[:16]}…"
