"""A keeper that fills one order once: quotes, splits, simulates, submits, and looks after the
tickets that came of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from web3.types import TxReceipt

from ringside.chain.contracts import (
    AccountView,
    Position,
    Refused,
    Ringside,
    SeatView,
    abi,
)
from ringside.chain.sender import Send
from ringside.keeper.conditions import Moment, Progress
from ringside.keeper.errors import NothingToClose, PlanError
from ringside.keeper.plan import HEADROOM, ChainLeg, Plan, no_legs, plan
from ringside.keeper.tickets import TicketKeeper
from ringside.orders import Bundle, Mode, Order, market_id
from ringside.units import ONE
from ringside.venues import Markets, load, snapshot
from ringside.venues.base import MarketState

NO_RECEIPT = (0, bytes(32))
"""What a fill says of its keeper's decision, until receipts are written: nothing, version 0."""


class Interrupted(Exception):
    """Some of a plan's transactions went through and the next was refused. `receipts` are those
    sent, `refused` is why no more were: what is left of the order can be planned anew."""

    def __init__(self, receipts: Sequence[TxReceipt], refused: Refused) -> None:
        self.receipts, self.refused = tuple(receipts), refused
        super().__init__(f"after {len(self.receipts)} transactions: {refused}")


@dataclass(frozen=True)
class View:
    """What the keeper knows of one block."""

    block: int
    states: Mapping[str, MarketState]
    account: AccountView
    progress: Progress
    moment: Moment


