"""Everything a fill refuses, by name. The bounds on leverage and on reducing have files of their
own."""

import pytest
from eth_account import Account
from stage import DEPOSIT, ETH, MAX, ONE, PAY_CAP, USDC, reverts, send

from ringside.orders import (
    Bounds,
    Conditions,
    Domain,
    Terms,
    Tickets,
    market_id,
    sign,
    venue_set,
)
from ringside.units import DAY

MARGIN = 3_000 * USDC
SECP256K1_ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
INT_MIN, INT_MAX = -(2**255), 2**255 - 1


@pytest.fixture
def signed(ringside):
    """An order and the client's signature of it."""
    order = ringside.order(size=2 * ETH, max_margin=2 * MARGIN)
    return order, sign(order, ringside.domain, ringside.actors["client"].private_key)


def raw(order, **changes):
    """An order's tuple with numbers that the Python side would refuse."""
    account, terms, *frame = order.tuple
    values = dict(zip(Terms.__dataclass_fields__, terms, strict=True))
    values |= {name: changes.pop(name) for name in values.keys() & changes.keys()}
    account = changes.pop("account", account)
    assert not changes
    return account, tuple(values.values()), *frame


def sign_raw(ringside, terms):
    digest = ringside.desk.digest(terms)
    signed = Account.unsafe_sign_hash(digest, ringside.actors["client"].private_key)
    return bytes(signed.signature)


# ------------------------------------------------------------------- time and epoch


def test_fill_goes_through_at_the_deadline_and_not_a_second_later(ringside, desk, venue):
    deadline = ringside.now + 600
    order = ringside.order(size=2 * ETH, deadline=deadline)
    ringside.send_at(deadline)
    receipt = ringside.fill(order, (venue.id, ETH, MARGIN))
    assert receipt.timestamp == deadline
    ringside.mine_at(deadline + 1)
    with reverts(desk.Expired, deadline=deadline):
        ringside.fill(order, (venue.id, ETH, 0))


@pytest.mark.parametrize(("at", "signed_for"), [(0, 1), (0, MAX), (5, 4), (5, 6), (MAX, 0)])
def test_fill_refuses_an_order_of_another_epoch(ringside, desk, account, client, at, signed_for):
    if at:
        send(desk.raiseEpoch, account, at, sender=client)
    with reverts(desk.WrongEpoch, epoch=at):
        ringside.fill(ringside.order(epoch=signed_for), (0, ETH, 0))


# ----------------------------------------------------------------------- signature


@pytest.mark.parametrize(
    "change",
    [
        {"account": "label"},
        {"market": "BTC-USD"},
        {"size": 2 * ETH + 1},
        {"size": -2 * ETH},
        {"limit_price": 10_001 * ONE},
        {"max_margin": 2 * MARGIN + 1},
        {"tip": 1},
        {"venues": 0b111},
        {"deadline": 2**40},
        {"nonce": 2},
        {"epoch": 1},
        {"bounds": Bounds(min_fill=1)},
        {"bounds": Bounds(min_leverage=1)},
        {"bounds": Bounds(max_leverage=1)},
        {"bounds": Bounds(max_deviation=1)},
        {"bounds": Bounds(reduce_only=True)},
        {"conditions": Conditions(filler="0x" + "11" * 20)},
        {"conditions": Conditions(filler_until=1)},
    ],
    ids=str,
)
def test_fill_refuses_any_change_to_what_was_signed(
    ringside, desk, account, client, signed, change
):
    order, signature = signed
    if "epoch" in change:
        send(desk.raiseEpoch, account, 1, sender=client)
    if "account" in change:
        change = {"account": account[:20] + b"other".ljust(12, b"\0")}
    with reverts(desk.BadSignature, owner=client.address):
        ringside.fill(order.with_(**change), (0, ETH, 0), signature=signature)


