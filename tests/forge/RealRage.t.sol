// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IInstantSeat, ISeat} from "../../interfaces/ISeat.sol";
import {IVault} from "../../interfaces/IVault.sol";
import {IRageClearingHouse, IRagePoolWrapper} from "../../interfaces/venues/IRage.sol";
import {IUniswapV3Pool} from "../../interfaces/venues/IUniswapV3Pool.sol";
import {RealInstant} from "./RealInstant.sol";

interface IRageLens {
    struct Range {
        int24 lower;
        int24 upper;
    }

    function getAccountLiquidityPositionList(uint256 accountId, uint32 poolId) external view returns (Range[] memory);
    function getAccountLiquidityPositionInfo(uint256 accountId, uint32 poolId, int24 lower, int24 upper)
        external
        view
        returns (uint8 kind, uint128 liquidity, int256, int256, int256, int256, uint256);
    function getAccountTokenPositionInfo(uint256 accountId, uint32 poolId)
        external
        view
        returns (int256 balance, int256 netTraderPosition, int256 sumALastX128);
    function getAccountCollateralBalance(uint256 accountId, uint32 collateralId) external view returns (uint256);
}

interface IRageOwned {
    struct PoolSettings {
        uint16 initialMarginRatioBps;
        uint16 maintainanceMarginRatioBps;
        uint16 maxVirtualPriceDeviationRatioBps;
        uint32 twapDuration;
        bool isAllowedForTrade;
        bool isCrossMargined;
        address oracle;
    }

    struct Change {
        int24 tickLower;
        int24 tickUpper;
        int128 liquidityDelta;
        uint160 sqrtPriceCurrent;
        uint16 slippageToleranceBps;
        bool closeTokenPosition;
        uint8 limitOrderType;
        bool settleProfit;
    }

    function pause(uint256 pools) external;
    function unpause(uint256 pools) external;
    function updateRangeOrder(uint256 accountId, uint32 poolId, Change calldata change) external;
    function liquidateTokenPosition(uint256 accountId, uint32 poolId) external;
    function updatePoolSettings(uint32 poolId, PoolSettings calldata settings) external;
}

interface IRageSeat {
    function accountId() external view returns (uint256);
}

