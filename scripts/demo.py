"""`make demo`: one deposit, one signed order, two real perp DEXs, in numbers a person can check."""

import json
import time
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

import click
from ape import accounts, chain, project
from ape.cli import ConnectedProviderCommand
from ape.exceptions import ContractLogicError
from ape.logging import LogLevel, logger
from eth_account.messages import encode_typed_data
from rich.console import Console
from web3.logs import DISCARD

from devnet import DevnetError, feeds, market, ringside, state
from devnet.chain import Chain
from ringside import show
from ringside.accounts import Right, account_id
from ringside.chain.contracts import Refused, Ringside, refusal, revert_data
from ringside.keeper.oneshot import FILL_GAS, Keeper
from ringside.keeper.plan import Plan, PlanError, rooms
from ringside.orders import Bounds, Order, OrderError, venue_set
from ringside.permits import permit
from ringside.routing.compare import compare
from ringside.routing.split import SplitError
from ringside.statement import statement
from ringside.units import (
    BPS,
    ONE,
    UnitError,
    from_units,
    price_against,
    to_units,
    usdc_to_usd,
)
from ringside.venues import VENUE_ERRORS, VENUES, load, snapshot
from ringside.venues.base import VenueError

TIP = 1_000_000
"""USDC (1e6) paid to whoever fills: one dollar."""
SLIPPAGE = 3
"""Basis points that the client allows beyond the price it was shown."""
MOVES = {"ETH-USD": Decimal("1.03"), "BTC-USD": Decimal("0.98")}
BAND = 5
"""Percent of the oracle's price within which the client trades at all."""
HOURS = 6
HOUR = 3600
FOREVER = 2**40 - 1
MOST_DEPOSIT, MOST_SIZE = 10**18, 10**30
"""A trillion USDC (1e6), a trillion base (1e18)."""
ALL = 2**256 - 1
"""To `pull`: all that is free."""
RESULT = Path("build/demo.json")
OUT = Console(highlight=False)
if not OUT.is_terminal:
    OUT.width = 120


class Impossible(Exception):
    """Numbers that cannot work; the message says why."""


SAID = (
    DevnetError,
    Impossible,
    OrderError,
    PlanError,
    Refused,
    SplitError,
    UnitError,
    VenueError,
)
"""Errors whose message is a sentence for whoever gave the numbers."""


