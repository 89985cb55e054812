"""Orders out of what CCXT's users say: pure, and exact to the chain's last unit.

Whatever is signed is named: a parameter that is not known is refused, never passed over.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, TypeVar

from ringside.client.errors import BadRequest, InvalidOrder
from ringside.orders import (
    CLOSE_LONGS,
    CLOSE_SHORTS,
    ZERO_ADDRESS,
    Bounds,
    Conditions,
    OrderError,
    Terms,
    Tickets,
    venue_set,
)
from ringside.units import ONE, USDC_DECIMALS, USDC_TO_USD, UnitError, to_units

Number = Decimal | int | str
"""What people give: exact, so never a float."""
T = TypeVar("T")
DAY = 86_400
AT_ONCE = 60
"""Seconds for which a market order is good, and one that is to be filled at once."""


@dataclass(frozen=True, slots=True)
class Defaults:
    """What an order signs that does not say otherwise.

    `slippage` is how much worse than the mark a market order's price may be, `stop_slippage` than
    its trigger one that waits for a trigger: fractions, fees in them, the tip not. Margin is the
    notional over `leverage`. `tip` is USDC, None for what the gas is quoted at and a half more.
    `good_for` is seconds for which a limit order counts.
    """

    slippage: Number = Decimal("0.005")
    stop_slippage: Number = Decimal("0.05")
    leverage: Number = 3
    tip: Number | None = None
    good_for: int = 30 * DAY


@dataclass(frozen=True, slots=True)
class Around:
    """What an order is made with: its market's mark and index (USD per base, 1e18), the chain's
    time, every venue's id, and the defaults."""

    mark: int
    index: int
    now: int
    venue_ids: Mapping[str, int]
    defaults: Defaults


