// SPDX-License-Identifier: MIT
pragma solidity >=0.8.24;

// The least of Rage Trade that a seat needs. Position sizes are 1e18; money and vQuote have the settlement
// token's six decimals; prices are vQuote units per base unit in Q128.

interface IRageClearingHouse {
    struct SwapParams {
        int256 amount;
        uint160 sqrtPriceLimit;
        bool isNotional;
        bool isPartialAllowed;
        bool settleProfit;
    }

    function paused() external view returns (bool);
    function createAccount() external returns (uint256 accountId);
    function updateMargin(uint256 accountId, uint32 collateralId, int256 amount) external;
    function settleProfit(uint256 accountId) external;
    function swapToken(uint256 accountId, uint32 poolId, SwapParams memory params)
        external
        returns (int256 vTokenAmountOut, int256 vQuoteAmountOut);

    function getAccountMarketValueAndRequiredMargin(uint256 accountId, bool isInitialMargin)
        external
        view
        returns (int256 marketValue, int256 requiredMargin);
    function getAccountNetProfit(uint256 accountId) external view returns (int256);
    function getRealTwapPriceX128(uint32 poolId) external view returns (uint256);
    function getVirtualTwapPriceX128(uint32 poolId) external view returns (uint256);

    /// @notice Reads storage slots; their places are those of the venue's own ClearingHouseExtsload library.
    function extsload(bytes32 slot) external view returns (bytes32);
    function extsload(bytes32[] memory slots) external view returns (bytes32[] memory);
}

interface IRagePoolWrapper {
    function vPool() external view returns (address);
    function getFundingRateAndVirtualPrice()
        external
        view
        returns (int256 fundingRateX128, uint256 virtualPriceX128);
    function getExtrapolatedSumAX128() external view returns (int256);
}

interface IRageSwapSimulator {
    /// @param vTokenIn Base that the pool takes, 1e18; negative is what it gives.
    /// @param vQuoteIn vQuote that the pool takes, fees in it; negative is what it gives.
    struct SwapResult {
        int256 amountSpecified;
        int256 vTokenIn;
        int256 vQuoteIn;
        uint256 liquidityFees;
        uint256 protocolFees;
        uint160 sqrtPriceX96Start;
        uint160 sqrtPriceX96End;
    }

    function simulateSwapView(
        address clearingHouse,
        uint32 poolId,
        int256 amount,
        uint160 sqrtPriceLimitX96,
        bool isNotional
    ) external view returns (SwapResult memory);
}
