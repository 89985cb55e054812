"""Every check that the stories are held against finds what it is for: the state is spoilt behind
Ringside's back, as no call could."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from arena import PERP, SYNTHETIX, Arena
from eth_abi.abi import encode
from eth_utils.crypto import keccak
from machine import Story
from wrongs import loose

from devnet.anvil import rpc
from ringside.orders import market_id
from ringside.units import ONE, USDC


@pytest.fixture
def story(arena: Arena) -> Story:
    """The neighbour has bought something, and nothing is wrong."""
    made: Any = type("Told", (Story,), {"arena": arena})()
    made.trade_directly("neighbour", PERP, "ETH-USD", 1, 2_000, 50)
    made.after_every_step()
    return made


def spoil(arena: Arena, place: str, key: Any, slot: int, change: Callable[[int], int]) -> None:
    """A value in a mapping of a contract's storage."""
    where = "0x" + keccak(encode(["bytes32", "uint256"], [key, slot])).hex()
    old = int.from_bytes(bytes(arena.w3.eth.get_storage_at(place, int(where, 16))), "big")  # type: ignore[arg-type]
    rpc(arena.w3, "anvil_setStorageAt", place, where, f"0x{change(old):064x}")
    arena.moved()


def slot_of_idle(arena: Arena) -> int:
    """Where the vault keeps balances: the slot that an account's idle is in."""
    holder = arena.holders["client"]
    for slot in range(10):
        where = keccak(encode(["bytes32", "uint256"], [holder.account, slot]))
        found = bytes(arena.w3.eth.get_storage_at(arena.vault, int.from_bytes(where, "big")))  # type: ignore[arg-type]
        if int.from_bytes(found, "big") & (2**96 - 1) == arena.footprint()["client"]["idle"]:
            return slot
    raise AssertionError("the vault keeps its balances elsewhere")


def slot_of_posted(arena: Arena) -> int:
    """Where the vault keeps what is posted at a venue in all."""
    there = arena.footprint()["vault"][f"{PERP} posted"]
    for slot in range(20):
        where = keccak(encode(["uint256", "uint256"], [arena.venues[PERP], slot]))
        found = bytes(arena.w3.eth.get_storage_at(arena.vault, int.from_bytes(where, "big")))  # type: ignore[arg-type]
        if there and int.from_bytes(found, "big") == there:
            return slot
    raise AssertionError("the vault keeps what is posted elsewhere")


def test_a_vault_that_has_less_than_it_owes_is_found(story: Story, arena: Arena) -> None:
    """1. Solvency."""
    holder = bytes(12) + bytes.fromhex(arena.vault[2:])
    spoil(arena, arena.usdc, holder, 0, lambda held: held - 1)
    with pytest.raises(AssertionError):
        story.after_every_step()


def test_a_neighbour_who_has_less_is_found(story: Story, arena: Arena) -> None:
    """2. Isolation, whoever the step was about."""
    story.may("client")
    account = arena.holders["neighbour"].account
    spoil(arena, arena.vault, account, slot_of_idle(arena), lambda word: word - 1)
    with pytest.raises(AssertionError, match="changed neighbour"):
        story.after_every_step()


