// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {SignedMath} from "@openzeppelin/contracts/utils/math/SignedMath.sol";

import {IInstantSeat, ISeat} from "../../interfaces/ISeat.sol";
import {Seat} from "./Seat.sol";

/// @title InstantSeat
/// @notice A seat at a venue that fills in the same transaction.
abstract contract InstantSeat is IInstantSeat, Seat {
    // ------------------------------------------------------------------- vault

    /// @inheritdoc IInstantSeat
    function trade(
        bytes32 instrument,
        int256 size,
        uint256 limitQuote,
        uint256 marginIn,
        bool fresh,
        bool measure
    ) external onlyVault returns (uint256 paid, int256 after_, uint256 leverage, bool flat) {
        // These venues take the settlement token itself, so nothing is lost on the way in.
        if (marginIn > 0) _post(instrument, marginIn, 0);
        int256 before = fresh ? int256(0) : _size(instrument);
        paid = _trade(instrument, size);
        after_ = _size(instrument);
        require(after_ - before == size, NotExact(size, after_ - before));
        require(size > 0 ? paid <= limitQuote : paid >= limitQuote, BeyondLimit(paid, limitQuote));
        // A purchase that ends short or flat only reduced, and so did a sale that ends long or flat.
        if (measure && (size > 0 ? after_ > 0 : after_ < 0)) leverage = _leverage(instrument, before != 0);
        flat = after_ == 0 && _flat();
    }

    /// @inheritdoc IInstantSeat
    function close(bytes32 instrument, uint256 limitPrice)
        external
        onlyVault
        returns (int256 done, uint256 paid, bool flat)
    {
        int256 before = _size(instrument);
        if (before != 0) paid = _close(instrument, before);
        int256 after_ = _size(instrument);
        done = after_ - before;
        // Closing never opens, turns or adds.
        bool reduced = before < 0 ? done >= 0 && after_ <= 0 : done <= 0 && after_ >= 0;
        require(reduced, NotExact(-before, done));
        // A limit that no price could exceed may be given as the largest number.
        uint256 limit = Math.saturatingMul(limitPrice, SignedMath.abs(done)) / 1e18;
        require(before < 0 ? paid <= limit : paid >= limit, BeyondLimit(paid, limit));
        flat = after_ == 0 && _flat();
    }

    // -------------------------------------------------------------------- reads

    /// @inheritdoc ISeat
    function delayed() external pure returns (bool) {
        return false;
    }

    // --------------------------------------------------- what each venue fills in

    /// @dev Trades `size` and returns the whole price the venue reports for it, rounded against the trader.
    function _trade(bytes32 instrument, int256 size) internal virtual returns (uint256 paid);

    /// @dev Closes `position`, or as much of it as the venue lets; returns the whole price of that.
    function _close(bytes32 instrument, int256 position_) internal virtual returns (uint256 paid);

    /// @dev Leverage of the instrument's pocket by the cheapest correct reads, right after a trade in it, when
    /// its accrued funding is settled. Where the pocket holds another instrument too, by the venue's views.
    /// @param had Whether there was a position before the trade: some venues then hold prices ready.
    function _leverage(bytes32 instrument, bool had) internal view virtual returns (uint256);
}
