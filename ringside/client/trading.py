"""Orders of both clients, under CCXT's names; each method is its steps (calls.py)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ringside import wire
from ringside.client import making, shapes
from ringside.client.calls import Ask, Call, Steps
from ringside.client.errors import (
    AuthenticationError,
    BadRequest,
    BadResponse,
    CancelPending,
    ExchangeNotAvailable,
    InvalidOrder,
    NetworkError,
    OrderNotFound,
    RateLimitExceeded,
)
from ringside.client.making import Around, Draft, Given, Number
from ringside.client.markets import Markets, Params
from ringside.client.signing import signed
from ringside.client.symbols import market_of
from ringside.orders import Bundle, Mode, Order, OrderError, Terms
from ringside.units import to_units

TIP_OVER_GAS = 3, 2
"""A tip that nobody names is what the gas is quoted at, times this: gas prices rise."""
CENT = 10**16
"""USD (1e18)."""
USDC_CENT = 10**4
Frame = tuple[bytes, int, int, int]
"""Account, deadline, nonce, epoch."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """An order as it would be signed, to be looked at first, and how it is to be routed."""

    order: Order | Bundle
    policy: str | None = None


class Trading(Markets):
    """What the owner may do."""

    @Call
    def create_order(
        self,
        symbol: str,
        type: str,
        side: str,
        amount: Number | None,
        price: Number | None = None,
        params: Params | None = None,
    ) -> Steps[shapes.Order]:
        """Signs an order here and hands it in; docs/clients.md has what `params` may say.

        A limit is all in: venues' fees, the protocol's and the tip count. A market order is a limit
        order for a minute, bounded by the mark and `slippage`.

        Raises:
            InvalidOrder, InsufficientFunds, PermissionDenied: it is not taken, and why.
            NetworkError: whether it was taken is not known; its id is in the message.
        """
        return (yield from self._create(symbol, type, side, amount, price, params))

    @Call
    def prepare_order(
        self,
        symbol: str,
        type: str,
        side: str,
        amount: Number | None,
        price: Number | None = None,
        params: Params | None = None,
    ) -> Steps[Prepared]:
        """What `create_order` would sign, and signs it not: `submit_order` does."""
        return (yield from self._prepared(symbol, type, side, amount, price, params))

    @Call
    def submit_order(self, prepared: Prepared) -> Steps[shapes.Order]:
        """Signs an order and hands it in. The same again is the same order, and does nothing
        more."""
        return (yield from self._hand_in(prepared))

    @Call
    def create_limit_order(
        self, symbol: str, side: str, amount: Number, price: Number, params: Params | None = None
    ) -> Steps[shapes.Order]:
        """As `create_order`."""
        return (yield from self._create(symbol, "limit", side, amount, price, params))

    @Call
    def create_market_order(
        self, symbol: str, side: str, amount: Number, params: Params | None = None
    ) -> Steps[shapes.Order]:
        """As `create_order`."""
        return (yield from self._create(symbol, "market", side, amount, None, params))

    @Call
    def create_stop_loss_order(
        self,
        symbol: str,
        type: str,
        side: str,
        amount: Number | None,
        price: Number | None,
        stop_loss_price: Number,
        params: Params | None = None,
    ) -> Steps[shapes.Order]:
        """As `create_order`; it waits for the oracle's price to come to the stop, and only
        reduces."""
        more = {**(params or {}), "stopLossPrice": stop_loss_price}
        return (yield from self._create(symbol, type, side, amount, price, more))

    @Call
    def create_take_profit_order(
        self,
        symbol: str,
        type: str,
        side: str,
        amount: Number | None,
        price: Number | None,
        take_profit_price: Number,
        params: Params | None = None,
    ) -> Steps[shapes.Order]:
        """As `create_order`; it waits for the oracle's price to come to the goal, and only
        reduces."""
        more = {**(params or {}), "takeProfitPrice": take_profit_price}
        return (yield from self._create(symbol, type, side, amount, price, more))

    @Call
    def create_bundle(
        self, orders: Sequence[Params], atomic: bool = True, params: Params | None = None
    ) -> Steps[shapes.Order]:
        """Several orders under one signature: together in one transaction, or, not `atomic`, one
        after the other. Each is {symbol, type, side, amount, price, params}; `params` here says
        what holds for all: deadline or validFor, nonce, epoch, policy, and proportional (each as
        far as the one before). It counts for a minute where nothing else is said."""
        given = Given(params)
        policy, proportional = given.take("policy"), given.flag("proportional")
        if not orders:
            raise InvalidOrder("A bundle needs one order at least.", "malformed")
        if proportional and atomic:
            raise InvalidOrder("A bundle is atomic or proportional, not both.", "malformed")
        if given.peek("timeInForce") is not None:
            raise InvalidOrder("A bundle has no timeInForce: give validFor.", "malformed")
        parts = [_part(one) for one in orders]
        names, there = yield from self._around([str(part["symbol"]) for part in parts])
        drafts = []
        for part, name in zip(parts, names, strict=True):
            own = Given(part.pop("params"))
            drafts.append(making.draft(name, part["type"], *_sized(part), own, there[name]))
            own.end()
        frame = yield from self._frame(making.deadline("market", given, there[names[0]]), given)
        given.end()
        steps = []
        for draft in drafts:
            steps.append((yield from self._finished(draft, policy)))
        mode = Mode.ATOMIC if atomic else Mode.PROPORTIONAL if proportional else Mode.STEPWISE
        account, *rest = frame
        bundle = _made(Bundle, account, tuple(steps), mode, *rest)
        return (yield from self._hand_in(Prepared(bundle, policy)))

    @Call
    def cancel_order(self, id: str, symbol: str | None = None) -> Steps[shapes.Withdrawn]:
        """Has the house work an order no more. Its signature still counts: whoever else has it may
        fill it until its deadline. `onChain` is what its owner sends to end that.

        Raises:
            CancelPending: a transaction or ticket of it is under way.
            OrderNotFound: there is none of this owner.
        """
        return shapes.withdrawn((yield from self._own("DELETE", _order_place(id))))

    @Call
    def cancel_all_orders(
        self, symbol: str | None = None
    ) -> Steps[list[shapes.Withdrawn | shapes.Order]]:
        """As `cancel_order`, of every open order, or those of a symbol; what is under way stays in
        the list as the open order that it is. To end all that was ever signed, its owner raises the
        epoch on the chain, which no server can do: `ringside cancel --all`, or the Desk's
        `raiseEpoch`."""
        found: list[shapes.Withdrawn | shapes.Order] = []
        for one in (yield from self._orders(symbol, shapes.OPEN)):
            try:
                view = yield from self._own("DELETE", _order_place(one["id"]))
            except CancelPending as no:
                one["reason"] = str(no)
                found.append(one)
            else:
                found.append(shapes.withdrawn(view))
        return found

    @Call
    def fetch_order(self, id: str, symbol: str | None = None) -> Steps[shapes.Order]:
        """An order as it is now."""
        return shapes.order((yield from self._own("GET", _order_place(id))))

    @Call
    def fetch_orders(
        self, symbol: str | None = None, since: int | None = None, limit: int | None = None
    ) -> Steps[list[shapes.Order]]:
        """Orders of any state, the oldest first: those handed in since (milliseconds), and of
        these the last `limit`."""
        return (yield from self._orders(symbol, [], since, limit))

    @Call
    def fetch_open_orders(
        self, symbol: str | None = None, since: int | None = None, limit: int | None = None
    ) -> Steps[list[shapes.Order]]:
        """As `fetch_orders`, of those that are not done."""
        return (yield from self._orders(symbol, shapes.OPEN, since, limit))

    @Call
    def fetch_closed_orders(
        self, symbol: str | None = None, since: int | None = None, limit: int | None = None
    ) -> Steps[list[shapes.Order]]:
        """As `fetch_orders`, of those that are done: filled, cancelled, expired or rejected."""
        return (yield from self._orders(symbol, shapes.DONE, since, limit))

    # ------------------------------------------------------------------ making

    def _create(
        self,
        symbol: str,
        kind: str,
        side: str,
        amount: Number | None,
        price: Number | None,
        params: Params | None,
    ) -> Steps[shapes.Order]:
        prepared = yield from self._prepared(symbol, kind, side, amount, price, params)
        return (yield from self._hand_in(prepared))

    def _prepared(
        self,
        symbol: str,
        kind: str,
        side: str,
        amount: Number | None,
        price: Number | None,
        params: Params | None,
    ) -> Steps[Prepared]:
        given = Given(params)
        policy = given.take("policy")
        (market,), there = yield from self._around([symbol])
        draft = making.draft(market, kind, side, amount, price, given, there[market])
        waits = draft.conditions is not None
        deadline = making.deadline(kind, given, there[market], waits)
        account, *rest = yield from self._frame(deadline, given)
        given.end()
        terms = yield from self._finished(draft, policy)
        parts = (terms.market, terms.size, terms.limit_price, terms.max_margin, terms.tip)
        asked = (terms.bounds, terms.tickets, terms.conditions)
        return Prepared(_made(Order, account, *parts, terms.venues, *rest, *asked), policy)

    def _around(self, symbols: Sequence[str]) -> Steps[tuple[list[str], dict[str, Around]]]:
        """The markets' names, and what orders in each are made with."""
        found = yield from self._markets(symbols)
        venue_ids = (yield from self._deployment())["venue_ids"]
        around = {}
        for name, there, at in found:
            mark, index = map(to_units, shapes.prices(there))
            around[name] = Around(mark, index, int(at), venue_ids, self.defaults)
        return [name for name, _, _ in found], around

    def _frame(self, deadline: int, given: Given) -> Steps[Frame]:
        """What is signed once, for all steps."""
        nonce = given.whole("nonce", -1)
        epoch = given.whole("epoch", -1)
        if epoch < 0:
            epoch = yield from self._current_epoch()
        return self.account, deadline, next(self._nonces) if nonce < 0 else nonce, epoch

    def _finished(self, draft: Draft, policy: str | None) -> Steps[Terms]:
        """With its tip: as given, or by what the gas is quoted at."""
        held = 0
        if draft.closes_all:
            view = yield from self._account_view()
            held = sum(
                abs(to_units(one["size"]))
                for seat in view["seats"]
                for one in seat["positions"]
                if one["market"] == draft.market and seat["venue"] in draft.venues
                if (to_units(one["size"]) < 0) == (draft.sign > 0)
            )
            if not held:
                side = "short to buy back" if draft.sign > 0 else "long to sell"
                raise InvalidOrder(
                    f"There is no {side} in {draft.market} at {', '.join(draft.venues)}.",
                    "nothing-to-reduce",
                )
        if draft.tip is not None:
            return draft.terms(draft.tip, held)
        if policy is None and (draft.at_once or len(draft.venues) < len(draft.venue_ids)):
            policy = making.policy((yield from self._venues(draft)))
        size = draft.sign * held if held else draft.size
        try:
            quoted = yield from self._quote(draft.market, size, {"policy": policy})
        except BadRequest as no:
            raise BadRequest(
                f"{no} (Asked for what its gas costs; an order whose tip is in params is taken "
                "without a quote.)",
                no.code,
                no.status,
            ) from None
        times, over = TIP_OVER_GAS
        tip = -(-to_units(quoted["gas"]) * times // (over * CENT)) * USDC_CENT
        return draft.terms(tip, held)

    def _venues(self, draft: Draft) -> Steps[list[str]]:
        """Those where the order may be filled, as far as can be known."""
        seen = yield from self._seen()
        later = {one["venue"] for one in seen["venues"] if one["delayed"]}
        return [name for name in draft.venues if not (draft.at_once and name in later)]

    def _hand_in(self, prepared: Prepared) -> Steps[shapes.Order]:
        order, policy = prepared.order, prepared.policy
        domain = yield from self._domain()
        if self.signer is None:
            raise AuthenticationError("This needs a signer of the owner's.", "no-signer")
        signature, id = signed(self.signer, order, domain), "0x" + order.digest(domain).hex()
        message = wire.message(order)
        body = {
            "bundle" if isinstance(order, Bundle) else "order": message,
            "signature": "0x" + signature.hex(),
            **({"policy": policy} if policy else {}),
        }
        try:
            answer = yield from self._again(Ask("POST", "/v1/orders", body=body))
        except (RateLimitExceeded, ExchangeNotAvailable):
            raise
        except NetworkError as no:
            raise NetworkError(
                f"{no} The order may have been taken: ask for it under its id, {id}.", no.code
            ) from None
        except InvalidOrder as no:
            if no.code == "wrong-epoch":
                self._epoch = None
            raise
        if answer.get("key") != id:
            raise BadResponse(
                f"The API knows the order as {answer.get('key')}, and {id} was signed.", "no-api"
            )
        if answer["state"] != "received":  # It had it already, and went on.
            return shapes.order((yield from self._own("GET", _order_place(id))))
        return shapes.fresh(id, message)

    def _orders(
        self,
        symbol: str | None,
        states: Sequence[str],
        since: int | None = None,
        limit: int | None = None,
    ) -> Steps[list[shapes.Order]]:
        wanted = symbol and market_of(symbol, (yield from self._deployment())["markets"])
        found: list[shapes.Order] = []
        query: dict[str, Any] = {"limit": 500, **({"state": list(states)} if states else {})}
        while limit is None or len(found) < limit:
            page = yield from self._own("GET", f"{self._place}/orders", query)
            views = [one for one in page["orders"] if wanted in (None, one["market"])]
            recent = [one for one in views if since is None or one["received_at"] * 1e3 >= since]
            found += map(shapes.order, recent)
            if page["next"] is None or len(recent) < len(views):
                break
            query["before"] = page["next"]
        return found[:limit][::-1]


def _order_place(id: str) -> str:
    """
    Raises:
        OrderNotFound: it is no order's id.
    """
    try:
        key = wire.hexed(id, "id", 32)
    except wire.WireError as no:
        raise OrderNotFound(f"{no}.", "no-order") from None
    return f"/v1/orders/0x{key.hex()}"


def _part(one: Params) -> dict[str, Any]:
    """One of a bundle's orders, with every field there.

    Raises:
        InvalidOrder: it has more, or lacks what it needs.
    """
    fields = ("symbol", "type", "side", "amount", "price", "params")
    if not isinstance(one, Mapping) or (more := [name for name in one if name not in fields]):
        told = f"; {', '.join(map(str, more))} is not known" if isinstance(one, Mapping) else ""
        raise InvalidOrder(f"A bundle's order has {', '.join(fields)}{told}.", "malformed")
    return {name: one.get(name) for name in fields}


def _sized(part: Mapping[str, Any]) -> tuple[Any, Any, Any]:
    return part["side"], part["amount"], part["price"]


def _made(kind: Any, *values: Any) -> Any:
    try:
        return kind(*values)
    except OrderError as no:
        raise InvalidOrder(f"{no}.", "malformed") from None
