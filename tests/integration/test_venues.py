"""The registry is added to, by the governor; of what is in it only fees, their collector, caps and
pauses ever change."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from stage import BTC_USD, ETH_USD, MAX, USDC, Refused, reverts, send

from devnet.ringside import CAPS, GRACE
from ringside.orders import MOST_VENUES, market_id
from ringside.units import DAY

NEXT = 3
"""The id of the next venue that is added."""
MAX_FEE = 10**15
"""0.1 % of notional."""
NOWHERE = "0x" + "00" * 20
ONE = (1).to_bytes(32, "big")


@pytest.fixture
def feed(ringside):
    return ringside.addresses["feeds"]["ETH-USD"]


@pytest.fixture
def seat(ringside):
    """A seat contract that no venue has: the first one's code, elsewhere."""
    return ringside.twin(ringside.addresses["ringside"]["seats"]["perp-v2"])


def test_the_registry_lists_what_was_added(ringside, venues, feed):
    assert list(venues.venueNames()) == ["perp-v2", "rage", "synthetix"]
    assert list(venues.marketNames()) == ["ETH-USD", "BTC-USD"]
    found = venues.feed(ETH_USD)
    assert (found.source, found.heartbeat, found.decimals) == (feed, DAY, 8)
    assert (found.fee, venues.collector()) == (0, NOWHERE)
    source, grace = venues.sequencer()
    assert (source, grace) == (ringside.addresses["sequencer"], GRACE)
    for name, venue in ringside.addresses["ringside"]["venue_ids"].items():
        seat = ringside.addresses["ringside"]["seats"][name]
        assert venues.implementation(venue) == seat
        assert venues.isListed(venue, ETH_USD)
        route = venues.route(venue, ETH_USD)
        assert (route.implementation, route.paused) == (seat, False)
        assert route.delayed == (name == "synthetix")


def test_a_route_names_the_venues_own_instrument(venues, venue):
    for market in ("ETH-USD", "BTC-USD"):
        assert venues.route(venue.id, market_id(market)).instrument == venue.instrument(market)


def test_a_venue_gets_the_next_id(venues, governor, seat):
    receipt = send(venues.addVenue, "fourth", seat, *CAPS, sender=governor)
    (event,) = receipt.decode_logs(venues.VenueAdded)
    assert (event.venue, event.name) == (NEXT, "fourth")
    assert (event.implementation, event.delayed) == (seat, False)
    assert venues.implementation(NEXT) == seat
    assert venues.venueCount() == NEXT + 1


def test_a_venue_says_itself_whether_it_fills_later(ringside, venues, governor):
    later = ringside.twin(ringside.addresses["ringside"]["seats"]["synthetix"])
    receipt = send(venues.addVenue, "fourth", later, *CAPS, sender=governor)
    (event,) = receipt.decode_logs(venues.VenueAdded)
    assert (event.venue, event.delayed) == (NEXT, True)
    send(venues.list, NEXT, ETH_USD, ONE, sender=governor)
    assert venues.route(NEXT, ETH_USD).delayed


def test_a_venue_that_does_not_say_when_it_fills_is_not_added(venues, governor, usdc):
    with pytest.raises(Refused):
        send(venues.addVenue, "fourth", usdc, *CAPS, sender=governor)


def test_a_market_gets_the_hash_of_its_name(venues, governor, feed):
    receipt = send(venues.addMarket, "SOL-USD", feed, 60, sender=governor)
    (event,) = receipt.decode_logs(venues.MarketAdded)
    assert (event.market, event.name) == (market_id("SOL-USD"), "SOL-USD")
    assert (event.feed, event.heartbeat) == (feed, 60)


def test_a_market_is_listed_at_a_venue(venues, governor, feed):
    market = market_id("SOL-USD")
    send(venues.addMarket, "SOL-USD", feed, 60, sender=governor)
    receipt = send(venues.list, 1, market, ONE, sender=governor)
    (event,) = receipt.decode_logs(venues.Listed)
    assert (event.venue, event.market, event.instrument) == (1, market, ONE)
    assert venues.route(1, market).instrument == ONE
    assert not venues.isListed(0, market)


def test_a_venue_needs_a_name_and_code(venues, governor, seat, client):
    for name, implementation in (("", seat), ("fourth", NOWHERE), ("fourth", client.address)):
        with reverts(venues.BadInput):
            send(venues.addVenue, name, implementation, *CAPS, sender=governor)


def test_a_market_needs_a_name_a_feed_and_a_heartbeat(venues, governor, feed, client):
    for name, source, heartbeat in (
        ("", feed, 60),
        ("SOL-USD", feed, 0),
        ("SOL-USD", NOWHERE, 60),
        ("SOL-USD", client.address, 60),
    ):
        with reverts(venues.BadInput):
            send(venues.addMarket, name, source, heartbeat, sender=governor)


