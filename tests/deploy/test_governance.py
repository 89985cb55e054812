"""Who may change what once it is deployed, and after which delay."""

import pytest
from conftest import DAY, DELAY
from web3.exceptions import ContractCustomError, ContractLogicError

from devnet.anvil import rpc
from devnet.artifacts import compiled
from ringside.deploy import governance
from ringside.deploy.governance import POWERS, Role
from ringside.orders import market_id

ONE = (1).to_bytes(32, "big")
REFUSED = ContractCustomError, ContractLogicError


@pytest.fixture
def access(site, made):
    return site.at(made, "access", "Access")


@pytest.fixture
def venues(site, made):
    return site.at(made, "venues", "Venues")


def send(site, contract, function, *arguments, by):
    """Tries the call first, whose error says why it is refused."""
    call = contract.functions[function](*arguments)
    call.call({"from": by})
    tx = {"to": contract.address, "data": contract.encode_abi(function, list(arguments))}
    return site.chain.transact(tx, by, function)


def later(site, seconds):
    now = site.w3.eth.get_block("latest")["timestamp"]
    rpc(site.w3, "evm_setNextBlockTimestamp", now + seconds)
    rpc(site.w3, "evm_mine")


def calls_of(site, made):
    """A call of each restricted function that would go through now, by name."""
    seat = site.chain.copy_code(made.record.contracts["seat:rage"].address)
    feed = site.addresses["feeds"]["ETH-USD"]
    rage = made.addresses["venue_ids"]["rage"]
    cap, own = made.plan.venues[rage].caps
    return {
        "pause": (rage,),
        "pauseAll": (),
        "lowerCaps": (rage, cap // 2, own // 2),
        "unpause": (rage,),
        "raiseCaps": (rage, cap * 2, own * 2),
        "addVenue": ("fourth", seat, cap, own),
        "addMarket": ("AVAX-USD", feed, 60),
        "list": (rage, market_id("SOL-USD"), ONE),
        "setFee": (market_id("ETH-USD"), 0),
        "setCollector": (site.actor(8),),
    }


RAISES = [power.name for power in POWERS if power.role is Role.GOVERNOR]
LOWERS = [power.name for power in POWERS if power.role is Role.GUARDIAN]


def test_every_restricted_function_has_its_role_on_the_chain(access, venues):
    """Of the contract's own functions: those that change something are all restricted."""
    changes = {
        entry["name"]
        for entry in compiled("Venues").abi
        if entry["type"] == "function" and entry["stateMutability"] == "nonpayable"
    }
    assert changes == {power.name for power in POWERS} | {"setAuthority"}
    for power in POWERS:
        role = access.functions.getTargetFunctionRole(venues.address, power.selector).call()
        assert role == power.role, power.name


def test_every_owner_has_his_role_and_delay_and_nobody_else_has_any(site, access):
    owners = site.owners
    holders = {
        Role.ADMIN: (owners.admin, DELAY),
        Role.GOVERNOR: (owners.governor, DELAY),
        Role.GUARDIAN: (owners.guardian, 0),
    }
    for role, (holder, delay) in holders.items():
        assert access.functions.hasRole(role, holder).call() == [True, delay]
        for other in site.w3.eth.accounts:
            held = access.functions.hasRole(role, other).call()[0]
            assert held == (other == holder), (role, other)


def test_the_deployer_keeps_nothing(site, made, access, venues):
    deployer = site.actor(0)
    for name, arguments in calls_of(site, made).items():
        with pytest.raises(REFUSED):
            send(site, venues, name, *arguments, by=deployer)
    with pytest.raises(REFUSED):
        send(site, access, "grantRole", Role.GUARDIAN, deployer, 0, by=deployer)


@pytest.mark.parametrize("name", LOWERS)
def test_what_lowers_risk_is_the_guardians_at_once(site, made, venues, name):
    arguments = calls_of(site, made)[name]
    send(site, venues, name, *arguments, by=site.owners.guardian)
    for other in (site.owners.governor, site.owners.admin, site.actor(9)):
        with pytest.raises(REFUSED):
            send(site, venues, name, *arguments, by=other)


@pytest.mark.parametrize("name", RAISES)
def test_what_raises_risk_waits_for_the_delay(site, made, access, venues, name):
    governor, arguments = site.owners.governor, calls_of(site, made)[name]
    for by in (governor, site.owners.guardian, site.owners.admin, site.actor(9)):
        with pytest.raises(REFUSED):
            send(site, venues, name, *arguments, by=by)
    data = venues.encode_abi(name, list(arguments))
    with pytest.raises(REFUSED):
        send(site, access, "schedule", venues.address, data, 0, by=site.owners.guardian)
    send(site, access, "schedule", venues.address, data, 0, by=governor)
    later(site, DELAY - DAY)
    with pytest.raises(REFUSED):
        send(site, venues, name, *arguments, by=governor)
    later(site, DAY)
    send(site, venues, name, *arguments, by=governor)


def test_the_guardian_cancels_what_the_governor_has_announced(site, made, access, venues):
    governor, guardian = site.owners.governor, site.owners.guardian
    arguments = calls_of(site, made)["raiseCaps"]
    data = venues.encode_abi("raiseCaps", list(arguments))
    send(site, access, "schedule", venues.address, data, 0, by=governor)
    send(site, access, "cancel", governor, venues.address, data, by=guardian)
    later(site, DELAY)
    with pytest.raises(REFUSED):
        send(site, venues, "raiseCaps", *arguments, by=governor)


def announced(site, access, *arguments):
    """Grants a role as its administrator has to."""
    admin = site.owners.admin
    with pytest.raises(REFUSED):
        send(site, access, "grantRole", *arguments, by=admin)
    data = access.encode_abi("grantRole", list(arguments))
    send(site, access, "schedule", access.address, data, 0, by=admin)
    later(site, DELAY)
    send(site, access, "grantRole", *arguments, by=admin)


def test_a_new_holder_of_a_role_waits_as_long(site, access):
    announced(site, access, Role.GUARDIAN, site.actor(8), 0)
    assert access.functions.hasRole(Role.GUARDIAN, site.actor(8)).call() == [True, 0]


def test_a_shorter_delay_counts_only_after_what_it_is_shorter_by(site, access):
    governor = site.owners.governor
    announced(site, access, Role.GOVERNOR, governor, DAY)
    assert access.functions.hasRole(Role.GOVERNOR, governor).call()[1] == DELAY
    later(site, DELAY - DAY)
    assert access.functions.hasRole(Role.GOVERNOR, governor).call()[1] == DAY


def test_a_second_holder_of_a_role_is_found(site, access):
    announced(site, access, Role.GUARDIAN, site.actor(8), 0)
    assert [one.what for one in site.deployment().check()] == ["role 1"]


def test_no_seats_code_can_change(site, made, venues):
    """A seat is a clone of fixed code: nothing in the registry names another, and nothing in that
    code hands control on."""
    for number, venue in enumerate(made.plan.venues):
        place = made.record.contracts[f"seat:{venue.name}"].address
        assert venues.functions.implementation(number).call() == place
        assert not {0xF4, 0xF2, 0xFF} & set(opcodes(bytes(site.w3.eth.get_code(place))))


def opcodes(code):
    """Every instruction of runtime code, up to its metadata: DELEGATECALL is 0xf4, CALLCODE 0xf2,
    SELFDESTRUCT 0xff."""
    end, at = len(code) - int.from_bytes(code[-2:], "big") - 2, 0
    while at < end:
        yield code[at]
        at += 1 + (code[at] - 0x5F if 0x60 <= code[at] <= 0x7F else 0)


def test_what_each_role_may_call_is_one_list():
    names = [power.name for power in POWERS]
    assert len(set(names)) == len(names)
    assert {governance.delay_of(role, DELAY) for role in Role} == {0, DELAY}
