// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";

import {StandInSeat} from "./StandInSeat.sol";

/// @title MoodySeat
/// @notice The stand-in at a venue that answers as its mood is: how it prices, and what it says of a position, apart.
contract MoodySeat is StandInSeat {
    enum Mood {
        Honest,
        Reverting,
        Burning,
        Bombing,
        Unable
    }

    error Moody();

    /// @notice The venue's own: how it answers what it would fill at, and what a seat holds.
    Mood public quoting;
    Mood public telling;

    constructor(address vault, IERC20 token) StandInSeat(vault, token) {}

    function setMoods(Mood quoting_, Mood telling_) external {
        (quoting, telling) = (quoting_, telling_);
    }

    /// @inheritdoc StandInSeat
    function quote(bytes32, int256 size) external view override returns (uint256, bool) {
        Mood mood = MoodySeat(address(VENUE)).quoting();
        _be(mood);
        return (uint256(size < 0 ? -size : size) * PRICE, mood != Mood.Unable);
    }

    function _size(bytes32) internal view override returns (int256) {
        _be(MoodySeat(address(VENUE)).telling());
        return held_;
    }

    function _be(Mood mood) internal pure {
        if (mood == Mood.Reverting) revert Moody();
        assembly ("memory-safe") {
            if eq(mood, 2) { invalid() }
            if eq(mood, 3) { return(0, 100000) }
        }
    }
}
