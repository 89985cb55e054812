"""What the venues would do now: each seat's own quote, and what Quotes makes of all of them."""

from decimal import Decimal
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stage import BTC_USD, ETH, ETH_USD, READ_GAS, USDC, few, reverts, selector, send

from bench.live import PerpTrader, RageTrader, ask
from devnet import feeds
from devnet.anvil import rpc
from devnet.artifacts import compiled
from devnet.chain import DEPLOYER, Chain
from devnet.pools import pool
from ringside.orders import market_id, venue_set

MARKETS = ["ETH-USD", "BTC-USD"]
MARGIN = 3_000 * USDC
OUT_OF_BAND, OVER_TICKS = "EX_OPB", "EX_OPLAS"
HONEST, RETURNS, REVERTS, BURNS = range(4)
"""How a QuotingSeat answers."""
QUOTE_GAS = 2_000_000
ROUGHLY = {"ETH-USD": ETH, "BTC-USD": ETH // 30}
"""About 2,000 USD of each."""
SMALLEST = ETH // 1_000
"""Rage refuses what is worth less than a cent."""
ON_CHAIN = few(8)
SIGNS = st.sampled_from([1, -1])
MOVES = st.floats(-0.6, 0.6)
"""What somebody trades before, as a part of what the venue can take."""
SIZES = st.lists(st.floats(0, 1), min_size=4, max_size=8)


@pytest.fixture
def live(ringside, venue):
    """The venue asked for its own trades by a trader who has plenty, and for its seats' quotes."""
    trader = {"perp-v2": PerpTrader, "rage": RageTrader}[venue.NAME](
        ringside.w3, ringside.addresses
    )
    return Live(ringside, venue, trader)


class Live(SimpleNamespace):
    def __init__(self, ringside, venue, trader):
        super().__init__(ringside=ringside, venue=venue, trader=trader)
        abi = compiled(venue.SEAT).abi
        self.seat = ringside.w3.eth.contract(address=venue.seat_type.address, abi=abi)

    def quote(self, market, size, gas=READ_GAS):
        instrument = self.venue.instrument(market)
        return tuple(self.seat.functions.quote(instrument, size).call({"gas": gas}))

    def ask(self, market, *sizes):
        """What the venue's own trade would do."""
        return ask(self.ringside.w3, self.trader, market, sizes, self.ringside.w3.eth.block_number)

    def trade(self, market, size):
        self.trader.trade(market, size)

    def most(self, market, sign):
        """The largest size that the venue takes, to the unit, by asking it."""
        low, high = ROUGHLY[market], 20_000 * ROUGHLY[market]
        while high - low > 1:
            middle = (low + high) // 2
            (answer,) = self.ask(market, sign * middle)
            if answer.refused or answer.filled != sign * middle:
                high = middle
            else:
                low = middle
        return low


@pytest.fixture
def quoting(ringside):
    """A venue that says what it is told to: its id, and how to tell it."""
    venue, seat = ringside.add_venue("QuotingSeat")
    anybody = ringside.actors["stranger"]

    def say(manner, first=0, second=0, length=64):
        send(seat.say, manner, first, second, length, sender=anybody)

    def silence():
        send(seat.setSilent, True, sender=anybody)

    return SimpleNamespace(id=venue, say=say, silence=silence)


@pytest.fixture
def perp_live(ringside, perp):
    return Live(ringside, perp, PerpTrader(ringside.w3, ringside.addresses))


@pytest.fixture
def rage_live(ringside, rage):
    return Live(ringside, rage, RageTrader(ringside.w3, ringside.addresses))


@pytest.fixture
def quotes(ringside):
    return ringside.quotes


@pytest.fixture
def best(ringside):
    contract = ringside.w3.eth.contract(address=ringside.quotes.address, abi=compiled("Quotes").abi)

    def ask_best(venues, size, skip=False, market=ETH_USD):
        return tuple(contract.functions.best(market, venues, size, skip).call({"gas": READ_GAS}))

    return ask_best


@pytest.fixture
def closable(ringside, account):
    """Which venues hold something that buying (or else selling) would close, and could."""
    contract = ringside.w3.eth.contract(address=ringside.quotes.address, abi=compiled("Quotes").abi)

    def ask_closable(venues, buys, market=ETH_USD):
        return contract.functions.closable(account, market, venues, buys, True).call(
            {"gas": READ_GAS}
        )

    return ask_closable


def against(ringside, venues, buys, market=ETH_USD):
    return tuple(ringside.quotes.against(ringside.account, market, venues, buys))


def venue_owner(ringside, venue, name, *args):
    """A transaction of the venue's owner, who is the deployer here."""
    Chain(ringside.w3).send(venue.house, name, *args, role=DEPLOYER)


# --------------------------------------------------------------------- what one venue says


@pytest.mark.parametrize("market", MARKETS)
@ON_CHAIN
@given(sign=SIGNS, push=MOVES, parts=SIZES)
def test_a_quote_is_what_the_venues_own_trade_of_that_size_would_do(
    ringside, live, market, sign, push, parts
):
    """Rage to the unit; Perp but for the fee's rounding, which its lens takes on the whole."""
    before = rpc(ringside.w3, "evm_snapshot")
    depth = 800 * ROUGHLY[market]
    pushed = int(push * depth)
    if abs(pushed) >= SMALLEST:
        live.trade(market, pushed)
    sizes = [sign * max(int(depth * part**3), SMALLEST) for part in parts]
    for size, answer in zip(sizes, live.ask(market, *sizes), strict=True):
        paid, whole = live.quote(market, size)
        if answer.refused:
            assert not whole or OVER_TICKS in answer.refused
            continue
        assert whole
        assert answer.filled == size
        assert abs(paid - answer.all_in) <= (10 if live.venue.NAME == "perp-v2" else 0)
    rpc(ringside.w3, "evm_revert", before)


@pytest.mark.parametrize("market", MARKETS)
@pytest.mark.parametrize("sign", [1, -1])
def test_perp_quotes_the_largest_size_in_its_price_band_as_whole_and_one_wei_more_not(
    ringside, perp_live, market, sign
):
    """With the oracle 2 % off on the trade's side, so that the band ends before the limit on ticks
    does."""
    price = feeds.START_PRICES[market] * (100 - 2 * sign) / 100
    feeds.move(ringside.w3, ringside.addresses["feeds"], market, price)
    most = perp_live.most(market, sign)
    at, beyond = perp_live.ask(market, sign * most, sign * (most + 1))
    assert at.filled == sign * most
    assert OUT_OF_BAND in beyond.refused
    assert perp_live.quote(market, sign * most)[1]
    assert not perp_live.quote(market, sign * (most + 1))[1]


@pytest.mark.parametrize("percent", [80, 88, 114, 125])
def test_perp_outside_its_band_quotes_as_whole_only_what_goes_no_further_out(
    ringside, perp_live, percent
):
    """The oracle alone moves: the venue takes what narrows the spread, and no more of the other."""
    market = "ETH-USD"
    price = feeds.START_PRICES[market] * Decimal(percent) / 100
    feeds.move(ringside.w3, ringside.addresses["feeds"], market, price)
    outwards = ETH if percent < 100 else -ETH
    out, back = perp_live.ask(market, outwards, -outwards)
    assert OUT_OF_BAND in out.refused
    assert back.filled == -outwards
    assert not perp_live.quote(market, outwards)[1]
    assert perp_live.quote(market, -outwards)[1]


def test_perp_quotes_as_whole_what_only_its_limit_on_ticks_refuses(ringside, perp_live):
    """That limit counts from a tick that the venue does not let anybody read, so the seat leaves it
    out: where the oracle ran ahead, a size beyond it stops fills elsewhere until it is smaller."""
    market = "ETH-USD"
    price = feeds.START_PRICES[market] * Decimal("1.08")
    feeds.move(ringside.w3, ringside.addresses["feeds"], market, price)
    most = perp_live.most(market, 1)
    (beyond,) = perp_live.ask(market, most + 1)
    assert OVER_TICKS in beyond.refused
    assert perp_live.quote(market, most + 1)[1]


@pytest.mark.parametrize("market", MARKETS)
@pytest.mark.parametrize("sign", [1, -1])
def test_rage_quotes_all_of_its_depth_as_whole_and_one_wei_more_not(rage_live, market, sign):
    most = rage_live.most(market, sign)
    assert rage_live.quote(market, sign * most)[1]
    assert not rage_live.quote(market, sign * (most + 1))[1]


@pytest.mark.parametrize("market", MARKETS)
@pytest.mark.parametrize("times", [1, 1_000])
@pytest.mark.parametrize("sign", [1, -1])
def test_a_size_beyond_the_depth_is_answered_with_not_whole_and_within_the_stipend(
    live, market, times, sign
):
    """No venue is silent for being asked for too much."""
    size = sign * times * 10_000 * ROUGHLY[market]
    _, whole = live.quote(market, size, gas=QUOTE_GAS)
    assert not whole


@pytest.mark.parametrize("sign", [1, -1])
def test_a_venue_that_its_owner_has_paused_quotes_nothing_as_whole(ringside, live, sign):
    arguments = () if live.venue.NAME == "perp-v2" else (10,)  # Ten: trading and all else.
    assert live.quote("ETH-USD", sign * ETH)[1]
    venue_owner(ringside, live.venue, "pause", *arguments)
    (answer,) = live.ask("ETH-USD", sign * ETH)
    assert answer.refused
    assert not live.quote("ETH-USD", sign * ETH)[1]
    venue_owner(ringside, live.venue, "unpause", *arguments)
    assert live.quote("ETH-USD", sign * ETH)[1]


@pytest.mark.parametrize("sign", [1, -1])
def test_a_quote_in_a_transaction_changes_nothing_at_all(ringside, live, stranger, sign):
    """But the sender's nonce and coin, and the miner's."""
    data = live.seat.encode_abi("quote", [live.venue.instrument(), sign * 100 * ETH])
    tx = {
        "from": stranger.address,
        "to": live.seat.address,
        "data": data,
        "gas": hex(QUOTE_GAS),
    }
    receipt = rpc(ringside.w3, "eth_sendTransactionSync", tx)
    assert int(receipt["status"], 16) == 1
    assert receipt["logs"] == []
    tracer = {"tracer": "prestateTracer", "tracerConfig": {"diffMode": True}}
    changed = rpc(ringside.w3, "debug_traceTransaction", receipt["transactionHash"], tracer)
    miner = ringside.w3.eth.get_block("latest")["miner"]
    assert set(changed["post"]) <= {stranger.address.lower(), miner.lower()}
    assert not any("storage" in entry for entry in changed["post"].values())


def test_dust_of_a_strangers_at_many_prices_does_not_silence_a_venue(ringside, rage_live, best):
    """Sixty ranges of a few cents each lie in the way of an order for a million USD, which moves
    the price by 6 %: a quote that crosses them all is ten times as dear, and within the stipend."""
    size = 500 * ETH
    plain = gas_of(rage_live, size)
    scatter(ringside, rage_live.venue, ranges=60)
    assert 1_000_000 < gas_of(rage_live, size) < QUOTE_GAS * 6 // 10
    assert best(0b10, size) == (rage_live.quote("ETH-USD", size)[0], 0)
    assert plain < QUOTE_GAS // 10


def gas_of(live, size):
    return live.seat.functions.quote(live.venue.instrument(), size).estimate_gas({"gas": READ_GAS})


def scatter(ringside, rage, ranges):
    """Liquidity for next to nothing, at every tenth tick above the price at Rage."""
    chain, role, usdc = Chain(ringside.w3), 9, ringside.usdc
    somebody = ringside.actors["newcomer"]
    send(usdc.mint, somebody, 1_000 * USDC * ranges, sender=somebody)
    send(usdc.approve, rage.spender, 1_000 * USDC * ranges, sender=somebody)
    names = ringside.addresses["venues"]["rage"]["markets"]["ETH-USD"]
    tick = pool(ringside.w3, names["vpool"]).functions.slot0().call()[1] // 10 * 10
    for i in range(ranges):
        if i % 5 == 0:  # As many as an account may have.
            number = rage.house.functions.numAccounts().call()
            opened = rage.collateral, 1_000 * USDC
            chain.send(rage.house, "createAccountAndAddMargin", *opened, role=role)
        low = tick + 10 + 20 * i
        change = (low, low + 10, 2 * 10**12, 0, 0, False, 0, False)
        chain.send(rage.house, "updateRangeOrder", number, names["pool_id"], change, role=role)


def test_a_quote_needs_neither_seat_nor_margin_nor_money(ringside, live, vault, account):
    assert not vault.seatOf(account, live.venue.id).made
    assert live.quote("ETH-USD", ETH)[1]
    assert ringside.usdc.balanceOf(live.seat.address) == 0


# ------------------------------------------------------------------------- the best of all


@ON_CHAIN
@given(sign=SIGNS, part=st.floats(0, 1), market=st.sampled_from(MARKETS))
def test_the_best_is_the_cheaper_purchase_and_the_dearer_sale(
    best, perp_live, rage_live, sign, part, market
):
    size = sign * max(int(600 * ROUGHLY[market] * part**2), ETH // 1_000)
    quotes = [live.quote(market, size) for live in (perp_live, rage_live)]
    assert all(whole for _, whole in quotes)
    prices = [paid for paid, _ in quotes]
    expected = min(prices) if sign > 0 else max(prices)
    assert best(0b11, size, market=market_id(market)) == (expected, 0)
    for i, price in enumerate(prices):
        assert best(1 << i, size, market=market_id(market)) == (price, 0)


@pytest.mark.parametrize("sign", [1, -1])
def test_a_venue_that_cannot_take_all_is_not_the_best_however_well_it_quotes(
    best, quoting, rage_live, sign
):
    good = 1 if sign > 0 else 10**30
    quoting.say(RETURNS, good, 0)
    paid, _ = rage_live.quote("ETH-USD", sign * ETH)
    assert best(venue_set([1, quoting.id]), sign * ETH) == (paid, 0)
    assert best(venue_set([quoting.id]), sign * ETH) == (0, 0)
    quoting.say(RETURNS, good, 1)
    assert best(venue_set([1, quoting.id]), sign * ETH) == (good, 0)


def test_delayed_and_paused_venues_and_markets_not_listed_are_not_asked(
    ringside, best, quoting, quotes, governor
):
    quoting.say(REVERTS)
    delayed = ringside.addresses["ringside"]["venue_ids"]["synthetix"]
    assert best(venue_set([delayed]), ETH) == (0, 0)
    assert best(venue_set([quoting.id, 63]) | 1 << 255, ETH, market=BTC_USD) == (0, 0)
    with reverts(quotes.Unquotable, venue=quoting.id):
        send(quotes.best, ETH_USD, venue_set([quoting.id]), ETH, False, sender=governor)
    send(ringside.venues.pause, quoting.id, sender=governor)
    assert best(venue_set([quoting.id]), ETH) == (0, 0)
    send(ringside.venues.pauseAll, sender=governor)
    assert best(venue_set([0, 1, quoting.id]), ETH) == (0, 0)


SILENT = {
    "reverts": (REVERTS, 0, 0, 0),
    "reverts with what looks like an answer": (REVERTS, 1, 1, 64),
    "burns its gas": (BURNS, 0, 0, 0),
    "returns a bomb": (RETURNS, 1, 1, 600_000),
    "reverts with a bomb": (REVERTS, 1, 1, 600_000),
    "says nothing": (RETURNS, 1, 1, 0),
    "says a byte too little": (RETURNS, 1, 1, 63),
    "says a byte too much": (RETURNS, 1, 1, 65),
    "names a price of zero": (RETURNS, 0, 1, 64),
}


@pytest.mark.parametrize("how", SILENT.values(), ids=SILENT.keys())
def test_a_venue_that_does_not_answer_is_an_error_or_is_named_as_skipped(
    best, quoting, quotes, rage_live, keeper, how
):
    quoting.say(*how)
    both = venue_set([1, quoting.id])
    with reverts(quotes.Unquotable, venue=quoting.id):
        send(quotes.best, ETH_USD, both, ETH, False, sender=keeper)
    paid, _ = rage_live.quote("ETH-USD", ETH)
    assert best(both, ETH, skip=True) == (paid, 1 << quoting.id)
    assert best(venue_set([quoting.id]), ETH, skip=True) == (0, 1 << quoting.id)


@pytest.mark.parametrize("second", [2, 2**255, 2**256 - 1])
def test_an_answer_that_is_neither_yes_nor_no_is_a_no(best, quoting, second):
    quoting.say(RETURNS, 1, second)
    assert best(venue_set([quoting.id]), ETH) == (0, 0)


def test_a_quote_without_gas_for_it_is_refused_by_name(ringside, quotes, keeper):
    """Every venue gets the same stipend, so no caller makes one fail by sending too little."""
    data = quotes.best.encode_input(ETH_USD, 0b11, ETH, True)
    call = {"from": keeper.address, "to": quotes.address, "data": data}
    named, answers = 0, set()
    for gas in range(100_000, 3_500_000, 50_000):
        asked = [{**call, "gas": hex(gas)}, "latest"]
        answer = ringside.w3.provider.make_request("eth_call", asked)
        if "result" in answer:
            answers.add(answer["result"])
            continue
        reason = bytes.fromhex((answer["error"].get("data") or "0x")[2:])
        assert reason[:4] == selector(quotes.NotEnoughGas)
        assert gas < QUOTE_GAS + 300_000
        named += 1
    assert named >= 37
    assert len(answers) == 1  # With more of it, always the same.


# ------------------------------------------------------------- positions that could be closed


def test_against_tells_the_side_and_how_much_there_is(ringside, stand_in, quoting):
    ringside.trade(stand_in, ETH, MARGIN)
    ringside.trade(quoting.id, 2 * ETH, MARGIN)
    ringside.trade(1, -ETH, MARGIN)
    every = venue_set([1, stand_in, quoting.id])
    assert against(ringside, every, True) == (0b10, ETH)
    assert against(ringside, every, False) == (venue_set([stand_in, quoting.id]), 3 * ETH)
    assert against(ringside, venue_set([stand_in]), True) == (0, 0)
    assert against(ringside, every, True, market=BTC_USD) == (0, 0)


def test_closable_is_what_is_against_and_the_venue_would_take_whole(ringside, closable, quoting):
    mine = venue_set([quoting.id])
    ringside.trade(quoting.id, ETH, MARGIN)
    assert closable(mine, False) == mine
    assert closable(mine, True) == 0
    quoting.say(RETURNS, 2_000 * ETH, 0)
    assert closable(mine, False) == 0
    quoting.say(REVERTS)
    assert closable(mine, False) == 0
    assert against(ringside, mine, False) == (mine, ETH)
    quoting.say(HONEST)
    ringside.trade(quoting.id, -ETH)
    assert closable(mine, False) == 0


def test_a_venue_that_does_not_say_what_it_holds_may_hold_some_and_is_not_closable(
    ringside, closable, quoting
):
    mine = venue_set([quoting.id])
    ringside.trade(quoting.id, ETH, MARGIN)
    quoting.silence()
    for buys in (True, False):
        assert against(ringside, mine, buys) == (mine, 0)
        assert closable(mine, buys) == 0


def test_a_seat_that_was_never_made_does_not_answer(ringside):
    """A caller asks only for venues at which the account is active."""
    assert against(ringside, 0b11, True) == (0b11, 0)
