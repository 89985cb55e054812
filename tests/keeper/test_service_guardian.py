"""The guardian: margin moved under a standing policy by the running service, and alerts where none
can be."""

from __future__ import annotations

import time
from decimal import Decimal
from typing import Any

import pytest
from house import House
from story import FOREVER, Story
from web3.exceptions import ContractLogicError

from devnet import market
from ringside.accounts import Right
from ringside.keeper.health import basis, health
from ringside.policies import Domain, Pocket, Policy, sign
from ringside.store import book, standing
from ringside.store.book import State
from ringside.store.standing import Standing
from ringside.units import ONE, USDC

LEG = 5 * ONE
FELL = Decimal(1_800)
"""A price at which the long at Perp is below the plain policy's trigger, and the short is not."""


@pytest.fixture
def house(story: Story, tmp_path: Any) -> Any:
    """Long five ETH at Perp on 2,000 USDC, short five at Rage on 4,000; `Policies` may move and
    pay."""
    place = story.ringside.policies.address
    rights = int(Right.MOVE | Right.PAY)
    story.own("setOperator", story.account, (place, rights, FOREVER, 2**64 - 1, 2**128 - 1))
    story.trade("perp-v2", "ETH-USD", LEG, 2_000 * USDC)
    story.trade("rage", "ETH-USD", -LEG, 4_000 * USDC)
    made = House(story, tmp_path)
    yield made
    made.engine.lanes.close()
    made.database.close()


def policy_of(story: Story, **changes: Any) -> Policy:
    ids = story.ringside.venue_ids
    plain: dict[str, Any] = {
        "account": story.account,
        "pockets": tuple(Pocket(ids[name], "ETH-USD") for name in ("perp-v2", "rage")),
        "trigger": 2 * ONE,
        "target": 5 * ONE // 2,
        "tolerance": ONE // 10,
        "floor": 3 * ONE,
        "max_per_day": 5_000 * USDC,
        "tip": 2 * USDC,
        "max_tip_per_day": 4 * USDC,
        "deadline": FOREVER,
        "nonce": 1,
    }
    return Policy(**{**plain, **changes})


def hand_in(house: House, policy: Policy) -> bytes:
    story = house.story
    domain = Domain(story.w3.eth.chain_id, story.ringside.policies.address)
    key = policy.digest(domain)
    with house.database.write() as connection:
        signature = sign(policy, domain, story.key)
        assert standing.accept(connection, key, policy, signature, time.time())[0]
    return key


def fall(story: Story, price: Decimal = FELL) -> None:
    story.move("ETH-USD", price)
    market.settle(story.w3, story.ringside.addresses)


def entry(house: House, key: bytes) -> standing.Entry:
    with house.database.read() as connection:
        return standing.by_key(connection, [key])[key]


def moves(story: Story) -> list[Any]:
    events = story.ringside.policies.events.Moved()
    return [e["args"] for e in events.get_logs(from_block=story.first_block)]


def alerts(house: House) -> list[str]:
    with house.database.read() as connection:
        found = book.happened(connection, 0, limit=10_000)
    return [event.body["reason"] for event in found if event.kind == "alert"]


def idle_is(story: Story, amount: int) -> None:
    """The owner leaves that much in the vault."""
    idle = story.vault.functions.idle(story.account).call()
    story.own("withdraw", story.account, idle - amount, story.client)


