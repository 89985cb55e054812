"""The keeper's receipt, its form's version and its hash, is in every event that a fill leaves."""

import pytest
from bundles import bundle, fill_bundle, fill_step, step
from stage import ETH, USDC, send

from ringside.orders import Mode, venue_set

MARGIN = 3_000 * USDC


@pytest.fixture
def steps(ringside, stand_in):
    return [step(ringside, venues=venue_set([stand_in])) for _ in range(2)]


@pytest.fixture
def receipts(ringside, desk):
    """The receipts in a transaction's events, in order."""

    def receipts(transaction):
        told = [event.receipt for event in transaction.decode_logs(desk.Filled)]
        return [(version, bytes(digest)) for version, digest in told]

    return receipts


kept = pytest.mark.parametrize(
    "receipt",
    [(1, b"\x5a" * 32), (2**256 - 1, b"\xff" * 32), (0, bytes(32))],
    ids=["one", "largest", "none"],
)


@kept
def test_a_fill_tells_its_receipt(ringside, desk, keeper, venue, receipts, receipt):
    order = ringside.order()
    signature = ringside.signed(order, ringside.actors["client"])
    terms = order.tuple, signature, [(venue.id, ETH, MARGIN)], receipt
    assert receipts(send(desk.fill, *terms, sender=keeper)) == [receipt]


@kept
def test_every_step_of_an_atomic_bundle_tells_it(ringside, stand_in, steps, receipts, receipt):
    legs = [(stand_in, ETH, 0)], [(stand_in, ETH, 0)]
    whole = bundle(ringside, Mode.ATOMIC, *steps)
    assert receipts(fill_bundle(ringside, whole, *legs, receipt=receipt)) == [receipt, receipt]


@pytest.mark.parametrize("mode", [Mode.STEPWISE, Mode.PROPORTIONAL])
def test_a_step_tells_its_own(ringside, stand_in, steps, receipts, mode):
    whole = bundle(ringside, mode, *steps)
    for index, receipt in enumerate([(1, b"\x01" * 32), (2, b"\x02" * 32)]):
        made = fill_step(ringside, whole, index, (stand_in, ETH, 0), receipt=receipt)
        assert receipts(made) == [receipt]


def test_two_fills_of_one_order_tell_two_receipts(ringside, desk, keeper, stand_in, receipts):
    order = ringside.order(size=2 * ETH, venues=venue_set([stand_in]))
    signature = ringside.signed(order, ringside.actors["client"])
    for receipt in [(1, b"\x01" * 32), (1, b"\x02" * 32)]:
        terms = order.tuple, signature, [(stand_in, ETH, 0)], receipt
        assert receipts(send(desk.fill, *terms, sender=keeper)) == [receipt]
