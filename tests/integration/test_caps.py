"""How much margin operators may have posted at a venue, in all and for one account: counted by the
vault from what it sent and what came back, raised by the governor, lowered by the guardian, and no
bound for an owner."""

from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from roles import appoint_guardian
from stage import ALL_VENUES, DEPOSIT, ETH, ETH_USD, NEVER, USDC, Refused, reverts, send

from devnet import market
from devnet.artifacts import compiled
from devnet.chain import MAKER, Chain
from devnet.ringside import CAPS
from ringside.accounts import Right, account_id
from ringside.units import USDC_TO_USD

MOST = (2**40 - 1) * USDC
SOME = 1_000 * USDC
MAX = 2**256 - 1


@pytest.fixture
def guardian(ringside):
    return appoint_guardian(ringside)


@pytest.fixture
def operator(vault, account, client, stranger):
    """Somebody whom the owner lets trade and move margin."""
    grant = (stranger.address, Right.TRADE | Right.MOVE, NEVER, 0, ALL_VENUES)
    send(vault.setOperator, account, grant, sender=client)
    return stranger


@pytest.fixture
def capped(venues, guardian):
    """Lowers a venue's caps."""
    return lambda venue, cap, own: send(venues.lowerCaps, venue.id, cap, own, sender=guardian)


def post(vault, account, venue, amount, by):
    return send(vault.post, account, venue.id, ETH_USD, amount, 0, sender=by)


# --------------------------------------------------------------------- who sets them


def test_a_venue_has_the_caps_it_was_added_with(venues, venue):
    assert tuple(venues.caps(venue.id)) == CAPS
    route = venues.route(venue.id, ETH_USD)
    assert (route.cap, route.accountCap) == CAPS