def test_fill_refuses_an_order_signed_by_somebody_else(ringside, desk, signed, client, attacker):
    order, _ = signed
    forged = sign(order, ringside.domain, attacker.private_key)
    with reverts(desk.BadSignature, owner=client.address):
        ringside.fill(order, (0, ETH, 0), signature=forged)


def test_fill_refuses_an_order_for_another_chain_or_desk(ringside, desk, vault, signed, client):
    order, _ = signed
    for domain in (Domain(1, desk.address), Domain(31337, vault.address)):
        with reverts(desk.BadSignature, owner=client.address):
            signature = sign(order, domain, client.private_key)
            ringside.fill(order, (0, ETH, 0), signature=signature)


def test_fill_refuses_the_other_half_of_the_curve(ringside, desk, signed, client):
    order, signature = signed
    s = SECP256K1_ORDER - int.from_bytes(signature[32:64], "big")
    flipped = signature[:32] + s.to_bytes(32, "big") + bytes([55 - signature[64]])
    with reverts(desk.BadSignature, owner=client.address):
        ringside.fill(order, (0, ETH, 0), signature=flipped)


def test_fill_refuses_signatures_of_other_lengths_and_marks(ringside, desk, signed, client):
    order, signature = signed
    s = int.from_bytes(signature[32:64], "big") | (signature[64] - 27) << 255
    compact = signature[:32] + s.to_bytes(32, "big")
    others = [b"", compact, signature[:64], signature + b"\0", bytes(65)]
    others += [signature[:64] + bytes([v]) for v in (0, 1, signature[64] - 27, 29, 255)]
    for other in others:
        with reverts(desk.BadSignature, owner=client.address):
            ringside.fill(order, (0, ETH, 0), signature=other)


def test_nobody_signs_for_an_account_without_an_owner(ringside, desk, signed):
    order, _ = signed
    nobodys = raw(order, account=bytes(32))
    for signature in (bytes(65), bytes(64) + bytes([27]), b""):
        with reverts(desk.BadSignature, owner="0x" + "00" * 20):
            ringside.fill(nobodys, (0, ETH, 0), signature=signature)


# --------------------------------------------------------------------------- nonces


def test_fill_refuses_to_replay_a_complete_order(ringside, desk, venue):
    order = ringside.order()
    ringside.fill(order, (venue.id, ETH, MARGIN))
    with reverts(desk.NonceSpent, nonce=1):
        ringside.fill(order, (venue.id, ETH, 0))
    with reverts(desk.NonceSpent, nonce=1):
        ringside.fill(order.with_(size=-ETH, limit_price=0), (venue.id, -ETH, 0))


def test_fill_refuses_another_order_under_a_nonce_partly_used(ringside, desk, venue, signed):
    order, _ = signed
    ringside.fill(order, (venue.id, ETH, MARGIN))
    other = order.with_(tip=1)
    with reverts(desk.NonceTaken, nonce=1, digest=order.digest(ringside.domain)):
        ringside.fill(other, (venue.id, ETH, 0))
    ringside.fill(order, (venue.id, ETH, 0))


def test_a_fill_that_fails_uses_nothing(ringside, desk, account, venue):
    order = ringside.order(limit_price=1)
    with reverts(desk.WorsePrice):
        ringside.fill(order, (venue.id, ETH, MARGIN))
    assert not desk.isSpent(account, 1)
    assert ringside.vault.idle(account) == DEPOSIT
    ringside.fill(ringside.order(), (venue.id, ETH, MARGIN))


# ----------------------------------------------------------------------------- legs


def test_fill_refuses_no_legs(ringside, desk):
    with reverts(desk.NoLegs):
        ringside.fill(ringside.order())


