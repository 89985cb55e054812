"""What an operator may do is what its owner granted: right by right, until it expires or is
revoked."""

import pytest
from stage import (
    ALL_RIGHTS,
    ALL_VENUES,
    DEPOSIT,
    ETH,
    ETH_USD,
    MAX,
    NEVER,
    PAY_CAP,
    USDC,
    reverts,
    send,
)

from ringside.accounts import Right, account_id
from ringside.units import DAY

TRADE, MOVE, PAY = Right.TRADE, Right.MOVE, Right.PAY


@pytest.fixture
def grant(vault, account, client):
    """Grants an operator rights over the client's account."""

    def grant(operator, rights, expiry=NEVER, pay_cap=0, venues=ALL_VENUES):
        terms = (operator.address, rights, expiry, pay_cap, venues)
        return send(vault.setOperator, account, terms, sender=client)

    return grant


@pytest.fixture
def payer(project, client):
    """A contract, as only those may hold PAY."""
    return client.deploy(project.ContractOwner)


@pytest.fixture
def pay(ringside, vault, stranger, payer, perp):
    """The payer trades one ETH, with a tip for a stranger."""

    def pay(tip, margin=0, size=ETH):
        t = (ringside.account, perp.id, ringside.order().tuple[1][0], size)
        limit = MAX if size > 0 else 0
        trade = (*t, limit, margin, tip, stranger.address, 0, stranger.address, False)
        data = vault.trade.encode_input(trade)
        return send(payer.run, vault, data, sender=stranger)

    return pay


def test_a_stranger_has_no_rights(ringside, vault, account, stranger, venue):
    def refused(right):
        return reverts(vault.NotAllowed, account=account, caller=stranger.address, right=right)

    with refused(TRADE):
        ringside.trade(venue.id, ETH, by=stranger)
    with refused(TRADE | MOVE):
        ringside.trade(venue.id, ETH, margin=1, by=stranger)
    with refused(TRADE | PAY):
        ringside.trade(venue.id, ETH, tip=1, by=stranger)
    with refused(MOVE):
        send(vault.post, account, venue.id, ETH_USD, 1, 0, sender=stranger)
    with refused(MOVE):
        send(vault.pull, account, venue.id, ETH_USD, 1, 0, sender=stranger)


def test_a_grant_shows_as_given(vault, desk, account, stranger, grant):
    receipt = grant(stranger, TRADE | MOVE, expiry=12345, pay_cap=7)
    operator = vault.operators(account, stranger)
    assert (operator.rights, operator.expiry, operator.payCap) == (3, 12345, 7)
    (event,) = receipt.decode_logs(vault.OperatorSet)
    assert (event.account, event.operator) == (account, stranger.address)
    assert (event.rights, event.expiry, event.payCap) == (3, 12345, 7)


def test_a_grant_reaches_only_the_venues_it_names(
    ringside, vault, account, client, stranger, perp, rage, grant
):
    grant(stranger, TRADE | MOVE, venues=1 << rage.id)
    refused = reverts(
        vault.VenueNotGranted, account=account, caller=stranger.address, venues=1 << perp.id
    )
    with refused:
        ringside.trade(perp.id, ETH, by=stranger)
    ringside.trade(rage.id, ETH, 5_000 * USDC, by=stranger)
    send(vault.post, account, rage.id, ETH_USD, USDC, 0, sender=stranger)


def test_a_venue_added_later_is_not_reached_by_an_older_grant(
    ringside, vault, account, client, stranger, grant
):
    """Or whoever adds venues could have an operator carry all idle into one of his own."""
    grant(stranger, TRADE | MOVE, venues=0b11)
    later, _ = ringside.add_venue("StuckSeat")
    refused = reverts(
        vault.VenueNotGranted, account=account, caller=stranger.address, venues=1 << later
    )
    with refused:
        send(vault.post, account, later, ETH_USD, DEPOSIT, 0, sender=stranger)
    assert vault.idle(account) == DEPOSIT


