// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IVault} from "../../interfaces/IVault.sol";
import {ISynthetixMarket, ISynthetixMarketSettings} from "../../interfaces/venues/ISynthetix.sol";
import {RealVenues} from "./RealVenues.sol";
import {IToken} from "./Stage.sol";

interface ISynthetixPublic {
    function executeOffchainDelayedOrder(address account, bytes[] calldata updates) external payable;
    function flagPosition(address account) external;
    function liquidatePosition(address account) external;
    function remainingMargin(address account) external view returns (uint256 margin, bool invalid);
    function canLiquidate(address account) external view returns (bool);
}

interface IPythStandIn {
    function createPriceFeedUpdateData(
        bytes32 id,
        int64 price,
        uint64 interval,
        int32 exponent,
        int64 average,
        uint64 averageInterval,
        uint64 time,
        uint64 timeBefore
    ) external pure returns (bytes memory);
}

/// @notice A seat at Synthetix, and whoever executes, liquidates and brings prices there.
abstract contract RealSynthetix is RealVenues {
    uint256 internal constant UNKNOWN = MAX;
    uint256 internal constant MARGIN = 3_000 * USDC;
    /// @dev Of which little is left when the price falls by a twentieth.
    uint256 internal constant THIN = 115 * USDC;
    uint256 internal constant WINDOW = 31;
    /// @dev Left with an order, for whoever executes or drops it.
    uint256 internal constant DEPOSIT = 4e18;

    ISynthetixMarket internal there;
    ISynthetixMarketSettings internal settings;
    IToken internal susd;

    function setUp() public override {
        super.setUp();
        if (bytes(places).length == 0) return;
        there = ISynthetixMarket(synthetixAt("markets['ETH-USD'].market"));
        settings = ISynthetixMarketSettings(synthetixAt("market_settings"));
        susd = IToken(synthetixAt("susd"));
        same(settings.minKeeperFee(), DEPOSIT, "deposit");
    }

    // ------------------------------------------------------------------ helpers

    function seat() internal view returns (address) {
        return marketSeat(SYNTHETIX);
    }

    function held() internal view returns (ISynthetixMarket.Position memory) {
        return there.positions(seat());
    }

    function bound() internal view returns (uint256) {
        return there.delayedOrders(seat()).desiredFillPrice;
    }

    function commit(IVault.Trade memory t) internal returns (IVault.Commitment memory) {
        vm.prank(client);
        return vault.commit(t, 1e18);
    }

    function commit(int256 size, uint256 margin) internal returns (IVault.Commitment memory) {
        IVault.Trade memory t = tradeOf(SYNTHETIX, size, margin);
        t.measure = true;
        return commit(t);
    }

    function settle() internal returns (IVault.Outcome memory) {
        return vault.settle(account, SYNTHETIX, ETH, "");
    }

    function take(int256 size, uint256 margin) internal {
        commit(size, margin);
        execute(2_000);
        same(settle().filled, size, "taken");
    }

    function drop() internal {
        pass(WINDOW);
        move(ETH, 2_000);
        vault.expire(account, SYNTHETIX, ETH);
    }

    function liquidate() internal {
        move(ETH, 1_900);
        ISynthetixPublic(address(there)).flagPosition(seat());
        ISynthetixPublic(address(there)).liquidatePosition(seat());
        same(held().margin, 0, "liquidated");
    }

    /// @dev The pending order, by anybody who brings a price of Pyth's that is young enough; in whole USD.
    function execute(uint256 usd) internal {
        pass(3);
        int64 price = int64(uint64(usd * 1e8));
        uint64 interval = uint64(price) / 2_000;
        bytes[] memory updates = new bytes[](1);
        updates[0] = IPythStandIn(synthetixAt("pyth")).createPriceFeedUpdateData(
            vm.parseJsonBytes32(places, ".venues.synthetix.markets['ETH-USD'].price_feed_id"),
            price,
            interval,
            -8,
            price,
            interval,
            uint64(block.timestamp),
            uint64(block.timestamp - 1)
        );
        vm.deal(attacker, 1);
        vm.prank(attacker);
        ISynthetixPublic(address(there)).executeOffchainDelayedOrder{value: 1}(seat(), updates);
    }
}
