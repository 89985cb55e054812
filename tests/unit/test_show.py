"""Tables for people: rounded for the eye, and rendered whatever is in them."""

from dataclasses import replace
from fractions import Fraction
from io import StringIO

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_up_accounts import MARK, account, no_seat, order, seat, states_of, unreadable
from made_up_curves import LinearCurve
from rich.console import Console

from ringside import show
from ringside.chain.views import Position
from ringside.keeper.plan import plan
from ringside.keeper.steps import Step
from ringside.orders import Tickets
from ringside.routing.compare import compare
from ringside.statement import Statement
from ringside.units import ONE, USDC
from ringside.venues.ledger import Fill, Ledger

AMOUNTS = st.integers(-(10**40), 10**40)
STATES = states_of([LinearCurve("a"), LinearCurve("b", most=ONE)], funding_rate=-(10**16))
PLACES = {(venue, "ETH-USD"): state for venue, state in STATES.items()}


def text(table):
    """What a person sees, a row a line, spaces and borders taken out."""
    out = StringIO()
    Console(file=out, width=300, highlight=False).print(table)
    rows = [line.replace("│", "|").replace("┃", "|") for line in out.getvalue().splitlines()]
    return ["|".join(cell.strip() for cell in row.split("|")) for row in rows]


def rows(table):
    return {line.split("|")[1]: line.split("|")[2:-1] for line in text(table) if "|" in line}


def number(shown):
    return Fraction(shown.replace(",", ""))


@given(AMOUNTS)
def test_money_is_within_half_a_cent_of_what_it_is(amount):
    assert abs(number(show.usd(amount)) - Fraction(amount, ONE)) <= Fraction(1, 200)
    assert abs(number(show.usdc(amount)) - Fraction(amount, USDC)) <= Fraction(1, 200)


@given(AMOUNTS)
def test_a_size_has_its_sign_and_six_digits(amount):
    shown = show.size(amount)
    assert shown[0] == ("-" if amount < 0 else "+")
    assert abs(number(shown) - Fraction(amount, ONE)) <= Fraction(1, 2 * 10**6)


