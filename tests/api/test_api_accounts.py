"""What an owner has, did and paid."""

from __future__ import annotations

import csv
import io
from typing import Any

from served import Served

from ringside.store import ledger
from ringside.units import ONE, USDC


def get(served: Served, path: str = "", **query: str) -> Any:
    account = "0x" + served.story.account.hex()
    headers = served.signed_in()
    return served.http.get(f"/v1/accounts/{account}{path}", params=query, headers=headers)


def test_money_and_positions_are_shown_with_the_liquidation_price(served: Served) -> None:
    served.story.trade("perp-v2", "ETH-USD", ONE, margin=1_000 * USDC)
    served.caught_up()
    found = get(served).json()
    assert found["idle"] == "199000"
    seat = next(one for one in found["seats"] if one["venue"] == "perp-v2")
    (position,) = seat["positions"]
    assert (position["market"], position["size"]) == ("ETH-USD", "1")
    assert 0 < float(position["liquidation_price"]) < float(position["mark_price"])
    assert 900 < float(seat["pockets"][0]["equity"]) < 1_000


def test_a_change_on_the_chain_is_seen_with_its_block(served: Served) -> None:
    assert get(served).json()["idle"] == "200000"
    served.story.deposit(5 * USDC)
    served.caught_up()
    assert get(served).json()["idle"] == "200005"


def test_fills_come_as_json_and_as_csv_in_pages(served: Served) -> None:
    account = served.story.account
    with served.house.database.write() as connection:
        for n in range(1, 6):
            h = bytes([n]) * 32
            one = ledger.Fill(
                h,
                n,
                h,
                h,
                account,
                "0x" + "22" * 20,
                "ETH-USD",
                2 * ONE,
                4_000 * ONE,
                USDC,
                None,
                n,
                h,
                n,
            )
            ledger.fill(connection, one, 1.0)
    page = get(served, "/fills", limit="3").json()
    assert [one["block"] for one in page["fills"]] == [1, 2, 3]
    assert (page["fills"][0]["price"], page["fills"][0]["tip"]) == ("2000", "1")
    rest = get(served, "/fills", after=page["next"]).json()
    assert [one["block"] for one in rest["fills"]] == [4, 5]
    assert rest["next"] is None
    table = get(served, "/fills", format="csv")
    assert table.headers["content-type"].startswith("text/csv")
    rows = list(csv.DictReader(io.StringIO(table.text)))
    assert [row["price"] for row in rows] == ["2000"] * 5


def test_a_statement_reconciles_once_all_is_closed(served: Served) -> None:
    story = served.story
    served.house.config.since = 0
    story.trade("perp-v2", "ETH-USD", ONE, margin=1_000 * USDC)
    served.caught_up()
    found = get(served, "/statement")
    assert (found.status_code, found.json()["code"]) == (409, "still-open")
    story.leave()
    served.caught_up()
    found = get(served, "/statement").json()
    assert (found["deposited"], found["difference"]) == ("200000", "0")
    table = get(served, "/statement", format="csv")
    assert next(csv.DictReader(io.StringIO(table.text)))["difference"] == "0"