@pytest.mark.parametrize(("size", "leg"), [(ETH, 0), (ETH, -1), (-ETH, 0), (-ETH, 1)])
def test_fill_refuses_a_leg_of_nothing_or_the_other_way(ringside, desk, size, leg):
    order = ringside.order(size=size)
    with reverts(desk.BadLeg, size=leg):
        ringside.fill(order, (0, leg, 0))
    with reverts(desk.BadLeg, size=leg):
        ringside.fill(order, (0, size // 2, 0), (1, leg, 0))


@pytest.mark.parametrize(("allowed", "used"), [(0b01, 1), (0b10, 0), (1 << 255, 254), (MAX - 1, 0)])
def test_fill_refuses_a_venue_that_is_not_allowed(ringside, desk, allowed, used):
    with reverts(desk.VenueNotAllowed, venue=used):
        ringside.fill(ringside.order(venues=allowed), (used, ETH, 0))


def test_fill_refuses_more_than_is_left(ringside, desk, venue, signed):
    order, _ = signed
    with reverts(desk.Overfilled, left=2 * ETH, asked=2 * ETH + 1):
        ringside.fill(order, (venue.id, 2 * ETH + 1, 0))
    ringside.fill(order, (venue.id, ETH, MARGIN))
    with reverts(desk.Overfilled, left=ETH, asked=ETH + 1):
        ringside.fill(order, (venue.id, ETH, 0), (venue.id, 1, 0))


def test_fill_refuses_less_than_the_least(ringside, desk, venue):
    order = ringside.order(size=3 * ETH, bounds=Bounds(min_fill=2 * ETH))
    with reverts(desk.BelowMinFill, least=2 * ETH, asked=2 * ETH - 1):
        ringside.fill(order, (venue.id, ETH, 0), (venue.id, ETH - 1, 0))
    ringside.fill(order, (venue.id, 2 * ETH, MARGIN))


@pytest.mark.parametrize("max_margin", [0, MARGIN])
def test_fill_refuses_more_margin_than_signed(ringside, desk, perp, rage, max_margin):
    order = ringside.order(size=2 * ETH, max_margin=max_margin)
    with reverts(desk.TooMuchMargin, share=max_margin, asked=max_margin + 1):
        ringside.fill(order, (perp.id, ETH, max_margin), (rage.id, ETH, 1))


def test_fill_refuses_more_margin_than_is_idle(ringside, vault, venue):
    order = ringside.order(max_margin=MAX, tip=USDC)
    with reverts(vault.NotEnoughIdle, idle=DEPOSIT, needed=DEPOSIT + USDC):
        ringside.fill(order, (venue.id, ETH, DEPOSIT))


# ---------------------------------------------------------------------------- price


@pytest.mark.parametrize("tip", [0, 7 * USDC + 1], ids=["no tip", "tip"])
@pytest.mark.parametrize("side", [1, -1], ids=["buy", "sell"])
def test_fill_passes_at_exactly_the_signed_price_and_not_one_unit_beyond(
    ringside, desk, venue, side, tip
):
    leg = venue.id, side * ETH, MARGIN
    quote = ringside.quote(ringside.order(size=side * ETH), leg)
    worst = quote + side * tip * 10**12
    better = ringside.order(size=side * ETH, limit_price=worst - side, tip=tip)
    with reverts(desk.WorsePrice, total=worst * ONE, limit=(worst - side) * ONE):
        ringside.fill(better, leg)
    receipt = ringside.fill(better.with_(limit_price=worst), leg)
    assert ringside.filled(receipt).quote == quote


def test_the_signed_price_holds_for_every_leg_by_itself(ringside, desk, perp, rage):
    legs = (perp.id, ETH, MARGIN), (rage.id, ETH, MARGIN)
    one = ringside.order(size=ETH)
    dearest = max(ringside.quote(one, leg) for leg in legs)
    order = ringside.order(size=2 * ETH, limit_price=dearest - 1)
    with reverts(desk.WorsePrice, total=dearest * ONE):
        ringside.fill(order, *legs)
    ringside.fill(order.with_(limit_price=dearest), *legs)


def test_the_signed_price_holds_for_all_legs_with_the_tip(ringside, desk, stand_in):
    """Each leg costs 2,000 and meets the limit; with the tip they do not."""
    legs = (stand_in, ETH, 0), (stand_in, ETH, 0)
    order = ringside.order(size=2 * ETH, limit_price=2_000 * ETH, tip=1, venues=1 << stand_in)
    with reverts(desk.WorsePrice, total=(4_000 * ETH + 10**12) * ONE):
        ringside.fill(order, *legs)
    ringside.fill(order.with_(tip=0), *legs)


def test_a_good_fill_leaves_no_slack_for_a_worse_one(ringside, desk, stand_in):
    """Every fill by itself: a price under the limit first does not pay for one above it later."""
    order = ringside.order(
        size=2 * ETH, limit_price=2_001 * ONE, tip=2 * USDC, venues=venue_set([0, stand_in])
    )
    ringside.fill(order, (stand_in, ETH, 0))
    with reverts(desk.WorsePrice):
        ringside.fill(order, (0, ETH, MARGIN))


def test_a_tip_beyond_the_proceeds_of_a_sale_is_a_worse_price(ringside, desk, stand_in):
    order = ringside.order(size=-1, limit_price=1, tip=PAY_CAP, venues=venue_set([stand_in]))
    with reverts(desk.WorsePrice, total=0, limit=1):
        ringside.fill(order, (stand_in, -1, 0))


# --------------------------------------------------------------------------- oracle


@pytest.mark.parametrize("side", [1, -1], ids=["buy", "sell"])
def test_fill_passes_at_exactly_the_deviation_and_not_one_unit_beyond(
    ringside, desk, feed, stand_in, side
):
    """The stand-in trades at the oracle's 2,000; a thousandth of it is two dollars, here of tip."""
    feed(2_000 * 10**8, ringside.now)
    terms = {"size": side * ETH, "venues": venue_set([stand_in])}
    order = ringside.order(**terms, tip=2 * USDC + 1, bounds=Bounds(max_deviation=ONE // 1_000))
    limit = (2_000 + side * 2) * ONE * ONE
    with reverts(desk.TooFarFromOracle, total=limit + side * 10**12 * ONE, limit=limit):
        ringside.fill(order, (stand_in, side * ETH, 0))
    ringside.fill(order.with_(tip=2 * USDC), (stand_in, side * ETH, 0))


@pytest.mark.parametrize("side", [1, -1], ids=["buy", "sell"])
def test_a_price_better_than_the_oracles_is_never_too_far(ringside, feed, stand_in, side):
    feed((2_000 + side * 500) * 10**8, ringside.now)
    order = ringside.order(
        size=side * ETH, venues=venue_set([stand_in]), bounds=Bounds(max_deviation=1)
    )
    ringside.fill(order, (stand_in, side * ETH, 0))


def test_the_oracle_bounds_fills_at_the_real_venues(ringside, desk, venue):
    leg = venue.id, ETH, MARGIN
    narrow = ringside.order(bounds=Bounds(max_deviation=ONE // 10_000))
    with reverts(desk.TooFarFromOracle, limit=2_000 * ONE * 10_001 // 10_000 * ONE):
        ringside.fill(narrow, leg)
    ringside.fill(narrow.with_(bounds=Bounds(max_deviation=ONE // 100)), leg)


@pytest.mark.parametrize("answer", [0, -1, -(2_000 * 10**8), INT_MIN])
def test_fill_refuses_an_answer_that_is_no_price(ringside, desk, feed, stand_in, answer):
    now = ringside.now
    feed(answer, now)
    order = ringside.order(venues=venue_set([stand_in]), bounds=Bounds(max_deviation=MAX))
    with reverts(desk.BadOracle, answer=answer, updatedAt=now):
        ringside.fill(order, (stand_in, ETH, 0))


def test_fill_refuses_an_answer_older_than_its_heartbeat(ringside, desk, feed, stand_in):
    updated = ringside.now
    feed(2_000 * 10**8, updated)
    bounds = Bounds(max_deviation=ONE)
    order = ringside.order(size=2 * ETH, venues=venue_set([stand_in]), bounds=bounds)
    ringside.send_at(updated + DAY)
    ringside.fill(order, (stand_in, ETH, 0))
    ringside.mine_at(updated + DAY + 1)
    with reverts(desk.BadOracle, answer=2_000 * 10**8, updatedAt=updated):
        ringside.fill(order, (stand_in, ETH, 0))


@pytest.mark.parametrize("ahead", [100, MAX - 2**40])
def test_fill_refuses_an_answer_from_the_future(ringside, desk, feed, stand_in, ahead):
    updated = ringside.now + ahead
    feed(2_000 * 10**8, updated)
    order = ringside.order(venues=venue_set([stand_in]), bounds=Bounds(max_deviation=ONE))
    with reverts(desk.BadOracle, answer=2_000 * 10**8, updatedAt=updated):
        ringside.fill(order, (stand_in, ETH, 0))


def test_an_order_without_a_deviation_asks_no_oracle(ringside, feed, stand_in):
    feed(0, 1)
    ringside.fill(ringside.order(venues=venue_set([stand_in])), (stand_in, ETH, 0))


# --------------------------------------------------------------- places that are not


@pytest.mark.parametrize("missing", [3, 126, 127])
def test_fill_refuses_a_venue_that_does_not_exist(ringside, venues, missing):
    with reverts(venues.UnknownVenue, venue=missing):
        ringside.fill(ringside.order(venues=MAX), (missing, ETH, 0))


def test_fill_refuses_a_venue_that_fills_later(ringside, vault):
    later = ringside.addresses["ringside"]["venue_ids"]["synthetix"]
    with reverts(vault.FillsLater, venue=later):
        ringside.fill(ringside.order(venues=MAX), (later, ETH, 0))


def test_fill_refuses_a_market_that_does_not_exist(ringside, venues, venue):
    order = ringside.order(market="DOGE-USD")
    with reverts(venues.UnknownMarket, market=market_id("DOGE-USD")):
        ringside.fill(order, (venue.id, ETH, 0))


def test_fill_refuses_a_market_that_the_venue_does_not_list(ringside, venues, governor, venue):
    feed = ringside.addresses["feeds"]["ETH-USD"]
    send(venues.addMarket, "SOL-USD", feed, 60, sender=governor)
    sol = market_id("SOL-USD")
    with reverts(venues.NotListed, venue=venue.id, market=sol):
        ringside.fill(ringside.order(market="SOL-USD"), (venue.id, ETH, 0))


def test_fill_needs_the_desk_to_be_the_owners_operator(ringside, vault, desk, client, venue):
    account = ringside.open_account(client, "other")
    send(vault.setOperator, account, (desk.address, 0, 0, 0, 0), sender=client)
    with reverts(vault.NotAllowed, account=account, caller=desk.address, right=1):
        ringside.fill(ringside.order(account=account), (venue.id, ETH, 0))


# --------------------------------------------------------------------- huge numbers


@pytest.mark.parametrize("size", [0, 2**128, -(2**128), INT_MAX - 1, INT_MIN + 1])
def test_fill_refuses_a_size_of_zero_or_beyond_128_bits(ringside, desk, size):
    terms = raw(ringside.order(), size=size)
    with reverts(desk.BadSize, size=size):
        ringside.fill(terms, (0, ETH, 0), signature=sign_raw(ringside, terms))


@pytest.mark.parametrize(
    "two", [{"tickets": [(1, 1, 1)] * 2}, {"conditions": [Conditions().tuple] * 2}]
)
def test_fill_refuses_two_of_what_there_is_one_of(ringside, desk, two):
    terms = raw(ringside.order(), **two)
    with reverts(desk.BadTerms):
        ringside.fill(terms, (0, ETH, 0), signature=sign_raw(ringside, terms))


@pytest.mark.parametrize(
    ("size", "leg"), [(ETH, INT_MAX), (-ETH, INT_MIN), (-ETH, -INT_MAX), (ETH, 2**128)]
)
def test_fill_refuses_legs_beyond_128_bits(ringside, desk, size, leg):
    with reverts(desk.BadLeg, size=leg):
        ringside.fill(ringside.order(size=size), (0, leg, 0))


@pytest.mark.parametrize("sign", [1, -1])
def test_fill_refuses_legs_of_any_size_by_name(ringside, desk, sign):
    order, leg = ringside.order(size=sign * ETH), sign * (2**128 - 1)
    with reverts(desk.Overfilled, left=ETH, asked=3 * abs(leg)):
        ringside.fill(order, (0, leg, 0), (0, leg, 0), (1, leg, 0))


def test_fill_refuses_margins_of_any_size_by_name(ringside, desk, vault):
    order = ringside.order(size=2 * ETH, max_margin=MAX)
    with reverts(vault.NotEnoughIdle, idle=DEPOSIT, needed=INT_MAX):
        ringside.fill(order, (0, ETH, INT_MAX), (1, ETH, INT_MAX))
    with reverts(desk.TooMuchMargin, share=MAX - 2, asked=MAX - 1):
        ringside.fill(order.with_(max_margin=MAX - 2), (0, ETH, INT_MAX), (1, ETH, INT_MAX))
    # A sum beyond 256 bits stays at the top.
    thrice = (0, ETH, INT_MAX), (1, ETH // 2, INT_MAX), (1, ETH // 2, INT_MAX)
    with reverts(desk.TooMuchMargin, share=MAX - 1, asked=MAX):
        ringside.fill(order.with_(max_margin=MAX - 1), *thrice)
    with reverts(desk.SafeCastOverflowedUintDowncast, bits=64, value=2**64):
        ringside.fill(order, (0, ETH, 2**64))


def test_fill_refuses_tips_of_any_size_by_name(ringside, desk, vault, venue):
    order = ringside.order(size=2 * ETH, tip=MAX)
    with reverts(vault.PayCapExceeded, cap=PAY_CAP, wanted=MAX):
        ringside.fill(order, (venue.id, 2 * ETH, MARGIN))
    # What an order not finished has paid is kept in 64 bits, and no tip counts beyond 96.
    with reverts(desk.SafeCastOverflowedUintDowncast, bits=64, value=(2**96 - 1) // 2):
        ringside.fill(order, (venue.id, ETH, MARGIN))
    most = order.with_(tip=2 * (2**64 - 1))
    with reverts(vault.PayCapExceeded, cap=PAY_CAP, wanted=2**64 - 1):
        ringside.fill(most, (venue.id, ETH, MARGIN))


def test_fill_refuses_a_huge_tip_by_name_after_a_small_one(ringside, vault, stand_in):
    allowed = venue_set([stand_in])
    ringside.fill(ringside.order(venues=allowed, tip=USDC), (stand_in, ETH, 0))
    with reverts(vault.PayCapExceeded, cap=PAY_CAP):
        ringside.fill(ringside.order(venues=allowed, tip=MAX, nonce=2), (stand_in, ETH, 0))


def test_the_largest_limit_and_bounds_are_like_none(ringside, venue):
    bounds = Bounds(min_fill=MAX, max_leverage=MAX, max_deviation=MAX, tolerance=MAX)
    conditions = Conditions(
        filler_until=MAX,
        trigger_price=MAX,
        interval=MAX,
        slice=MAX,
        catch_up=MAX,
        group=MAX,
        group_size=MAX,
    )
    tickets = Tickets(MAX, MAX, ONE)
    largest = {"limit_price": MAX, "max_margin": MAX, "venues": MAX, "deadline": MAX, "nonce": MAX}
    order = ringside.order(**largest, bounds=bounds, tickets=tickets, conditions=conditions)
    ringside.fill(order, (venue.id, ETH, MARGIN))
    assert venue.size(venue.seat()) == ETH


def test_a_sale_for_the_largest_price_is_refused_by_name(ringside, desk, venue):
    order = ringside.order(size=-ETH, limit_price=MAX)
    with reverts(desk.WorsePrice, limit=MAX):
        ringside.fill(order, (venue.id, -ETH, MARGIN))
