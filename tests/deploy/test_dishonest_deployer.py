"""A deployer who wants to keep something: what he could do with the plan's own contracts, and where
it shows."""

import pytest
from conftest import artifact

from devnet.anvil import rpc
from ringside.deploy.check import moved
from ringside.deploy.governance import Role
from ringside.deploy.record import Record
from ringside.deploy.run import DeployError, Deployment
from ringside.deploy.steps import Make, Send, reads
from ringside.orders import market_id

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
        f"{what} of vault" for what in ("place", "nonce", "creation code")
    }
    vault.tx = made.record.calls[0].tx
    assert found_by(made)["place of vault"] == "a call"
    vault.tx = "0x" + "12" * 32
    assert found_by(made) == {"making of vault": "no such transaction"}


def test_a_record_of_another_nonce_shows(site, made):
    made.record.contracts["desk"].nonce -= 1
    assert set(found_by(made)) == {"nonce of desk"}


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


LAST = "the deployer gives up every right"
PUBLIC = 2**64 - 1
FOREVER = 2**32 - 1


def administering(bare, *calls, waits=0):
    """What calls the manager as its administrator, and waits so long after each, before a step."""

    def does(made, tx):
        access = made.site.contract("access")
        for function, *arguments in calls:
            told = made.site.arguments(arguments)
            data = access.encode_abi(function, told)
            bare.chain.transact({"to": access.address, "data": data}, bare.actor(0), function)
            if waits:
                bare.chain.advance(waits)
        return {**tx, "nonce": bare.nonce}

    return does


def shown_after(bare, *calls, waits=0):
    """What the check says of a hand-over, before the last step of which he made those calls."""
    made, send = deviating(bare, LAST.__eq__, administering(bare, *calls, waits=waits))
    with pytest.raises(DeployError, match="things are not as planned"):
        made.run(send)
    assert not made.site.ask("access", "hasRole", 0, bare.actor(0))[0]
    return found_by(made)


def test_a_seat_that_somebody_else_made_is_held_against_its_own_maker(site, made):
    other = site.actor(8)
    seat = next(s for s in made.steps if isinstance(s, Make) and s.name == "seat:rage")
    nonce = site.w3.eth.get_transaction_count(other)
    sent = site.chain.transact({"data": made.site.data(seat)}, other, "a seat")
    record = made.record.contracts["seat:rage"]
    record.tx = "0x" + bytes(sent["transactionHash"]).hex()
    record.nonce, record.address = nonce, sent["contractAddress"]
    assert found_by(made)["maker of seat:rage"] == other
    record.maker = other
    # What is left is that the registry has another one.
    assert set(found_by(made)) == {"seat of rage"}


def test_a_membership_that_begins_later_shows_at_once(bare):
    """By a delay of grants: `hasRole` would say nothing of it for a week."""
    friend = bare.actor(8)
    granting = "setGrantDelay", Role.GOVERNOR, SEVEN
    wait = lambda made, tx: bare.chain.advance(SEVEN) or tx  # noqa: E731
    calls = administering(bare, granting), wait, administering(bare, ("grantRole", 2, friend, 0))

    def does(made, tx):
        for call in calls:
            tx = call(made, tx)
        return tx

    made, send = deviating(bare, LAST.__eq__, does)
    with pytest.raises(DeployError, match=f"{friend} as well, since 2"):
        made.run(send)
    assert not made.site.ask("access", "hasRole", int(Role.GOVERNOR), friend)[0]
    assert set(found_by(made)) == {"role 2", "delay of grants of role 2"}


def test_an_owners_delay_that_is_to_shrink_shows_at_once(bare):
    """A delay that is shortened counts once the old one is over."""
    shown = shown_after(bare, ("grantRole", 2, bare.owners.governor, 60))
    assert shown["delay of role 2"].startswith("60 s from 2")


