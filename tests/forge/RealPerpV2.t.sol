// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IInstantSeat, ISeat} from "../../interfaces/ISeat.sol";
import {IVault} from "../../interfaces/IVault.sol";
import {
    IPerpAccountBalance,
    IPerpBaseToken,
    IPerpClearingHouse,
    IPerpExchange,
    IPerpQuoter,
    IPerpVault
} from "../../interfaces/venues/IPerpV2.sol";
import {IUniswapV3Pool} from "../../interfaces/venues/IUniswapV3Pool.sol";
import {RealVenues} from "./RealVenues.sol";

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

contract RealVenuesPerpV2Test is RealVenues {
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

    // ------------------------------------------------------------------- money

    function test_perp_pays_one_unit() public {
        post(PERP, 5_000 * USDC);
        same(pull(PERP, 1), 1, "pulled");
    }

    function test_perp_leverage_counts_what_is_owed_and_fees_with_their_signs() public {
        trade(PERP, ETH, ONE, 5_000 * USDC);
        bytes memory pending = abi.encodeCall(IPerpAccountBalance.getPnlAndPendingFee, (marginSeat()));
        vm.mockCall(address(balance), pending, abi.encode(-2_000e18, int256(0), 1_000e18));
        uint256 worth = balance.getTotalAbsPositionValue(marginSeat()) * 2;
        near(trade(PERP, ETH, ONE, 0).leverage, worth / 4_000, 10_000, "leverage");
    }

    function test_perp_margin_is_posted_and_pulled_in_usdc() public {
        post(PERP, 5_000 * USDC);
        same(uint256(perpVault.getBalance(marginSeat())), 5_000 * USDC, "posted");
        ISeat.Margin memory m = marginAt(PERP, ETH);
        same(m.equity, 5_000e18, "equity");
        same(m.backing, 5_000e18, "backing");
        same(m.free, 5_000e18, "free");
        same(m.maintenance, 0, "maintenance");
        same(m.leverage, 0, "leverage");
        same(pull(PERP, 1_000 * USDC), 1_000 * USDC, "a part");
        vm.prank(client);
        (address token, uint256 received) = vault.pullInKind(account, PERP, ETH, 500 * USDC, keeper);
        require(token == address(usdc), "in kind it is USDC too");
        same(received, 500 * USDC, "in kind");
        same(usdc.balanceOf(keeper), 500 * USDC, "received");
        same(pull(PERP, MAX), 3_500 * USDC, "all");
        same(pull(PERP, MAX), 0, "nothing is left");
        same(vault.idle(account), 999_500 * USDC, "idle");
    }

    // ------------------------------------------------------------------- trades

    function test_perp_trades_both_ways_turns_and_closes_at_what_was_quoted() public {
        post(PERP, 50_000 * USDC);
        int256[5] memory sizes = [3 * ONE, 2 * ONE, -9 * ONE, -1 * ONE, 4 * ONE];
        int256 whole;
        for (uint256 i; i < sizes.length; ++i) {
            pass(60);
            (uint256 quoted, bool able) = quote(sizes[i]);
            require(able, "quoted");
            IVault.Fill memory f = trade(PERP, ETH, sizes[i], 0);
            // The venue's lens takes its fee on the whole.
            near(f.quote, quoted, 1, "quoted");
            whole += sizes[i];
            same(f.position, whole, "position");
            same(sizeAt(PERP, ETH), whole, "held");
            same(balance.getAccountInfo(marginSeat(), ethToken).takerPositionSize, whole, "the venue's");
            // What only reduces is not measured.
            if (whole > 0 == sizes[i] > 0) near(f.leverage, marginAt(PERP, ETH).leverage, 1_000, "leverage");
            else same(f.leverage, 0, "reduced");
            same(f.active, 1, "active");
        }
        pass(60);
        (int256 done, uint256 paid) = close(PERP);
        same(done, ONE, "closed");
        near(paid, 2_000e18, 5_000, "price");
        same(sizeAt(PERP, ETH), 0, "flat");
        same(vault.active(account), 0, "inactive");
        (done, paid) = close(PERP);
        same(done, 0, "nothing to close");
        same(paid, 0, "nor to pay");
    }

    function test_perp_is_one_pocket_for_all_markets() public {
        trade(PERP, ETH, 3 * ONE, 10_000 * USDC);
        IVault.Fill memory f = trade(PERP, BTC, -ONE / 10, 0);
        ISeat.Margin memory m = marginAt(PERP, ETH);
        same(f.leverage, m.leverage, "of both");
        near(f.leverage, 1.2e18, 20_000, "12,000 on 10,000");
        same(marginAt(PERP, BTC).equity, m.equity, "one pocket");
        same(m.maintenance, uint256(balance.getMarginRequirementForLiquidation(marginSeat())), "maintenance");
        require(m.free < uint256(m.equity), "margin is bound");
        // And so where the venue names the traded one first.
        f = trade(PERP, ETH, ONE, 0);
        same(f.leverage, marginAt(PERP, ETH).leverage, "of both");
        near(f.leverage, 1.4e18, 20_000, "14,000 on 10,000");
        trade(PERP, ETH, -ONE, 0);
        // Closing the other leaves the market's own.
        trade(PERP, BTC, ONE / 10, 0);
        near(trade(PERP, ETH, ONE, 0).leverage, marginAt(PERP, ETH).leverage, 1_000, "alone again");
    }

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

    function test_perp_limits_are_met_to_the_unit() public {
        limitsAreMet(PERP, ONE, 1);
        pass(60);
        limitsAreMet(PERP, -3 * ONE, 1);
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

    /// @dev Asked of the implementation: a quote needs no seat.
    function quote(int256 size) internal returns (uint256, bool) {
        return IInstantSeat(venues.implementation(PERP)).quote(instrumentOf[PERP][ETH], size);
    }
}
