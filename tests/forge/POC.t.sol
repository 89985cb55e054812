// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Stage} from "./Stage.sol";

/// @notice Where a proof of concept begins: everything is deployed, listed, funded and granted.
/// `make forge ARGS="--mc POC -vvv"` runs it. On Perp v2, Rage Trade and Synthetix themselves: `RealVenues` of ./RealVenues.sol instead of `Stage`.
contract POC is Stage {
    function test_poc() public {
        require(vault.idle(account) == 100_000 * USDC, "the client has an account with money");
        vm.prank(client);
        vault.trade(tradeOf(0, ONE, 1_000 * USDC));
        require(held(0) == ONE, "and trades");
    }
}
