"""The story itself: a deposit, an order over three venues, a stop, a flip, and the way out."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from web3.logs import DISCARD

from demonstration.cast import (
    BAND,
    HALF,
    OUT,
    TIP,
    TOLERANCE,
    Cast,
    Impossible,
    quantized,
    text,
)
from demonstration.dishonest import attempt, everything, fill, rolled_back, tried
from devnet import market
from ringside import show
from ringside.chain.contracts import Refused
from ringside.chain.sender import GAS
from ringside.keeper.plan import NotNow, Plan, PlanError, rooms
from ringside.keeper.receipts.audit import audit
from ringside.keeper.receipts.document import read
from ringside.keeper.receipts.replay import replay as repeat
from ringside.orders import (
    CLOSE_LONGS,
    CLOSE_SHORTS,
    Bounds,
    Bundle,
    Conditions,
    Mode,
    Order,
)
from ringside.routing.problem import SplitError
from ringside.statement import Statement, statement
from ringside.units import BPS, ONE, from_units, price_against, usdc_to_usd
from ringside.venues import VENUES, snapshot

MOVES = {"ETH-USD": Decimal("1.03"), "BTC-USD": Decimal("0.98")}
HOURS = 6
HOUR = 3600
FALL = Decimal("0.02")
"""How far from here the stop is; the oracle then goes twice as far."""

ANY_SIZE = 10**30
"""Of base: more than there is of any (1e18)."""


def tell(cast: Cast, name: str, size: int, amount: int) -> Statement:
    """The whole story; returns the statement."""
    OUT.rule("1. One deposit")
    receipt = cast.deposit(amount)
    OUT.print(
        f"  {show.usdc(amount)} USDC by permit, the Desk approved in the same transaction: gas "
        f"{receipt.gas_used:,}\n"
    )
    OUT.rule("2. One signed order, three venues")
    draft = cast.order(name, size, list(cast.ringside.venue_ids), amount * 2 // 5)
    draft = draft.with_(bounds=Bounds(max_deviation=ONE * BAND // 100, tolerance=TOLERANCE))
    order, chosen = cast.quote(draft)
    OUT.print(show.split(chosen))
    side = "at most" if size > 0 else "at least"
    OUT.print(
        f"  signed: {side} {show.usd(order.limit_price, 4)} all in for each transaction, "
        f"{show.usdc(order.max_margin)} USDC of margin, {show.usdc(TIP)} USDC tip, within "
        f"{BAND} % of the oracle and a basis point of the best venue alone; this keeper opens at "
        f"most {HALF * 100 // ONE} % where fills come later\n"
    )
    OUT.rule("3. A dishonest keeper")
    everything(cast, order, chosen)
    OUT.rule("4. A keeper with no other right fills it")
    honest(cast, order, chosen)
    if chosen.legs:
        replay = fill(cast, order, [leg.tuple for leg in chosen.legs])
        attempt(cast, "replay", replay)
    proof(cast, chosen)
    if not chosen.tickets:
        later(cast, name, size, amount)
    cast.positions("The pockets")

    OUT.rule("5. Prices move, time passes")
    at = cast.ringside
    for moved, by in MOVES.items():
        price = quantized(from_units(cast.oracle(moved)) * by)
        market.move(at.w3, at.addresses, moved, price)
        OUT.print(f"  {moved} → {price:,}, at the oracle and by arbitrage at every venue")
    cast.wait(HOURS * HOUR)
    OUT.print(f"  {HOURS} hours later:")
    cast.positions("The pockets")

    OUT.rule("6. A stop")
    stop(cast, name, order.sign)
    OUT.rule("7. A flip under one signature")
    flip(cast, name, size)
    cast.positions("The pockets")

    OUT.rule("8. The keeper is gone; the owner leaves")
    cast.leave()
    cast.positions("The pockets")
    told = statement(at, cast.account, (cast.first_block, at.w3.eth.block_number))
    OUT.print(show.reconciled(told))
    return told


# ---------------------------------------------------------------------- fills


def honest(cast: Cast, order: Order, chosen: Plan, what: str = "order") -> None:
    """Fills, follows what comes later, and writes down what the venues' events say."""
    alone = {} if order.bounds.reduce_only else by_themselves(cast, order, chosen)
    receipts = cast.machine.submit(chosen, cast.sign(order))
    endings = cast.follow(receipts, order)
    blocks = [r["blockNumber"] for r in (*receipts, *(r for e in endings for r in e.receipts))]
    done = executed(cast, (min(blocks), max(blocks)))
    OUT.print(show.fills("Filled, by the venues' own events", done))

    gas = sum(r["gasUsed"] for r in (*receipts, *(r for e in endings for r in e.receipts)))
    total = sum(f.notional + order.sign * f.fee for _, f in done)
    filled = sum(f.size for _, f in done)
    total += order.sign * (usdc_to_usd(chosen.tip) + chosen.costs)
    whole = filled == order.size
    best = min(alone.values(), key=lambda v: v * order.sign) if alone and whole else None
    saved = None if best is None else order.sign * (best - total)
    if best is not None and saved is not None and (len(alone) > 1 or chosen.tickets):
        single = next(venue for venue, value in alone.items() if value == best)
        share = Decimal(saved) * BPS / best
        OUT.print(
            f"  {single} alone, executed and rolled back: ${show.usd(best)}. The split: "
            f"${show.usd(total)}. Saved ${show.usd(saved)}, {share:.3f} bps. Gas {gas:,}.\n"
        )
    else:
        OUT.print(f"  ${show.usd(total)} with tip, deposits and exchange. Gas {gas:,}.\n")
    note(cast, what, order, done, total, best, saved, gas)


