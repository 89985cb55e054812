"""Each real venue through its own views and events, written apart from the seats that are held
against it."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from stage import Ringside
from web3.logs import DISCARD

from devnet.chain import Chain
from devnet.venues import perp_v2, rage

UNIT = 10**12
"""One unit of USDC in 1e18 USD."""
Q128 = 1 << 128
BOTH = ("ETH-USD", "BTC-USD")


class PerpView:
    """Perp v2."""

    NAME, SEAT = "perp-v2", "PerpV2Seat"
    UNIT_OF_PRICE = 1
    """The smallest step of a whole price, 1e18 USD."""

    def __init__(self, ringside: Ringside) -> None:
        places = ringside.addresses["venues"][self.NAME]
        self.ringside = ringside
        self.id = ringside.addresses["ringside"]["venue_ids"][self.NAME]
        self.tokens = {m: names["base_token"] for m, names in places["markets"].items()}
        chain = Chain(ringside.w3)
        self.house = chain.at(perp_v2.core("ClearingHouse"), places["clearing_house"])
        self.vault = chain.at(perp_v2.core("Vault"), places["vault"])
        self.balance = chain.at(perp_v2.core("AccountBalance"), places["account_balance"])
        self.exchange = chain.at(perp_v2.core("Exchange"), places["exchange"])
        self.spender = places["vault"]
        self.seat_type = ringside.project.PerpV2Seat.at(
            ringside.addresses["ringside"]["seats"][self.NAME]
        )

    def seat(self, account: bytes | None = None) -> Any:
        return self.ringside.seat_at(self.id, self.SEAT, account)

    def instrument(self, market: str = "ETH-USD") -> bytes:
        return int(self.tokens[market], 16).to_bytes(32, "big")

    def size(self, seat: Any, market: str = "ETH-USD") -> int:
        token = self.tokens[market]
        return int(self.balance.functions.getTotalPositionSize(seat.address, token).call())

    def deposited(self, seat: Any) -> int:
        """USDC (1e6) the venue counts as the seat's collateral."""
        token = self.ringside.usdc.address
        return int(self.vault.functions.getBalanceByToken(seat.address, token).call())

    def equity(self, seat: Any) -> int:
        return int(self.vault.functions.getAccountValue(seat.address).call()) * UNIT

    def backing(self, seat: Any) -> int:
        profit = self.balance.functions.getPnlAndPendingFee(seat.address).call()[1]
        return self.equity(seat) - max(int(profit), 0)

    def free(self, seat: Any) -> int:
        return int(self.vault.functions.getFreeCollateral(seat.address).call()) * UNIT

    def maintenance(self, seat: Any) -> int:
        return int(self.balance.functions.getMarginRequirementForLiquidation(seat.address).call())

    def mark(self, market: str = "ETH-USD") -> int:
        return int(self.balance.functions.getMarkPrice(self.tokens[market]).call())

    def leverage(self, seat: Any) -> Fraction:
        """Σ|size × mark| ÷ (account value − unrealised profit)."""
        notional = sum(
            Fraction(abs(self.size(seat, market)) * self.mark(market), 10**18) for market in BOTH
        )
        value = self.house.functions.getAccountValue(seat.address).call()
        profit = max(self.balance.functions.getPnlAndPendingFee(seat.address).call()[1], 0)
        return notional / (value - profit)

    def fills(self, receipt: Any) -> list[tuple[int, int]]:
        """(size, whole price) of every trade in a transaction, by the venue's events."""
        raw = self.ringside.w3.eth.get_transaction_receipt(receipt.txn_hash)
        found = []
        for event in self.house.events.PositionChanged().process_receipt(raw, errors=DISCARD):
            args = event["args"]
            size, notional = args["exchangedPositionSize"], args["exchangedPositionNotional"]
            # The notional is what is received, before the fee; negative when it is paid.
            found.append((size, abs(notional - args["fee"])))
        return found

    def oracle(self) -> str:
        """Where the venue reads the price of ETH."""
        token = Chain(self.ringside.w3).at(perp_v2.core("BaseToken"), self.tokens["ETH-USD"])
        return str(token.functions.getPriceFeed().call())

    def notice_price(self) -> None:
        """Has the feeds record the oracle's latest answers, as every trade does.

        An answer that is not recorded, and older than the average is long, makes the average
        wrong: the venue's views, and so the seat's, then differ from what the venue settles.
        """
        chain = Chain(self.ringside.w3)
        for token in self.tokens.values():
            chain.send(chain.at(perp_v2.core("BaseToken"), token), "cacheTwap", 900)

    def funding_price(self) -> int:
        """What the rate of ETH is taken of: the index average."""
        token = Chain(self.ringside.w3).at(perp_v2.core("BaseToken"), self.tokens["ETH-USD"])
        return int(token.functions.getIndexPrice(900).call())

    def funding_paid(self, receipt: Any) -> int:
        """Funding settled in a transaction, 1e18 USD; positive was paid."""
        raw = self.ringside.w3.eth.get_transaction_receipt(receipt.txn_hash)
        found = self.house.events.FundingPaymentSettled().process_receipt(raw, errors=DISCARD)
        return sum(event["args"]["fundingPayment"] for event in found)