def test_a_market_is_added_once(venues, governor, feed):
    with reverts(venues.MarketExists, market=ETH_USD):
        send(venues.addMarket, "ETH-USD", feed, 60, sender=governor)


def test_a_listing_needs_venue_market_and_instrument(venues, governor, feed):
    with reverts(venues.UnknownVenue, venue=NEXT):
        send(venues.list, NEXT, ETH_USD, ONE, sender=governor)
    with reverts(venues.UnknownMarket, market=market_id("SOL-USD")):
        send(venues.list, 0, market_id("SOL-USD"), ONE, sender=governor)
    send(venues.addMarket, "SOL-USD", feed, 60, sender=governor)
    with reverts(venues.BadInput):
        send(venues.list, 0, market_id("SOL-USD"), bytes(32), sender=governor)


@pytest.mark.parametrize("market", [ETH_USD, BTC_USD], ids=["ETH-USD", "BTC-USD"])
def test_a_listing_never_changes(venues, governor, venue, market):
    before = venues.route(venue.id, market).instrument
    with reverts(venues.AlreadyListed, venue=venue.id, market=market):
        send(venues.list, venue.id, market, ONE, sender=governor)
    assert venues.route(venue.id, market).instrument == before


def test_the_registry_has_no_function_that_renames_or_removes(venues):
    mutable = {method.name for method in venues.contract_type.mutable_methods}
    adding = {"addVenue", "addMarket", "list"}
    stopping = {"pause", "pauseAll", "unpause"}
    capping = {"raiseCaps", "lowerCaps"}
    assert mutable == adding | stopping | capping | {"setFee", "setCollector", "setAuthority"}


def test_no_seat_and_no_name_is_added_twice(ringside, venues, venue, governor, seat):
    """One seat at two venues would be one place with two counts of what is posted there."""
    own = venues.implementation(venue.id)
    with reverts(venues.VenueExists, venue=venue.id):
        send(venues.addVenue, "fourth", own, *CAPS, sender=governor)
    with reverts(venues.VenueExists, venue=venue.id):
        send(venues.addVenue, venue.NAME, seat, *CAPS, sender=governor)
    send(venues.addVenue, "fourth", seat, *CAPS, sender=governor)
    another = ringside.twin(own, 1)
    with reverts(venues.VenueExists, venue=NEXT):
        send(venues.addVenue, "fourth", another, *CAPS, sender=governor)


def test_there_are_no_more_venues_than_an_accounts_record_can_name(
    ringside, venues, governor, seat
):
    assert venues.MOST() == MOST_VENUES == 64
    for number in range(venues.venueCount(), venues.MOST()):
        last = ringside.twin(seat, number)
        send(venues.addVenue, str(number), last, *CAPS, sender=governor)
    with reverts(venues.TooManyVenues):
        send(venues.addVenue, "one more", seat, *CAPS, sender=governor)
    assert venues.implementation(venues.MOST() - 1) == last


def test_one_instrument_never_trades_two_markets(venues, governor, venue, usdc):
    """A signed order for one market can never be filled in another listed under its name later."""
    taken = venues.route(venue.id, ETH_USD).instrument
    feed = venues.feed(ETH_USD).source
    send(venues.addMarket, "LINK-USD", feed, 3600, sender=governor)
    with reverts(venues.InstrumentTaken, venue=venue.id, instrument=taken):
        send(venues.list, venue.id, market_id("LINK-USD"), taken, sender=governor)


def test_reads_of_what_does_not_exist_say_so(venues, stranger):
    for missing in (NEXT, 255):
        for method, arguments in (
            (venues.implementation, (missing,)),
            (venues.isPaused, (missing,)),
            (venues.route, (missing, ETH_USD)),
        ):
            with reverts(venues.UnknownVenue, venue=missing):
                send(method, *arguments, sender=stranger)
    with reverts(venues.UnknownMarket, market=market_id("SOL-USD")):
        send(venues.route, 0, market_id("SOL-USD"), sender=stranger)
    with reverts(venues.UnknownMarket, market=market_id("SOL-USD")):
        send(venues.feed, market_id("SOL-USD"), sender=stranger)
    assert not venues.isListed(NEXT, ETH_USD)
    assert not venues.isListed(255, bytes(32))


def test_a_market_may_be_known_and_not_listed(venues, governor, stranger, feed):
    send(venues.addMarket, "SOL-USD", feed, 60, sender=governor)
    with reverts(venues.NotListed, venue=1, market=market_id("SOL-USD")):
        send(venues.route, 1, market_id("SOL-USD"), sender=stranger)


