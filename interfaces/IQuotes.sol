// SPDX-License-Identifier: MIT
pragma solidity >=0.8.24;

/// @title IQuotes
/// @notice What the venues would do now. It owns nothing and is believed only by who chose it. Every venue is asked with
/// a fixed stipend of gas that is checked beforehand, so that no caller can make a sound venue fail; what a failing one
/// says is not copied. Sets of venues are bits.
interface IQuotes {
    /// @notice Less gas than every venue asked is given: send the same again with more.
    error NotEnoughGas(uint256 left);
    /// @notice An allowed venue does not answer when asked for its price.
    error Unquotable(uint8 venue);
    /// @notice The caller is within that venue, which has no price then: call from outside.
    error VenueBusy(uint8 venue);

    /// @notice The best whole price at which one of `venues` alone would fill all of `size` at once. Venues that fill
    /// later and those that are paused are not asked.
    /// @param skip Whether a venue that does not answer is left out; else it is an error.
    /// @return quote 1e18 USD, fees in it; zero where none would.
    /// @return skipped Those that did not answer.
    function best(bytes32 market, uint256 venues, int256 size, bool skip)
        external
        returns (uint256 quote, uint256 skipped);

    /// @notice Which of `venues` hold a position of the account's that buying (or else selling) would close, or may come to
    /// one: do not answer, or have a ticket pending that would open it.
    /// @return left These.
    /// @return total Σ|position| of it where that is said, 1e18 base.
    function against(bytes32 account, bytes32 market, uint256 venues, bool buys)
        external
        view
        returns (uint256 left, uint256 total);

    /// @notice Which of `venues` hold such a position and would let it be closed now: at once in full, or by a ticket where none is
    /// in the way.
    /// @param later Whether venues that fill later count.
    function closable(bytes32 account, bytes32 market, uint256 venues, bool buys, bool later)
        external
        returns (uint256);
}
