// SPDX-License-Identifier: MIT
pragma solidity >=0.8.24;

import {ISeat} from "./ISeat.sol";

/// @title ILens
/// @notice Everything about an account in one call. A venue that fails, burns its gas or answers with nonsense
/// is marked unreadable and hides nothing of the others.
interface ILens {
    /// @notice The call has too little gas to give every venue its due: call with more.
    error NotEnoughGas(uint256 left);

    /// @param readable Whether the venue answered for this market; not asked where it did not for the margin.
    struct MarketView {
        bytes32 market;
        bool readable;
        ISeat.Position position;
    }

    /// @param seat Where the account's seat is or will be.
    /// @param made Whether it is there; if not, all else is empty.
    /// @param readable Whether the venue answered for the margin.
    /// @param resting Settlement token in the seat itself, outside the venue: a gift, for `sweep`.
    struct SeatView {
        uint8 venue;
        address seat;
        bool made;
        bool readable;
        uint256 resting;
        ISeat.Margin margin;
        MarketView[] markets;
    }

    struct AccountView {
        address owner;
        uint256 idle;
        uint256 epoch;
        SeatView[] seats;
    }

    /// @param markets Ids to look at; those a venue does not list are left out there.
    function account(bytes32 account_, bytes32[] calldata markets) external view returns (AccountView memory);
}
