// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IInstantSeat, ISeat} from "../../interfaces/ISeat.sol";
import {
    IPerpAccountBalance,
    IPerpBaseToken,
    IPerpClearingHouse,
    IPerpExchange,
    IPerpQuoter,
    IPerpVault
} from "../../interfaces/venues/IPerpV2.sol";
import {IUniswapV3Pool} from "../../interfaces/venues/IUniswapV3Pool.sol";
import {RealInstant} from "./RealInstant.sol";

interface IPerpToken {
    function cacheTwap(uint256 interval) external;
}

interface IPerpLiquidation {
    function liquidate(address trader, address baseToken) external;
}

interface IPerpOwned {
    function pause() external;
    function unpause() external;
    function close() external;
    function setMaxTickCrossedWithinBlock(address baseToken, uint24 ticks) external;
}

contract RealVenuesPerpV2Test is RealInstant {
    IPerpAccountBalance internal balance;
    IPerpVault internal perpVault;
    address internal ethToken;

    function setUp() public override {
        super.setUp();
        if (bytes(places).length == 0) return;
        balance = IPerpAccountBalance(perpAt("account_balance"));
        perpVault = IPerpVault(perpAt("vault"));
        ethToken = perpAt("markets['ETH-USD'].base_token");
    }

    function here() internal pure override returns (uint8) {
        return PERP;
    }

    function depositedThere() internal view override returns (uint256) {
        return uint256(perpVault.getBalance(marginSeat()));
    }

    function sizeThere() internal view override returns (int256) {
        return balance.getAccountInfo(marginSeat(), ethToken).takerPositionSize;
    }

    /// @dev The venue's lens takes its fee on the whole.
    function roundsQuotes() internal pure override returns (uint256) {
        return 1;
    }

    function roundsLeverage() internal pure override returns (uint256) {
        return 1_000;
    }

    // ------------------------------------------------------------------- money

    function test_perp_margin_is_bound_as_the_venue_says() public {
        trade(PERP, ETH, 3 * ONE, 10_000 * USDC);
        trade(PERP, BTC, -ONE / 10, 0);
        ISeat.Margin memory m = marginAt(PERP, ETH);
        same(m.maintenance, uint256(balance.getMarginRequirementForLiquidation(marginSeat())), "maintenance");
        require(m.free < uint256(m.equity), "margin is bound");
    }

    function test_perp_leverage_counts_what_is_owed_and_fees_with_their_signs() public {
        trade(PERP, ETH, ONE, 5_000 * USDC);
        bytes memory pending = abi.encodeCall(IPerpAccountBalance.getPnlAndPendingFee, (marginSeat()));
        vm.mockCall(address(balance), pending, abi.encode(-2_000e18, int256(0), 1_000e18));
        uint256 worth = balance.getTotalAbsPositionValue(marginSeat()) * 2;
        near(trade(PERP, ETH, ONE, 0).leverage, worth / 4_000, 10_000, "leverage");
    }

    // ------------------------------------------------------------------- trades

    function test_perp_position_is_what_the_venue_says() public {
        trade(PERP, ETH, -3 * ONE, 10_000 * USDC);
        move(ETH, 1_950);
        pass(1_000);
        IPerpToken(ethToken).cacheTwap(900);
        ISeat.Position memory p = positionAt(PERP, ETH);
        same(p.size, -3 * ONE, "size");
        same(p.indexPrice, 1_950e18, "index");
        same(p.markPrice, balance.getMarkPrice(ethToken), "mark");
        address exchange = perpAt("exchange");
        same(
            p.fundingOwed,
            IPerpExchange(exchange).getPendingFundingPayment(marginSeat(), ethToken),
            "funding"
        );
        require(p.fundingOwed < 0, "a short is owed where the market is above the index");
        near(uint256(p.fundingRate), 0.0256e18, 10_000, "what the market is above the index");
        // However far they are apart.
        fundingAt(1_700, 0.1e18);
        fundingAt(2_500, -0.1e18);
    }

    function test_perp_has_a_funding_rate_at_the_least_of_prices() public {
        post(PERP, 1_000 * USDC);
        given(ethToken, abi.encodeCall(IPerpBaseToken.getIndexPrice, (900)), 1);
        same(positionAt(PERP, ETH).fundingRate, 0.1e18, "capped");
    }

    function fundingAt(uint256 usd, int256 rate) internal {
        move(ETH, usd);
        pass(1_000);
        IPerpToken(ethToken).cacheTwap(900);
        same(positionAt(PERP, ETH).fundingRate, rate, "capped");
    }

    function test_perp_unrealised_profit_is_equity_and_backs_nothing() public {
        trade(PERP, ETH, -10 * ONE, 5_000 * USDC);
        move(ETH, 1_800);
        follow(1_800);
        IPerpToken(ethToken).cacheTwap(900);
        ISeat.Margin memory m = marginAt(PERP, ETH);
        (, int256 unrealised,) = balance.getPnlAndPendingFee(marginSeat());
        require(unrealised > 1_500e18, "profit");
        same(m.backing, m.equity - unrealised, "backing");
        require(m.backing < 5_100e18, "what was posted, and funding");
        uint256 notional = balance.getTotalAbsPositionValue(marginSeat());
        same(m.leverage, (notional * 1e18 - 1) / uint256(m.backing) + 1, "leverage");
        near(trade(PERP, ETH, -ONE, 0).leverage, marginAt(PERP, ETH).leverage, 1_000, "of a trade");
    }

    function test_perp_closes_as_far_as_its_tick_limit_and_the_rest_later() public {
        trade(PERP, ETH, 40 * ONE, 30_000 * USDC);
        pass(60);
        vm.prank(DEPLOYER);
        IPerpOwned(perpAt("exchange")).setMaxTickCrossedWithinBlock(ethToken, 9);
        (int256 done,) = close(PERP);
        require(done < 0 && done > -40 * ONE, "a part");
        same(sizeAt(PERP, ETH), 40 * ONE + done, "the rest");
        same(vault.active(account), 1, "active");
        for (uint256 i; i < 5 && sizeAt(PERP, ETH) != 0; ++i) {
            pass(16);
            close(PERP);
        }
        same(vault.active(account), 0, "in the end nothing");
    }

    function test_perp_what_the_venue_liquidates_is_gone_and_the_account_loses_no_more_than_its_margin() public {
        trade(PERP, ETH, 10 * ONE, 2_500 * USDC);
        pass(60);
        move(ETH, 1_750);
        follow(1_750);
        ISeat.Margin memory m = marginAt(PERP, ETH);
        require(m.equity < int256(m.maintenance), "below maintenance");
        address place = marginSeat();
        vm.prank(ARBITRAGEUR);
        IPerpLiquidation(perpAt("clearing_house")).liquidate(place, ethToken);
        int256 left = sizeAt(PERP, ETH);
        require(left < 10 * ONE, "liquidated");
        (int256 done,) = close(PERP);
        same(done, -left, "what it left is closed");
        same(vault.active(account), 0, "inactive");
        same(vault.idle(account), 997_500 * USDC, "no more than its margin");
    }

    // ------------------------------------------------- what the venue does not let

    function test_perp_quotes_nothing_as_whole_that_it_would_not_trade() public {
        (uint256 paid, bool able) = quote(1_000_000 * ONE);
        require(paid == 0 && !able, "more than there is");
        (paid, able) = quote(-100_000 * ONE);
        require(!able, "more than there are buyers");
        // Of the oracle's price only what goes back is taken.
        move(ETH, 1_600);
        (, able) = quote(ONE);
        require(!able, "further out");
        (, able) = quote(-ONE);
        require(able, "back");
        move(ETH, 2_500);
        (, able) = quote(-ONE);
        require(!able, "further out");
        (, able) = quote(ONE);
        require(able, "back");
        move(ETH, 2_000);
        address exchange = perpAt("exchange");
        vm.prank(DEPLOYER);
        IPerpOwned(exchange).setMaxTickCrossedWithinBlock(ethToken, 0);
        (paid, able) = quote(ONE);
        require(paid == 0 && !able, "a market without ticks");
        vm.prank(DEPLOYER);
        IPerpOwned(exchange).setMaxTickCrossedWithinBlock(ethToken, 1_000);
        (, able) = quote(ONE);
        require(able, "again");
        vm.prank(DEPLOYER);
        IPerpOwned(perpAt("clearing_house")).pause();
        (, able) = quote(ONE);
        require(!able, "paused");
        vm.prank(DEPLOYER);
        IPerpOwned(perpAt("clearing_house")).unpause();
        vm.prank(DEPLOYER);
        IPerpOwned(ethToken).pause();
        (, able) = quote(ONE);
        require(!able, "the market is paused");
    }

    function test_perp_in_a_closed_market_settles_at_its_closed_price() public {
        trade(PERP, ETH, 2 * ONE, 5_000 * USDC);
        vm.prank(DEPLOYER);
        IPerpOwned(ethToken).pause();
        same(positionAt(PERP, ETH).markPrice, 2_000e18, "at the index when it was paused");
        pass(5 days + 1);
        move(ETH, 2_000);
        IPerpOwned(ethToken).close();
        same(positionAt(PERP, ETH).markPrice, 2_000e18, "at the closed price");
        vm.prank(client);
        vm.expectRevert(abi.encodeWithSelector(ISeat.BeyondLimit.selector, 4_000e18, 4_000e18 + 2));
        vault.close(account, PERP, ETH, 2_000e18 + 1);
        (int256 done, uint256 paid) = close(PERP);
        same(done, -2 * ONE, "closed");
        same(paid, 4_000e18, "without a fee");
        same(sizeAt(PERP, ETH), 0, "flat");
    }

    function test_perp_without_a_price_of_the_venues_there_is_no_number() public {
        trade(PERP, ETH, ONE, 5_000 * USDC);
        IInstantSeat seat = IInstantSeat(marginSeat());
        bytes32 instrument = instrumentOf[PERP][ETH];
        // One of them at a time is nothing. The venue's own sums would fail of it first, so they are given.
        for (uint256 i; i < 3; ++i) {
            given(perpAt("exchange"), abi.encodePacked(IPerpExchange.getPendingFundingPayment.selector), 0);
            given(address(balance), abi.encodeCall(IPerpAccountBalance.getMarkPrice, (ethToken)), i == 0 ? 0 : 1);
            given(ethToken, abi.encodeCall(IPerpBaseToken.getIndexPrice, (0)), i == 1 ? 0 : 1);
            given(ethToken, abi.encodeCall(IPerpBaseToken.getIndexPrice, (900)), i == 2 ? 0 : 1);
            vm.expectRevert(badPrice());
            seat.position(instrument);
            vm.clearMockedCalls();
        }
        seat.position(instrument);
    }

    function test_perp_does_not_quote_from_within_its_pool_or_for_a_reason_it_does_not_know() public {
        trade(PERP, ETH, ONE, 5_000 * USDC);
        IInstantSeat seat = IInstantSeat(marginSeat());
        bytes32 instrument = instrumentOf[PERP][ETH];
        bytes memory slot0 = abi.encode(1, 0, 0, 1, 1, 0, false);
        vm.mockCall(
            perpAt("markets['ETH-USD'].pool"), abi.encodeCall(IUniswapV3Pool.slot0, ()), slot0
        );
        vm.expectRevert(abi.encodeWithSelector(IInstantSeat.Busy.selector));
        seat.quote(instrument, ONE);
        vm.clearMockedCalls();
        bytes memory why = abi.encodeWithSignature("Error(string)", "Q_X");
        vm.mockCallRevert(perpAt("quoter"), abi.encodePacked(IPerpQuoter.swap.selector), why);
        vm.expectRevert(badPrice());
        seat.quote(instrument, ONE);
    }

    // ----------------------------------------------------------------- helpers

    /// @dev Somebody with plenty sells until the pool is where the oracle went, and its averages with it.
    function follow(uint256 usd) internal {
        address house = perpAt("clearing_house");
        (uint256 paid,) = quote(-ONE);
        while (paid > usd * 1e18) {
            pass(16);
            vm.prank(ARBITRAGEUR);
            IPerpClearingHouse(house).openPosition(
                IPerpClearingHouse.OpenPositionParams(ethToken, true, true, 500e18, 0, block.timestamp, 0, 0)
            );
            (paid,) = quote(-ONE);
        }
        pass(1_000);
    }

    function marginSeat() internal view returns (address) {
        return marketSeat(PERP);
    }
}
