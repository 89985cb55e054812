"""What the Lens answers is taken apart as the ABI says."""

from __future__ import annotations

from typing import Any

import pytest
from eth_abi.abi import encode
from eth_utils.abi import collapse_if_tuple
from hypothesis import given
from hypothesis import strategies as st

from ringside.chain.contracts import abi
from ringside.chain.views import Pocket, Position, account_view
from ringside.orders import market_id

KIND = collapse_if_tuple(next(e for e in abi("Lens") if e.get("name") == "account")["outputs"][0])
VENUES = {"perp-v2": 0, "rage": 1, "synthetix": 2}
NAMES = {market_id(name): name for name in ("ETH-USD", "BTC-USD")}
UINTS, INTS = st.integers(0, 2**256 - 1), st.integers(-(2**255), 2**255 - 1)
ADDRESSES = st.binary(min_size=20, max_size=20).map(lambda raw: "0x" + raw.hex())
MARGINS = st.tuples(INTS, INTS, UINTS, UINTS, UINTS)
POSITIONS = st.tuples(INTS, INTS, UINTS, UINTS, INTS)


@st.composite
def seats(draw: st.DrawFn, number: int) -> tuple[Any, ...]:
    keys = draw(st.lists(st.sampled_from(sorted(NAMES)), unique=True))
    markets = [
        (key, draw(st.booleans()), draw(st.just(0) | INTS), draw(POSITIONS), draw(MARGINS))
        for key in keys
    ]
    flags = [draw(st.booleans()) for _ in range(3)]
    return (number, draw(ADDRESSES), *flags, draw(UINTS), draw(UINTS), draw(MARGINS), markets)


@st.composite
def accounts(draw: st.DrawFn) -> tuple[Any, ...]:
    found = [draw(seats(number)) for number in draw(st.permutations(sorted(VENUES.values())))]
    return draw(ADDRESSES), *(draw(UINTS) for _ in range(4)), found


@given(accounts())
def test_every_value_is_where_the_abi_puts_it(told):
    owner, idle, reserved, _, epoch, read = told
    found = account_view(encode([KIND], [told]), VENUES, NAMES)
    assert found.owner.lower() == owner
    assert (found.idle, found.reserved, found.epoch) == (idle, reserved, epoch)
    names = {number: name for name, number in VENUES.items()}
    assert list(found.seats) == [names[seat[0]] for seat in read]
    for number, place, made, isolated, readable, resting, postable, margin, markets in read:
        seat = found.seats[names[number]]
        assert (seat.venue, seat.seat.lower()) == (names[number], place)
        assert (seat.made, seat.isolated) == (made, isolated)
        assert (seat.resting, seat.postable) == (resting, postable)
        assert seat.pocket == (Pocket(*margin) if readable and not isolated else None)
        known = [one for one in markets if one[1]]
        assert seat.positions == {NAMES[key]: Position(*at) for key, _, _, at, _ in known}
        own = {NAMES[key]: Pocket(*its) for key, _, _, _, its in known}
        assert seat.pockets == (own if isolated else {})
        assert seat.pending == {NAMES[key]: size for key, _, size, *_ in markets if size}


def test_an_answer_that_is_cut_short_is_refused():
    with pytest.raises(IndexError):
        account_view(b"", VENUES, NAMES)


@given(accounts(), st.sampled_from(sorted(VENUES)))
def test_a_venue_of_no_name_here_hides_nothing_of_the_others(told, unknown):
    answer = encode([KIND], [told])
    whole = account_view(answer, VENUES, NAMES)
    known = {name: number for name, number in VENUES.items() if name != unknown}
    found = account_view(answer, known, NAMES)
    assert found.seats == {n: seat for n, seat in whole.seats.items() if n != unknown}
    assert (found.idle, found.epoch) == (whole.idle, whole.epoch)
