"""The client, against the API as it is served."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from eth_account import Account
from served import STRANGER_KEY, Served, strictly
from story import Story

from ringside import AsyncClient, Client
from ringside.client import (
    AuthenticationError,
    BadRequest,
    BadResponse,
    BadSymbol,
    InsufficientFunds,
    InvalidOrder,
    OrderNotFound,
    PermissionDenied,
    RateLimitExceeded,
)
from ringside.store.schema import sessions
from ringside.units import ONE, USDC, from_units

SITE = "127.0.0.1:0"
"""What the served house calls itself: its settings name no port."""
ETH = "ETH/USD:USDC"


class Awaited:
    """An AsyncClient whose methods are called as a Client's: every test is of both."""

    def __init__(self, *args: Any, **named: Any) -> None:
        self.loop = asyncio.new_event_loop()
        self.client = AsyncClient(*args, **named)

    def __getattr__(self, name: str) -> Any:
        found = getattr(self.client, name)
        if not callable(found):
            return found

        def called(*args: Any, **named: Any) -> Any:
            made = found(*args, **named)
            return self.loop.run_until_complete(made) if inspect.isawaitable(made) else made

        return called

    def first(self, events: Any) -> Any:
        return self.loop.run_until_complete(anext(events))

    def close(self) -> None:
        self.loop.run_until_complete(self.client.close())
        self.loop.run_until_complete(self.loop.shutdown_asyncgens())
        self.loop.close()


class Plain(Client):
    def first(self, events: Any) -> Any:
        return next(events)


Opens = Callable[..., Any]


@pytest.fixture(params=[Plain, Awaited])
def opens(served: Served, request: pytest.FixtureRequest) -> Iterator[Opens]:
    """Makes clients of the served house, of either kind."""
    made: list[Any] = []

    def one(key: bytes | None = None, **named: Any) -> Any:
        signer = Account.from_key(key or served.story.key)
        made.append(request.param(served.url, signer, **{"site": SITE, **named}))
        return made[-1]

    yield one
    for client in made:
        client.close()


@pytest.fixture
def client(opens: Opens) -> Any:
    """The story's client."""
    return opens()


# ---------------------------------------------------------------------- markets


def test_markets_have_both_names(client: Any) -> None:
    found = {one["symbol"]: one for one in client.fetch_markets()}
    assert found[ETH]["id"] == "ETH-USD"
    assert found[ETH]["active"]
    assert {"perp-v2", "rage"} <= set(found[ETH]["venues"])


def test_prices_and_funding_are_the_median_of_the_venues(client: Any) -> None:
    ticker, funding = client.fetch_ticker(ETH), client.fetch_funding_rate("ETH-USD")
    marks = sorted(Decimal(one["mark_price"]) for one in ticker["info"].values())
    assert marks[0] <= ticker["markPrice"] <= marks[-1]
    assert funding["venues"].keys() == ticker["info"].keys()
    one = client.fetch_funding_rate(ETH, {"venue": "rage"})
    assert one["fundingRate"] == one["venues"]["rage"] == funding["venues"]["rage"]
    assert client.fetch_tickers()[ETH]["indexPrice"] == ticker["indexPrice"]


def test_the_order_book_is_sorted_around_the_mark(client: Any) -> None:
    book = client.fetch_order_book(ETH)
    asks, bids = ([price for price, _ in book[side]] for side in ("asks", "bids"))
    assert asks == sorted(asks)
    assert bids == sorted(bids, reverse=True)
    assert bids[0] < asks[0]
    assert {one["venue"] for one in book["info"]} == {"perp-v2", "rage"}
    assert len(client.fetch_order_book(ETH, 1)["asks"]) == 1


def test_a_quote_is_of_numbers(client: Any) -> None:
    told = client.quote(ETH, "sell", 2, {"policy": "at-most:1"})
    assert told["size"] == -2
    assert sum(leg["size"] for leg in told["legs"]) == -2
    assert isinstance(told["offers"][0]["fee"], Decimal)