def test_nobody_else_adds_charges_or_stops(venues, client, attacker, keeper, seat, feed):
    for actor in (client, attacker, keeper):
        for method, arguments in (
            (venues.addVenue, ("fourth", seat, *CAPS)),
            (venues.addMarket, ("SOL-USD", feed, 60)),
            (venues.list, (0, ETH_USD, ONE)),
            (venues.setFee, (ETH_USD, 1)),
            (venues.setCollector, (actor,)),
            (venues.pause, (0,)),
            (venues.pauseAll, ()),
            (venues.unpause, (0,)),
            (venues.raiseCaps, (0, 2 * CAPS[0], CAPS[1])),
            (venues.lowerCaps, (0, 0, 0)),
        ):
            with reverts(venues.AccessManagedUnauthorized, caller=actor.address):
                send(method, *arguments, sender=actor)
        with reverts(venues.AccessManagedUnauthorized, caller=actor.address):
            send(venues.setAuthority, actor, sender=actor)


def test_the_governor_himself_does_not_replace_the_access_manager(venues, governor):
    with reverts(venues.AccessManagedUnauthorized, caller=governor.address):
        send(venues.setAuthority, governor, sender=governor)


def test_a_governor_with_a_delay_announces_first(ringside, venues, governor, stranger, seat):
    """OpenZeppelin's AccessManager as it is: the registry keeps to the role's delay."""
    access = ringside.access
    role, delay = 7, 2 * DAY
    data = venues.addVenue.encode_input("fourth", seat, *CAPS)
    choose = access.setTargetFunctionRole
    send(choose, venues.address, [data[:4]], role, sender=governor)
    send(access.grantRole, role, stranger, delay, sender=governor)
    operation = access.hashOperation(stranger, venues.address, data)
    with reverts(access.AccessManagerNotScheduled, operationId=bytes(operation)):
        send(venues.addVenue, "fourth", seat, *CAPS, sender=stranger)
    send(access.schedule, venues.address, data, 0, sender=stranger)
    with reverts(access.AccessManagerNotReady, operationId=bytes(operation)):
        send(venues.addVenue, "fourth", seat, *CAPS, sender=stranger)
    ringside.mine_at(ringside.now + delay)
    send(venues.addVenue, "fourth", seat, *CAPS, sender=stranger)
    assert list(venues.venueNames()) == ["perp-v2", "rage", "synthetix", "fourth"]


def test_the_governor_touches_no_account(ringside, vault, account, governor):
    with reverts(vault.NotOwner, account=account, caller=governor.address):
        send(vault.withdraw, account, USDC, governor, sender=governor)
    with reverts(vault.NotAllowed, account=account, caller=governor.address):
        send(vault.post, account, 0, ETH_USD, USDC, 0, sender=governor)


# ------------------------------------------------------------------------------ fees


def shown(venues):
    """All that the registry says of its venues and markets, fees and pauses apart."""
    feeds = [venues.feed(market) for market in (ETH_USD, BTC_USD)]
    ids = range(venues.venueCount())
    routes = [venues.route(venue, market) for venue in ids for market in (ETH_USD, BTC_USD)]
    return (
        [(feed.source, feed.heartbeat, feed.decimals) for feed in feeds],
        [(route.implementation, route.delayed, route.instrument) for route in routes],
        list(venues.venueNames()),
        list(venues.marketNames()),
    )


def test_the_fee_of_a_market_is_its_own(venues, governor, stranger):
    before = shown(venues)
    receipt = send(venues.setCollector, stranger, sender=governor)
    (event,) = receipt.decode_logs(venues.CollectorSet)
    assert event.collector == venues.collector() == stranger.address
    receipt = send(venues.setFee, ETH_USD, MAX_FEE, sender=governor)
    (event,) = receipt.decode_logs(venues.FeeSet)
    assert (event.market, event.rate) == (ETH_USD, MAX_FEE)
    assert (venues.feed(ETH_USD).fee, venues.feed(BTC_USD).fee) == (MAX_FEE, 0)
    send(venues.setFee, ETH_USD, 0, sender=governor)
    assert venues.feed(ETH_USD).fee == 0
    assert shown(venues) == before


def test_a_fee_is_never_above_its_constant_maximum(venues, governor, stranger):
    assert venues.MAX_FEE() == MAX_FEE
    send(venues.setCollector, stranger, sender=governor)
    for rate in (MAX_FEE + 1, 2**56 - 1):
        with reverts(venues.FeeTooHigh, most=MAX_FEE):
            send(venues.setFee, ETH_USD, rate, sender=governor)
    assert venues.feed(ETH_USD).fee == 0


def test_a_fee_needs_somebody_to_pay_it_to(venues, governor):
    with reverts(venues.NoCollector):
        send(venues.setFee, ETH_USD, 1, sender=governor)
    with reverts(venues.BadInput):
        send(venues.setCollector, NOWHERE, sender=governor)
    send(venues.setFee, ETH_USD, 0, sender=governor)
    assert venues.collector() == NOWHERE


