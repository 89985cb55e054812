"""What becomes of a ticket: execute, settle, expire, and follow it to its end.

Whoever brings the venue its price is paid by the venue, and pays the price's fee. Settling and
expiring are open to anyone. Why a ticket was cancelled is no state of any contract: it is found
here, from what the venue says when it is asked to execute, and from its events.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from web3.logs import DISCARD

from ringside.chain.contracts import Refused, Ringside
from ringside.chain.sender import Send, Sender
from ringside.keeper.steps import Step
from ringside.orders import Order, market_id
from ringside.venues import VENUE_ERRORS
from ringside.venues import synthetix_orders as venue_orders

if TYPE_CHECKING:
    from web3.types import TxReceipt

ERRORS = (*VENUE_ERRORS, *venue_orders.ERRORS)
"""Custom errors of venues, and of what they ask."""
UNKNOWN_PRICE = 2**128 - 1
STEP = 2
"""Seconds between two attempts to have a ticket executed."""

PriceSource = Callable[["Ticket"], tuple[list[bytes], int]]
"""The newest signed price of a ticket's market: update data for the venue, and its fee in wei."""
Wait = Callable[[int], None]
"""Lets so many seconds pass."""


@dataclass(frozen=True, slots=True)
class Ticket:
    """A leg that a venue is to fill later, as the Desk committed it in `block`."""

    account: bytes
    venue: str
    venue_id: int
    market: str
    number: int
    key: bytes
    size: int
    limit_quote: int
    block: int

    @property
    def place(self) -> tuple[bytes, int, bytes]:
        """Account, venue and market, as the contracts take them."""
        return self.account, self.venue_id, market_id(self.market)


@dataclass(frozen=True)
class Ending:
    """How a ticket ended: `filled` (signed, 1e18; zero is cancelled), the whole price (USD 1e18,
    `None` if the venue's state does not say), and the reason of a cancel in words."""

    ticket: Ticket
    filled: int
    quote: int | None
    reason: str
    steps: list[Step] = field(default_factory=list)
    receipts: list[Any] = field(default_factory=list)


Call = tuple[str, str, int]
"""Where to send what call data, with how much coin (wei)."""


def execution(ringside: Ringside, ticket: Ticket, seat: str, prices: PriceSource) -> Call:
    """What brings the venue a price, with its fee."""
    updates, fee = prices(ticket)
    to, data = venue_orders.execution(ringside.addresses, ticket.market, seat, updates)
    return to, "0x" + data.hex(), fee


def settlement(ringside: Ringside, ticket: Ticket) -> Call:
    """What has the vault and the Desk book what became of the ticket."""
    desk = ringside.desk
    return desk.address, desk.encode_abi("settle", [*ticket.place, ticket.number, b""]), 0


def expiry(ringside: Ringside, ticket: Ticket) -> Call:
    """What has the venue drop it through the seat."""
    vault = ringside.vault
    return vault.address, vault.encode_abi("expire", list(ticket.place)), 0


