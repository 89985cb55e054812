// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IDesk} from "../../interfaces/IDesk.sol";

/// @title Orders
/// @notice The EIP-712 form of an order.
library Orders {
    bytes32 internal constant BOUNDS_TYPEHASH = keccak256(
        "Bounds(uint256 minFill,uint256 minLeverage,uint256 maxLeverage,uint256 maxDeviation,"
        "bool reduceOnly,address filler,uint256 fillerUntil)"
    );

    bytes32 internal constant ORDER_TYPEHASH = keccak256(
        "Order(bytes32 account,string market,int256 size,uint256 limitPrice,uint256 maxMargin,uint256 tip,"
        "uint256 venues,uint256 deadline,uint256 nonce,uint256 epoch,Bounds bounds)"
        "Bounds(uint256 minFill,uint256 minLeverage,uint256 maxLeverage,uint256 maxDeviation,"
        "bool reduceOnly,address filler,uint256 fillerUntil)"
    );

    /// @return The struct hash. `market` goes in as it is: it is the hash of its name already.
    function hash(IDesk.Order calldata order) internal pure returns (bytes32) {
        IDesk.Bounds calldata bounds = order.bounds;
        return keccak256(
            abi.encode(
                ORDER_TYPEHASH,
                order.account,
                order.market,
                order.size,
                order.limitPrice,
                order.maxMargin,
                order.tip,
                order.venues,
                order.deadline,
                order.nonce,
                order.epoch,
                keccak256(abi.encode(BOUNDS_TYPEHASH, bounds))
            )
        );
    }
}