# ---------------------------------------------------------------------- orders


def test_an_order_is_signed_here_and_known_there(client: Any, served: Served) -> None:
    made = client.create_order(ETH, "limit", "buy", "1.5", "2200", {"tip": "1"})
    assert (made["status"], made["price"], made["amount"]) == ("open", 2200, Decimal("1.5"))
    found = client.fetch_order(made["id"])
    assert (found["symbol"], found["side"], found["remaining"]) == (ETH, "buy", Decimal("1.5"))
    assert found["info"]["message"]["terms"]["tip"] == "1000000"
    assert served.woken == 1
    assert [one["id"] for one in client.fetch_open_orders()] == [made["id"]]
    assert [one["id"] for one in client.fetch_orders("ETH-USD")] == [made["id"]]
    assert client.fetch_orders("BTC-USD") == []


def test_a_market_order_is_bounded_by_the_mark_and_the_tip_and_soon_over(
    client: Any, served: Served
) -> None:
    mark = client.fetch_ticker(ETH)["markPrice"]
    made = client.create_market_order(ETH, "buy", 2, {"tip": "3", "slippage": "0.01"})
    assert made["price"] == pytest.approx(mark * Decimal("1.01") + Decimal("1.5"), abs=ONE**-1)
    message = made["info"]["message"]
    now = served.story.chain.block()["timestamp"]
    assert int(message["deadline"]) == now + 60
    # Two ethers at that bound, at three times leverage.
    margin = int(message["terms"]["maxMargin"])
    assert margin == pytest.approx(2 * mark * Decimal("1.01") / 3 * 10**6, rel=Decimal("1e-6"))


def test_a_tip_that_is_not_named_is_what_the_gas_is_quoted_at_and_half_more(client: Any) -> None:
    made = client.create_limit_order(ETH, "buy", 2, 2200)
    gas = client.quote(ETH, "buy", 2, {"policy": "only:perp-v2,rage"})["gas"]
    tip = from_units(int(made["info"]["message"]["terms"]["tip"]), 6)
    assert 0 <= tip - gas * 3 / 2 <= Decimal("0.011")


def test_a_stop_waits_for_the_oracle_and_only_reduces(client: Any, served: Served) -> None:
    served.story.trade("perp-v2", "ETH-USD", ONE, margin=1_000 * USDC)
    served.caught_up()
    index = client.fetch_ticker(ETH)["indexPrice"]
    stop = round(index * Decimal("0.9"), 2)
    made = client.create_stop_loss_order(ETH, "market", "sell", 1, None, stop, {"tip": 0})
    assert (made["triggerPrice"], made["reduceOnly"]) == (stop, True)
    terms = made["info"]["message"]["terms"]
    assert terms["conditions"][0]["triggerAbove"] is False
    assert (terms["maxMargin"], made["price"]) == ("0", stop * Decimal("0.95"))


def test_all_there_is_is_closed_by_an_order_without_an_amount(client: Any, served: Served) -> None:
    with pytest.raises(InvalidOrder, match="no long to sell in ETH-USD"):
        client.create_market_order(ETH, "sell", None, {"closeAll": True})
    served.story.trade("perp-v2", "ETH-USD", ONE, margin=1_000 * USDC)
    served.caught_up()
    made = client.create_market_order(ETH, "sell", None, {"closeAll": True})
    assert (made["amount"], made["side"], made["status"]) == (None, "sell", "open")


def test_a_bundle_is_one_order_of_several_steps(client: Any) -> None:
    steps = [
        {"symbol": ETH, "type": "market", "side": "buy", "amount": 1},
        {"symbol": "BTC-USD", "type": "market", "side": "sell", "amount": "0.1"},
    ]
    made = client.create_bundle(steps, params={"validFor": 600})
    assert (made["symbol"], made["status"]) == (None, "open")
    message = client.fetch_order(made["id"])["info"]["message"]
    assert [step["market"] for step in message["steps"]] == ["ETH-USD", "BTC-USD"]
    assert message["mode"] == "0"
    assert client.create_bundle(steps, atomic=False)["info"]["message"]["mode"] == "1"


