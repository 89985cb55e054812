// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IOrders} from "../../interfaces/IOrders.sol";

/// @title Orders
/// @notice The EIP-712 form of orders and bundles.
library Orders {
    bytes32 internal constant BOUNDS_TYPEHASH = keccak256(
        "Bounds(uint256 minFill,uint256 minLeverage,uint256 maxLeverage,uint256 maxDeviation,uint256 tolerance,"
        "bool skipUnquotable,bool reduceOnly,bool allOrNone,bool openAgainst)"
    );

    bytes32 internal constant CONDITIONS_TYPEHASH = keccak256(
        "Conditions(uint256 notBefore,address filler,uint256 fillerUntil,uint256 triggerPrice,bool triggerAbove,"
        "uint256 interval,uint256 slice,uint256 catchUp,uint256 group,uint256 groupSize)"
    );

    bytes32 internal constant TICKETS_TYPEHASH =
        keccak256("Tickets(uint256 most,uint256 maxCost,uint256 maxLoss)");

    bytes32 internal constant TERMS_TYPEHASH = keccak256(
        "Terms(string market,int256 size,uint256 limitPrice,uint256 maxMargin,uint256 tip,uint256 venues,"
        "Bounds bounds,Tickets[] tickets,Conditions[] conditions)"
        "Bounds(uint256 minFill,uint256 minLeverage,uint256 maxLeverage,uint256 maxDeviation,uint256 tolerance,"
        "bool skipUnquotable,bool reduceOnly,bool allOrNone,bool openAgainst)"
        "Conditions(uint256 notBefore,address filler,uint256 fillerUntil,uint256 triggerPrice,bool triggerAbove,"
        "uint256 interval,uint256 slice,uint256 catchUp,uint256 group,uint256 groupSize)"
        "Tickets(uint256 most,uint256 maxCost,uint256 maxLoss)"
    );

    bytes32 internal constant ORDER_TYPEHASH = keccak256(
        "Order(bytes32 account,Terms terms,uint256 deadline,uint256 nonce,uint256 epoch)"
        "Bounds(uint256 minFill,uint256 minLeverage,uint256 maxLeverage,uint256 maxDeviation,uint256 tolerance,"
        "bool skipUnquotable,bool reduceOnly,bool allOrNone,bool openAgainst)"
        "Conditions(uint256 notBefore,address filler,uint256 fillerUntil,uint256 triggerPrice,bool triggerAbove,"
        "uint256 interval,uint256 slice,uint256 catchUp,uint256 group,uint256 groupSize)"
        "Terms(string market,int256 size,uint256 limitPrice,uint256 maxMargin,uint256 tip,uint256 venues,"
        "Bounds bounds,Tickets[] tickets,Conditions[] conditions)"
        "Tickets(uint256 most,uint256 maxCost,uint256 maxLoss)"
    );

    bytes32 internal constant BUNDLE_TYPEHASH = keccak256(
        "Bundle(bytes32 account,Terms[] steps,uint8 mode,uint256 deadline,uint256 nonce,uint256 epoch)"
        "Bounds(uint256 minFill,uint256 minLeverage,uint256 maxLeverage,uint256 maxDeviation,uint256 tolerance,"
        "bool skipUnquotable,bool reduceOnly,bool allOrNone,bool openAgainst)"
        "Conditions(uint256 notBefore,address filler,uint256 fillerUntil,uint256 triggerPrice,bool triggerAbove,"
        "uint256 interval,uint256 slice,uint256 catchUp,uint256 group,uint256 groupSize)"
        "Terms(string market,int256 size,uint256 limitPrice,uint256 maxMargin,uint256 tip,uint256 venues,"
        "Bounds bounds,Tickets[] tickets,Conditions[] conditions)"
        "Tickets(uint256 most,uint256 maxCost,uint256 maxLoss)"
    );

    /// @dev The hash of an empty array.
    bytes32 internal constant NOTHING = keccak256("");

    /// @return The struct hash of an order.
    function hash(IOrders.Order calldata order) internal pure returns (bytes32) {
        bytes32 terms = _hash(order.terms);
        return keccak256(
            abi.encode(ORDER_TYPEHASH, order.account, terms, order.deadline, order.nonce, order.epoch)
        );
    }

    /// @return The struct hash of a bundle.
    function hash(IOrders.Bundle calldata bundle) internal pure returns (bytes32) {
        bytes32[] memory steps = new bytes32[](bundle.steps.length);
        for (uint256 i; i < steps.length; ++i) {
            steps[i] = _hash(bundle.steps[i]);
        }
        return keccak256(
            abi.encode(
                BUNDLE_TYPEHASH,
                bundle.account,
                keccak256(abi.encodePacked(steps)),
                bundle.mode,
                bundle.deadline,
                bundle.nonce,
                bundle.epoch
            )
        );
    }

    /// @dev `market` goes in as it is: it is the hash of its name already. What is copied lies in the calldata word by word
    /// as it is hashed; a word that is no bool there is refused where it is read.
    function _hash(IOrders.Terms calldata terms) private pure returns (bytes32 result) {
        IOrders.Bounds calldata bounds = terms.bounds;
        bytes32 tickets = terms.tickets.length == 0 ? NOTHING : _hash(terms.tickets);
        bytes32 conditions = terms.conditions.length == 0 ? NOTHING : _hash(terms.conditions);
        (bytes32 boundsType, bytes32 termsType) = (BOUNDS_TYPEHASH, TERMS_TYPEHASH);
        assembly ("memory-safe") {
            let free := mload(0x40)
            mstore(free, boundsType)
            calldatacopy(add(free, 32), bounds, 288)
            let boundsHash := keccak256(free, 320)
            mstore(free, termsType)
            calldatacopy(add(free, 32), terms, 192)
            mstore(add(free, 224), boundsHash)
            mstore(add(free, 256), tickets)
            mstore(add(free, 288), conditions)
            result := keccak256(free, 320)
        }
    }

    function _hash(IOrders.Tickets[] calldata tickets) private pure returns (bytes32) {
        bytes memory hashes;
        for (uint256 i; i < tickets.length; ++i) {
            hashes = bytes.concat(hashes, keccak256(abi.encode(TICKETS_TYPEHASH, tickets[i])));
        }
        return keccak256(hashes);
    }

    function _hash(IOrders.Conditions[] calldata conditions) private pure returns (bytes32) {
        bytes memory hashes;
        for (uint256 i; i < conditions.length; ++i) {
            hashes = bytes.concat(hashes, keccak256(abi.encode(CONDITIONS_TYPEHASH, conditions[i])));
        }
        return keccak256(hashes);
    }
}
