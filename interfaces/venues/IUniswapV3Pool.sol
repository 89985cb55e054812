// SPDX-License-Identifier: MIT
pragma solidity >=0.8.24;

/// @notice The least of a Uniswap v3 pool that a seat needs.
interface IUniswapV3Pool {
    /// @param unlocked False from within a call of the pool's own.
    function slot0()
        external
        view
        returns (
            uint160 sqrtPriceX96,
            int24 tick,
            uint16 observationIndex,
            uint16 observationCardinality,
            uint16 observationCardinalityNext,
            uint8 feeProtocol,
            bool unlocked
        );
}