def test_trade_alone_trades_and_moves_no_margin(
    ringside, vault, account, client, stranger, venue, grant
):
    send(vault.post, account, venue.id, ETH_USD, 5_000 * USDC, 0, sender=client)
    grant(stranger, TRADE)
    ringside.trade(venue.id, ETH, by=stranger)
    assert venue.size(venue.seat()) == ETH
    for refused, right in (
        (lambda: ringside.trade(venue.id, ETH, margin=1, by=stranger), TRADE | MOVE),
        (lambda: send(vault.post, account, venue.id, ETH_USD, 1, 0, sender=stranger), MOVE),
        (lambda: send(vault.pull, account, venue.id, ETH_USD, 1, 0, sender=stranger), MOVE),
    ):
        with reverts(vault.NotAllowed, account=account, caller=stranger.address, right=right):
            refused()


def test_move_alone_moves_margin_and_does_not_trade(
    ringside, vault, account, stranger, venue, grant
):
    grant(stranger, MOVE)
    send(vault.post, account, venue.id, ETH_USD, 5_000 * USDC, 0, sender=stranger)
    send(vault.pull, account, venue.id, ETH_USD, 2_000 * USDC, 2_000 * USDC, sender=stranger)
    assert vault.idle(account) == DEPOSIT - 3_000 * USDC
    with reverts(vault.NotAllowed, right=TRADE):
        ringside.trade(venue.id, ETH, by=stranger)


def test_trade_and_move_pay_no_tip(ringside, vault, stranger, perp, grant):
    grant(stranger, TRADE | MOVE)
    ringside.trade(perp.id, ETH, margin=1_000 * USDC, by=stranger)
    with reverts(vault.NotAllowed, right=TRADE | PAY):
        ringside.trade(perp.id, ETH, tip=1, by=stranger)


def test_rights_over_one_account_are_none_over_another(
    ringside, vault, client, stranger, grant, perp
):
    grant(stranger, TRADE | MOVE)
    other = ringside.open_account(client, "other")
    with reverts(vault.NotAllowed, account=other):
        send(vault.post, other, perp.id, ETH_USD, USDC, 0, sender=stranger)


def test_rights_hold_to_the_second_they_expire(ringside, vault, account, stranger, venue, grant):
    expiry = ringside.now + 1_000
    grant(stranger, MOVE, expiry)
    ringside.send_at(expiry)
    receipt = send(vault.post, account, venue.id, ETH_USD, USDC, 0, sender=stranger)
    assert receipt.timestamp == expiry
    ringside.mine_at(expiry + 1)
    with reverts(vault.NotAllowed, account=account, caller=stranger.address, right=MOVE):
        send(vault.post, account, venue.id, ETH_USD, USDC, 0, sender=stranger)


def test_a_revoked_operator_can_do_nothing(ringside, vault, account, client, desk, grant, perp):
    order = ringside.order(max_margin=2_000 * USDC)
    grant(desk, 0)
    with reverts(vault.NotAllowed, account=account, caller=desk.address, right=TRADE | MOVE):
        ringside.fill(order, (perp.id, ETH, 2_000 * USDC))
    with reverts(vault.NotAllowed, right=TRADE):
        ringside.fill(order, (perp.id, ETH, 0))


def test_only_a_contract_may_hold_the_right_to_pay(vault, account, client, stranger, grant):
    with reverts(vault.PayNeedsContract, operator=stranger.address):
        grant(stranger, PAY, pay_cap=PAY_CAP)
    with reverts(vault.PayNeedsContract, operator=stranger.address):
        grant(stranger, ALL_RIGHTS, pay_cap=PAY_CAP)
    assert vault.operators(account, stranger).rights == 0


def test_a_tip_goes_to_the_payees_own_account(vault, account, stranger, payer, grant, pay):
    grant(payer, ALL_RIGHTS, pay_cap=10 * USDC)
    pay(3 * USDC, margin=5_000 * USDC)
    assert vault.idle(account_id(stranger.address)) == 3 * USDC
    assert vault.idle(account) == DEPOSIT - 5_003 * USDC
    assert vault.paidToday(account) == 3 * USDC


