"""A deployer who wants to keep something: what he could do with the plan's own contracts, and where
it shows."""

import pytest

from devnet.anvil import rpc
from ringside.deploy.check import moved
from ringside.deploy.governance import Role
from ringside.deploy.run import DeployError
from ringside.deploy.steps import Make, Send

SEVEN = 7 * 86_400


def deviating(bare, when, does):
    """Deploys, and lets him do something else with the first transaction for which it is time."""
    made = bare.deployment()

    def send(tx):
        nonlocal does
        if does and when(made.record.pending.step):
            tx, does = does(made, tx), None
        return bare.send(tx)

    return made, send


def found_by(made):
    return {one.what: one.found for one in made.check()}


@pytest.mark.parametrize("name", ["access", "vault", "seat:synthetix"])
def test_creation_code_of_his_own_shows_though_it_leaves_the_planned_code(bare, name):
    """With a word in a slot of his choice: somebody's balance, role or right."""

    def seeded(made, tx):
        call = {"from": bare.actor(0), "data": tx["data"]}
        code = bytes(bare.w3.eth.call(call))
        size = len(code).to_bytes(2, "big").hex()
        # sstore(0, 1), then the code as it should be.
        head = f"600160005561{size}601360003961{size}6000f3"
        assert len(head) == 2 * 19
        return {**tx, "data": "0x" + head + code.hex()}

    made, send = deviating(bare, lambda step: step == name, seeded)
    # Without its administrator, nothing more can be done at the manager.
    error = "Cannot add" if name == "access" else "things are not as planned"
    with pytest.raises(DeployError, match=error):
        made.run(send)
    place = made.record.contracts[name].address
    assert int.from_bytes(bare.w3.eth.get_storage_at(place, 0), "big") == 1
    shown = found_by(made)
    assert f"creation code of {name}" in shown
    assert f"code of {name}" not in shown


def test_a_record_of_another_transaction_shows(site, made):
    vault, desk = made.record.contracts["vault"], made.record.contracts["desk"]
    vault.tx = desk.tx
    assert set(found_by(made)) == {
        f"{what} of vault" for what in ("place", "nonce", "block", "creation code")
    }
    vault.tx = made.record.calls[0].tx
    assert found_by(made)["place of vault"] == "a call"
    vault.tx = "0x" + "12" * 32
    assert found_by(made) == {"making of vault": "no such transaction"}


def test_a_record_without_the_managers_transaction_shows(site, made):
    made.record.contracts["access"].tx = "0x" + "12" * 32
    assert found_by(made)["making of access"] == "no such transaction"


def test_a_contract_of_somebody_elses_making_shows(site, made):
    other = site.actor(8)
    vault = next(s for s in made.steps if isinstance(s, Make) and s.name == "vault")
    sent = site.chain.transact({"data": made.site.data(vault)}, other, "a vault")
    record = made.record.contracts["vault"]
    record.tx = "0x" + bytes(sent["transactionHash"]).hex()
    assert found_by(made)["maker of vault"] == other


def test_a_membership_that_begins_later_shows_at_once(bare):
    """By a delay of grants that is taken back: `hasRole` would say nothing of it for a week."""
    friend = bare.actor(8)

    def befriends(made, tx):
        access = made.site.contract("access")
        for function, *arguments in (
            ("setGrantDelay", Role.GOVERNOR, SEVEN),
            ("grantRole", Role.GOVERNOR, friend, 0),
            ("setGrantDelay", Role.GOVERNOR, 0),
        ):
            data = access.encode_abi(function, arguments)
            bare.chain.transact({"to": access.address, "data": data}, bare.actor(0), function)
            if arguments[-1] == SEVEN:  # Only then does it count.
                bare.chain.advance(SEVEN)
        return {**tx, "nonce": bare.nonce}

    last = "the deployer gives up every right"
    made, send = deviating(bare, lambda step: step == last, befriends)
    with pytest.raises(DeployError, match=f"{friend} as well, since 2"):
        made.run(send)
    assert not made.site.ask("access", "hasRole", int(Role.GOVERNOR), friend)[0]
    assert set(found_by(made)) == {"role 2"}


