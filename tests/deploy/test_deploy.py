"""Deploying: step by step, resumed wherever it stopped, nothing twice, held against the plan."""

import pytest
import yaml

from devnet.anvil import rpc
from ringside.deploy.record import Pending, Record, RecordError, load
from ringside.deploy.run import DeployError, Deployment
from ringside.deploy.steps import Make


class Killed(BaseException):
    """The process is gone."""


def holds(bare, made):
    """Every step is on record with the transaction that did it."""
    told = yaml.safe_load(bare.file.read_text())
    assert told["finished"] is True
    assert told["pending"] is None
    calls = {one["call"]: one for one in told["calls"]}
    for step in made.steps:
        is_made = isinstance(step, Make)
        done = told["contracts"][step.name] if is_made else calls.pop(str(step))
        block = bare.w3.eth.get_block(done["block"], True)
        assert done["tx"] in {"0x" + bytes(tx["hash"]).hex() for tx in block["transactions"]}
        if is_made:
            assert bare.w3.eth.get_code(done["address"])
    assert calls == {}
    return told


def test_everything_planned_stands_and_is_recorded(bare):
    begun = bare.nonce
    made = bare.deployment()
    made.run(bare.send)
    assert made.check() == []
    assert bare.nonce - begun == len(made.steps)
    told = holds(bare, made)
    assert told["contracts"]["desk"]["arguments"] == [
        told["contracts"]["bundles"]["address"],
        bare.addresses["usdc"],
    ]


def test_a_second_run_sends_nothing(bare):
    bare.deployment().run(bare.send)
    begun = bare.nonce
    again = bare.deployment()
    assert again.left() == []
    again.run(bare.send)
    assert bare.nonce == begun


@pytest.mark.parametrize("sent", [False, True], ids=["before it is sent", "once it is mined"])
def test_killed_at_every_step_it_goes_on_from_there(bare, sent):
    """A new process after every single transaction: the same end, and nothing twice."""
    begun = bare.nonce
    whole = len(bare.deployment().steps)
    killed = 0

    def send(tx):
        nonlocal done
        if done and not sent:
            raise Killed
        done, receipt = True, bare.send(tx)
        if sent:
            raise Killed
        return receipt

    while True:
        done = False
        try:
            made = bare.deployment()
            made.run(send)
        except Killed:
            killed += 1
            assert killed <= whole + 1
        else:
            break
    assert killed >= whole - 1
    assert bare.nonce - begun == whole
    assert made.check() == []
    holds(bare, made)


def test_a_step_that_reverts_is_named_and_can_be_mended(bare):
    """A feed that is none: what was done before stays recorded, and a right plan goes on."""
    wrong = bare.plan.model_copy(deep=True)
    market = wrong.markets["ETH-USD"].model_copy(update={"feed": bare.actor(3)})
    wrong.markets["ETH-USD"] = market
    with pytest.raises(DeployError, match=f"Cannot add the market ETH-USD, .*{bare.actor(3)}"):
        bare.deployment(wrong).run(bare.send)
    begun = load(bare.file, bare.w3.eth.chain_id)
    assert begun is not None
    assert "vault" in begun.contracts
    made = bare.deployment()
    made.run(bare.send)
    assert made.record.contracts["vault"] == begun.contracts["vault"]
    assert made.check() == []


# --------------------------------------------------------------------------- the check


def findings(site):
    return [one.what for one in site.deployment().check()]


@pytest.mark.parametrize("name", ["vault", "desk", "access", "seat:rage", "board"])
def test_other_code_is_found(site, made, name):
    place = made.record.contracts[name].address
    code = bytes(site.w3.eth.get_code(place))
    changed = code[:-1] + bytes([code[-1] ^ 1])
    rpc(site.w3, "anvil_setCode", place, "0x" + changed.hex())
    assert findings(site) == [f"code of {name}"]


def test_a_contract_that_was_told_something_else_is_found(site, made):
    """Immutables are part of the code that is compared."""
    other = made.plan.model_copy(update={"grace": made.plan.grace + 1})
    found = [one.what for one in site.deployment(other).check()]
    assert found == ["venues was told", "creation code of venues", "code of venues"]


def test_a_market_of_another_feed_is_found(site, made):
    feed = site.addresses["feeds"]["BTC-USD"]
    other = made.plan.model_copy(deep=True)
    other.markets["ETH-USD"] = other.markets["ETH-USD"].model_copy(update={"feed": feed})
    assert [one.what for one in site.deployment(other).check()] == ["feed of ETH-USD"]


def test_a_venue_that_is_missing_is_a_step_to_be_done(site, made):
    first = made.plan.venues[0]
    more = first.model_copy(update={"name": "fourth", "markets": {}})
    other = made.plan.model_copy(update={"venues": (*made.plan.venues, more)})
    found = site.deployment(other)
    assert [str(step).split(",")[0] for step in found.left()] == [
        "make PerpV2Seat as seat:fourth",
        "add the venue fourth",
    ]


def with_first_venue(made, **changes):
    first, *others = made.plan.venues
    return made.plan.model_copy(update={"venues": (first.model_copy(update=changes), *others)})


def test_a_listing_of_another_instrument_is_found(site, made):
    """An order for one market would trade another."""
    markets = made.plan.venues[0].markets
    swapped = {**markets, "ETH-USD": markets["BTC-USD"], "BTC-USD": markets["ETH-USD"]}
    found = site.deployment(with_first_venue(made, markets=swapped)).check()
    assert {one.what for one in found} == {"ETH-USD at venue 0", "BTC-USD at venue 0"}


