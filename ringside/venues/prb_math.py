"""Powers of numbers with 18 decimals, as PRBMath 2.4 computes them on-chain, to the last digit.

x^y is 2^(y × log₂ x): the logarithm by squaring, a binary digit at a time and cut to 1e-18; the
power of two as a product of the roots 2^(2^-i) in 64 binary places (PRBMathUD60x18.sol `pow`,
`log2`, `exp2`). Whole numbers only, so every machine finds the same.
"""

from __future__ import annotations

from math import isqrt

from ringside.units import ONE

_PLACES = 64


def _roots() -> tuple[int, ...]:
    """2^(2^-i) in 64 binary places, to nearest, for i = 1 … 64: square roots taken in 256."""
    bits, power, roots = 256, 2 << 256, []
    for _ in range(_PLACES):
        power = isqrt(power << bits)
        roots.append((power + (1 << (bits - _PLACES - 1))) >> (bits - _PLACES))
    return tuple(roots)


_ROOTS = _roots()


def log2(x: int) -> int:
    """log₂ of x ≥ 1 (1e18), cut to 1e-18 and a few units below."""
    whole = (x // ONE).bit_length() - 1
    result, y, digit = whole * ONE, x >> whole, ONE // 2
    if y == ONE:
        return result
    while digit:
        y = y * y // ONE
        if y >= 2 * ONE:
            result += digit
            y >>= 1
        digit >>= 1
    return result


def exp2(x: int) -> int:
    """2^x for x ≥ 0 (1e18), rounded down."""
    binary = (x << _PLACES) // ONE
    whole, rest = divmod(binary, 1 << _PLACES)
    result = 1 << 191  # A half, in 192 places, as the last shift is one short.
    for i, root in enumerate(_ROOTS):
        if rest >> (_PLACES - 1 - i) & 1:
            result = result * root >> _PLACES
    return result * ONE >> (191 - whole)


def power(x: int, y: int) -> int:
    """x^y for x ≥ 1 and y ≥ 0, all with 18 decimals.

    Raises:
        ValueError: x is below 1 (the library has no logarithm there), y negative, or the result
            2^192 or more.
    """
    if x < ONE or y < 0:
        raise ValueError(f"{x}^{y} is not defined on-chain: the base is at least 1e18")
    exponent = (log2(x) * y + ONE // 2) // ONE  # To nearest, half up (`mulDivFixedPoint`).
    if exponent >= 192 * ONE:
        raise ValueError(f"{x}^{y} is 2^192 or more")
    return exp2(exponent)
