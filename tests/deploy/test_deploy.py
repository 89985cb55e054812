"""Deploying: step by step, resumed wherever it stopped, nothing twice, held against the plan."""

import pytest
import yaml

from devnet import DevnetError
from devnet.anvil import rpc
from ringside.deploy.record import Record, RecordError, load
from ringside.deploy.run import DeployError, Deployment
from ringside.deploy.steps import Make


class Killed(BaseException):
    """The process is gone."""


def test_everything_planned_stands_and_is_recorded(bare):
    begun = bare.nonce
    made = bare.deployment()
    made.run(bare.send)
    assert made.check() == []
    assert bare.nonce - begun == len(made.steps)
    told = yaml.safe_load(bare.file.read_text())
    assert told["finished"] is True
    assert told["pending"] is None
    for step in made.steps:
        if isinstance(step, Make):
            stands = told["contracts"][step.name]
            assert bare.w3.eth.get_code(stands["address"])
            block = bare.w3.eth.get_block(stands["block"], True)
            assert stands["tx"] in {"0x" + bytes(tx["hash"]).hex() for tx in block["transactions"]}
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
    assert all(one.address for one in made.record.contracts.values())


def test_a_step_that_reverts_is_named_and_can_be_mended(bare):
    """A feed that is none: what was done before stays recorded, and a right plan goes on."""
    wrong = bare.plan.model_copy(deep=True)
    market = wrong.markets["ETH-USD"].model_copy(update={"feed": bare.actor(3)})
    wrong.markets["ETH-USD"] = market
    with pytest.raises((DeployError, DevnetError)):
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
    assert found == ["venues was told", "code of venues"]


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


# -------------------------------------------------------------------------- the record


def test_a_record_of_another_chain_is_refused(bare):
    Record(chain_id=1, deployer=bare.actor(0)).write(bare.file)
    with pytest.raises(RecordError, match="chain 1, and this is 31337"):
        bare.deployment()


def test_a_record_of_another_deployer_is_refused(bare):
    Record(chain_id=31337, deployer=bare.actor(1)).write(bare.file)
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
    Record(chain_id=31337, deployer=bare.actor(0), pending=("access", bare.nonce)).write(bare.file)
    bare.chain.transact({"to": bare.actor(1), "value": 1}, bare.actor(0), "a payment")
    with pytest.raises(DeployError, match="used for something else"):
        bare.deployment().run(bare.send)
