// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";

/// @title CallingToken
/// @notice A token of six decimals that calls somebody at every transfer, in the middle of it, and remembers how each call
/// ended.
contract CallingToken is ERC20 {
    struct Call {
        address target;
        bytes data;
    }

    Call[] internal _calls;
    bytes4[] internal _outcomes;

    constructor() ERC20("Calling", "CALL") {}

    function mint(address to, uint256 amount) external {
        _mint(to, amount);
    }

    /// @notice What to do at the next transfers.
    function plan(Call[] calldata calls) external {
        delete _calls;
        delete _outcomes;
        for (uint256 i; i < calls.length; ++i) {
            _calls.push(calls[i]);
        }
    }

    /// @notice Makes a call as the token, which has accounts at the vault like anybody.
    function run(address target, bytes calldata data) external {
        (bool done,) = target.call(data);
        require(done, "run");
    }

    /// @return The first four bytes that each call failed with; zero if it went through.
    function outcomes() external view returns (bytes4[] memory) {
        return _outcomes;
    }

    function decimals() public pure override returns (uint8) {
        return 6;
    }

    function _update(address from, address to, uint256 amount) internal override {
        super._update(from, to, amount);
        for (uint256 i; i < _calls.length; ++i) {
            (bool done, bytes memory answer) = _calls[i].target.call(_calls[i].data);
            _outcomes.push(done ? bytes4(0) : bytes4(answer));
        }
    }
}
