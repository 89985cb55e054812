// SPDX-License-Identifier: MIT
pragma solidity >=0.8.24;

import {IBundles} from "./IBundles.sol";

/// @title IDesk
/// @notice What a signed order means. Anyone may fill one; nobody can fill it worse than it says.
interface IDesk is IBundles {
    /// @notice Fills an order, or a part of it, at venues that fill at once: all legs as stated, or nothing.
    /// @return quote Whole price of all legs, 1e18 USD.
    function fill(Order calldata order, bytes calldata signature, Leg[] calldata legs, Receipt calldata receipt)
        external
        returns (uint256 quote);

    /// @notice Makes a ticket for an order, or a part of it, at a venue that fills later. Coin sent along goes to the venue.
    /// @return number As `IVault.TicketCommitted`.
    function commit(Order calldata order, bytes calldata signature, Leg calldata leg, Receipt calldata receipt)
        external
        payable
        returns (uint256 number);

    /// @notice Books what became of a ticket, settling it at the vault if nobody has yet.
    /// @param proof What the venue needs to be believed; nothing where its state can be read.
    function settle(bytes32 account, uint8 venue, bytes32 market, uint256 number, bytes calldata proof) external;

    /// @return The EIP-712 digest that the owner signs.
    function digest(Order calldata order) external view returns (bytes32);
}
