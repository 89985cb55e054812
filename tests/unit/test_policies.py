"""Standing policies: hashed as EIP-712 does it, signed by their owner, and refused field by
field."""

import pytest
from eth_account import Account
from eth_account.messages import _hash_eip191_message, encode_typed_data
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from ringside.accounts import account_id
from ringside.orders import market_id
from ringside.policies import (
    Domain,
    Health,
    Pocket,
    Policy,
    PolicyError,
    most_to_give,
    most_to_take,
    sign,
)

ONE = 10**18
UNIT = 10**12
UINTS = st.integers(0, 2**256 - 1)
ADDRESSES = st.binary(min_size=20, max_size=20).filter(any).map(lambda raw: "0x" + raw.hex())
ACCOUNTS = st.builds(account_id, ADDRESSES, st.sampled_from(["", "hedge", "twelve chars"]))
POCKETS = st.builds(Pocket, st.integers(0, 63), st.text(min_size=1, max_size=20))
SEVERAL = st.lists(POCKETS, min_size=1, max_size=4).map(tuple)
DOMAINS = st.builds(Domain, UINTS, ADDRESSES)
OWNER_KEY = "0x" + "42" * 32
OWNER = Account.from_key(OWNER_KEY).address
HERE = Domain(31337, "0x" + "de" * 20)
PLAIN = Policy(
    account=account_id(OWNER),
    pockets=(Pocket(0, "ETH-USD"), Pocket(1, "ETH-USD")),
    trigger=2 * ONE,
    target=3 * ONE,
    tolerance=ONE // 10,
    floor=4 * ONE,
    max_per_day=10**10,
    deadline=1,
    nonce=1,
)
FREE = ("max_per_day", "deadline", "nonce", "epoch", "cooldown", "tip", "max_tip_per_day")
NUMBERS = (*FREE, "trigger", "target", "tolerance", "floor", "excess", "max_loss")


@st.composite
def policies(draw):
    trigger, tolerance = draw(st.integers(0, 2**200)), draw(st.integers(0, 2**200))
    target = trigger + tolerance + draw(st.integers(0, 2**200))
    return Policy(
        account=draw(ACCOUNTS),
        pockets=draw(SEVERAL),
        trigger=trigger,
        target=target,
        tolerance=tolerance,
        floor=trigger + draw(st.integers(0, 2**200)),
        excess=draw(st.just(0) | st.integers(target + tolerance, 2**255)),
        max_loss=draw(st.integers(0, ONE)),
        **{name: draw(UINTS) for name in FREE},
    )


@given(policies(), DOMAINS)
@settings(max_examples=50)
def test_the_digest_is_what_a_wallet_hashes(policy, domain):
    shown = encode_typed_data(full_message=policy.typed_data(domain))
    assert policy.digest(domain) == _hash_eip191_message(shown)


@given(policies(), policies(), DOMAINS, DOMAINS)
@settings(max_examples=50)
def test_the_digest_changes_with_the_policy_the_chain_and_the_contract(one, other, here, there):
    assert (one.digest(here) == other.digest(here)) == (one == other)
    assert (one.digest(here) == one.digest(there)) == (here == there)


CHANGES = {name: getattr(PLAIN, name) + 1 for name in FREE} | {
    "account": account_id(OWNER, "other"),
    "pockets": PLAIN.pockets[::-1],
    "trigger": PLAIN.trigger + 1,
    "target": PLAIN.target + 1,
    "tolerance": PLAIN.tolerance + 1,
    "floor": PLAIN.floor + 1,
    "excess": 9 * ONE,
    "max_loss": 1,
}


@pytest.mark.parametrize("field", CHANGES)
def test_the_digest_changes_when_a_field_does(field):
    changed = PLAIN.with_(**{field: CHANGES[field]})
    assert changed.digest(HERE) != PLAIN.digest(HERE)


def test_every_field_is_among_those_changed():
    assert set(CHANGES) == set(Policy.__dataclass_fields__)


def test_a_signature_recovers_to_the_owner():
    shown = encode_typed_data(full_message=PLAIN.typed_data(HERE))
    found = Account.recover_message(shown, signature=sign(PLAIN, HERE, OWNER_KEY))
    assert found == OWNER
    assert PLAIN.owner == OWNER.lower()


@given(policies())
@settings(max_examples=20)
def test_the_contract_takes_markets_by_their_ids(policy):
    assert len(policy.tuple) == 15
    assert policy.tuple[1] == [(p.venue, market_id(p.market)) for p in policy.pockets]
    assert policy.tuple[-1] == policy.epoch


@pytest.mark.parametrize(
    ("field", "wrong"),
    [
        ("account", b"\0" * 32),
        ("account", b"\x01" * 31),
        ("pockets", ()),
        *((name, wrong) for name in NUMBERS for wrong in (-1, 2**256, 1.0, "1")),
        ("tolerance", ONE + 1),
        ("floor", 2 * ONE - 1),
        ("excess", 3 * ONE + ONE // 10 - 1),
        ("max_loss", ONE + 1),
    ],
)
def test_a_field_no_policy_can_carry_is_refused_by_name(field, wrong):
    named = "target" if (field, wrong) == ("tolerance", ONE + 1) else field
    with pytest.raises(PolicyError, match=f"^{named} "):
        PLAIN.with_(**{field: wrong})


@pytest.mark.parametrize("change", [{"tolerance": ONE}, {"floor": 2 * ONE}, {"max_loss": ONE}])
def test_the_least_that_a_policy_can_carry_is_taken(change):
    assert PLAIN.with_(**change) != PLAIN


@pytest.mark.parametrize("wrong", [-1, 64, "0"])
def test_a_venue_that_cannot_be_is_refused(wrong):
    with pytest.raises(PolicyError, match=f"^venue must be an id from 0 to 63, not {wrong}"):
        Pocket(wrong, "ETH-USD")


def test_a_pocket_needs_a_market():
    with pytest.raises(PolicyError, match=r"^market must be named"):
        Pocket(0, "")


def pocket(equity, maintenance):
    """As the contract works it out."""
    health = max(equity, 0) * ONE // maintenance
    return Health(equity, maintenance, health)


PARTS = {
    "equity": st.integers(-(10**26), 10**26),
    "maintenance": st.integers(1, 10**26),
    "bound": st.integers(0, 100 * ONE),
}


@given(**PARTS)
def test_the_most_to_give_is_the_last_unit_within_the_target(equity, maintenance, bound):
    before = pocket(equity, maintenance)
    assume(before.health <= bound)
    amount = most_to_give(before, bound)
    assert pocket(equity + amount * UNIT, maintenance).health <= bound
    assert pocket(equity + (amount + 1) * UNIT, maintenance).health > bound


@given(**PARTS)
def test_the_most_to_take_is_the_last_unit_above_the_floor(equity, maintenance, bound):
    before = pocket(equity, maintenance)
    assume(equity > 0 and bound > 0 and before.health >= bound)
    amount = most_to_take(before, bound)
    assert pocket(equity - amount * UNIT, maintenance).health >= bound
    assert pocket(equity - (amount + 1) * UNIT, maintenance).health < bound


def test_nothing_is_given_beyond_the_target_nor_taken_below_the_floor():
    assert most_to_give(pocket(3 * ONE, ONE), 2 * ONE) == 0
    assert most_to_take(pocket(ONE, ONE), 2 * ONE) == 0
