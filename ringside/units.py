"""Units and the edge between people's numbers and the chain's.

Inside Ringside money, sizes and prices are integers: sizes 1e18 base, prices 1e18 USD per base, USD
amounts 1e18, rates 1e18 per day. `Decimal` (or a string) is what people give and get. Floats are
refused: 0.1 is not a tenth. Everything that rounds says in its name which way.
"""

from decimal import Decimal, InvalidOperation, localcontext

WEI_DECIMALS = 18
USDC_DECIMALS = 6
ONE: int = 10**WEI_DECIMALS
"""1.0 of a base size, of a USD amount, of a price or of a ratio."""
USDC: int = 10**USDC_DECIMALS
"""One USDC in the token's own units."""
USDC_TO_USD: int = 10 ** (WEI_DECIMALS - USDC_DECIMALS)
"""USD units (1e18) in the smallest unit of USDC (1e6)."""
DAY = 86_400
BPS = 10_000
MICRO_BPS: int = BPS * 10**6
"""Denominator of ratios in millionths of a basis point."""
PIPS: int = 10**6
"""Denominator of ratios in hundredths of a basis point, as Uniswap, Perp v2 and Rage state fees."""


class UnitError(ValueError):
    """A number that cannot be turned into units exactly; the message says which and why."""


def to_units(value: Decimal | int | str, decimals: int = WEI_DECIMALS, name: str = "amount") -> int:
    """`value` as an integer of `decimals` decimals, exactly.

    Raises:
        UnitError: for a float, a bool, NaN or infinity, text that is no number, or more digits
            after the point than the unit has (nothing is rounded here).
    """
    if isinstance(value, bool) or not isinstance(value, (Decimal, int, str)):
        kind = type(value).__name__
        raise UnitError(f"{name} is a {kind}: give a Decimal, an int or a string, never a float")
    try:
        number = value if isinstance(value, Decimal) else Decimal(value)
    except InvalidOperation:
        raise UnitError(f"{name} is not a number: {value!r}") from None
    if not number.is_finite():
        raise UnitError(f"{name} is not finite: {value}")
    sign, digits, exponent = number.as_tuple()
    assert isinstance(exponent, int)  # Safe because only a non-finite number has another exponent.
    units = int("".join(map(str, digits)) or "0")
    shift = exponent + decimals
    if shift >= 0:
        units *= int(10**shift)
    else:
        units, rest = divmod(units, 10**-shift)
        if rest:
            raise UnitError(f"{name} has more than {decimals} digits after the point: {value}")
    return -units if sign else units


def from_units(units: int, decimals: int = WEI_DECIMALS) -> Decimal:
    """`units` as an exact `Decimal` of `decimals` decimals, without trailing zeros."""
    if not isinstance(units, int) or isinstance(units, bool):
        raise UnitError(f"units are a {type(units).__name__}, not an int")
    with localcontext() as context:
        context.prec = max(28, len(str(abs(units))) + 1)
        number = Decimal(units).scaleb(-decimals)
        whole = number.to_integral_value()
        return whole if number == whole else number.normalize()


def usdc_to_usd(amount: int) -> int:
    """USDC (1e6) as USD (1e18); exact."""
    return amount * USDC_TO_USD


def price_against(total: int, size: int) -> int:
    """USD per base (1e18) of `total` (USD 1e18) for a signed `size`: rounded up for a purchase and
    down for a sale, against whoever asks."""
    return -(-total * ONE // size) if size > 0 else total * ONE // -size


def mul_div_to_zero(a: int, b: int, denominator: int) -> int:
    """a × b ÷ denominator, rounded towards zero, as Solidity's signed division does."""
    product = a * b
    return product // denominator if product >= 0 else -(-product // denominator)
