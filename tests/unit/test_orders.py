"""Orders: hashed as EIP-712 does it, signed by their owner, and refused field by field."""

import re
from dataclasses import replace

import pytest
from eth_abi.abi import encode
from eth_account import Account
from eth_account.messages import _hash_eip191_message, encode_typed_data
from eth_utils.crypto import keccak
from hypothesis import given, reject, settings
from hypothesis import strategies as st

from ringside.accounts import account_id
from ringside.orders import (
    CLOSE_LONGS,
    CLOSE_SHORTS,
    MOST_VENUES,
    TYPES,
    Bounds,
    Bundle,
    Conditions,
    Domain,
    Mode,
    Order,
    OrderError,
    Terms,
    Tickets,
    market_id,
    sign,
    venue_set,
)

UINTS = st.integers(0, 2**256 - 1)
SIZES = st.one_of(
    st.integers(-(2**128) + 1, 2**128 - 1).filter(bool),
    st.sampled_from([CLOSE_LONGS, CLOSE_SHORTS]),
)
ADDRESSES = st.binary(min_size=20, max_size=20).filter(any).map(lambda raw: "0x" + raw.hex())
ACCOUNTS = st.builds(account_id, ADDRESSES, st.sampled_from(["", "hedge", "twelve chars"]))
NAMES = st.text(min_size=1, max_size=20)
LEVERAGES = st.tuples(UINTS, UINTS).map(sorted)
DOMAINS = st.builds(Domain, UINTS, ADDRESSES)
OWNER_KEY = "0x" + "42" * 32
OWNER = Account.from_key(OWNER_KEY).address


@st.composite
def bounds(draw):
    low, high = draw(LEVERAGES)
    return Bounds(
        min_fill=draw(UINTS),
        min_leverage=low,
        max_leverage=high,
        max_deviation=draw(UINTS),
        tolerance=draw(UINTS),
        skip_unquotable=draw(st.booleans()),
        reduce_only=draw(st.booleans()),
        all_or_none=draw(st.booleans()),
        open_against=draw(st.booleans()),
    )


TICKETS = st.builds(Tickets, most=UINTS, max_cost=UINTS, max_loss=st.integers(0, 10**18))
CONDITIONS = st.builds(
    Conditions,
    not_before=UINTS,
    filler=ADDRESSES,
    filler_until=UINTS,
    trigger_price=UINTS,
    trigger_above=st.booleans(),
    interval=UINTS,
    slice=UINTS.filter(bool),
    catch_up=UINTS,
    group=UINTS,
    group_size=UINTS.filter(bool),
)
PARTS = {
    "market": NAMES,
    "size": SIZES,
    "limit_price": UINTS,
    "max_margin": UINTS,
    "tip": UINTS,
    "venues": UINTS.filter(bool),
    "bounds": bounds(),
    "tickets": st.none() | TICKETS,
    "conditions": st.none() | CONDITIONS,
}
FRAME = {"account": ACCOUNTS, "deadline": UINTS, "nonce": UINTS, "epoch": UINTS}
FIELDS = {**FRAME, **PARTS}
TERMS = st.builds(Terms, **PARTS)
ORDERS = st.builds(Order, **FIELDS)
STEPS = st.lists(TERMS, min_size=1, max_size=3).map(tuple)
MODES = st.sampled_from(Mode)
BUNDLES = st.builds(Bundle, steps=STEPS, mode=MODES, **FRAME)
SIGNABLES = st.one_of(ORDERS, BUNDLES)
HERE = Domain(31337, "0x" + "de" * 20)
PLAIN = Order(account_id(OWNER), "ETH-USD", 10**18, 1, 1, 1, 1, 1, 1)
FULL = {"bounds": bounds(), "tickets": TICKETS, "conditions": CONDITIONS}


