// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IFeed} from "../../interfaces/IFeed.sol";

/// @title HostileFeed
/// @notice In a Chainlink feed's place: says what it was told to, or does not answer as one should.
contract HostileFeed is IFeed {
    enum Manner {
        Answers,
        Reverts,
        RevertBombs,
        Burns,
        AnswersShort
    }

    error Hostile();

    uint8 public decimals;
    Manner public manner;
    uint80 internal _round = 1;
    int256 internal _answer;
    uint256 internal _updatedAt;

    constructor(uint8 decimals_, int256 answer) {
        (decimals, _answer, _updatedAt) = (decimals_, answer, block.timestamp);
    }

    function say(int256 answer, uint256 updatedAt) external {
        (_round, _answer, _updatedAt) = (_round + 1, answer, updatedAt);
    }

    function setManner(Manner manner_) external {
        manner = manner_;
    }

    /// @notice A feed whose decimals change after it was registered.
    function setDecimals(uint8 decimals_) external {
        decimals = decimals_;
    }

    function latestRoundData() external view returns (uint80, int256, uint256, uint256, uint80) {
        Manner m = manner;
        require(m != Manner.Reverts, Hostile());
        assembly ("memory-safe") {
            if eq(m, 2) { revert(0, 1000000) }
            if eq(m, 3) { invalid() }
            if eq(m, 4) { return(0, 95) }
        }
        return (_round, _answer, _updatedAt, _updatedAt, _round);
    }
}
