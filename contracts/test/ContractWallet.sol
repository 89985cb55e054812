// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IERC1271} from "@openzeppelin/contracts/interfaces/IERC1271.sol";
import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";

import {ContractOwner} from "./ContractOwner.sol";

/// @title ContractWallet
/// @notice An owner that is a contract and signs by ERC-1271: what its key signed counts, unless its mood is another.
contract ContractWallet is IERC1271, ContractOwner {
    enum Mood {
        Honest,
        Refusing,
        Reverting,
        Garbled,
        Short
    }

    error Moody();

    address public immutable KEY;
    Mood public mood;

    constructor(address key) {
        KEY = key;
    }

    function setMood(Mood mood_) external {
        mood = mood_;
    }

    /// @inheritdoc IERC1271
    function isValidSignature(bytes32 digest, bytes calldata signature) external view returns (bytes4) {
        if (mood == Mood.Refusing) return 0xffffffff;
        if (mood == Mood.Reverting) revert Moody();
        if (mood == Mood.Garbled) _answer(bytes32(IERC1271.isValidSignature.selector) | bytes32(uint256(1)), 32);
        if (mood == Mood.Short) _answer(IERC1271.isValidSignature.selector, 4);
        (address signer,,) = ECDSA.tryRecoverCalldata(digest, signature);
        return signer == KEY ? IERC1271.isValidSignature.selector : bytes4(0xffffffff);
    }

    function _answer(bytes32 word, uint256 length) internal pure {
        assembly ("memory-safe") {
            mstore(0, word)
            return(0, length)
        }
    }
}