def test_who_may_cancel_what_the_administrator_does_shows(bare):
    """By a role for the manager's own functions, whose guardian is everybody: nothing that the
    administrator announces would ever be done."""
    access = bare.deployment().site.w3.eth.contract(abi=reads("access"))
    revoke = bytes.fromhex(access.encode_abi("revokeRole", [0, bare.actor(1)])[2:10])
    shown = shown_after(
        bare,
        ("setTargetFunctionRole", "$access", [revoke], 7),
        ("setRoleGuardian", 7, PUBLIC),
        ("setRoleAdmin", 8, 7),
    )
    (function,) = (what for what in shown if what.startswith("function 0x" + revoke.hex()))
    assert shown[function] == "role 7"
    assert shown["who cancels for role 7"] == f"role {PUBLIC}"
    assert shown["who gives role 8"] == "role 7"


def test_a_delay_that_would_take_a_lifetime_to_go_down_shows(bare):
    """Set to the longest and back to none, once it counts: its going down takes as long."""
    calls = (
        ("setGrantDelay", Role.ADMIN, FOREVER),
        ("setTargetAdminDelay", "$venues", FOREVER),
        ("setGrantDelay", Role.ADMIN, 0),
        ("setTargetAdminDelay", "$venues", 0),
    )
    shown = shown_after(bare, *calls, waits=SEVEN)
    assert shown["delay of grants of role 0"].startswith(f"{FOREVER:,} s, and 0 s from 21")
    (registry,) = (what for what in shown if what.startswith("delay of the administration of 0x"))
    assert shown[registry].startswith(f"{FOREVER:,} s, and 0 s from 21")


def test_a_target_that_is_closed_shows(bare):
    shown = shown_after(bare, ("setTargetClosed", "$vault", True))
    assert [what.split()[1:] for what in shown] == [["at", "the", "manager"]]


def test_what_he_set_before_he_left_shows_though_the_tool_did_not_stop_him(bare, monkeypatch):
    """A fee that goes to him, by a deployer who runs something else than the tool."""
    monkeypatch.setattr(Deployment, "_require_as_begun", lambda _: None)
    own = bare.actor(0)

    def sets(made, tx):
        venues = made.site.contract("venues")
        for name, *arguments in (
            ("setCollector", own),
            ("setFee", market_id("ETH-USD"), 10**15),
            ("setFee", market_id("BTC-USD"), 10**15),
            ("setFee", market_id("BTC-USD"), 0),
            ("raiseCaps", 1, 10**17, 10**17),
        ):
            data = venues.encode_abi(name, arguments)
            bare.chain.transact({"to": venues.address, "data": data}, own, name)
        return {**tx, "nonce": bare.nonce}

    made, send = deviating(bare, lambda step: step.startswith("what the guardian may"), sets)
    with pytest.raises(DeployError, match="things are not as planned"):
        made.run(send)
    when = "when the deployer left"
    name = made.plan.venues[1].name
    assert found_by(made) == {
        f"fee of market 0x{market_id('ETH-USD').hex()} {when}": f"{10**15} / 1e18",
        f"collector of fees {when}": own,
        f"caps of {name} {when}": f"({10**17}, {10**17})",
    }


def test_an_authority_of_his_own_that_was_there_for_a_time_shows(bare):
    """Put there at once, and put back by itself: no role ever tells of it."""
    other = bare.actor(8)

    def swaps(made, tx):
        access, venues = made.site.contract("access"), made.site.contract("venues")
        rpc(bare.w3, "anvil_setCode", other, "0x00")
        data = access.encode_abi("updateAuthority", (venues.address, other))
        bare.chain.transact({"to": access.address, "data": data}, bare.actor(0), "away")
        data = venues.encode_abi("setAuthority", (access.address,))
        bare.chain.transact({"to": venues.address, "data": data}, other, "and back")
        rpc(bare.w3, "anvil_setCode", other, "0x")
        return {**tx, "nonce": bare.nonce}

    made, send = deviating(bare, LAST.__eq__, swaps)
    with pytest.raises(DeployError, match="things are not as planned"):
        made.run(send)
    assert found_by(made) == {"authority of venues": f"{other} for a time"}


