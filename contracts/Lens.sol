// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";

import {IDesk} from "../interfaces/IDesk.sol";
import {ILens} from "../interfaces/ILens.sol";
import {ISeat} from "../interfaces/ISeat.sol";
import {IVault} from "../interfaces/IVault.sol";
import {IVenues} from "../interfaces/IVenues.sol";

/// @title Lens
/// @notice Reads; owns nothing and is trusted with nothing. Deploy another whenever another view is wanted.
contract Lens is ILens {
    /// @dev What one read of a seat may burn, an order of magnitude over the dearest venue's.
    uint256 internal constant STIPEND = 3_000_000;

    IVault public immutable VAULT;
    IVenues public immutable VENUES;
    IDesk public immutable DESK;
    IERC20 public immutable TOKEN;

    constructor(IVault vault, IVenues venues, IDesk desk, IERC20 token) {
        VAULT = vault;
        VENUES = venues;
        DESK = desk;
        TOKEN = token;
    }

    /// @inheritdoc ILens
    function account(bytes32 account_, bytes32[] calldata markets) external view returns (AccountView memory v) {
        v.owner = address(bytes20(account_));
        v.idle = VAULT.idle(account_);
        v.epoch = DESK.epochs(account_);
        uint256 venues = VENUES.venueNames().length;
        v.seats = new SeatView[](venues);
        for (uint8 i; i < venues; ++i) {
            v.seats[i] = _seat(account_, i, markets);
        }
    }

    function _seat(bytes32 account_, uint8 venue, bytes32[] calldata markets)
        internal
        view
        returns (SeatView memory v)
    {
        v.venue = venue;
        (v.seat, v.made) = VAULT.seatOf(account_, venue);
        if (!v.made) return v;
        v.resting = TOKEN.balanceOf(v.seat);
        v.markets = _markets(ISeat(v.seat), venue, markets);
        // A `catch` without parameters copies nothing of what the venue returns.
        try ISeat(v.seat).margin{gas: STIPEND}(0) returns (ISeat.Margin memory margin) {
            (v.readable, v.margin) = (true, margin);
        } catch {}
    }

    function _markets(ISeat seat, uint8 venue, bytes32[] calldata markets)
        internal
        view
        returns (MarketView[] memory views)
    {
        uint256 listed;
        for (uint256 i; i < markets.length; ++i) {
            if (VENUES.isListed(venue, markets[i])) ++listed;
        }
        views = new MarketView[](listed);
        for (uint256 i = markets.length; i > 0; --i) {
            bytes32 market = markets[i - 1];
            if (!VENUES.isListed(venue, market)) continue;
            MarketView memory v = views[--listed];
            v.market = market;
            (, bytes32 instrument) = VENUES.route(venue, market);
            try seat.position{gas: STIPEND}(instrument) returns (ISeat.Position memory p) {
                (v.readable, v.position) = (true, p);
            } catch {}
        }
    }
}
