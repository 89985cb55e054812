"""What open tickets need next: a price, an end, or to be booked. One step a ticket at a time; what
the venue has decided is read from the venue, so whoever else was quicker is no matter."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import structlog

from ringside.chain.contracts import Ringside
from ringside.keeper.tickets import Ticket as OpenTicket
from ringside.service.costs import LIMITS
from ringside.store.ledger import Ticket
from ringside.store.outbox import Wanted
from ringside.venues import synthetix_orders as venue_orders

PriceSource = Callable[[OpenTicket], tuple[list[bytes], int]]
"""As `keeper.tickets.PriceSource`: update data for the venue, and its fee in wei."""
log = structlog.get_logger()


class TicketWork:
    """Looks after the tickets of one deployment. Without a source of prices it books and expires,
    and leaves it to others to execute."""

    def __init__(self, ringside: Ringside, prices: PriceSource | None = None) -> None:
        self.ringside, self.prices = ringside, prices
        self._names = {number: name for name, number in ringside.venue_ids.items()}
        self._seats: dict[tuple[bytes, int], str] = {}

    def next(self, open_: Sequence[Ticket], lane: Callable[[bytes], str], now: int) -> list[Wanted]:
        """The next step of each ticket that has one at the chain's time `now`, for the lane that
        its account's transactions go through."""
        found = []
        for ticket in open_:
            try:
                step = self._step(ticket, now)
            except Exception:  # A venue that does not answer holds up no other's ticket.
                log.exception("a ticket cannot be looked at", order="0x" + ticket.order.hex())
                continue
            if step is not None:
                kind, to, data, value = step
                found.append(
                    Wanted(
                        *(lane(ticket.account), kind, (ticket.order,), to, data),
                        *(LIMITS[kind], value),
                    )
                )
        return found

    def _step(self, ticket: Ticket, now: int) -> tuple[str, str, bytes, int] | None:
        at, told = self.ringside, self._told(ticket)
        seat = self._seat(ticket)
        waiting = venue_orders.waiting(at.w3, at.addresses, ticket.market, seat)
        if waiting is None:
            data = at.desk.encode_abi("settle", [*told.place, ticket.number, b""])
            return "settle", at.desk.address, bytes.fromhex(data[2:]), 0
        if now >= waiting.drop:
            data = at.vault.encode_abi("expire", list(told.place))
            return "expire", at.vault.address, bytes.fromhex(data[2:]), 0
        if self.prices is None or not waiting.earliest <= now < waiting.last:
            return None
        updates, fee = self.prices(told)
        to, call = venue_orders.execution(at.addresses, ticket.market, seat, updates)
        return "execute", to, call, fee

    def _told(self, ticket: Ticket) -> OpenTicket:
        return OpenTicket(
            account=ticket.account,
            venue=self._names[ticket.venue_id],
            venue_id=ticket.venue_id,
            market=ticket.market,
            number=ticket.number,
            key=ticket.key,
            size=ticket.size,
            limit_quote=ticket.limit_quote,
            block=ticket.block,
        )

    def _seat(self, ticket: Ticket) -> str:
        key = ticket.account, ticket.venue_id
        if key not in self._seats:
            self._seats[key] = str(self.ringside.vault.functions.seatOf(*key).call()[0])
        return self._seats[key]
