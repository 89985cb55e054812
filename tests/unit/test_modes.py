"""What every curve's closed form owes the solver: the exact cost, to within what it says."""

import itertools
from dataclasses import replace
from random import Random

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from made_up_curves import TICK, LinearCurve, perp_curves, rage_curves, skew_curves
from made_up_markets import impact_curves, ladder_curves

from ringside.routing.problem import Offer
from ringside.routing.solver import solve
from ringside.units import ONE, PIPS
from ringside.venues.gmx_impact import ImpactCurve
from ringside.venues.perp_v2 import PerpCurve
from ringside.venues.pieces import Piece, cut
from ringside.venues.rage import RageCurve
from ringside.venues.uniswap_v3 import pool_of_ranges, sqrt_ratio_at_tick

SKEWED = skew_curves() | skew_curves().map(
    lambda c: replace(c, taker=c.maker, maker=c.taker)  # Not convex where the skew turns.
)
KINDS = {
    "perp-v2": perp_curves(),
    "rage": rage_curves(),
    "synthetix": SKEWED,
    "ladder": ladder_curves(),
    "gmx": impact_curves(),
}
CURVES = st.one_of(*KINDS.values())
SIGNS = st.sampled_from([1, -1])
SHARES = st.integers(0, PIPS) | st.integers(PIPS - 10, PIPS) | st.integers(0, 10)


def size_in(mode, lot, share):
    """A size of the mode, anywhere in it; the ends more often."""
    size = mode.least + (mode.most - mode.least) * share // PIPS
    return max(size - size % lot, mode.least)


@pytest.mark.parametrize("kind", KINDS)
@given(st.data(), SIGNS, SHARES)
def test_the_pieces_cost_what_the_venue_charges_to_within_the_error_stated(kind, data, sign, share):
    curve = data.draw(KINDS[kind])
    for mode in curve.modes(sign):
        size = size_in(mode, curve.lot, share)
        exact = curve.quote(sign * size).all_in / ONE
        assert abs(mode.cost(size / ONE) - exact) <= mode.error


@given(st.integers(0, 2**32).map(Random), st.integers(1, 10))
def test_dust_at_a_pools_end_takes_up_no_rounding(rng, dust):
    """A last range of next to nothing was made as large as what rounding left, whose price is then
    beyond all the others': the solver refused the whole market."""
    at = -200_320  # ETH at about $2,000, in a token of six decimals.
    end = at + 10 * rng.randint(20, 400)
    deep = (rng.randint(10**17, 10**19) for _ in range(2))
    ranges = [(at - 4000, end, next(deep)), (at - 2000, at + 100, next(deep))]
    ranges.append((end, end + 400, dust))
    pool = pool_of_ranges(sqrt_ratio_at_tick(at) + rng.randint(1, 10**12), 10, 500, ranges)
    curve = RageCurve("ETH-USD", pool, fee=800, decimals=18, minimum_notional=10**4)
    solve(ONE, [Offer(curve), Offer(LinearCurve("perp-v2"))])


@given(SIGNS, SHARES, st.integers(10**18, 10**24), st.integers(10**18, 10**24))
def test_a_pool_whose_price_is_exactly_at_a_tick_has_no_piece_of_nothing(sign, share, low, high):
    """A swap down from there crosses the tick first, which takes nothing: such a piece made the
    solver refuse the whole market."""
    at = TICK // 10 * 10
    ranges = [(at - 400, at, low), (at, at + 400, high)]
    pool = pool_of_ranges(sqrt_ratio_at_tick(at), 10, 500, ranges)
    curve = RageCurve("ETH-USD", pool, fee=800, decimals=18, minimum_notional=10**4)
    (mode,) = curve.modes(sign)
    assert [piece.size > 0 for piece in mode.pieces] == [True]
    size = size_in(mode, curve.lot, share)
    exact = curve.quote(sign * size).all_in / ONE
    assert abs(mode.cost(size / ONE) - exact) <= mode.error
    assert solve(sign * mode.most, [Offer(curve)]).legs


