// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";

import {IDesk} from "../interfaces/IDesk.sol";
import {ILens} from "../interfaces/ILens.sol";
import {IDelayedSeat, ISeat} from "../interfaces/ISeat.sol";
import {IVault} from "../interfaces/IVault.sol";
import {IVenues} from "../interfaces/IVenues.sol";

/// @title Lens
/// @notice Reads; owns nothing and is trusted with nothing. Deploy another whenever another view is wanted.
contract Lens is ILens {
    /// @dev What one read of a seat may burn; the dearest venue's takes a third of it.
    uint256 internal constant STIPEND = 3_000_000;
    /// @dev Words of `ISeat.Margin` and of `ISeat.Position`, all of them 256-bit numbers: any answer of this length
    /// decodes.
    uint256 internal constant STRUCT_WORDS = 5;

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
        v.reserved = VAULT.reserved(account_);
        v.active = VAULT.active(account_);
        v.epoch = DESK.epochs(account_);
        uint256 venues = VENUES.venueCount();
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
        v.postable = VAULT.postable(account_, venue);
        if (!v.made) return v;
        v.resting = TOKEN.balanceOf(v.seat);
        // Our own seat's constant, whatever its venue is like.
        v.isolated = ISeat(v.seat).isolated();
        (v.readable, v.margin) = v.isolated ? (true, v.margin) : _margin(v.seat, 0);
        v.markets = _markets(v, markets);
    }

    /// @dev A seat that did not answer for its margin is not asked again, so that a venue which burns gas does so once; an
    /// isolated one does once a market.
    function _markets(SeatView memory s, bytes32[] calldata markets)
        internal
        view
        returns (MarketView[] memory views)
    {
        uint256 listed;
        for (uint256 i; i < markets.length; ++i) {
            if (VENUES.isListed(s.venue, markets[i])) ++listed;
        }
        views = new MarketView[](listed);
        for (uint256 i = markets.length; i > 0; --i) {
            if (!VENUES.isListed(s.venue, markets[i - 1])) continue;
            MarketView memory v = views[--listed];
            v.market = markets[i - 1];
            IVenues.Route memory route = VENUES.route(s.venue, v.market);
            // Our own seat's record of it, whatever its venue is like.
            if (route.delayed) v.pending = IDelayedSeat(s.seat).pending(route.instrument);
            if (s.readable) _look(v, s, route);
        }
    }

    function _look(MarketView memory v, SeatView memory s, IVenues.Route memory route) internal view {
        bytes memory answer;
        (v.readable, answer) = _read(s.seat, abi.encodeCall(ISeat.position, (route.instrument)));
        if (v.readable) v.position = abi.decode(answer, (ISeat.Position));
        if (v.readable && s.isolated) (v.readable, v.margin) = _margin(s.seat, route.instrument);
    }

    function _margin(address seat, bytes32 instrument) internal view returns (bool ok, ISeat.Margin memory m) {
        bytes memory answer;
        (ok, answer) = _read(seat, abi.encodeCall(ISeat.margin, (instrument)));
        if (ok) m = abi.decode(answer, (ISeat.Margin));
    }

    /// @dev A call that cannot fail: it burns the stipend at most, whatever comes back beyond the struct is not
    /// copied, and an answer of another length is no answer. The stipend is there in full or the whole read
    /// reverts, so that a sound venue is never blamed for its reader's gas.
    function _read(address seat, bytes memory question) private view returns (bool ok, bytes memory answer) {
        // The EVM hands on 63/64 of what is left.
        require(gasleft() - gasleft() / 64 > STIPEND + 10_000, NotEnoughGas(gasleft()));
        uint256 size = STRUCT_WORDS * 32;
        answer = new bytes(size);
        assembly ("memory-safe") {
            ok := staticcall(STIPEND, seat, add(question, 32), mload(question), add(answer, 32), size)
            ok := and(ok, eq(returndatasize(), size))
        }
    }
}
