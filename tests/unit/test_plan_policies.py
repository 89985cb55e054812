"""Plans by a policy: which venues, how much entry is given up, and what is signed above it."""

from dataclasses import replace

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from made_up_accounts import INITIAL, account, no_seat, order, seat, states_of
from made_up_curves import LinearCurve
from made_up_receipts import decided, register, two_steps

from ringside.keeper.decide import Settings
from ringside.keeper.plan import PlanError, plan
from ringside.keeper.receipts.codec import canonical
from ringside.keeper.receipts.document import DocumentError, read
from ringside.keeper.receipts.replay import replay
from ringside.orders import CLOSE_LONGS, CLOSE_SHORTS
from ringside.routing.policies import PolicyError, parse
from ringside.routing.problem import TooFewVenues
from ringside.units import ONE, USDC

register()
SIGNS = st.sampled_from([1, -1])
IDS = {"a": 0, "b": 1, "c": 2}
ALL = 0b111
RICH = 10**8 * USDC
NOBODY = account(RICH, *map(no_seat, IDS))
DAYS = parse("horizon:3d")
POLICIES = st.sampled_from(
    [
        *("best", "horizon:8h", "horizon:3d", "horizon:3d + at-most:1", "at-most:2", "only:a,b"),
        *("not:a", "lowest-margin", "lowest-margin:2%", "weights:a=50%,b=30%,c=20%,band=5%"),
    ]
)


def three(rate=0, fee_bps=5, sign=1):
    """Three alike, but for what holding costs at `a`: `rate` a day in the direction of `sign`."""
    states = states_of([LinearCurve(v, fee_bps=fee_bps if v == "a" else 8) for v in IDS])
    return {**states, "a": replace(states["a"], funding_rate=sign * rate)}


def sizes(found):
    return {leg.venue: abs(leg.size) for leg in found.legs}


