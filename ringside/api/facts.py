"""What must be known of an account before its order is taken: kept for a block, and read for many
requests at once."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

from eth_abi.abi import decode
from requests import RequestException
from web3.exceptions import Web3Exception

from ringside.accounts import Right
from ringside.api.errors import Problem
from ringside.api.house import House
from ringside.api.logs import logger
from ringside.api.market import Market, Seen
from ringside.api.threads import Threads
from ringside.chain.abi import selector, word
from ringside.chain.multicall import MULTICALL3, Block, Call, ReadFailed, aggregate
from ringside.chain.views import AccountView
from ringside.keeper.admission import Facts, Grant
from ringside.keeper.conditions import Progress
from ringside.keeper.look import PROGRESS
from ringside.orders import Bundle, Order

KNOWN = 20_000
"""Accounts that are remembered at once."""
MOST = 400
"""Reads of one request to the node at most."""
AHEAD = 8
"""Nonces that are read at once: who sends one order sends the next soon, as a rule."""
_OPERATORS = "operators(bytes32,address)"
_PROGRESS = "progress(bytes32)"
_SPENT, _USED = "isSpent(bytes32,uint256)", "groupUsed(bytes32,uint256)"


@dataclass(slots=True)
class _Known:
    """An account as it was at a block: when that was read (monotonic seconds), and which nonces
    were spent, as many as are read at once together, and how much groups had used."""

    view: AccountView
    grant: Grant
    block: Block
    at: float
    spent: dict[int, asyncio.Task[list[bool]]]
    groups: dict[int, int]
    changed: bool = False
    """Whether something happened to it since."""


class Reads:
    """Calls of many requests as few multicalls: what is asked while one is under way goes with the
    next."""

    def __init__(self, house: House, market: Market, threads: Threads) -> None:
        self.house, self.market, self.threads = house, market, threads
        self.rounds = 0
        """Multicalls sent, for metrics."""
        self._waiting: list[tuple[Sequence[Call], asyncio.Future[list[bytes]]]] = []
        self._running: asyncio.Task[None] | None = None

    async def ask(self, calls: Sequence[Call]) -> list[bytes]:
        """The answers, of one block, empty where a call failed.

        Raises:
            Problem: 503; no node answers.
        """
        answer: asyncio.Future[list[bytes]] = asyncio.get_running_loop().create_future()
        self._waiting.append((calls, answer))
        if self._running is None or self._running.done():
            self._running = asyncio.create_task(self._run())
        return await answer

    async def _run(self) -> None:
        while self._waiting:
            taken, count = 0, 0
            for calls, _ in self._waiting:
                if taken and count + len(calls) > MOST:
                    break
                taken, count = taken + 1, count + len(calls)
            batch, self._waiting = self._waiting[:taken], self._waiting[taken:]
            unique = list(dict.fromkeys(call for calls, _ in batch for call in calls))
            try:
                block = (await self.market.current()).block
                answers = await self.threads.run(
                    self.threads.chain, partial(self.read, unique, block)
                )
            except Exception as no:
                logger().warning("the chain cannot be read", why=str(no)[:500])
                for _, waiting in batch:
                    if not waiting.done():
                        waiting.set_exception(
                            Problem(503, "chain-silent", "The node does not answer: try again.")
                        )
                continue
            self.rounds += 1
            known = dict(zip(unique, answers, strict=True))
            for calls, waiting in batch:
                if not waiting.done():
                    waiting.set_result([known[call] for call in calls])

    def read(self, calls: list[Call], block: Block) -> list[bytes]:
        """The answers, in halves where they are too much for one request; asks the chain."""
        place = self.house.ringside.addresses.get("multicall3", MULTICALL3)
        try:
            found = aggregate(self.house.ringside.w3, calls, block, place)
        except (RequestException, OSError):
            raise
        except (Web3Exception, ReadFailed, ValueError):
            if len(calls) == 1:
                return [b""]
            middle = len(calls) // 2
            return [*self.read(calls[:middle], block), *self.read(calls[middle:], block)]
        return [answer or b"" for answer in found]


class Accounts:
    """Knows accounts, and forgets one when something happens to it or a block comes."""

    def __init__(self, house: House, market: Market, reads: Reads) -> None:
        self.house, self.market, self.reads = house, market, reads
        self._known: OrderedDict[bytes, _Known] = OrderedDict()
        self._asked: dict[bytes, asyncio.Future[_Known]] = {}

    def forget(self, account: bytes) -> None:
        """Something happened to it: the next request reads it anew, if a node answers."""
        if (known := self._known.get(account)) is not None:
            known.changed = True

    async def facts(self, request: Order | Bundle, digest: bytes, newest: bool = False) -> Facts:
        """What admission takes, `newest` of the newest block.

        Raises:
            Problem: 503; the chain cannot be read.
        """
        seen = await self.market.current()
        known = await self.known(request.account, seen, newest)
        try:
            spent = await self._spent(known, request.account, request.nonce)
        except Problem:
            if newest:
                raise
            spent = False  # What cannot be known is held against nobody: the chain is the judge.
        groups = _groups(request)
        if asked := [group for group in groups if group not in known.groups]:
            known.groups.update(await self._used(request.account, asked))
        moments = seen.moments
        if groups:
            # Steps of a bundle in several groups are each held against the fullest: a rare case,
            # in which the chain is the judge.
            taken = max(known.groups.get(group, 0) for group in groups)
            taken = taken if len(groups) == 1 else 0
            moments = {name: replace(one, group_used=taken) for name, one in moments.items()}
        # Before an order is refused by anything else, what others may have filled of it counts.
        used = await self._progress(digest) if newest and isinstance(request, Order) else 0
        return Facts(
            time=seen.block.timestamp,
            digest=digest,
            account=known.view,
            spent=spent,
            bound=None,
            grant=known.grant,
            states=seen.roomy,
            moments=moments,
            venue_ids=self.house.ringside.venue_ids,
            used=used,
        )

    async def known(self, account: bytes, seen: Seen, newest: bool = True) -> _Known:
        """The account at the newest block, or else as it was since nothing happened to it.

        Raises:
            Problem: 503; the chain cannot be read.
        """
        known = self._known.get(account)
        if known is not None and not known.changed:
            good = not newest and time.monotonic() - known.at < self.house.limits.account_age
            if good or known.block == seen.block:
                self._known.move_to_end(account)
                return known
        if (under_way := self._asked.get(account)) is not None:
            return await asyncio.shield(under_way)
        answer: asyncio.Future[_Known] = asyncio.get_running_loop().create_future()
        self._asked[account] = answer
        try:
            found = await self._read(account, seen)
        except BaseException as no:
            if known is not None and not newest and isinstance(no, Problem):
                # No node answers: better what was known than to refuse.
                answer.set_result(known)
                return known
            answer.set_exception(
                no if isinstance(no, Problem) else Problem(503, "chain-silent", "Try again.")
            )
            answer.exception()  # Nobody else may be waiting.
            raise
        else:
            answer.set_result(found)
        finally:
            self._asked.pop(account, None)
        self._known[account] = found
        if len(self._known) > KNOWN:
            self._known.popitem(last=False)
        return found

    async def _read(self, account: bytes, seen: Seen) -> _Known:
        at = self.house.ringside
        desk = int(at.desk.address, 16).to_bytes(32, "big")
        view, operator = await self.reads.ask(
            [
                Call(at.lens.address, at.account_call(account, self.house.markets), True),
                Call(at.vault.address, selector(_OPERATORS) + account + desk, True),
            ]
        )
        if not view or len(operator) < 128:
            raise Problem(503, "account-unread", "The account cannot be read now: try again.")
        rights, expiry, cap, venues = (word(operator, i) for i in range(4))
        return _Known(
            at.account_view(self.house.markets, view),
            Grant(Right(rights & 7), expiry, cap, venues),
            *(seen.block, time.monotonic(), {}, {}),
        )

    async def _spent(self, known: _Known, account: bytes, nonce: int) -> bool:
        """Whether a nonce is; it is read with its neighbours."""
        page, place = divmod(nonce, AHEAD)
        reading = known.spent.get(page)
        if reading is None or (reading.done() and reading.exception() is not None):
            reading = asyncio.create_task(self._page(account, page))
            known.spent[page] = reading
        return (await asyncio.shield(reading))[place]

    async def _page(self, account: bytes, page: int) -> list[bool]:
        desk, head = self.house.ringside.desk.address, selector(_SPENT) + account
        first = page * AHEAD
        nonces = map(_word, range(first, first + AHEAD))
        answers = await self.reads.ask([Call(desk, head + nonce, True) for nonce in nonces])
        return [bool(answer and word(answer)) for answer in answers]

    async def _progress(self, digest: bytes) -> int:
        """|1e18| of an order that is filled or pending; the chain keeps it by the digest."""
        desk = self.house.ringside.desk.address
        (answer,) = await self.reads.ask([Call(desk, selector(_PROGRESS) + digest, True)])
        return Progress(*decode(PROGRESS, answer)).used if answer else 0

    async def _used(self, account: bytes, groups: Sequence[int]) -> dict[int, int]:
        """What the orders of groups have filled and pending, |1e18|."""
        desk, head = self.house.ringside.desk.address, selector(_USED) + account
        answers = await self.reads.ask([Call(desk, head + _word(g), True) for g in groups])
        told = (word(answer) if answer else 0 for answer in answers)
        return dict(zip(groups, told, strict=True))


def _groups(request: Order | Bundle) -> list[int]:
    parts = [request] if isinstance(request, Order) else list(request.steps)
    found = (one.conditions.group for one in parts if one.conditions is not None)
    return list(dict.fromkeys(group for group in found if group))


def _word(number: int) -> bytes:
    return number.to_bytes(32, "big")