def test_an_owners_delay_that_is_to_shrink_shows_at_once(bare):
    """A delay that is shortened counts once the old one is over."""

    def shortens(made, tx):
        access = made.site.contract("access")
        arguments = (int(Role.GOVERNOR), bare.owners.governor, 60)
        data = access.encode_abi("grantRole", arguments)
        bare.chain.transact({"to": access.address, "data": data}, bare.actor(0), "grantRole")
        return {**tx, "nonce": bare.nonce}

    last = "the deployer gives up every right"
    made, send = deviating(bare, lambda step: step == last, shortens)
    with pytest.raises(DeployError, match=r"delay of role 2: expected .* for good, found 60 s"):
        made.run(send)


@pytest.mark.parametrize("function", ["setFee", "pause", "lowerCaps"])
def test_nothing_is_handed_over_that_was_changed_by_hand(bare, function):
    """A fee that goes to him would be taken until somebody noticed."""

    def changes(made, tx):
        venues, own = made.site.contract("venues"), bare.actor(0)
        market = next(s for s in made.steps if isinstance(s, Send) and s.function == "list")
        for name, *arguments in {
            "setFee": [("setCollector", own), ("setFee", market.arguments[1], 10**15)],
            "pause": [("pause", 1)],
            "lowerCaps": [("lowerCaps", 0, 10**6, 0)],
        }[function]:
            data = venues.encode_abi(name, arguments)
            bare.chain.transact({"to": venues.address, "data": data}, own, name)
        return {**tx, "nonce": bare.nonce}

    last = [str(s) for s in bare.deployment().steps if getattr(s, "target", "") == "venues"][-1]
    made, send = deviating(bare, lambda step: step == last, changes)
    with pytest.raises(DeployError, match="things are not as planned"):
        made.run(send)
    assert made.site.ask("access", "hasRole", 0, bare.actor(0))[0]
    assert [one.found for one in moved(made.site)] == {
        "setFee": ["0.1 %", bare.actor(0)],
        "pause": ["paused"],
        "lowerCaps": ["1 USDC in all, 0 for one account"],
    }[function]


def test_caps_that_the_plan_had_before_it_was_corrected_are_not_handed_over(bare):
    wrong = bare.plan.model_copy(deep=True)
    first = wrong.venues[0].model_copy(update={"cap": 17, "account_cap": 17})
    wrong = wrong.model_copy(update={"venues": (first, *wrong.venues[1:])})

    def send(tx):
        if str(made.record.pending.step).startswith("list"):
            raise DeployError("the line is cut")
        return bare.send(tx)

    made = bare.deployment(wrong)
    with pytest.raises(DeployError, match="the line is cut"):
        made.run(send)
    with pytest.raises(DeployError, match=r"expected .*, found 17 USDC in all, 17 for one account"):
        bare.deployment().run(bare.send)


# ------------------------------------------------------------------------ which plan


@pytest.fixture
def live(bare):
    """The same chain under a number that is not that of a local one."""
    rpc(bare.w3, "anvil_setChainId", 10)
    yield bare
    rpc(bare.w3, "anvil_setChainId", 31337)


def test_a_live_chain_wants_owners(live):
    plan = live.plan.model_copy(update={"owners": None})
    with pytest.raises(DeployError, match="names no owners, and 10 is no local chain"):
        live.deployment(plan)


def test_a_live_chain_wants_its_sequencer_named_or_denied(live):
    told = live.plan.model_dump(exclude={"sequencer"}) | {"owners": live.owners}
    silent = type(live.plan).model_validate(told)
    with pytest.raises(DeployError, match="write it as `sequencer`"):
        live.deployment(silent)
    said = silent.model_copy(update={"sequencer": "0x" + "00" * 20})
    assert live.deployment(said).left()


@pytest.mark.parametrize("role", ["admin", "governor", "guardian"])
def test_the_deployer_is_no_owner(bare, role):
    owners = bare.owners.model_copy(update={role: bare.actor(0)})
    plan = bare.plan.model_copy(update={"owners": owners})
    with pytest.raises(DeployError, match="takes every right from the deployer"):
        bare.deployment(plan)
