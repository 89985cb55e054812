// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IInstantSeat, ISeat} from "../../interfaces/ISeat.sol";
import {IVault} from "../../interfaces/IVault.sol";
import {RealVenues} from "./RealVenues.sol";

/// @title RealInstant
/// @notice What holds at every real venue that fills at once and takes USDC in one pocket. Who derives from it names the
/// venue and how to ask it; its tests are run for each.
abstract contract RealInstant is RealVenues {
    // --------------------------------------------------- what each venue fills in

    function here() internal pure virtual returns (uint8);

    /// @dev What the venue itself says was deposited, and is held in ETH.
    function depositedThere() internal view virtual returns (uint256);
    function sizeThere() internal view virtual returns (int256);

    /// @dev Parts in a million by which a fill may differ from its quote, and leverage within a trade from the view of it.
    function roundsQuotes() internal pure virtual returns (uint256);
    function roundsLeverage() internal pure virtual returns (uint256);

    // ------------------------------------------------------------------- money

    function test_margin_is_posted_and_pulled_in_usdc() public {
        post(here(), 5_000 * USDC);
        same(depositedThere(), 5_000 * USDC, "posted");
        ISeat.Margin memory m = marginAt(here(), ETH);
        same(m.equity, 5_000e18, "equity");
        same(m.backing, 5_000e18, "backing");
        same(m.free, 5_000e18, "free");
        same(m.maintenance, 0, "maintenance");
        same(m.leverage, 0, "leverage");
        same(pull(here(), 1), 1, "a unit");
        same(pull(here(), 1_000 * USDC), 1_000 * USDC, "a part");
        vm.prank(client);
        (address token, uint256 received) = vault.pullInKind(account, here(), ETH, 500 * USDC, keeper);
        require(token == address(usdc), "in kind it is USDC too");
        same(received, 500 * USDC, "in kind");
        same(usdc.balanceOf(keeper), 500 * USDC, "received");
        same(pull(here(), MAX), 3_500 * USDC - 1, "all");
        same(pull(here(), MAX), 0, "nothing is left");
        same(vault.idle(account), 999_500 * USDC, "idle");
    }

    // ------------------------------------------------------------------- trades

    function test_trades_both_ways_turn_and_close_at_what_was_quoted() public {
        post(here(), 50_000 * USDC);
        int256[5] memory sizes = [3 * ONE, 2 * ONE, -9 * ONE, -1 * ONE, 4 * ONE];
        int256 whole;
        for (uint256 i; i < sizes.length; ++i) {
            pass(60);
            (uint256 quoted, bool able) = quote(sizes[i]);
            require(able, "quoted");
            IVault.Fill memory f = trade(here(), ETH, sizes[i], 0);
            near(f.quote, quoted, roundsQuotes(), "quoted");
            whole += sizes[i];
            same(f.position, whole, "position");
            same(sizeAt(here(), ETH), whole, "held");
            same(sizeThere(), whole, "the venue's");
            // What only reduces is not measured.
            uint256 leverage = whole > 0 == sizes[i] > 0 ? marginAt(here(), ETH).leverage : 0;
            near(f.leverage, leverage, roundsLeverage(), "leverage");
            same(f.active, uint256(1) << here(), "active");
        }
        pass(60);
        (int256 done, uint256 paid) = close(here());
        same(done, ONE, "closed");
        near(paid, 2_000e18, 5_000, "price");
        same(sizeAt(here(), ETH), 0, "flat");
        same(vault.active(account), 0, "inactive");
        (done, paid) = close(here());
        same(done, 0, "nothing to close");
        same(paid, 0, "nor to pay");
    }

    function test_leverage_is_of_both_markets() public {
        trade(here(), ETH, 3 * ONE, 10_000 * USDC);
        IVault.Fill memory f = trade(here(), BTC, -ONE / 10, 0);
        same(f.leverage, marginAt(here(), ETH).leverage, "of both");
        near(f.leverage, 1.2e18, 20_000, "12,000 on 10,000");
        same(marginAt(here(), BTC).equity, marginAt(here(), ETH).equity, "one pocket");
        // And so where the venue names the traded one first.
        f = trade(here(), ETH, ONE, 0);
        same(f.leverage, marginAt(here(), ETH).leverage, "of both");
        near(f.leverage, 1.4e18, 20_000, "14,000 on 10,000");
        // Closing the other leaves the market's own.
        trade(here(), BTC, ONE / 10, 0);
        near(trade(here(), ETH, ONE, 0).leverage, marginAt(here(), ETH).leverage, roundsLeverage(), "alone again");
    }

    function test_limits_are_met_to_the_unit() public {
        limitsAreMet(here(), ONE, 1);
        pass(60);
        limitsAreMet(here(), -3 * ONE, 1);
    }

    // ------------------------------------------------------------------ helpers

    /// @dev Asked of the implementation: a quote needs no seat.
    function quote(int256 size) internal returns (uint256, bool) {
        return IInstantSeat(venues.implementation(here())).quote(instrumentOf[here()][ETH], size);
    }
}
