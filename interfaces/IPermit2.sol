// SPDX-License-Identifier: MIT
pragma solidity >=0.8.24;

/// @title IPermit2
/// @notice The part of Uniswap's Permit2 that Ringside calls: one transfer by a signature that also covers a
/// witness, which is whatever else the signer agrees to.
interface IPermit2 {
    /// @notice The token, and the most of it that the signature lets go.
    struct TokenPermissions {
        address token;
        uint256 amount;
    }

    /// @notice What is signed, but for the spender and the witness.
    /// @param nonce Any number the signer has not used: nonces need no order.
    /// @param deadline Last second at which the signature counts.
    struct PermitTransferFrom {
        TokenPermissions permitted;
        uint256 nonce;
        uint256 deadline;
    }

    /// @notice What the spender asks for, which is not signed.
    struct SignatureTransferDetails {
        address to;
        uint256 requestedAmount;
    }

    /// @notice Moves `details.requestedAmount` from `owner` to `details.to`. The caller is the spender that was
    /// signed for. Reverts unless the signature is `owner`'s (an EOA's, or a contract's by EIP-1271) over just
    /// this permit and witness, is in time and has not been used.
    /// @param witness EIP-712 hash of the witness struct.
    /// @param witnessTypeString What follows "PermitWitnessTransferFrom(TokenPermissions permitted,address
    /// spender,uint256 nonce,uint256 deadline," in the signed type: the witness member, the closing bracket,
    /// and every struct named, TokenPermissions too, in alphabetical order.
    function permitWitnessTransferFrom(
        PermitTransferFrom calldata permit,
        SignatureTransferDetails calldata details,
        address owner,
        bytes32 witness,
        string calldata witnessTypeString,
        bytes calldata signature
    ) external;
}