def test_a_listing_beyond_the_plan_is_found(site, made):
    markets = dict(made.plan.venues[0].markets)
    del markets["BTC-USD"]
    (found,) = site.deployment(with_first_venue(made, markets=markets)).check()
    assert (found.what, found.expected) == ("BTC-USD at venue 0", "not listed")


def test_a_market_beyond_the_plan_is_found(site, made):
    markets = {name: one for name, one in made.plan.markets.items() if name != "SOL-USD"}
    other = made.plan.model_copy(update={"markets": markets})
    assert [one.what for one in site.deployment(other).check()] == ["market SOL-USD"]


def test_a_venue_beyond_the_plan_is_found(site, made):
    fewer = made.plan.model_copy(update={"venues": made.plan.venues[:-1]})
    found = [one.what for one in site.deployment(fewer).check()]
    number = len(made.plan.venues) - 1
    assert found[0] == f"venue {number}"
    assert set(found[1:]) == {f"{name} at venue {number}" for name in made.plan.venues[-1].markets}


def test_venues_in_another_order_stop_a_deployment_before_anything_is_sent(site, made):
    """Markets are listed by a venue's number."""
    begun = site.nonce
    other = made.plan.model_copy(update={"venues": tuple(reversed(made.plan.venues))})
    with pytest.raises(DeployError, match="venue 0: expected synthetix, found perp-v2"):
        site.deployment(other).run(site.send)
    assert site.nonce == begun


def test_a_venue_that_the_governor_added_without_a_record_is_named(site, made):
    """Its seat was made by somebody: nothing here can vouch for its code."""
    stands = site.chain.copy_code(made.record.contracts["seat:rage"].address)
    arguments = ("fourth", stands, 0, 0)
    venues = made.site.contract("venues")
    data = venues.encode_abi("addVenue", arguments)
    governed(site, made, venues, data)
    fourth = made.plan.venues[0].model_copy(update={"name": "fourth", "markets": {}})
    other = made.plan.model_copy(update={"venues": (*made.plan.venues, fourth)})
    assert findings_of(site, other) == [("seat:fourth", "none on record")]


def announce(site, access, target, data, by):
    call = access.encode_abi("schedule", (target, data, 0))
    site.chain.transact({"to": access.address, "data": call}, by, "an announcement")


def governed(site, made, venues, data):
    """The governor announces, waits and does."""
    access, by = made.site.contract("access"), site.owners.governor
    announce(site, access, venues.address, data, by)
    site.chain.advance(site.owners.delay)
    site.chain.transact({"to": venues.address, "data": data}, by, "a governor's call")


def findings_of(site, plan):
    return [(one.what, one.found) for one in site.deployment(plan).check()]


def administered(site, made, function, *arguments):
    """The administrator of roles announces, waits and does."""
    access, by = made.site.contract("access"), site.owners.admin
    data = access.encode_abi(function, arguments)
    announce(site, access, access.address, data, by)
    site.chain.advance(site.owners.delay)
    site.chain.transact({"to": access.address, "data": data}, by, "an administrator's call")


@pytest.mark.parametrize(
    ("function", "arguments", "what"),
    [
        ("setTargetClosed", ("$venues", True), "{venues} at the manager"),
        ("setTargetAdminDelay", ("$venues", 86_400), "delay of the administration of {venues}"),
        ("setGrantDelay", (2, 86_400), "delay of grants of role 2"),
        ("setRoleAdmin", (1, 2), "who gives the role of guardian"),
        ("setRoleGuardian", (1, 2), "who cancels for the guardian"),
    ],
)
def test_a_change_at_the_manager_is_found(site, made, function, arguments, what):
    """Delays count from five days later on, and are found at once."""
    administered(site, made, function, *made.site.arguments(arguments))
    venues = made.record.contracts["venues"].address
    assert findings(site) == [what.format(venues=venues)]


def test_a_registry_under_another_manager_is_found(site, made):
    other = site.actor(9)
    rpc(site.w3, "anvil_setCode", other, "0x00")
    venues = made.record.contracts["venues"].address
    administered(site, made, "updateAuthority", venues, other)
    assert "authority of venues" in findings(site)


# -------------------------------------------------------------------------- the record


def test_a_record_of_another_chain_is_refused(bare):
    Record(chain_id=1, deployer=bare.actor(0), since=1).write(bare.file)
    with pytest.raises(RecordError, match="chain 1, and this is 31337"):
        bare.deployment()


def test_a_record_of_another_deployer_is_refused(bare):
    Record(chain_id=31337, deployer=bare.actor(1), since=1).write(bare.file)
    with pytest.raises(RecordError, match="go on with that account"):
        bare.deployment()


@pytest.mark.parametrize("text", ["{", "a: 1", "[]", "\x00"])
def test_a_broken_record_is_refused(bare, text):
    bare.file.parent.mkdir()
    bare.file.write_text(text)
    with pytest.raises(RecordError, match="no record of a deployment"):
        bare.deployment()


def test_a_check_needs_a_record(bare):
    with pytest.raises(DeployError, match="nothing was deployed there yet"):
        Deployment(bare.w3, bare.plan, bare.file, None, lambda name: ([], ""))


def test_a_nonce_that_was_used_for_something_else_stops_the_recovery(bare):
    since = bare.w3.eth.block_number
    pending = Pending(step="access", nonce=bare.nonce, since=since)
    Record(chain_id=31337, deployer=bare.actor(0), since=since, pending=pending).write(bare.file)
    bare.chain.transact({"to": bare.actor(1), "value": 1}, bare.actor(0), "a payment")
    for _ in range(5):  # The transaction is looked for among the blocks since.
        rpc(bare.w3, "evm_mine")
    with pytest.raises(DeployError, match="used for something else"):
        bare.deployment().run(bare.send)
