"""What a keeper has to know before it decides, all of one block."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from eth_abi.abi import decode
from web3.exceptions import Web3Exception

from ringside.chain.abi import address, encode, selector, signed, word
from ringside.chain.contracts import Ringside
from ringside.chain.multicall import MULTICALL3, Block, Call, ReadFailed, aggregate
from ringside.chain.views import AccountView
from ringside.keeper.conditions import Moment, Progress
from ringside.keeper.decide import View
from ringside.keeper.errors import PlanError
from ringside.orders import Bundle, Mode, Order, market_id
from ringside.units import ONE
from ringside.venues import Markets, Snapshot, load, snapshot
from ringside.venues.snapshot import require_fresh

PROGRESS = ("uint128", "uint64", "uint64", "uint128", "uint64", "uint24", "uint24", "bool")
"""`IOrders.Progress`."""


@dataclass(frozen=True, slots=True)
class _Feed:
    """A market's price feed, as `IVenues.Feed`, with its latest answer."""

    heartbeat: int
    decimals: int
    fee: int
    answer: int
    updated_at: int


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
        self._markets = list(ringside.addresses["feeds"])
        self._most: int | None = None
        """Reads that fit into one request at most, where some did not."""
        self._sources: dict[str, str] = {}
        """Where each market's feed stands; that of the sequencer is under no name."""

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
        key = key or order.digest(self.ringside.domain)
        return self.views([(order, key)], self.snapshot(order.market, block))[0]

    def views(
        self,
        asked: Sequence[tuple[Order, bytes]],
        seen: Snapshot,
        slices: Mapping[bytes, tuple[tuple[int, int], ...]] | None = None,
    ) -> list[View]:
        """As `look`, of many orders (each with its key) on one snapshot, in as few requests as
        they fit into. `slices` are the known uses of schedules, by key; those missing are looked
        for in the Desk's events."""
        at, block, markets = self.ringside, seen.block, self._markets
        desk = at.desk.address
        accounts = list(dict.fromkeys(order.account for order, _ in asked))
        reads = [Call(at.lens.address, at.account_call(account, markets)) for account in accounts]
        for order, key in asked:
            group = order.conditions.group if order.conditions else 0
            reads.append(Call(desk, selector("progress(bytes32)") + key))
            reads.append(Call(desk, selector("closings(bytes32)") + key))
            used = selector("groupUsed(bytes32,uint256)") + order.account
            reads.append(Call(desk, used + group.to_bytes(32, "big")))
        told, moments = self._with_moments(reads, [order for order, _ in asked], block)
        answers = iter(told)
        seats = {one: at.account_view(markets, next(answers)) for one in accounts}
        found = []
        for (order, key), moment in zip(asked, moments, strict=True):
            progress = Progress(*decode(PROGRESS, next(answers)))
            begun, left = decode(("bool", "uint64"), next(answers))
            progress = replace(progress, closing=left if order.closes_all and begun else None)
            moment = replace(moment, group_used=word(next(answers)))
            if order.conditions is not None and order.conditions.interval:
                known = (slices or {}).get(key)
                known = self._slices(key, block.number) if known is None else known
                moment = replace(moment, slices=known)
            account = seats[order.account]
            found.append(View(seen, order.market, account, key, progress, moment))
        return found

    def accounts(self, accounts: Sequence[bytes], block: Block) -> dict[bytes, AccountView]:
        """Everything about each account at `block`."""
        at, markets = self.ringside, self._markets
        unique = list(dict.fromkeys(accounts))
        reads = [Call(at.lens.address, at.account_call(account, markets)) for account in unique]
        answers = self._read(reads, block)
        return {
            account: at.account_view(markets, answer)
            for account, answer in zip(unique, answers, strict=True)
        }

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

    def moments(self, orders: Sequence[Order], block: Block) -> list[Moment]:
        """The block as each order's conditions see it, but for its schedule and group."""
        return self._with_moments([], orders, block)[1]

    def _with_moments(
        self, reads: Sequence[Call], orders: Sequence[Order], block: Block
    ) -> tuple[list[bytes], list[Moment]]:
        """The answers to `reads` and the orders' moments, asked together."""
        names = list(dict.fromkeys(order.market for order in orders))
        triggered = any(o.conditions is not None and o.conditions.trigger_price for o in orders)
        answers, feeds, (up_since, grace) = self._feeds(names, block, triggered, reads)
        found = []
        for order in orders:
            at = feeds[order.market]
            watches = order.conditions is not None and order.conditions.trigger_price
            found.append(
                Moment(
                    *(block.timestamp, at.answer * ONE // 10**at.decimals, at.updated_at),
                    *(at.heartbeat, at.fee),
                    *((up_since, grace) if watches else (0, 0)),
                )
            )
        return answers, found

    def oracle(self, names: Sequence[str], block: Block) -> dict[str, int | None]:
        """Each market's price (1e18) by its feed at `block`, nothing where the contracts would not
        take it: older than its heartbeat, of the future, or not positive."""
        _, feeds, _ = self._feeds(names, block, False)
        found: dict[str, int | None] = {}
        for name, feed in feeds.items():
            age = block.timestamp - feed.updated_at
            sound = feed.answer > 0 and 0 <= age <= feed.heartbeat
            found[name] = feed.answer * ONE // 10**feed.decimals if sound else None
        return found

    def ask(self, calls: Sequence[tuple[str, bytes]], block: Block) -> list[bytes]:
        """The answers to calls (contract, data), in as few requests as they fit into."""
        return self._read([Call(place, data) for place, data in calls], block)

    def _feeds(
        self, names: Sequence[str], block: Block, watched: bool, also: Sequence[Call] = ()
    ) -> tuple[list[bytes], dict[str, _Feed], tuple[int | None, int]]:
        """The answers to `also`, the markets' feeds, and since when the sequencer is up, and its
        grace."""
        venues = self.ringside.addresses["ringside"]["venues"]
        asked = [Call(venues, encode("feed(bytes32)", _number(market_id(name)))) for name in names]
        asked.append(Call(venues, encode("sequencer()")))
        while True:  # A second time where a feed was not known yet.
            known = [self._sources.get(name, "") for name in (*names, "")]
            rounds = [Call(source, _ROUND) for source in known if int(source or "0", 16)]
            answers = self._read([*also, *asked, *rounds], block)
            others, answers = answers[: len(also)], answers[len(also) :]
            told, latest = answers[: len(asked)], iter(answers[len(asked) :])
            sources = [address(answer) for answer in told]
            self._sources.update(zip((*names, ""), sources, strict=True))
            if sources == known:
                break
        feeds = {}
        for name, answer in zip(names, told, strict=False):
            price = next(latest) if int(self._sources[name], 16) else bytes(5 * 32)
            feeds[name] = _Feed(
                *(word(answer, 1), word(answer, 2), word(answer, 3)),
                *(signed(price, 1), word(price, 3)),
            )
        if not watched or not int(sources[-1], 16):
            return others, feeds, (0, 0)
        status = next(latest)
        since = word(status, 2)
        return others, feeds, (None if signed(status, 1) or not since else since, word(told[-1], 1))

    def _read(self, reads: Sequence[Call], block: Block) -> list[bytes]:
        """The answers to all; in halves where they are too much for one request."""
        if not reads:
            return []
        place = self.ringside.addresses.get("multicall3", MULTICALL3)
        if self._most is not None and len(reads) > self._most:
            return self._halves(reads, block)
        try:
            found = aggregate(self.ringside.w3, reads, block, place)
        except (Web3Exception, ReadFailed):
            if len(reads) == 1:
                raise
            halves = self._halves(reads, block)
            # Nothing was wrong with them but their number: it is not tried again.
            self._most = len(reads) - 1
            return halves
        return [answer for answer in found if answer is not None]

    def _halves(self, reads: Sequence[Call], block: Block) -> list[bytes]:
        middle = len(reads) // 2
        return [*self._read(reads[:middle], block), *self._read(reads[middle:], block)]

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


_ROUND = encode("latestRoundData()")


def _number(value: bytes) -> int:
    return int.from_bytes(value, "big")
