// SPDX-License-Identifier: MIT
pragma solidity >=0.8.24;

// The least of Perpetual Protocol v2 (Curie) that a seat needs. Sizes, prices and values are 1e18; balances of
// the venue's vault are in the settlement token's decimals.

interface IPerpClearingHouse {
    struct OpenPositionParams {
        address baseToken;
        bool isBaseToQuote;
        bool isExactInput;
        uint256 amount;
        uint256 oppositeAmountBound;
        uint256 deadline;
        uint160 sqrtPriceLimitX96;
        bytes32 referralCode;
    }

    /// @return base What was exchanged.
    /// @return quote What it cost or brought, fee in it.
    function openPosition(OpenPositionParams memory params) external returns (uint256 base, uint256 quote);

    struct ClosePositionParams {
        address baseToken;
        uint160 sqrtPriceLimitX96;
        uint256 oppositeAmountBound;
        uint256 deadline;
        bytes32 referralCode;
    }

    /// @notice Closes a position, or as much of it as the venue's tick limit lets.
    function closePosition(ClosePositionParams calldata params) external returns (uint256 base, uint256 quote);

    /// @notice Settles a position in a closed market at its closed price; open to anyone.
    function quitMarket(address trader, address baseToken) external returns (uint256 base, uint256 quote);

    function paused() external view returns (bool);
    function getVault() external view returns (address);
    function getExchange() external view returns (address);
    function getAccountBalance() external view returns (address);
    function getClearingHouseConfig() external view returns (address);
}

interface IPerpVault {
    function deposit(address token, uint256 amount) external;
    function withdraw(address token, uint256 amount) external;
    function getBalance(address trader) external view returns (int256);
    function getSettlementTokenValue(address trader) external view returns (int256);
    function getFreeCollateralByToken(address trader, address token) external view returns (uint256);
}

interface IPerpAccountBalance {
    struct Info {
        int256 takerPositionSize;
        int256 takerOpenNotional;
        int256 lastTwPremiumGrowthGlobalX96;
    }

    function getBaseTokens(address trader) external view returns (address[] memory);
    function getAccountInfo(address trader, address baseToken) external view returns (Info memory);
    function getTakerOpenNotional(address trader, address baseToken) external view returns (int256);
    function getPnlAndPendingFee(address trader)
        external
        view
        returns (int256 owedRealizedPnl, int256 unrealizedPnl, uint256 pendingFee);
    function getTotalAbsPositionValue(address trader) external view returns (uint256);
    function getMarginRequirementForLiquidation(address trader) external view returns (int256);
    function getMarkPrice(address baseToken) external view returns (uint256);
}

interface IPerpExchange {
    function getPendingFundingPayment(address trader, address baseToken) external view returns (int256);
    function getAllPendingFundingPayment(address trader) external view returns (int256);
    function getSqrtMarketTwapX96(address baseToken, uint32 interval) external view returns (uint160);
    /// @return Zero: the market's trading is stopped.
    function getMaxTickCrossedWithinBlock(address baseToken) external view returns (uint24);
}

interface IPerpQuoter {
    struct SwapParams {
        address baseToken;
        bool isBaseToQuote;
        bool isExactInput;
        uint256 amount;
        uint160 sqrtPriceLimitX96;
    }

    /// @param deltaAvailableQuote What is paid or received, fee in it.
    /// @param sqrtPriceX96 The pool's price afterwards.
    struct SwapResponse {
        uint256 deltaAvailableBase;
        uint256 deltaAvailableQuote;
        int256 exchangedPositionSize;
        int256 exchangedPositionNotional;
        uint160 sqrtPriceX96;
    }

    function swap(SwapParams memory params) external returns (SwapResponse memory);
    function marketRegistry() external view returns (address);
}

interface IPerpMarketRegistry {
    struct MarketInfo {
        address pool;
        uint24 exchangeFeeRatio;
        uint24 uniswapFeeRatio;
        uint24 insuranceFundFeeRatio;
        uint24 maxPriceSpreadRatio;
    }

    function getMarketInfo(address baseToken) external view returns (MarketInfo memory);
}

interface IPerpConfig {
    function getTwapInterval() external view returns (uint32);
    function getMaxFundingRate() external view returns (uint24);
}

interface IPerpBaseToken {
    function getIndexPrice(uint256 interval) external view returns (uint256);
    function isOpen() external view returns (bool);
    function isClosed() external view returns (bool);
    function getClosedPrice() external view returns (uint256);
    function getPausedIndexPrice() external view returns (uint256);
}
