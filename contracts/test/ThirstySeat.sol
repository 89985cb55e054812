// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";

import {StandInSeat} from "./StandInSeat.sol";

/// @title ThirstySeat
/// @notice A venue that claims to be about to liquidate, however much margin it is given, and pays nothing out.
contract ThirstySeat is StandInSeat {
    error Thirsty();

    /// @notice The venue's: how much of what is posted it admits to, 1e18 = all.
    uint256 public admitted = 1e18;

    constructor(address vault, IERC20 token) StandInSeat(vault, token) {}

    function admit(uint256 part) external {
        admitted = part;
    }

    function margin(bytes32) external view override returns (Margin memory m) {
        m.equity = int256(posted * UNIT * ThirstySeat(address(VENUE)).admitted() / 1e18);
        m.maintenance = 1e36;
    }

    function _pull(bytes32, uint256) internal pure override {
        revert Thirsty();
    }
}
