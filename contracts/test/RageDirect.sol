// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";

import {IRageClearingHouse} from "../../interfaces/venues/IRage.sol";

/// @title RageDirect
/// @notice A contract that trades at Rage Trade with nothing in between: what a fill's gas is held against.
contract RageDirect {
    IERC20 internal immutable TOKEN;
    IRageClearingHouse internal immutable HOUSE;
    uint256 internal accountId;

    constructor(IERC20 token, IRageClearingHouse house) {
        TOKEN = token;
        HOUSE = house;
    }

    /// @notice A contract's first trade at a venue: what it must do once, and the trade.
    function first(uint32 pool, int256 size, uint256 margin) external {
        TOKEN.approve(address(HOUSE), type(uint256).max);
        accountId = HOUSE.createAccount();
        trade(pool, size, margin);
    }

    function trade(uint32 pool, int256 size, uint256 margin) public {
        uint256 id = accountId;
        if (margin > 0) HOUSE.updateMargin(id, uint32(uint160(address(TOKEN))), int256(margin));
        HOUSE.swapToken(id, pool, IRageClearingHouse.SwapParams(size, 0, false, false, false));
    }
}