def test_an_operator_pays_up_to_its_cap_within_a_day(ringside, vault, payer, grant, pay):
    ringside.mine_at((ringside.now // DAY + 1) * DAY)
    grant(payer, ALL_RIGHTS, pay_cap=10 * USDC)
    pay(4 * USDC, margin=5_000 * USDC)
    with reverts(vault.PayCapExceeded, cap=10 * USDC, wanted=10 * USDC + 1):
        pay(6 * USDC + 1)
    pay(6 * USDC)
    with reverts(vault.PayCapExceeded, cap=10 * USDC, wanted=10 * USDC + 1):
        pay(1)


def test_the_cap_is_whole_again_on_the_next_day_and_not_before(
    ringside, vault, account, payer, grant, pay
):
    tomorrow = (ringside.now // DAY + 1) * DAY
    grant(payer, ALL_RIGHTS, pay_cap=10 * USDC)
    ringside.mine_at(tomorrow - 10)
    pay(10 * USDC, margin=5_000 * USDC)
    ringside.mine_at(tomorrow - 1)
    with reverts(vault.PayCapExceeded, cap=10 * USDC, wanted=10 * USDC + 1):
        pay(1)
    ringside.mine_at(tomorrow)
    pay(10 * USDC)
    assert vault.paidToday(account) == 10 * USDC


def test_granting_again_does_not_open_a_second_cap(vault, account, payer, grant, pay):
    grant(payer, ALL_RIGHTS, pay_cap=10 * USDC)
    pay(10 * USDC, margin=5_000 * USDC)
    grant(payer, 0)
    grant(payer, ALL_RIGHTS, pay_cap=10 * USDC)
    with reverts(vault.PayCapExceeded, cap=10 * USDC, wanted=10 * USDC + 1):
        pay(1)
    grant(payer, ALL_RIGHTS, pay_cap=11 * USDC)
    pay(USDC)
    assert vault.paidToday(account) == 11 * USDC


def test_what_others_paid_from_the_account_today_counts_under_the_cap(
    ringside, vault, account, stranger, payer, grant, pay, perp
):
    """The owner's own tips and the Desk's count; a cap bounds what leaves the account in a day."""
    grant(payer, ALL_RIGHTS, pay_cap=10 * USDC)
    ringside.trade(perp.id, ETH, 5_000 * USDC, tip=4 * USDC, payee=stranger.address)
    ringside.fill(ringside.order(tip=5 * USDC), (perp.id, ETH, 0))
    assert vault.paidToday(account) == 9 * USDC
    with reverts(vault.PayCapExceeded, cap=10 * USDC, wanted=10 * USDC + 1):
        pay(USDC + 1)
    pay(USDC)


def test_the_owner_pays_beyond_any_operators_cap(ringside, vault, account, payer, grant, pay, perp):
    grant(payer, ALL_RIGHTS, pay_cap=10 * USDC)
    pay(10 * USDC, margin=5_000 * USDC)
    ringside.trade(perp.id, ETH, tip=20 * USDC)
    assert vault.paidToday(account) == 30 * USDC


def test_one_accounts_day_is_not_anothers(ringside, vault, client, payer, grant, pay):
    grant(payer, ALL_RIGHTS, pay_cap=10 * USDC)
    other = ringside.open_account(client, "other")
    ringside.trade(0, ETH, 5_000 * USDC, account=other, tip=10 * USDC)
    pay(10 * USDC, margin=5_000 * USDC)
    assert vault.paidToday(other) == 10 * USDC


@pytest.mark.parametrize("tip", [2**64, MAX, MAX - 10 * USDC])
def test_a_tip_of_any_size_is_refused_by_name(vault, payer, grant, pay, tip):
    grant(payer, ALL_RIGHTS, pay_cap=2**64 - 1)
    with reverts(vault.PayCapExceeded, cap=2**64 - 1, wanted=tip):
        pay(tip)


def test_a_second_tip_of_any_size_is_refused_by_name(vault, payer, grant, pay):
    grant(payer, ALL_RIGHTS, pay_cap=2**64 - 1)
    pay(USDC, margin=5_000 * USDC)
    with reverts(vault.PayCapExceeded, cap=2**64 - 1):
        pay(MAX)


def test_only_the_owner_grants(vault, desk, account, attacker):
    grant = (attacker.address, TRADE | MOVE, NEVER, 0, ALL_VENUES)
    with reverts(vault.NotOwner, account=account, caller=attacker.address):
        send(vault.setOperator, account, grant, sender=attacker)
