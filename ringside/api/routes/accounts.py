"""What an owner has, did and paid."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from functools import partial
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Header, Path, Query, Response
from requests import RequestException
from sqlalchemy import and_, or_, select
from web3.exceptions import Web3Exception

from ringside.accounts import owner_of
from ringside.api.errors import Problem, told
from ringside.api.market import Seen
from ringside.api.models import (
    AccountState,
    Fills,
    FillView,
    Orders,
    PocketView,
    PositionView,
    SeatState,
    StatementView,
    StateName,
    maybe,
    order_view,
    text,
)
from ringside.api.state import Here, Running, Signed, require_own
from ringside.chain.multicall import ReadFailed
from ringside.chain.views import AccountView, Pocket, SeatView
from ringside.keeper.margins import held
from ringside.statement import StillOpen, Unreadable, statement
from ringside.store import book
from ringside.store.book import Entry, State
from ringside.store.schema import fills
from ringside.units import ONE, price_against, usdc_to_usd
from ringside.venues.base import MarketState

router = APIRouter(prefix="/v1/accounts/{account}", tags=["accounts"])

FAULTS = told(400, 401, 403, 422, 429, 500, 503)
_CSV = {"text/csv": {"schema": {"type": "string"}}}


async def own_account(
    session: Signed,
    account: Annotated[
        str,
        Path(
            pattern=r"^0x[0-9a-fA-F]{64}$",
            description="The owner's address (20 bytes) and a label (12 bytes).",
        ),
    ],
) -> bytes:
    """
    Raises:
        Problem: 403; it is another owner's.
    """
    found = bytes.fromhex(account[2:])
    require_own(session, found)
    return found


Own = Annotated[bytes, Depends(own_account)]


def wants_csv(
    form: Annotated[
        Literal["json", "csv"] | None,
        Query(alias="format", description="Else by the Accept header; JSON by default."),
    ] = None,
    accept: Annotated[str, Header()] = "",
) -> bool:
    """Whether the answer is to be CSV."""
    return form == "csv" if form else "text/csv" in accept


Csv = Annotated[bool, Depends(wants_csv)]


# ---------------------------------------------------------------------- the account


@router.get("", response_model=AccountState, summary="What an account has", responses=FAULTS)
async def show(here: Here, account: Own) -> AccountState:
    """Money in the vault, and at each venue equity, margin and positions, of the newest block."""
    seen = await here.market.current()
    known = await here.accounts.known(account, seen)
    return account_state(account, known.view, known.block.number, known.block.timestamp, seen)


def account_state(
    account: bytes, view: AccountView, block: int, at: int, seen: Seen
) -> AccountState:
    """What the Lens says of it, with liquidation prices by the venues' own rules."""
    pockets = [p for s in view.seats.values() for p in (s.pocket, *s.pockets.values()) if p]
    equity = usdc_to_usd(view.idle + view.reserved) + sum(pocket.equity for pocket in pockets)
    return AccountState(
        account="0x" + account.hex(),
        owner=owner_of(account),
        block=block,
        at=at,
        idle=text(view.idle, 6),
        reserved=text(view.reserved, 6),
        epoch=str(view.epoch),
        equity=text(equity),
        seats=[_seat(seat, seen) for seat in view.seats.values()],
    )


def _seat(seat: SeatView, seen: Seen) -> SeatState:
    pockets = [_pocket(None, seat.pocket)] if seat.pocket is not None and seat.made else []
    pockets += [_pocket(market, pocket) for market, pocket in seat.pockets.items()]
    readable = not seat.made or seat.pocket is not None or bool(seat.pockets)
    return SeatState(
        venue=seat.venue,
        seat=seat.seat,
        made=seat.made,
        readable=readable,
        pockets=pockets,
        positions=[
            _position(seat, market, seen) for market, one in seat.positions.items() if one.size
        ],
        pending={market: text(size) for market, size in seat.pending.items()},
    )


def _pocket(market: str | None, pocket: Pocket) -> PocketView:
    return PocketView(
        market=market,
        equity=text(pocket.equity),
        backing=text(pocket.backing),
        free=text(pocket.free),
        maintenance=text(pocket.maintenance),
        leverage=text(pocket.leverage),
    )


