"""Nothing opens at one venue while the opposite is held at another that the order allows and that
would let it be closed."""

from decimal import Decimal

import pytest
from roles import appoint_guardian
from stage import ETH, NO_RECEIPT, ONE, USDC, reverts, selector, send

from devnet import feeds
from devnet.chain import Chain
from ringside.orders import Bounds, venue_set

MARGIN = 5_000 * USDC
HONEST, REVERTING, BURNING, BOMBING, UNABLE = range(5)
moods = pytest.mark.parametrize(
    "mood", [REVERTING, BURNING, BOMBING], ids=["reverts", "burns all gas", "returns a bomb"]
)
sides = pytest.mark.parametrize("side", [1, -1], ids=["long", "short"])


class Two:
    """Two venues: one that answers as its mood is, and the stand-in; orders over both."""

    def __init__(self, ringside, stand_in):
        self.ringside = ringside
        self.there, self.moody = ringside.add_venue("MoodySeat", instrument=2)
        self.here = stand_in

    def hold(self, size):
        """A position at the first venue."""
        self.ringside.trade(self.there, size)

    def mood(self, quoting=HONEST, telling=HONEST):
        send(self.moody.setMoods, quoting, telling, sender=self.ringside.actors["stranger"])

    def order(self, size, **changes):
        allowed = venue_set([self.there, self.here])
        return self.ringside.order(**{"size": size, "venues": allowed, **changes})

    def opens_here(self, size, **changes):
        """An order filled at the second venue alone."""
        return self.ringside.fill(self.order(size, **changes), (self.here, size, 0))

    def refuses(self):
        return reverts(self.ringside.desk.CloseFirst, venues=1 << self.there)


@pytest.fixture
def two(ringside, stand_in):
    return Two(ringside, stand_in)


@sides
def test_nothing_opens_while_the_opposite_elsewhere_can_be_closed(two, side):
    two.hold(side * 2 * ETH)
    with two.refuses():
        two.opens_here(-side * ETH)


@sides
def test_it_opens_when_that_is_signed(two, side):
    two.hold(side * 2 * ETH)
    two.opens_here(-side * ETH, bounds=Bounds(open_against=True))


@sides
def test_it_opens_where_the_order_does_not_allow_the_other_venue(two, side):
    two.hold(side * 2 * ETH)
    two.opens_here(-side * ETH, venues=venue_set([two.here]))


@sides
def test_it_opens_beside_a_position_in_the_same_direction(two, side):
    two.hold(side * 2 * ETH)
    two.opens_here(side * ETH)


def test_it_opens_once_the_other_is_closed(two):
    two.hold(2 * ETH)
    two.hold(-2 * ETH)
    two.opens_here(-ETH)


def test_another_accounts_position_is_in_nobodys_way(ringside, client, two):
    other = ringside.open_account(client, "other")
    ringside.trade(two.there, 2 * ETH, account=other)
    two.opens_here(-ETH)