@dataclass
class Story:
    """Who is in it, and what is written down on the way."""

    ringside: Ringside
    client: Any
    keeper: Any
    dishonest: Any
    bystander: Any
    first_block: int
    nonce: int = 0
    orders: list[dict[str, Any]] = field(default_factory=list)
    refused: list[dict[str, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        at = self.ringside
        self.account = account_id(self.client.address)
        self.vault = project.Vault.at(at.vault.address)
        self.usdc = project.LocalUSDC.at(at.usdc.address)
        self.machine = Keeper(at, self.keeper.address, self._send)
        self.watched = load(at.w3, at.addresses, at.venue_ids)

    def _send(self, tx: Any) -> Any:
        """The keeper's transactions, through Ape."""
        receipt = self.keeper.transfer(tx["to"], 0, data=tx["data"], gas_limit=tx["gas"])
        return self.ringside.w3.eth.get_transaction_receipt(receipt.txn_hash)

    def view(self) -> Any:
        return self.ringside.account(self.account, list(self.ringside.addresses["feeds"]))

    def oracle(self, name: str) -> int:
        """USD per base, 1e18."""
        return to_units(feeds.read(self.ringside.w3, self.ringside.addresses["feeds"], name))

    # ------------------------------------------------------------------ client

    def signed(self, typed: dict[str, Any]) -> Any:
        signature = self.client.sign_message(encode_typed_data(full_message=typed))
        if signature is None:
            raise Impossible("The client's wallet declined to sign.")
        return signature

    def sign(self, order: Order) -> bytes:
        return bytes(self.signed(order.typed_data(self.ringside.domain)).encode_rsv())

    def deposit(self, amount: int) -> Any:
        """By permit, approving the Desk, in one transaction."""
        self.usdc.mint(self.client, amount, sender=self.client)
        deadline = chain.pending_timestamp + HOUR
        typed = permit(
            self.ringside.w3.eth.chain_id,
            self.usdc.address,
            self.client.address,
            self.vault.address,
            amount,
            self.usdc.nonces(self.client),
            deadline,
        )
        signature = self.signed(typed)
        rights = int(Right.TRADE | Right.MOVE | Right.PAY)
        known = venue_set(list(self.ringside.venue_ids.values()))
        grant = (self.ringside.desk.address, rights, FOREVER, 100 * TIP, known)
        return self.vault.depositWithPermit(
            self.account,
            amount,
            (deadline, signature.v, signature.r, signature.s),
            grant,
            sender=self.client,
        )

    def order(self, name: str, size: int, venues: list[str], margin: int, **bounds: Any) -> Order:
        """An order with a limit within BAND of the oracle, to be tightened once quoted."""
        self.nonce += 1
        side = 1 if size > 0 else -1
        return Order(
            account=self.account,
            market=name,
            size=size,
            limit_price=self.oracle(name) * (100 + BAND * side) // 100,
            max_margin=margin,
            tip=TIP,
            venues=venue_set([self.ringside.venue_ids[v] for v in venues]),
            deadline=chain.pending_timestamp + HOUR,
            nonce=self.nonce,
            bounds=Bounds(max_deviation=ONE * BAND // 100, **bounds),
        )

    # ------------------------------------------------------------------ keeper

    def quote(self, draft: Order) -> tuple[Order, Plan]:
        """The venues side by side and the split; the order with its limit set from what was
        seen."""
        view = self.machine.look(draft)
        ids = self.ringside.venue_ids
        allowed = {v: s for v, s in view.states.items() if draft.venues >> ids[v] & 1}
        margin = min(draft.max_margin, view.account.idle - draft.tip)
        offers = compare(allowed, draft.size, rooms(draft, view.account, allowed, margin))
        side = "BUY" if draft.size > 0 else "SELL"
        title = f"{side} {from_units(abs(draft.size)):f} {draft.market}: the venues side by side"
        OUT.print(show.quotes(title, offers, ONE // 10_000))
        chosen = self.machine.plan(draft, view)
        allowance = chosen.total_price * SLIPPAGE // BPS
        order = draft.with_(limit_price=chosen.total_price + draft.sign * allowance)
        return order, self.machine.plan(order, view)

    def alone(self, order: Order, chosen: Plan) -> dict[str, int]:
        """What each allowed venue makes of the whole order by itself: executed on a snapshot, read
        from the Desk's event, and rolled back. USD 1e18, tip in it. The limit is set aside to see
        the price."""
        anyhow = order.with_(limit_price=order.limit_price * (2 if order.size > 0 else 0))
        signature, margin = self.sign(anyhow), sum(leg.margin for leg in chosen.legs)
        desk, found = self.ringside.desk, {}
        for venue, number in self.ringside.venue_ids.items():
            if not order.venues >> number & 1:
                continue
            legs = [(number, order.size, margin)]
            try:
                desk.functions.fill(anyhow.tuple, signature, legs).call(
                    {"from": self.keeper.address, "gas": FILL_GAS}
                )
            except Exception as error:
                OUT.print(f"  {venue} alone cannot: {refusal(revert_data(error), VENUE_ERRORS)}")
                continue
            before = chain.snapshot()
            data = desk.encode_abi("fill", [anyhow.tuple, signature, legs])
            receipt = self._send({"to": desk.address, "data": data, "gas": FILL_GAS})
            event = desk.events.Filled().process_receipt(receipt, DISCARD)[0]["args"]
            found[venue] = event["quote"] + order.sign * usdc_to_usd(event["tip"])
            chain.restore(before)
        return found

    def fill(self, order: Order, chosen: Plan) -> None:
        """Fills honestly, and writes down what the venues' events say."""
        alone = self.alone(order, chosen)
        receipt = self.machine.submit(chosen, self.sign(order))
        at, done = self.ringside, []
        block, hash_ = receipt["blockNumber"], "0x" + bytes(receipt["transactionHash"]).hex()
        for venue, seat in self.view().seats.items():
            if seat.made:
                ledger = VENUES[venue].ledger(at.w3, at.addresses, seat.seat, (block, block))
                done += [(venue, fill) for fill in ledger.fills if fill.transaction == hash_]
        OUT.print(show.fills("Filled, by the venues' own events", done))

        paid = sum(f.notional + order.sign * f.fee for _, f in done)
        total = paid + order.sign * usdc_to_usd(TIP)
        best = min(alone.values(), key=lambda v: v * order.sign) if alone else None
        saved = None if best is None else order.sign * (best - total)
        if best is not None and saved is not None and len(alone) > 1:
            name = next(venue for venue, value in alone.items() if value == best)
            share = Decimal(saved) * BPS / best
            OUT.print(
                f"  {name} alone, executed and rolled back: ${show.usd(best)}. The split: "
                f"${show.usd(total)}. Saved ${show.usd(saved)}, {share:.3f} bps. "
                f"Gas {receipt['gasUsed']:,}.\n"
            )
        else:
            OUT.print(f"  ${show.usd(total)} with the tip. Gas {receipt['gasUsed']:,}.\n")
        self.orders.append(
            {
                "hash": "0x" + order.digest(at.domain).hex(),
                "market": order.market,
                "size": _text(order.size),
                "all_in_price": _price(total, order.size),
                "best_single_price": None if best is None else _price(best, order.size),
                "saved_usd": None if saved is None else _text(saved),
                "saved_bps": None if best is None else f"{Decimal(saved or 0) * BPS / best:.6f}",
                "gas_used": receipt["gasUsed"],
                "legs": [
                    {
                        "venue": venue,
                        "size": _text(f.size),
                        "notional": _text(f.notional),
                        "fee": _text(f.fee),
                    }
                    for venue, f in done
                ],
            }
        )

    # --------------------------------------------------------- the dishonest one

    def attempt(self, what: str, call: Any) -> None:
        """Something that must be refused, and by which name it is."""
        try:
            call.call({"from": self.dishonest.address, "gas": FILL_GAS})
        except Exception as error:
            told = refusal(revert_data(error), VENUE_ERRORS)
            self.refused.append({"attempt": what, "error": told.name})
            OUT.print(f"  [red]refused[/red] {what}: {told.name}")
            return
        raise AssertionError(f"a dishonest keeper got through: {what}")

    def dishonesty(self, order: Order, chosen: Plan) -> None:
        """Four things tried before the honest fill; the replay comes after it."""
        signature = self.sign(order)
        fill = self.ringside.desk.functions.fill
        legs = [leg.tuple for leg in chosen.legs]

        before = chain.snapshot()
        self._push(order)
        self.attempt("worse price", fill(order.tuple, signature, legs))
        chain.restore(before)

        venue, part, margin = legs[0]
        larger = [(venue, part + order.sign, margin), *legs[1:]]
        self.attempt("larger size", fill(order.tuple, signature, larger))
        theirs = account_id(self.bystander.address)
        seat = (
            theirs,
            venue,
            market_id(chosen.order.market),
            part,
            0,
            0,
            0,
            self.dishonest.address,
            False,
        )
        self.attempt("another account's seat", self.ringside.vault.functions.trade(seat))
        more = [(venue, part, order.max_margin + 1), *legs[1:]]
        self.attempt("more margin than its share", fill(order.tuple, signature, more))

    def _push(self, order: Order) -> None:
        """Front-runs the client with money of its own: moves every venue's price against the
        order."""
        at = self.ringside
        own = account_id(self.dishonest.address)
        funds = 5_000_000 * 10**6
        self.usdc.mint(self.dishonest, funds, sender=self.dishonest)
        self.usdc.approve(self.vault, funds, sender=self.dishonest)
        self.vault.deposit(own, funds, sender=self.dishonest)
        for venue, state_ in snapshot(at.w3, self.watched).of(order.market).items():
            size = order.sign * (state_.curve.capacity(order.sign) // 4)
            any_quote = 2**256 - 1 if size > 0 else 0
            number, key = at.venue_ids[venue], market_id(order.market)
            margin = funds // 2
            trade = (own, number, key, size, any_quote, margin, 0, self.dishonest.address, False)
            self.vault.trade(trade, sender=self.dishonest)

    # -------------------------------------------------------------------- owner

    def leave(self) -> None:
        """The owner alone, with no keeper: closes every seat, pulls all margin, withdraws all."""
        for venue, seat in self.view().seats.items():
            number = self.ringside.venue_ids[venue]
            for name, position in seat.positions.items():
                if position.size:
                    self._close(number, name, -position.size)
            if seat.made:
                free = self.view().seats[venue].pocket.free // usdc_to_usd(1)
                self.vault.pull(self.account, number, ALL, free, sender=self.client)
        self.vault.withdraw(self.account, self.view().idle, self.client, sender=self.client)

    def _close(self, venue: int, name: str, size: int) -> None:
        # Whoever leaves takes what there is, within reason.
        worst = self.oracle(name) * (120 if size > 0 else 80) // 100
        limit = abs(size) * worst // ONE
        key = ringside.market_id(name)
        trade = (self.account, venue, key, size, limit, 0, 0, self.client.address, False)
        self.vault.trade(trade, sender=self.client)

    def positions(self, title: str) -> None:
        seen = snapshot(self.ringside.w3, self.watched)
        OUT.print(show.positions(title, self.view(), seen.states))


def tell(story: Story, name: str, size: int, amount: int) -> Any:
    """The whole story; returns the statement."""
    at = story.ringside
    OUT.rule("1. One deposit")
    receipt = story.deposit(amount)
    OUT.print(
        f"  {show.usdc(amount)} USDC by permit, the Desk approved in the same transaction: gas "
        f"{receipt.gas_used:,}\n"
    )

    OUT.rule("2. One signed order")
    order, chosen = story.quote(story.order(name, size, list(at.venue_ids), amount * 2 // 5))
    OUT.print(show.split(chosen))
    side = "at most" if size > 0 else "at least"
    OUT.print(
        f"  signed: {side} {show.usd(order.limit_price, 4)} all in, {show.usdc(order.max_margin)} "
        f"USDC of margin, {show.usdc(TIP)} USDC tip, within {BAND} % of the oracle\n"
    )
    OUT.rule("3. A dishonest keeper")
    story.dishonesty(order, chosen)
    OUT.rule("4. A keeper with no other right fills it")
    story.fill(order, chosen)
    replay = at.desk.functions.fill(
        order.tuple, story.sign(order), [leg.tuple for leg in chosen.legs]
    )
    story.attempt("replay", replay)
    story.positions("The seats")

    OUT.rule("5. Prices move, time passes")
    for moved, by in MOVES.items():
        price = (from_units(story.oracle(moved)) * by).quantize(Decimal("0.01"))
        market.move(at.w3, at.addresses, moved, price)
        OUT.print(f"  {moved} → {price:,}, at the oracle and by arbitrage at every venue")
    Chain(at.w3).advance(HOURS * HOUR)
    OUT.print(f"  {HOURS} hours later:")
    story.positions("The seats")

    OUT.rule("6. Out where leaving costs less, in at the other")
    held = {v: s.positions[name].size for v, s in story.view().seats.items() if s.made}
    held = {venue: part for venue, part in held.items() if part}
    states = snapshot(at.w3, story.watched).of(name)
    exits = {v: states[v].curve.quote(-part).all_in_price for v, part in held.items()}
    # Closing a long sells: the higher price is the better one; closing a short, the lower.
    cheapest = max(exits, key=lambda v: exits[v] * order.sign)
    others = [venue for venue in at.venue_ids if venue != cheapest]
    prices = ", ".join(f"{venue} {show.usd(price, 4)}" for venue, price in exits.items())
    OUT.print(f"  closing all in: {prices}; {cheapest} first\n")
    closing = story.order(name, -held[cheapest], [cheapest], 0, reduce_only=True)
    story.fill(*story.quote(closing))

    second = next(other for other in at.addresses["feeds"] if other != name)
    worth = abs(size) * story.oracle(name) // 4
    part = worth // story.oracle(second) // 10**15 * 10**15
    margin = story.view().idle // 4
    opening = story.order(second, -order.sign * part, others, margin)
    seen = story.machine.look(opening)
    room = sum(rooms(opening, seen.account, {v: seen.states[v] for v in others}, margin).values())
    if part > room:  # What the deposit still carries there.
        part = room * 9 // 10 // 10**12 * 10**12
        if part == 0:
            raise Impossible(f"The deposit leaves no margin to open {second} at {others[0]}.")
        opening = opening.with_(size=-order.sign * part)
    story.fill(*story.quote(opening))
    story.positions("The seats")

    OUT.rule("7. The owner leaves, with no keeper")
    story.leave()
    story.positions("The seats")
    told = statement(at, story.account, (story.first_block, at.w3.eth.block_number))
    OUT.print(show.reconciled(told))
    return told


def _reason(reverted: ContractLogicError) -> str:
    """What a transaction that Ape sent was refused with."""
    told = reverted.revert_message or ""
    data = bytes.fromhex(told[2:]) if told.startswith("0x") else b""
    return str(refusal(data, VENUE_ERRORS)) if data else f"{type(reverted).__name__} {told}"


def _text(value: int) -> str:
    return f"{from_units(value):f}"


def _price(total: int, size: int) -> str:
    """USD per base, rounded against the client."""
    return _text(price_against(total, size))


@click.command(cls=ConnectedProviderCommand)
@click.option("--market", "name", default="ETH-USD", show_default=True, help="ETH-USD or BTC-USD.")
@click.option("--size", default="25", show_default=True, help="Base; negative sells.")
@click.option("--deposit", "amount", default="100000", show_default=True, help="USDC.")
def cli(name: str, size: str, amount: str) -> None:
    """One deposit, one signed order, two real perp DEXs."""
    started = time.monotonic()
    RESULT.unlink(missing_ok=True)
    logger.set_level(LogLevel.ERROR)
    try:
        parsed = to_units(size, name="--size"), to_units(amount, 6, name="--deposit")
        w3 = chain.provider.web3
        addresses = ringside.deploy(w3, state.load(w3))
        if name not in addresses["feeds"]:
            raise Impossible(f"There is no market {name}: take {' or '.join(addresses['feeds'])}.")
        if parsed[0] == 0 or parsed[1] <= 0:
            raise Impossible("--size must not be zero and --deposit must be more than zero.")
        if parsed[1] > MOST_DEPOSIT or abs(parsed[0]) > MOST_SIZE:
            raise Impossible("There is not that much of it: no trillion of USDC or base exists.")
        actors = accounts.test_accounts
        story = Story(
            Ringside.at(w3, addresses),
            client=actors[3],
            keeper=actors[4],
            dishonest=actors[5],
            bystander=actors[6],
            first_block=w3.eth.block_number + 1,
        )
        told = tell(story, name, *parsed)
    except SAID as no:
        raise click.ClickException(str(no)) from None
    except ContractLogicError as reverted:
        raise click.ClickException(f"The chain refused: {_reason(reverted)}") from None

    RESULT.parent.mkdir(exist_ok=True)
    result = {
        "venues": list(story.ringside.venue_ids),
        "seconds": round(time.monotonic() - started, 3),
        "orders": story.orders,
        "refused": story.refused,
        "statement": {
            "deposited": _text(told.deposited),
            "withdrawn": _text(told.withdrawn),
            "fees": _text(told.fees + told.tips),
            "venue_fees": _text(told.fees),
            "tips": _text(told.tips),
            "funding": _text(told.funding),
            "realised_pnl": _text(told.realised_pnl),
            "rounding": _text(told.rounding),
            "difference": _text(told.difference),
        },
    }
    RESULT.write_text(json.dumps(result, indent=2) + "\n")
    OUT.print(f"\n  {RESULT} written after {result['seconds']} s")
    if told.difference:
        raise click.ClickException("The statement does not reconcile.")
