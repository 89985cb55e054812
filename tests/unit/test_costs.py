"""Whether a fill is worth its gas."""

import pytest

from ringside.service.costs import USED, Costs, Planned
from ringside.units import ONE

GWEI = 10**9
FILL = [Planned("fill", b"", 1)]


def costs(**changes):
    return Costs(**{"price": 2_000 * ONE, "gas_price": GWEI, **changes})


def test_a_fill_whose_tip_pays_its_gas_is_worth_it():
    # 700,000 gas at 1 gwei and 2,000 USD are 1.40 USD.
    assert USED["fill"] == 700_000
    assert costs().refusal(FILL, 1_400_000) == ""
    assert "its gas costs 1.4 USD" in costs().refusal(FILL, 1_399_999)


def test_what_the_operator_allows_beyond_the_tip_counts():
    assert costs(loss=2 * ONE).refusal(FILL, 0) == ""


def test_a_ticket_has_to_pay_for_its_execution_and_settlement_too():
    alone = costs().of("commit")
    whole = alone + costs().of("execute") + costs().of("settle")
    ticket = [Planned("commit", b"", 1)]
    assert costs().refusal(ticket, alone // 10**12)
    assert costs().refusal(ticket, -(-whole // 10**12)) == ""


@pytest.mark.parametrize("loss", [0, 10**6 * ONE])
def test_where_the_coins_price_is_not_known_nothing_is_worth_it(loss):
    assert "not known" in costs(price=0, loss=loss).refusal(FILL, 10**12)
