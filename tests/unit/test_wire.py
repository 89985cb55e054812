"""Orders as they travel: whatever is signed arrives as it was, and nothing else arrives."""

import json
from contextlib import suppress
from copy import deepcopy

import pytest
from hypothesis import given
from hypothesis import strategies as st
from web3 import Web3

from ringside import wire
from ringside.accounts import account_id
from ringside.chain.contracts import abi
from ringside.orders import (
    CLOSE_LONGS,
    CLOSE_SHORTS,
    Bounds,
    Bundle,
    Conditions,
    Domain,
    Mode,
    Order,
    Terms,
    Tickets,
)
from ringside.policies import Pocket, Policy
from ringside.wire import WireError

DOMAIN = Domain(31337, "0x" + "22" * 20)
UINTS = st.one_of(st.integers(0, 2**256 - 1), st.integers(0, 3), st.just(2**256 - 1))
NAMES = st.text(min_size=1, max_size=64).filter(str.isprintable)
ADDRESSES = st.binary(min_size=20, max_size=20).map(lambda raw: "0x" + raw.hex())
SIZES = st.one_of(
    st.integers(1, 2**128 - 1).flatmap(lambda size: st.sampled_from([size, -size])),
    st.sampled_from([CLOSE_LONGS, CLOSE_SHORTS]),
)
BOUNDS = st.builds(
    lambda low, high, **others: Bounds(
        min_leverage=min(low, high) if high else low, max_leverage=high, **others
    ),
    low=UINTS,
    high=UINTS,
    min_fill=UINTS,
    max_deviation=UINTS,
    tolerance=UINTS,
    skip_unquotable=st.booleans(),
    reduce_only=st.booleans(),
    all_or_none=st.booleans(),
    open_against=st.booleans(),
)
TICKETS = st.builds(Tickets, UINTS, UINTS, st.integers(0, 10**18))
CONDITIONS = st.builds(
    Conditions,
    *(UINTS, ADDRESSES, UINTS, UINTS, st.booleans(), UINTS),
    *(UINTS.filter(bool), UINTS, UINTS, UINTS.filter(bool)),
)
PARTS = {
    "market": NAMES,
    "size": SIZES,
    "limit_price": UINTS,
    "max_margin": UINTS,
    "tip": UINTS,
    "venues": UINTS.filter(bool),
    "bounds": BOUNDS,
    "tickets": st.none() | TICKETS,
    "conditions": st.none() | CONDITIONS,
}
FRAME = {
    "account": st.binary(min_size=32, max_size=32).filter(lambda raw: any(raw[:20])),
    "deadline": UINTS,
    "nonce": UINTS,
    "epoch": UINTS,
}
ORDERS = st.builds(Order, **PARTS, **FRAME)
BUNDLES = st.builds(
    Bundle,
    steps=st.lists(st.builds(Terms, **PARTS), min_size=1, max_size=4).map(tuple),
    mode=st.sampled_from(Mode),
    **FRAME,
)
ACCOUNT = account_id("0x" + "11" * 20)
FULL = Order(
    *(ACCOUNT, "ETH-USD", 10**18, 2_000 * 10**18, 10**9, 10**6, 0b11, 2**40, 1, 0),
    *(Bounds(), Tickets(1, 2, 3), Conditions(group=1, group_size=1)),
)
BUNDLE = Bundle(ACCOUNT, (FULL.terms, FULL.terms), Mode.STEPWISE, 2**40, 1)
POLICY = Policy(ACCOUNT, (Pocket(0, "ETH-USD"), Pocket(1, "ETH-USD")), 2, 3, 1, 4, 5, 2**40, 1)
KINDS = {
    "order": (wire.order, FULL),
    "bundle": (wire.bundle, BUNDLE),
    "policy": (wire.policy, POLICY),
}


def paths(data, before=()):
    """Where something stands in a message, its own place included."""
    yield before
    inner = data.items() if isinstance(data, dict) else enumerate(data)
    for key, value in inner:
        if isinstance(value, (dict, list)):
            yield from paths(value, (*before, key))
        else:
            yield (*before, key)


def at(data, path):
    for key in path:
        data = data[key]
    return data


def changed(data, path, value):
    """A copy with something else in one place."""
    if not path:
        return value
    data = deepcopy(data)
    at(data, path[:-1])[path[-1]] = value
    return data


def told(name, path):
    """A place as an error names it."""
    return name + "".join(f"[{k}]" if isinstance(k, int) else f".{k}" for k in path)


EVERYWHERE = [
    (name, path) for name, (_, value) in KINDS.items() for path in paths(wire.message(value))
]
IDS = [told(name, path) for name, path in EVERYWHERE]


@given(ORDERS)
def test_an_order_arrives_as_it_was_signed(order):
    sent = json.loads(json.dumps(wire.message(order)))
    arrived = wire.order(sent)
    assert arrived == order
    assert arrived.digest(DOMAIN) == order.digest(DOMAIN)
    assert wire.message(arrived) == sent