def test_an_order_is_withdrawn_and_how_to_end_its_signature_is_said(
    client: Any, served: Served
) -> None:
    made = client.create_limit_order(ETH, "buy", 1, 1500, {"tip": 0})
    gone = client.cancel_order(made["id"])
    assert gone["status"] == "canceled"
    assert gone["onChain"]["to"] == served.story.desk.address
    kept = [client.create_limit_order(ETH, "buy", 1, 1500, {"tip": 0}) for _ in range(2)]
    assert {one["id"] for one in client.cancel_all_orders()} == {one["id"] for one in kept}
    assert client.fetch_open_orders() == []
    assert len(client.fetch_closed_orders(limit=2)) == 2


def test_orders_of_two_clients_of_an_account_do_not_meet(opens: Opens) -> None:
    made = [
        one.create_limit_order(ETH, "buy", 1, 1500, {"tip": 0}) for one in (opens(), opens()) * 2
    ]
    assert len({one["info"]["message"]["nonce"] for one in made}) == 4


def test_after_the_epoch_was_raised_the_next_order_is_told_of_it_and_the_one_after_is_taken(
    client: Any, served: Served
) -> None:
    client.create_limit_order(ETH, "buy", 1, 1500, {"tip": 0})
    story = served.story
    story.chain.send(story.desk, "raiseEpoch", story.account, 7, role=3)
    served.caught_up()
    # As the watcher has it done, which does not run here.
    served.running.accounts.forget(story.account)
    with pytest.raises(InvalidOrder, match="the account's is 7"):
        client.create_limit_order(ETH, "buy", 1, 1500, {"tip": 0})
    made = client.create_limit_order(ETH, "buy", 1, 1500, {"tip": 0})
    assert made["info"]["message"]["epoch"] == "7"


# ---------------------------------------------------------------------- the account


def test_balance_and_positions_are_of_the_chain(client: Any, served: Served) -> None:
    assert client.fetch_balance()["USDC"] == {"free": 200_000, "used": 0, "total": 200_000}
    served.story.trade("perp-v2", "ETH-USD", -ONE, margin=1_000 * USDC)
    served.caught_up()
    (one,) = client.fetch_positions([ETH])
    assert (one["venue"], one["side"], one["contracts"]) == ("perp-v2", "short", 1)
    assert one["liquidationPrice"] > one["markPrice"]
    balance = client.fetch_balance()
    assert balance["free"]["USDC"] == 199_000
    assert 900 < balance["used"]["USDC"] < 1_000
    assert client.fetch_positions(["BTC-USD"]) == []


def test_a_statement_accounts_for_every_dollar(client: Any, served: Served) -> None:
    found = client.fetch_statement()
    assert (found["deposited"], found["held"], found["difference"]) == (200_000, 200_000, 0)
    served.story.trade("perp-v2", "ETH-USD", -ONE, margin=1_000 * USDC)
    served.caught_up()
    with pytest.raises(BadRequest, match="There is no statement while"):
        client.fetch_statement()


# ---------------------------------------------------------------------- the stream


def test_orders_are_watched_as_they_change(client: Any) -> None:
    events = client.watch_orders("ETH-USD", after=0)
    made = client.create_limit_order(ETH, "buy", "1.5", 1500, {"tip": 0})
    told = client.first(events)
    assert (told["id"], told["status"], told["symbol"]) == (made["id"], "open", ETH)
    assert (told["amount"], told["remaining"], told["side"]) == (
        Decimal("1.5"),
        Decimal("1.5"),
        "buy",
    )