@given(SIGNS, SHARES, st.integers(1, 30), st.integers(10**18, 10**24))
def test_a_gap_between_equal_liquidity_is_stepped_over(sign, share, gap, liquidity):
    at = TICK // 200 * 200
    middle = (at - 400, at + 400, liquidity)
    beyond = [(at + 400 + 200 * gap, at + 12_000), (at - 12_000, at - 400 - 200 * gap)]
    ranges = [middle, *((*ends, liquidity) for ends in beyond)]
    pool = pool_of_ranges(sqrt_ratio_at_tick(at + 7), 200, 10_000, ranges)
    price = pool.sqrt_price**2 * ONE >> 192
    curve = PerpCurve(
        "ETH-USD",
        pool,
        exchange_fee=1_000,
        index_price=price,
        max_spread=PIPS,
        max_ticks=10**4,
        recorded_tick=pool.tick,
    )
    (mode,) = curve.modes(sign)
    assert len(mode.pieces) == 2
    size = size_in(mode, 1, share)
    assert abs(mode.cost(size / ONE) - curve.quote(sign * size).all_in / ONE) <= mode.error


@given(CURVES, SIGNS)
def test_the_error_stated_is_dust(curve, sign):
    """Nothing that would change a route of $1,000 by a tenth of a basis point."""
    for mode in curve.modes(sign):
        worth = abs(mode.cost(mode.most / ONE))
        # A power law's table may be coarser where the impact itself is a large sum.
        coarse = 1e-6 * worth if isinstance(curve, ImpactCurve) else 1e-9 * worth
        assert 0 < mode.error <= 0.01 + coarse


@given(CURVES, SIGNS)
def test_no_unit_is_cheaper_than_the_one_before_it(curve, sign):
    for mode in curve.modes(sign):
        ends = [(p.price, p.price_at(p.size)) for p in mode.pieces]
        prices = [price for pair in ends for price in pair]
        slack = 1e-11 * max(map(abs, prices))
        steps = itertools.pairwise(prices)
        assert all((after - before) * sign >= -slack for before, after in steps)


@given(CURVES, SIGNS)
def test_the_pieces_reach_to_the_end_of_the_mode(curve, sign):
    for mode in curve.modes(sign):
        total = sum(p.size for p in mode.pieces) * ONE
        assert all(p.size > 0 for p in mode.pieces)
        assert abs(total - mode.most) <= 1e-12 * mode.most + 1


@given(CURVES, SIGNS)
def test_the_modes_are_what_the_venue_takes_from_its_minimum_to_its_capacity(curve, sign):
    modes, most = curve.modes(sign), curve.capacity(sign)
    assert bool(modes) == bool(most)
    assume(modes)
    assert modes[-1].most == most
    assert all(m.least % curve.lot == m.most % curve.lot == 0 for m in modes)
    assert all(m.least <= m.most for m in modes)
    for one, two in itertools.pairwise(modes):
        assert one.most <= two.least <= one.most + curve.lot
    assert modes[0].least == -(-curve.minimum(sign) // curve.lot) * curve.lot


@given(CURVES, SIGNS)
def test_modes_are_made_once(curve, sign):
    assert curve.modes(sign) is curve.modes(sign * 7)


@given(st.lists(st.floats(1e-18, 1e6), min_size=1, max_size=20), st.integers(1, PIPS).map(float))
def test_pieces_are_cut_to_what_is_asked_for(sizes, millionths):
    most = sum(sizes) * millionths / PIPS
    found = cut([Piece(size, 1.0) for size in sizes], most)
    assert found
    assert all(piece.size > 0 for piece in found)
    assert abs(sum(piece.size for piece in found) - most) <= 1e-12 * most


@given(
    st.floats(1.0, 1e5),
    st.floats(-1e-3, 1e-3),
    st.sampled_from([0.0, -50.0, 50.0]),
    st.floats(1e-3, 20.0),
)
def test_a_piece_costs_the_mean_of_its_prices(price, slope, reserve, x):
    piece = Piece(25.0, price, 0.0 if reserve else slope, reserve)
    steps = 2_000
    mean = sum(piece.price_at(x * (i + 0.5) / steps) for i in range(steps)) / steps
    assert abs(piece.cost(x) - mean * x) <= 1e-6 * piece.cost(x)
