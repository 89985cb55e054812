"""Random sequences of real actions: the vault covers all idle, and nobody else's account moves."""

from random import Random

import pytest
from stage import ETH, ETH_USD, USDC, send

from ringside.accounts import account_id
from ringside.orders import Bounds

UNIT = 10**12
STEPS = 25


class Walk:
    """One random walk over two accounts, at the two real venues."""

    def __init__(self, ringside, venues, seed):
        self.ringside = ringside
        self.venues = venues
        self.random = Random(seed)
        actors = ringside.actors
        self.owners = {
            account_id(actors[role].address): actors[role] for role in ("client", "neighbour")
        }
        self.accounts = [*self.owners, account_id(actors["keeper"].address)]
        self.nonce = 1_000

    def step(self):
        """One action for one account."""
        account = self.random.choice(list(self.owners))
        owner = self.owners[account]
        venue = self.random.choice(self.venues)
        actions = [self.fill, self.fill, self.trade, self.deposit, self.withdraw, self.post]
        if self.ringside.vault.seatOf(account, venue.id).made:
            actions += [self.pull, self.close, self.gift]
        before = self.others(account)
        self.random.choice(actions)(account, owner, venue)
        assert self.others(account) == before

    def others(self, account):
        """All that is the other owner's: idle, deposits and positions."""
        (other,) = set(self.owners) - {account}
        found = [self.ringside.vault.idle(other)]
        for venue in self.venues:
            if self.ringside.vault.seatOf(other, venue.id).made:
                seat = venue.seat(other)
                found += [venue.deposited(seat), venue.size(seat)]
        return found

    def size(self):
        return self.random.choice([1, -1]) * self.random.randint(ETH // 10, ETH)

    def fill(self, account, owner, venue):
        self.nonce += 1
        size, margin = self.size(), 1_500 * USDC
        terms = {"account": account, "nonce": self.nonce, "tip": self.random.randint(0, USDC)}
        # A walk opens at one venue against the other.
        bounds = Bounds(open_against=True)
        order = self.ringside.order(size=size, max_margin=margin, bounds=bounds, **terms)
        signed = self.ringside.signed(order, owner)
        self.ringside.fill(order, (venue.id, size, margin), signature=signed)

    def trade(self, account, owner, venue):
        self.ringside.trade(venue.id, self.size(), 1_500 * USDC, account=account, by=owner)

    def close(self, account, owner, venue):
        held = venue.size(venue.seat(account))
        if held:
            self.ringside.trade(venue.id, -held, account=account, by=owner)

    def deposit(self, account, owner, venue):
        usdc, vault = self.ringside.usdc, self.ringside.vault
        amount = self.random.randint(1, 100 * USDC)
        send(usdc.mint, owner, amount, sender=owner)
        send(usdc.approve, vault, amount, sender=owner)
        send(vault.deposit, account, amount, sender=owner)

    def withdraw(self, account, owner, venue):
        amount = self.random.randint(1, 100 * USDC)
        send(self.ringside.vault.withdraw, account, amount, owner, sender=owner)

    def post(self, account, owner, venue):
        amount = self.random.randint(1, 100 * USDC)
        send(self.ringside.vault.post, account, venue.id, ETH_USD, amount, 0, sender=owner)

    def pull(self, account, owner, venue):
        amount = venue.free(venue.seat(account)) // UNIT // 2
        if amount:
            send(self.ringside.vault.pull, account, venue.id, ETH_USD, amount, 0, sender=owner)

    def gift(self, account, owner, venue):
        """To a seat, from which it is swept: nobody's idle may count it."""
        usdc, seat = self.ringside.usdc, venue.seat(account)
        send(usdc.mint, seat, 5, sender=owner)
        send(self.ringside.vault.sweep, account, venue.id, usdc, sender=owner)


@pytest.mark.parametrize("seed", range(4))
def test_the_vault_covers_all_idle_and_accounts_stay_apart(ringside, vault, usdc, perp, rage, seed):
    walk = Walk(ringside, [perp, rage], seed)
    for _ in range(STEPS):
        walk.step()
        # Equal, not only covered: nobody sends the vault anything here.
        assert usdc.balanceOf(vault) == sum(vault.idle(account) for account in walk.accounts)
    for account, owner in walk.owners.items():
        for venue in walk.venues:
            if vault.seatOf(account, venue.id).made:
                walk.close(account, owner, venue)
                walk.pull(account, owner, venue)
        send(vault.withdraw, account, vault.idle(account), owner, sender=owner)
    assert usdc.balanceOf(vault) == vault.idle(walk.accounts[-1])
