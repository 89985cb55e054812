// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {SignatureChecker} from "@openzeppelin/contracts/utils/cryptography/SignatureChecker.sol";

/// @title Signatures
/// @notice Whether an owner signed a digest.
library Signatures {
    /// @dev A key's own signature first, which is cheaper; where there is none, whatever code the owner has is asked.
    function isBy(address owner, bytes32 digest, bytes calldata signature) internal view returns (bool) {
        (address signer, ECDSA.RecoverError failure,) = ECDSA.tryRecoverCalldata(digest, signature);
        if (failure == ECDSA.RecoverError.NoError && signer == owner) return true;
        return owner.code.length > 0
            && SignatureChecker.isValidERC1271SignatureNow(owner, digest, signature);
    }
}
