"""Money comes in from its sender only, by allowance or by permit."""

import pytest
from stage import ALL_RIGHTS, ALL_VENUES, NEVER, NO_GRANT, PAY_CAP, USDC, reverts, send

from ringside.accounts import account_id

AMOUNT = 500 * USDC


@pytest.fixture
def funded(ringside, newcomer):
    """The newcomer with 500 USDC in his wallet."""
    send(ringside.usdc.mint, newcomer, AMOUNT, sender=newcomer)
    return newcomer


@pytest.fixture
def grant(desk):
    return desk.address, ALL_RIGHTS, NEVER, PAY_CAP, ALL_VENUES


def test_deposit_by_allowance_is_credited_to_the_account_named(vault, usdc, funded):
    account = account_id(funded.address, "savings")
    send(usdc.approve, vault, AMOUNT, sender=funded)
    before = usdc.balanceOf(vault)
    receipt = send(vault.deposit, account, AMOUNT, sender=funded)
    assert vault.idle(account) == AMOUNT
    assert vault.idle(account_id(funded.address)) == 0
    assert usdc.balanceOf(vault) - before == AMOUNT
    assert usdc.balanceOf(funded) == 0
    (event,) = receipt.decode_logs(vault.Deposited)
    assert (event.account, event["from"], event.amount) == (account, funded.address, AMOUNT)


def test_deposit_into_somebody_elses_account_is_a_gift(vault, usdc, funded, account):
    send(usdc.approve, vault, AMOUNT, sender=funded)
    before = vault.idle(account)
    send(vault.deposit, account, AMOUNT, sender=funded)
    assert vault.idle(account) - before == AMOUNT


def test_one_permit_transaction_makes_an_account_ready_to_trade(ringside, vault, desk, funded):
    account = account_id(funded.address)
    permit = ringside.permit(funded, AMOUNT)
    grant = (desk.address, ALL_RIGHTS, NEVER, PAY_CAP, ALL_VENUES)
    send(vault.depositWithPermit, account, AMOUNT, permit, grant, sender=funded)
    assert vault.idle(account) == AMOUNT
    operator = vault.operators(account, desk)
    assert (operator.rights, operator.expiry, operator.payCap) == (ALL_RIGHTS, NEVER, PAY_CAP)


def test_deposit_with_permit_grants_nothing_unless_asked(ringside, vault, desk, funded):
    account = account_id(funded.address)
    permit = ringside.permit(funded, AMOUNT)
    receipt = send(vault.depositWithPermit, account, AMOUNT, permit, NO_GRANT, sender=funded)
    assert vault.idle(account) == AMOUNT
    assert vault.operators(account, desk).rights == 0
    assert receipt.decode_logs(vault.OperatorSet) == []


def test_permit_used_by_somebody_else_first_is_no_obstacle(
    ringside, vault, usdc, funded, attacker, grant
):
    deadline, *signature = permit = ringside.permit(funded, AMOUNT)
    terms = (funded, vault, AMOUNT, deadline, *signature)
    send(usdc.permit, *terms, sender=attacker)
    account = account_id(funded.address)
    send(vault.depositWithPermit, account, AMOUNT, permit, grant, sender=funded)
    assert vault.idle(account) == AMOUNT


def test_attacker_gains_nothing_by_submitting_the_clients_permit(
    ringside, vault, usdc, funded, attacker
):
    permit = ringside.permit(funded, AMOUNT)
    own = account_id(attacker.address)
    with reverts(vault.PermitRefused, allowance=0, needed=AMOUNT):
        send(vault.depositWithPermit, own, AMOUNT, permit, NO_GRANT, sender=attacker)
    assert usdc.balanceOf(funded) == AMOUNT
    assert vault.idle(own) == 0


def test_attacker_gains_nothing_by_an_allowance_that_stands(vault, usdc, funded, attacker):
    send(usdc.approve, vault, AMOUNT, sender=funded)
    with reverts(usdc.ERC20InsufficientAllowance, spender=vault.address, allowance=0):
        send(vault.deposit, account_id(attacker.address), AMOUNT, sender=attacker)


@pytest.mark.parametrize(
    "changes", [{"value": AMOUNT - 1}, {"nonce": 1}, {"deadline": 1}], ids=lambda c: next(iter(c))
)
def test_a_permit_over_other_terms_is_refused(ringside, vault, funded, changes):
    permit = ringside.permit(funded, AMOUNT, **changes)
    with reverts(vault.PermitRefused, allowance=0, needed=AMOUNT):
        send(
            vault.depositWithPermit,
            *(account_id(funded.address), AMOUNT, permit, NO_GRANT),
            sender=funded,
        )


def test_a_smaller_allowance_does_not_stand_in_for_a_refused_permit(
    ringside, vault, usdc, funded, attacker
):
    send(usdc.approve, vault, AMOUNT - 1, sender=funded)
    permit = ringside.permit(attacker, AMOUNT)
    with reverts(vault.PermitRefused, allowance=AMOUNT - 1, needed=AMOUNT):
        send(
            vault.depositWithPermit,
            *(account_id(funded.address), AMOUNT, permit, NO_GRANT),
            sender=funded,
        )


def test_a_token_that_takes_a_fee_is_refused(ringside, project, client):
    fee_taking = client.deploy(project.FeeTakingToken)
    vault = client.deploy(project.Vault, fee_taking, ringside.venues)
    send(fee_taking.mint, client, AMOUNT, sender=client)
    send(fee_taking.approve, vault, AMOUNT, sender=client)
    with reverts(vault.TokenTookFee, sent=AMOUNT, received=AMOUNT - AMOUNT // 100):
        send(vault.deposit, account_id(client.address), AMOUNT, sender=client)


def test_a_deposit_of_nothing_is_refused(ringside, vault, funded):
    account = account_id(funded.address)
    with reverts(vault.ZeroAmount):
        send(vault.deposit, account, 0, sender=funded)
    with reverts(vault.ZeroAmount):
        permit = ringside.permit(funded, 0)
        send(vault.depositWithPermit, account, 0, permit, NO_GRANT, sender=funded)


def test_an_account_without_an_owner_is_refused(ringside, vault, funded):
    nobodys = bytes(20) + b"label".ljust(12, b"\0")
    with reverts(vault.NoOwner):
        send(vault.deposit, nobodys, AMOUNT, sender=funded)
    with reverts(vault.NoOwner):
        permit = ringside.permit(funded, AMOUNT)
        send(vault.depositWithPermit, nobodys, AMOUNT, permit, NO_GRANT, sender=funded)


def test_nobody_approves_an_operator_in_somebody_elses_account(
    ringside, vault, account, funded, grant
):
    permit = ringside.permit(funded, AMOUNT)
    with reverts(vault.NotOwner, account=account, caller=funded.address):
        send(vault.depositWithPermit, account, AMOUNT, permit, grant, sender=funded)
