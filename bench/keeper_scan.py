"""The guardian's look at the margin of ten thousand accounts: seconds and requests to the node, of
one block.

`REAL` accounts hold positions at two venues and margin at the third; ten thousand policies are
about them, many each under names of their own, since to open thirty thousand positions takes a
local chain a quarter of an hour. What is asked of the node is asked of it, and as often.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from random import Random
from statistics import median
from typing import Any

from sqlalchemy import insert

from bench.keeper_site import FOREVER, Site
from devnet import anvil, market, state
from devnet.anvil import rpc
from ringside import wire
from ringside.chain.multicall import Block
from ringside.chain.views import AccountView
from ringside.keeper.health import basis, health
from ringside.keeper.look import Looker
from ringside.orders import market_id
from ringside.policies import Domain, Pocket, Policy
from ringside.service.costs import Costs
from ringside.service.guardian import AT_ONCE, Guardian
from ringside.store.database import Database
from ringside.store.schema import hexed, policies
from ringside.store.standing import Standing
from ringside.units import ONE, USDC
from ringside.venues import load, snapshot

ACCOUNTS = 10_000
REAL = 64
NEAR = 50
"""Accounts so near their bound that they are read every block."""
READ = 640
"""Accounts whose first reading is timed."""
BLOCKS = 10
MARKET = "ETH-USD"
VENUES = ("perp-v2", "rage", "synthetix")
MARGIN = 1_000 * USDC
SEED = 5


class Many(Looker):
    """Reads real accounts under many names: the name of an account is the end of its id."""

    def __init__(self, site: Site) -> None:
        super().__init__(site.ringside)
        self.real = [owner.account for owner in site.owners]

    def accounts(self, accounts: Sequence[bytes], block: Block) -> dict[bytes, AccountView]:
        place = {name: self.real[int.from_bytes(name[20:], "big") % REAL] for name in accounts}
        found = super().accounts(list(place.values()), block)
        return {name: found[real] for name, real in place.items()}


def scan(folder: Path) -> dict[str, float]:
    """A block's look at everybody, all of whom were read before; and how long that takes at first,
    reckoned from the first few."""
    with anvil.running(state.free_port()) as w3:
        site = Site(w3, REAL)
        _open(site)
        looker = Many(site)
        names = [one + n.to_bytes(12, "big") for n, one in _names(site)]
        database = Database(f"sqlite:///{folder}/scan.db")
        database.migrate()
        first = looker.accounts(names[:REAL], _block(site))
        _hand_in(site, database, names, _weakest(looker, first, site))
        guardian = Guardian(database, looker, Costs(), lambda _: site.lanes[0].hex())
        markets = load(w3, site.addresses, site.ringside.venue_ids)
        seen = snapshot(w3, markets, _block(site))
        block, begun = _block(site), time.perf_counter()
        for at in range(0, READ, AT_ONCE):
            looker.accounts(names[at : at + AT_ONCE], block)
        cold = (time.perf_counter() - begun) * ACCOUNTS / READ
        for n, account in enumerate(names):
            guardian.learn(account, first[names[n % REAL]], block.number)
        took, asked = [], _Asked(w3)
        for _ in range(BLOCKS):
            rpc(w3, "anvil_mine", hex(1), hex(2))
            seen = snapshot(w3, markets, _block(site))
            asked.count, begun = 0, time.perf_counter()
            found = guardian.turn(seen, (), set())
            took.append(time.perf_counter() - begun)
            assert found.read > AT_ONCE
            assert not found.moves
            assert not found.told
        database.close()
    return {
        "scan_seconds": median(took),
        "scan_calls": asked.count,
        "scan_first_seconds": cold,
    }


class _Asked:
    """Counts the requests of a Web3, a batch as one."""

    def __init__(self, w3: Any) -> None:
        self.count = 0
        for name in ("make_request", "make_batch_request"):
            setattr(w3.provider, name, self._counted(getattr(w3.provider, name)))

    def _counted(self, ask: Any) -> Any:
        def counted(*arguments: Any) -> Any:
            self.count += 1
            return ask(*arguments)

        return counted


def _block(site: Site) -> Block:
    head = site.chain.block()
    return Block(head["number"], "0x" + bytes(head["hash"]).hex(), head["timestamp"])


def _names(site: Site) -> list[tuple[int, bytes]]:
    return [(n, site.owners[n % REAL].account[:20]) for n in range(ACCOUNTS)]


def _open(site: Site) -> None:
    """Positions of random sizes at two venues, margin at the third."""
    rng, ids, name = Random(SEED), site.ringside.venue_ids, market_id(MARKET)
    for owner in site.owners:
        for venue, sign in ((VENUES[0], 1), (VENUES[1], -1)):
            size = sign * ONE * rng.randint(50, 100) // 100
            limit = 2**256 - 1 if sign > 0 else 0
            paid = (MARGIN, 0, owner.address, 0, owner.address, False)
            terms = (owner.account, ids[venue], name, size, limit, *paid)
            site.as_owner(owner, site.ringside.vault, "trade", terms)
        post = (owner.account, ids[VENUES[2]], name, MARGIN, ONE)
        site.as_owner(owner, site.ringside.vault, "post", *post)
    market.settle(site.w3, site.addresses)


def _weakest(looker: Many, views: dict[bytes, AccountView], site: Site) -> list[int]:
    """By real account its weakest pocket's health, 1e18."""
    prices = looker.oracle([MARKET], _block(site))
    listed = list(site.addresses["feeds"])
    found = []
    for view in views.values():
        assert all(view.seats[venue].made for venue in VENUES), "an account lacks a seat"
        pockets = [basis(view.seats[venue], MARKET, listed) for venue in VENUES]
        found.append(min(health(pocket, prices).health for pocket in pockets))
    return found


def _hand_in(site: Site, database: Database, names: list[bytes], weakest: list[int]) -> None:
    """A policy of each, a few of them near their trigger."""
    ids, now = site.ringside.venue_ids, time.time()
    domain = Domain(site.w3.eth.chain_id, site.ringside.policies.address)
    rows = []
    for n, account in enumerate(names):
        trigger = weakest[n % REAL] * 100 // 102 if n % (ACCOUNTS // NEAR) == 0 else ONE
        policy = Policy(
            account=account,
            pockets=tuple(Pocket(ids[venue], MARKET) for venue in VENUES),
            trigger=trigger,
            target=trigger * 2,
            tolerance=ONE // 10,
            floor=trigger * 2,
            max_per_day=MARGIN,
            deadline=FOREVER,
            nonce=1,
        )
        rows.append(
            {
                "key": hexed(policy.digest(domain)),
                "account": hexed(account),
                "message": wire.message(policy),
                "signature": bytes(65),
                "nonce": 1,
                "deadline": FOREVER,
                "state": Standing.WORKING.value,
                "reason": "",
                "received_at": now,
                "changed_at": now,
            }
        )
    with database.write() as connection:
        connection.execute(insert(policies), rows)
