// SPDX-License-Identifier: MIT
pragma solidity >=0.8.24;

import {IOrders} from "./IOrders.sol";

/// @title IBoard
/// @notice Where a client without a keeper's API posts a signed order, on the chain, for every keeper to see.
interface IBoard {
    /// @notice The name does not hash to the market of this step (of an order: 0).
    error WrongName(uint256 step, bytes32 market);
    /// @notice A bundle comes with as many names as it has steps.
    error WrongNames(uint256 steps, uint256 names);

    /// @notice Warning: whoever reads this knows nothing but that the name is the market's. The poster may be anyone; the
    /// order may be senseless, long done or signed by nobody.
    /// @param account As in the order.
    /// @param market The market's name, of which the order has the hash.
    event OrderPosted(
        bytes32 indexed account, address indexed poster, IOrders.Order order, string market, bytes signature
    );
    /// @notice The same for a bundle.
    /// @param markets The name of each step's market.
    event BundlePosted(
        bytes32 indexed account, address indexed poster, IOrders.Bundle bundle, string[] markets, bytes signature
    );

    /// @notice Posts an order with everything that a keeper needs to rebuild it.
    /// @param market The market's name.
    /// @param signature As for `IDesk.fill`. Not verified here.
    function post(IOrders.Order calldata order, string calldata market, bytes calldata signature) external;

    /// @notice Posts a bundle.
    /// @param markets The name of each step's market.
    function postBundle(IOrders.Bundle calldata bundle, string[] calldata markets, bytes calldata signature) external;
}
