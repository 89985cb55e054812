"""Tables for people: quotes, splits, fills, positions and statements, as `rich` draws them.

Everything comes in as integers and goes out rounded for the eye; nothing is worked out from what is
shown.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal

from rich.table import Table

from ringside.chain.views import AccountView, SeatView
from ringside.keeper.plan import Plan
from ringside.keeper.steps import Step
from ringside.routing.compare import VenueQuote
from ringside.statement import Statement
from ringside.units import ONE, USDC_DECIMALS, from_units
from ringside.venues.base import MarketState
from ringside.venues.ledger import Fill


def usd(value: int, digits: int = 2) -> str:
    """USD 1e18 with `digits` after the point."""
    return f"{from_units(value):,.{digits}f}"


def usdc(value: int) -> str:
    """USDC 1e6 with cents."""
    return f"{from_units(value, USDC_DECIMALS):,.2f}"


def size(value: int) -> str:
    """A size or a ratio, 1e18, with six digits after the point."""
    return f"{from_units(value):+,.6f}"


def bps(micro: int) -> str:
    """Millionths of a basis point."""
    return f"{Decimal(micro).scaleb(-6):.2f}"


def table(title: str, *columns: str) -> Table:
    """An empty table: the first column is words, the others numbers."""
    made = Table(title=title, title_justify="left", title_style="bold", header_style="dim")
    for number, column in enumerate(columns):
        made.add_column(column, justify="left" if number == 0 else "right")
    return made


def quotes(title: str, offers: Sequence[VenueQuote], lot: int) -> Table:
    """Venues side by side for one size."""
    made = table(
        title, "venue", "impact bps", "fee bps", "funding $/day", "all-in $", "all-in price", "room"
    )
    for offer in offers:
        room = f"{from_units(offer.room // lot * lot):,.4f}"
        funding = usd(offer.funding_per_day)
        if offer.quote is None:
            made.add_row(offer.venue, "—", "—", funding, "—", offer.why, room)
            continue
        made.add_row(
            offer.venue,
            bps(offer.impact),
            bps(offer.fee),
            funding,
            usd(offer.quote.all_in),
            usd(offer.quote.all_in_price, 4),
            room,
        )
    return made


def split(chosen: Plan) -> Table:
    """How an order is divided, and the margin each part takes along. What a ticket pays in deposit
    and exchange is in the price of all."""
    names = ("venue", "fills", "size", "notional $", "fee $", "all-in price", "margin USDC")
    made = table("The split", *names)
    quotes = {leg.venue: leg.quote for leg in chosen.route.legs}
    legs = [leg for legs in chosen.transactions for leg in legs]
    for leg in legs:
        quote = quotes[leg.venue]
        made.add_row(
            leg.venue,
            "later" if leg in chosen.tickets else "at once",
            size(leg.size),
            usd(quote.notional),
            usd(quote.fee),
            usd(quote.all_in_price, 4),
            usdc(leg.margin),
        )
    made.add_section()
    made.add_row(
        "all, with the tip",
        "",
        size(chosen.size),
        usd(sum(leg.quote.notional for leg in chosen.route.legs)),
        usd(chosen.route.fee),
        usd(chosen.total_price, 4),
        usdc(sum(leg.margin for leg in legs)),
    )
    return made


def fills(title: str, done: Sequence[tuple[str, Fill]]) -> Table:
    """What the venues' events say was done."""
    made = table(title, "venue", "market", "size", "notional $", "fee $", "price")
    for venue, fill in done:
        price = fill.notional * ONE // abs(fill.size)
        made.add_row(
            venue,
            fill.market,
            size(fill.size),
            usd(fill.notional),
            usd(fill.fee),
            usd(price, 4),
        )
    return made


