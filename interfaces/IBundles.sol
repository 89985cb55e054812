// SPDX-License-Identifier: MIT
pragma solidity >=0.8.24;

import {IOrders} from "./IOrders.sol";

/// @title IBundles
/// @notice Several orders under one signature.
interface IBundles is IOrders {
    /// @notice Fills all steps of an atomic bundle, each whole. A step to close all that finds nothing to close has no legs.
    function fillBundle(
        Bundle calldata bundle,
        bytes calldata signature,
        Leg[][] calldata legs,
        Receipt calldata receipt
    ) external;

    /// @notice As `IDesk.fill`, for one step of a bundle that is not atomic. One to close all that finds nothing to close is
    /// taken without legs: its conditions hold, and its tip is not paid.
    function fillStep(
        Bundle calldata bundle,
        bytes calldata signature,
        uint256 step,
        Leg[] calldata legs,
        Receipt calldata receipt
    ) external returns (uint256 quote);

    /// @notice As `IDesk.commit`, for one step of a bundle that is not atomic.
    function commitStep(
        Bundle calldata bundle,
        bytes calldata signature,
        uint256 step,
        Leg calldata leg,
        Receipt calldata receipt
    ) external payable returns (uint256 number);

    /// @return The EIP-712 digest that the owner signs.
    function bundleDigest(Bundle calldata bundle) external view returns (bytes32);
}