@given(BUNDLES)
def test_a_bundle_arrives_as_it_was_signed(bundle):
    sent = json.loads(json.dumps(wire.message(bundle)))
    arrived = wire.bundle(sent)
    assert arrived == bundle
    assert arrived.digest(DOMAIN) == bundle.digest(DOMAIN)


def test_a_policy_arrives_as_it_was_signed():
    sent = json.loads(json.dumps(wire.message(POLICY)))
    assert wire.policy(sent) == POLICY


@given(ORDERS)
def test_what_travels_is_what_the_wallet_showed(order):
    shown, sent = order.values, wire.message(order)
    assert sent.keys() == shown.keys()
    assert sent["terms"].keys() == shown["terms"].keys()
    assert "[" not in json.dumps(sent["terms"]["bounds"])
    assert all(isinstance(sent[name], str) for name in ("account", "deadline", "nonce", "epoch"))


@given(ORDERS)
def test_a_number_may_be_jsons_own(order):
    def numbers(data):
        if isinstance(data, dict):
            return {
                key: value if key == "market" else numbers(value) for key, value in data.items()
            }
        if isinstance(data, list):
            return [numbers(item) for item in data]
        return int(data) if isinstance(data, str) and not data.startswith("0x") else data

    assert wire.order(json.loads(json.dumps(numbers(wire.message(order))))) == order


def test_an_address_may_be_in_any_case():
    mixed = FULL.with_(conditions=Conditions(filler="0x" + "Ab" * 20))
    arrived = wire.order(wire.message(mixed))
    assert arrived.conditions.filler == "0x" + "ab" * 20
    assert arrived.digest(DOMAIN) == mixed.digest(DOMAIN)
    assert arrived.terms.tuple == mixed.terms.tuple


def test_an_order_that_arrives_can_be_sent_to_the_desk_whatever_its_fillers_case():
    """web3 encodes no address in lower case."""
    desk = Web3().eth.contract(abi=abi("Desk"))
    for letters in ("ab", "AB", "Ab"):
        filled = FULL.with_(conditions=Conditions(filler="0x" + letters * 20))
        arrived = wire.order(wire.message(filled))
        assert desk.encode_abi("digest", [arrived.tuple]).count("ab" * 20) == 1


NAMES_TOO = ["1e18", "1.0", "+1", " 1", "007", "0x1", "1_000", "١٢٣"]
"""No numbers, but a market may be called that."""
WRONG = [
    *NAMES_TOO,
    *(None, 1.0, float("nan"), float("inf"), "1\n", "", "1" * 79, 10**5_000, -(10**5_000)),
    *("ETH\0USD", "\ud800", "ETH\u202eUSD", "x" * 65, [0] * 10_000, [[]], {}, (1,), b"1"),
]


@pytest.mark.parametrize(("name", "path"), EVERYWHERE, ids=IDS)
def test_every_wrong_value_is_refused_with_its_field_named(name, path):
    read, value = KINDS[name]
    message = wire.message(value)
    for wrong in WRONG:
        if path and path[-1] == "market" and wrong in NAMES_TOO:
            continue
        with pytest.raises(WireError) as refused:
            read(changed(message, path, wrong))
        assert str(refused.value).startswith(told(name, path))
        assert len(str(refused.value)) < 400


@pytest.mark.parametrize(("name", "path"), EVERYWHERE, ids=IDS)
def test_a_boolean_is_no_number_and_no_text(name, path):
    read, value = KINDS[name]
    message = wire.message(value)
    wrong = 1 if isinstance(at(message, path), bool) else True
    with pytest.raises(WireError) as refused:
        read(changed(message, path, wrong))
    assert str(refused.value).startswith(told(name, path))


@pytest.mark.parametrize(("name", "path"), EVERYWHERE, ids=IDS)
def test_nothing_may_be_missing_and_nothing_more_may_be_there(name, path):
    read, value = KINDS[name]
    message = wire.message(value)
    if path and isinstance(path[-1], str):
        short = deepcopy(message)
        del at(short, path[:-1])[path[-1]]
        with pytest.raises(WireError) as refused:
            read(short)
        assert f"{told(name, path[:-1])} lacks {path[-1]}" in str(refused.value)
    if isinstance(at(message, path), dict):
        more = deepcopy(message)
        at(more, path)["gasPrice"] = "1"
        with pytest.raises(WireError) as refused:
            read(more)
        assert f"{told(name, path)} has gasPrice too" in str(refused.value)


def test_python_names_are_not_those_that_travel():
    message = wire.message(FULL)
    message["terms"]["limit_price"] = message["terms"].pop("limitPrice")
    with pytest.raises(WireError, match=r"lacks limitPrice and has limit_price too"):
        wire.order(message)