def proof(cast: Cast, chosen: Plan) -> None:
    """What anyone can know of the decision: its certificate, its receipt, its audit."""
    at, told, proved = cast.ringside, chosen.receipt, chosen.route.certificate
    event = at.desk.events.Filled() if chosen.legs else at.desk.events.Committed()
    made = event.get_logs(from_block=cast.first_block)[-1]
    if told is None or made["args"]["receipt"]["hash"] != told.hash:
        raise Impossible("The fill carries another receipt than the plan's.")
    again = repeat(read(told.document))
    report = audit(at.w3, at.addresses, made["transactionHash"].to_0x_hex(), cast.receipts)
    gap = f"{proved.gap / 1e6:.6f}" if proved else "0"
    same = "is the same" if again.same else "DIFFERS"
    OUT.print(
        f"  Certified: no split was cheaper by more than {gap} bps. "
        f"Receipt 0x{told.hash.hex()[:12]}…: decided again, it {same}."
    )
    for one in report.audited:
        short = [
            f"{show.bps(found.micro_bps)} bps {found.where}"
            for found in one.shortfalls
            if found.micro_bps is not None
        ]
        OUT.print(f"  Audited: {one.verdict.value}. {' '.join(one.findings)}")
        OUT.print(
            f"  Short of the optimum over venues that fill at once: {', '.join(short) or '—'}\n"
        )


def note(
    cast: Cast,
    what: str,
    order: Order,
    done: Any,
    total: int,
    best: int | None,
    saved: int | None,
    gas: int,
) -> None:
    """For build/demo.json."""
    filled = sum(f.size for _, f in done)
    cast.orders.append(
        {
            "what": what,
            "hash": "0x" + order.digest(cast.ringside.domain).hex(),
            "market": order.market,
            "size": text(filled),
            "all_in_price": text(price_against(total, filled)),
            "best_single_price": None if best is None else text(price_against(best, order.size)),
            "saved_usd": None if saved is None else text(saved),
            "saved_bps": None if best is None else f"{Decimal(saved or 0) * BPS / best:.6f}",
            "gas_used": gas,
            "legs": [
                {
                    "venue": venue,
                    "market": f.market,
                    "size": text(f.size),
                    "notional": text(f.notional),
                    "fee": text(f.fee),
                }
                for venue, f in done
            ],
        }
    )


def executed(cast: Cast, blocks: tuple[int, int]) -> list[tuple[str, Any]]:
    """What the venues' events say was done for the client in these blocks."""
    at, found = cast.ringside, []
    for venue, seat in cast.seats().items():
        if seat.made:
            ledger = VENUES[venue].ledger(at.w3, at.addresses, seat.seat, blocks)
            found += [(venue, done) for done in ledger.fills]
    return found


def by_themselves(cast: Cast, order: Order, chosen: Plan) -> dict[str, int]:
    """What each venue that fills at once makes of the whole by itself: executed on a snapshot, read
    from the Desk's event, and rolled back. USD 1e18, tip in it. Every bound is set aside to see the
    price."""
    anyhow = order.with_(
        limit_price=order.limit_price * (2 if order.size > 0 else 0), bounds=Bounds()
    )
    margin = sum(leg.margin for leg in (*chosen.legs, *chosen.tickets))
    desk, found = cast.ringside.desk, {}
    for venue in cast.at_once:
        number = cast.ringside.venue_ids[venue]
        if not order.venues >> number & 1:
            continue
        call = fill(cast, anyhow, [(number, order.size, margin)])
        try:
            tried(cast, call, cast.keeper.address)
        except Refused as no:
            OUT.print(f"  {venue} alone cannot: {no}")
            continue
        with rolled_back(cast):
            data = call._encode_transaction_data()
            receipt = cast.send({"to": desk.address, "data": data, "gas": GAS})
            event = desk.events.Filled().process_receipt(receipt, DISCARD)[0]["args"]
            found[venue] = event["quote"] + order.sign * usdc_to_usd(event["tip"])
    return found


