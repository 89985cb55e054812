// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

/// @title ContractOwner
/// @notice Makes whatever call it is told to: an owner or an operator that is a contract. It refuses the chain's
/// coin.
contract ContractOwner {
    function run(address target, bytes calldata data) external returns (bytes memory) {
        (bool done, bytes memory answer) = target.call(data);
        if (!done) {
            assembly ("memory-safe") {
                revert(add(answer, 32), mload(answer))
            }
        }
        return answer;
    }
}
