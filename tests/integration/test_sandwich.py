"""A keeper who moves the venues himself, before a fill and back afterwards, in one transaction.

Best execution compares venues at the state it meets, so it is no guard against a state that was
moved at all of them; the oracle's bound is. What is lost here is counted against the price before
anybody moved anything, what is gained by what the keeper's own accounts are worth afterwards.
"""

from types import SimpleNamespace

import pytest
from dishonest_keeper import hire
from stage import ETH, ETH_USD, ONE, READ_GAS, USDC, Refused, reverts, selector

from devnet.artifacts import compiled
from devnet.pools import pool
from ringside.orders import Bounds

MARGIN = 45_000 * USDC
SIZE = 100 * ETH
FAIR = 2_000 * ONE
BPS = ONE // 10_000
TOLERANCE = 5 * BPS
DEVIATION = 60 * BPS
MAX_SQRT = 1461446703485210103287273052203988822378723970342
SIGNS = pytest.mark.parametrize("sign", [1, -1])


@pytest.fixture
def crook(ringside, perp, rage):
    return hire(ringside, perp, rage)


@pytest.fixture
def order(ringside):
    def make(size, **changes):
        names = [name for name in changes if name in Bounds.__slots__]
        bounds = Bounds(**{name: changes.pop(name) for name in names})
        return ringside.order(size=size, bounds=bounds, max_margin=2 * MARGIN, **changes)

    return make


@pytest.fixture
def quotes(ringside):
    """What both venues would take for a size now; and the best of them."""
    contract = ringside.w3.eth.contract(address=ringside.quotes.address, abi=compiled("Quotes").abi)

    def each(size):
        return [
            contract.functions.best(ETH_USD, 1 << venue, size, False).call({"gas": READ_GAS})[0]
            for venue in (0, 1)
        ]

    return each


def better(sign, prices):
    return (min if sign > 0 else max)(prices)


def sandwich(crook, order, leg, pushes, sign):
    """Both pushed in the order's direction, the fill, and both pushed back."""
    venues = [venue for venue, size in enumerate(pushes) if size]
    return crook.run(
        *(crook.push(venue, sign * pushes[venue]) for venue in venues),
        crook.fill(order, leg),
        *(crook.push(venue, -sign * pushes[venue]) for venue in venues),
    )


def hardest(crook, order, leg, sign, reasons, most=1_200 * ETH, venues=(0, 1)):
    """The hardest push, to a hundredth of an ETH at each venue, after which the fill still goes
    through; what refuses a harder one must be among the reasons."""
    low, high = 0, most
    while high - low > ETH // 100:
        middle = (low + high) // 2
        calls = [*(crook.push(v, sign * middle) for v in venues), crook.fill(order, leg)]
        data = crook.contract.run.encode_input(calls)
        tx = {"from": crook.ringside.actors["attacker"].address, "to": crook.contract.address}
        tx |= {"data": data, "gas": hex(15_000_000)}
        answer = crook.ringside.w3.provider.make_request("eth_call", [tx, "latest"])
        if "result" in answer:
            low = middle
        else:
            reason = bytes.fromhex(answer["error"]["data"][2:])
            assert reason[:4] in [selector(error) for error in reasons], reason.hex()
            high = middle
    assert low > 0
    return low


def told(what, sign, quote, honest, gained):
    """Says what was lost against the price before, and returns it with the oracle's view of it;
    1e18 USD."""
    fair = FAIR * SIZE // ONE
    loss, off = sign * (quote - honest), sign * (quote - fair)
    print(
        f"\n{what} ({sign:+d}): loss {loss / ONE:.2f} USD, {loss * 10_000 / honest:.2f} bps; "
        f"{off * 10_000 / fair:.2f} bps off the oracle; the keeper {gained / ONE:+.2f} USD"
    )
    return loss, off


@SIGNS
def test_a_sandwich_of_both_venues_takes_no_more_than_the_deviation_signed(
    ringside, desk, crook, order, quotes, sign
):
    honest = better(sign, quotes(sign * SIZE))
    made = order(sign * SIZE, tolerance=TOLERANCE, max_deviation=DEVIATION)
    leg = (0, sign * SIZE, MARGIN)
    push = hardest(crook, made, leg, sign, [desk.TooFarFromOracle, desk.NotBest])
    wealth = crook.wealth
    receipt = sandwich(crook, made, leg, (push, push), sign)
    quote = ringside.filled(receipt).quote
    gained = crook.wealth - wealth
    what = f"both venues moved by {push / ETH:.2f} ETH, with a deviation of 60 bps"
    loss, off = told(what, sign, quote, honest, gained)
    assert 0 < loss < off <= FAIR * SIZE // ONE * DEVIATION // ONE
    assert gained < loss