def test_an_unknown_key_is_told_in_part_however_long_or_strange():
    more = {**wire.message(FULL), **{"k" * 10**6 + str(i): 0 for i in range(20)}, 7: 0}
    with pytest.raises(WireError) as refused:
        wire.order(more)
    assert len(str(refused.value)) < 400


def test_of_a_key_that_comes_twice_only_one_is_there_and_that_is_what_is_signed_for():
    text = json.dumps(wire.message(FULL)).replace('"nonce": "1"', '"nonce": "1", "nonce": "2"')
    arrived = wire.order(json.loads(text))
    assert arrived == FULL.with_(nonce=2)
    assert arrived.digest(DOMAIN) != FULL.digest(DOMAIN)


def test_something_deeply_nested_is_refused_where_it_begins():
    deep = []
    for _ in range(100_000):
        deep = [deep]
    for name, path in EVERYWHERE:
        read, value = KINDS[name]
        with pytest.raises(WireError) as refused:
            read(changed(wire.message(value), path, deep))
        assert str(refused.value).startswith(told(name, path))


OUT_OF_RANGE = [
    (("deadline",), "-1", "order: deadline"),
    (("nonce",), str(2**256), "order: nonce"),
    (("nonce",), 2**256, "order.nonce"),
    (("terms", "size"), "0", "order: size"),
    (("terms", "size"), str(2**128), "order: size"),
    (("terms", "size"), "-0", "order: size"),
    (("terms", "venues"), "0", "order: venues"),
    (("terms", "tip"), str(10**78 - 1), "order: tip"),
    (("terms", "tickets", 0, "maxLoss"), str(10**18 + 1), r"order.terms.tickets: max_loss"),
    (("terms", "bounds", "minFill"), "-1", "order.terms.bounds: minFill"),
    (("terms", "conditions", 0, "groupSize"), "0", "order.terms.conditions: a group"),
    (("account",), "0x" + "00" * 32, "order: account"),
    (("account",), "0x" + "11" * 31, "order.account must be 32 bytes"),
    (("account",), "0x" + "11" * 31 + "1", "order.account must be text"),
    (("terms", "conditions", 0, "filler"), "0x" + "11" * 32, "filler must be 20 bytes"),
]


@pytest.mark.parametrize(("path", "value", "part"), OUT_OF_RANGE)
def test_a_value_that_no_order_can_carry_is_refused_with_its_name(path, value, part):
    with pytest.raises(WireError) as refused:
        wire.order(changed(wire.message(FULL), path, value))
    assert part in str(refused.value)


def test_two_tickets_or_conditions_are_none():
    for name in ("tickets", "conditions"):
        message = wire.message(FULL)
        message["terms"][name] *= 2
        with pytest.raises(WireError, match=rf"order\.terms\.{name} has 2 entries: one, or none"):
            wire.order(message)


def test_a_fault_in_a_bundles_step_names_the_step():
    for path, part in (
        (("steps", 1, "size"), "bundle.steps[1]: size"),
        (("steps", 1, "tickets", 0, "maxLoss"), "bundle.steps[1].tickets: maxLoss"),
    ):
        message = changed(wire.message(BUNDLE), path, str(2**128) if "size" in path else "-1")
        with pytest.raises(WireError) as refused:
            wire.bundle(message)
        assert part in str(refused.value)


def test_a_bundle_has_a_step_and_no_more_than_sixty_four_and_a_mode_that_there_is():
    message = wire.message(BUNDLE)
    step = message["steps"][0]
    for steps, part in (([], "at least one step"), ([step] * 65, "a list of at most 64")):
        with pytest.raises(WireError, match=part):
            wire.bundle({**message, "steps": steps})
    assert len(wire.bundle({**message, "steps": [step] * 64}).steps) == 64
    with pytest.raises(WireError, match=r"bundle\.mode"):
        wire.bundle({**message, "mode": "3"})


def test_a_fault_in_a_policy_is_named():
    message = wire.message(POLICY)
    for path, part in (
        (("pockets", 1, "venue"), r"policy\.pockets\[1\]: venue"),
        (("trigger",), "policy: target less the tolerance"),
    ):
        with pytest.raises(WireError, match=part):
            wire.policy(changed(message, path, "99"))


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(st.sampled_from(EVERYWHERE), ANYTHING)
def test_whatever_else_stands_anywhere_is_right_or_a_wire_error(place, anything):
    name, path = place
    read, value = KINDS[name]
    message = changed(wire.message(value), path, anything)
    with suppress(WireError):
        assert wire.message(read(message)) == wire.message(read(wire.message(read(message))))


def test_hex_is_zero_x_and_pairs_of_digits():
    assert wire.hexed("0xAb00", "x") == b"\xab\0"
    assert wire.hexed("0x", "x") == b""
    for wrong in ("", "ab", "0xa", "0xgg", "0x ab", "0Xab", b"0xab", None, "0xab\n"):
        with pytest.raises(WireError, match="x must be text: 0x and pairs"):
            wire.hexed(wrong, "x")
