"""The guardian: watches the margin of every account with a standing policy, block by block, moves
what its owner signed for before the venue would liquidate, and tells where it cannot.

A venue's view of an account takes the node milliseconds, so ten thousand accounts are not read
every block. What was read last is held against the block's oracle prices (`keeper/health.Scan`),
and read anew where something happened to the account, where it comes near a bound, and in turn,
since funding accrues unseen. The contract checks every move once more.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import structlog
from eth_abi.abi import decode
from numpy.typing import NDArray
from web3.exceptions import Web3Exception

from ringside.chain.abi import selector
from ringside.chain.contracts import Refused, calldata
from ringside.chain.multicall import Block
from ringside.chain.sender import attempt
from ringside.chain.views import AccountView
from ringside.keeper.guard import USE, Decision, Need, Read, Use, decide
from ringside.keeper.health import NO_NEED, Scan, Unknown, basis, health
from ringside.keeper.look import Looker
from ringside.policies import Health, Move, Policy
from ringside.service.costs import Costs
from ringside.store import standing
from ringside.store.database import Database
from ringside.store.outbox import Wanted
from ringside.store.standing import Standing
from ringside.units import ONE
from ringside.venues import VENUE_ERRORS, Snapshot

NEAR = 1.05
"""How near a bound, as a factor, an account is read every block."""
READ_SECONDS = 0.25
"""What reading may take of a turn: orders wait meanwhile."""
AT_ONCE = 16
"""Accounts read in one request."""
IN_TURN = 4
"""Accounts read each block whatever they look like."""
MOST_GAS = 15_000_000
"""No move takes more."""
LATE = 300
"""Seconds after which a move that is not mined is of no use: the market has moved on."""
log = structlog.get_logger()


@dataclass(slots=True)
class _Known:
    """An account as it was last read."""

    view: AccountView
    block: int


@dataclass
class Watched:
    """What a turn found: moves to send, by policy what its owner is told (with the weakest pocket's
    health, 1e18), and policies that are over, with why."""

    moves: list[Wanted] = field(default_factory=list)
    told: dict[bytes, tuple[str, int | None]] = field(default_factory=dict)
    over: dict[bytes, tuple[Standing, str]] = field(default_factory=dict)
    read: int = 0


class Guardian:
    """Of one deployment, over one database. `lane` says who sends for an account."""

    def __init__(
        self, database: Database, looker: Looker, costs: Costs, lane: Callable[[bytes], str]
    ) -> None:
        self.database, self.looker, self.costs, self.lane = database, looker, costs, lane
        self.ringside = looker.ringside
        self.markets = list(self.ringside.addresses["feeds"])
        self.policies: dict[bytes, standing.Entry] = {}
        self.alerts = 0
        """Policies that have a pocket in need which nothing is done for."""
        self.unread = 0
        """Accounts that were not read yet."""
        self._version: tuple[int, float] | None = None
        self._known: dict[bytes, _Known] = {}
        self._scan = Scan(self.markets)
        self._names = {number: name for name, number in self.ringside.venue_ids.items()}
        self._bounds: tuple[list[bytes], NDArray[np.int64], NDArray[np.float64]] | None = None
        """By watched pocket its account, its row in the scan, and (trigger, excess) as floats."""
        self._next: list[bytes] = []
        """Accounts in turn."""

    # ------------------------------------------------------------------ the turn

    def turn(self, at: Snapshot, touched: Iterable[bytes], busy: set[bytes]) -> Watched:
        """Looks at everybody at the block of `at`. `touched` are the accounts that something
        happened to, `busy` the policies whose move is under way."""
        self._load()
        found = Watched()
        if not self.policies:
            return found
        for account in touched:
            self._known.pop(account, None)
        prices = self.looker.oracle(self.markets, at.block)
        near = self.near(prices)
        found.read = self._read(self._due(near, at.block), at.block)
        accounts = {entry.account for entry in self.policies.values()}
        self.unread = len(accounts - self._known.keys())
        # As they are now: those that were read are worth a look.
        fresh = {a for a, known in self._known.items() if known.block == at.block.number}
        self._decide(fresh, prices, at, busy, found)
        self.alerts = sum(bool(entry.reason) for entry in self.policies.values())
        return found

    def near(self, prices: Mapping[str, int | None]) -> list[bytes]:
        """Accounts with a pocket near a bound at these prices, the weakest first."""
        accounts, rows, bounds = self._watched()
        if not accounts:
            return []
        now = self._scan.health(prices)[rows]
        trigger, excess = bounds[:, 0], bounds[:, 1]
        with np.errstate(invalid="ignore"):
            due = (now < trigger * NEAR) | ((excess > 0) & (now > excess / NEAR) & np.isfinite(now))
            order = np.argsort(np.where(due, now / trigger, np.inf), kind="stable")
        return list(dict.fromkeys(accounts[i] for i in order[: int(due.sum())]))

    def forget(self) -> None:
        """Reads everybody anew: what happened meanwhile was not followed here, or was unwound."""
        self._known.clear()

    # ------------------------------------------------------------------ reading

    def _load(self) -> None:
        """Learns what policies work now."""
        with self.database.read() as connection:
            now = standing.version(connection)
            if now == self._version:
                return
            keys, new = standing.working(connection, self.policies)
            again = standing.by_key(connection, sorted(keys & self.policies.keys()))
        before = self.policies
        self.policies = {key: again[key] for key in self.policies if key in again}
        self.policies.update((entry.key, entry) for entry in new)
        accounts = {entry.account for entry in self.policies.values()}
        for gone in {entry.account for entry in before.values()} - accounts:
            self._forget(gone)
        self._version, self._bounds, self._next = now, None, []

    def _due(self, near: Sequence[bytes], block: Block) -> list[bytes]:
        """Whom to read, the most urgent first; nobody twice at one block."""
        if not self._next:
            self._next = list({entry.account: None for entry in self.policies.values()})
        turn = [self._next.pop() for _ in range(min(IN_TURN, len(self._next)))]
        unread = [
            entry.account for entry in self.policies.values() if entry.account not in self._known
        ]
        return [
            account
            for account in dict.fromkeys([*near, *turn, *unread])
            if account not in self._known or self._known[account].block != block.number
        ]

    def _read(self, due: Sequence[bytes], block: Block) -> int:
        """Reads accounts for as long as a turn may take; how many."""
        until = time.monotonic() + READ_SECONDS
        done = 0
        for first in range(0, len(due), AT_ONCE):
            if done and time.monotonic() > until:
                break
            part = due[first : first + AT_ONCE]
            for account, view in self.looker.accounts(part, block).items():
                self.learn(account, view, block.number)
            done += len(part)
        return done

    def learn(self, account: bytes, view: AccountView, block: int) -> None:
        """Notes an account as it was read at `block`."""
        self._known[account] = _Known(view, block)
        for seat in view.seats.values():
            for market in self._markets_of(seat.isolated):
                place = account, seat.venue, market
                try:
                    new = place not in self._scan
                    self._scan.put(place, basis(seat, market or self.markets[0], self.markets))
                    if new:
                        self._bounds = None
                except Unknown:
                    if place in self._scan:
                        self._scan.drop(place)
                        self._bounds = None

    def _markets_of(self, isolated: bool) -> list[str]:
        """A seat's pockets: one for each market, or one of no name."""
        return self.markets if isolated else [""]

    def _forget(self, account: bytes) -> None:
        self._known.pop(account, None)
        for venue in self._names.values():
            for market in ("", *self.markets):
                self._scan.drop((account, venue, market))

    def _watched(self) -> tuple[list[bytes], NDArray[np.int64], NDArray[np.float64]]:
        if self._bounds is None:
            accounts, rows, bounds = [], [], []
            for entry in self.policies.values():
                policy = entry.policy
                for pocket in policy.pockets:
                    venue = self._names.get(pocket.venue, "")
                    row = self._scan.row((entry.account, venue, pocket.market))
                    if row is None:  # Its venue's markets share their margin.
                        row = self._scan.row((entry.account, venue, ""))
                    if row is not None:
                        accounts.append(entry.account)
                        rows.append(row)
                        bounds.append((policy.trigger / ONE, policy.excess / ONE))
            self._bounds = (
                accounts,
                np.array(rows, dtype=np.int64),
                np.array(bounds, dtype=np.float64).reshape(-1, 2),
            )
        return self._bounds

    # ------------------------------------------------------------------ deciding

    def _decide(
        self,
        fresh: set[bytes],
        prices: Mapping[str, int | None],
        at: Snapshot,
        busy: set[bytes],
        found: Watched,
    ) -> None:
        looked = [entry for entry in self.policies.values() if entry.account in fresh]
        over = [e for e in self.policies.values() if e.policy.deadline < at.timestamp]
        for entry in over:
            found.over[entry.key] = Standing.EXPIRED, "its deadline has passed"
        looked = [entry for entry in looked if entry.key not in found.over]
        uses = self._uses(looked, at.block)
        taken: set[bytes] = set()
        for entry in looked:
            known, use = self._known[entry.account], uses[entry.key]
            if why := _ended(entry, known.view, use):
                found.over[entry.key] = Standing.CANCELLED, why
                continue
            pockets = self._pockets(entry.policy, known.view, prices)
            decision = decide(entry.policy, pockets, known.view.idle, use, at.timestamp)
            move = decision.move
            refused = ""
            # One move of an account at a time: the next stands on what it leaves.
            if move is not None and entry.key not in busy and entry.account not in taken:
                made = self._made(entry, move, at)
                if isinstance(made, Wanted):
                    found.moves.append(made)
                    taken.add(entry.account)
                else:
                    refused = made
            told = self._told(entry.policy, decision, refused)
            if told[0] != entry.reason:
                found.told[entry.key] = told
                self.policies[entry.key] = replace(entry, reason=told[0])

    def _pockets(
        self, policy: Policy, view: AccountView, prices: Mapping[str, int | None]
    ) -> list[Read]:
        found = []
        for pocket in policy.pockets:
            seat = view.seats.get(self._names.get(pocket.venue, ""))
            if seat is None:
                found.append(Read(why=f"there is no venue {pocket.venue}"))
                continue
            if not seat.made:  # Nothing is held there, and nothing can come from there.
                found.append(Read(Health(0, 0, NO_NEED), busy=True))
                continue
            try:
                seen = basis(seat, pocket.market, self.markets)
                busy = pocket.market in seat.pending if seat.isolated else bool(seat.pending)
                found.append(Read(health(seen, prices), seen.free, seat.postable, busy=busy))
            except Unknown as no:
                found.append(Read(why=str(no)))
        return found

    def _uses(self, entries: Sequence[standing.Entry], block: Block) -> dict[bytes, Use]:
        """What the chain has of each policy's nonce."""
        head = selector("used(bytes32,uint256)")
        place = self.ringside.policies.address
        reads = [
            (place, head + entry.account + entry.policy.nonce.to_bytes(32, "big"))
            for entry in entries
        ]
        answers = self.looker.ask(reads, block)
        return {
            entry.key: Use(*decode(USE, answer))
            for entry, answer in zip(entries, answers, strict=True)
        }

    def _made(self, entry: standing.Entry, move: Move, at: Snapshot) -> Wanted | str:
        """The transaction of a move, with its tip or else without; or why there is none."""
        why = ""
        for tip in dict.fromkeys((move.tip, 0)):
            wanted = self._wanted(entry, move._replace(tip=tip), at)
            try:
                attempt(self.ringside.w3, wanted.call, VENUE_ERRORS)
            except Refused as refused:
                why = f"the chain would refuse it: {refused}"
                continue
            # What a move takes depends on the venues it touches: from one to six million.
            call: Any = {**wanted.call, "gas": MOST_GAS}
            try:
                gas = int(self.ringside.w3.eth.estimate_gas(call))
            except Web3Exception as no:  # What could be tried need not have a gas of its own.
                why = f"its gas cannot be told: {str(no)[:200]}"
                continue
            short = self.costs.short(self.costs.priced(gas), tip)
            return short or replace(wanted, gas=gas * 3 // 2)
        return why

    def _wanted(self, entry: standing.Entry, move: Move, at: Snapshot) -> Wanted:
        return Wanted(
            *(self.lane(entry.account), "move", (entry.key,), self.ringside.policies.address),
            calldata("Policies", "move", entry.policy.tuple, entry.signature, tuple(move)),
            MOST_GAS,
            until=min(entry.policy.deadline, at.timestamp + LATE),
            earns=move.tip,
        )

    def _told(self, policy: Policy, found: Decision, refused: str) -> tuple[str, int | None]:
        """What the owner has to know, and the health it is about: nothing where all is well or
        being mended."""
        for need in found.needs:
            why = need.why or (refused if found.move is not None else "")
            if why:
                return f"{self._place(policy, need)}: {why}", need.health
        return "", None

    def _place(self, policy: Policy, need: Need) -> str:
        pocket = policy.pockets[need.place]
        return f"{self._names.get(pocket.venue, pocket.venue)} {pocket.market}"


def _ended(entry: standing.Entry, view: AccountView, use: Use) -> str:
    """Why the chain takes the policy no more, if it does not."""
    if use.cancelled:
        return "its owner cancelled its nonce on the chain"
    if use.digest not in (bytes(32), entry.key):
        return f"policy 0x{use.digest.hex()} was used under its nonce first"
    if view.epoch > entry.policy.epoch:
        return "its owner raised the account's epoch"
    return ""
