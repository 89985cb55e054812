// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IERC20Metadata} from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Metadata.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {SignedMath} from "@openzeppelin/contracts/utils/math/SignedMath.sol";

import {IBundles} from "../interfaces/IBundles.sol";
import {IQuotes} from "../interfaces/IQuotes.sol";
import {IVault} from "../interfaces/IVault.sol";
import {IVenues} from "../interfaces/IVenues.sol";
import {Fills} from "./desk/Fills.sol";
import {Orders} from "./libraries/Orders.sol";

/// @title Bundles
/// @notice Several orders under one signature: atomic, step by step, or in proportion. The Desk runs this code on its own
/// state (`delegatecall`), because one contract would be too large for all of it; called by itself it is a desk that
/// nobody has granted anything.
contract Bundles is Fills, IBundles {
    using Orders for Bundle;

    constructor(IVault vault, IVenues venues, IQuotes quotes, IERC20Metadata token)
        Fills(vault, venues, quotes, token)
    {}

    // ------------------------------------------------------------------ anyone

    /// @inheritdoc IBundles
    function fillBundle(
        Bundle calldata bundle,
        bytes calldata signature,
        Leg[][] calldata legs,
        Receipt calldata receipt
    ) external {
        bytes32 root = _checkBundle(bundle, signature);
        require(bundle.mode == 0 && legs.length == bundle.steps.length, BadBundle());
        _claimWhole(bundle.account, bundle.nonce, root);
        for (uint256 i; i < legs.length; ++i) {
            Job memory job = Job(Kind.Atomic, bundle.account, root, _stepKey(root, i), bundle.nonce, false);
            _fill(job, bundle.steps[i], legs[i], receipt);
        }
    }

    /// @inheritdoc IBundles
    function fillStep(
        Bundle calldata bundle,
        bytes calldata signature,
        uint256 step,
        Leg[] calldata legs,
        Receipt calldata receipt
    ) external returns (uint256 quote) {
        uint256 size;
        for (uint256 i; i < legs.length; ++i) {
            size = Math.saturatingAdd(size, SignedMath.abs(legs[i].size));
        }
        return _fill(_step(bundle, signature, step, size), bundle.steps[step], legs, receipt);
    }

    /// @inheritdoc IBundles
    function commitStep(
        Bundle calldata bundle,
        bytes calldata signature,
        uint256 step,
        Leg calldata leg,
        Receipt calldata receipt
    ) external payable returns (uint256 number) {
        Job memory job = _step(bundle, signature, step, SignedMath.abs(leg.size));
        return _commit(job, bundle.steps[step], leg, receipt);
    }

    /// @inheritdoc IBundles
    function bundleDigest(Bundle calldata bundle) public view returns (bytes32) {
        return _hashTypedDataV4(bundle.hash());
    }

    // ----------------------------------------------------------------- internal

    function _step(Bundle calldata bundle, bytes calldata signature, uint256 step, uint256 size)
        internal
        view
        returns (Job memory)
    {
        bytes32 root = _checkBundle(bundle, signature);
        bool known = bundle.mode == 1 || bundle.mode == 2;
        require(known && step < bundle.steps.length, BadBundle());
        _requireOpen(bundle, root, step, size);
        return Job(Kind.Step, bundle.account, root, _stepKey(root, step), bundle.nonce, false);
    }

    function _checkBundle(Bundle calldata bundle, bytes calldata signature) internal view returns (bytes32 root) {
        root = bundleDigest(bundle);
        _checkSigned(bundle.account, root, signature, bundle.deadline, bundle.epoch);
    }

    /// @dev An atomic bundle's nonce is spent by the one fill there is.
    function _claimWhole(bytes32 account, uint256 nonce, bytes32 root) internal {
        uint256 state = _claimed(Job(Kind.Atomic, account, root, root, nonce, false));
        require(state & BOUND == 0, NonceTaken(nonce, root));
        _spend(account, nonce);
    }

    /// @dev Whether a step may be taken up to `size`, by what is filled of the step before; pending does not count.
    function _requireOpen(Bundle calldata bundle, bytes32 root, uint256 step, uint256 size) internal view {
        if (step == 0) return;
        Terms calldata last = bundle.steps[step - 1];
        Progress memory p = _progress[_stepKey(root, step - 1)];
        require(last.size != 0, BadSize(0));
        uint256 whole = SignedMath.abs(last.size);
        uint256 filled = p.done ? whole : p.used - p.pending;
        if (bundle.mode == 2 && !_closesAll(last) && !_closesAll(bundle.steps[step])) {
            uint256 used = _progress[_stepKey(root, step)].used + size;
            uint256 mine = SignedMath.abs(bundle.steps[step].size);
            require(used <= mine * filled / whole, StepNotOpen(step));
        } else {
            require(filled == whole, StepNotOpen(step));
        }
    }

    function _stepKey(bytes32 root, uint256 step) internal pure returns (bytes32) {
        return keccak256(abi.encode(root, step));
    }
}
