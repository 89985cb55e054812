"""Whatever a venue does, an account loses at most the margin it sent there."""

import pytest
from stage import (
    ALL_VENUES,
    BTC_USD,
    DEPOSIT,
    ETH,
    ETH_USD,
    MAX,
    NO_RECEIPT,
    USDC,
    Refused,
    reverts,
    selector,
    send,
)

from ringside.accounts import account_id
from ringside.orders import Bounds, sign, venue_set

SENT = 1_000 * USDC
MARGIN = 3_000 * USDC
UNIT = 10**12
PANIC_OVERFLOW = "0x4e487b71" + (0x11).to_bytes(32, "big").hex()


@pytest.fixture
def hostile(ringside):
    """A hostile venue by the name of its seat contract: its id and the contract behind it."""
    return ringside.add_venue


@pytest.fixture
def the_rest_goes_on(ringside, vault, usdc, perp, rage, client, neighbour):
    """Fills, reads and exits at the real venues, for the client and for a neighbour.

    No more than `SENT` of the client's is gone, and nothing of the neighbour's.
    """

    def check(lost=SENT):
        client_account = ringside.account
        neighbours = account_id(neighbour.address)
        assert vault.idle(client_account) >= DEPOSIT - lost
        assert vault.idle(neighbours) == DEPOSIT
        # A fill, by the keeper, at both real venues at once.
        order = ringside.order(size=2 * ETH, nonce=99)
        ringside.fill(order, (perp.id, ETH, MARGIN), (rage.id, ETH, MARGIN))
        ringside.trade(perp.id, ETH, MARGIN, account=neighbours, by=neighbour)
        # The reads, in one call with the gas of one block.
        view = ringside.view(client_account, ETH_USD, BTC_USD)
        for venue in (perp, rage):
            seen = view.seats[venue.id]
            assert seen.made
            assert seen.readable
            assert seen.markets[0].readable
            assert seen.markets[0].position.size == venue.size(venue.seat()) == ETH
            assert seen.margin.equity == venue.equity(venue.seat())
        # The exits, to the last unit that the venues give back.
        for venue in (perp, rage):
            ringside.trade(venue.id, -ETH)
            free = venue.free(venue.seat()) // UNIT
            assert free > MARGIN - 10 * USDC
            send(vault.pull, client_account, venue.id, ETH_USD, free, free, sender=client)
        ringside.trade(perp.id, -ETH, account=neighbours, by=neighbour)
        for owner, account in ((client, client_account), (neighbour, neighbours)):
            wallet, idle = usdc.balanceOf(owner), vault.idle(account)
            send(vault.withdraw, account, idle, owner, sender=owner)
            assert usdc.balanceOf(owner) - wallet == idle
        return view

    return check


def fill_there(ringside, venue, size=ETH, margin=SENT, **changes):
    order = ringside.order(size=size, venues=venue_set([venue]), max_margin=margin, **changes)
    return ringside.fill(order, (venue, size, margin))


def test_the_honest_stand_in_gives_everything_back(ringside, vault, account, client, hostile):
    """What the hostile ones are measured against."""
    venue, _ = hostile("StandInSeat")
    fill_there(ringside, venue)
    assert vault.idle(account) == DEPOSIT - SENT
    send(vault.pull, account, venue, ETH_USD, SENT, SENT, sender=client)
    assert vault.idle(account) == DEPOSIT