def test_a_fee_needs_a_market(venues, governor, stranger):
    send(venues.setCollector, stranger, sender=governor)
    with reverts(venues.UnknownMarket, market=market_id("SOL-USD")):
        send(venues.setFee, market_id("SOL-USD"), 1, sender=governor)


# ---------------------------------------------------------------------------- pauses


@pytest.fixture
def guardian(ringside, venues, governor):
    """The role that may stop and not resume, given as OpenZeppelin's AccessManager gives it."""
    actor, role = ringside.actors["guardian"], 8
    access = ringside.access
    stops = [venues.pause.encode_input(0)[:4], venues.pauseAll.encode_input()[:4]]
    send(access.setTargetFunctionRole, venues.address, stops, role, sender=governor)
    send(access.grantRole, role, actor, 0, sender=governor)
    return actor


def paused(venues):
    """The paused venues, by both reads."""
    found = {venue for venue in range(venues.venueCount()) if venues.isPaused(venue)}
    assert found == {v for v in range(venues.venueCount()) if venues.route(v, ETH_USD).paused}
    return found


@pytest.mark.parametrize("stopped", range(NEXT))
def test_the_guardian_stops_one_venue_at_once(venues, guardian, stopped):
    before = shown(venues)
    receipt = send(venues.pause, stopped, sender=guardian)
    assert [event.venue for event in receipt.decode_logs(venues.Paused)] == [stopped]
    assert paused(venues) == {stopped}
    assert shown(venues) == before


def test_the_guardian_stops_every_venue_at_once(venues, governor, guardian, seat):
    receipt = send(venues.pauseAll, sender=guardian)
    assert [event.venue for event in receipt.decode_logs(venues.Paused)] == [0, 1, 2]
    assert paused(venues) == {0, 1, 2}
    # What is added afterwards is not in it.
    send(venues.addVenue, "fourth", seat, *CAPS, sender=governor)
    assert not venues.isPaused(NEXT)


def test_stopping_what_is_stopped_changes_nothing(venues, guardian):
    for _ in range(2):
        send(venues.pause, 1, sender=guardian)
    assert paused(venues) == {1}


def test_the_governor_lets_a_venue_go_on(venues, governor, guardian):
    send(venues.pauseAll, sender=guardian)
    receipt = send(venues.unpause, 1, sender=governor)
    assert [event.venue for event in receipt.decode_logs(venues.Unpaused)] == [1]
    assert paused(venues) == {0, 2}


def test_the_guardian_only_stops(venues, governor, guardian, seat, feed):
    send(venues.pause, 0, sender=guardian)
    for method, arguments in (
        (venues.unpause, (0,)),
        (venues.setFee, (ETH_USD, 0)),
        (venues.setCollector, (guardian,)),
        (venues.raiseCaps, (0, 2 * CAPS[0], CAPS[1])),
        (venues.addVenue, ("fourth", seat, *CAPS)),
        (venues.addMarket, ("SOL-USD", feed, 60)),
        (venues.list, (0, market_id("SOL-USD"), ONE)),
        (venues.setAuthority, (guardian,)),
    ):
        with reverts(venues.AccessManagedUnauthorized, caller=guardian.address):
            send(method, *arguments, sender=guardian)
    assert paused(venues) == {0}


def test_a_venue_that_does_not_exist_is_neither_stopped_nor_resumed(venues, governor):
    for missing in (NEXT, 255):
        for method in (venues.pause, venues.unpause):
            with reverts(venues.UnknownVenue, venue=missing):
                send(method, missing, sender=governor)


# ------------------------------------------------------------------------ yardsticks


@given(allowed=st.integers(0, MAX), stopped=st.sets(st.integers(0, NEXT)))
@settings(
    max_examples=25,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_yardsticks_are_the_allowed_venues_that_trade_now(
    ringside, venues, governor, fourth, allowed, stopped
):
    """Neither a venue that fills later nor a stopped one, nor where the market does not trade."""
    for venue in range(NEXT + 1):
        method = venues.pause if venue in stopped else venues.unpause
        if venues.isPaused(venue) != (venue in stopped):
            send(method, venue, sender=governor)
    for market, instant in ((ETH_USD, {0, 1, fourth}), (BTC_USD, {0, 1})):
        ids, routes = venues.yardsticks(market, allowed)
        assert list(ids) == sorted(v for v in instant - stopped if allowed >> v & 1)
        assert list(routes) == [venues.route(venue, market) for venue in ids]


@pytest.fixture
def fourth(ringside):
    """A venue that trades ETH alone."""
    return ringside.add_venue("StandInSeat")[0]


def test_a_market_that_does_not_exist_has_no_yardsticks(venues):
    ids, routes = venues.yardsticks(market_id("SOL-USD"), MAX)
    assert (list(ids), list(routes)) == ([], [])