def test_the_guardian_lowers_and_does_not_raise(venues, venue, guardian):
    receipt = send(venues.lowerCaps, venue.id, SOME, SOME // 2, sender=guardian)
    (event,) = receipt.decode_logs(venues.CapsSet)
    assert (event.venue, event.cap, event.accountCap) == (venue.id, SOME, SOME // 2)
    assert tuple(venues.caps(venue.id)) == (SOME, SOME // 2)
    for caps in ((2 * SOME, 0), (0, SOME), (SOME, SOME // 2)):
        with reverts(venues.NotLowered, cap=SOME, accountCap=SOME // 2):
            send(venues.lowerCaps, venue.id, *caps, sender=guardian)
    with reverts(venues.AccessManagedUnauthorized, caller=guardian.address):
        send(venues.raiseCaps, venue.id, *CAPS, sender=guardian)
    assert tuple(venues.caps(venue.id)) == (SOME, SOME // 2)


def test_the_governor_raises_and_lowers_each_by_its_own_function(venues, venue, governor):
    for caps in (CAPS, (CAPS[0] - USDC, CAPS[1]), (CAPS[0] * 2, CAPS[1] - USDC)):
        with reverts(venues.NotRaised, cap=CAPS[0], accountCap=CAPS[1]):
            send(venues.raiseCaps, venue.id, *caps, sender=governor)
    send(venues.raiseCaps, venue.id, CAPS[0] + USDC, CAPS[1], sender=governor)
    send(venues.raiseCaps, venue.id, MOST, MOST, sender=governor)
    assert tuple(venues.caps(venue.id)) == (MOST, MOST)


def test_caps_are_kept_in_whole_usdc_rounded_down(venues, venue, guardian, governor):
    send(venues.lowerCaps, venue.id, 5 * USDC + USDC - 1, 3 * USDC + 1, sender=guardian)
    assert tuple(venues.caps(venue.id)) == (5 * USDC, 3 * USDC)
    with reverts(venues.NotRaised):
        send(venues.raiseCaps, venue.id, 6 * USDC - 1, 4 * USDC - 1, sender=governor)


@pytest.mark.parametrize("caps", [(MOST + 1, 0), (MOST, MOST + 1)])
def test_a_cap_beyond_its_record_is_refused(ringside, venues, venue, governor, caps):
    with reverts(venues.CapTooHigh, most=MOST):
        send(venues.raiseCaps, venue.id, *caps, sender=governor)
    seat = ringside.twin(venues.implementation(venue.id))
    with reverts(venues.CapTooHigh, most=MOST):
        send(venues.addVenue, "fourth", seat, *caps, sender=governor)


def test_a_venue_that_does_not_exist_has_no_caps(venues, governor):
    for method, arguments in (
        (venues.raiseCaps, (3, 1, 1)),
        (venues.lowerCaps, (3, 0, 0)),
        (venues.caps, (3,)),
    ):
        with reverts(venues.UnknownVenue, venue=3):
            send(method, *arguments, sender=governor)


# ------------------------------------------------------------------- what they stop


def test_an_operator_posts_up_to_the_account_cap_and_no_further(
    ringside, vault, account, venue, operator, capped
):
    capped(venue, DEPOSIT, SOME)
    post(vault, account, venue, SOME - USDC, operator)
    assert vault.postable(account, venue.id) == USDC
    with reverts(vault.AccountCapReached, account=account, venue=venue.id, room=USDC):
        post(vault, account, venue, USDC + 1, operator)
    post(vault, account, venue, USDC, operator)
    assert (vault.postedBy(account, venue.id), vault.postable(account, venue.id)) == (SOME, 0)


def test_all_accounts_together_stay_within_the_venues_cap(
    ringside, vault, account, client, venue, operator, capped
):
    other = account_id(client.address, "other")
    send(ringside.usdc.approve, vault, DEPOSIT, sender=client)
    send(ringside.usdc.mint, client, SOME, sender=client)
    send(vault.deposit, other, SOME, sender=client)
    post(vault, other, venue, SOME // 4, client)
    capped(venue, SOME, SOME)
    with reverts(vault.VenueCapReached, venue=venue.id, room=SOME - SOME // 4):
        post(vault, account, venue, SOME, operator)
    post(vault, account, venue, SOME - SOME // 4, operator)
    assert vault.posted(venue.id) == SOME


def test_a_signed_order_brings_no_margin_beyond_the_cap(ringside, vault, venue, capped):
    capped(venue, 2 * SOME, SOME)
    order = ringside.order(venues=1 << venue.id)
    with reverts(vault.AccountCapReached, venue=venue.id, room=SOME):
        ringside.fill(order, (venue.id, ETH, SOME + 1))
    ringside.fill(order, (venue.id, ETH, SOME))
    assert vault.postedBy(order.account, venue.id) == SOME


def test_a_ticket_brings_no_margin_beyond_the_cap(ringside, vault, synthetix, stranger, guardian):
    send(ringside.venues.lowerCaps, synthetix.id, 2 * SOME, SOME, sender=guardian)
    grant = (stranger.address, Right.TRADE | Right.MOVE, NEVER, 0, ALL_VENUES)
    send(vault.setOperator, ringside.account, grant, sender=ringside.actors["client"])
    terms = ringside._terms(synthetix.id, ETH // 10, SOME + 1)
    with reverts(vault.AccountCapReached, room=SOME):
        send(vault.commit, terms, 10**18 * 10**6, sender=stranger)


def test_what_comes_back_may_go_again(vault, account, venue, operator, capped):
    capped(venue, SOME, SOME)
    for _ in range(3):
        post(vault, account, venue, SOME, operator)
        send(vault.pull, account, venue.id, ETH_USD, SOME, 0, sender=operator)
        assert vault.postedBy(account, venue.id) <= 1  # Perp may pay a unit less.
        if vault.postedBy(account, venue.id):
            return


def test_what_an_owner_takes_out_in_kind_is_posted_no_longer(vault, account, client, venue, capped):
    capped(venue, SOME, SOME)
    for _ in range(3):
        post(vault, account, venue, SOME, client)
        send(vault.pullInKind, account, venue.id, ETH_USD, MAX, client, sender=client)
        assert (
            vault.posted(venue.id) == vault.postedBy(account, venue.id) <= 3
        )  # Perp may pay less.
    assert vault.postable(account, venue.id) >= SOME - 3


def test_another_token_counts_at_par_rounded_down(ringside, vault, account, client, synthetix):
    send(vault.post, account, synthetix.id, ETH_USD, SOME, 10**18, sender=client)
    receipt = send(
        vault.pullInKind, account, synthetix.id, ETH_USD, SOME // 4, client, sender=client
    )
    (event,) = receipt.decode_logs(vault.PulledInKind)
    assert event.token != ringside.usdc.address
    # What its exchange cost on the way in stays counted, as any loss.
    back = event.amount // 10**12
    assert 0 < back <= SOME // 4
    assert vault.posted(synthetix.id) == vault.postedBy(account, synthetix.id) == SOME - back


def test_what_an_owner_put_into_his_seat_does_not_count_as_pulled(
    ringside, vault, account, client, synthetix, operator, capped
):
    """The same sUSD is never counted back twice: by leaving in kind to his own seat, and by the
    exchange of what rests there."""
    post = (account, synthetix.id, ETH_USD, SOME, 10**18)
    send(vault.post, *post, sender=client)
    seat, susd = synthetix.seat().address, synthetix.susd.functions
    send(vault.pullInKind, account, synthetix.id, ETH_USD, SOME // 2, seat, sender=client)
    there = synthetix.margin()
    counted = vault.postedBy(account, synthetix.id)
    assert susd.balanceOf(seat).call() == SOME // 2 * 10**12
    receipt = send(vault.pull, account, synthetix.id, ETH_USD, USDC, 0, sender=client)
    (event,) = receipt.decode_logs(vault.MarginPulled)
    assert there - synthetix.margin() == 10**18
    assert 0.99 * USDC < event.amount < USDC
    assert vault.postedBy(account, synthetix.id) == counted - event.amount
    assert susd.balanceOf(seat).call() == SOME // 2 * 10**12
    capped(synthetix, SOME, vault.postedBy(account, synthetix.id))
    with reverts(vault.AccountCapReached, room=0):
        send(vault.post, *post[:3], USDC, 10**18, sender=operator)


def test_what_others_deposit_into_a_perp_seat_was_never_posted(
    ringside, vault, account, client, perp
):
    """The venue takes margin for a seat from anybody. What the vault sent and got back is what
    counts, so such a gift leaves its own amount there uncounted, and no more."""
    gift = SOME // 4
    send(vault.post, account, perp.id, ETH_USD, SOME, 0, sender=client)
    chain, seat = Chain(ringside.w3), perp.seat()
    usdc = chain.at(compiled("LocalUSDC"), ringside.usdc.address)
    chain.send(usdc, "mint", chain.accounts[MAKER], gift)
    chain.send(usdc, "approve", perp.vault.address, gift, role=MAKER)
    chain.send(perp.vault, "depositFor", seat.address, usdc.address, gift, role=MAKER)
    send(vault.pull, account, perp.id, ETH_USD, SOME, 0, sender=client)
    assert vault.postedBy(account, perp.id) <= 1  # Perp may pay a unit less.
    assert gift <= perp.deposited(seat) <= gift + 1


# --------------------------------------------------------------- what they never stop


def test_an_owner_is_never_refused_and_counts(vault, account, client, venue, operator, capped):
    capped(venue, 0, 0)
    post(vault, account, venue, SOME, client)
    assert vault.posted(venue.id) == vault.postedBy(account, venue.id) == SOME
    with reverts(vault.VenueCapReached, room=0):
        post(vault, account, venue, 1, operator)


@pytest.mark.parametrize("side", [1, -1], ids=["long", "short"])
def test_reducing_and_pulling_go_on_below_what_is_posted(
    ringside, vault, account, venue, operator, capped, side
):
    ringside.trade(venue.id, side * ETH, 2 * SOME)
    capped(venue, 0, 0)
    assert vault.postable(account, venue.id) == 0
    ringside.trade(venue.id, -side * ETH // 2, by=operator)
    order = ringside.order(size=-side * ETH // 2, venues=1 << venue.id)
    ringside.fill(order, (venue.id, -side * ETH // 2, 0))
    send(vault.pull, account, venue.id, ETH_USD, SOME, 0, sender=operator)
    assert vault.posted(venue.id) == vault.postedBy(account, venue.id) <= SOME + 1


def test_a_profit_taken_out_leaves_nothing_posted_and_makes_no_room_for_others(
    ringside, vault, account, client, rage
):
    neighbour = account_id(client.address, "neighbour")
    send(ringside.usdc.mint, client, SOME, sender=client)
    send(ringside.usdc.approve, vault, SOME, sender=client)
    send(vault.deposit, neighbour, SOME, sender=client)
    post(vault, neighbour, rage, SOME, client)
    ringside.trade(rage.id, 5 * ETH, 5 * SOME)
    market.move(ringside.w3, ringside.addresses, "ETH-USD", Decimal(2_200))
    market.settle(ringside.w3, ringside.addresses)
    ringside.trade(rage.id, -5 * ETH)
    free = ringside.view(account, ETH_USD).seats[rage.id].margin.free // USDC_TO_USD
    assert free > 5 * SOME
    send(vault.pull, account, rage.id, ETH_USD, free, 0, sender=client)
    assert vault.postedBy(account, rage.id) == 0
    assert vault.posted(rage.id) == vault.postedBy(neighbour, rage.id) == SOME


# --------------------------------------------------------------------------- the sum

STEPS = st.lists(
    st.tuples(st.sampled_from(["post", "pull"]), st.integers(0, 1), st.integers(1, 2_000)),
    min_size=1,
    max_size=8,
)


@given(steps=STEPS, cap=st.integers(0, 3_000), own=st.integers(0, 2_000))
@settings(
    max_examples=15,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_any_posts_and_pulls_count_as_a_model_says(
    ringside, vault, account, client, rage, operator, guardian, steps, cap, own
):
    """At Rage, which pays to the unit: of two accounts, one under an operator."""
    mark = ringside.w3.provider.make_request("evm_snapshot", [])["result"]
    try:
        other = account_id(client.address, "other")
        send(ringside.usdc.mint, client, DEPOSIT, sender=client)
        send(ringside.usdc.approve, vault, DEPOSIT, sender=client)
        send(vault.deposit, other, DEPOSIT // 2, sender=client)
        send(ringside.venues.lowerCaps, rage.id, cap * USDC, own * USDC, sender=guardian)
        posted = {account: 0, other: 0}
        for step, which, dollars in steps:
            amount, mine = dollars * USDC, (account, other)[which]
            by = operator if mine == account else client
            if step == "post":
                room = min(cap * USDC - sum(posted.values()), own * USDC - posted[mine])
                allowed = by == client or amount <= room
            else:
                allowed = amount <= posted[mine]
            try:
                if step == "post":
                    post(vault, mine, rage, amount, by)
                else:
                    send(vault.pull, mine, rage.id, ETH_USD, amount, 0, sender=by)
            except Refused:
                assert not allowed
            else:
                assert allowed
                posted[mine] += amount if step == "post" else -amount
            assert [vault.postedBy(one, rage.id) for one in posted] == list(posted.values())
            assert vault.posted(rage.id) == sum(posted.values())
            room = min(cap * USDC - sum(posted.values()), own * USDC - posted[mine])
            assert vault.postable(mine, rage.id) == max(room, 0)
    finally:
        ringside.w3.provider.make_request("evm_revert", [mark])
