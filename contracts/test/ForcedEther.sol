// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

/// @title ForcedEther
/// @notice Pushes the chain's coin into an address that did not ask for it.
contract ForcedEther {
    constructor(address payable to) payable {
        selfdestruct(to);
    }
}