class TicketKeeper:
    """The part of a keeper that looks after tickets, at one deployment, from the address
    `sender`."""

    def __init__(self, ringside: Ringside, sender: str, send: Send) -> None:
        self.ringside = ringside
        self.sender = Sender(ringside.w3, sender, send, ERRORS)

    def committed(self, receipt: Any, order: Order) -> list[Ticket]:
        """The tickets that a transaction made for an order."""
        names = {number: name for name, number in self.ringside.venue_ids.items()}
        entries = self.ringside.desk.events.Committed().process_receipt(receipt, DISCARD)
        return [
            Ticket(
                bytes(args["account"]),
                names[args["venue"]],
                args["venue"],
                order.market,
                args["number"],
                bytes(args["key"]),
                args["size"],
                args["limitQuote"],
                receipt["blockNumber"],
            )
            for args in (entry["args"] for entry in entries)
        ]

    # ------------------------------------------------------------------- one step

    def execute(self, ticket: Ticket, price_source: PriceSource) -> TxReceipt:
        """Brings the venue a price, and pays its fee.

        Raises:
            Refused: the venue would not fill it at that price; `reason_of` says what that means.
        """
        return self.sender.transact(
            *execution(self.ringside, ticket, self.seat(ticket), price_source)
        )

    def settle(self, ticket: Ticket) -> TxReceipt:
        """Has the vault and the Desk book what became of it; anyone may.

        Raises:
            Refused: the venue has not resolved it (`TicketOpen`), or it is booked (`NoTicket`).
        """
        return self.sender.transact(*settlement(self.ringside, ticket))

    def expire(self, ticket: Ticket) -> TxReceipt:
        """Has the venue drop it through the seat, so that the deposit comes back; anyone may. The
        Desk's part is booked by `settle`.

        Raises:
            Refused: its time has not passed.
        """
        return self.sender.transact(*expiry(self.ringside, ticket))

    def outcome(self, ticket: Ticket) -> tuple[bool, int, int | None]:
        """Whether the vault has it settled, how much was filled, and at what whole price."""
        call = self.ringside.vault.functions.outcome(*ticket.place, ticket.number)
        settled, filled, quote = call.call()
        return settled, filled, None if quote == UNKNOWN_PRICE else quote

    # ------------------------------------------------------------------- the whole way

    def follow(self, ticket: Ticket, price_source: PriceSource, wait: Wait) -> Ending:
        """Brings prices until the venue fills the ticket or its time is over, then settles it:
        from Requested by way of Pending to Filled or Cancelled. Somebody else may be quicker with
        every step."""
        at = self.ringside.w3.eth.get_block(ticket.block)
        steps = [Step("Requested", ticket.block, at["timestamp"], f"number {ticket.number}")]
        receipts: list[Any] = []
        reason = ""
        for order in self._while_waiting(ticket, wait, steps):
            try:
                receipts.append(self.execute(ticket, price_source))
            except Refused as refused:
                reason = reason_of(refused)
                steps.append(self._now("Pending", f"the venue: {refused}"))
                wait(STEP)
            else:
                steps.append(self._now("Executed", f"{_signed(order.size)} at a newer price"))
        if self._waiting(ticket) is not None:
            receipts.append(self.expire(ticket))
            steps.append(self._now("Expired", "dropped through the seat"))
            reason = reason or venue_orders.TOO_OLD
        try:
            receipts.append(self.settle(ticket))
        except Refused as refused:
            if refused.name != "NoTicket":
                raise
        _, filled, quote = self.outcome(ticket)
        if filled:
            reason = ""
        elif self._was_liquidated(ticket):
            reason = venue_orders.LIQUIDATED
        elif not reason:
            reason = venue_orders.TOO_OLD
        steps.append(self._now("Filled" if filled else "Cancelled", reason))
        return Ending(ticket, filled, quote, reason, steps, receipts)

    def why(self, ticket: Ticket, price_source: PriceSource) -> str:
        """Why the venue would not fill a pending ticket now, in words; nothing if it would."""
        try:
            self.sender.attempt(*execution(self.ringside, ticket, self.seat(ticket), price_source))
        except Refused as refused:
            return reason_of(refused)
        return ""

    # ------------------------------------------------------------------- internal

    def _while_waiting(
        self, ticket: Ticket, wait: Wait, steps: list[Step]
    ) -> Iterator[venue_orders.Waiting]:
        """Whenever the venue has the order and may be brought a price; ends once it has it no more
        or it may be dropped."""
        while (order := self._waiting(ticket)) is not None:
            now = self._time()
            if now < order.earliest:
                steps.append(self._now("Pending", f"until a price of {order.earliest} or later"))
                wait(order.earliest - now)
            elif now < order.last:
                yield order
            elif now < order.drop:
                wait(order.drop - now)
            else:
                return

    def seat(self, ticket: Ticket) -> str:
        """Where the account's seat at the ticket's venue is."""
        vault = self.ringside.vault.functions
        return str(vault.seatOf(ticket.account, ticket.venue_id).call()[0])

    def _waiting(self, ticket: Ticket) -> venue_orders.Waiting | None:
        at = self.ringside
        return venue_orders.waiting(at.w3, at.addresses, ticket.market, self.seat(ticket))

    def _was_liquidated(self, ticket: Ticket) -> bool:
        at = self.ringside
        blocks = (ticket.block, at.w3.eth.block_number)
        return venue_orders.was_liquidated(
            at.w3, at.addresses, ticket.market, self.seat(ticket), blocks
        )

    def _time(self) -> int:
        return int(self.ringside.w3.eth.get_block("latest")["timestamp"])

    def _now(self, state: str, note: str = "") -> Step:
        block = self.ringside.w3.eth.get_block("latest")
        return Step(state, block["number"], block["timestamp"], note)


def reason_of(refused: Refused) -> str:
    """Why a ticket is not filled: in Ringside's words where it has some, else in the venue's."""
    return venue_orders.REASONS.get(refused.name, refused.name)


def _signed(size: int) -> str:
    return f"{size / 10**18:+g}"