@dataclass(frozen=True, slots=True)
class Draft:
    """An order but for its tip, and with it its limit if that is a market order's."""

    market: str
    size: int
    limit: int
    bounded: bool
    """Whether the limit is a market order's bound, on top of which the tip comes."""
    margin: int
    tip: int | None
    venues: tuple[str, ...]
    at_once: bool
    bounds: Bounds
    tickets: Tickets | None
    conditions: Conditions | None
    venue_ids: Mapping[str, int]

    @property
    def sign(self) -> int:
        return 1 if self.size > 0 else -1

    @property
    def closes_all(self) -> bool:
        return self.size in (CLOSE_LONGS, CLOSE_SHORTS)

    def terms(self, tip: int, held: int = 0) -> Terms:
        """With a tip (USDC 1e6); `held` (|1e18|) is what an order that closes all is about to
        close.

        Raises:
            InvalidOrder: no order can be so.
        """
        limit, size = self.limit, held or abs(self.size)
        if self.bounded:
            share = -(-tip * USDC_TO_USD * ONE // size)
            limit = limit + share if self.sign > 0 else max(limit - share, 0)
        try:
            return Terms(
                *(self.market, self.size, limit, self.margin, tip),
                venue_set([self.venue_ids[name] for name in self.venues]),
                self.bounds,
                self.tickets,
                self.conditions,
            )
        except OrderError as no:
            raise InvalidOrder(f"{no}.", "malformed") from None


class Given:
    """What came in `params`, each taken once; what is left in the end is not known."""

    def __init__(self, params: Mapping[str, Any] | None) -> None:
        self._left = dict(params or {})
        self._known: list[str] = []

    def take(self, *names: str) -> Any:
        """The value under one of the names, None if it was not given.

        Raises:
            InvalidOrder: it was given twice.
        """
        self._known += names
        found = [self._left.pop(name) for name in names if self._left.get(name) is not None]
        for name in names:
            self._left.pop(name, None)
        if len(found) > 1:
            raise InvalidOrder(f"{' and '.join(names)} are the same: give one.", "malformed")
        return found[0] if found else None

    def peek(self, name: str) -> Any:
        """A value that is taken elsewhere."""
        return self._left.get(name)

    def flag(self, name: str) -> bool:
        found = self.take(name)
        if found not in (None, True, False):
            raise InvalidOrder(f"{name} must be True or False, not {found!r}.", "malformed")
        return bool(found)

    def whole(self, name: str, default: int = 0) -> int:
        found = self.take(name)
        if found is None:
            return default
        if isinstance(found, bool) or not isinstance(found, int) or found < 0:
            raise InvalidOrder(f"{name} must be a whole number, not {found!r}.", "malformed")
        return found

    def units(self, name: str, *others: str, decimals: int = 18) -> int | None:
        """A number that is not negative, in units; None if it was not given."""
        found = self.take(name, *others)
        return None if found is None else positive(found, name, decimals, zero=True)

    def end(self) -> None:
        """
        Raises:
            InvalidOrder: something is left that is not known.
        """
        if self._left:
            raise InvalidOrder(
                f"params has {', '.join(map(str, self._left))}, which is not known; known are "
                f"{', '.join(sorted(set(self._known)))}.",
                "malformed",
            )


def units(value: Any, name: str, decimals: int = 18) -> int:
    """
    Raises:
        InvalidOrder: it is no exact number; the message says what to give.
    """
    try:
        return to_units(value, decimals, name)
    except UnitError as no:
        raise InvalidOrder(f"{no}.", "malformed") from None


def positive(value: Any, name: str, decimals: int = 18, zero: bool = False) -> int:
    """As `units`, of what must be more than nothing, or nothing if `zero`."""
    found = units(value, name, decimals)
    if found < 0 or not (found or zero):
        raise InvalidOrder(f"{name} must be more than nothing, not {value}.", "malformed")
    return found


def sign_of(side: str) -> int:
    """+1 for a purchase, −1 for a sale.

    Raises:
        InvalidOrder: it is neither.
    """
    if side not in ("buy", "sell"):
        raise InvalidOrder(f"side must be buy or sell, not {side!r}.", "malformed")
    return 1 if side == "buy" else -1


def draft(
    market: str,
    kind: str,
    side: str,
    amount: Number | None,
    price: Number | None,
    given: Given,
    around: Around,
) -> Draft:
    """What is to be traded, with everything in `given` that is about it.

    Raises:
        InvalidOrder: it makes no order; the message says why.
        BadRequest: a venue that is not known.
    """
    if kind not in ("limit", "market"):
        raise InvalidOrder(f"type must be limit or market, not {kind!r}.", "malformed")
    sign = sign_of(side)
    closes_all = given.flag("closeAll")
    if closes_all != (amount is None):
        raise InvalidOrder(
            "Give an amount, or closeAll in params and an amount of None.", "malformed"
        )
    size = sign * positive(amount, "amount") if amount is not None else 0
    trigger, above, lessens = _trigger(sign, given, around)
    limit = _limit(kind, sign, price, trigger, given, around)
    reduce_only = given.flag("reduceOnly") or (lessens and not closes_all)
    bounds = _bounds(reduce_only, given)
    tickets = _tickets(given)
    return Draft(
        market=market,
        size=size or (CLOSE_SHORTS if sign > 0 else CLOSE_LONGS),
        limit=limit,
        bounded=kind == "market",
        margin=_margin(size, limit, reduce_only or closes_all, given, around.defaults),
        tip=_tip(given, around.defaults),
        venues=venues(given.take("venues"), around.venue_ids),
        at_once=tickets is None,
        bounds=bounds,
        tickets=tickets,
        conditions=_conditions(trigger, above, given),
        venue_ids=around.venue_ids,
    )


def deadline(kind: str, given: Given, around: Around, waits: bool = False) -> int:
    """The last second at which the order counts.

    Raises:
        InvalidOrder: it was said twice, or in a way that is not known.
    """
    at, lasts = given.take("deadline"), given.take("validFor")
    force = given.take("timeInForce")
    if at is not None and lasts is not None:
        raise InvalidOrder("Give deadline or validFor, not both.", "malformed")
    if force not in (None, "GTC", "GTT", "IOC", "FOK"):
        raise InvalidOrder(
            f"timeInForce must be GTC, GTT, IOC or FOK, not {force!r}: nothing rests in a book "
            "here, so there is no post-only.",
            "malformed",
        )
    for name, value in (("deadline", at), ("validFor", lasts)):
        if value is not None and (isinstance(value, bool) or not isinstance(value, int)):
            raise InvalidOrder(f"{name} must be whole seconds, not {value!r}.", "malformed")
    if at is not None:
        return int(at)
    if lasts is not None:
        return around.now + int(lasts)
    soon = force in ("IOC", "FOK") or (kind == "market" and not waits and force is None)
    return around.now + (AT_ONCE if soon else around.defaults.good_for)


def _trigger(sign: int, given: Given, around: Around) -> tuple[int, bool, bool]:
    """The trigger's price, whether the oracle's must be above, and whether it is there to end a
    position."""
    stop, profit = given.units("stopLossPrice"), given.units("takeProfitPrice")
    plain, direction = given.units("triggerPrice", "stopPrice"), given.take("triggerDirection")
    if sum(one is not None for one in (stop, profit, plain)) > 1:
        raise InvalidOrder("Give one trigger: an order waits for one price.", "malformed")
    if direction not in (None, "ascending", "descending"):
        raise InvalidOrder(
            f"triggerDirection must be ascending or descending, not {direction!r}.", "malformed"
        )
    if stop is not None:
        return stop, sign > 0, True
    if profit is not None:
        return profit, sign < 0, True
    if plain is None:
        if direction is not None:
            raise InvalidOrder("triggerDirection needs a triggerPrice.", "malformed")
        return 0, False, False
    above = plain > around.index if direction is None else direction == "ascending"
    return plain, above, False


def _limit(
    kind: str, sign: int, price: Number | None, trigger: int, given: Given, around: Around
) -> int:
    slippage = given.units("slippage")
    if kind == "limit":
        if price is None:
            raise InvalidOrder("A limit order needs its price.", "malformed")
        if slippage is not None:
            raise InvalidOrder("A limit order has its price, and no slippage.", "malformed")
        return positive(price, "price")
    if price is not None:
        raise InvalidOrder(
            "A market order takes no price: its bound is the mark and the slippage in params.",
            "malformed",
        )
    if slippage is None:
        named = "stop_slippage" if trigger else "slippage"
        slippage = positive(getattr(around.defaults, named), named, zero=True)
    if slippage >= ONE:
        raise InvalidOrder("slippage is a fraction: 0.005 is half a percent.", "malformed")
    return (trigger or around.mark) * (ONE + sign * slippage) // ONE


def _margin(size: int, limit: int, lessens: bool, given: Given, defaults: Defaults) -> int:
    """The most that may leave idle, USDC (1e6)."""
    most = given.units("maxMargin", decimals=USDC_DECIMALS)
    leverage = given.units("leverage")
    if most is not None and leverage is not None:
        raise InvalidOrder("Give maxMargin or leverage, not both.", "malformed")
    if most is not None:
        return most
    if lessens:
        return 0
    if leverage is None:
        leverage = positive(defaults.leverage, "leverage")
    if not leverage:
        raise InvalidOrder("leverage must be more than nothing.", "malformed")
    return -(-abs(size) * limit // leverage // USDC_TO_USD)


def _tip(given: Given, defaults: Defaults) -> int | None:
    found = given.units("tip", decimals=USDC_DECIMALS)
    if found is None and defaults.tip is not None:
        found = positive(defaults.tip, "tip", USDC_DECIMALS, zero=True)
    return found


def venues(wanted: Any, known: Iterable[str]) -> tuple[str, ...]:
    """The venues that are wanted, a list or text with commas; all, for None.

    Raises:
        BadRequest: one is not known.
    """
    there = tuple(known)
    if wanted is None:
        return there
    names = wanted.split(",") if isinstance(wanted, str) else wanted
    if not isinstance(names, Iterable):
        raise BadRequest(f"venues must be a list of names, not {wanted!r}.", "malformed")
    found = tuple(str(name).strip() for name in names)
    if unknown := [name for name in found if name not in there]:
        raise BadRequest(
            f"There is no venue {unknown[0]!r}: there are {', '.join(there)}.",
            "unknown-venues",
        )
    if not found:
        raise BadRequest("venues must name one at least.", "unknown-venues")
    return found


def _bounds(reduce_only: bool, given: Given) -> Bounds:
    return _made(
        Bounds,
        min_fill=given.units("minFill") or 0,
        min_leverage=given.units("minLeverage") or 0,
        max_leverage=given.units("maxLeverage") or 0,
        max_deviation=given.units("maxDeviation") or 0,
        tolerance=given.units("tolerance") or 0,
        skip_unquotable=given.flag("skipUnquotable"),
        reduce_only=reduce_only,
        all_or_none=given.flag("allOrNone") or given.peek("timeInForce") == "FOK",
        open_against=given.flag("openAgainst"),
    )


def _tickets(given: Given) -> Tickets | None:
    found = given.take("tickets")
    if found is None:
        return None
    if not isinstance(found, Mapping):
        raise InvalidOrder(
            "tickets must be {'most': …, 'maxCost': …, 'maxLoss': …}: how many may fail, USDC, "
            "and a fraction.",
            "malformed",
        )
    parts = Given(found)
    made = _made(
        Tickets,
        most=parts.whole("most", 1),
        max_cost=parts.units("maxCost", decimals=USDC_DECIMALS) or 0,
        max_loss=parts.units("maxLoss") or 0,
    )
    parts.end()
    return made


def _conditions(trigger: int, above: bool, given: Given) -> Conditions | None:
    made = _made(
        Conditions,
        not_before=given.whole("notBefore"),
        filler=given.take("filler") or ZERO_ADDRESS,
        filler_until=given.whole("fillerUntil"),
        trigger_price=trigger,
        trigger_above=above,
        interval=given.whole("interval"),
        slice=given.units("slice") or 0,
        catch_up=given.whole("catchUp"),
        group=given.whole("group"),
        group_size=given.units("groupSize") or 0,
    )
    return made if made != Conditions() else None


def _made(kind: type[T], **fields: Any) -> T:
    try:
        return kind(**fields)
    except OrderError as no:
        raise InvalidOrder(f"{no}.", "malformed") from None


def policy(names: Sequence[str]) -> str:
    """The routing policy that allows these venues only."""
    return f"only:{','.join(names)}"
