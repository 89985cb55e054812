"""What everybody may see: venues, depth, quotes, receipts, and what to sign for."""

from __future__ import annotations

from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query, Request, Response
from pydantic import Field

from ringside import orders, policies
from ringside.api.depth import within
from ringside.api.errors import Problem, told
from ringside.api.market import Seen
from ringside.api.models import (
    Address,
    Depth,
    MarketDepth,
    MarketView,
    Model,
    OfferView,
    QuoteView,
    Venues,
    VenueView,
    maybe,
    text,
)
from ringside.api.state import Here, client_of, running_of
from ringside.cli.explain import CannotQuote, Explained, Offer, explained, seconds
from ringside.eip712 import DOMAIN_FIELDS
from ringside.keeper.receipts.store import Unreadable
from ringside.routing.funding import FundingError
from ringside.routing.policies import PolicyError
from ringside.routing.problem import SplitError
from ringside.routing.request import RequestError
from ringside.units import UnitError, to_units
from ringside.venues.base import MarketState, VenueError

router = APIRouter(prefix="/v1", tags=["markets"])

BPS = (10, 50, 100)
HEAVY = 10.0
"""Tokens of a client's rate that a quote or a depth costs."""


async def heavy(request: Request) -> None:
    """
    Raises:
        Problem: 429; this address asked for too much.
    """
    running_of(request).per_client.require(client_of(request), HEAVY)


Name = Annotated[str, Path(min_length=1, max_length=64)]


@router.get(
    "/venues",
    response_model=Venues,
    summary="The venues and their markets",
    responses=told(400, 429, 500, 503),
)
async def venues(here: Here) -> Venues:
    """State and funding at the newest block."""
    seen = await here.market.current()
    out, failures = here.house.quarantine.out, seen.snapshot.failures
    found = []
    for venue, number in here.house.ringside.venue_ids.items():
        states = [of[venue] for of in seen.states.values() if venue in of]
        found.append(
            VenueView(
                venue=venue,
                id=number,
                delayed=any(state.delayed for state in states),
                quarantined=venue in out,
                markets=[_market(state) for state in states],
                failures={m: why[:300] for (v, m), why in failures.items() if v == venue},
            )
        )
    return Venues(block=seen.block.number, at=seen.block.timestamp, venues=found)


def _market(state: MarketState) -> MarketView:
    return MarketView(
        market=state.market,
        mark_price=text(state.mark_price),
        index_price=text(state.index_price),
        funding_rate=text(state.funding_rate),
    )


@router.get(
    "/venues/{venue}/{market}",
    dependencies=[Depends(heavy)],
    response_model=MarketDepth,
    summary="A market at a venue",
    responses=told(400, 404, 422, 429, 500, 503),
)
async def venue(here: Here, venue: Name, market: Name) -> MarketDepth:
    """Prices, funding, margin rules, and how much fills near the mark."""
    seen = await here.market.current()
    if venue not in here.house.ringside.venue_ids or market not in seen.states:
        raise Problem(404, "no-market", "There is no such market at such a venue.")
    state = seen.states[market].get(venue)
    if state is None:
        why = seen.snapshot.failures.get((venue, market))
        if why is None:
            raise Problem(404, "no-market", "There is no such market at such a venue.")
        raise Problem(503, "unreadable", f"The market cannot be read now: {why[:300]}")
    key = venue, market
    known = here.depths.get(key)
    if known is None or known[0] != seen.block:
        depths = await here.threads.run(here.threads.heavy, partial(_depths, state))
        known = here.depths[key] = seen.block, depths
    curve = state.curve
    return MarketDepth(
        venue=venue,
        market=market,
        block=seen.block.number,
        at=seen.block.timestamp,
        delayed=state.delayed,
        mark_price=text(state.mark_price),
        index_price=text(state.index_price),
        funding_rate=text(state.funding_rate),
        funding_velocity=text(state.funding_velocity),
        initial_margin=text(state.initial_margin_ratio),
        maintenance_margin=text(state.maintenance_margin_ratio),
        most_to_buy=text(curve.capacity(1)),
        most_to_sell=text(curve.capacity(-1)),
        depth=[Depth(within_bps=b, buy=text(up), sell=text(down)) for b, up, down in known[1]],
    )


def _depths(state: MarketState) -> list[tuple[int, int, int]]:
    return [(bps, within(state, 1, bps), within(state, -1, bps)) for bps in BPS]


# ---------------------------------------------------------------------- quotes

Size = Annotated[
    str,
    Query(
        pattern=r"^-?[0-9]{1,20}(\.[0-9]{1,18})?$",
        description="Base units, negative for a sale.",
        examples=["1.5"],
    ),
]


@router.get(
    "/quote",
    dependencies=[Depends(heavy)],
    response_model=QuoteView,
    summary="What a size would cost",
    responses=told(400, 422, 429, 500, 503),
)
async def quote(
    here: Here,
    market: Annotated[str, Query(min_length=1, max_length=64, examples=["ETH-USD"])],
    size: Size,
    horizon: Annotated[
        str, Query(max_length=6, description="How long it is held: 12h, 3d, 2w.")
    ] = "",
    policy: Annotated[str, Query(max_length=256, description="As `ringside quote`.")] = "best",
) -> QuoteView:
    """Every venue by itself, and the split, at the newest block."""
    seen = await here.market.current()
    found = await here.threads.run(
        here.threads.heavy, partial(_quote, here, seen, market, size, horizon, policy)
    )
    return _quote_view(found, seen)