@SIGNS
def test_without_a_deviation_a_sandwich_takes_up_to_the_limit(
    ringside, desk, crook, order, quotes, sign
):
    """And the tolerance alone does not stop it: both venues were moved."""
    honest = better(sign, quotes(sign * SIZE))
    limit = FAIR + sign * 100 * ONE
    made = order(sign * SIZE, tolerance=TOLERANCE, limit_price=limit)
    leg = (0, sign * SIZE, MARGIN)
    push = hardest(crook, made, leg, sign, [desk.WorsePrice, desk.NotBest])
    wealth = crook.wealth
    receipt = sandwich(crook, made, leg, (push, push), sign)
    quote = ringside.filled(receipt).quote
    gained = crook.wealth - wealth
    what = f"both venues moved by {push / ETH:.2f} ETH, with a limit 5 % off alone"
    loss, off = told(what, sign, quote, honest, gained)
    assert off <= sign * (limit - FAIR) * SIZE // ONE
    assert loss > honest * 400 // 10_000  # Nearly all of it.
    assert gained < loss


@SIGNS
def test_moving_one_venue_and_filling_there_is_refused_beyond_the_tolerance(
    ringside, desk, crook, order, quotes, sign
):
    """No deviation is signed: the venue that was left alone bounds it."""
    at_perp, at_rage = quotes(sign * SIZE)
    made = order(sign * SIZE, tolerance=TOLERANCE)
    leg = (0, sign * SIZE, MARGIN)
    push = hardest(crook, made, leg, sign, [desk.NotBest], venues=(0,))
    wealth = crook.wealth
    quote = ringside.filled(sandwich(crook, made, leg, (push, 0), sign)).quote
    gained = crook.wealth - wealth
    loss, _ = told(f"Perp alone moved by {push / ETH:.2f} ETH", sign, quote, at_perp, gained)
    assert loss <= sign * (at_rage - at_perp) + at_rage * TOLERANCE // ONE
    assert gained < loss


@SIGNS
def test_moving_the_best_venue_away_to_fill_at_the_other_costs_no_more_than_between_the_two(
    ringside, desk, crook, order, quotes, sign
):
    """Perp is pushed to within a tick of its limits, so that it can take nothing more; the fill is
    then held against Rage alone. Who was owed Perp's price pays Rage's as it was."""
    at_perp, at_rage = quotes(sign * SIZE)
    assert sign * (at_rage - at_perp) > 0
    made = order(sign * SIZE, tolerance=TOLERANCE)
    leg = (1, sign * SIZE, MARGIN)
    with reverts(desk.NotBest):
        ringside.fill(made, leg)
    push = as_far_as_it_goes(crook, sign)
    with pytest.raises(Refused):  # It cannot take the order's size any more.
        crook.run(crook.push(0, sign * push), crook.push(0, sign * SIZE))
    wealth = crook.wealth
    quote = ringside.filled(sandwich(crook, made, leg, (push, 0), sign)).quote
    gained = crook.wealth - wealth
    what = f"Perp moved to its limits by {push / ETH:.2f} ETH, filled at Rage"
    loss, _ = told(what, sign, quote, at_perp, gained)
    assert loss == sign * (at_rage - at_perp)
    assert gained < 0  # It pays the venue's fee twice for that, and gets nothing.


def as_far_as_it_goes(crook, sign):
    low, high = 0, 4_000 * ETH
    while high - low > ETH:
        middle = (low + high) // 2
        call = crook.contract.run.encode_input([crook.push(0, sign * middle)])
        tx = {"from": crook.ringside.actors["attacker"].address, "to": crook.contract.address}
        tx |= {"data": call, "gas": hex(15_000_000)}
        answer = crook.ringside.w3.provider.make_request("eth_call", [tx, "latest"])
        low, high = (middle, high) if "result" in answer else (low, middle)
    return low