class RageView:
    """Rage Trade."""

    NAME, SEAT = "rage", "RageSeat"
    UNIT_OF_PRICE = UNIT

    def __init__(self, ringside: Ringside) -> None:
        places = ringside.addresses["venues"][self.NAME]
        self.ringside = ringside
        self.id = ringside.addresses["ringside"]["venue_ids"][self.NAME]
        self.pools = {m: names["pool_id"] for m, names in places["markets"].items()}
        self.collateral = places["collateral_id"]
        chain = Chain(ringside.w3)
        house = rage.artifact("protocol/clearinghouse/ClearingHouse")
        self.house = chain.at(house, places["clearing_house"])
        self.lens = chain.at(rage.artifact("lens/ClearingHouseLens"), places["lens"])
        self.wrappers = {
            m: chain.at(rage.artifact("protocol/wrapper/VPoolWrapper"), names["vpool_wrapper"])
            for m, names in places["markets"].items()
        }
        self.spender = places["clearing_house"]
        self.seat_type = ringside.project.RageSeat.at(
            ringside.addresses["ringside"]["seats"][self.NAME]
        )

    def seat(self, account: bytes | None = None) -> Any:
        return self.ringside.seat_at(self.id, self.SEAT, account)

    def instrument(self, market: str = "ETH-USD") -> bytes:
        return self.pools[market].to_bytes(32, "big")

    def size(self, seat: Any, market: str = "ETH-USD") -> int:
        found = self.lens.functions.getAccountTokenPositionInfo(
            seat.accountId(), self.pools[market]
        )
        return int(found.call()[0])

    def deposited(self, seat: Any) -> int:
        found = self.lens.functions.getAccountCollateralBalance(seat.accountId(), self.collateral)
        return int(found.call())

    def _value(self, seat: Any, initial: bool) -> tuple[int, int]:
        found = self.house.functions.getAccountMarketValueAndRequiredMargin(
            seat.accountId(), initial
        )
        value, required = found.call()
        return value, required

    def equity(self, seat: Any) -> int:
        return self._value(seat, False)[0] * UNIT

    def backing(self, seat: Any) -> int:
        profit = self.house.functions.getAccountNetProfit(seat.accountId()).call()
        return self.equity(seat) - max(int(profit), 0) * UNIT

    def free(self, seat: Any) -> int:
        value, required = self._value(seat, True)
        return max(value - required, 0) * UNIT

    def maintenance(self, seat: Any) -> int:
        return self._value(seat, False)[1] * UNIT

    def _mark_x128(self, market: str) -> int:
        pool = self.pools[market]
        virtual = self.house.functions.getVirtualTwapPriceX128(pool).call()
        real = self.house.functions.getRealTwapPriceX128(pool).call()
        # (initial margin, maintenance margin, most deviation, …) in basis points.
        deviation = self.lens.functions.getPoolSettings(pool).call()[2]
        return int(real if abs(real - virtual) > real * deviation // 10**4 else virtual)

    def mark(self, market: str = "ETH-USD") -> int:
        return self._mark_x128(market) * 10**18 * UNIT // Q128

    def leverage(self, seat: Any) -> Fraction:
        """Σ|size × risk price| ÷ (account value − net profit)."""
        notional = sum(
            Fraction(abs(self.size(seat, market)) * self._mark_x128(market), Q128)
            for market in BOTH
        )
        profit = self.house.functions.getAccountNetProfit(seat.accountId()).call()
        return notional / (self._value(seat, False)[0] - max(profit, 0))

    def fills(self, receipt: Any) -> list[tuple[int, int]]:
        raw = self.ringside.w3.eth.get_transaction_receipt(receipt.txn_hash)
        found = self.house.events.TokenPositionChanged().process_receipt(raw, errors=DISCARD)
        return [
            (event["args"]["vTokenAmountOut"], abs(event["args"]["vQuoteAmountOut"]) * UNIT)
            for event in found
        ]

    def oracle(self) -> str:
        """Where the venue reads the price of ETH."""
        places = self.ringside.addresses["venues"]["rage"]["markets"]
        return str(places["ETH-USD"]["oracle"])

    def funding_price(self) -> int:
        """What the rate of ETH is taken of: the pool's own average."""
        pool = self.pools["ETH-USD"]
        virtual = self.house.functions.getVirtualTwapPriceX128(pool).call()
        return int(virtual) * 10**18 * UNIT // Q128

    def funding_paid(self, receipt: Any) -> int:
        raw = self.ringside.w3.eth.get_transaction_receipt(receipt.txn_hash)
        event = self.house.events.TokenPositionFundingPaymentRealized()
        # The venue's event says what the account received.
        return -sum(e["args"]["amount"] for e in event.process_receipt(raw, errors=DISCARD)) * UNIT
