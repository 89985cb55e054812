"""Who is in the story, and the few things each of them does."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

from ape import chain, project
from eth_account.messages import encode_typed_data
from rich.console import Console

from devnet import feeds
from devnet.chain import Chain
from devnet.venues import synthetix
from ringside import show
from ringside.accounts import Right, account_id
from ringside.chain.contracts import Ringside
from ringside.chain.views import SeatView
from ringside.keeper.oneshot import Keeper
from ringside.keeper.plan import Plan, rooms
from ringside.keeper.receipts.store import Receipts
from ringside.keeper.tickets import Ticket
from ringside.orders import Bounds, Bundle, Order, Tickets, market_id, venue_set
from ringside.permits import permit
from ringside.routing.compare import compare
from ringside.units import BPS, ONE, from_units, to_units, usdc_to_usd
from ringside.venues import load, snapshot

TIP = 1_000_000
"""USDC (1e6) paid to whoever fills: one dollar."""
SLIPPAGE = 3
"""Basis points that the client allows beyond the price it was shown."""
BAND = 5
"""Percent of the oracle's price within which the client trades at all."""
TOLERANCE = ONE // 10_000
"""How much worse than the best single venue a fill may be: a basis point."""
HALF = ONE // 2
"""Of an order, the most that this keeper opens where fills come later."""
HOUR = 3600
FOREVER = 2**40 - 1
ALL = 2**256 - 1
"""To `pull`: all that is free."""
OUT = Console(highlight=False)
if not OUT.is_terminal:
    OUT.width = 140


class Impossible(Exception):
    """Numbers that cannot work; the message says why."""


