"""A token that calls somebody in the middle of every transfer: whatever comes back in finds the
vault locked, and no balance is counted twice."""

import pytest
from stage import ETH, ETH_USD, MAX, USDC, selector, send

from devnet.ringside import CAPS
from ringside.accounts import account_id

AMOUNT = 1_000 * USDC


@pytest.fixture
def token(project, client):
    made = client.deploy(project.CallingToken)
    send(made.mint, client, 10 * AMOUNT, sender=client)
    return made


@pytest.fixture
def other_vault(ringside, project, token, client):
    """A vault over that token, with money of the client's and of the token's own."""
    vault = client.deploy(project.Vault, token, ringside.venues)
    send(token.approve, vault, MAX, sender=client)
    send(vault.deposit, account_id(client.address), 2 * AMOUNT, sender=client)
    send(token.mint, token, AMOUNT, sender=client)
    for call in (
        (token.address, token.approve.encode_input(vault, MAX)),
        (vault.address, vault.deposit.encode_input(account_id(token.address), AMOUNT // 2)),
    ):
        send(token.run, *call, sender=client)
    return vault


@pytest.fixture
def venue(ringside, project, venues, governor, other_vault, token):
    """An honest one, whose seats obey that vault."""
    seat = governor.deploy(project.StandInSeat, other_vault, token)
    number = len(venues.venueNames())
    send(venues.addVenue, "stand-in", seat, *CAPS, sender=governor)
    send(venues.list, number, ETH_USD, (1).to_bytes(32, "big"), sender=governor)
    return number


def strike(token, vault, client, venue):
    """From now on the token wants its own money, and the client's, in every transfer."""
    own, his = account_id(token.address), account_id(client.address)
    calls = [
        vault.withdraw.encode_input(own, AMOUNT // 2, token),
        vault.deposit.encode_input(own, AMOUNT // 4),
        vault.deposit.encode_input(his, 1),
        vault.withdraw.encode_input(his, 1, token),
        vault.pull.encode_input(his, venue, ETH_USD, MAX, 0),
        vault.post.encode_input(own, venue, ETH_USD, 1, 0),
        vault.pay.encode_input(own, client, 1),
        vault.sweep.encode_input(own, venue, token),
    ]
    send(token.plan, [(vault.address, call) for call in calls], sender=client)


def trade(vault, account, client, venue, size, margin):
    limit = MAX if size > 0 else 0
    terms = (account, venue, ETH_USD, size, limit, margin, 0, client, 0, client, False)
    send(vault.trade, terms, sender=client)


@pytest.mark.parametrize(
    "step", ["deposit", "withdraw", "post", "pull", "trade", "in kind", "sweep"]
)
def test_whoever_comes_back_in_through_the_token_finds_the_vault_locked(
    token, other_vault, client, venue, step
):
    vault, account = other_vault, account_id(client.address)
    send(vault.post, account, venue, ETH_USD, AMOUNT, 0, sender=client)
    seat = vault.seatOf(account, venue).seat
    send(token.transfer, seat, USDC, sender=client)
    strike(token, vault, client, venue)
    own = account_id(token.address)
    before = vault.idle(account), vault.idle(own)
    steps = {
        "deposit": lambda: send(vault.deposit, account, AMOUNT, sender=client),
        "withdraw": lambda: send(vault.withdraw, account, AMOUNT, client, sender=client),
        "post": lambda: send(vault.post, account, venue, ETH_USD, USDC, 0, sender=client),
        "pull": lambda: send(vault.pull, account, venue, ETH_USD, USDC, USDC, sender=client),
        "trade": lambda: trade(vault, account, client, venue, ETH, USDC),
        "in kind": lambda: send(
            vault.pullInKind, account, venue, ETH_USD, USDC, client, sender=client
        ),
        "sweep": lambda: send(vault.sweep, account, venue, token, sender=client),
    }
    moved = {"deposit": AMOUNT, "withdraw": -AMOUNT, "post": -USDC, "pull": USDC, "trade": -USDC}
    steps[step]()
    outcomes = [bytes(outcome) for outcome in token.outcomes()]
    assert outcomes
    assert set(outcomes) == {selector(vault.ReentrancyGuardReentrantCall)}
    assert vault.idle(account) == before[0] + moved.get(step, 0)
    assert vault.idle(own) == before[1]
    everybody = vault.idle(account) + vault.idle(own)
    assert token.balanceOf(vault) == everybody
