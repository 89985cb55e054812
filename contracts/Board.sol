// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IBoard} from "../interfaces/IBoard.sol";
import {IOrders} from "../interfaces/IOrders.sol";

/// @title Board
/// @notice
///
/// WHAT IT DOES
/// It repeats what it is given as an event. No state, no rights, no administrator, no money: nothing can be sent to it, and
/// no contract of Ringside's knows of it. It cannot be stopped and need not be: a keeper stops reading.
///
/// WHAT IT VERIFIES
/// That the names are those of the markets, since the order that is hashed on the chain carries only their hashes and the
/// one that was signed, and that a keeper plans, has the names. Nothing else: a signature may belong to an owner that is a
/// contract, what it is worth changes by the block, and the Desk checks it when it counts. Whoever reads checks it too.
///
/// WHO POSTS
/// Anyone, for any account: the signature is what speaks for its owner, and posting it gives no more than the owner gave by
/// signing. What is posted is public for good; to take an order back its owner cancels it at the Desk.
contract Board is IBoard {
    /// @inheritdoc IBoard
    function post(IOrders.Order calldata order, string calldata market, bytes calldata signature) external {
        _requireName(0, order.terms.market, market);
        emit OrderPosted(order.account, msg.sender, order, market, signature);
    }

    /// @inheritdoc IBoard
    function postBundle(IOrders.Bundle calldata bundle, string[] calldata markets, bytes calldata signature) external {
        uint256 steps = bundle.steps.length;
        require(markets.length == steps, WrongNames(steps, markets.length));
        for (uint256 i; i < steps; ++i) {
            _requireName(i, bundle.steps[i].market, markets[i]);
        }
        emit BundlePosted(bundle.account, msg.sender, bundle, markets, signature);
    }

    function _requireName(uint256 step, bytes32 market, string calldata name) private pure {
        require(keccak256(bytes(name)) == market, WrongName(step, market));
    }
}
