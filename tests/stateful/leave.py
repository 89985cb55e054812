"""The end of every story: the owners leave, as they would with every keeper dead and all of
Ringside paused."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from arena import FICKLE, MARKETS, MAX, PERP, RAGE, SYNTHETIX, Holder

from devnet.anvil import rpc
from devnet.venues import synthetix
from ringside.chain.contracts import Refused
from ringside.exit.plan import Choice
from ringside.exit.run import Exit
from ringside.exit.state import Deployment
from ringside.orders import market_id
from ringside.statement import statement
from ringside.units import ONE

if TYPE_CHECKING:
    from invariants import Invariants

ANY_WAY = Choice(any_price=True, prices=True, max_loss=ONE // 5, patience=600)


def leaves_by_hand(story: Invariants, holder: Holder) -> None:
    """By the vault's own calls. What is refused is refused by the venue, in the venue's words, and
    what is idle leaves whatever a venue does."""
    arena = story.arena

    def own(name: str, *args: Any) -> Any:
        done = story.vault("leave", name, *args, by=holder.owner)
        if isinstance(done, Refused):
            assert done.foreign or done.name in VENUES_SAY, f"{name} was refused: {done}"
        return done

    for venue in (PERP, RAGE, FICKLE):
        if not story.made(holder.name, venue):
            continue
        where = holder.account, arena.venues[venue]
        for name in MARKETS[:1] if venue == FICKLE else MARKETS:
            held = story.position(holder.name, venue, name, fresh=True)
            if held:
                own("close", *where, market_id(name), 0 if held > 0 else MAX)
        own("pull", *where, market_id(MARKETS[0]), MAX, 0)
    if story.made(holder.name, SYNTHETIX):
        for name in MARKETS:
            _leave_later(story, holder, name, own)
    if idle := arena.footprint()[holder.name]["idle"]:
        done = story.vault("leave", "withdraw", holder.account, idle, holder.owner, by=holder.owner)
        assert not isinstance(done, Refused), f"{holder.name} cannot withdraw: {done}"
        assert arena.footprint()[holder.name]["idle"] == 0


VENUES_SAY = ("Fickle", "NotExact", "BeyondLimit", "PaidShort", "NotFlat")
"""Errors of a seat's that tell of what the venue did."""


def _leave_later(story: Invariants, holder: Holder, name: str, own: Any) -> None:
    """Out of a market that fills later: what is pending ends, a last ticket closes."""
    arena, number, key = story.arena, story.arena.venues[SYNTHETIX], market_id(name)
    if (holder.account, number, key) in story.tally.aside:
        arena.advance(40)
        story.publish()
        if isinstance(own("settle", holder.account, number, key, b""), Refused):
            return
        if (holder.account, number, key) in story.tally.aside:
            own("expire", holder.account, number, key)
    held = story.position(holder.name, SYNTHETIX, name, fresh=True)
    if held:
        terms = story.terms(holder, SYNTHETIX, name, -held, 0)
        if isinstance(own("commit", terms, ONE), Refused):
            return
        arena.advance(2)
        places = arena.addresses["venues"][SYNTHETIX]
        price = story.price(name)
        updates, fee = synthetix.price_update(arena.w3, places, name, price, arena.now)
        seat, proxy = arena.seats[holder.name, SYNTHETIX], arena.proxies[name]
        data = proxy.encode_abi("executeOffchainDelayedOrder", [seat, updates])
        story.foreign("ticket executed", proxy.address, data, "stranger", fee)
        own("settle", holder.account, number, key, b"")
    own("pull", holder.account, number, key, MAX, 0)


def leaves(story: Invariants, holder: Holder) -> None:
    """By the package's own exit, which ends with nothing left anywhere but at a venue that is
    hostile."""
    arena = story.arena

    def send(tx: Any) -> Any:
        data = tx["data"] if isinstance(tx["data"], str) else "0x" + tx["data"].hex()
        arena.tried["exit"] += 1
        asked = {**tx, "gas": hex(tx["gas"]), "value": hex(tx["value"]), "data": data}
        arena.moved()
        mined: Any = rpc(arena.w3, "eth_sendTransactionSync", asked)
        arena.done["exit"] += int(mined["status"], 16)
        return arena.w3.eth.get_transaction_receipt(mined["transactionHash"])

    def wait(until: int) -> None:
        if until > arena.now:
            rpc(arena.w3, "evm_setNextBlockTimestamp", until)
            rpc(arena.w3, "evm_mine")

    def prices(market: str, _since: int) -> Any:
        return synthetix.price_update(arena.w3, arena.addresses["venues"][SYNTHETIX], market)

    at = Deployment.at(arena.w3, arena.own["lens"])
    report = Exit(at, holder.account, send, ANY_WAY, wait, prices).run()
    left = [entry for entry in report.left if not entry.where.startswith(FICKLE)]
    assert not left, f"{holder.name} could not take home {left}"
    assert arena.footprint()[holder.name]["idle"] == 0
    if story.made(holder.name, FICKLE):
        return  # The package has no ledger of that venue.
    told = statement(arena.deployment, holder.account, (0, int(arena.w3.eth.block_number)))
    assert told.difference == 0, f"{told.difference} of {holder.name} is unexplained"
    arena.done["statement"] += 1
