"""What a keeper has to know before it decides, all of one block."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from ringside.chain.contracts import Ringside, abi
from ringside.keeper.conditions import Moment, Progress
from ringside.keeper.decide import View
from ringside.keeper.errors import PlanError
from ringside.orders import Bundle, Mode, Order, market_id
from ringside.units import ONE
from ringside.venues import Markets, Snapshot, load, snapshot
from ringside.venues.snapshot import require_fresh


class Looker:
    """Reads one deployment. Events are looked for from block `since` on; `markets` are what is
    known of the venues already, by market. By `now`, a clock in Unix seconds, no block is taken
    that is too old to decide on; without one any is."""

    def __init__(
        self,
        ringside: Ringside,
        since: int = 0,
        markets: Mapping[str, Markets] | None = None,
        now: Callable[[], int] | None = None,
    ) -> None:
        self.ringside, self.since, self.now = ringside, since, now
        self.markets: dict[str, Markets] = dict(markets or {})

    def snapshot(self, market: str, block: int | None = None) -> Snapshot:
        """Every registered venue's state of one market at `block`, the latest by default.

        Raises:
            StaleSnapshot, FutureSnapshot: by the clock, if there is one, as `require_fresh`.
        """
        at = self.ringside
        if market not in self.markets:
            self.markets[market] = load(at.w3, at.addresses, at.venue_ids, [market])
        seen = snapshot(at.w3, self.markets[market], block)
        if self.now is not None:
            require_fresh(seen.block, self.now())
        return seen

    def look(self, order: Order, key: bytes | None = None, block: int | None = None) -> View:
        """The venues, the account and the order's progress, all at one block. `key` is what the
        Desk keeps the progress under, where that is not the order's own digest."""
        at = self.ringside
        seen = self.snapshot(order.market, block)
        number = seen.block.number
        account = at.account(order.account, list(at.addresses["feeds"]), number)
        key = key or order.digest(at.domain)
        used = at.desk.functions.progress(key).call(block_identifier=number)
        progress = replace(Progress(*used), closing=self._closing(order, key, number))
        moment = self.moment(order, key, number, seen.timestamp)
        return View(seen, order.market, account, key, progress, moment)

    def _closing(self, order: Order, key: bytes, number: int) -> int | None:
        if not order.closes_all:
            return None
        closings = self.ringside.desk.functions.closings(key)
        begun, left = closings.call(block_identifier=number)
        return left if begun else None

    def most_of_step(self, bundle: Bundle, step: int, block: int) -> int | None:
        """How much (|1e18|) of a step of a bundle that is not atomic the one before lets be filled
        at `block`, `None` for all of it.

        Raises:
            PlanError: nothing of it yet.
        """
        if not step:
            return None
        last, mine = bundle.steps[step - 1], bundle.steps[step]
        at = self.ringside
        before, own = (
            Progress(*at.desk.functions.progress(key).call(block_identifier=block))
            for key in (bundle.step_key(at.domain, n) for n in (step - 1, step))
        )
        whole = abs(last.size)
        filled = whole if before.done else before.filled
        part = bundle.mode == Mode.PROPORTIONAL and not (last.closes_all or mine.closes_all)
        most = abs(mine.size) * filled // whole - own.used if part else None
        if (part and not most) or (not part and filled != whole):
            raise PlanError(f"Step {step} of the bundle is not open: step {step - 1} comes first.")
        return most

    def moment(self, order: Order, key: bytes, number: int, time: int) -> Moment:
        """The block `number` as the order's conditions see it."""
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
