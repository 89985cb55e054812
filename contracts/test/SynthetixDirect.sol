// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";

import {ISwapRouter} from "../../interfaces/ISwapRouter.sol";
import {ISynthetixMarket} from "../../interfaces/venues/ISynthetix.sol";

/// @title SynthetixDirect
/// @notice A contract that trades at Synthetix Perps V2 with nothing in between: what a ticket's gas is held against.
contract SynthetixDirect {
    IERC20 internal immutable TOKEN;
    IERC20 internal immutable SUSD;
    ISwapRouter internal immutable ROUTER;
    uint24 internal immutable POOL_FEE;

    constructor(IERC20 token, IERC20 susd, ISwapRouter router, uint24 poolFee) {
        (TOKEN, SUSD, ROUTER, POOL_FEE) = (token, susd, router, poolFee);
        TOKEN.approve(address(ROUTER), type(uint256).max);
    }

    /// @notice Exchanges and posts `margin`, and submits an order at any price.
    function trade(ISynthetixMarket market, int256 size, uint256 margin) external {
        if (margin > 0) {
            uint256 got = ROUTER.exactInputSingle(
                ISwapRouter.ExactInputSingleParams({
                    tokenIn: address(TOKEN),
                    tokenOut: address(SUSD),
                    fee: POOL_FEE,
                    recipient: address(this),
                    deadline: block.timestamp,
                    amountIn: margin,
                    amountOutMinimum: 0,
                    sqrtPriceLimitX96: 0
                })
            );
            market.transferMargin(int256(got));
        }
        market.submitOffchainDelayedOrder(size, size > 0 ? type(uint128).max : 1);
    }
}