@pytest.mark.parametrize("venue", [0, 1])
@SIGNS
def test_liquidity_added_just_in_time_takes_nothing_from_the_client(
    ringside, crook, order, quotes, venue, sign
):
    """It makes the client's price better; what the keeper earns of the fee is the other makers'."""
    honest = quotes(sign * SIZE)[venue]
    market = crook.ringside.addresses["venues"][("perp-v2", "rage")[venue]]["markets"]["ETH-USD"]
    uniswap = pool(ringside.w3, market["pool" if venue == 0 else "vpool"])
    tick, spacing = uniswap.functions.slot0().call()[1], (200, 10)[venue]
    lower = tick // spacing * spacing - spacing
    around = (lower, lower + 3 * spacing)
    amount = 2_000 * ETH if venue == 0 else uniswap.functions.liquidity().call()
    made = order(sign * SIZE, venues=1 << venue)
    wealth = crook.wealth
    receipt = crook.run(
        crook.provide(venue, *around, amount), crook.fill(made, (venue, sign * SIZE, MARGIN))
    )
    quote = ringside.filled(receipt).quote
    gained = crook.wealth - wealth
    print(f"\njust in time ({sign:+d}): the client {sign * (honest - quote) / ONE:+.2f} USD")
    assert 0 < gained < 1_000 * ONE
    assert sign * (quote - honest) < 0


# -------------------------------------------------------------------- from within a pool


@pytest.fixture
def pools(ringside):
    venues = ringside.addresses["venues"]
    return SimpleNamespace(
        perp=venues["perp-v2"]["markets"]["ETH-USD"]["pool"],
        rage=venues["rage"]["markets"]["ETH-USD"]["vpool"],
        wrapper=venues["rage"]["markets"]["ETH-USD"]["vpool_wrapper"],
    )


@pytest.mark.parametrize("venue", [0, 1])
@pytest.mark.parametrize("skip", [True, False])
def test_a_venue_whose_pool_the_keeper_has_locked_is_not_taken_for_one_that_fails(
    ringside, desk, crook, order, quotes, pools, venue, skip
):
    """A loan of nothing from the pool costs nothing, and locks it while the fill is made."""
    size = SIZE if venue == 0 else ETH  # For which the locked venue is the better.
    made = order(size, tolerance=BPS, skip_unquotable=skip)
    dearer = (1 - venue, size, MARGIN)
    with reverts(desk.NotBest):
        crook.run(crook.fill(made, dearer))
    with reverts(ringside.quotes.VenueBusy, venue=venue):
        crook.run_locked((pools.perp, pools.rage)[venue], crook.fill(made, dearer))


@pytest.mark.parametrize("venue", [0, 1])
def test_a_position_at_a_venue_whose_pool_the_keeper_has_locked_is_still_closed_first(
    ringside, desk, crook, order, pools, venue
):
    ringside.trade(venue, -ETH, MARGIN)
    made = order(ETH)
    elsewhere = (1 - venue, ETH, MARGIN)
    with reverts(desk.CloseFirst):
        crook.run(crook.fill(made, elsewhere))
    with reverts(ringside.quotes.VenueBusy, venue=venue):
        crook.run_locked((pools.perp, pools.rage)[venue], crook.fill(made, elsewhere))


@pytest.mark.parametrize("venue", [0, 1])
def test_a_price_moved_by_a_swap_that_is_not_paid_for_moves_no_yardstick(
    ringside, crook, order, pools, venue
):
    """Within the callback of a swap at the virtual pool itself its price is moved already. An order
    without best execution is filled elsewhere all right, but then the pool wants to be paid, in a
    token that nobody but the venue can send."""
    size = SIZE if venue == 0 else ETH
    made = order(size, tolerance=BPS, skip_unquotable=True)
    free = order(size)
    where = (pools.perp, pools.rage)[venue]
    to = crook.contract.address if venue == 0 else pools.wrapper
    swap = (to, False, 10**30, MAX_SQRT - 1)
    elsewhere = (1 - venue, size, MARGIN)
    with reverts(ringside.quotes.VenueBusy, venue=venue):
        crook.run_moved(where, swap, crook.fill(made, elsewhere))
    with pytest.raises(Refused) as refused:
        crook.run_moved(where, swap, crook.fill(free, elsewhere))
    assert b"IIA" in refused.value.data