def _position(seat: SeatView, market: str, seen: Seen) -> PositionView:
    one = seat.positions[market]
    state = seen.states.get(market, {}).get(seat.venue)
    return PositionView(
        market=market,
        size=text(one.size),
        mark_price=text(one.mark_price),
        index_price=text(one.index_price),
        notional=text(abs(one.size) * one.mark_price // ONE),
        funding_rate=text(one.funding_rate),
        funding_accrued=text(one.funding_owed),
        liquidation_price=maybe(liquidation(seat, market, state)),
    )


def liquidation(seat: SeatView, market: str, state: MarketState | None) -> int | None:
    """The risk price (1e18) at which the venue may liquidate the position; `None` if at none, or
    what is needed to say is unknown."""
    pocket, size = seat.pocket_of(market), held(seat, market)
    if state is None or pocket is None:
        return None
    own = abs(size) * state.mark_price // ONE * state.maintenance_margin_ratio // ONE
    # The pocket's other positions need what is left of its maintenance.
    committed = max(pocket.maintenance - own, 0)
    return state.liquidation_price(pocket.equity, size, None, committed)


# ---------------------------------------------------------------------- orders


@router.get("/orders", response_model=Orders, summary="An account's orders", responses=FAULTS)
async def orders(
    here: Here,
    account: Own,
    state: Annotated[list[StateName], Query(description="Only in these states.")] = [],  # noqa: B006
    before: Annotated[str, Query(max_length=200, description="`next` of the page before.")] = "",
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
) -> Orders:
    """The newest first."""
    states, after = [State(name) for name in state], _cursor(before)

    def look() -> list[Entry]:
        with here.house.database.read() as connection:
            return book.of_account(connection, account, states, after, limit + 1)

    found = await here.threads.run(here.threads.database, look)
    last = found[limit - 1] if len(found) > limit else None
    more = None if last is None else f"{last.received_at!r}-0x{last.key.hex()}"
    return Orders(orders=[order_view(entry) for entry in found[:limit]], next=more)


def _cursor(given: str) -> tuple[float, bytes] | None:
    if not given:
        return None
    at, _, key = given.rpartition("-0x")
    try:
        found = float(at), bytes.fromhex(key)
    except ValueError:
        raise Problem(422, "malformed", "before must be `next` of the page before") from None
    return found


# ---------------------------------------------------------------------- fills


@router.get(
    "/fills",
    response_model=Fills,
    summary="An account's fills",
    responses={200: {"content": _CSV}, **FAULTS},
)
async def fills_of(
    here: Here,
    account: Own,
    as_csv: Csv,
    after: Annotated[str, Query(pattern=r"^([0-9]{1,15}-[0-9]{1,9})?$")] = "",
    limit: Annotated[int, Query(ge=1, le=10_000)] = 1_000,
) -> Any:
    """The oldest first, those that the chain has unwound left out. CSV has the cursor of the next
    page in the header X-Next."""
    place = tuple(int(part) for part in after.split("-")) if after else (-1, -1)
    rows = await here.threads.run(
        here.threads.database, partial(_fills, here, account, place, limit + 1)
    )
    found, more = rows[:limit], None
    if len(rows) > limit:
        more = f"{found[-1].block}-{found[-1].log}"
    if as_csv:
        headers = {"X-Next": more} if more else {}
        dumped = (one.model_dump() for one in found)
        return _as_csv(list(FillView.model_fields), dumped, "fills", headers)
    return Fills(fills=found, next=more)


def _fills(here: Running, account: bytes, place: Sequence[int], limit: int) -> list[FillView]:
    block, log = place
    query = (
        select(fills)
        .where(
            fills.c.account == "0x" + account.hex(),
            fills.c.unwound.is_(False),
            or_(fills.c.block > block, and_(fills.c.block == block, fills.c.log > log)),
        )
        .order_by(fills.c.block, fills.c.log)
        .limit(limit)
    )
    with here.house.database.read() as connection:
        return [
            FillView(
                tx=row.tx,
                log=row.log,
                order=row.order,
                key=row.key,
                market=row.market,
                size=text(row.size),
                quote=maybe(row.quote),
                price=None if row.quote is None else text(price_against(abs(row.quote), row.size)),
                tip=text(row.tip, 6),
                receipt=row.receipt,
                block=row.block,
                at=row.at,
            )
            for row in connection.execute(query)
        ]


# ---------------------------------------------------------------------- the statement


@router.get(
    "/statement",
    response_model=StatementView,
    summary="Where every dollar of an account went",
    responses={200: {"content": _CSV}, **FAULTS, **told(409)},
)
async def statement_of(here: Here, account: Own, as_csv: Csv) -> Any:
    """From events alone, over the account's whole life; while a position or a ticket is open there
    is none."""
    here.per_account.require(account.hex(), 20.0, "this account")
    last = (await here.market.current()).block.number
    blocks = here.house.config.since, last
    try:
        found = await here.threads.run(
            here.threads.heavy, partial(statement, here.house.ringside, account, blocks)
        )
    except StillOpen as no:
        raise Problem(409, "still-open", f"There is no statement while {no}.") from None
    except Unreadable as no:
        raise Problem(503, "unreadable", f"There is no statement now: {no}.") from None
    except (Web3Exception, ReadFailed, RequestException, OSError):
        raise Problem(503, "chain-silent", "The node does not say: try again.") from None
    names = (
        *("deposited", "withdrawn", "fees", "protocol_fees", "tips", "funding"),
        *("realised_pnl", "rounding", "in_kind", "held", "difference"),
    )
    view = StatementView(
        account="0x" + account.hex(),
        from_block=blocks[0],
        to_block=last,
        **{name: text(getattr(found, name)) for name in names},
    )
    if as_csv:
        return _as_csv(list(StatementView.model_fields), [view.model_dump()], "statement")
    return view


def _as_csv(
    names: list[str],
    rows: Iterable[dict[str, Any]],
    title: str,
    headers: dict[str, str] | None = None,
) -> Response:
    out = io.StringIO()
    writer = csv.DictWriter(out, names)
    writer.writeheader()
    writer.writerows(rows)
    named = {"Content-Disposition": f'attachment; filename="{title}.csv"', **(headers or {})}
    return Response(out.getvalue(), media_type="text/csv", headers=named)
