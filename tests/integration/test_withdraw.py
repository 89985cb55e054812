"""Idle money goes where its owner says, and only at his word."""

import pytest
from stage import ALL_RIGHTS, ALL_VENUES, DEPOSIT, MAX, NEVER, PAY_CAP, USDC, reverts, send

from ringside.accounts import account_id


def test_withdraw_sends_idle_to_the_address_named(vault, usdc, account, client, stranger):
    receipt = send(vault.withdraw, account, 30 * USDC, stranger, sender=client)
    assert usdc.balanceOf(stranger) == 30 * USDC
    assert vault.idle(account) == DEPOSIT - 30 * USDC
    (event,) = receipt.decode_logs(vault.Withdrawn)
    assert (event.account, event.to, event.amount) == (account, stranger.address, 30 * USDC)


def test_all_of_it_can_be_withdrawn(vault, usdc, account, client):
    before = usdc.balanceOf(client)
    send(vault.withdraw, account, DEPOSIT, client, sender=client)
    assert usdc.balanceOf(client) - before == DEPOSIT
    assert vault.idle(account) == 0


@pytest.mark.parametrize("excess", [1, MAX - DEPOSIT])
def test_withdraw_refuses_more_than_is_idle(vault, account, client, excess):
    with reverts(vault.NotEnoughIdle, idle=DEPOSIT, needed=DEPOSIT + excess):
        send(vault.withdraw, account, DEPOSIT + excess, client, sender=client)


def test_withdraw_takes_nothing_from_the_owners_other_accounts(vault, client):
    empty = account_id(client.address, "other")
    with reverts(vault.NotEnoughIdle, idle=0, needed=1):
        send(vault.withdraw, empty, 1, client, sender=client)


def test_withdraw_refuses_nothing(vault, account, client):
    with reverts(vault.ZeroAmount):
        send(vault.withdraw, account, 0, client, sender=client)


def test_nobody_else_withdraws(vault, account, attacker):
    with reverts(vault.NotOwner, account=account, caller=attacker.address):
        send(vault.withdraw, account, 1, attacker, sender=attacker)


def test_an_operator_with_every_right_does_not_withdraw(project, vault, account, client):
    operator = client.deploy(project.ContractOwner)
    grant = (operator.address, ALL_RIGHTS, NEVER, PAY_CAP, ALL_VENUES)
    send(vault.setOperator, account, grant, sender=client)
    data = vault.withdraw.encode_input(account, 1, client)
    with reverts(vault.NotOwner, account=account, caller=operator.address):
        send(operator.run, vault, data, sender=client)


def test_a_contract_that_owns_an_account_withdraws(project, vault, usdc, client):
    owner = client.deploy(project.ContractOwner)
    account = account_id(owner.address)
    send(usdc.mint, client, 5 * USDC, sender=client)
    send(usdc.approve, vault, 5 * USDC, sender=client)
    send(vault.deposit, account, 5 * USDC, sender=client)
    data = vault.withdraw.encode_input(account, 5 * USDC, owner)
    send(owner.run, vault, data, sender=client)
    assert usdc.balanceOf(owner) == 5 * USDC