def test_a_pocket_below_the_trigger_is_helped_out_of_idle_for_a_tip(house, story):
    key = hand_in(house, policy_of(story))
    house.turn()
    assert moves(story) == []
    fall(story)
    house.turn(2)
    (moved,) = moves(story)
    assert moved["digest"] == key
    assert moved["before"] < 2 * ONE
    assert abs(moved["afterwards"] - 5 * ONE // 2) <= ONE // 10
    assert moved["tip"] == 2 * USDC
    house.turn(3)
    assert len(moves(story)) == 1
    assert alerts(house) == []


def test_where_idle_is_empty_the_stronger_pocket_gives(house, story):
    hand_in(house, policy_of(story, tip=0, max_tip_per_day=0))
    idle_is(story, 0)
    fall(story)
    house.turn(2)
    (moved,) = moves(story)
    assert (moved["from"], moved["to"]) == (1, 0)
    assert moved["afterwards"] > 2 * ONE


def test_where_nobody_can_give_the_owner_is_told_once_and_that_it_is_over(house, story):
    policy = policy_of(story, pockets=policy_of(story).pockets[:1])
    key = hand_in(house, policy)
    idle_is(story, 0)
    fall(story)
    house.turn()
    house.mine()
    house.turn()
    (told,) = alerts(house)
    assert told.startswith("perp-v2 ETH-USD: idle has 0 USDC")
    assert "deposit" in told
    assert entry(house, key).reason == told
    story.own("deposit", story.account, 2_000 * USDC)
    house.turn(3)
    assert len(moves(story)) == 1
    assert alerts(house) == [told, ""]


def test_what_the_day_allows_is_not_exceeded_and_the_owner_is_told(house, story):
    hand_in(house, policy_of(story, max_per_day=100 * USDC))
    fall(story)
    house.turn(2)
    (moved,) = moves(story)
    assert moved["amount"] == 100 * USDC
    house.mine()
    house.turn()
    assert alerts(house) == ["perp-v2 ETH-USD: the day's amount of its policy is used up"]


def test_a_pocket_with_an_excess_gives_back_to_idle(house, story):
    story.post("perp-v2", 20_000 * USDC)
    hand_in(house, policy_of(story, excess=8 * ONE))
    before = story.vault.functions.idle(story.account).call()
    house.turn(2)
    (moved,) = moves(story)
    assert moved["from"] == 0
    assert moved["to"] == 2**256 - 1
    assert story.vault.functions.idle(story.account).call() > before


def test_a_policy_ends_with_its_nonce_its_epoch_or_its_time(house, story):
    nonce = hand_in(house, policy_of(story, nonce=1))
    late = hand_in(house, policy_of(story, nonce=2, deadline=story.chain.block()["timestamp"] + 50))
    epoch = hand_in(house, policy_of(story, nonce=3))
    house.turn()
    story.chain.send(story.ringside.policies, "cancel", story.account, 1, role=3)
    house.turn()
    assert entry(house, nonce).state is Standing.CANCELLED
    assert "cancelled its nonce" in entry(house, nonce).reason
    story.chain.advance(60)
    house.turn()
    assert entry(house, late).state is Standing.EXPIRED
    story.chain.send(story.desk, "raiseEpoch", story.account, 1, role=3)
    house.turn()
    assert entry(house, epoch).state is Standing.CANCELLED
    assert "epoch" in entry(house, epoch).reason


def test_a_move_that_costs_more_gas_than_its_tip_pays_is_left_and_the_owner_told(house, story):
    house.engine.costs.loss = 0
    hand_in(house, policy_of(story, tip=0, max_tip_per_day=0))
    fall(story)
    house.turn(2)
    assert moves(story) == []
    (told,) = alerts(house)
    assert "its gas costs" in told


def test_a_stale_price_stops_moves_and_the_owner_is_told(house, story):
    hand_in(house, policy_of(story))
    story.chain.advance(10 * 86_400)
    house.turn()
    assert alerts(house) == ["perp-v2 ETH-USD: the oracle's price of ETH-USD is stale"]


def test_a_keeper_that_restarts_goes_on_watching(house, story):
    hand_in(house, policy_of(story))
    house.turn()
    house.restart()
    fall(story)
    house.turn(2)
    assert len(moves(story)) == 1


@pytest.mark.parametrize("step", [Decimal(1_700), Decimal(1_800), Decimal(2_300)])
def test_health_is_reckoned_as_the_contract_does_and_the_scan_is_near(house, story, step):
    hand_in(house, policy_of(story))
    house.turn()
    guardian = house.engine.guardian
    fall(story, step)
    names = list(story.ringside.addresses["feeds"])
    block = house.engine.looker.snapshot("ETH-USD").block
    prices = house.engine.looker.oracle(names, block)
    view = story.ringside.account(story.account, names)
    for venue in ("perp-v2", "rage"):
        pocket = Pocket(story.ringside.venue_ids[venue], "ETH-USD").tuple
        told = story.ringside.policies.functions.health(story.account, pocket).call(
            block_identifier=block.number
        )
        assert tuple(health(basis(view.seats[venue], "ETH-USD", names), prices)) == tuple(told)
        row = guardian._scan.row((story.account, venue, ""))
        # What was read before the price moved, carried on: but for fees and funding meanwhile.
        assert guardian._scan.health(prices)[row] == pytest.approx(told[2] / ONE, rel=0.02)


def test_a_policy_whose_gas_cannot_be_told_holds_up_no_fill(
    house: House, story: Story, monkeypatch: pytest.MonkeyPatch
) -> None:
    policy = hand_in(house, policy_of(story))
    house.turn()
    fall(story)
    key = house.accept(story.order("BTC-USD", ONE // 10))

    def refuses(*_args: Any, **_named: Any) -> None:
        raise ContractLogicError("execution reverted")

    monkeypatch.setattr(type(story.w3.eth), "estimate_gas", refuses)
    house.turn(2)
    assert house.entry(key).state is State.FILLED
    assert "its gas cannot be told" in entry(house, policy).reason
