// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";

import {Vault} from "../../contracts/Vault.sol";
import {IVenues} from "../../interfaces/IVenues.sol";

// Proofs as in Proofs.sol, of the caps on what is posted at a venue.

/// @notice A token that moves whatever is asked.
contract Moves {
    function transfer(address, uint256) external pure returns (bool) {
        return true;
    }
}

contract PostedProofs is Vault {
    constructor() Vault(IERC20(address(new Moves())), IVenues(address(2))) {}

    function send(bytes32 account, uint8 venue, uint40 cap, uint40 accountCap, uint256 amount) external {
        IVenues.Route memory route;
        (route.cap, route.accountCap) = (cap, accountCap);
        _send(account, venue, route, address(3), amount);
    }

    /// @notice What an operator sends brings neither count above its cap, and both count exactly what was sent.
    function check_an_operator_posts_within_both_caps(
        bytes32 account,
        uint8 venue,
        uint40 cap,
        uint40 accountCap,
        uint128 all,
        uint128 own,
        uint256 amount
    ) external {
        if (amount == 0 || address(bytes20(account)) == address(this)) return;
        (posted[venue], postedBy[account][venue]) = (all, own);
        try this.send(account, venue, cap, accountCap, amount) {
            assert(uint256(all) + amount <= cap && uint256(own) + amount <= accountCap);
            assert(posted[venue] == uint256(all) + amount && postedBy[account][venue] == uint256(own) + amount);
        } catch {
            assert(amount > cap || amount > accountCap || all > cap - amount || own > accountCap - amount);
        }
    }

    /// @notice What an owner sends is counted, and no cap refuses it.
    function check_no_cap_refuses_an_owner(uint8 venue, uint40 cap, uint40 accountCap, uint64 all, uint64 own, uint64 amount)
        external
    {
        bytes32 account = bytes32(bytes20(address(this)));
        (posted[venue], postedBy[account][venue]) = (all, own);
        try this.send(account, venue, cap, accountCap, amount) {} catch {
            assert(false);
        }
        assert(posted[venue] == uint256(all) + amount && postedBy[account][venue] == uint256(own) + amount);
    }

    function countBack(bytes32 account, uint8 venue, uint256 amount) external {
        _countBack(account, venue, amount);
    }

    /// @notice What comes back is taken off both counts alike, never below none of the account's, and off no other's.
    function check_what_comes_back_is_counted_no_further_than_it_went(
        bytes32 account,
        bytes32 other,
        uint8 venue,
        uint256 all,
        uint256 own,
        uint256 theirs,
        uint256 amount
    ) external {
        if (account == other || own > all) return;
        (posted[venue], postedBy[account][venue], postedBy[other][venue]) = (all, own, theirs);
        // It never fails: who could not be counted could not leave. A revert alone would be no counterexample.
        try this.countBack(account, venue, amount) {} catch {
            assert(false);
        }
        assert(postedBy[account][venue] == (amount < own ? own - amount : 0));
        assert(all - posted[venue] == own - postedBy[account][venue]);
        assert(postedBy[other][venue] == theirs);
    }
}
