"""An owner that is a contract signs by ERC-1271; whoever has a key signs as before."""

import pytest
from bundles import bundle, step
from eth_account import Account
from stage import ALL_RIGHTS, ALL_VENUES, ETH, NEVER, NO_RECEIPT, PAY_CAP, USDC, reverts, send

from devnet.anvil import rpc
from ringside.accounts import account_id
from ringside.orders import Mode, sign, venue_set

HONEST, REFUSING, REVERTING, GARBLED, SHORT = range(5)
MARGIN = 3_000 * USDC


@pytest.fixture
def wallet(ringside, project, stranger):
    """A contract wallet whose key is the stranger's, with an account that is ready to trade."""
    made = stranger.deploy(project.ContractWallet, stranger.address)
    account = account_id(made.address)
    send(ringside.usdc.mint, stranger, 10_000 * USDC, sender=stranger)
    send(ringside.usdc.approve, ringside.vault, 10_000 * USDC, sender=stranger)
    send(ringside.vault.deposit, account, 10_000 * USDC, sender=stranger)
    grant = (ringside.desk.address, ALL_RIGHTS, NEVER, PAY_CAP, ALL_VENUES)
    data = ringside.vault.setOperator.encode_input(account, grant)
    send(made.run, ringside.vault, data, sender=stranger)
    return made


@pytest.fixture
def order(ringside, wallet):
    """An order of the wallet's."""
    return ringside.order(account=account_id(wallet.address))


def by(ringside, key, signable):
    return sign(signable, ringside.domain, key.private_key)


def test_a_contracts_order_is_filled_when_it_says_yes(ringside, stranger, venue, wallet, order):
    ringside.fill(order, (venue.id, ETH, MARGIN), signature=by(ringside, stranger, order))
    assert venue.size(venue.seat(account_id(wallet.address))) == ETH


def test_a_contracts_bundle_is_filled_when_it_says_yes(
    ringside, desk, stranger, keeper, stand_in, wallet
):
    terms = step(ringside, venues=venue_set([stand_in]))
    whole = bundle(ringside, Mode.STEPWISE, terms, account=account_id(wallet.address))
    parts = whole.tuple, by(ringside, stranger, whole), 0, [(stand_in, ETH, 0)], NO_RECEIPT
    send(desk.fillStep, *parts, sender=keeper)
    assert desk.progress(whole.step_key(ringside.domain, 0)).used == ETH


def test_a_contract_is_asked_at_every_fill(ringside, desk, stranger, stand_in, wallet, order):
    """So it may take a signature back."""
    order = order.with_(venues=venue_set([stand_in]), size=2 * ETH)
    signature = by(ringside, stranger, order)
    ringside.fill(order, (stand_in, ETH, 0), signature=signature)
    send(wallet.setMood, REFUSING, sender=stranger)
    with reverts(desk.BadSignature, owner=wallet.address):
        ringside.fill(order, (stand_in, ETH, 0), signature=signature)


@pytest.mark.parametrize(
    "mood",
    [REFUSING, REVERTING, GARBLED, SHORT],
    ids=["refuses", "reverts", "says something else", "says too little"],
)
def test_a_contract_that_does_not_say_yes_has_not_signed(
    ringside, desk, stranger, wallet, order, mood
):
    send(wallet.setMood, mood, sender=stranger)
    with reverts(desk.BadSignature, owner=wallet.address):
        ringside.fill(order, (0, ETH, 0), signature=by(ringside, stranger, order))


def test_a_contract_without_the_function_has_not_signed(ringside, desk, project, stranger):
    silent = stranger.deploy(project.ContractOwner)
    order = ringside.order(account=account_id(silent.address))
    with reverts(desk.BadSignature, owner=silent.address):
        ringside.fill(order, (0, ETH, 0), signature=by(ringside, stranger, order))


def test_another_key_does_not_sign_for_the_contract(ringside, desk, attacker, wallet, order):
    with reverts(desk.BadSignature, owner=wallet.address):
        ringside.fill(order, (0, ETH, 0), signature=by(ringside, attacker, order))


def test_the_contracts_key_does_not_sign_for_another_account(ringside, desk, client, stranger):
    order = ringside.order()
    with reverts(desk.BadSignature, owner=client.address):
        ringside.fill(order, (0, ETH, 0), signature=by(ringside, stranger, order))


def test_what_a_contract_signed_counts_for_no_other_account(
    ringside, desk, client, stranger, order
):
    signature = by(ringside, stranger, order)
    for other, owner in ((ringside.account, client), (account_id(stranger.address), stranger)):
        with reverts(desk.BadSignature, owner=owner.address):
            ringside.fill(order.with_(account=other), (0, ETH, 0), signature=signature)


def test_a_signature_that_the_contract_cannot_read_is_none(ringside, desk, stranger, wallet, order):
    signed = Account.unsafe_sign_hash(order.digest(ringside.domain), stranger.private_key)
    for signature in (b"", bytes(signed.signature)[:64], bytes(signed.signature) + b"\0"):
        with reverts(desk.BadSignature, owner=wallet.address):
            ringside.fill(order, (0, ETH, 0), signature=signature)


def test_a_key_without_code_is_asked_nothing_else(ringside, desk, client, attacker):
    order = ringside.order()
    with reverts(desk.BadSignature, owner=client.address):
        ringside.fill(order, (0, ETH, 0), signature=by(ringside, attacker, order))


def test_a_key_whose_address_has_code_signs_as_before(ringside, client, stand_in, wallet):
    """As of an EOA that has delegated to a contract, whatever that one says."""
    code = rpc(ringside.w3, "eth_getCode", wallet.address, "latest")
    order = ringside.order(venues=venue_set([stand_in]), size=2 * ETH)
    signature = by(ringside, client, order)
    rpc(ringside.w3, "anvil_setCode", client.address, code)
    ringside.fill(order, (stand_in, ETH, 0), signature=signature)
    # Its code's own yes counts too: the wallet's key is the stranger's.
    other = by(ringside, ringside.actors["stranger"], order)
    ringside.fill(order, (stand_in, ETH, 0), signature=other)
    rpc(ringside.w3, "anvil_setCode", client.address, "0x")


def test_a_contract_cancels_as_any_owner_does(ringside, desk, stranger, wallet, order):
    data = desk.cancel.encode_input(account_id(wallet.address), order.nonce)
    send(wallet.run, desk, data, sender=stranger)
    with reverts(desk.NonceSpent, nonce=order.nonce):
        signature = by(ringside, stranger, order)
        ringside.fill(order, (0, ETH, 0), signature=signature)
