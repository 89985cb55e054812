"""Margin in and out of Synthetix, through a real pool or in kind."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stage import DEPOSIT, ETH, ETH_USD, MAX, ONE, USDC, Refused, few, reverts, send
from tickets import MARGIN, UNIT, SynthetixView, own_commit, take, undone

from devnet.anvil import rpc
from devnet.artifacts import local_usdc
from devnet.chain import DEPLOYER
from devnet.synthetix import exchange
from devnet.venues.synthetix import issue

TOO_LITTLE = b"Too little received".hex()
LOT = 6_000_000
"""Dollars that move the pool by more than half a percent."""


class Pool:
    """Where USDC becomes sUSD, and somebody who moves it."""

    def __init__(self, synthetix: SynthetixView) -> None:
        self.view, self.chain = synthetix, synthetix.chain
        self.who = self.chain.accounts[DEPLOYER]
        self.router = self.chain.at(exchange.router(), synthetix.places["swap_router"])
        self.usdc = self.chain.at(local_usdc(), synthetix.ringside.usdc.address)

    def make_susd_dear(self):
        self.chain.send(self.usdc, "mint", self.who, LOT * USDC)
        self._swap(self.usdc, self.view.susd, LOT * USDC)

    def make_susd_cheap(self):
        issue(self.view.ringside.w3, self.view.places, self.who, LOT * ONE)
        self._swap(self.view.susd, self.usdc, LOT * ONE)

    def break_down(self):
        """The router does nothing but revert."""
        rpc(self.view.ringside.w3, "anvil_setCode", self.router.address, "0xfd")

    def _swap(self, source, target, amount):
        fee = self.view.places["pool_fee"]
        self.chain.send(source, "approve", self.router.address, amount)
        terms = (source.address, target.address, fee, self.who, 2**64, amount, 0, 0)
        self.chain.send(self.router, "exactInputSingle", terms)


@pytest.fixture
def pool(synthetix):
    return Pool(synthetix)


@pytest.fixture
def post(ringside, vault, account, client, synthetix):
    """By the owner; what arrived, 1e18 sUSD."""

    def post(amount, max_loss):
        terms = account, synthetix.id, ETH_USD, amount, max_loss
        return synthetix.arrived(send(vault.post, *terms, sender=client))

    return post


@pytest.fixture
def pull(vault, account, client, synthetix):
    """By the owner; what arrived, USDC."""

    def pull(amount, least=0):
        before = vault.idle(account)
        send(vault.pull, account, synthetix.id, ETH_USD, amount, least, sender=client)
        return vault.idle(account) - before

    return pull


# ------------------------------------------------------------------------------- in


def test_at_par_margin_costs_the_pools_fee(vault, account, synthetix, post):
    arrived = post(MARGIN, ONE // 1_000)
    assert vault.idle(account) == DEPOSIT - MARGIN
    assert arrived == synthetix.margin()
    lost = MARGIN * UNIT - arrived
    fee = MARGIN * UNIT * synthetix.places["pool_fee"] // 10**6
    # The depth of the pool takes the rest: 3,000 of ten million within one percent.
    assert fee < lost < fee * 102 // 100


@given(amount=st.integers(USDC, 90_000 * USDC))
@few(6)
def test_margin_goes_in_at_exactly_the_loss_allowed_and_not_at_a_step_less(
    ringside, synthetix, post, amount
):
    par = amount * UNIT
    with undone(ringside):
        lost = par - post(amount, ONE)
        # The least part of 1e18 that covers it.
        allowed = -(-lost * ONE // par)
    with undone(ringside):
        assert post(amount, allowed) == par - lost
    # A step of 1e-10, since the sum is rounded to the wei.
    with undone(ringside), pytest.raises(Refused, match=TOO_LITTLE):
        post(amount, allowed - 10**8)


@pytest.mark.parametrize("more", [0, 1, MAX - ONE])
def test_a_loss_of_all_or_more_is_any_loss(pool, post, more):
    pool.make_susd_dear()
    assert post(MARGIN, ONE + more) > 0


def test_a_pool_that_was_moved_is_refused_by_the_bound_and_costs_more_beyond_it(
    ringside, vault, account, synthetix, pool, post
):
    with undone(ringside):
        usual = MARGIN * UNIT - post(MARGIN, ONE // 1_000)
    pool.make_susd_dear()
    with pytest.raises(Refused, match=TOO_LITTLE):
        post(MARGIN, ONE // 1_000)
    assert vault.idle(account) == DEPOSIT
    dear = MARGIN * UNIT - post(MARGIN, ONE // 50)
    assert dear > 5 * usual


def test_a_ticket_refuses_a_pool_that_was_moved_and_counts_what_it_lost(
    ringside, vault, account, synthetix, pool
):
    pool.make_susd_dear()
    with pytest.raises(Refused, match=TOO_LITTLE):
        own_commit(ringside, synthetix.id, ETH, MARGIN, max_loss=ONE // 1_000)
    terms = ringside._terms(synthetix.id, ETH, MARGIN)
    client = ringside.actors["client"]
    made = vault.commit.call(terms, ONE, sender=client, skip_trace=True)
    receipt = own_commit(ringside, synthetix.id, ETH, MARGIN)
    lost = MARGIN * UNIT - synthetix.arrived(receipt)
    assert made.atRisk == lost + synthetix.setting("minKeeperFee")
    assert lost > 15 * ONE


def test_a_pool_that_pays_more_than_par_costs_nothing(ringside, vault, synthetix, pool):
    pool.make_susd_cheap()
    terms = ringside._terms(synthetix.id, ETH, MARGIN)
    client = ringside.actors["client"]
    made = vault.commit.call(terms, 0, sender=client, skip_trace=True)
    receipt = own_commit(ringside, synthetix.id, ETH, MARGIN, max_loss=0)
    assert synthetix.arrived(receipt) > MARGIN * UNIT
    assert made.atRisk == synthetix.setting("minKeeperFee")


# ------------------------------------------------------------------------------ out


def test_what_is_pulled_is_what_the_pool_pays_and_no_less_than_the_caller_insists_on(
    ringside, vault, synthetix, post, pull
):
    post(MARGIN, ONE)
    with undone(ringside):
        paid = pull(1_000 * USDC)
    assert 999 * USDC < paid < 1_000 * USDC
    with reverts(vault.PaidShort, least=paid + 1, received=paid):
        pull(1_000 * USDC, paid + 1)
    margin = synthetix.margin()
    assert pull(1_000 * USDC, paid) == paid
    assert synthetix.margin() == margin - 1_000 * ONE


def test_a_pool_that_was_moved_is_refused_by_the_least_on_the_way_out(vault, pool, post, pull):
    post(MARGIN, ONE)
    pool.make_susd_cheap()
    with reverts(vault.PaidShort, least=999 * USDC):
        pull(1_000 * USDC, 999 * USDC)
    assert pull(1_000 * USDC) < 999 * USDC


def test_the_largest_number_pulls_all_that_is_free(synthetix, pull):
    take(synthetix, ETH)
    seat = synthetix.seat().address
    free = synthetix.ask("accessibleMargin", seat)[0]
    paid = pull(MAX)
    assert 0 < free * 999 // 1_000 < paid * UNIT < free
    # What it was refused is what the position needs; a few seconds of funding beside.
    assert synthetix.ask("accessibleMargin", seat)[0] < ONE // 1_000
    assert synthetix.size() == ETH
    assert synthetix.margin() > 39 * ONE


def test_pulling_nothing_from_an_empty_pocket_pays_nothing(synthetix, post, pull):
    post(MARGIN, ONE)
    pull(MAX)
    assert synthetix.margin() == 0
    assert pull(MAX) == 0


def test_the_owner_takes_susd_in_kind_wherever_he_likes(
    ringside, vault, account, client, stranger, newcomer, synthetix, post
):
    post(MARGIN, ONE)
    idle = vault.idle(account)
    for to in (client, newcomer):
        terms = account, synthetix.id, ETH_USD, 700 * USDC, to
        receipt = send(vault.pullInKind, *terms, sender=client)
        (event,) = receipt.decode_logs(vault.PulledInKind)
        assert (event.to, event.token, event.amount) == (
            *(to.address, synthetix.susd.address),
            700 * ONE,
        )
        assert synthetix.susd.functions.balanceOf(to.address).call() == 700 * ONE
    margin = synthetix.margin()
    send(vault.pullInKind, account, synthetix.id, ETH_USD, MAX, client, sender=client)
    assert synthetix.susd.functions.balanceOf(client.address).call() == 700 * ONE + margin
    assert synthetix.margin() == 0
    assert vault.idle(account) == idle
    with reverts(vault.NotOwner, account=account, caller=stranger.address):
        send(vault.pullInKind, account, synthetix.id, ETH_USD, 1, stranger, sender=stranger)


def test_the_owner_leaves_in_kind_when_the_pool_is_gone(
    vault, account, client, synthetix, pool, post, pull
):
    post(MARGIN, ONE)
    pool.break_down()
    with pytest.raises(Refused):
        pull(MAX)
    margin = synthetix.margin()
    send(vault.pullInKind, account, synthetix.id, ETH_USD, MAX, client, sender=client)
    assert synthetix.susd.functions.balanceOf(client.address).call() == margin


def test_a_gift_of_susd_does_not_count_as_what_was_pulled_in_kind(
    ringside, vault, account, client, synthetix, post
):
    post(MARGIN, ONE)
    issue(ringside.w3, synthetix.places, synthetix.seat().address, 5 * ONE)
    receipt = send(vault.pullInKind, account, synthetix.id, ETH_USD, USDC, client, sender=client)
    assert receipt.decode_logs(vault.PulledInKind)[0].amount == ONE
    assert synthetix.susd.functions.balanceOf(synthetix.seat().address).call() == 5 * ONE
