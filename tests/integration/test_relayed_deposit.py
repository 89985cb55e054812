"""A deposit that a relayer brings: the owner signs account, amount and grant, and needs no coin of
the chain's."""

from contextlib import contextmanager

import pytest
from eth_abi.abi import decode
from eth_account import Account
from eth_utils.crypto import keccak
from stage import (
    ALL_RIGHTS,
    ALL_VENUES,
    DEPOSIT,
    ETH,
    MAX,
    NEVER,
    PAY_CAP,
    USDC,
    Refused,
    reverts,
    send,
)

from ringside.accounts import account_id
from ringside.orders import venue_set
from ringside.permits import NO_GRANT, Grant, permit2_deposit

AMOUNT = 25_000 * USDC
NONCE = 7


@contextmanager
def permit2_refuses(error, *inputs):
    """Permit2's own error, by its signature."""
    with pytest.raises(Refused) as refused:
        yield
    data = refused.value.data
    assert data[:4] == keccak(text=error)[:4], f"not {error}: 0x{data.hex()}"
    kinds = [kind for kind in error[error.index("(") + 1 : -1].split(",") if kind]
    assert decode(kinds, data[4:]) == inputs


class Relayed:
    """A deposit that the newcomer signs and the stranger brings."""

    def __init__(self, ringside):
        self.ringside = ringside
        self.owner, self.relayer = ringside.actors["newcomer"], ringside.actors["stranger"]
        self.account = account_id(self.owner.address, "hedge")
        self.grant = Grant(ringside.desk.address, ALL_RIGHTS, NEVER, PAY_CAP, ALL_VENUES)
        self.deadline = ringside.now + 3_600
        send(ringside.usdc.mint, self.owner, 2 * AMOUNT, sender=self.relayer)
        send(ringside.usdc.approve, ringside.addresses["permit2"], MAX, sender=self.owner)

    @property
    def parts(self):
        return {
            "account": self.account,
            "amount": AMOUNT,
            "from": self.owner.address,
            "grant": self.grant,
            "nonce": NONCE,
            "deadline": self.deadline,
        }

    def signature(self, by=None, **changes):
        """Over the deposit, or a changed one."""
        parts = {**self.parts, **changes}
        typed = permit2_deposit(
            self.ringside.w3.eth.chain_id,
            self.ringside.usdc.address,
            self.ringside.vault.address,
            parts["account"],
            parts["amount"],
            parts["nonce"],
            parts["deadline"],
            parts["grant"],
        )
        key = (by or self.owner).private_key
        return bytes(Account.sign_typed_data(key, full_message=typed).signature)

    def bring(self, signature=None, **changes):
        parts = {**self.parts, **changes}
        values = [tuple(v) if isinstance(v, Grant) else v for v in parts.values()]
        signature = signature or self.signature(**changes)
        method = self.ringside.vault.depositWithPermit2
        return send(method, *values, signature, sender=self.relayer)


@pytest.fixture
def relayed(ringside):
    return Relayed(ringside)


def test_a_relayer_brings_money_and_grant(ringside, vault, usdc, desk, relayed):
    receipt = relayed.bring()
    assert vault.idle(relayed.account) == AMOUNT
    assert usdc.balanceOf(relayed.owner) == AMOUNT
    (event,) = receipt.decode_logs(vault.Deposited)
    expected = (relayed.account, relayed.owner.address, AMOUNT)
    assert (event.account, event["from"], event.amount) == expected
    operator = vault.operators(relayed.account, desk)
    assert (operator.rights, operator.expiry) == (ALL_RIGHTS, NEVER)
    assert (operator.payCap, operator.venues) == (PAY_CAP, ALL_VENUES)


def test_what_was_brought_is_ready_to_trade(ringside, desk, relayed, stand_in):
    relayed.bring()
    order = ringside.order(account=relayed.account, venues=venue_set([stand_in]))
    signature = ringside.signed(order, relayed.owner)
    ringside.fill(order, (stand_in, ETH, 1_000 * USDC), signature=signature)
    assert ringside.idle(relayed.account) == AMOUNT - 1_000 * USDC


def test_a_relayer_brings_money_alone(ringside, vault, desk, relayed):
    receipt = relayed.bring(grant=NO_GRANT)
    assert vault.idle(relayed.account) == AMOUNT
    assert vault.operators(relayed.account, desk).rights == 0
    assert receipt.decode_logs(vault.OperatorSet) == []