class Keeper(TicketKeeper):
    """Fills orders at one deployment, from the address `sender`. Whatever it does, the order
    decides. `leg_cost`, `headroom` and `most_delayed` are as in `plan`; events are looked for from
    block `since` on."""

    def __init__(
        self,
        ringside: Ringside,
        sender: str,
        send: Send,
        leg_cost: int = 0,
        *,
        headroom: int = HEADROOM,
        most_delayed: int = ONE,
        since: int = 0,
    ) -> None:
        super().__init__(ringside, sender, send)
        self.leg_cost, self.headroom, self.most_delayed = leg_cost, headroom, most_delayed
        self.since = since
        self._markets: dict[str, Markets] = {}

    # ------------------------------------------------------------------ what is known

    def look(self, order: Order, key: bytes | None = None) -> View:
        """The venues, the account and the order's progress, all at one block. `key` is what the
        Desk keeps the progress under, where that is not the order's own digest."""
        at = self.ringside
        if order.market not in self._markets:
            self._markets[order.market] = load(at.w3, at.addresses, at.venue_ids, [order.market])
        seen = snapshot(at.w3, self._markets[order.market])
        number = seen.block.number
        account = at.account(order.account, list(at.addresses["feeds"]), number)
        key = key or order.digest(at.domain)
        used = at.desk.functions.progress(key).call(block_identifier=number)
        progress = replace(Progress(*used), closing=self._closing(order, key, number))
        moment = self._moment(order, key, number, seen.timestamp)
        return View(number, seen.of(order.market), account, progress, moment)

    def _closing(self, order: Order, key: bytes, number: int) -> int | None:
        if not order.closes_all:
            return None
        closings = self.ringside.desk.functions.closings(key)
        begun, left = closings.call(block_identifier=number)
        return left if begun else None

    def _moment(self, order: Order, key: bytes, number: int, time: int) -> Moment:
        at = self.ringside
        venues = at.w3.eth.contract(address=at.addresses["ringside"]["venues"], abi=abi("Venues"))
        source, heartbeat, decimals, fee = venues.functions.feed(market_id(order.market)).call(
            block_identifier=number
        )
        answer, updated = self._round(source, number)
        terms = order.conditions
        up_since: int | None = 0
        grace = group_used = 0
        slices: tuple[tuple[int, int], ...] = ()
        if terms is not None and terms.trigger_price:
            watched, grace = venues.functions.sequencer().call(block_identifier=number)
            if int(watched, 16):
                down, since = self._round(watched, number, begun=True)
                up_since = None if down or not since else since
            else:
                grace = 0
        if terms is not None and terms.group:
            group_used = at.desk.functions.groupUsed(order.account, terms.group).call(
                block_identifier=number
            )
        if terms is not None and terms.interval:
            slices = self._slices(key, number)
        return Moment(
            time,
            answer * ONE // 10**decimals,
            updated,
            heartbeat,
            fee,
            up_since,
            grace,
            slices,
            group_used,
        )

    def _round(self, feed: str, number: int, begun: bool = False) -> tuple[int, int]:
        """The feed's answer, and when it was given (or when its round began)."""
        contract = self.ringside.w3.eth.contract(address=feed, abi=_FEED)  # type: ignore[call-overload]
        _, answer, started, updated, _ = contract.functions.latestRoundData().call(
            block_identifier=number
        )
        return answer, started if begun else updated

    def _slices(self, key: bytes, number: int) -> tuple[tuple[int, int], ...]:
        """When what was filled or committed under the key, by the Desk's events."""
        events = self.ringside.desk.events
        found = [
            (entry["blockNumber"], entry["logIndex"], abs(entry["args"]["size"]))
            for event in (events.Filled(), events.Committed())
            for entry in event.get_logs(
                from_block=self.since, to_block=number, argument_filters={"key": key}
            )
        ]
        blocks = {block for block, _, _ in found}
        times = {b: int(self.ringside.w3.eth.get_block(b)["timestamp"]) for b in blocks}
        return tuple((times[block], size) for block, _, size in sorted(found))

    # ------------------------------------------------------------------ one order

    def plan(self, order: Order, view: View | None = None, most: int | None = None) -> Plan:
        """The best fill at `view`, or now; as `plan.plan`.

        Raises:
            PlanError, SplitError: no fill is possible; the message says why.
        """
        view = view or self.look(order)
        return plan(
            order,
            view.account,
            view.states,
            self.ringside.venue_ids,
            view.progress,
            view.moment,
            leg_cost=self.leg_cost,
            headroom=self.headroom,
            most_delayed=self.most_delayed,
            most=most,
        )

    def simulate(self, chosen: Plan, signature: bytes) -> int:
        """Tries the first of the plan's transactions on the chain. Returns what a fill would cost
        or bring (USD 1e18, venue fees in it, tip not), or the number a ticket would have.

        Raises:
            Refused: the chain would refuse it, and by which error.
        """
        data = self._data(chosen, chosen.transactions[0], signature)
        return int.from_bytes(self.sender.attempt(self.ringside.desk.address, data), "big")

    def submit(self, chosen: Plan, signature: bytes) -> tuple[TxReceipt, ...]:
        """Each of the plan's transactions, tried first.

        Raises:
            Refused: the first is refused.
            Interrupted: a later one is.
        """
        return self._submit([self._data(chosen, legs, signature) for legs in chosen.transactions])

    def fill(self, order: Order, signature: bytes) -> tuple[Plan, tuple[TxReceipt, ...]]:
        """Fills all that can be of the order now."""
        chosen = self.plan(order)
        return chosen, self.submit(chosen, signature)

    # ------------------------------------------------------------------ bundles

    def plan_bundle(self, bundle: Bundle) -> list[Plan]:
        """Every step of an atomic bundle, each planned on what the ones before leave.

        Raises:
            PlanError, SplitError: a step cannot be filled whole at once; the message says why.
        """
        if bundle.mode != Mode.ATOMIC:
            raise PlanError("Only the steps of an atomic bundle are filled together.")
        found: list[Plan] = []
        for step in range(len(bundle.steps)):
            order = bundle.order(step).with_(tickets=None)
            key = bundle.step_key(self.ringside.domain, step)
            view = self.look(order, key)
            account = view.account
            for earlier in found:
                account = after(account, earlier)
            chosen = self._plan_or_none(order, replace(view, account=account))
            if not order.closes_all and chosen.size != order.size:
                raise PlanError(f"Step {step} of the bundle cannot be filled whole now.")
            found.append(chosen)
        return found

    def fill_bundle(self, bundle: Bundle, signature: bytes) -> tuple[list[Plan], TxReceipt]:
        """All steps of an atomic bundle in one transaction.

        Raises:
            PlanError, SplitError: as `plan_bundle`.
            Refused: by the chain.
        """
        plans = self.plan_bundle(bundle)
        legs = [[leg.tuple for leg in chosen.legs] for chosen in plans]
        data = self.ringside.desk.encode_abi(
            "fillBundle", [bundle.tuple, signature, legs, NO_RECEIPT]
        )
        return plans, self.sender.transact(self.ringside.desk.address, data)

    def plan_step(self, bundle: Bundle, step: int) -> Plan:
        """A step of a bundle that is not atomic.

        Raises:
            PlanError, SplitError: it is not open, or cannot be filled; the message says why.
        """
        order, domain = bundle.order(step), self.ringside.domain
        most = self._open(bundle, step)
        view = self.look(order, bundle.step_key(domain, step))
        return self._plan_or_none(order, view, most)

    def _plan_or_none(self, order: Order, view: View, most: int | None = None) -> Plan:
        """As `plan`; a step to close all that finds nothing to close is completed without legs."""
        try:
            return self.plan(order, view, most)
        except NothingToClose:
            if view.progress.open:
                raise
            return no_legs(order)

    def fill_step(
        self, bundle: Bundle, step: int, signature: bytes
    ) -> tuple[Plan, tuple[TxReceipt, ...]]:
        """What can be of a step now, tickets included.

        Raises:
            PlanError, SplitError, Refused, Interrupted: as `plan_step` and `submit`.
        """
        chosen = self.plan_step(bundle, step)
        return chosen, self._submit(
            [self._step_data(bundle, step, legs, chosen, signature) for legs in chosen.transactions]
        )

    def commit_step(self, bundle: Bundle, step: int, leg: ChainLeg, signature: bytes) -> TxReceipt:
        """One ticket for a step."""
        data = self.ringside.desk.encode_abi(
            "commitStep", [bundle.tuple, signature, step, leg.tuple, NO_RECEIPT]
        )
        return self.sender.transact(self.ringside.desk.address, data)

    def _open(self, bundle: Bundle, step: int) -> int | None:
        """How much of a step the one before lets be filled, `None` for all of it."""
        if not step:
            return None
        last, mine = bundle.steps[step - 1], bundle.steps[step]
        keys = [bundle.step_key(self.ringside.domain, n) for n in (step - 1, step)]
        before, own = (Progress(*self.ringside.desk.functions.progress(k).call()) for k in keys)
        whole = abs(last.size)
        filled = whole if before.done else before.filled
        part = bundle.mode == Mode.PROPORTIONAL and not (last.closes_all or mine.closes_all)
        most = abs(mine.size) * filled // whole - own.used if part else None
        if (part and not most) or (not part and filled != whole):
            raise PlanError(f"Step {step} of the bundle is not open: step {step - 1} comes first.")
        return most

    # ------------------------------------------------------------------ internal

    def _data(self, chosen: Plan, legs: Sequence[ChainLeg], signature: bytes) -> str:
        """The call of one of a plan's transactions."""
        desk, order = self.ringside.desk, chosen.order.tuple
        if legs[0] in chosen.tickets:
            return str(desk.encode_abi("commit", [order, signature, legs[0].tuple, NO_RECEIPT]))
        parts = [leg.tuple for leg in legs]
        return str(desk.encode_abi("fill", [order, signature, parts, NO_RECEIPT]))

    def _step_data(
        self,
        bundle: Bundle,
        step: int,
        legs: Sequence[ChainLeg],
        chosen: Plan,
        signature: bytes,
    ) -> str:
        desk, head = self.ringside.desk, [bundle.tuple, signature, step]
        if legs and legs[0] in chosen.tickets:
            return str(desk.encode_abi("commitStep", [*head, legs[0].tuple, NO_RECEIPT]))
        return str(desk.encode_abi("fillStep", [*head, [leg.tuple for leg in legs], NO_RECEIPT]))

    def _submit(self, calls: Sequence[str]) -> tuple[TxReceipt, ...]:
        done: list[TxReceipt] = []
        for data in calls:
            try:
                done.append(self.sender.transact(self.ringside.desk.address, data))
            except Refused as refused:
                if not done:
                    raise
                raise Interrupted(done, refused) from None
        return tuple(done)


def after(account: AccountView, chosen: Plan) -> AccountView:
    """The account once a plan's fill is done: its positions to the unit, its margins by what was
    moved, without what the trades themselves gained or lost."""
    seats = dict(account.seats)
    for leg in chosen.legs:
        seats[leg.venue] = _moved(seats[leg.venue], chosen.order.market, leg)
    idle = account.idle - chosen.tip - chosen.fee - sum(leg.margin for leg in chosen.legs)
    return replace(account, idle=idle, seats=seats)


def _moved(seat: SeatView, market: str, leg: ChainLeg) -> SeatView:
    at = seat.positions.get(market, Position(0, 0, 0, 0, 0))
    positions = {**seat.positions, market: replace(at, size=at.size + leg.size)}
    return replace(seat, positions=positions)


_FEED: list[dict[str, Any]] = [
    {
        "type": "function",
        "name": "latestRoundData",
        "stateMutability": "view",
        "inputs": [],
        "outputs": [
            {"name": name, "type": kind}
            for name, kind in (
                ("roundId", "uint80"),
                ("answer", "int256"),
                ("startedAt", "uint256"),
                ("updatedAt", "uint256"),
                ("answeredInRound", "uint80"),
            )
        ],
    }
]
