"""The registry is added to, by the governor; nothing in it ever changes."""

import pytest
from stage import BTC_USD, ETH_USD, USDC, reverts, send

from ringside.orders import market_id
from ringside.units import DAY

NOWHERE = "0x" + "00" * 20
ONE = (1).to_bytes(32, "big")


@pytest.fixture
def feed(ringside):
    return ringside.addresses["feeds"]["ETH-USD"]


@pytest.fixture
def seat(ringside):
    """A seat contract: the first venue's."""
    return ringside.addresses["ringside"]["seats"]["perp-v2"]


def test_the_registry_lists_what_was_added(ringside, venues, feed):
    assert list(venues.venueNames()) == ["perp-v2", "rage"]
    assert list(venues.marketNames()) == ["ETH-USD", "BTC-USD"]
    found = venues.feed(ETH_USD)
    assert (found.source, found.heartbeat, found.decimals) == (feed, DAY, 8)
    for name, venue in ringside.addresses["ringside"]["venue_ids"].items():
        seat = ringside.addresses["ringside"]["seats"][name]
        assert venues.implementation(venue) == seat
        assert venues.isListed(venue, ETH_USD)
        assert venues.route(venue, ETH_USD).seat == seat


def test_a_route_names_the_venues_own_instrument(venues, venue):
    for market in ("ETH-USD", "BTC-USD"):
        assert venues.route(venue.id, market_id(market)).instrument == venue.instrument(market)


def test_a_venue_gets_the_next_id(venues, governor, seat):
    receipt = send(venues.addVenue, "third", seat, sender=governor)
    (event,) = receipt.decode_logs(venues.VenueAdded)
    assert (event.venue, event.name, event.implementation) == (2, "third", seat)
    assert venues.implementation(2) == seat


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
    for name, implementation in (("", seat), ("third", NOWHERE), ("third", client.address)):
        with reverts(venues.BadInput):
            send(venues.addVenue, name, implementation, sender=governor)


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
    with reverts(venues.UnknownVenue, venue=2):
        send(venues.list, 2, ETH_USD, ONE, sender=governor)
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


def test_the_registry_has_no_function_that_changes_or_removes(venues):
    mutable = {method.name for method in venues.contract_type.mutable_methods}
    assert mutable == {"addVenue", "addMarket", "list", "setAuthority"}


def test_there_are_no_more_venues_than_a_grant_can_name(venues, governor, seat):
    for number in range(venues.venueCount(), venues.MOST()):
        send(venues.addVenue, str(number), seat, sender=governor)
    with reverts(venues.TooManyVenues):
        send(venues.addVenue, "one more", seat, sender=governor)
    assert venues.implementation(venues.MOST() - 1) == seat


def test_one_instrument_never_trades_two_markets(venues, governor, venue, usdc):
    """A signed order for one market can never be filled in another listed under its name later."""
    taken = venues.route(venue.id, ETH_USD).instrument
    feed = venues.feed(ETH_USD).source
    send(venues.addMarket, "LINK-USD", feed, 3600, sender=governor)
    with reverts(venues.InstrumentTaken, venue=venue.id, instrument=taken):
        send(venues.list, venue.id, market_id("LINK-USD"), taken, sender=governor)


def test_reads_of_what_does_not_exist_say_so(venues, stranger):
    with reverts(venues.UnknownVenue, venue=2):
        send(venues.implementation, 2, sender=stranger)
    with reverts(venues.UnknownVenue, venue=2):
        send(venues.route, 2, ETH_USD, sender=stranger)
    with reverts(venues.UnknownMarket, market=market_id("SOL-USD")):
        send(venues.route, 0, market_id("SOL-USD"), sender=stranger)
    with reverts(venues.UnknownMarket, market=market_id("SOL-USD")):
        send(venues.feed, market_id("SOL-USD"), sender=stranger)
    assert not venues.isListed(2, ETH_USD)
    assert not venues.isListed(255, bytes(32))


def test_a_market_may_be_known_and_not_listed(venues, governor, stranger, feed):
    send(venues.addMarket, "SOL-USD", feed, 60, sender=governor)
    with reverts(venues.NotListed, venue=1, market=market_id("SOL-USD")):
        send(venues.route, 1, market_id("SOL-USD"), sender=stranger)


def test_only_the_governor_adds(venues, client, attacker, keeper, seat, feed):
    for actor in (client, attacker, keeper):
        for method, arguments in (
            (venues.addVenue, ("third", seat)),
            (venues.addMarket, ("SOL-USD", feed, 60)),
            (venues.list, (0, ETH_USD, ONE)),
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
    data = venues.addVenue.encode_input("third", seat)
    choose = access.setTargetFunctionRole
    send(choose, venues.address, [data[:4]], role, sender=governor)
    send(access.grantRole, role, stranger, delay, sender=governor)
    operation = access.hashOperation(stranger, venues.address, data)
    with reverts(access.AccessManagerNotScheduled, operationId=bytes(operation)):
        send(venues.addVenue, "third", seat, sender=stranger)
    send(access.schedule, venues.address, data, 0, sender=stranger)
    with reverts(access.AccessManagerNotReady, operationId=bytes(operation)):
        send(venues.addVenue, "third", seat, sender=stranger)
    ringside.mine_at(ringside.now + delay)
    send(venues.addVenue, "third", seat, sender=stranger)
    assert list(venues.venueNames()) == ["perp-v2", "rage", "third"]


def test_the_governor_touches_no_account(ringside, vault, account, governor):
    with reverts(vault.NotOwner, account=account, caller=governor.address):
        send(vault.withdraw, account, USDC, governor, sender=governor)
    with reverts(vault.NotAllowed, account=account, caller=governor.address):
        send(vault.post, account, 0, ETH_USD, USDC, 0, sender=governor)