@pytest.mark.parametrize("friend", [0, 8], ids=["himself", "a friend"])
def test_a_role_that_outlived_his_leaving_shows_though_it_is_given_up(bare, friend):
    """With it a collector and a fee are set after the roles were handed over."""
    friend = bare.actor(friend)
    calls = ("grantRole", Role.GOVERNOR, friend, 0)
    made, send = deviating(bare, LAST.__eq__, administering(bare, calls))
    with pytest.raises(DeployError, match="things are not as planned"):
        made.run(send)
    venues, access = made.site.contract("venues"), made.site.contract("access")
    for contract, name, *arguments in (
        (venues, "setCollector", friend),
        (venues, "setFee", market_id("ETH-USD"), 10**15),
        (access, "renounceRole", int(Role.GOVERNOR), friend),
    ):
        data = contract.encode_abi(name, arguments)
        bare.chain.transact({"to": contract.address, "data": data}, friend, name)
    assert found_by(made) == {"role 2": f"{friend} for a time"}


def test_an_owner_who_was_replaced_is_named_as_a_former_one(bare):
    made = bare.deployment()
    made.run(bare.send)
    access, successor = made.site.contract("access"), bare.actor(8)
    calls = ("grantRole", 1, successor, 0), ("revokeRole", 1, bare.owners.guardian)
    for call in calls:
        announced = access.encode_abi(
            "schedule", (access.address, access.encode_abi(*split(call)), 0)
        )
        bare.chain.transact(
            {"to": access.address, "data": announced}, bare.owners.admin, "schedule"
        )
    bare.chain.advance(bare.owners.delay)
    for call in calls:
        data = access.encode_abi(*split(call))
        bare.chain.transact({"to": access.address, "data": data}, bare.owners.admin, call[0])
    former = {"guardian": successor, "former": (bare.owners.guardian,)}
    plan = bare.plan.model_copy(update={"owners": bare.owners.model_copy(update=former)})
    assert bare.deployment(plan).check() == []
    unsaid = bare.owners.model_copy(update={"guardian": successor})
    plan = bare.plan.model_copy(update={"owners": unsaid})
    assert found_by(bare.deployment(plan)) == {"role 1": f"{bare.owners.guardian} for a time"}


def split(call):
    name, *arguments = call
    return name, arguments


def test_what_the_guardian_stops_meanwhile_stops_no_hand_over(bare):
    """He may from the moment on in which he is named: the deployer goes all the same."""
    guardian = bare.owners.guardian

    def stops(made, tx):
        venues = made.site.contract("venues")
        for name, *arguments in (("pause", 0), ("lowerCaps", 1, 0, 0)):
            data = venues.encode_abi(name, arguments)
            bare.chain.transact({"to": venues.address, "data": data}, guardian, name)
        raise DeployError("the line is cut")

    made, send = deviating(bare, LAST.__eq__, stops)
    with pytest.raises(DeployError, match="the line is cut"):
        made.run(send)
    again = bare.deployment()
    again.run(bare.send)
    assert again.check() == []
    assert [one.found for one in moved(again.site)] == [
        "paused",
        "0 USDC in all, 0 for one account",
    ]


def test_a_planned_collector_is_named_before_the_hand_over(bare):
    plan = bare.plan.model_copy(update={"collector": bare.actor(9)})
    made = bare.deployment(plan)
    made.run(bare.send)
    assert made.site.ask("venues", "collector") == bare.actor(9)
    assert made.check() == []
    assert moved(made.site) == []


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
    with pytest.raises(DeployError, match="The roles are not handed over while"):
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
    # Who only looks is not stopped: owners may give him a role later.
    Record(chain_id=31337, deployer=bare.actor(0), since=1).write(bare.file)
    assert Deployment(bare.w3, plan, bare.file, None, artifact).left()