def tickets_for(margin: int) -> Tickets:
    """What tickets may do with so much margin (USDC): three may fail, and exchange may lose half a
    percent."""
    return Tickets(3, 50 * 10**6 + margin // 100, ONE // 200)


@dataclass
class Cast:
    """The client, the keeper and the dishonest one, and what is written down on the way."""

    ringside: Ringside
    client: Any
    keeper: Any
    dishonest: Any
    bystander: Any
    first_block: int
    nonce: int = 0
    orders: list[dict[str, Any]] = field(default_factory=list)
    refused: list[dict[str, str]] = field(default_factory=list)
    tickets: list[dict[str, Any]] = field(default_factory=list)

    def __post_init__(self) -> None:
        at = self.ringside
        self.account = account_id(self.client.address)
        self.vault = project.Vault.at(at.vault.address)
        self.desk = project.Desk.at(at.desk.address)
        self.usdc = project.LocalUSDC.at(at.usdc.address)
        self.receipts = Receipts(Path("build/receipts"))
        self.machine = Keeper(
            *(at, self.keeper.address, self.send),
            most_delayed=HALF,
            since=self.first_block,
            receipts=self.receipts,
        )
        self.watched = load(at.w3, at.addresses, at.venue_ids)
        states = snapshot(at.w3, self.watched).states
        self.later = [
            v for v in at.venue_ids if any(s.delayed for (w, _), s in states.items() if w == v)
        ]
        self.at_once = [v for v in at.venue_ids if v not in self.later]

    def send(self, tx: Any) -> Any:
        """By web3 alone, as a keeper does it that has never heard of Ape; anvil holds the keys."""
        w3 = self.ringside.w3
        digest = w3.eth.send_transaction({**tx, "from": tx.get("from", self.keeper.address)})
        return w3.eth.wait_for_transaction_receipt(digest, poll_latency=0.002)

    def view(self) -> Any:
        return self.ringside.account(self.account, list(self.ringside.addresses["feeds"]))

    def seats(self) -> dict[str, SeatView]:
        return dict(self.view().seats)

    def held(self, name: str, venues: list[str]) -> dict[str, int]:
        """Positions in a market, by venue, those that are open."""
        found = {v: s.positions.get(name) for v, s in self.seats().items() if s.made}
        return {v: p.size for v, p in found.items() if p and p.size and v in venues}

    def oracle(self, name: str) -> int:
        """USD per base, 1e18."""
        return to_units(feeds.read(self.ringside.w3, self.ringside.addresses["feeds"], name))

    def bits(self, venues: list[str]) -> int:
        return venue_set([self.ringside.venue_ids[v] for v in venues])

    def wait(self, seconds: int) -> None:
        Chain(self.ringside.w3).advance(seconds)

    def prices(self, ticket: Ticket) -> tuple[list[bytes], int]:
        """Pyth's newest price, and its fee: on the local chain always the oracle's."""
        names = self.ringside.addresses["venues"][ticket.venue]
        return synthetix.price_update(self.ringside.w3, names, ticket.market)

    def positions(self, title: str) -> None:
        seen = snapshot(self.ringside.w3, self.watched)
        OUT.print(show.positions(title, self.view(), seen.states))

    # ------------------------------------------------------------------ client

    def signed(self, typed: dict[str, Any]) -> Any:
        signature = self.client.sign_message(encode_typed_data(full_message=typed))
        if signature is None:
            raise Impossible("The client's wallet declined to sign.")
        return signature

    def sign(self, order: Order | Bundle) -> bytes:
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

    def order(self, name: str, size: int, venues: list[str], margin: int, **changes: Any) -> Order:
        """An order with a limit within BAND of the oracle, to be tightened once quoted."""
        self.nonce += 1
        side = 1 if size > 0 else -1
        later = set(venues) & set(self.later)
        bounds = Bounds(max_deviation=ONE * BAND // 100)
        fields = {
            "account": self.account,
            "market": name,
            "size": size,
            "limit_price": self.oracle(name) * (100 + BAND * side) // 100,
            "max_margin": margin,
            "tip": TIP,
            "venues": self.bits(venues),
            "deadline": chain.pending_timestamp + HOUR,
            "nonce": self.nonce,
            "bounds": bounds,
            "tickets": tickets_for(margin) if later else None,
        }
        return Order(**{**fields, **changes})

    # ------------------------------------------------------------------ keeper

    def quote(self, draft: Order) -> tuple[Order, Plan]:
        """The venues side by side and the split; the order with its limit set from what was
        seen."""
        view = self.machine.look(draft)
        ids = self.ringside.venue_ids
        allowed = {v: s for v, s in view.states.items() if draft.venues >> ids[v] & 1}
        margin = max(min(draft.max_margin, view.account.idle - draft.tip), 0)
        offers = compare(
            allowed, draft.size, rooms(draft, view.account, allowed, margin, abs(draft.size))
        )
        side = "BUY" if draft.size > 0 else "SELL"
        title = f"{side} {from_units(abs(draft.size)):f} {draft.market}: the venues side by side"
        OUT.print(show.quotes(title, offers, ONE // 10_000))
        for venue, state in allowed.items():
            if state.delayed:
                OUT.print(
                    f"  {venue} fills later, at the price of then; on top come "
                    f"${show.usd(state.leg_cost)} an order and "
                    f"{state.conversion * BPS / ONE:.1f} bps of margin for sUSD"
                )
        chosen = self.machine.plan(draft, view)
        allowance = chosen.worst_price * SLIPPAGE // BPS
        order = draft.with_(limit_price=chosen.worst_price + draft.sign * allowance)
        return order, self.machine.plan(order, view)

    def follow(self, receipts: Any, order: Order) -> list[Any]:
        """Every ticket that came of an order, to its end."""
        endings = []
        for receipt in receipts:
            for ticket in self.machine.committed(receipt, order):
                ending = self.machine.follow(ticket, self.prices, self.wait)
                title = f"The ticket at {ticket.venue}, {show.size(ticket.size)} {ticket.market}"
                OUT.print(show.course(title, ending.steps))
                endings.append(ending)
                self.tickets.append(
                    {
                        "venue": ticket.venue,
                        "size": text(ticket.size),
                        "filled": text(ending.filled),
                        "reason": ending.reason,
                        "states": [step.state for step in ending.steps],
                        "seconds": ending.steps[-1].time - ending.steps[0].time,
                    }
                )
        return endings

    # -------------------------------------------------------------------- owner

    def leave(self) -> None:
        """The owner alone, with no keeper: ends every order, closes every seat, pulls all margin,
        withdraws all."""
        epoch = self.view().epoch + 1
        self.desk.raiseEpoch(self.account, epoch, sender=self.client)
        OUT.print(f"  epoch {epoch}: no order signed before counts any more")
        markets = list(self.ringside.addresses["feeds"])
        for venue, seat in self.seats().items():
            number = self.ringside.venue_ids[venue]
            for name, position in seat.positions.items():
                if position.size:
                    self._close(venue, name, -position.size)
            for name in markets if seat.isolated else markets[:1]:
                pocket = self.seats()[venue].pocket_of(name) if seat.made else None
                if pocket is None or pocket.free < usdc_to_usd(1):
                    continue
                # At least 99 cents for a dollar of margin, where it has to be exchanged.
                share = 99 if seat.isolated else 100
                free = pocket.free // usdc_to_usd(1)
                amount = ALL if seat.isolated else free
                where = (self.account, number, market_id(name))
                self.vault.pull(*where, amount, free * share // 100, sender=self.client)
                OUT.print(f"  pulled {show.usdc(free)} of margin from {venue}")
        self.vault.withdraw(self.account, self.view().idle, self.client, sender=self.client)
        balance = self.usdc.balanceOf(self.client)
        OUT.print(f"  withdrawn: {show.usdc(balance)} USDC in the owner's wallet")

    def _close(self, venue: str, name: str, size: int) -> None:
        # Whoever leaves takes what there is, within reason.
        worst = self.oracle(name) * (120 if size > 0 else 80) // 100
        number, me = self.ringside.venue_ids[venue], self.client
        limit, key = abs(size) * worst // ONE, market_id(name)
        trade = (self.account, number, key, size, limit, 0, 0, me, 0, me, False)
        if venue in self.at_once:
            self.vault.trade(trade, sender=me)
            OUT.print(f"  closed {show.size(-size)} {name} at {venue}")
            return
        receipt = self.vault.commit(trade, 0, sender=me)
        (made,) = receipt.decode_logs(self.vault.TicketCommitted)
        at = (self.account, venue, number, name, made.number, b"", size, limit)
        ticket = Ticket(*at, receipt.block_number)
        self.wait(2)
        owner = Keeper(self.ringside, me.address, self.send)
        owner.execute(ticket, self.prices)
        self.vault.settle(self.account, number, key, b"", sender=me)
        _, filled, _ = owner.outcome(ticket)
        OUT.print(
            f"  closed {show.size(-filled)} {name} at {venue}: committed, executed and settled by "
            "the owner"
        )


def text(value: int) -> str:
    """A number of 1e18 in full."""
    return f"{from_units(value):f}"


def quantized(value: Decimal) -> Decimal:
    """A price that people would publish."""
    return value.quantize(Decimal("0.01"))
