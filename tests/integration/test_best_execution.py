"""Best execution: what a keeper who routes, splits or starves quotes cannot do, in numbers."""

from types import SimpleNamespace

import pytest
from dishonest_keeper import hire
from hypothesis import given
from hypothesis import strategies as st
from stage import (
    ETH,
    ETH_USD,
    NO_RECEIPT,
    ONE,
    READ_GAS,
    USDC,
    Refused,
    few,
    reverts,
    selector,
    send,
)

from devnet.anvil import rpc
from devnet.artifacts import compiled
from ringside.orders import Bounds, Tickets, venue_set

MARGIN = 45_000 * USDC
SIZE = 100 * ETH
"""At the local venues' depth Perp takes it about 11 basis points better than Rage."""
BPS = ONE // 10_000
TOLERANCE = 5 * BPS
BOTH = 0b11
RETURNS, REVERTS, BURNS = 1, 2, 3
"""How a QuotingSeat answers."""
SILENT = {
    "reverts": (REVERTS, 0, 0, 0),
    "burns its gas": (BURNS, 0, 0, 0),
    "returns a bomb": (RETURNS, 1, 1, 600_000),
    "reverts with a bomb": (REVERTS, 1, 1, 600_000),
    "answers too short": (RETURNS, 1, 1, 63),
    "quotes zero": (RETURNS, 0, 1, 64),
}
ON_CHAIN = few(15)
SIGNS = pytest.mark.parametrize("sign", [1, -1])


@pytest.fixture
def quoting(ringside):
    """A venue that trades at 2,000 USD and quotes what it is told to."""
    venue, seat = ringside.add_venue("QuotingSeat")

    def say(manner, first=0, second=0, length=64):
        sender = ringside.actors["stranger"]
        send(seat.say, manner, first, second, length, sender=sender)

    return SimpleNamespace(id=venue, say=say)


@pytest.fixture
def order(ringside):
    """An order that asks for best execution, unless told otherwise."""

    def make(size=SIZE, tolerance=TOLERANCE, **changes):
        bounds = {name: changes.pop(name) for name in Bounds.__slots__ if name in changes}
        margin = changes.pop("max_margin", 2 * MARGIN)
        bounds = Bounds(tolerance=tolerance, **bounds)
        return ringside.order(size=size, bounds=bounds, max_margin=margin, **changes)

    return make


@pytest.fixture
def prices(ringside):
    """What each venue alone would take for a size, by a fill there that nothing bounds."""

    def each(size):
        return [
            ringside.quote(ringside.order(size=size, max_margin=2 * MARGIN), (v, size, MARGIN))
            for v in (0, 1)
        ]

    return each


@pytest.fixture
def yardstick(ringside):
    """The best single venue's quote for a size: what a fill is held against, which at Perp is up
    to ten wei off what it would fill at."""
    contract = ringside.w3.eth.contract(address=ringside.quotes.address, abi=compiled("Quotes").abi)

    def best(size, venues=BOTH):
        asked = contract.functions.best(ETH_USD, venues, size, False)
        return asked.call({"gas": READ_GAS})[0]

    return best


def limit(best, tolerance, sign):
    slack = best * tolerance // ONE
    return best + slack if sign > 0 else best - slack


def bps(worse, better):
    return abs(worse - better) * 10_000 / better


def eth_call(ringside, order, *legs, gas):
    """Whether a fill goes through with this much gas: what it returns, or what it fails with."""
    keeper, client = ringside.actors["keeper"], ringside.actors["client"]
    terms = order.tuple, ringside.signed(order, client), list(legs), NO_RECEIPT
    data = ringside.desk.fill.encode_input(*terms)
    tx = {"from": keeper.address, "to": ringside.desk.address, "data": data, "gas": hex(gas)}
    answer = ringside.w3.provider.make_request("eth_call", [tx, "latest"])
    if "result" in answer:
        return int(answer["result"], 16), b""
    return None, bytes.fromhex((answer["error"].get("data") or "0x")[2:])


# ------------------------------------------------------------------------------- routing


@SIGNS
def test_a_keeper_that_routes_to_the_dearer_venue_is_refused(
    ringside, desk, order, prices, yardstick, sign
):
    at_perp, at_rage = prices(sign * SIZE)
    assert bps(at_rage, at_perp) > 8
    most = limit(yardstick(sign * SIZE), TOLERANCE, sign)
    with reverts(desk.NotBest, quote=at_rage, limit=most):
        ringside.fill(order(sign * SIZE), (1, sign * SIZE, MARGIN))
    filled = ringside.filled(ringside.fill(order(sign * SIZE), (0, sign * SIZE, MARGIN)))
    assert filled.quote == at_perp