def test_the_owner_may_bring_it_himself(ringside, vault, relayed):
    relayed.relayer = relayed.owner
    relayed.bring()
    assert vault.idle(relayed.account) == AMOUNT


@pytest.mark.parametrize(
    "change",
    [
        {"account": "other label"},
        {"account": "other owner"},
        {"amount": AMOUNT - 1},
        {"amount": AMOUNT + 1},
        {"grant": NO_GRANT},
        {"grant": {"operator": "0x" + "a7" * 20}},
        {"grant": {"rights": 1}},
        {"grant": {"expiry": NEVER - 1}},
        {"grant": {"pay_cap": PAY_CAP + 1}},
        {"grant": {"venues": 1}},
        {"from": "somebody else"},
        {"nonce": NONCE + 1},
        {"deadline": NEVER},
    ],
    ids=str,
)
def test_nothing_that_was_signed_may_be_changed(ringside, vault, usdc, relayed, attacker, change):
    signature = relayed.signature()
    ((name, value),) = change.items()
    others = {
        "other label": account_id(relayed.owner.address, "other"),
        "other owner": account_id(attacker.address, "hedge"),
        "somebody else": attacker.address,
    }
    if isinstance(value, dict):
        value = relayed.grant._replace(**value)
    elif isinstance(value, str):
        value = others[value]
    with permit2_refuses("InvalidSigner()"):
        relayed.bring(signature, **{name: value})
    assert usdc.balanceOf(relayed.owner) == 2 * AMOUNT


def test_a_grant_where_none_was_signed_is_refused(relayed):
    with permit2_refuses("InvalidSigner()"):
        relayed.bring(relayed.signature(grant=NO_GRANT))


def test_somebody_elses_signature_is_refused(relayed, attacker):
    with permit2_refuses("InvalidSigner()"):
        relayed.bring(relayed.signature(by=attacker))


def test_nobody_grants_rights_over_anothers_account(vault, relayed, account):
    """Whoever pays in may not choose who moves it, unless the account is his."""
    with reverts(vault.NotOwner, account=account, caller=relayed.owner.address):
        relayed.bring(account=account)


def test_a_gift_to_anothers_account_goes_without_a_grant(vault, relayed, account):
    relayed.bring(account=account, grant=NO_GRANT)
    assert vault.idle(account) == DEPOSIT + AMOUNT


def test_a_signature_counts_once(vault, relayed):
    relayed.bring()
    with permit2_refuses("InvalidNonce()"):
        relayed.bring()
    assert vault.idle(relayed.account) == AMOUNT


def test_a_signature_counts_up_to_its_deadline(ringside, relayed):
    ringside.mine_at(relayed.deadline + 1)
    with permit2_refuses("SignatureExpired(uint256)", relayed.deadline):
        relayed.bring()


def test_a_signature_counts_at_its_deadline(ringside, vault, relayed):
    ringside.send_at(relayed.deadline)
    relayed.bring()
    assert vault.idle(relayed.account) == AMOUNT


def test_an_account_without_an_owner_takes_no_deposit(vault, relayed):
    with reverts(vault.NoOwner):
        relayed.bring(account=bytes(32), grant=NO_GRANT)


def test_nothing_is_no_deposit(vault, relayed):
    with reverts(vault.ZeroAmount):
        relayed.bring(amount=0)


def test_the_right_to_pay_needs_a_contract_here_too(vault, relayed, attacker):
    grant = Grant(attacker.address, ALL_RIGHTS, NEVER, PAY_CAP, ALL_VENUES)
    with reverts(vault.PayNeedsContract, operator=attacker.address):
        relayed.bring(grant=grant)
    assert vault.idle(relayed.account) == 0


def test_a_signature_for_another_spender_moves_nothing(ringside, usdc, desk, relayed):
    typed = permit2_deposit(
        ringside.w3.eth.chain_id,
        usdc.address,
        desk.address,
        relayed.account,
        AMOUNT,
        NONCE,
        relayed.deadline,
        relayed.grant,
    )
    signed = Account.sign_typed_data(relayed.owner.private_key, full_message=typed)
    with permit2_refuses("InvalidSigner()"):
        relayed.bring(bytes(signed.signature))