def test_a_neighbours_position_that_moves_is_found(story: Story, arena: Arena) -> None:
    """2. Isolation, at the venue."""
    terms = story.terms(arena.holders["neighbour"], PERP, "ETH-USD", ONE // 10, 0)
    story.vault("trade", "trade", terms, by=arena.holders["neighbour"].owner)
    story.subjects.add("client")
    with pytest.raises(AssertionError, match="changed neighbour"):
        story.after_every_step()


def test_a_hostile_venue_that_has_more_than_was_sent_is_found(story: Story, arena: Arena) -> None:
    """3. Blast radius."""
    venue = bytes(12) + bytes.fromhex(arena.fickle[2:])
    spoil(arena, arena.usdc, venue, 0, lambda held: held + 1)
    with pytest.raises(AssertionError, match="has more than was sent there"):
        story.after_every_step()


def test_a_count_for_the_caps_that_no_event_explains_is_found(story: Story, arena: Arena) -> None:
    """3. Blast radius: in all, which is nobody's own."""
    number = arena.venues[PERP]
    spoil(arena, arena.vault, number.to_bytes(32, "big"), slot_of_posted(arena), lambda n: n - 1)
    with pytest.raises(AssertionError, match="perp-v2"):
        story.after_every_step()


def test_what_rests_in_a_seat_and_goes_without_a_sweep_is_found(story: Story, arena: Arena) -> None:
    """3. Blast radius: exchanged by a pull, it would count as margin that came back."""
    client, number = arena.holders["client"], arena.venues[SYNTHETIX]
    where, seat = (client.account, number, market_id("ETH-USD")), arena.seats["client", SYNTHETIX]
    story.may("client")
    story.vault("post", "post", *where, 1_000 * USDC, ONE // 50, by=client.owner)
    story.vault("pull in kind", "pullInKind", *where, 400 * USDC, seat, by=client.owner)
    story.after_every_step()
    story.may("client")
    story.vault("pull", "pull", *where, 100 * USDC, 0, by=client.owner)
    story.after_every_step()
    story.may("client")
    susd = arena.addresses["venues"][SYNTHETIX]["susd"]
    story.vault("sweep", "sweep", client.account, number, susd, by=client.owner)
    with pytest.raises(AssertionError, match="sUSD in the seat of client"):
        story.after_every_step()


def test_an_operator_who_posted_beyond_a_cap_is_found(story: Story, arena: Arena) -> None:
    """3. Blast radius: the caps are below what is there."""
    number, neighbour = arena.venues[PERP], arena.holders["neighbour"]
    story.within_caps(neighbour, [number])
    arena.must("Venues", "lowerCaps", number, 2_000 * USDC, 900 * USDC, by="governor")
    with pytest.raises(AssertionError, match="one account"):
        story.within_caps(neighbour, [number])
    arena.must("Venues", "raiseCaps", number, 2_000 * USDC, 1_000 * USDC, by="governor")
    story.within_caps(neighbour, [number])
    arena.must("Venues", "lowerCaps", number, 900 * USDC, 1_000 * USDC, by="governor")
    with pytest.raises(AssertionError, match="beyond what all may"):
        story.within_caps(neighbour, [number])


def test_a_call_that_is_not_refused_is_found(story: Story, arena: Arena) -> None:
    """4. Powerlessness: whether nothing refuses it, or something else does."""
    client = arena.holders["client"]
    arguments = client.account, USDC, client.owner
    with pytest.raises(AssertionError, match="was not refused"):
        story.never("withdraw", "NotOwner", "Vault", "withdraw", *arguments, by=client.owner)
    with pytest.raises(AssertionError, match="NotOwner"):
        story.never("withdraw", "ZeroAmount", "Vault", "withdraw", *arguments, by="keeper")


def test_an_order_that_can_be_filled_again_is_found(story: Story, arena: Arena) -> None:
    """7. No replay."""
    client = arena.holders["client"]
    order = loose(story.order(client, "ETH-USD", ONE, 1_000 * USDC, 0, [arena.venues[PERP]]))
    legs = ((arena.venues[PERP], ONE, 1_000 * USDC),)
    with pytest.raises(AssertionError, match="filled, and should be refused"):
        story.must_refuse("fill", ("NonceSpent",), order, legs, client.key, "keeper")


def test_idle_that_no_event_explains_is_found(story: Story, arena: Arena) -> None:
    """6. Conservation, though nobody else is touched."""
    story.may("client")
    account = arena.holders["client"].account
    spoil(arena, arena.vault, account, slot_of_idle(arena), lambda word: word + 1)
    with pytest.raises(AssertionError, match=r"client has .* idle, and should have"):
        story.after_every_step()


def test_an_owner_who_cannot_leave_is_found(story: Story, arena: Arena) -> None:
    """5. Exit: a vault that has nothing to pay with."""
    holder = bytes(12) + bytes.fromhex(arena.vault[2:])
    spoil(arena, arena.usdc, holder, 0, lambda _: 0)
    with pytest.raises(AssertionError, match="cannot withdraw"):
        story.everybody_can_leave()