@SIGNS
def test_where_the_other_venue_is_the_better_it_is_the_yardstick(
    ringside, desk, order, prices, sign
):
    """Rage is the cheaper for small sizes."""
    size = sign * ETH
    at_perp, at_rage = prices(size)
    with reverts(desk.NotBest, quote=at_perp, limit=limit(at_rage, BPS, sign)):
        ringside.fill(order(size, BPS), (0, size, MARGIN))
    ringside.fill(order(size, BPS), (1, size, MARGIN))


def test_a_venue_that_is_not_allowed_is_no_yardstick(ringside, order, prices):
    _, at_rage = prices(SIZE)
    receipt = ringside.fill(order(venues=0b10, tolerance=1), (1, SIZE, MARGIN))
    assert ringside.filled(receipt).quote == at_rage


@SIGNS
def test_a_split_that_is_better_than_the_best_single_venue_passes_with_no_tolerance_to_speak_of(
    ringside, order, prices, sign
):
    best = (min if sign > 0 else max)(prices(sign * SIZE))
    half = sign * SIZE // 2
    receipt = ringside.fill(order(sign * SIZE, 1), (0, half, MARGIN), (1, half, MARGIN))
    quote = ringside.filled(receipt).quote
    assert sign * (best - quote) > 0
    assert bps(quote, best) > 5


def test_a_split_that_is_worse_than_the_best_single_venue_by_more_is_refused(ringside, desk, order):
    most = SIZE * 99 // 100
    with reverts(desk.NotBest):
        ringside.fill(order(), (1, most, MARGIN), (0, SIZE - most, MARGIN))


def test_an_order_routed_for_a_horizon_signs_no_tolerance_and_is_free(ringside, order, prices):
    _, at_rage = prices(SIZE)
    receipt = ringside.fill(order(tolerance=0), (1, SIZE, MARGIN))
    assert ringside.filled(receipt).quote == at_rage


def test_an_order_without_a_tolerance_asks_no_venue(ringside, order, quoting, stand_in):
    quoting.say(REVERTS)
    allowed = venue_set([quoting.id, stand_in])
    ringside.fill(order(ETH, 0, venues=allowed), (stand_in, ETH, MARGIN))
    with reverts(ringside.quotes.Unquotable, venue=quoting.id):
        ringside.fill(order(ETH, 1, venues=allowed, nonce=2), (stand_in, ETH, MARGIN))


