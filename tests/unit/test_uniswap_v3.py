"""The replica of a Uniswap v3 pool, against the definition and against a plain loop over its
steps."""

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from made_up_curves import pools

from ringside.units import PIPS
from ringside.venues import uniswap_v3 as u

# Ranges inside one bitmap word, as Perp's are, and across several, as Rage's.
POOLS = st.one_of(pools(), pools(spacing=10, fee=500, tick=-200_312))


def step_by_step(pool, sign, amount):
    """A swap as the whitepaper tells it, one bitmap word at a time and without any sums kept."""
    price, tick, liquidity, rest, quote = pool.sqrt_price, pool.tick, pool.liquidity, amount, 0
    nets = dict(pool.ticks)
    while rest:
        compressed = tick // pool.spacing
        if sign > 0:
            ticks = range(compressed + 1, ((compressed + 1) >> 8 << 8) + 256)
        else:
            ticks = range(compressed, (compressed >> 8 << 8) - 1, -1)
        stop = next((t for t in ticks if t * pool.spacing in nets), ticks[-1]) * pool.spacing
        target = u.sqrt_ratio_at_tick(stop)
        low, high = sorted((price, target))
        if sign > 0:
            most = u.amount0_down(low, high, liquidity)
            after = target if rest >= most else u.sqrt_price_after_base_out(price, liquidity, rest)
            paid = u.amount1_up(price, after, liquidity)
            quote += paid + u.fee_up(paid, pool.fee)
            rest -= min(rest, u.amount0_down(price, after, liquidity))
        else:
            spendable = rest * (PIPS - pool.fee) // PIPS
            most = u.amount0_up(low, high, liquidity)
            whole = spendable >= most
            after = target if whole else u.sqrt_price_after_base_in(price, liquidity, spendable)
            quote += u.amount1_down(after, price, liquidity)
            rest -= most + u.fee_up(most, pool.fee) if whole else rest
        if after == target:
            liquidity += sign * nets.get(stop, 0)
            tick = stop if sign > 0 else stop - 1
        elif after != price:
            tick = u.tick_at_sqrt_ratio(after)
        price = after
    return quote, price, tick


def test_ratios_at_known_ticks_are_the_published_ones():
    assert u.MIN_SQRT_RATIO == 4295128739
    assert u.MAX_SQRT_RATIO == 1461446703485210103287273052203988822378723970342
    assert u.sqrt_ratio_at_tick(0) == 1 << 96


@given(st.integers(u.MIN_TICK, u.MAX_TICK - 1))
def test_a_ratio_is_its_definition_and_leads_back_to_its_tick(tick):
    ratio = u.sqrt_ratio_at_tick(tick)
    assert abs(ratio / 2**96 - 1.0001 ** (tick / 2)) < 1e-9 * (ratio / 2**96) + 2**-95
    assert u.tick_at_sqrt_ratio(ratio) == tick
    assert u.tick_at_sqrt_ratio(u.sqrt_ratio_at_tick(tick + 1) - 1) == tick


def test_a_tick_or_ratio_out_of_range_is_refused():
    for tick in (u.MIN_TICK - 1, u.MAX_TICK + 1):
        with pytest.raises(ValueError, match="outside"):
            u.sqrt_ratio_at_tick(tick)
    for ratio in (u.MIN_SQRT_RATIO - 1, u.MAX_SQRT_RATIO):
        with pytest.raises(ValueError, match="outside"):
            u.tick_at_sqrt_ratio(ratio)


@given(POOLS, st.sampled_from([1, -1]), st.integers(1, 10**6))
@settings(max_examples=150)
def test_a_ladder_swaps_as_a_loop_over_its_steps_does(pool, sign, share):
    ladder = u.Ladder(pool, sign)
    amount = ladder.total * share // 10**6
    assume(amount)
    swap = ladder.swap(amount)
    assert (swap.quote, swap.sqrt_price, swap.tick) == step_by_step(pool, sign, amount)
    assert ladder.price_after(amount) == swap.sqrt_price


@given(POOLS, st.sampled_from([1, -1]), st.integers(0, 3_000), st.sampled_from([0, 1, -1, 12_345]))
def test_the_amount_within_a_limit_is_the_largest_that_keeps_it(pool, sign, ticks, more):
    ladder = u.Ladder(pool, sign)
    ends = [step.end for step in ladder.steps]
    limit = u.sqrt_ratio_at_tick(pool.tick + sign * ticks)
    if ticks % 2 and ends:  # Half of the time where a step ends.
        limit = min(ends, key=lambda end: abs(end - limit))
    limit += more
    amount = ladder.amount_within(limit)
    assert 0 <= amount <= ladder.total
    if amount:
        assert (ladder.price_after(amount) - limit) * sign <= 0
    if 0 < amount < ladder.total:
        assert (ladder.price_after(amount + 1) - limit) * sign > 0


@given(POOLS, st.sampled_from([1, -1]))
def test_every_boundary_can_be_hit_exactly(pool, sign):
    ladder = u.Ladder(pool, sign)
    for i, step in enumerate(ladder.steps):
        amount = ladder._after[i]
        if amount and (i == 0 or amount > ladder._after[i - 1]):
            swap = ladder.swap(amount)
            quote, price, tick = step_by_step(pool, sign, amount)
            assert (swap.quote, swap.sqrt_price, swap.tick) == (quote, price, tick)
            assert swap.sqrt_price == step.end


def test_more_than_a_ladder_holds_is_refused():
    pool = u.pool_of_ranges(u.sqrt_ratio_at_tick(0), 200, 10_000, [(-200, 200, 10**20)])
    ladder = u.Ladder(pool, 1)
    for amount in (0, ladder.total + 1):
        with pytest.raises(ValueError, match="not in"):
            ladder.swap(amount)
