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
    /// @param pending Size of the open ticket; zero where there is none.
    /// @param margin Of the market's own pocket, at a venue that keeps one for each; else empty.
    struct MarketView {
        bytes32 market;
        bool readable;
        int256 pending;
        ISeat.Position position;
        ISeat.Margin margin;
    }

    /// @param seat Where the account's seat is or will be.
    /// @param made Whether it is there; if not, all that follows is empty but `postable`.
    /// @param isolated Whether each market has a pocket of its own: then `margin` is empty, and the markets have theirs.
    /// @param readable Whether the venue answered for the margin; always, where it is isolated.
    /// @param postable What operators may still post there for the account, by the venue's caps.
    /// @param resting Settlement token in the seat itself, outside the venue: a gift, for `sweep`.
    struct SeatView {
        uint8 venue;
        address seat;
        bool made;
        bool isolated;
        bool readable;
        uint256 resting;
        uint256 postable;
        ISeat.Margin margin;
        MarketView[] markets;
    }

    /// @param reserved Set aside for open tickets.
    /// @param active Venues at which the account may hold a position, as in `IVault.Balance`.
    struct AccountView {
        address owner;
        uint256 idle;
        uint256 reserved;
        uint256 active;
        uint256 epoch;
        SeatView[] seats;
    }

    /// @param markets Ids to look at; those a venue does not list are left out there.
    function account(bytes32 account_, bytes32[] calldata markets) external view returns (AccountView memory);
}
