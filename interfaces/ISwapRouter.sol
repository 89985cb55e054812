// SPDX-License-Identifier: MIT
pragma solidity >=0.8.24;

/// @title ISwapRouter
/// @notice The one function of Uniswap v3's SwapRouter that a seat needs to exchange its collateral.
interface ISwapRouter {
    /// @param fee The pool's, 1e6 = 100 %.
    /// @param sqrtPriceLimitX96 Zero for none.
    struct ExactInputSingleParams {
        address tokenIn;
        address tokenOut;
        uint24 fee;
        address recipient;
        uint256 deadline;
        uint256 amountIn;
        uint256 amountOutMinimum;
        uint160 sqrtPriceLimitX96;
    }

    function exactInputSingle(ExactInputSingleParams calldata params) external payable returns (uint256 amountOut);
}
