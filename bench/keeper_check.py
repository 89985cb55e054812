"""How orders ended, by a keeper's database; and whether that is what the chain says."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from eth_account import Account
from sqlalchemy import select

from bench.keeper_site import Site
from ringside.orders import Bundle, Order
from ringside.store import ledger, outbox
from ringside.store.book import State
from ringside.store.database import Database
from ringside.store.schema import fills, orders, tickets, transactions, unhexed


@dataclass(frozen=True)
class Ends:
    """The orders' states: how many ended in which, which are open and why, by digest; how many
    transactions and tickets are under way; how many fills there were."""

    states: Mapping[bytes, tuple[State, str, int]]
    under_way: int
    tickets: int
    fills: int

    @property
    def open(self) -> list[bytes]:
        return [key for key, (state, _, _) in self.states.items() if not state.is_end]

    @property
    def reasons(self) -> Counter[str]:
        return Counter(f"{self.states[key][0].value}: {self.states[key][1]}" for key in self.open)

    @property
    def counts(self) -> dict[str, int]:
        return dict(Counter(state.value for state, _, _ in self.states.values()))

    def require_as_on_chain(
        self, site: Site, database: Database, known: Mapping[bytes, Order | Bundle]
    ) -> None:
        """Holds orders, fills and tickets against the chain's events and nonces.

        Raises:
            AssertionError: something is not as there, or an order is missing, or filled twice.
        """
        assert set(known) <= set(self.states), "an order that was accepted is not in the database"
        told = _told(site)
        mine = _noted(database)
        assert mine == told, f"noted {mine.keys() ^ told.keys()} otherwise than the chain tells it"
        assert len(told) == len(set(told)), "the chain tells of something twice"
        desk = site.ringside.desk.functions
        for digest, (state, why, filled) in self.states.items():
            request = known.get(digest)
            if request is None:
                continue
            done = _done(site, request, digest, told)
            whole = len(request.steps) if isinstance(request, Bundle) else abs(request.size)
            what = f"{digest.hex()} is {state.value} ({why}), {filled} of {whole} filled"
            assert filled == done <= whole, f"{what}; by the chain {done}"
            assert (state is State.FILLED) == (done == whole), what
            assert (state is State.PARTLY_FILLED) == (0 < done < whole), what
            if state is State.CANCELLED:
                spent = desk.isSpent(request.account, request.nonce).call()
                assert spent, f"{what}; its nonce is not spent"
        sent = _sent(database)
        for key in site.lanes:
            lane = Account.from_key(key).address
            mined = site.w3.eth.get_transaction_count(lane)
            assert sent[lane] == list(range(mined)), f"{lane} sent what the outbox does not have"


def ends(database: Database) -> Ends:
    """How everything stands."""
    with database.read() as connection:
        rows = connection.execute(
            select(orders.c.key, orders.c.state, orders.c.reason, orders.c.filled)
        )
        states = {unhexed(r.key): (State(r.state), r.reason, r.filled) for r in rows}
        under_way = len(outbox.under_way(connection))
        open_ = len(ledger.pending(connection))
        stand = connection.execute(select(fills.c.tx).where(fills.c.unwound.is_(False)))
        return Ends(states, under_way, open_, len(stand.all()))


_Noted = dict[tuple[str, bytes, Any], int]
"""What was filled (|1e18|, signed), by kind, key and the place on the chain."""


def _told(site: Site) -> _Noted:
    """By the chain."""
    desk, found = site.ringside.desk.events, {}
    for log in desk.Filled().get_logs(from_block=site.since):
        place = bytes(log["transactionHash"]), log["logIndex"]
        found["fill", bytes(log["args"]["key"]), place] = log["args"]["size"]
    for log in desk.Settled().get_logs(from_block=site.since):
        args = log["args"]
        place = bytes(args["account"]), args["venue"], args["number"]
        found["ticket", bytes(args["key"]), place] = abs(args["filled"])
    return found


def _noted(database: Database) -> _Noted:
    """By the database."""
    found: _Noted = {}
    with database.read() as connection:
        for row in connection.execute(select(fills).where(fills.c.unwound.is_(False))):
            found["fill", unhexed(row.key), (unhexed(row.tx), row.log)] = row.size
        for row in connection.execute(select(tickets)):
            place = unhexed(row.account), row.venue_id, row.number
            found["ticket", unhexed(row.key), place] = abs(row.filled or 0)
    return found


def _sent(database: Database) -> dict[str, list[int]]:
    """The nonces that each lane has used, in order."""
    found: dict[str, list[int]] = defaultdict(list)
    used = select(transactions.c.lane, transactions.c.nonce).where(
        transactions.c.nonce.is_not(None)
    )
    with database.read() as connection:
        for lane, nonce in connection.execute(used.order_by(transactions.c.nonce)):
            found[lane].append(nonce)
    return found


def _done(site: Site, request: Order | Bundle, digest: bytes, told: _Noted) -> int:
    """What of an order the chain says is filled, |1e18|; of a bundle, the steps done."""
    sums: Counter[bytes] = Counter()
    for (_, key, _), size in told.items():
        sums[key] += abs(size)
    if not isinstance(request, Bundle):
        return sums[digest]
    keys = [request.step_key(site.domain, i) for i in range(len(request.steps))]
    return sum(sums[k] >= abs(s.size) for k, s in zip(keys, request.steps, strict=True))
