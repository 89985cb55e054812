// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {ILens} from "../../interfaces/ILens.sol";
import {IOrders} from "../../interfaces/IOrders.sol";
import {ISeat} from "../../interfaces/ISeat.sol";
import {RealVenues} from "./RealVenues.sol";

contract RealVenuesTogetherTest is RealVenues {
    function test_an_order_is_filled_at_two_venues_and_by_a_ticket_at_the_third() public {
        IOrders.Order memory o = orderOf(withTickets(plain(6 * ONE), 1, 50e6), 1);
        o.terms.limitPrice = 2_040e18;
        o.terms.tickets[0].maxLoss = 1e16;
        (uint256 best,) = quotes.best(ETH, 3, 4 * ONE, false);
        uint256 paid = fill(o, legs2(PERP, ONE, 1_000e6, RAGE, 3 * ONE, 2_000e6));
        near(paid, 8_000e18, 5_000, "price");
        require(paid < best, "cheaper than either alone");
        // What is left, where it fills later.
        same(commit(o, 2 * ONE, 1_500e6), 1, "number");
        same(progress(o).pending, 2e18, "pending");
        pass(31);
        move(ETH, 2_000);
        vault.expire(account, SYNTHETIX, ETH);
        desk.settle(account, SYNTHETIX, ETH, 1, "");
        same(progress(o).used, 4e18, "used");
        same(progress(o).failures, 1, "failed");
    }

    function test_the_lens_reads_all_three() public {
        post(SYNTHETIX, 1_000 * USDC);
        trade(PERP, ETH, ONE, 1_000 * USDC);
        trade(RAGE, BTC, -ONE / 10, 2_000 * USDC);
        bytes32[] memory markets = new bytes32[](2);
        (markets[0], markets[1]) = (ETH, BTC);
        ILens.AccountView memory v = lens.account(account, markets);
        same(v.idle, 996_000 * USDC, "idle");
        same(v.active, 3, "active");
        for (uint8 i; i < 3; ++i) {
            require(v.seats[i].made && v.seats[i].readable, "readable");
            require(v.seats[i].isolated == (i == SYNTHETIX), "pockets");
            for (uint256 k; k < 2; ++k) {
                require(v.seats[i].markets[k].readable, "market");
                ISeat.Position memory p = positionAt(i, markets[k]);
                require(
                    keccak256(abi.encode(v.seats[i].markets[k].position)) == keccak256(abi.encode(p)), "position"
                );
            }
        }
        same(v.seats[PERP].margin.equity, marginAt(PERP, ETH).equity, "equity");
    }
}
