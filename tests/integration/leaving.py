"""What the tests of the exit share: an account that is everywhere, and a wallet that leaves."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from stage import BTC_USD, ETH, ETH_USD, MAX, USDC, Ringside, send

from devnet import feeds, market, pools
from devnet.anvil import rpc
from devnet.artifacts import synthetix as artifact
from devnet.chain import Chain
from devnet.synthetix import exchange, markets
from devnet.venues import perp_v2, rage, synthetix
from ringside.exit.plan import Choice, Kind
from ringside.exit.run import Exit, Report
from ringside.exit.state import Deployment

PERP, RAGE, SYNTHETIX = 0, 1, 2
KEYS = {"ETH-USD": ETH_USD, "BTC-USD": BTC_USD}
MARGIN = 5_000 * USDC
DEPOSIT_OF_AN_ORDER = 4 * 10**18
"""sUSD that Synthetix keeps of an order until it is executed."""

REVERTS = "0x60006000fd"
"""PUSH1 0, PUSH1 0, REVERT."""


class Owner:
    """A client who leaves with a wallet and an RPC address, and knows of Ringside the Lens."""

    def __init__(self, ringside: Ringside) -> None:
        self.ringside, self.w3 = ringside, ringside.w3
        self.names = ringside.addresses["venues"]["synthetix"]
        self.client = ringside.actors["client"]
        self.sent: list[dict[str, Any]] = []
        self._most: int | None = None
        self._meanwhile: Callable[[], None] | None = None
        self._sender: str | None = None

    # ---------------------------------------------------------------- leaving

    def cut_after(self, sent: int | None) -> None:
        """The connection breaks after so many transactions."""
        self._most = sent

    def sends_as(self, somebody: Any) -> None:
        """Whatever is signed is signed by another key."""
        self._sender = somebody.address

    def while_waiting(self, happens: Callable[[], None]) -> None:
        """What somebody else does when the owner first waits."""
        self._meanwhile = happens

    def _wait(self, until: int) -> None:
        if self._meanwhile is not None:
            happens, self._meanwhile = self._meanwhile, None
            happens()
        elif until > self.ringside.now:
            self.ringside.mine_at(until)

    def _send(self, tx: Any) -> Any:
        if self._most is not None and len(self.sent) >= self._most:
            raise ConnectionError
        self.sent.append(tx)
        if self._sender is not None:
            tx = {**tx, "from": self._sender}
        asked = {**tx, "gas": hex(tx["gas"]), "value": hex(tx["value"])}
        asked["data"] = tx["data"] if isinstance(tx["data"], str) else "0x" + tx["data"].hex()
        mined: Any = rpc(self.w3, "eth_sendTransactionSync", asked)
        return self.w3.eth.get_transaction_receipt(mined["transactionHash"])

    def prices(self, market: str, _since: int) -> Any:
        return synthetix.price_update(self.w3, self.names, market)

    def exit(self, prices: bool = True, account: bytes | None = None, **choice: Any) -> Exit:
        return Exit(
            Deployment.at(self.w3, self.ringside.lens.address),
            account or self.ringside.account,
            self._send,
            Choice(prices=prices, **choice),
            self._wait,
            self.prices if prices else None,
        )

    def leaves(self, prices: bool = True, **choice: Any) -> Report:
        return self.exit(prices, **choice).run()

    # ------------------------------------------------------- before that, at Synthetix

    def market(self, name: str = "ETH-USD") -> Any:
        return markets.market(self.w3, self.names["markets"][name]["market"])

    @property
    def susd(self) -> Any:
        return Chain(self.w3).at(artifact("ProxyERC20"), self.names["susd"])

    def seat(self, venue: int) -> str:
        return str(self.ringside.vault.seatOf(self.ringside.account, venue).seat)

    def commit(self, size: int, margin: int = MARGIN, name: str = "ETH-USD") -> Any:
        limit = MAX if size > 0 else 0
        terms = self.ringside._terms(SYNTHETIX, size, margin, market=KEYS[name], limitQuote=limit)
        return send(self.ringside.vault.commit, terms, 10**16, sender=self.client)

    def execute(self, name: str = "ETH-USD", role: int = 9) -> None:
        """By a stranger, who keeps the deposit."""
        Chain(self.w3).advance(2)
        data, fee = self.prices(name, 0)
        seat = self.seat(SYNTHETIX)
        chain = Chain(self.w3)
        call = "executeOffchainDelayedOrder"
        chain.send(self.market(name), call, seat, data, role=role, value=fee)

    def settle(self, name: str = "ETH-USD") -> None:
        account = self.ringside.account
        send(self.ringside.vault.settle, account, SYNTHETIX, KEYS[name], b"", sender=self.client)

    def buys_later(self, size: int, margin: int = MARGIN, name: str = "ETH-USD") -> None:
        """A position at Synthetix, from order to settlement."""
        self.commit(size, margin, name)
        self.execute(name)
        self.settle(name)

    def size_later(self, name: str = "ETH-USD") -> int:
        return int(self.market(name).functions.positions(self.seat(SYNTHETIX)).call()[4])

    # ------------------------------------------------------------------ around it

    def moves(self, price: int, name: str = "ETH-USD") -> None:
        """The oracle alone: nobody follows."""
        feeds.move(self.w3, self.ringside.addresses["feeds"], name, Decimal(price))

    def everywhere(self) -> None:
        """Positions at all three venues in both markets."""
        at = self.ringside
        at.trade(PERP, ETH, MARGIN)
        at.trade(PERP, -ETH // 20, 0, market=BTC_USD)
        at.trade(RAGE, -ETH, MARGIN)
        at.trade(RAGE, ETH // 20, 0, market=BTC_USD)
        self.buys_later(ETH)
        self.buys_later(-ETH // 20, name="BTC-USD")

    def ringside_is_gone(self) -> None:
        """Everything is paused, and nobody is there to lift it."""
        send(self.ringside.venues.pauseAll, sender=self.ringside.actors["governor"])

    def market_falls(self, price: int, name: str = "ETH-USD") -> None:
        """The oracle, and every venue after it."""
        market.move(self.w3, self.ringside.addresses, name, Decimal(price))
        market.settle(self.w3, self.ringside.addresses)

    def flag(self) -> None:
        Chain(self.w3).send(self.market(), "flagPosition", self.seat(SYNTHETIX), role=9)

    def liquidate(self) -> None:
        self.flag()
        Chain(self.w3).send(self.market(), "liquidatePosition", self.seat(SYNTHETIX), role=9)

    def suspend(self, on: bool = True) -> None:
        """All of Synthetix, by its owner."""
        chain = Chain(self.w3)
        status = chain.at(artifact("SystemStatus"), self.names["system_status"])
        chain.send(
            status, "updateAccessControl", b"System".ljust(32, b"\0"), chain.accounts[0], True, True
        )
        if on:
            chain.send(status, "suspendSystem", 2)
        else:
            chain.send(status, "resumeSystem")

    def drain_pool(self, sold: int) -> None:
        """Somebody sells so many sUSD in the pool, which has ten million USDC."""
        chain = Chain(self.w3)
        who, amount = chain.accounts[8], sold * 10**18
        synthetix.issue(self.w3, self.names, who, amount)
        router = chain.at(exchange.router(), self.names["swap_router"])
        chain.send(self.susd, "approve", router.address, amount, role=8)
        usdc = self.ringside.usdc.address
        terms = self.susd.address, usdc, self.names["pool_fee"], who, 2**64, amount, 0, 0
        chain.send(router, "exactInputSingle", terms, role=8)

    def perp_market(self, call: str, name: str = "ETH-USD", role: int = 0) -> None:
        """`pause` by its owner, `close()` by anybody later."""
        chain = Chain(self.w3)
        token = self.ringside.addresses["venues"]["perp-v2"]["markets"][name]["base_token"]
        chain.send(chain.at(perp_v2.core("BaseToken"), token), call, role=role)

    def perp_ticks(self, most: int, name: str = "ETH-USD") -> None:
        """The venue's owner lets the price of a market move by so many ticks a block."""
        chain = Chain(self.w3)
        names = self.ringside.addresses["venues"]["perp-v2"]
        at = chain.at(perp_v2.core("Exchange"), names["exchange"])
        token = names["markets"][name]["base_token"]
        chain.send(at, "setMaxTickCrossedWithinBlock", token, most)

    def rage_makers_leave(self, keeping: int, name: str = "ETH-USD") -> None:
        """All but one part in `keeping` of the pool's liquidity is withdrawn."""
        chain = Chain(self.w3)
        names = self.ringside.addresses["venues"]["rage"]
        house = rage.artifact("protocol/clearinghouse/ClearingHouse")
        at = chain.at(house, names["clearing_house"])
        start = pools.sqrt_price_x96(feeds.START_PRICES[name], 18, 6)
        for lower, upper, liquidity in pools.plan(rage.BANDS, name, start, rage.TICK_SPACING, 6):
            less = liquidity // keeping - liquidity
            change = lower, upper, less, 0, 0, False, 0, False
            pool = names["markets"][name]["pool_id"]
            chain.send(at, "updateRangeOrder", names["accounts"]["maker"], pool, change, role=1)

    def breaks(self, venue: int) -> None:
        """The venue reverts on every call from now on."""
        names = self.ringside.addresses["venues"]
        places = {
            PERP: [names["perp-v2"][n] for n in ("clearing_house", "vault", "account_balance")],
            RAGE: [names["rage"]["clearing_house"]],
            SYNTHETIX: [m["market"] for m in names["synthetix"]["markets"].values()],
        }
        for place in places[venue]:
            rpc(self.w3, "anvil_setCode", place, REVERTS)

    def flat(self, venue: int) -> bool:
        seat = self.ringside.view(self.ringside.account, ETH_USD, BTC_USD).seats[venue]
        return all(m.readable and m.position.size == m.pending == 0 for m in seat.markets)


def kinds(
    report: Report, check: Callable[[Any], bool] = lambda done: not done.refused
) -> list[Kind]:
    """What was done, in its order."""
    return [done.step.kind for done in report.done if check(done)]


def refusals(report: Report) -> dict[tuple[Kind, str, str], str]:
    """What was refused, by step, and by which name."""
    return {
        (done.step.kind, done.step.name, done.step.market): done.refused.name
        for done in report.done
        if done.refused
    }


def why(report: Report, where: str) -> str:
    """All that the report says of a place, in one line."""
    return "; ".join(f"{x.what}: {x.why}; {x.remedy}" for x in report.left if x.where == where)


__all__ = [
    *("DEPOSIT_OF_AN_ORDER", "KEYS", "MARGIN", "PERP", "RAGE", "SYNTHETIX"),
    *("Owner", "kinds", "refusals", "why"),
]