def _quote(here: Here, seen: Seen, market: str, size: str, horizon: str, policy: str) -> Explained:
    """
    Raises:
        Problem: 422; there is nothing to quote, and why.
    """
    if market not in seen.states:
        names = " or ".join(seen.states)
        raise Problem(422, "unknown-market", f"There is no market of that name: take {names}.")
    try:
        units = to_units(size)
        if not units:
            raise Problem(422, "no-size", "A size of nothing has no price.")
        held = seconds(horizon) if horizon else 0
        quotable = here.market.quotable(seen, market)
        if not quotable.states:
            raise Problem(503, "unreadable", f"No venue can be read for {market} now.")
        return explained(quotable, units, held, policy)
    except (CannotQuote, PolicyError, FundingError, RequestError, SplitError, VenueError) as no:
        raise Problem(422, "no-quote", str(no)[:1_000]) from None
    except UnitError as no:
        raise Problem(422, "malformed", str(no)[:300]) from None


def _quote_view(found: Explained, seen: Seen) -> QuoteView:
    rate = found.saving_rate
    return QuoteView(
        market=found.market,
        size=text(found.size),
        block=seen.block.number,
        at=seen.block.timestamp,
        horizon=found.horizon,
        policy=found.policy,
        notional=text(found.notional),
        fee=text(found.fee),
        funding=text(found.funding),
        gas=text(found.gas),
        total=text(found.total),
        price=text(found.price),
        best_single=found.best_single,
        saving=maybe(found.saving),
        saving_bps=None if rate is None else _bps(rate),
        legs=[_offer(one) for one in found.legs],
        offers=[_offer(one) for one in found.offers],
        left_out=dict(found.left_out),
        failures={name: why[:300] for name, why in found.failures.items()},
    )


def _offer(one: Offer) -> OfferView:
    return OfferView(
        venue=one.venue,
        later=one.later,
        size=text(one.size),
        notional=text(one.notional),
        fee=text(one.fee),
        impact_bps=_bps(one.impact),
        funding=text(one.funding),
        gas=text(one.gas),
        total=text(one.total),
        price=text(one.price),
        why=one.why,
    )


def _bps(rate: int) -> str:
    """A rate in millionths of a basis point, in basis points."""
    return text(rate, 6)


# ---------------------------------------------------------------------- receipts, deployment


@router.get(
    "/receipts/{digest}",
    summary="A keeper's decision, written down",
    response_class=Response,
    responses={
        200: {
            "content": {"application/json": {"schema": {"type": "object"}}},
            "description": "The canonical document; keccak256 of these bytes is the hash.",
        },
        **told(400, 404, 422, 429, 500, 503),
    },
)
async def receipt(
    here: Here, digest: Annotated[str, Path(pattern=r"^0x[0-9a-fA-F]{64}$")]
) -> Response:
    """What the keeper saw and chose, for `ringside replay` and `ringside audit`."""
    wanted = bytes.fromhex(digest[2:])
    try:
        found = await here.threads.run(
            here.threads.database, partial(here.house.receipts.get, wanted)
        )
    except Unreadable:
        raise Problem(503, "unreadable", "The receipt cannot be read.") from None
    if found is None:
        raise Problem(404, "no-receipt", "There is no receipt under this hash.")
    return Response(found, media_type="application/json")


class Deployment(Model):
    chain_id: int
    desk: Address
    policies: Address
    vault: Address
    lens: Address
    usdc: Address
    markets: list[str]
    venue_ids: dict[str, int] = Field(description="An order's `venues` has the bit of each id.")
    domain: dict[str, Any] = Field(description="EIP-712, of orders and bundles.")
    policy_domain: dict[str, Any] = Field(description="EIP-712, of standing policies.")
    types: dict[str, list[dict[str, str]]] = Field(
        description="EIP-712; the primary types are Order, Bundle and, for standing margin "
        "policies in a domain of their own, Policy."
    )


@router.get(
    "/deployment",
    response_model=Deployment,
    summary="What to sign for",
    responses=told(400, 429, 500, 503),
)
async def deployment(here: Here) -> Deployment:
    """All that a client in any language needs to sign an order."""
    at = here.house.ringside
    types = {"EIP712Domain": DOMAIN_FIELDS, **orders.TYPES, **policies.TYPES}
    return Deployment(
        chain_id=here.house.chain_id,
        desk=at.desk.address,
        policies=at.policies.address,
        vault=at.vault.address,
        lens=at.lens.address,
        usdc=at.usdc.address,
        markets=here.house.markets,
        venue_ids=dict(at.venue_ids),
        domain=here.house.domain.fields,
        policy_domain=here.house.policy_domain.fields,
        types={
            name: [{"name": field, "type": kind} for field, kind in fields]
            for name, fields in types.items()
        },
    )