def test_a_position_in_another_market_is_in_nobodys_way(ringside, perp, rage):
    btc = ringside.order(market="BTC-USD", size=ETH // 10, limit_price=100_000 * ONE, nonce=9)
    ringside.fill(btc, (perp.id, ETH // 10, MARGIN))
    ringside.fill(ringside.order(size=-ETH), (rage.id, -ETH, MARGIN))
    assert rage.size(rage.seat()) == -ETH


@sides
@pytest.mark.parametrize("first", ["closes", "opens"])
def test_one_fill_may_close_there_and_open_here(ringside, two, side, first):
    two.hold(side * 2 * ETH)
    legs = [(two.there, -side * 2 * ETH, 0), (two.here, -side * ETH, 0)]
    if first == "opens":
        legs.reverse()
    ringside.fill(two.order(-side * 3 * ETH), *legs)
    assert ringside.seat_at(two.there, "StandInSeat").held_() == 0
    assert ringside.seat_at(two.here, "StandInSeat").held_() == -side * ETH


@sides
def test_one_fill_may_not_open_here_while_it_leaves_some_there(ringside, two, side):
    two.hold(side * 2 * ETH)
    left = 1
    legs = (two.there, -side * (2 * ETH - left), 0), (two.here, -side * ETH, 0)
    with two.refuses():
        ringside.fill(two.order(-side * (3 * ETH - left)), *legs)


def test_a_position_closed_by_two_legs_is_closed(ringside, two):
    two.hold(2 * ETH)
    legs = (two.there, -ETH, 0), (two.there, -ETH, 0), (two.here, -ETH, 0)
    ringside.fill(two.order(-3 * ETH), *legs)


def test_a_position_turned_by_two_legs_is_in_nobodys_way(ringside, two):
    two.hold(2 * ETH)
    legs = (two.there, -ETH, 0), (two.there, -2 * ETH, 0)
    ringside.fill(two.order(-3 * ETH), *legs)


def test_reducing_here_is_not_opening(ringside, two):
    two.hold(2 * ETH)
    ringside.trade(two.here, 2 * ETH)
    two.opens_here(-2 * ETH)


def test_turning_a_position_here_is_opening(ringside, two):
    two.hold(2 * ETH)
    ringside.trade(two.here, ETH)
    with two.refuses():
        two.opens_here(-2 * ETH)


# ------------------------------------------------------------ where it cannot be closed


def test_it_opens_where_the_other_venue_would_not_close_all(two):
    two.hold(2 * ETH)
    two.mood(quoting=UNABLE)
    two.opens_here(-ETH)


@moods
def test_a_venue_that_does_not_price_blocks_nothing(two, mood):
    two.hold(2 * ETH)
    two.mood(quoting=mood)
    two.opens_here(-ETH)


@moods
def test_a_venue_that_does_not_say_what_is_held_blocks_nothing(two, mood):
    two.hold(2 * ETH)
    two.mood(telling=mood)
    two.opens_here(-ETH)


def test_a_keeper_cannot_starve_the_question_of_gas(ringside, desk, keeper, two):
    """With too little gas nothing is filled; with enough it is refused for what it is."""
    two.hold(2 * ETH)
    order = two.order(-ETH)
    signature = ringside.signed(order, ringside.actors["client"])
    data = desk.fill.encode_input(order.tuple, signature, [(two.here, -ETH, 0)], NO_RECEIPT)
    tx = {"from": keeper.address, "to": desk.address, "data": data}
    starved, refused = selector(ringside.quotes.NotEnoughGas), selector(desk.CloseFirst)
    found = []
    for gas in range(60_000, 3_600_000, 120_000):
        call = [{**tx, "gas": hex(gas)}, "latest"]
        answer = ringside.w3.provider.make_request("eth_call", call)
        found.append(bytes.fromhex((answer["error"].get("data") or "0x")[2:10]))
    assert set(found) == {b"", starved, refused}
    # Out of gas, then too little to ask, then enough.
    order_of = [b"", starved, refused]
    assert found == sorted(found, key=order_of.index)


def test_a_venue_out_of_its_price_band_is_in_nobodys_way(ringside, desk, perp, rage):
    ringside.trade(perp.id, 2 * ETH, MARGIN)
    order = ringside.order(size=-ETH)
    with reverts(desk.CloseFirst, venues=1 << perp.id):
        ringside.fill(order, (rage.id, -ETH, MARGIN))
    # The oracle alone moves: a sale would go further out than the venue allows.
    feeds.move(ringside.w3, ringside.addresses["feeds"], "ETH-USD", Decimal(2_300))
    ringside.fill(order, (rage.id, -ETH, MARGIN))
    assert rage.size(rage.seat()) == -ETH


@pytest.mark.parametrize(("closed", "arguments"), [("perp", ()), ("rage", (10,))])
def test_a_venue_that_has_paused_itself_is_in_nobodys_way(ringside, perp, rage, closed, arguments):
    there, here = (perp, rage) if closed == "perp" else (rage, perp)
    ringside.trade(there.id, 2 * ETH, MARGIN)
    Chain(ringside.w3).send(there.house, "pause", *arguments)
    ringside.fill(ringside.order(size=-ETH), (here.id, -ETH, MARGIN))
    assert here.size(here.seat()) == -ETH


def test_a_venue_that_the_guardian_paused_can_still_be_closed(ringside, venues, two):
    two.hold(2 * ETH)
    send(venues.pause, two.there, sender=appoint_guardian(ringside))
    with two.refuses():
        two.opens_here(-ETH)
    legs = (two.there, -2 * ETH, 0), (two.here, -ETH, 0)
    ringside.fill(two.order(-3 * ETH), *legs)
