// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {AccessManager} from "@openzeppelin/contracts/access/manager/AccessManager.sol";

/// @title Access
/// @notice Who may add to the registry, and after which delay: OpenZeppelin's AccessManager as it is.
contract Access is AccessManager {
    constructor(address admin) AccessManager(admin) {}
}