def test_a_watch_goes_on_where_it_was_after_its_connection_and_session_are_lost(
    client: Any, served: Served
) -> None:
    events = client.watch_orders(after=0)
    first = client.create_limit_order(ETH, "buy", 1, 1500, {"tip": 0})
    assert client.first(events)["id"] == first["id"]
    with served.house.database.write() as connection:
        connection.execute(sessions.delete())
    # Made by somebody else, so that only the stream finds out that its session is gone.
    second = served.story.order("ETH-USD", ONE)
    served.post(second)
    assert client.first(events)["id"] == served.key(second)


# ---------------------------------------------------------------------- refusals


def test_what_the_house_refuses_is_told_by_kind_in_its_own_words(client: Any, opens: Opens) -> None:
    empty = opens(label="empty")
    for call, kind, words in (
        (lambda: client.fetch_ticker("DOGE-USD"), BadSymbol, "there are ETH/USD:USDC"),
        (lambda: client.fetch_order("0x" + "00" * 32), OrderNotFound, "You have no order"),
        (lambda: client.cancel_order("17"), OrderNotFound, "id must be text"),
        (lambda: empty.create_limit_order(ETH, "buy", 1, 2000), PermissionDenied, "setOperator"),
        (
            lambda: client.create_limit_order(ETH, "buy", 1, 2000, {"tip": 300_000}),
            InsufficientFunds,
            "sign a smaller tip or deposit more",
        ),
        (
            lambda: client.create_limit_order(ETH, "buy", 1, 9_000, {"tip": 0}),
            InvalidOrder,
            "Sign the limit that is meant",
        ),
        (
            lambda: client.create_limit_order(ETH, "buy", 1, 2000, {"policy": "cheapest"}),
            BadRequest,
            "cheapest",
        ),
    ):
        with pytest.raises(kind, match=words):
            call()


def test_what_is_anothers_is_not_shown(client: Any, opens: Opens) -> None:
    made = client.create_limit_order(ETH, "buy", 1, 1500, {"tip": 0})
    with pytest.raises(OrderNotFound):
        opens(STRANGER_KEY).fetch_order(made["id"])


def test_a_sign_in_for_another_site_is_not_signed(opens: Opens) -> None:
    with pytest.raises(AuthenticationError, match=r"give the client site='127\.0\.0\.1:0'"):
        opens(site="").fetch_balance()


def test_another_desk_than_the_one_that_is_trusted_is_not_signed_for(
    opens: Opens, served: Served
) -> None:
    with pytest.raises(BadResponse, match="nothing was signed"):
        opens(desk="0x" + "11" * 20).create_limit_order(ETH, "buy", 1, 2000)
    assert opens(desk=served.story.desk.address).fetch_markets()


def test_without_a_signer_what_everybody_may_see_is_there(served: Served) -> None:
    with Client(served.url) as anybody:
        assert anybody.fetch_ticker(ETH)["markPrice"] > 0
        with pytest.raises(AuthenticationError, match="give the client a signer"):
            anybody.fetch_balance()


def test_a_session_that_the_house_forgot_is_opened_anew(client: Any, served: Served) -> None:
    client.fetch_balance()
    with served.house.database.write() as connection:
        connection.execute(sessions.delete())
    assert client.fetch_balance()["USDC"]["free"] == 200_000


def test_the_client_signs_out_when_it_is_closed(served: Served) -> None:
    with Client(served.url, Account.from_key(served.story.key), site=SITE) as client:
        client.fetch_balance()
        with served.house.database.read() as connection:
            assert len(connection.execute(sessions.select()).all()) == 1
    with served.house.database.read() as connection:
        assert connection.execute(sessions.select()).all() == []


def test_who_asks_too_often_waits_within_patience_and_is_told_beyond_it(
    story: Story, tmp_path: Path
) -> None:
    with Served(story, tmp_path, strictly(client_rate=5.0, client_burst=6.0)).open() as served:
        with Client(served.url, patience=5) as patient:
            for _ in range(4):
                assert patient.fetch_tickers()
        with Client(served.url, patience=0) as hasty:
            with pytest.raises(RateLimitExceeded) as no:
                [hasty.fetch_tickers() for _ in range(10)]
            assert no.value.retry_after >= 1