def test_a_venue_that_pays_short_is_credited_with_what_arrives(
    ringside, vault, usdc, account, client, hostile, the_rest_goes_on
):
    venue, _ = hostile("ShortPayingSeat")
    fill_there(ringside, venue)
    with reverts(vault.PaidShort, least=SENT, received=SENT // 2):
        send(vault.pull, account, venue, ETH_USD, SENT, SENT, sender=client)
    held = usdc.balanceOf(vault)
    receipt = send(vault.pull, account, venue, ETH_USD, SENT, 0, sender=client)
    (event,) = receipt.decode_logs(vault.MarginPulled)
    assert event.amount == SENT // 2
    assert vault.idle(account) == DEPOSIT - SENT + SENT // 2
    assert usdc.balanceOf(vault) - held == SENT // 2
    the_rest_goes_on(lost=SENT // 2)


def test_a_venue_that_is_stuck_keeps_the_margin_and_no_more(
    ringside, vault, account, client, hostile, the_rest_goes_on
):
    venue, seat = hostile("StuckSeat")
    send(vault.post, account, venue, ETH_USD, SENT, 0, sender=client)
    with reverts(seat.Stuck):
        fill_there(ringside, venue, margin=0)
    with reverts(seat.Stuck):
        send(vault.pull, account, venue, ETH_USD, 1, 0, sender=client)
    assert vault.idle(account) == DEPOSIT - SENT
    the_rest_goes_on()


def test_one_failing_leg_undoes_the_others(ringside, vault, account, perp, hostile):
    venue, seat = hostile("StuckSeat")
    order = ringside.order(size=2 * ETH, venues=venue_set([perp.id, venue]))
    with reverts(seat.Stuck):
        ringside.fill(order, (perp.id, ETH, MARGIN), (venue, ETH, 0))
    assert vault.idle(account) == DEPOSIT
    assert not vault.seatOf(account, perp.id).made


def test_a_venue_that_lies_takes_the_margin_and_no_more(
    ringside, vault, account, client, hostile, the_rest_goes_on
):
    """It passes every bound by lying; what it can take is the margin."""
    venue, _ = hostile("LyingSeat")
    ringside.trade(venue, 1)
    ringside.mine_at(ringside.now + 2)  # It lies from the next block on.
    bounds = Bounds(max_leverage=1, max_deviation=1, reduce_only=True)
    receipt = fill_there(ringside, venue, limit_price=0, bounds=bounds)
    assert ringside.filled(receipt).quote == 0
    assert vault.idle(account) == DEPOSIT - SENT
    with pytest.raises(Refused):
        send(vault.pull, account, venue, ETH_USD, SENT, 0, sender=client)
    the_rest_goes_on()


def test_a_venue_that_fills_for_nothing_pays_for_no_bad_price_elsewhere(
    ringside, vault, account, hostile, perp, rage, the_rest_goes_on
):
    """The bounds hold for every leg by itself: a free leg does not average a bad one away."""
    venue, _ = hostile("LyingSeat")
    ringside.trade(venue, 1)
    ringside.mine_at(ringside.now + 2)  # It lies from the next block on.
    allowed = venue_set([perp.id, rage.id, venue])
    for honest in (perp, rage):
        for limit, bounds in ((1_990, Bounds()), (3_000, Bounds(max_deviation=1))):
            order = ringside.order(
                size=11 * ETH, limit_price=limit * ETH, venues=allowed, bounds=bounds
            )
            worse = (
                ringside.desk.TooFarFromOracle if bounds.max_deviation else ringside.desk.WorsePrice
            )
            with reverts(worse):
                ringside.fill(order, (honest.id, 10 * ETH, 2 * MARGIN), (venue, ETH, 0))
    assert vault.idle(account) == DEPOSIT
    the_rest_goes_on(0)


def test_a_venue_that_grasps_finds_no_allowance(ringside, usdc, vault, neighbour, hostile, perp):
    """It tries the vault, and another account's seat at another venue, on which a gift rests."""
    neighbours = account_id(neighbour.address)
    ringside.trade(perp.id, ETH, MARGIN, account=neighbours, by=neighbour)
    victim = perp.seat(neighbours)
    send(usdc.mint, victim, USDC, sender=neighbour)
    held = usdc.balanceOf(vault)
    venue, seat = hostile("GraspingSeat", instrument=int(victim.address, 16))
    fill_there(ringside, venue)
    mine = ringside.seat_at(venue, "GraspingSeat")
    assert mine.taken() == 0
    assert usdc.balanceOf(victim) == USDC
    assert usdc.balanceOf(vault) == held - SENT
    assert usdc.balanceOf(seat) == SENT


def test_a_purchase_for_a_price_beyond_any_sum_is_refused(
    ringside, vault, desk, account, hostile, the_rest_goes_on
):
    venue, _ = hostile("OverflowingSeat")
    with reverts(desk.WorsePrice, total=MAX, limit=10_000 * ETH * ETH):
        fill_there(ringside, venue)
    assert vault.idle(account) == DEPOSIT
    the_rest_goes_on(lost=0)


def test_a_sale_for_a_price_beyond_any_sum_costs_the_margin_and_no_more(
    ringside, vault, account, hostile, perp, the_rest_goes_on
):
    """It passes by lying, as any price does; together with another leg the sum is refused."""
    venue, _ = hostile("OverflowingSeat")
    both = ringside.order(size=-2 * ETH, venues=venue_set([perp.id, venue]))
    legs = (perp.id, -ETH, MARGIN), (venue, -ETH, SENT)
    for order in (legs, legs[::-1]):
        with pytest.raises(Refused, match="^" + PANIC_OVERFLOW):
            ringside.fill(both, *order)
    assert vault.idle(account) == DEPOSIT
    receipt = fill_there(ringside, venue, size=-ETH)
    assert ringside.filled(receipt).quote == MAX
    assert vault.idle(account) == DEPOSIT - SENT
    the_rest_goes_on()


@pytest.mark.parametrize("contract", ["RevertBombSeat", "ReturnBombSeat", "GasBurningSeat"])
def test_a_venue_that_sabotages_its_reads_hides_nothing_of_the_others(
    ringside, vault, account, client, hostile, the_rest_goes_on, contract
):
    venue, _ = hostile(contract)
    send(ringside.venues.list, venue, BTC_USD, b"\1" * 32, sender=ringside.actors["governor"])
    fill_there(ringside, venue)
    view = the_rest_goes_on()
    assert view.seats[venue].made
    if contract != "ReturnBombSeat":
        assert not view.seats[venue].readable
        assert [seen.readable for seen in view.seats[venue].markets] == [False, False]
    assert ringside.seat_at(venue, contract).posted() == SENT


def test_a_venue_that_answers_with_too_few_bytes_hides_nothing_of_the_others(
    ringside, hostile, the_rest_goes_on
):
    venue, _ = hostile("ShortAnswerSeat")
    fill_there(ringside, venue)
    view = the_rest_goes_on()
    assert view.seats[venue].made
    assert not view.seats[venue].readable


def test_sabotaged_reads_stop_no_exit_from_that_very_venue(
    ringside, vault, account, client, hostile
):
    venue, _ = hostile("GasBurningSeat")
    fill_there(ringside, venue)
    ringside.trade(venue, -ETH)
    send(vault.pull, account, venue, ETH_USD, SENT, SENT, sender=client)
    assert vault.idle(account) == DEPOSIT


# ----------------------------------------------------------------------- coming back in


@pytest.fixture
def reentry(ringside, vault, usdc, hostile, attacker):
    """A venue with an account of its own at the vault, made ready to come back in."""
    venue, seat = hostile("ReenteringSeat")
    own = account_id(seat.address)
    send(usdc.mint, seat, 10 * SENT, sender=attacker)
    approve = usdc.approve.encode_input(vault, MAX)
    deposit = vault.deposit.encode_input(own, 5 * SENT)
    send(seat.run, usdc, approve, sender=attacker)
    send(seat.run, vault, deposit, sender=attacker)
    return venue, seat, own


@pytest.fixture
def plan(ringside, vault, desk, usdc, account, client, attacker, perp, reentry):
    """Every call at the vault that moves anything, for the venue and against the client."""
    venue, seat, own = reentry
    sizes = (ETH_USD, ETH, MAX, USDC, 0, seat.address, 0, seat.address, False)
    sweep = vault.sweep.encode_input
    calls = [
        vault.deposit.encode_input(own, USDC),
        vault.withdraw.encode_input(own, USDC, seat),
        vault.post.encode_input(own, perp.id, ETH_USD, USDC, 0),
        vault.pull.encode_input(own, venue, ETH_USD, USDC, 0),
        vault.trade.encode_input((own, venue, *sizes)),
        vault.trade.encode_input((account, venue, *sizes)),
        vault.pull.encode_input(account, venue, ETH_USD, USDC, 0),
        vault.withdraw.encode_input(account, USDC, seat),
        sweep(account, venue, usdc),
        sweep(own, venue, usdc),
    ]
    send(seat.plan, [(vault.address, call) for call in calls], sender=attacker)
    return len(calls)


def test_a_venue_that_comes_back_in_while_it_trades_finds_the_vault_locked(
    ringside, vault, account, reentry, plan, the_rest_goes_on
):
    venue, seat, own = reentry
    fill_there(ringside, venue)
    locked = selector(vault.ReentrancyGuardReentrantCall)
    # While the seat is made, while it posts, and while it trades.
    assert [bytes(outcome) for outcome in seat.allOutcomes()] == [locked] * plan * 3
    assert vault.idle(account) == DEPOSIT - SENT
    assert vault.idle(own) == 5 * SENT
    the_rest_goes_on()


def test_a_venue_that_comes_back_in_while_it_pays_finds_the_vault_locked(
    ringside, vault, usdc, account, client, attacker, reentry, plan
):
    """A deposit of its own within a withdrawal would else be counted twice."""
    venue, seat, own = reentry
    fill_there(ringside, venue)
    held = usdc.balanceOf(vault)
    send(vault.pull, account, venue, ETH_USD, SENT, SENT, sender=client)
    locked = selector(vault.ReentrancyGuardReentrantCall)
    assert [bytes(outcome) for outcome in seat.allOutcomes()] == [locked] * plan * 4
    assert vault.idle(account) == DEPOSIT
    assert vault.idle(own) == 5 * SENT
    assert usdc.balanceOf(vault) == held + SENT


def test_a_venue_that_fills_the_same_order_again_from_within_gets_nothing(
    ringside, vault, desk, account, client, attacker, reentry
):
    venue, seat, _ = reentry
    order = ringside.order(size=2 * ETH, max_margin=2 * SENT, venues=venue_set([venue]))
    signature = sign(order, ringside.domain, client.private_key)
    again = desk.fill.encode_input(order.tuple, signature, [(venue, ETH, SENT)], NO_RECEIPT)
    beyond = desk.fill.encode_input(order.tuple, signature, [(venue, 2 * ETH, SENT)], NO_RECEIPT)
    calls = [(desk.address, again), (desk.address, beyond)]
    send(seat.plan, calls, sender=attacker)
    ringside.fill(order, (venue, ETH, SENT))
    outcomes = [bytes(outcome) for outcome in seat.allOutcomes()]
    overfilled = selector(desk.Overfilled)
    assert outcomes == [selector(vault.ReentrancyGuardReentrantCall), overfilled] * 3
    progress = desk.progress(order.digest(ringside.domain))
    assert (progress.used, progress.margin) == (ETH, SENT)
    assert vault.idle(account) == DEPOSIT - SENT


def test_a_venue_that_grants_and_cancels_from_within_does_so_for_itself_alone(
    ringside, vault, desk, account, attacker, reentry
):
    venue, seat, own = reentry
    grant = (attacker.address, 3, MAX >> 216, 0, ALL_VENUES)
    calls = [
        (vault.address, vault.setOperator.encode_input(account, grant)),
        (desk.address, desk.cancel.encode_input(account, 1)),
        (desk.address, desk.raiseEpoch.encode_input(account, 1)),
        (vault.address, vault.setOperator.encode_input(own, grant)),
    ]
    send(seat.plan, calls, sender=attacker)
    fill_there(ringside, venue)
    outcomes = [bytes(outcome) for outcome in seat.allOutcomes()]
    not_owner = selector(vault.NotOwner)
    assert outcomes == [not_owner, not_owner, not_owner, bytes(4)] * 3
    assert vault.operators(account, attacker).rights == 0
    assert vault.operators(own, attacker).rights == 3
    assert desk.epochs(account) == 0
