"""Powers as the chain computes them: near the real ones, and the library's own digits."""

from decimal import Decimal, localcontext

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringside.units import ONE
from ringside.venues.prb_math import exp2, log2, power


def test_roots_of_two_are_the_librarys_first_constants():
    """√2 and ⁴√2 in 64 binary places, as PRBMath.sol states them."""
    half, quarter = (exp2(ONE // n) for n in (2, 4))
    for found, root in ((half, 0x16A09E667F3BCC909), (quarter, 0x1306FE0A31B7152DF)):
        assert found == (root << 127) * ONE >> 191


@pytest.mark.parametrize(("x", "found"), [(1, 0), (2, 1), (1_024, 10), (2**80, 80)])
def test_powers_of_two_have_whole_logarithms(x, found):
    assert log2(x * ONE) == found * ONE
    assert exp2(found * ONE) == x * ONE


@given(st.integers(0, 10**9), st.integers(0, ONE - 1), st.integers(100, 300))
def test_a_power_is_the_real_one_to_sixteen_digits(whole, rest, hundredths):
    x = ONE + whole * ONE + rest
    with localcontext() as context:
        context.prec = 60
        real = (Decimal(x) / ONE) ** (Decimal(hundredths) / 100)
        found = Decimal(power(x, hundredths * ONE // 100)) / ONE
        assert abs(found - real) <= real * Decimal("1e-15") + Decimal("2e-18")


@pytest.mark.parametrize(
    ("x", "y"), [(ONE - 1, ONE), (0, ONE), (2 * ONE, -1), (2**100 * ONE, 2 * ONE)]
)
def test_what_the_library_refuses_is_refused(x, y):
    with pytest.raises(ValueError, match=r"\^"):
        power(x, y)
