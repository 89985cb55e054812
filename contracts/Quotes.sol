// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {SignedMath} from "@openzeppelin/contracts/utils/math/SignedMath.sol";

import {IQuotes} from "../interfaces/IQuotes.sol";
import {IDelayedSeat, IInstantSeat, ISeat} from "../interfaces/ISeat.sol";
import {IVault} from "../interfaces/IVault.sol";
import {IVenues} from "../interfaces/IVenues.sol";

/// @title Quotes
/// @notice Asks venues and seats on the Desk's behalf, in a contract of its own because most fills need none of it. It
/// has no state, no rights and no administrator.
contract Quotes is IQuotes {
    /// @dev What a venue's quote may burn. The dearer of those here takes a tenth of it; the rest is for liquidity that
    /// somebody scattered over many prices so that the venue would seem to fail: some 17,000 for each price crossed.
    uint256 internal constant QUOTE_GAS = 2_000_000;
    /// @dev What looking at a position may burn; likewise.
    uint256 internal constant LOOK_GAS = 200_000;

    IVault public immutable VAULT;
    IVenues public immutable VENUES;

    constructor(IVault vault, IVenues venues) {
        VAULT = vault;
        VENUES = venues;
    }

    /// @inheritdoc IQuotes
    function best(bytes32 market, uint256 venues, int256 size, bool skip)
        external
        returns (uint256 quote, uint256 skipped)
    {
        (uint8[] memory ids, IVenues.Route[] memory routes) = VENUES.yardsticks(market, venues);
        for (uint256 i; i < ids.length; ++i) {
            (bool answered, uint256 found, bool whole) = _ask(ids[i], routes[i], size);
            if (!answered) {
                require(skip, Unquotable(ids[i]));
                skipped |= 1 << ids[i];
            } else if (whole && (quote == 0 || (size > 0 ? found < quote : found > quote))) {
                quote = found;
            }
        }
    }

    /// @inheritdoc IQuotes
    function against(bytes32 account, bytes32 market, uint256 venues, bool buys)
        external
        view
        returns (uint256 left, uint256 total)
    {
        for (uint8 i; venues >> i != 0; ++i) {
            if (!_counts(venues, i, market)) continue;
            IVenues.Route memory route = VENUES.route(i, market);
            (bool answered, int256 position) = _held(account, i, route);
            bool held = _opposes(position, buys);
            if (held) total = Math.saturatingAdd(total, SignedMath.abs(position));
            if (!answered || held || route.delayed && _opposes(_pending(account, i, route), buys)) {
                left |= 1 << i;
            }
        }
    }

    /// @inheritdoc IQuotes
    function closable(bytes32 account, bytes32 market, uint256 venues, bool buys, bool later)
        external
        returns (uint256 set)
    {
        for (uint8 i; venues >> i != 0; ++i) {
            if (!_counts(venues, i, market)) continue;
            IVenues.Route memory route = VENUES.route(i, market);
            if (route.delayed && !later) continue;
            (, int256 position) = _held(account, i, route);
            if (_opposes(position, buys) && _closable(account, i, route, position)) set |= 1 << i;
        }
    }

    // ----------------------------------------------------------------- internal

    function _counts(uint256 venues, uint8 venue, bytes32 market) internal view returns (bool) {
        return venues >> venue & 1 != 0 && VENUES.isListed(venue, market);
    }

    function _opposes(int256 position, bool buys) internal pure returns (bool) {
        return buys ? position < 0 : position > 0;
    }

    function _closable(bytes32 account, uint8 venue, IVenues.Route memory route, int256 position)
        internal
        returns (bool whole)
    {
        if (!route.delayed) {
            (,, whole) = _ask(venue, route, -position);
            return whole;
        }
        (address seat,) = VAULT.seatOf(account, venue);
        (, int256 answer) = _look(seat, abi.encodeCall(IDelayedSeat.closable, (route.instrument)), QUOTE_GAS);
        return answer == 1;
    }

    function _held(bytes32 account, uint8 venue, IVenues.Route memory route)
        internal
        view
        returns (bool answered, int256 position)
    {
        (address seat,) = VAULT.seatOf(account, venue);
        return _look(seat, abi.encodeCall(ISeat.held, (route.instrument)), LOOK_GAS);
    }

    /// @dev Zero where that is not said.
    function _pending(bytes32 account, uint8 venue, IVenues.Route memory route)
        internal
        view
        returns (int256 size)
    {
        (address seat,) = VAULT.seatOf(account, venue);
        (, size) = _look(seat, abi.encodeCall(IDelayedSeat.pending, (route.instrument)), LOOK_GAS);
    }

    /// @dev A call that cannot fail, of which nothing beyond two words is copied.
    function _ask(uint8 venue, IVenues.Route memory route, int256 size)
        internal
        returns (bool answered, uint256 quote, bool whole)
    {
        _requireGas(QUOTE_GAS);
        bytes memory question = abi.encodeCall(IInstantSeat.quote, (route.instrument, size));
        address to = route.implementation;
        bytes4 reason;
        assembly ("memory-safe") {
            answered := call(QUOTE_GAS, to, 0, add(question, 32), mload(question), 0, 64)
            if and(iszero(answered), eq(returndatasize(), 4)) { reason := mload(0) }
            answered := and(answered, eq(returndatasize(), 64))
            quote := mload(0)
            whole := eq(mload(32), 1)
        }
        // Else whoever locks a venue for the time of his call would pass it off as one that fails.
        require(reason != IInstantSeat.Busy.selector, VenueBusy(venue));
        // A price of zero is no price.
        answered = answered && (quote > 0 || !whole);
        whole = answered && whole;
    }

    /// @return answered Whether the seat said one word.
    /// @return word That word, else zero.
    function _look(address seat, bytes memory question, uint256 stipend)
        internal
        view
        returns (bool answered, int256 word)
    {
        _requireGas(stipend);
        assembly ("memory-safe") {
            answered := staticcall(stipend, seat, add(question, 32), mload(question), 0, 32)
            answered := and(answered, eq(returndatasize(), 32))
            word := mul(answered, mload(0))
        }
    }

    /// @dev The EVM hands on 63/64 of what is left.
    function _requireGas(uint256 stipend) internal view {
        require(gasleft() - gasleft() / 64 > stipend + 10_000, NotEnoughGas(gasleft()));
    }
}
