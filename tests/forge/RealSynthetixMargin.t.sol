// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {ISeat} from "../../interfaces/ISeat.sol";
import {ISwapRouter} from "../../interfaces/ISwapRouter.sol";
import {ISynthetixMarket} from "../../interfaces/venues/ISynthetix.sol";
import {RealSynthetix} from "./RealSynthetix.sol";

contract RealVenuesSynthetixMarginTest is RealSynthetix {
    // ------------------------------------------------------------------- money

    function test_synthetix_margin_goes_in_and_out_through_the_pool_or_out_in_kind() public {
        post(SYNTHETIX, 5_000 * USDC);
        uint256 arrived = held().margin;
        // The pool takes 0.05 %, and a little more for its depth.
        near(arrived, 4_997.5e18, 20, "arrived");
        ISeat.Margin memory m = marginAt(SYNTHETIX, ETH);
        same(uint256(m.equity), arrived, "equity");
        same(uint256(m.backing), arrived, "backing");
        same(m.free, arrived, "free");
        same(m.maintenance, 0, "maintenance");
        same(m.leverage, 0, "leverage");
        near(pull(SYNTHETIX, 1_000 * USDC), 999.5e6, 20, "a part");
        same(held().margin, arrived - 1_000e18, "left");
        uint256 posted = vault.postedBy(account, SYNTHETIX);
        vm.prank(client);
        (address token, uint256 received) = vault.pullInKind(account, SYNTHETIX, ETH, 500 * USDC, keeper);
        same(posted - vault.postedBy(account, SYNTHETIX), 500 * USDC, "counted back at par");
        require(token == address(susd), "in kind it is sUSD");
        same(received, 500e18, "in kind");
        same(susd.balanceOf(keeper), 500e18, "received");
        near(pull(SYNTHETIX, MAX), (arrived - 1_500e18) * 9_995 / 1e16, 20, "all");
        same(pull(SYNTHETIX, MAX), 0, "nothing is left");
        same(held().margin, 0, "nothing there");
    }

    function test_synthetix_susd_that_rests_in_a_seat_is_not_what_a_pull_brought() public {
        post(SYNTHETIX, 5_000 * USDC);
        address own = seat();
        vm.prank(client);
        vault.pullInKind(account, SYNTHETIX, ETH, 2_000 * USDC, own);
        uint256 posted = vault.postedBy(account, SYNTHETIX);
        same(posted, 3_000 * USDC, "counted back once");
        uint256 got = pull(SYNTHETIX, 1_000 * USDC);
        near(got, 999.5e6, 20, "what the venue paid");
        same(posted - vault.postedBy(account, SYNTHETIX), got, "and no more");
        same(susd.balanceOf(own), 2_000e18, "rests");
        // And where the venue pays nothing, nothing is exchanged.
        pull(SYNTHETIX, MAX);
        same(pull(SYNTHETIX, MAX), 0, "nothing came");
        same(susd.balanceOf(own), 2_000e18, "still rests");
        vm.prank(client);
        same(vault.sweep(account, SYNTHETIX, address(susd)), 2_000e18, "the owner's");
    }

    function test_synthetix_margin_loses_no_more_in_the_pool_than_the_caller_allows() public {
        vm.startPrank(client);
        vm.expectRevert("Too little received");
        vault.post(account, SYNTHETIX, ETH, MARGIN, 1e14);
        // A loss of all or more is any loss.
        vault.post(account, SYNTHETIX, ETH, MARGIN, MAX);
        // A router that says it swapped, and did not.
        vm.mockCall(
            synthetixAt("swap_router"), abi.encodePacked(ISwapRouter.exactInputSingle.selector), abi.encode(1)
        );
        vm.expectRevert(abi.encodeWithSelector(ISeat.BeyondLimit.selector, 0, 2_970e18));
        vault.post(account, SYNTHETIX, ETH, MARGIN, 1e16);
        vm.stopPrank();
    }

    // ------------------------------------------------------------- maintenance

    function test_synthetix_maintenance_is_the_venues_to_the_unit() public {
        take(20 * ONE, 2 * MARGIN);
        (uint256 price,) = there.assetPrice();
        uint256 notional = 20 * price;
        bytes32 key = there.marketKey();
        uint256 fee = notional * settings.liquidationFeeRatio() / 1e18;
        // Between the least and the most that the venue takes: the ratio tells.
        require(fee > settings.minKeeperFee() && fee < settings.maxKeeperFee(), "fee");
        uint256 premium = 20e36 / settings.skewScale(key) * notional / 1e18;
        same(
            marginAt(SYNTHETIX, ETH).maintenance,
            notional * settings.liquidationBufferRatio(key) / 1e18 + fee + settings.keeperLiquidationFee()
                + premium * settings.liquidationPremiumMultiplier(key) / 1e18,
            "maintenance"
        );
    }

    function test_synthetix_funding_that_is_in_doubt_is_no_number() public {
        take(ONE, MARGIN);
        vm.mockCall(
            address(there),
            abi.encodeCall(ISynthetixMarket.accruedFunding, (seat())),
            abi.encode(int256(0), true)
        );
        vm.expectRevert(badPrice());
        this.positionOf();
        vm.expectRevert(badPrice());
        this.marginOf();
    }

    function positionOf() external view returns (ISeat.Position memory) {
        return positionAt(SYNTHETIX, ETH);
    }

    function marginOf() external view returns (ISeat.Margin memory) {
        return marginAt(SYNTHETIX, ETH);
    }
}
