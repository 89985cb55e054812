"""The arithmetic of ledgers and statements."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringside.statement import Statement, StillOpen, require_closed
from ringside.units import ONE
from ringside.venues.ledger import Fill, Ledger

USD = st.integers(-(10**30), 10**30)
AMOUNTS = st.integers(0, 10**30)
MARKETS = ["ETH-USD", "BTC-USD"]
FILLS = st.builds(
    Fill,
    market=st.sampled_from(MARKETS),
    size=USD.filter(bool),
    notional=AMOUNTS,
    fee=AMOUNTS,
    block=st.just(1),
    transaction=st.just("0x"),
    penalty=AMOUNTS,
)
LEDGERS = st.builds(
    Ledger,
    venue=st.sampled_from(["perp-v2", "rage"]),
    fills=st.lists(FILLS, max_size=5).map(tuple),
    funding=st.dictionaries(st.sampled_from(MARKETS), USD),
    margin=USD,
    roundings=st.lists(USD, max_size=5).map(tuple),
)
STATEMENTS = st.builds(Statement, *[USD] * 8, st.just(()))


@given(LEDGERS)
def test_a_ledger_adds_up_its_entries(ledger):
    bought = [fill for fill in ledger.fills if fill.size > 0]
    sold = [fill for fill in ledger.fills if fill.size < 0]
    assert ledger.fees == sum(f.fee for f in ledger.fills) + sum(f.penalty for f in ledger.fills)
    assert ledger.proceeds == sum(f.notional for f in sold) - sum(f.notional for f in bought)
    assert ledger.funding_paid == sum(ledger.funding.values())
    assert ledger.rounding == sum(ledger.roundings)
    whole = sum(fill.size for fill in ledger.fills)
    assert sum(ledger.position(market) for market in MARKETS) == whole


@given(FILLS)
def test_a_position_counts_its_own_market_only(fill):
    ledger = Ledger("rage", (fill,))
    assert ledger.position(fill.market) == fill.size
    assert sum(ledger.position(m) for m in MARKETS if m != fill.market) == 0


@given(AMOUNTS, AMOUNTS, AMOUNTS, AMOUNTS, USD, USD, USD)
def test_a_statement_that_explains_every_dollar_has_no_difference(
    deposited, held, fees, tips, funding, pnl, rounding
):
    withdrawn = deposited - held - fees - tips - funding - rounding + pnl
    told = Statement(deposited, withdrawn, fees, tips, funding, pnl, rounding, held, ())
    assert told.difference == 0


@pytest.mark.parametrize(
    ("line", "sign"),
    [("deposited", 1), ("realised_pnl", 1)]
    + [(line, -1) for line in ("withdrawn", "held", "fees", "tips", "funding", "rounding")]
    + [(line, -1) for line in ("protocol_fees", "in_kind")],
)
@given(told=STATEMENTS, amount=USD)
def test_what_one_line_misses_is_the_difference(line, sign, told, amount):
    changed = replace(told, **{line: getattr(told, line) + amount})
    assert changed.difference - told.difference == sign * amount


@given(st.sampled_from(MARKETS), USD.filter(bool))
def test_an_open_position_is_named(market, size):
    fill = Fill(market, size, 0, 0, 1, "0x")
    with pytest.raises(StillOpen, match=f"{market} is still open at rage"):
        require_closed([Ledger("perp-v2"), Ledger("rage", (fill,))], dict.fromkeys(MARKETS, ""))


@given(st.lists(FILLS, max_size=4))
def test_positions_that_are_closed_again_are_no_obstacle(fills):
    back = [replace(fill, size=-fill.size) for fill in fills]
    require_closed([Ledger("rage", (*fills, *back))], dict.fromkeys(MARKETS, ""))


def test_an_open_position_is_said_in_base():
    half = Fill("ETH-USD", -ONE // 2, 0, 0, 1, "0x")
    with pytest.raises(StillOpen, match=r"-0\.5 ETH-USD is still open at rage"):
        require_closed([Ledger("rage", (half,))], {"ETH-USD": ""})