contract RealVenuesRageTest is RealInstant {
    uint160 internal constant MIN_ROOT = 4295128739 + 1;
    uint160 internal constant MAX_ROOT = 1461446703485210103287273052203988822378723970342 - 1;

    IRageClearingHouse internal house;
    IRageLens internal rageLens;
    uint32 internal pool;
    uint32 internal collateral;

    function setUp() public override {
        super.setUp();
        if (bytes(places).length == 0) return;
        house = IRageClearingHouse(rageAt("clearing_house"));
        rageLens = IRageLens(rageAt("lens"));
        pool = uint32(number(".venues.rage.markets['ETH-USD'].pool_id"));
        collateral = uint32(number(".venues.rage.collateral_id"));
    }

    function here() internal pure override returns (uint8) {
        return RAGE;
    }

    function depositedThere() internal view override returns (uint256) {
        return rageLens.getAccountCollateralBalance(id(), collateral);
    }

    function sizeThere() internal view override returns (int256 size) {
        (size,,) = rageLens.getAccountTokenPositionInfo(id(), pool);
    }

    function roundsQuotes() internal pure override returns (uint256) {
        return 0;
    }

    function roundsLeverage() internal pure override returns (uint256) {
        return 1;
    }

    // ------------------------------------------------------------------- money

    function test_rage_margin_is_bound_as_the_venue_says() public {
        trade(RAGE, ETH, 3 * ONE, 10_000 * USDC);
        trade(RAGE, BTC, -ONE / 10, 0);
        ISeat.Margin memory m = marginAt(RAGE, ETH);
        (int256 equity, int256 initial) = house.getAccountMarketValueAndRequiredMargin(id(), true);
        same(m.free, uint256(equity - initial) * 1e12, "free");
        (, int256 least) = house.getAccountMarketValueAndRequiredMargin(id(), false);
        same(m.maintenance, uint256(least) * 1e12, "maintenance");
    }

    function test_rage_profit_becomes_margin_when_it_is_pulled() public {
        trade(RAGE, ETH, 3 * ONE, 10_000 * USDC);
        // Whoever follows buys the pool up, and its average catches up.
        buyOut(25 * ONE, 5);
        require(marginAt(RAGE, ETH).equity > 10_000e18, "profit");
        near(trade(RAGE, ETH, ONE, 0).leverage, marginAt(RAGE, ETH).leverage, 1, "leverage of a trade in profit");
        close(RAGE);
        ISeat.Margin memory m = marginAt(RAGE, ETH);
        require(m.equity > 10_000e18, "profit");
        same(m.backing, 10_000e18, "which backs nothing");
        same(pull(RAGE, MAX) * 1e12, uint256(m.equity), "all of it");
        same(marginAt(RAGE, ETH).equity, 0, "gone");
    }

    // ------------------------------------------------------------------- trades

    function test_rage_position_is_what_the_venue_says() public {
        trade(RAGE, ETH, -3 * ONE, 10_000 * USDC);
        move(ETH, 1_950);
        pass(600);
        ISeat.Position memory p = positionAt(RAGE, ETH);
        (int256 theirs, int256 net, int256 settledX128) = rageLens.getAccountTokenPositionInfo(id(), pool);
        same(p.size, theirs, "size");
        same(p.markPrice, price(house.getVirtualTwapPriceX128(pool)), "mark");
        same(p.indexPrice, price(house.getRealTwapPriceX128(pool)), "index");
        IRagePoolWrapper wrapper = IRagePoolWrapper(rageAt("markets['ETH-USD'].vpool_wrapper"));
        int256 owed = (wrapper.getExtrapolatedSumAX128() - settledX128) * net / (1 << 128) * 1e12;
        same(p.fundingOwed, owed, "funding");
        require(owed < 0, "a short is owed where the pool is above the oracle");
        (int256 rateX128,) = wrapper.getFundingRateAndVirtualPrice();
        same(p.fundingRate, rateX128 * 1e18 * 1 days / (1 << 128), "rate");
        // Apart by nearly what the pool allows, a tenth, its own price still counts.
        move(ETH, 1_850);
        pass(900);
        same(positionAt(RAGE, ETH).markPrice, price(house.getVirtualTwapPriceX128(pool)), "the pool's");
        require(positionAt(RAGE, ETH).markPrice > 1_950e18, "which is not the oracle's");
        // Beyond what the pool allows the oracle's price is used.
        move(ETH, 1_500);
        pass(900);
        same(positionAt(RAGE, ETH).markPrice, price(house.getRealTwapPriceX128(pool)), "the oracle's");
        require(positionAt(RAGE, ETH).markPrice < 1_600e18, "which is far off");
    }

    function test_rage_funding_rate_is_a_days_to_the_unit() public {
        post(RAGE, 1_000 * USDC);
        bytes memory asked = abi.encodeCall(IRagePoolWrapper.getFundingRateAndVirtualPrice, ());
        address wrapper = rageAt("markets['ETH-USD'].vpool_wrapper");
        vm.mockCall(wrapper, asked, abi.encode(int256(1) << 128, 0));
        same(positionAt(RAGE, ETH).fundingRate, 86_400e18, "rate");
        vm.mockCall(wrapper, asked, abi.encode(-int256(1) << 128, 0));
        same(positionAt(RAGE, ETH).fundingRate, -86_400e18, "rate");
    }

    function test_rage_what_the_venue_liquidates_is_gone_and_the_account_loses_no_more_than_its_margin() public {
        trade(RAGE, ETH, 10 * ONE, 4_100 * USDC);
        move(ETH, 1_600);
        pass(1_000);
        ISeat.Margin memory m = marginAt(RAGE, ETH);
        require(m.equity < int256(m.maintenance), "below maintenance");
        IRageOwned(address(house)).liquidateTokenPosition(id(), pool);
        int256 left = sizeAt(RAGE, ETH);
        require(left < 10 * ONE, "liquidated");
        same(vault.idle(account), 995_900 * USDC, "no more than its margin");
    }

    // ------------------------------------------------- what the venue does not let

    function test_rage_quotes_nothing_as_whole_that_it_would_not_trade() public {
        (, bool able) = quote(1_000_000 * ONE);
        require(!able, "more than there is");
        (, able) = quote(-1_000_000 * ONE);
        require(!able, "more than there are buyers");
        vm.prank(DEPLOYER);
        IRageOwned(address(house)).pause(10);
        uint256 paid;
        (paid, able) = quote(ONE);
        require(paid == 0 && !able, "paused");
        vm.prank(DEPLOYER);
        IRageOwned(address(house)).unpause(10);
        (, able) = quote(ONE);
        require(able, "again");
        IRageOwned.PoolSettings memory s =
            IRageOwned.PoolSettings(2_000, 1_000, 1_000, 900, false, true, rageAt("markets['ETH-USD'].oracle"));
        vm.prank(DEPLOYER);
        IRageOwned(address(house)).updatePoolSettings(pool, s);
        (paid, able) = quote(-ONE);
        require(paid == 0 && !able, "closed to trade");
    }

    function test_rage_quotes_nothing_at_the_end_of_its_pool() public {
        pool0(MAX_ROOT, true);
        (, bool able) = quote(ONE);
        require(!able, "nothing is left to buy");
        pool0(MIN_ROOT, true);
        (, able) = quote(-ONE);
        require(!able, "nobody is left to sell to");
        pool0(MIN_ROOT, false);
        IInstantSeat seat = IInstantSeat(venues.implementation(RAGE));
        bytes32 instrument = instrumentOf[RAGE][ETH];
        vm.expectRevert(abi.encodeWithSelector(IInstantSeat.Busy.selector));
        seat.quote(instrument, ONE);
    }

    function test_rage_without_a_price_of_the_venues_there_is_no_number() public {
        trade(RAGE, ETH, ONE, 5_000 * USDC);
        ISeat seat = ISeat(marketSeat(RAGE));
        bytes32 instrument = instrumentOf[RAGE][ETH];
        given(address(house), abi.encodeCall(IRageClearingHouse.getVirtualTwapPriceX128, (pool)), 0);
        vm.expectRevert(badPrice());
        seat.margin(instrument);
        vm.expectRevert(badPrice());
        seat.position(instrument);
        vm.clearMockedCalls();
        // Of the oracle's the venue itself makes nothing.
        move(ETH, 0);
        pass(2_000);
        vm.expectRevert();
        seat.margin(instrument);
        vm.expectRevert();
        seat.position(instrument);
        same(seat.held(instrument), ONE, "the size is not a matter of price");
    }

    function test_rage_closes_as_far_as_its_pool_reaches() public {
        trade(RAGE, ETH, 20 * ONE, 60_000 * USDC);
        makersLeave();
        (int256 done,) = close(RAGE);
        require(done < 0 && done > -20 * ONE, "a part");
        same(sizeAt(RAGE, ETH), 20 * ONE + done, "the rest");
        same(vault.active(account), 2, "active");
    }

    // ----------------------------------------------------------------- helpers

    function id() internal view returns (uint256) {
        return IRageSeat(marketSeat(RAGE)).accountId();
    }

    function price(uint256 priceX128) internal pure returns (uint256) {
        // The seat multiplies first too, in 512 bits.
        return (priceX128 >> 20) * 1e30 / (1 << 108);
    }

    function pool0(uint160 root, bool unlocked) internal {
        vm.mockCall(
            rageAt("markets['ETH-USD'].vpool"),
            abi.encodeCall(IUniswapV3Pool.slot0, ()),
            abi.encode(root, 0, 0, 1, 1, 0, unlocked)
        );
    }

    /// @dev Another account buys, block after block.
    function buyOut(int256 size, uint256 times) internal {
        bytes32 other = bytes32(bytes20(attacker));
        fund(attacker, other, 1_000_000 * USDC);
        for (uint256 i; i < times; ++i) {
            pass(900);
            IVault.Trade memory t = tradeOf(RAGE, size, i == 0 ? 500_000 * USDC : 0);
            t.account = other;
            vm.prank(attacker);
            vault.trade(t);
        }
    }

    /// @dev All but a ten thousandth of the pool's liquidity is withdrawn.
    function makersLeave() internal {
        uint256 maker = number(".venues.rage.accounts.maker");
        IRageLens.Range[] memory ranges = rageLens.getAccountLiquidityPositionList(maker, pool);
        for (uint256 i; i < ranges.length; ++i) {
            (int24 lower, int24 upper) = (ranges[i].lower, ranges[i].upper);
            (, uint128 liquidity,,,,,) = rageLens.getAccountLiquidityPositionInfo(maker, pool, lower, upper);
            int128 less = -int128(liquidity - liquidity / 10_000);
            vm.prank(MAKER);
            IRageOwned(address(house)).updateRangeOrder(
                maker, pool, IRageOwned.Change(lower, upper, less, 0, 0, false, 0, false)
            );
        }
    }
}
