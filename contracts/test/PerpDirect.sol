// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";

import {IPerpClearingHouse, IPerpVault} from "../../interfaces/venues/IPerpV2.sol";

/// @title PerpDirect
/// @notice A contract that trades at Perp v2 with nothing in between: what a fill's gas is held against.
contract PerpDirect {
    IERC20 internal immutable TOKEN;
    IPerpClearingHouse internal immutable HOUSE;
    IPerpVault internal immutable VENUE_VAULT;

    constructor(IERC20 token, IPerpClearingHouse house) {
        TOKEN = token;
        HOUSE = house;
        VENUE_VAULT = IPerpVault(house.getVault());
    }

    /// @notice A contract's first trade at a venue: what it must do once, and the trade.
    function first(address base, int256 size, uint256 margin) external {
        TOKEN.approve(address(VENUE_VAULT), type(uint256).max);
        trade(base, size, margin);
    }

    function trade(address base, int256 size, uint256 margin) public {
        if (margin > 0) VENUE_VAULT.deposit(address(TOKEN), margin);
        HOUSE.openPosition(
            IPerpClearingHouse.OpenPositionParams({
                baseToken: base,
                isBaseToQuote: size < 0,
                isExactInput: size < 0,
                amount: uint256(size < 0 ? -size : size),
                oppositeAmountBound: 0,
                deadline: block.timestamp,
                sqrtPriceLimitX96: 0,
                referralCode: 0
            })
        );
    }
}