@given(SIGNS, st.integers(1, 500))
def test_a_horizon_leaves_a_venue_whose_funding_is_dear(sign, amount):
    states, asked = three(ONE // 100, sign=sign), order(sign * amount * ONE, venues=ALL)
    best = plan(asked, NOBODY, states, IDS)
    found = plan(asked, NOBODY, states, IDS, policy=DAYS)
    assert sizes(found).get("a", 0) < sizes(best)["a"]
    assert best.given_up == best.route.carry == 0


@given(SIGNS, st.integers(1, 500), st.integers(-(10**15), 10**16))
def test_what_a_horizon_gives_up_is_how_much_worse_its_entry_is(sign, amount, rate):
    states, asked = three(rate, sign=sign), order(sign * amount * ONE, venues=ALL)
    best = plan(asked, NOBODY, states, IDS)
    found = plan(asked, NOBODY, states, IDS, policy=DAYS)
    worse = (found.route.all_in - best.route.all_in) * sign
    assert found.given_up == max(-(-worse * 10**10 // best.route.all_in), 0)
    # What is given up comes back as funding, to the solver's own proof of either.
    proofs = sum(p.route.cost - p.route.certificate.bound for p in (best, found))
    at_best = plan(asked, NOBODY, states, IDS, policy=parse("horizon:3d + weights:" + shares(best)))
    assert found.route.cost <= at_best.route.cost + proofs


def shares(found):
    """The split of a plan as weights, within a percent."""
    whole = sum(sizes(found).values())
    parts = {v: size * 10_000 // whole for v, size in sizes(found).items()}
    first = min(parts)
    parts[first] += 10_000 - sum(parts.values())
    return ",".join(f"{v}={p // 100}.{p % 100:02}%" for v, p in parts.items()) + ",band=1%"


@given(SIGNS, st.integers(1, 25))
def test_best_execution_that_is_signed_goes_before_a_horizon(sign, amount):
    """`a` is the best to enter and dear to hold."""
    states = three(ONE // 100, fee_bps=0, sign=sign)
    asked = order(sign * amount * ONE, venues=ALL)
    best = plan(asked, NOBODY, states, IDS)
    freely = plan(asked, NOBODY, states, IDS, policy=DAYS)
    single = states["a"].curve.quote(sign * amount * ONE).all_in
    assert (freely.route.all_in - single) * sign > 0
    tight = asked.with_(bounds=replace(asked.bounds, tolerance=1))
    found = plan(tight, NOBODY, states, IDS, policy=DAYS)
    assert [leg.tuple for leg in found.legs] == [leg.tuple for leg in best.legs]
    assert found.given_up == 0
    loose = tight.with_(bounds=replace(asked.bounds, tolerance=ONE // 10))
    found = plan(loose, NOBODY, states, IDS, policy=DAYS)
    assert [leg.tuple for leg in found.legs] == [leg.tuple for leg in freely.legs]


@given(SIGNS, st.integers(10, 500))
def test_a_limit_that_is_signed_goes_before_a_horizon(sign, amount):
    states = three(ONE // 100, sign=sign)
    asked = order(sign * amount * ONE, venues=ALL)
    best = plan(asked, NOBODY, states, IDS)
    freely = plan(asked, NOBODY, states, IDS, policy=DAYS)
    assume((freely.total_price - best.total_price) * sign > 2)
    legs = [leg.quote.all_in_price for leg in best.route.legs]
    limit = max(legs) if sign > 0 else min(legs)
    found = plan(asked.with_(limit_price=limit), NOBODY, states, IDS, policy=DAYS)
    assert found.total * ONE * sign <= limit * amount * ONE * sign


def test_where_no_fill_within_the_policy_meets_best_execution_the_plan_says_so():
    states = three(fee_bps=0)
    asked = order(10 * ONE, venues=ALL).with_(bounds=replace(order(ONE).bounds, tolerance=1))
    with pytest.raises(PlanError, match=r"One venue alone fills at .* the fill at .* tolerance"):
        plan(asked, NOBODY, states, IDS, policy=parse("not:a"))


@given(SIGNS, st.integers(10, 500), POLICIES)
@settings(max_examples=60)
def test_what_only_reduces_goes_by_the_policy_too(sign, amount, text):
    held = 500 * ONE
    holder = account(RICH, *(seat(v, -sign * held, 10**6 * ONE) for v in IDS))
    asked = order(sign * amount * ONE, 0, venues=ALL, reduce_only=True)
    found = plan(asked, holder, three(ONE // 100, sign=sign), IDS, policy=parse(text))
    assert sum(sizes(found).values()) == amount * ONE
    assert all(size <= held for size in sizes(found).values())
    assert not {"a": "not:a", "c": "only:a,b"}.items() & {(v, text) for v in sizes(found)}
    assert all(leg.margin == 0 for leg in found.legs)


@given(SIGNS, st.integers(1, 200), st.integers(1, 200), st.integers(1, 399))
def test_a_part_is_closed_where_it_pays_best(sign, one, other, percent):
    """Of two positions: no other split of the part, of a hundred, brings more."""
    states = {v: s for v, s in three(fee_bps=7).items() if v != "c"}
    holds = {"a": one * ONE, "b": other * ONE}
    holder = account(RICH, *(seat(v, -sign * size, 10**6 * ONE) for v, size in holds.items()))
    left = max((one + other) * ONE * percent // 400, 1)
    asked = order(sign * left, 0, reduce_only=True)
    found = plan(asked, holder, states, {"a": 0, "b": 1})
    assert all(size <= holds[v] for v, size in sizes(found).items())
    cost = found.route.all_in * sign
    for step in range(101):
        part = left * step // 100
        if part > holds["a"] or left - part > holds["b"]:
            continue
        parts = {"a": part, "b": left - part}
        other_cost = sum(
            states[v].curve.quote(sign * size).all_in * sign for v, size in parts.items() if size
        )
        assert found.route.certificate.bound <= other_cost
        assert cost <= other_cost + (cost - found.route.certificate.bound)


@given(SIGNS, POLICIES)
@settings(max_examples=20)
def test_an_order_to_close_all_closes_all_whatever_the_policy(sign, text):
    holder = account(RICH, *(seat(v, -sign * ONE, 10**6 * ONE) for v in IDS))
    asked = order(CLOSE_SHORTS if sign > 0 else CLOSE_LONGS, 0, venues=ALL)
    found = plan(asked, holder, three(), IDS, policy=parse(text))
    assert sizes(found) == dict.fromkeys(IDS, ONE)


def test_what_must_be_closed_first_cannot_be_left_out():
    holder = account(RICH, seat("a", -ONE, 10**6 * ONE), no_seat("b"), no_seat("c"))
    with pytest.raises(PlanError, match="a has to take a part and cannot be left out"):
        plan(order(5 * ONE, venues=ALL), holder, three(), IDS, policy=parse("not:a"))


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("only:d", "The policy leaves no venue"),
        ("weights:a=50%,d=50%", "d has a weight of 50% and is not on offer"),
    ],
)
def test_a_policy_that_leaves_nothing_says_so_in_a_sentence(text, why):
    with pytest.raises(PlanError, match=why):
        plan(order(5 * ONE, venues=ALL), NOBODY, three(), IDS, policy=parse(text))


class Greedy:
    """A plug-in that offers more than the account's margin has room for."""

    def apply(self, request):
        return replace(request, offers=tuple(replace(o, most=None) for o in request.offers))

    def to_json(self):
        return {"policy": "greedy"}


def test_one_s_own_policy_is_held_to_what_was_offered():
    with pytest.raises(PlanError, match="goes beyond what was offered"):
        plan(order(5 * ONE, venues=ALL), NOBODY, three(), IDS, policy=Greedy())


def test_too_few_venues_are_named():
    with pytest.raises(TooFewVenues, match="On one venue at most"):
        plan(order(1_500 * ONE, venues=ALL), NOBODY, three(), IDS, policy=parse("at-most:1"))


@given(SIGNS, st.integers(1, 300))
def test_lowest_margin_goes_where_a_base_takes_least(sign, amount):
    states = three(fee_bps=2)
    states["a"] = replace(states["a"], initial_margin_ratio=2 * INITIAL)
    asked = order(sign * amount * ONE, venues=ALL)
    assert "a" in sizes(plan(asked, NOBODY, states, IDS))
    found = plan(asked, NOBODY, states, IDS, policy=parse("lowest-margin"))
    assert "a" not in sizes(found)
    assert found.given_up > 0


# ------------------------------------------------------------------ written down


def test_settings_keep_a_policy_in_its_canonical_form():
    texts = "at-most:2+horizon:3d", "horizon:72h + at-most:2"
    assert len({Settings(text).policy for text in texts}) == 1
    assert parse(Settings(texts[0]).policy) == parse(texts[1])
    with pytest.raises(PolicyError, match="There is no policy 'cheapest'"):
        Settings("cheapest")


@given(st.sampled_from([order(300 * ONE), order(-300 * ONE), two_steps()]), POLICIES)
@settings(max_examples=30)
def test_a_decision_by_a_policy_repeats_and_names_it(request, text):
    for old, new in (("a", "alpha"), ("b", "beta")):
        text = text.replace(f":{old}", f":{new}").replace(f",{old}", f",{new}")
    assume("c=" not in text)
    text = text.replace(",betaand=5%", ",band=5%")
    written = decided(request, policy=text)
    assert parse(written.settings.policy) == parse(text)
    again = replay(read(canonical(written)))
    assert again.same
    assert all(one.given_up >= 0 for one in again.outcomes)


def test_a_receipt_by_a_policy_that_nobody_knows_is_refused_by_name():
    written = canonical(decided(order(300 * ONE)))
    forged = written.replace(rb"{\"policy\":\"best\"}", rb"{\"policy\":\"mine\"}")
    assert forged != written
    with pytest.raises(DocumentError, match="There is no policy 'mine'"):
        read(forged)


def test_a_receipt_with_another_policy_leads_elsewhere():
    written = decided(order(300 * ONE))
    other = replace(written, settings=replace(written.settings, policy="only:beta"))
    assert any("leg" in difference for difference in replay(other).differences)