@ON_CHAIN
@given(
    sign=st.sampled_from([1, -1]), tolerance=st.integers(1, ONE // 2), size=st.integers(1, 10**24)
)
def test_the_tolerance_is_exact_to_the_smallest_unit(
    ringside, desk, order, quoting, stand_in, sign, tolerance, size
):
    """The fill is at 2,000 to the unit; the other venue quotes just enough, and a unit too good."""
    paid = 2_000 * size
    # The best price from which on the fill is within the tolerance, by search.
    low, high = (0, paid) if sign > 0 else (paid, 3 * paid)
    while high - low > 1:
        middle = (low + high) // 2
        within = sign * (limit(middle, tolerance, sign) - paid) >= 0
        if within == (sign > 0):
            high = middle
        else:
            low = middle
    edge, beyond = (high, low) if sign > 0 else (low, high)
    allowed = venue_set([quoting.id, stand_in])
    made = order(sign * size, tolerance, venues=allowed, limit_price=10**30 if sign > 0 else 0)
    before = rpc(ringside.w3, "evm_snapshot")
    if beyond > 0:
        quoting.say(RETURNS, beyond, 1)
        with reverts(desk.NotBest, quote=paid, limit=limit(beyond, tolerance, sign)):
            ringside.fill(made, (stand_in, sign * size, MARGIN))
    quoting.say(RETURNS, edge, 1)
    ringside.fill(made, (stand_in, sign * size, MARGIN))
    rpc(ringside.w3, "evm_revert", before)


@pytest.mark.parametrize("tolerance", [ONE, 2**256 - 1])
@SIGNS
def test_a_tolerance_of_everything_bounds_no_sale_and_overflows_nothing(
    ringside, order, quoting, stand_in, sign, tolerance
):
    quoting.say(RETURNS, 1_500 * ETH if sign > 0 else 10**50, 1)
    made = order(sign * ETH, tolerance, venues=venue_set([quoting.id, stand_in]))
    ringside.fill(made, (stand_in, sign * ETH, MARGIN))


@SIGNS
def test_a_fill_in_many_small_parts_at_the_dearer_venue_stays_within_the_tolerance_of_the_whole(
    ringside, desk, order, prices, perp, rage, sign
):
    """Each part is held against the best of its own size at the state it meets: a keeper may fill
    the dearer venue until it is off by the tolerance, and no further."""
    best = (min if sign > 0 else max)(prices(sign * SIZE))
    keeper = hire(ringside, perp, rage)
    made, parts = order(sign * SIZE), 20
    part, paid, dearer, refusals = sign * SIZE // parts, 0, 0, set()
    for _ in range(parts):
        for venue in (1, 0):  # Rage as long as it is let.
            try:
                receipt = keeper.run(keeper.fill(made, (venue, part, MARGIN // 20)))
            except Refused as refused:
                refusals.add(refused.data[:4])
                continue
            paid += ringside.filled(receipt).quote
            dearer += venue
            break
    assert ringside.desk.isSpent(ringside.account, made.nonce)
    assert 0 < dearer < parts
    assert refusals == {selector(desk.NotBest)}
    assert sign * (paid - limit(best, TOLERANCE, sign)) <= 0
    print(
        f"\nsplit {sign:+d}: {dearer} of {parts} at Rage, {sign * (paid - best) / ONE:.2f} USD, "
        f"{sign * (paid - best) * 10_000 / best:.2f} bps against the best whole"
    )


# ----------------------------------------------------------------------------------- gas


@pytest.mark.parametrize("skip", [True, False])
def test_no_amount_of_gas_lets_a_fill_through_that_is_refused_with_plenty(
    ringside, desk, order, skip
):
    """A dear route, with the order willing to skip whoever does not answer: starved of gas, no
    venue seems not to answer."""
    made = order(skip_unquotable=skip)
    leg = (1, SIZE, MARGIN)
    reasons = set()
    for gas in [*range(100_000, 4_600_000, 25_000), 15_000_000]:
        quote, reason = eth_call(ringside, made, leg, gas=gas)
        assert quote is None
        reasons.add(reason[:4])
    assert selector(ringside.quotes.NotEnoughGas) in reasons
    assert reason[:4] == selector(desk.NotBest)


def test_the_least_gas_that_fills_asks_every_venue_and_skips_none(ringside, desk, order):
    """By binary search to the unit: a unit less fails, and no other amount fills otherwise."""
    made = order(skip_unquotable=True)
    leg = (0, SIZE, MARGIN)
    expected, _ = eth_call(ringside, made, leg, gas=15_000_000)
    low, high = 100_000, 15_000_000
    while high - low > 1:
        middle = (low + high) // 2
        quote, _ = eth_call(ringside, made, leg, gas=middle)
        assert quote in (None, expected)
        low, high = (middle, high) if quote is None else (low, middle)
    keeper, client = ringside.actors["keeper"], ringside.actors["client"]
    terms = made.tuple, ringside.signed(made, client), [leg], NO_RECEIPT
    tx = {"from": keeper.address, "to": desk.address, "gas": hex(high)}
    tx["data"] = desk.fill.encode_input(*terms)
    mined = rpc(ringside.w3, "eth_sendTransactionSync", tx)
    assert int(mined["status"], 16) == 1
    receipt = desk.provider.get_receipt(mined["transactionHash"])
    assert list(receipt.decode_logs(desk.QuotesSkipped)) == []
    assert ringside.filled(receipt).quote == expected


# --------------------------------------------------------------------- venues that misbehave


@pytest.mark.parametrize("how", SILENT.values(), ids=SILENT.keys())
def test_a_venue_that_does_not_answer_stops_the_fill_unless_the_order_goes_on_without_it(
    ringside, desk, order, quoting, how
):
    """Whoever signs to wait for it waits until it answers, or the guardian pauses it."""
    quoting.say(*how)
    allowed = venue_set([0, 1, quoting.id])
    waits = order(venues=allowed)
    with reverts(ringside.quotes.Unquotable, venue=quoting.id):
        ringside.fill(waits, (0, SIZE, MARGIN))
    goes_on = order(venues=allowed, skip_unquotable=True)
    with reverts(desk.NotBest):
        ringside.fill(goes_on, (1, SIZE, MARGIN))  # Those that answer still count.
    receipt = ringside.fill(goes_on, (0, SIZE, MARGIN))
    (event,) = receipt.decode_logs(desk.QuotesSkipped)
    assert event.key == goes_on.digest(ringside.domain)
    assert event.venues == 1 << quoting.id
    send(ringside.venues.pause, quoting.id, sender=ringside.actors["governor"])
    receipt = ringside.fill(waits.with_(nonce=2), (1, SIZE, MARGIN))  # Perp is the dearer now.
    assert list(receipt.decode_logs(desk.QuotesSkipped)) == []


@pytest.mark.parametrize("skip", [True, False])
@SIGNS
def test_a_venue_that_quotes_what_it_does_not_honour_stops_fills_until_it_is_paused(
    ringside, desk, order, quoting, sign, skip
):
    """Nobody loses, but nothing is filled: it answers, so nothing skips it. What ends that is the
    guardian's pause, or an order that does not allow the venue."""
    absurd = 1 if sign > 0 else 2**256 - 1
    quoting.say(RETURNS, absurd, 1)
    size = sign * ETH
    made = order(size, venues=venue_set([0, 1, quoting.id]), skip_unquotable=skip)
    for venue in (0, 1, quoting.id):
        with reverts(desk.NotBest):
            ringside.fill(made, (venue, size, MARGIN))
    with_out = order(size, venues=BOTH, nonce=2)
    ringside.fill(with_out, (1, size, MARGIN))
    send(ringside.venues.pause, quoting.id, sender=ringside.actors["governor"])
    ringside.fill(made, (1, size, 0))


def test_a_venue_that_quotes_worse_than_it_fills_takes_nothing_from_anybody(
    ringside, order, quoting
):
    """Its price counts only where it is the best."""
    quoting.say(RETURNS, 10**40, 1)
    made = order(ETH, venues=venue_set([0, 1, quoting.id]))
    ringside.fill(made, (quoting.id, ETH, MARGIN))


# ------------------------------------------------------------------------- delayed venues


def committed(ringside, made, size, margin=MARGIN):
    signature = ringside.signed(made, ringside.actors["client"])
    venue = ringside.addresses["ringside"]["venue_ids"]["synthetix"]
    terms = made.tuple, signature, (venue, size, margin), NO_RECEIPT
    receipt = send(ringside.desk.commit, *terms, sender=ringside.actors["keeper"])
    (event,) = receipt.decode_logs(ringside.desk.Committed)
    return event


@SIGNS
def test_a_delayed_legs_own_bound_is_tightened_to_the_best_at_once_with_the_tolerance(
    ringside, order, yardstick, sign
):
    best = yardstick(sign * SIZE)
    tickets = Tickets(1, 1_000 * USDC, ONE // 100)
    price = 3_000 * ONE if sign > 0 else 1_000 * ONE
    made = order(sign * SIZE, 50 * BPS, venues=0b111, tickets=tickets, limit_price=price)
    assert committed(ringside, made, sign * SIZE).limitQuote == limit(best, 50 * BPS, sign)


def test_a_signed_limit_tighter_than_best_execution_stays_the_delayed_legs_bound(ringside, order):
    tickets = Tickets(1, 1_000 * USDC, ONE // 100)
    price = 2_001 * ONE
    made = order(tolerance=50 * BPS, venues=0b111, tickets=tickets, limit_price=price)
    assert committed(ringside, made, SIZE).limitQuote == price * SIZE // ONE


def test_a_delayed_venue_is_never_the_yardstick(ringside, order, prices):
    """Synthetix would be the best for this size; a fill is held against Perp."""
    at_perp, _ = prices(SIZE)
    receipt = ringside.fill(order(tolerance=1, venues=0b111), (0, SIZE, MARGIN))
    assert ringside.filled(receipt).quote == at_perp
    tickets = Tickets(1, 1_000 * USDC, ONE // 100)
    alone = order(tolerance=1, venues=0b100, tickets=tickets, nonce=2)
    assert committed(ringside, alone, SIZE).limitQuote == alone.limit_price * SIZE // ONE


# ----------------------------------------------------------------- no venue for all of it


@SIGNS
def test_where_no_venue_takes_all_of_it_only_limit_and_deviation_bound_the_fill(
    ringside, desk, order, quoting, sign
):
    """There is nothing to compare with then. A keeper chooses a fill's size, up to the order's."""
    quoting.say(RETURNS, 1 if sign > 0 else 2**200, 0)
    alone = venue_set([quoting.id])
    limit_price = 2_000 * ONE
    made = order(sign * ETH, 1, venues=alone, limit_price=limit_price)
    ringside.fill(made, (quoting.id, sign * ETH, MARGIN))
    tighter = made.with_(nonce=2, limit_price=limit_price - sign)
    with reverts(desk.WorsePrice):
        ringside.fill(tighter, (quoting.id, sign * ETH, MARGIN))
