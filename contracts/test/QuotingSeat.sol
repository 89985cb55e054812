// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";

import {StandInSeat} from "./StandInSeat.sol";

/// @title QuotingSeat
/// @notice The stand-in, which trades at 2,000 USD, but asked for its price it says what it was told to, however
/// absurd.
contract QuotingSeat is StandInSeat {
    enum Manner {
        Honest,
        Returns,
        Reverts,
        Burns
    }

    Manner internal _manner;
    uint256[2] internal _words;
    uint256 internal _length;
    /// @notice Whether its seats do not even say what they hold.
    bool public silent;

    constructor(address vault, IERC20 token) StandInSeat(vault, token) {}

    /// @notice Told to the implementation: the first two words and the length of its answers.
    function say(Manner manner, uint256 first, uint256 second, uint256 length) external {
        (_manner, _length) = (manner, length);
        _words = [first, second];
    }

    function setSilent(bool silent_) external {
        silent = silent_;
    }

    function quote(bytes32, int256 size) external view override returns (uint256 paid, bool whole) {
        Manner manner = _manner;
        if (manner == Manner.Honest) return (uint256(size < 0 ? -size : size) * PRICE, true);
        (uint256 first, uint256 second, uint256 length) = (_words[0], _words[1], _length);
        assembly ("memory-safe") {
            if eq(manner, 3) { invalid() }
            mstore(0, first)
            mstore(32, second)
            if eq(manner, 2) { revert(0, length) }
            return(0, length)
        }
    }

    function _size(bytes32 instrument) internal view override returns (int256) {
        if (QuotingSeat(address(VENUE)).silent()) {
            assembly ("memory-safe") {
                invalid()
            }
        }
        return super._size(instrument);
    }
}
