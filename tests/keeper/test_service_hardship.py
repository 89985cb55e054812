"""Hard times for `ringside keeper` as a process: its node gone, the chain rewritten, a rival, a
venue that takes nothing, its database lost. Every order that was accepted is filled once."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bench.keeper_figures import Bench
from bench.keeper_process import Process
from bench.keeper_proxy import wire
from bench.keeper_site import Owner, Site
from devnet import anvil, state
from devnet.anvil import rpc
from ringside.orders import Order
from ringside.units import ONE

SIZE = ONE
PATIENCE = 60.0
"""Seconds that anything may take on a busy machine."""
GONE = 4.0
"""Seconds without a node; in `make soak` it is a minute."""
NOTHING_BUT_REVERTS = "0x60006000fd"


@pytest.fixture
def at(tmp_path: Path) -> Iterator[Bench]:
    """A chain of its own, since processes outlive what is rolled back; each transaction is a
    block."""
    with anvil.running(state.free_port()) as w3:
        yield Bench(Site(w3, owners=8), tmp_path)


@pytest.fixture
def keeper(at: Bench) -> Iterator[Process]:
    with at.running() as made:
        yield made


def post(keeper: Process, site: Site, owner: Owner, order: Order) -> int:
    """The answer's status."""
    return keeper.http.post("/v1/orders", json=site.body(order, owner.key)).status_code


def until(what: Callable[[], bool]) -> bool:
    """Whether it became so."""
    end = time.monotonic() + PATIENCE
    while not what():
        if time.monotonic() > end:
            return False
        time.sleep(0.05)
    return True


def sizes(site: Site, order: Order) -> list[int]:
    """Of its fills, by the chain."""
    return [size for _, size in site.filled().get(order.digest(site.domain), [])]


def noted(keeper: Process, order: Order, site: Site) -> str:
    """Its state by the keeper: handing it in again tells."""
    owner = next(one for one in site.owners if one.account == order.account)
    answer = keeper.http.post("/v1/orders", json=site.body(order, owner.key))
    return str(answer.json().get("state", answer.text))


def test_orders_taken_while_the_node_is_gone_are_filled_once_it_is_back(at):
    site, (owner, *_) = at.site, at.site.owners
    with wire(at.node) as line, at.running(rpc=[line.url]) as keeper:
        first, *others = [site.order(owner, "ETH-USD", SIZE) for _ in range(3)]
        assert post(keeper, site, owner, first) == 201
        assert until(lambda: noted(keeper, first, site) == "filled")
        head = site.w3.eth.block_number
        assert until(lambda: keeper.http.get("/v1/venues").json()["block"] == head)
        # What is known of the account is now of the newest block, which stays so: nothing is asked.
        resting = site.order(owner, "ETH-USD", SIZE, limit_price=site.prices["ETH-USD"] * 9 // 10)
        assert post(keeper, site, owner, resting) == 201
        line.cut()
        gone_at = time.monotonic()
        assert until(lambda: keeper.http.get("/ready").status_code == 503)
        assert [post(keeper, site, owner, one) for one in others] == [201, 201]
        time.sleep(max(0.0, gone_at + GONE - time.monotonic()))
        line.mend()
        assert until(lambda: all(sizes(site, one) == [SIZE] for one in others))
        assert until(lambda: keeper.http.get("/ready").status_code == 200)


def test_a_fill_that_five_blocks_were_built_on_is_unwound_and_filled_again_once(at, keeper):
    site, (owner, *_) = at.site, at.site.owners
    order = site.order(owner, "ETH-USD", SIZE)
    mark = rpc(site.w3, "evm_snapshot")
    assert post(keeper, site, owner, order) == 201
    assert until(lambda: noted(keeper, order, site) == "filled")
    first = site.filled()[order.digest(site.domain)]
    rpc(site.w3, "anvil_mine", hex(4), hex(2))
    seen = site.w3.eth.block_number
    assert until(lambda: keeper.http.get("/v1/venues").json()["block"] == seen)
    rpc(site.w3, "evm_revert", mark)
    assert sizes(site, order) == []
    rpc(site.w3, "anvil_mine", hex(6), hex(3))
    assert until(lambda: sizes(site, order) == [SIZE])
    assert site.filled()[order.digest(site.domain)] != first
    assert until(lambda: noted(keeper, order, site) == "filled")
    assert "reorganised" in keeper.log


def test_two_keepers_that_know_nothing_of_each_other_fill_an_order_once(at):
    site = at.site
    one = at.keeper("one", lanes=site.lanes[:4])
    other = at.keeper("other", lanes=site.lanes[4:])
    orders = [site.order(owner, "ETH-USD", SIZE) for owner in site.owners]
    try:
        for keeper in (one, other):
            keeper.start("/ready")
        for owner, order in zip(site.owners, orders, strict=True):
            for keeper in (one, other):
                assert post(keeper, site, owner, order) in (200, 201, 422)
        for keeper in (one, other):
            for order in orders:
                assert until(lambda k=keeper, o=order: noted(k, o, site) == "filled")
        assert [sizes(site, order) for order in orders] == [[SIZE]] * len(orders)
    finally:
        one.close()
        other.close()


def test_a_venue_that_always_reverts_is_left_out_and_the_others_fill(at, keeper):
    site = at.site
    rpc(site.w3, "anvil_setCode", site.addresses["ringside"]["seats"]["rage"], NOTHING_BUT_REVERTS)
    orders = [site.order(owner, "ETH-USD", SIZE) for owner in site.owners]
    for owner, order in zip(site.owners, orders, strict=True):
        assert post(keeper, site, owner, order) == 201

    def filled() -> bool:
        rpc(site.w3, "anvil_mine", hex(1), hex(2))  # What was refused is looked at with a new one.
        return all(sizes(site, order) == [SIZE] for order in orders)

    assert until(filled)
    venues = keeper.http.get("/v1/venues").json()["venues"]
    assert {one["venue"] for one in venues if one["quarantined"]} == {"rage"}


def test_a_database_that_is_lost_in_the_middle_costs_nothing_but_handing_in_again(at, keeper):
    site = at.site
    orders = [site.order(owner, "ETH-USD", SIZE) for owner in site.owners]
    for owner, order in zip(site.owners, orders, strict=True):
        assert post(keeper, site, owner, order) == 201
    assert until(lambda: bool(site.filled()))
    keeper.end(signal.SIGKILL)
    for file in keeper.folder.glob("keeper.db*"):
        file.unlink()
    keeper.start("/ready")
    assert until(lambda: all(noted(keeper, order, site) == "filled" for order in orders))
    assert [sizes(site, order) for order in orders] == [[SIZE]] * len(orders)
