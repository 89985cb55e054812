"""Order books and GMX markets made up for tests."""

from __future__ import annotations

from hypothesis import strategies as st

from ringside.units import ONE
from ringside.venues.gmx_impact import FLOAT, ImpactCurve, ImpactRules
from ringside.venues.ladder import Ladder, LadderCurve

READ_AT = 1_700_000_000


@st.composite
def ladders(draw: st.DrawFn) -> Ladder:
    """A book of up to twelve levels a side, lots of 6 to 18 decimals, with fee or rebate."""
    lot, tick = 10 ** (18 - draw(st.integers(6, 18))), 10 ** draw(st.integers(12, 17))
    best = draw(st.integers(10**3, 10**6)) * 10**17 // tick * tick
    sides = []
    for sign in (-1, 1):
        price, levels = best + (tick if sign > 0 else 0), []
        for _ in range(draw(st.integers(0, 12))):
            size = draw(st.integers(1, 10 ** draw(st.integers(1, 8)))) * max(lot, ONE // 10**4)
            levels.append((price, size))
            price += sign * tick * draw(st.integers(1, 5))
        sides.append(tuple(level for level in levels if level[0] > 0))
    fee = draw(st.integers(-(10**14), 10**15))
    least = draw(st.sampled_from([1, ONE // 100]))
    return Ladder("book", "ETH-USD", *sides, READ_AT, 5, fee, lot, tick, least)


def ladder_curves() -> st.SearchStrategy[LadderCurve]:
    """The curve over such a book, at the time it was read."""
    return ladders().map(lambda ladder: ladder.curve(READ_AT))


@st.composite
def impact_curves(draw: st.DrawFn) -> ImpactCurve:
    """A GMX market with up to $20m of open interest a side, balanced or not, whose impact is 0.01 %
    to 1 % of an imbalance of $1m, with and without a virtual inventory."""
    decimals = draw(st.sampled_from([6, 8, 9, 18]))
    price = draw(st.integers(10**2, 10**6)) * FLOAT // 10 // 10**decimals
    exponents = [
        FLOAT * draw(st.sampled_from([100, 120, 162, 200, 220, 236, 250])) // 100 for _ in range(2)
    ]
    # 1e6^(exponent − 1), to within the percent that does not matter here.
    scale = int(10 ** (6 * (max(exponents) / FLOAT - 1)))
    factors = [draw(st.integers(FLOAT // 10**4, FLOAT // 10**2)) // scale for _ in range(2)]
    caps = FLOAT // draw(st.sampled_from([100, 250, 5_000])), FLOAT // 200
    fees = [FLOAT * draw(st.sampled_from([4, 5, 6, 7])) // 10**4 for _ in range(2)]
    usd = st.builds(
        lambda thousands, dust: thousands * 1_000 * FLOAT + dust,
        st.integers(0, 20_000),
        st.integers(0, FLOAT),
    )
    return ImpactCurve(
        "gmx",
        "ETH-USD",
        price_min=price,
        price_max=price + price * draw(st.integers(0, 10)) // 10**5,
        decimals=decimals,
        long_interest=draw(usd),
        short_interest=draw(usd),
        room_long=draw(usd),
        room_short=draw(usd),
        rules=ImpactRules(*factors, *exponents, *caps, min(fees), max(fees)),
        virtual=draw(st.none() | usd | usd.map(lambda amount: -amount)),
        in_tokens=draw(st.booleans()),
    )
