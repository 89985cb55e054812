// SPDX-License-Identifier: MIT
pragma solidity >=0.8.24;

// The least of Synthetix Perps V2 that a seat needs. Sizes, prices, sUSD and ratios are 1e18. A market is its proxy;
// its trader is the caller. A number that comes with a flag `invalid` means something only where that is false.

interface ISynthetixMarket {
    /// @param id Zero while flat.
    /// @param lastPrice What the position was last realised at.
    struct Position {
        uint64 id;
        uint64 lastFundingIndex;
        uint128 margin;
        uint128 lastPrice;
        int128 size;
    }

    /// @param sizeDelta Zero: there is no order.
    struct DelayedOrder {
        bool isOffchain;
        int128 sizeDelta;
        uint128 desiredFillPrice;
        uint128 targetRoundId;
        uint128 commitDeposit;
        uint128 keeperDeposit;
        uint256 executableAtTime;
        uint256 intentionTime;
        bytes32 trackingCode;
    }

    /// @notice Positive burns the caller's sUSD into margin, negative mints margin back. Refused while an order is pending.
    function transferMargin(int256 marginDelta) external;
    /// @notice Takes out all that is accessible, perhaps nothing.
    function withdrawAllMargin() external;
    /// @param desiredFillPrice Bounds the price before the fee, when it is executed.
    function submitOffchainDelayedOrder(int256 sizeDelta, uint256 desiredFillPrice) external;
    /// @notice The deposit goes to the margin if the caller is the account, else to the caller.
    function cancelOffchainDelayedOrder(address account) external;

    function marketKey() external view returns (bytes32);
    function assetPrice() external view returns (uint256 price, bool invalid);
    function positions(address account) external view returns (Position memory);
    function delayedOrders(address account) external view returns (DelayedOrder memory);
    function accessibleMargin(address account) external view returns (uint256 margin, bool invalid);
    function profitLoss(address account) external view returns (int256 profit, bool invalid);
    function accruedFunding(address account) external view returns (int256 funding, bool invalid);
    function isFlagged(address account) external view returns (bool);
    /// @dev A trade price of zero is the price now; a status of zero, that the venue would accept the order.
    function postTradeDetails(int256 sizeDelta, uint256 tradePrice, uint8 orderType, address sender)
        external
        view
        returns (
            uint256 margin,
            int256 size,
            uint256 price,
            uint256 liquidationPrice,
            uint256 fee,
            uint8 status
        );
    /// @return A fraction of notional a day; positive is longs pay.
    function currentFundingRate() external view returns (int256);
}

interface ISynthetixMarketSettings {
    function minKeeperFee() external view returns (uint256);
    function maxKeeperFee() external view returns (uint256);
    function liquidationFeeRatio() external view returns (uint256);
    function keeperLiquidationFee() external view returns (uint256);
    function skewScale(bytes32 marketKey) external view returns (uint256);
    function liquidationBufferRatio(bytes32 marketKey) external view returns (uint256);
    function liquidationPremiumMultiplier(bytes32 marketKey) external view returns (uint256);
    function takerFeeOffchainDelayedOrder(bytes32 marketKey) external view returns (uint256);
    function makerFeeOffchainDelayedOrder(bytes32 marketKey) external view returns (uint256);
}

interface ISynthetixSystemSettings {
    function exchangeDynamicFeeRounds() external view returns (uint256);
    function exchangeMaxDynamicFee() external view returns (uint256);
}

interface ISynthetixSystemStatus {
    /// @notice Reverts while the system, its futures or this market are suspended.
    function requireFuturesMarketActive(bytes32 marketKey) external view;
}

/// @notice Where the venue's contracts stand at the moment, by name.
interface ISynthetixResolver {
    function requireAndGetAddress(bytes32 name, string calldata reason) external view returns (address);
}
