"""A keeper that wants more than it may have, and by which name it is refused."""

from __future__ import annotations

from typing import Any

from ape import chain

from demonstration.cast import ALL, OUT, TOLERANCE, Cast
from ringside.accounts import account_id
from ringside.chain import sender
from ringside.chain.contracts import Refused
from ringside.chain.sender import GAS
from ringside.keeper.plan import Plan
from ringside.keeper.receipts.store import NO_RECEIPT
from ringside.orders import Bounds, Order, market_id
from ringside.venues import VENUE_ERRORS, snapshot


def attempt(cast: Cast, what: str, call: Any) -> None:
    """Something that must be refused, and by which name it is."""
    try:
        tried(cast, call, cast.dishonest.address)
    except Refused as told:
        cast.refused.append({"attempt": what, "error": told.name})
        OUT.print(f"  [red]refused[/red] {what}: {told.name}")
        return
    raise AssertionError(f"a dishonest keeper got through: {what}")


def tried(cast: Cast, call: Any, by: str) -> None:
    """What `by` would get for a call.

    Raises:
        Refused: by the chain.
    """
    tx = {"from": by, "to": call.address, "data": call._encode_transaction_data(), "gas": GAS}
    sender.attempt(cast.ringside.w3, tx, VENUE_ERRORS)


def fill(cast: Cast, order: Order, legs: Any) -> Any:
    """A fill with the client's signature, not sent."""
    call = cast.ringside.desk.functions.fill
    return call(order.tuple, cast.sign(order), list(legs), NO_RECEIPT)


def everything(cast: Cast, order: Order, chosen: Plan) -> None:
    """What is tried before the honest fill; the replay comes after it."""
    legs = [leg.tuple for leg in chosen.legs]
    if not legs:
        OUT.print("  nothing fills at once here: there is no fill to cheat with")
        return
    with rolled_back(cast):
        push(cast, order, cast.at_once)
        attempt(cast, "worse price", fill(cast, order, legs))
    dearer(cast, order, chosen)

    number, part, margin = legs[0]
    larger = [(number, part + 10 * order.size, margin), *legs[1:]]
    attempt(cast, "larger size", fill(cast, order, larger))
    theirs, me = account_id(cast.bystander.address), cast.dishonest.address
    trade = (theirs, number, market_id(order.market), part, 0, 0, 0, me, 0, me, False)
    attempt(cast, "another account's seat", cast.ringside.vault.functions.trade(trade))
    more = [(number, part, order.max_margin + 1), *legs[1:]]
    attempt(cast, "more margin than its share", fill(cast, order, more))


def dearer(cast: Cast, order: Order, chosen: Plan) -> None:
    """Under a careless limit, the whole fill to the venue that was made the dearer one: best
    execution is what refuses it."""
    ids, sizes = cast.ringside.venue_ids, sum(leg.size for leg in chosen.legs)
    careless = order.with_(
        limit_price=2 * order.limit_price if order.size > 0 else 1,
        nonce=order.nonce + 1_000,
        bounds=Bounds(tolerance=TOLERANCE),
    )
    margin = sum(leg.margin for leg in chosen.legs)
    with rolled_back(cast):
        venue = chosen.legs[0].venue
        push(cast, order, [venue])
        what = "the dearer venue, under best execution"
        attempt(cast, what, fill(cast, careless, [(ids[venue], sizes, margin)]))


def push(cast: Cast, order: Order, venues: list[str]) -> None:
    """Front-runs the client with money of its own: moves these venues' prices against the
    order."""
    at, me = cast.ringside, cast.dishonest
    own = account_id(me.address)
    funds = 5_000_000 * 10**6
    cast.usdc.mint(me, funds, sender=me)
    cast.usdc.approve(cast.vault, funds, sender=me)
    cast.vault.deposit(own, funds, sender=me)
    states = snapshot(at.w3, cast.watched).of(order.market)
    for venue in venues:
        size = order.sign * (states[venue].curve.capacity(order.sign) // 4)
        any_quote = ALL if size > 0 else 0
        number, key = at.venue_ids[venue], market_id(order.market)
        paid = (funds // 2, 0, me, 0, me, False)
        cast.vault.trade((own, number, key, size, any_quote, *paid), sender=me)


class rolled_back:  # noqa: N801 (used like a function)
    """What is done inside never happened; the chain's own clock goes back too."""

    def __init__(self, cast: Cast) -> None:
        self.cast = cast

    def __enter__(self) -> None:
        self.mark = chain.snapshot()
        self.configs = dict(self.cast.watched.configs)

    def __exit__(self, *_: object) -> None:
        chain.restore(self.mark)
        self.cast.watched.configs.update(self.configs)
