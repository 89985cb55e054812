"""Requests, policies and states made up for tests of routing."""

from __future__ import annotations

from dataclasses import dataclass

from hypothesis import strategies as st
from made_up_curves import LinearCurve

from ringside.routing.funding import MEASURED, Funding
from ringside.routing.policies import (
    All,
    AtMost,
    BestFill,
    Horizon,
    LowestMargin,
    Not,
    Only,
    Weights,
    applied,
)
from ringside.routing.problem import Offer
from ringside.routing.request import Request, RequestError
from ringside.units import BPS, ONE
from ringside.venues.base import MarketState

NAMES = ("hyper", "perp-v2", "rage", "synthetix", "x")
VENUES = st.sampled_from(NAMES)
SOME = st.lists(VENUES, min_size=1, max_size=5).map(tuple)
SIGNS = st.sampled_from([1, -1])


@st.composite
def weights(draw):
    venues = draw(st.lists(VENUES, min_size=1, max_size=5, unique=True))
    cuts = sorted(draw(st.integers(0, BPS)) for _ in venues[1:])
    ends = [0, *cuts, BPS]
    shares = {v: ends[i + 1] - ends[i] for i, v in enumerate(venues)}
    return Weights(shares, draw(st.integers(0, BPS)))


SINGLE = st.one_of(
    st.just(BestFill()),
    st.builds(Horizon, st.integers(1, MEASURED.longest)),
    weights(),
    st.builds(Only, SOME),
    st.builds(Not, SOME),
    st.builds(AtMost, st.integers(1, 9_999)),
    st.builds(LowestMargin, st.integers(1, BPS)),
)
SEVERAL = st.lists(SINGLE, min_size=2, max_size=5, unique_by=type).map(lambda p: All(tuple(p)))
POLICIES = st.one_of(SINGLE, SEVERAL)


@st.composite
def requests(draw, least=1):
    venues = draw(st.lists(VENUES, min_size=least, max_size=5, unique=True))
    lot = draw(st.sampled_from([1, 10**15, 10**17]))
    offers = tuple(
        Offer(
            LinearCurve(
                venue,
                price=2_000 * ONE + draw(st.integers(-20, 20)) * ONE,
                fee_bps=draw(st.integers(0, 20)),
                lot=draw(st.sampled_from([1, lot])),
            ),
            most=draw(st.none() | st.integers(0, 1_000 * ONE)),
            leg_cost=draw(st.integers(0, 10 * ONE)),
            margin=draw(st.integers(0, 400)) * ONE,
        )
        for venue in venues
    )
    rates = st.integers(-(10**15), 10**15)
    funding = {v: Funding(draw(rates), 2_000 * ONE) for v in venues}
    size = draw(SIGNS) * draw(st.integers(1, 1_000 * ONE))
    most = draw(st.none() | st.integers(1, 5))
    return Request(size, offers, funding, most, draw(st.none() | st.integers(0, 10**24)))


def outcome(policy, request):
    try:
        return applied(policy, request)
    except RequestError:
        return None


@dataclass(frozen=True)
class MadeUpState(MarketState):
    """A state with a made-up curve; every account has room for anything."""

    def room(self, margin, sign, position=0, open_notional=None, committed=0, most=None):
        return self.curve.capacity(sign)

    def liquidation_price(self, margin, position, open_notional=None, committed=0):
        return None


def made_up_state(venue, rate=0, ratio=ONE // 10, leg_cost=0):
    price, curve = 2_000 * ONE, LinearCurve(venue)
    return MadeUpState(
        venue, "ETH-USD", 1, price, price, rate, ratio, ratio // 2, curve, leg_cost=leg_cost
    )