def one_bit_apart(value):
    """The nearest other value of the same kind."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return value ^ 1
    return value[:-1] + ("0" if value[-1] != "0" else "1")


@given(SIGNABLES, DOMAINS)
@settings(deadline=None, max_examples=60)
def test_the_digest_is_what_a_wallet_hashes(signable, domain):
    shown = encode_typed_data(full_message=signable.typed_data(domain))
    assert signable.digest(domain) == _hash_eip191_message(shown)


@pytest.mark.parametrize("field", FIELDS)
@given(data=st.data(), order=ORDERS)
@settings(deadline=None, max_examples=20)
def test_the_digest_changes_when_a_field_does(field, data, order):
    changed = order.with_(**{field: data.draw(FIELDS[field])})
    same = getattr(changed, field) == getattr(order, field)
    assert (changed.digest(HERE) == order.digest(HERE)) == same


@pytest.mark.parametrize(
    ("part", "field"),
    [
        (part, field)
        for part, struct in (("bounds", Bounds), ("tickets", Tickets), ("conditions", Conditions))
        for field in struct.__dataclass_fields__
    ],
)
@given(data=st.data(), order=ORDERS)
@settings(deadline=None, max_examples=5)
def test_the_digest_changes_when_one_bit_of_a_part_does(part, field, data, order):
    order = order.with_(**{part: data.draw(FULL[part])})
    before = getattr(order, part)
    try:
        after = replace(before, **{field: one_bit_apart(getattr(before, field))})
    except OrderError:  # The two fields of a pair no longer fit.
        reject()
    assert order.with_(**{part: after}).digest(HERE) != order.digest(HERE)


@given(ORDERS, st.sampled_from(["tickets", "conditions"]), st.data())
@settings(deadline=None, max_examples=20)
def test_saying_nothing_is_not_the_same_as_signing_zeros(order, part, data):
    zeros = {"tickets": Tickets(0, 0, 0), "conditions": Conditions()}[part]
    silent = order.with_(**{part: None})
    assert silent.digest(HERE) != order.with_(**{part: zeros}).digest(HERE)


@given(BUNDLES, st.data())
@settings(deadline=None, max_examples=20)
def test_the_digest_of_a_bundle_changes_when_a_field_does(bundle, data):
    changed = {
        "steps": data.draw(STEPS),
        "mode": data.draw(MODES),
        **{field: data.draw(kind) for field, kind in FRAME.items()},
    }
    for field, value in changed.items():
        other = bundle.with_(**{field: value})
        same = value == getattr(bundle, field)
        assert (other.digest(HERE) == bundle.digest(HERE)) == same


@given(BUNDLES, st.randoms(use_true_random=False))
@settings(deadline=None, max_examples=30)
def test_the_order_of_a_bundles_steps_is_signed(bundle, random):
    shuffled = list(bundle.steps)
    random.shuffle(shuffled)
    other = bundle.with_(steps=tuple(shuffled))
    assert (other.digest(HERE) == bundle.digest(HERE)) == (other.steps == bundle.steps)


@given(ORDERS, MODES)
@settings(deadline=None, max_examples=20)
def test_an_order_and_a_bundle_of_it_are_signed_differently(order, mode):
    frame = {name: getattr(order, name) for name in FRAME}
    bundle = Bundle(steps=(order.terms,), mode=mode, **frame)
    assert bundle.digest(HERE) != order.digest(HERE)


@given(SIGNABLES, DOMAINS, DOMAINS)
@settings(deadline=None, max_examples=50)
def test_the_digest_changes_with_the_chain_and_the_desk(signable, domain, other):
    assert (signable.digest(domain) == signable.digest(other)) == (domain == other)


@given(st.builds(PLAIN.with_, size=SIZES, limit_price=UINTS, nonce=UINTS))
@settings(deadline=None, max_examples=10)
def test_a_signature_recovers_to_the_owner(order):
    signature = sign(order, HERE, OWNER_KEY)
    shown = encode_typed_data(full_message=order.typed_data(HERE))
    assert len(signature) == 65
    assert Account.recover_message(shown, signature=signature) == OWNER


@given(BUNDLES)
@settings(deadline=None, max_examples=10)
def test_a_signature_of_a_bundle_recovers_to_the_owner(bundle):
    signature = sign(bundle, HERE, OWNER_KEY)
    shown = encode_typed_data(full_message=bundle.typed_data(HERE))
    assert Account.recover_message(shown, signature=signature) == OWNER


@given(TERMS)
def test_the_contract_takes_the_market_by_its_id(terms):
    taken = terms.tuple
    assert taken[0] == market_id(terms.market) == keccak(text=terms.market)
    assert taken[1:6] == (
        terms.size,
        terms.limit_price,
        terms.max_margin,
        terms.tip,
        terms.venues,
    )
    assert taken[6] == terms.bounds.tuple
    assert taken[7:] == (
        [terms.tickets.tuple] if terms.tickets else [],
        [terms.conditions.tuple] if terms.conditions else [],
    )


@given(ORDERS)
def test_the_contract_takes_an_order_as_its_terms_and_its_frame(order):
    framed = order.account, order.terms.tuple, order.deadline, order.nonce, order.epoch
    assert order.tuple == framed


@given(BUNDLES)
@settings(deadline=None, max_examples=30)
def test_the_contract_takes_a_bundle_as_its_steps_and_its_frame(bundle):
    account, steps, mode, *rest = bundle.tuple
    assert (account, mode) == (bundle.account, bundle.mode.value)
    assert steps == [step.tuple for step in bundle.steps]
    assert rest == [bundle.deadline, bundle.nonce, bundle.epoch]


@given(SIGNABLES)
@settings(deadline=None, max_examples=30)
def test_a_wallet_is_shown_the_markets_by_name(signable):
    shown = signable.typed_data(HERE)["message"]
    terms = [shown["terms"]] if isinstance(signable, Order) else shown["steps"]
    signed = [signable.terms] if isinstance(signable, Order) else signable.steps
    assert [each["market"] for each in terms] == [each.market for each in signed]


@pytest.mark.parametrize("struct", [Bounds, Tickets, Conditions])
def test_a_structs_fields_are_in_the_order_of_its_type(struct):
    """A tuple is made by position: a field out of place would be taken for its neighbour."""
    signed = [name for name, _ in TYPES[struct.__name__]]
    assert [re.sub("[A-Z]", lambda m: "_" + m[0].lower(), name) for name in signed] == list(
        struct.__dataclass_fields__
    )


@given(SIGNABLES)
def test_whatever_is_signed_knows_its_owner(signable):
    assert signable.owner == "0x" + signable.account[:20].hex()


@given(ORDERS)
def test_an_order_knows_its_direction(order):
    assert order.sign * abs(order.size) == order.size
    assert order.terms.sign == order.sign


@given(ORDERS)
def test_only_the_two_extreme_sizes_close_all(order):
    extreme = order.size in (CLOSE_LONGS, CLOSE_SHORTS)
    assert order.closes_all == order.terms.closes_all == extreme


def test_longs_are_closed_by_selling_and_shorts_by_buying():
    assert PLAIN.with_(size=CLOSE_LONGS).sign == -1
    assert PLAIN.with_(size=CLOSE_SHORTS).sign == 1


@given(BUNDLES, DOMAINS, st.data())
@settings(deadline=None, max_examples=30)
def test_a_step_is_kept_under_a_key_of_its_own(bundle, domain, data):
    step = data.draw(st.integers(0, len(bundle.steps) - 1))
    assert bundle.step_key(domain, step) == keccak(
        encode(["bytes32", "uint256"], [bundle.digest(domain), step])
    )


@given(BUNDLES, st.data())
@settings(deadline=None, max_examples=30)
def test_a_step_is_planned_as_an_order_of_its_own(bundle, data):
    step = data.draw(st.integers(0, len(bundle.steps) - 1))
    order = bundle.order(step)
    assert order.terms == bundle.steps[step]
    assert all(getattr(order, name) == getattr(bundle, name) for name in FRAME)


def test_a_bundle_without_steps_is_refused():
    with pytest.raises(OrderError, match="at least one step"):
        Bundle(PLAIN.account, (), Mode.ATOMIC, 1, 1)


@given(ORDERS, UINTS)
def test_a_copy_differs_only_where_it_was_changed(order, tip):
    copy = order.with_(tip=tip)
    assert copy.tip == tip
    assert copy.with_(tip=order.tip) == order


@given(st.sets(st.integers(0, MOST_VENUES - 1)))
def test_a_venue_set_has_the_bits_of_its_venues(ids):
    bits = venue_set(list(ids))
    assert {i for i in range(256) if bits >> i & 1} == ids
    assert bits < 2**64


@pytest.mark.parametrize("wrong", [-1, 64])
def test_a_venue_id_that_cannot_be_is_refused(wrong):
    with pytest.raises(OrderError, match=f"venue id {wrong} cannot exist"):
        venue_set([0, wrong])


@pytest.mark.parametrize(
    ("field", "wrong"),
    [
        ("account", b"\0" * 32),
        ("account", b"\x01" * 31),
        ("market", ""),
        ("size", 0),
        ("size", 2**128),
        ("size", -(2**128)),
        ("size", CLOSE_SHORTS - 1),
        ("size", CLOSE_LONGS + 1),
        ("size", -CLOSE_SHORTS),
        ("size", 1.5),
        *(
            (field, wrong)
            for field in ("limit_price", "max_margin", "tip", "deadline", "nonce", "epoch")
            for wrong in (-1, 2**256, 1.0)
        ),
        ("venues", 2**256),
        ("venues", 0),
    ],
)
def test_a_field_no_order_can_carry_is_refused_by_name(field, wrong):
    with pytest.raises(OrderError, match=f"^{field} "):
        PLAIN.with_(**{field: wrong})


@pytest.mark.parametrize("field", ["account", "deadline", "nonce", "epoch"])
def test_a_field_no_bundle_can_carry_is_refused_by_name(field):
    bundle = Bundle(PLAIN.account, (PLAIN.terms,), Mode.ATOMIC, 1, 1)
    for wrong in (b"\0" * 32, b"\x01" * 31) if field == "account" else (-1, 2**256, 1.0):
        with pytest.raises(OrderError, match=f"^{field} "):
            bundle.with_(**{field: wrong})


NUMBERS = {
    Bounds: ["min_fill", "min_leverage", "max_leverage", "max_deviation", "tolerance"],
    Tickets: ["most", "max_cost", "max_loss"],
    Conditions: [
        *("not_before", "filler_until", "trigger_price", "interval", "slice", "catch_up"),
        *("group", "group_size"),
    ],
}


@pytest.mark.parametrize(
    ("struct", "field"), [(struct, field) for struct in NUMBERS for field in NUMBERS[struct]]
)
@pytest.mark.parametrize("wrong", [-1, 2**256, "1"])
def test_a_number_no_part_can_carry_is_refused_by_name(struct, field, wrong):
    plain = {"most": 1, "max_cost": 1, "max_loss": 1} if struct is Tickets else {}
    shown = re.sub("_(.)", lambda m: m[1].upper(), field)
    with pytest.raises(OrderError, match=f"^{shown} "):
        struct(**plain | {field: wrong})


@pytest.mark.parametrize("wrong", ["", "keeper", "0x" + "11" * 19, "11" * 20, "11" * 21])
def test_a_filler_that_is_no_address_is_refused_by_name(wrong):
    with pytest.raises(OrderError, match="filler must"):
        Conditions(filler=wrong)


def test_a_schedule_without_a_slice_is_refused():
    with pytest.raises(OrderError, match="a schedule needs a slice"):
        Conditions(interval=60)
    assert Conditions(interval=60, slice=1).slice == 1


def test_a_group_without_a_size_is_refused():
    with pytest.raises(OrderError, match="a group needs a group_size"):
        Conditions(group=1)
    assert Conditions(group=1, group_size=1).group_size == 1


def test_more_than_all_cannot_be_lost():
    with pytest.raises(OrderError, match="max_loss is a part of 1e18"):
        Tickets(1, 1, 10**18 + 1)
    assert Tickets(1, 1, 10**18).max_loss == 10**18


def test_leverage_bounds_that_exclude_each_other_are_refused():
    with pytest.raises(OrderError, match="min_leverage is above max_leverage"):
        Bounds(min_leverage=3, max_leverage=2)
    assert Bounds(min_leverage=3).max_leverage == 0