@pytest.mark.parametrize(
    ("shown", "words"),
    [
        (show.usd(-1_234_567 * ONE), "-1,234,567.00"),
        (show.usd(ONE // 3, 4), "0.3333"),
        (show.usdc(1_500_000), "1.50"),
        (show.size(ONE), "+1.000000"),
        (show.bps(12_345_678), "12.35"),
        (show.bps(-1_000_000), "-1.00"),
    ],
)
def test_numbers_read_as_people_write_them(shown, words):
    assert shown == words


def test_a_venue_without_a_quote_says_why():
    offers = compare(STATES, 2 * ONE, {"a": 5 * ONE, "b": ONE + 9})
    found = rows(show.quotes("Quotes", offers, ONE // 10_000))
    assert found["a"][-1] == "5.0000"
    assert found["a"][2] == "-40.00"
    assert found["b"][3:] == ["—", "more than its room", "1.0000"]
    assert rows(show.quotes("Nobody", [], 1)).keys() == {"venue"}


def test_a_split_adds_up_to_the_order():
    asked = order(-3 * ONE, margin=100 * USDC * 10, tip=USDC)
    chosen = plan(asked, account(10**10, no_seat("a"), no_seat("b")), STATES, {"a": 0, "b": 1})
    found = rows(show.split(chosen))
    assert found["all, with the tip"][1] == "-3.000000"
    legs = [number(found[leg.venue][1]) for leg in chosen.legs]
    assert abs(sum(legs) + 3) <= Fraction(2, 10**6)


@given(st.lists(st.tuples(AMOUNTS.filter(bool), st.integers(0, 10**30)), max_size=4))
def test_fills_of_any_size_are_shown(done):
    fills = [("a", Fill("ETH-USD", size, notional, 0, 1, "0x")) for size, notional in done]
    assert show.fills("Fills", fills).row_count == len(done)


def test_fills_show_their_price():
    found = rows(show.fills("Fills", [("a", Fill("ETH-USD", -2 * ONE, 3_000 * ONE, 0, 1, "0x"))]))
    assert found["a"] == ["ETH-USD", "-2.000000", "3,000.00", "0.00", "1,500.0000"]


def test_seats_show_what_is_known_of_them():
    long = seat("a", ONE, 500 * ONE)
    holder = account(5 * USDC, long, unreadable("b"), no_seat("c"))
    found = rows(show.positions("Seats", holder, PLACES))
    assert found["a"][:3] == ["ETH-USD", "shared", "+1.000000"]
    assert found["a"][8] == "1,500.00"
    assert found["b"][0] == "unreadable: its venue does not answer"
    assert "c" not in found
    assert found["idle"][5] == "5.00"


def test_an_isolated_pocket_is_shown_by_its_market_with_what_is_pending():
    waiting = seat("a", ONE, 500 * ONE, pending=-ONE // 2, isolated=True)
    shown = rows(show.positions("Seats", account(0, waiting), PLACES))["a"]
    assert shown[:4] == ["ETH-USD", "isolated", "+1.000000", "-0.500000"]
    assert shown[5:7] == ["500.00", "300.00"]
    first = seat("a", 0, 0, pending=ONE, isolated=True)
    shown = rows(show.positions("Seats", account(0, first), PLACES))["a"]
    assert shown[:4] == ["ETH-USD", "isolated", "flat", "+1.000000"]


def test_what_is_set_aside_for_tickets_is_shown():
    holder = replace(account(5 * USDC), reserved=2 * USDC)
    assert rows(show.positions("Seats", holder, PLACES))["reserved"][5] == "2.00"


def test_the_course_of_a_ticket_counts_seconds_from_its_request():
    steps = [Step("Requested", 7, 100, "number 1"), Step("Cancelled", 9, 133, "too old")]
    found = rows(show.course("The ticket", steps))
    assert found["Requested"] == ["7", "+0", "number 1"]
    assert found["Cancelled"] == ["9", "+33", "too old"]


def test_a_split_says_what_fills_later():
    later = {**STATES, "b": replace(STATES["b"], delayed=True)}
    asked = order(ONE // 2, 1_000 * USDC, tickets=Tickets(1, USDC, ONE), venues=0b10)
    chosen = plan(asked, account(10**10, no_seat("a"), no_seat("b")), later, {"a": 0, "b": 1})
    assert rows(show.split(chosen))["b"][:2] == ["later", "+0.500000"]


def test_a_seat_without_a_position_is_flat():
    found = rows(show.positions("Seats", account(0, seat("a", 0, ONE)), PLACES))
    assert found["a"][2] == "flat"


def test_a_seat_that_nothing_can_liquidate_says_never():
    found = rows(show.positions("Seats", account(0, seat("a", ONE, 10**6 * ONE)), PLACES))
    assert found["a"][8] == "never"


def test_a_position_whose_market_cannot_be_read_is_shown_without_a_liquidation_price():
    found = rows(show.positions("Seats", account(0, seat("a", ONE, 500 * ONE)), {}))
    assert found["a"][2] == "+1.000000"
    assert found["a"][8] == "unknown"


def test_negative_equity_and_received_funding_are_shown_as_such():
    under = seat("a", -ONE, -10 * ONE)
    owed = Position(-ONE, -5 * ONE, MARK, MARK, -(10**16))
    found = rows(
        show.positions("Seats", account(0, replace(under, positions={"ETH-USD": owed})), PLACES)
    )
    assert found["a"][5] == "-10.00"
    assert found["a"][9:] == ["-5.0000", "-1.0000"]


@settings(deadline=None)
@given(st.lists(AMOUNTS, min_size=8, max_size=8), AMOUNTS)
def test_a_statement_shows_its_exact_difference(lines, funding):
    ledger = Ledger("rage", funding={"ETH-USD": funding})
    told = Statement(*lines, (ledger, replace(ledger, venue="perp-v2")))
    found = rows(show.reconciled(told))
    assert number(found["difference"][0]) == Fraction(told.difference, ONE)
    assert number(found["rounding to six decimals"][0]) == -Fraction(told.rounding, ONE)