def positions(
    title: str, account: AccountView, states: Mapping[tuple[str, str], MarketState]
) -> Table:
    """Every pocket: position, ticket pending, margin, funding owed and its rate, and the price at
    which the venue would liquidate it while other prices stay."""
    made = table(
        title,
        *("venue", "market", "pocket", "position", "pending", "mark", "equity $", "free $"),
        *("leverage", "liquidation", "owed $", "%/day"),
    )
    for seat in account.seats.values():
        if not seat.made:
            continue
        if not seat.isolated and seat.pocket is None:
            made.add_row(seat.venue, "unreadable: its venue does not answer")
            continue
        named = {name for name, p in seat.positions.items() if p.size} | set(seat.pending)
        if seat.isolated:
            named |= {name for name, pocket in seat.pockets.items() if pocket.equity}
        if not named:
            cells = [usd(seat.pocket.equity), usd(seat.pocket.free)] if seat.pocket else []
            made.add_row(seat.venue, "", _kind(seat), "flat", "", "", *cells)
        for name in sorted(named):
            made.add_row(seat.venue, name, *_pocket(seat, name, states))
    made.add_section()
    made.add_row("idle", "", "", "", "", "", usdc(account.idle))
    if account.reserved:
        made.add_row("reserved", "", "", "", "", "", usdc(account.reserved))
    return made


def _pocket(seat: SeatView, name: str, states: Mapping[tuple[str, str], MarketState]) -> list[str]:
    """A market's row: its position, what is pending, and the margin both count on."""
    where = _kind(seat)
    position, pocket = seat.positions.get(name), seat.pocket_of(name)
    pending = size(seat.pending[name]) if name in seat.pending else ""
    money = [usd(pocket.equity), usd(pocket.free)] if pocket else ["", ""]
    if position is None or not position.size or pocket is None:
        return [where, "flat" if position else "unreadable", pending, "", *money]
    return [
        where,
        size(position.size),
        pending,
        usd(position.mark_price),
        *money,
        f"{from_units(pocket.leverage):.2f}×",
        _liquidation(seat, name, states),
        usd(position.funding_owed, 4),
        f"{from_units(position.funding_rate * 100):+.4f}",
    ]


def _kind(seat: SeatView) -> str:
    return "isolated" if seat.isolated else "shared"


def _liquidation(seat: SeatView, name: str, states: Mapping[tuple[str, str], MarketState]) -> str:
    held = {n: p for n, p in seat.positions.items() if p.size}
    sharing = {name: held[name]} if seat.isolated else held
    pocket = seat.pocket_of(name)
    if pocket is None or any((seat.venue, n) not in states for n in sharing):
        return "unknown"
    others = sum(
        abs(p.size) * p.mark_price // ONE * states[seat.venue, n].maintenance_margin_ratio // ONE
        for n, p in sharing.items()
        if n != name
    )
    state = states[seat.venue, name]
    at = state.liquidation_price(pocket.equity, held[name].size, None, others)
    return "never" if at is None else usd(at)


def course(title: str, steps: Sequence[Step]) -> Table:
    """What became of a ticket, state by state."""
    made = table(title, "state", "block", "seconds", "")
    made.columns[3].justify = "left"
    for step in steps:
        passed = step.time - steps[0].time
        made.add_row(step.state, str(step.block), f"+{passed}", step.note)
    return made


def reconciled(account: Statement) -> Table:
    """A statement, line by line, down to what is left unexplained."""
    made = table("The statement", "line", "USD")
    for ledger in account.ledgers:
        paid = ledger.fees - ledger.deposits - ledger.conversion
        made.add_row(f"fees at {ledger.venue}, by its events", usd(-paid, 6))
        if ledger.deposits:
            made.add_row(f"deposits on orders at {ledger.venue}", usd(-ledger.deposits, 6))
        if ledger.conversion:
            made.add_row(f"exchange of margin at {ledger.venue}", usd(-ledger.conversion, 6))
    made.add_row("our fee", usd(-account.protocol_fees, 6))
    made.add_row("tips to keepers", usd(-account.tips, 6))
    for ledger in account.ledgers:
        made.add_row(f"funding at {ledger.venue}, by its events", usd(-ledger.funding_paid, 6))
    for ledger in account.ledgers:
        made.add_row(f"PnL at {ledger.venue}, by its fills' notionals", usd(ledger.proceeds, 6))
    made.add_row("rounding to six decimals", usd(-account.rounding, 18))
    made.add_section()
    made.add_row("deposited", usd(account.deposited, 6))
    made.add_row("withdrawn", usd(account.withdrawn, 6))
    made.add_row("taken in kind", usd(account.in_kind, 6))
    made.add_row("still held", usd(account.held, 6))
    made.add_row("difference", f"{from_units(account.difference):f}")
    return made