def later(cast: Cast, name: str, size: int, amount: int) -> None:
    """The split left the venue that fills later aside: a quarter of the order there by itself, to
    see a ticket."""
    part = size // 4
    OUT.print(f"\n  {', '.join(cast.later)} costs more for this order, all in; a quarter there:")
    try:
        order, chosen = cast.quote(cast.order(name, part, cast.later, amount // 10))
    except (PlanError, SplitError) as no:
        OUT.print(f"  {no}\n")
        return
    OUT.print(show.split(chosen))
    honest(cast, order, chosen, "later")


# ---------------------------------------------------------------------- stop, flip


def stop(cast: Cast, name: str, sign: int) -> None:
    """Half of what is held where fills come at once is to be closed once the oracle has moved."""
    held = cast.held(name, cast.at_once)
    part = sum(held.values()) // 2 // 10**12 * 10**12
    if not part:
        OUT.print("  nothing is held where fills come at once: there is no stop to show")
        return
    now = from_units(cast.oracle(name))
    trigger = quantized(now * (1 - sign * FALL))
    conditions = Conditions(trigger_price=int(trigger * ONE), trigger_above=sign < 0, not_before=0)
    bounds = Bounds(reduce_only=True, max_deviation=ONE * BAND // 100)
    worst = int(trigger * ONE) * (100 - sign * 2 * BAND) // 100
    order = cast.order(
        *(name, -part, list(held), 0), limit_price=worst, conditions=conditions, bounds=bounds
    )
    where = "below" if sign > 0 else "above"
    OUT.print(f"  signed: {show.size(-part)} {name} once the oracle is at or {where} {trigger:,}")
    legs = [
        (leg.venue_id, leg.size, leg.margin)
        for leg in cast.machine.plan(order.with_(conditions=None)).legs
    ]
    attempt(cast, "the stop before its trigger", fill(cast, order, legs))
    try:
        cast.machine.plan(order)
    except NotNow as no:
        OUT.print(f"  the keeper's plan: {no}")
    at, price = cast.ringside, quantized(now * (1 - 2 * sign * FALL))
    market.move(at.w3, at.addresses, name, price)
    OUT.print(f"  {name} → {price:,}: the same order now fills\n")
    honest(cast, order, cast.machine.plan(order), "stop")


def flip(cast: Cast, name: str, size: int) -> None:
    """Out where leaving costs less, in at the other: two steps, one signature, one transaction."""
    at, sign = cast.ringside, 1 if size > 0 else -1
    held = cast.held(name, cast.at_once)
    if not held:
        OUT.print("  nothing is held where fills come at once: there is nothing to flip")
        return
    states = snapshot(at.w3, cast.watched).of(name)
    exits = {v: states[v].curve.quote(-part).all_in_price for v, part in held.items()}
    # Closing a long sells: the higher price is the better one; closing a short, the lower.
    cheapest = max(exits, key=lambda v: exits[v] * sign)
    others = [venue for venue in cast.at_once if venue != cheapest]
    prices = ", ".join(f"{venue} {show.usd(price, 4)}" for venue, price in exits.items())
    second = next(other for other in at.addresses["feeds"] if other != name)
    OUT.print(f"  closing all in: {prices}; so {name} is closed at {cheapest}, and {second} opened")

    closing = cast.order(
        *(name, CLOSE_LONGS if sign > 0 else CLOSE_SHORTS, [cheapest], 0),
        bounds=Bounds(max_deviation=ONE * BAND // 100),
    )
    worth = abs(size) * cast.oracle(name) // 4
    part = worth // cast.oracle(second) // 10**15 * 10**15
    margin = cast.view().idle // 4
    opening = cast.order(second, -sign * max(part, 1), others, margin)
    seen = cast.machine.look(opening)
    there = {v: seen.states[v] for v in others}
    room = sum(rooms(opening, seen.account, there, margin, ANY_SIZE).values())
    if part > room or not part:  # What the deposit still carries there.
        part = min(part or room, room) * 9 // 10 // 10**12 * 10**12
        if part == 0:
            raise Impossible(f"The deposit leaves no margin to open {second} at {others[0]}.")
        opening = opening.with_(size=-sign * part)
    steps = (closing.terms, opening.terms)
    bundle = Bundle(cast.account, steps, Mode.ATOMIC, opening.deadline, opening.nonce)
    plans, receipt = cast.machine.fill_bundle(bundle, cast.sign(bundle))
    block, gas = receipt["blockNumber"], receipt["gasUsed"]
    done = executed(cast, (block, block))
    OUT.print(show.fills("Both steps, by the venues' own events", done))
    OUT.print(f"  one signature, {len(plans)} steps, one transaction. Gas {gas:,}.\n")
    for plan, order in zip(plans, (closing, opening), strict=True):
        mine = [(v, f) for v, f in done if f.market == order.market]
        note(cast, "flip", order, mine, plan.total, None, None, gas)
