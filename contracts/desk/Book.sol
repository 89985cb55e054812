// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import {SignedMath} from "@openzeppelin/contracts/utils/math/SignedMath.sol";

import {IOrders} from "../../interfaces/IOrders.sol";

/// @title Book
/// @notice The desk's half that remembers: what orders, bundles' steps and groups have used, and what is cancelled. It
/// makes no external call.
///
/// REPLAY
/// A nonce has two bits: spent, when its order is complete or cancelled; bound, when an order was filled in part
/// under it, whose digest and use are then kept beside. An order that fills whole at once touches its bit alone.
abstract contract Book is IOrders {
    uint256 internal constant SPENT = 1;
    uint256 internal constant BOUND = 2;

    /// @dev How an order stands under its nonce: by itself, as a step of a bundle, or in an atomic bundle, whose nonce
    /// is spent before.
    enum Kind {
        Alone,
        Step,
        Atomic
    }

    /// @dev Whose terms are being filled.
    /// @param root The digest that was signed.
    /// @param key What its progress is kept under.
    /// @param conditional Whether its terms have conditions.
    struct Job {
        Kind kind;
        bytes32 account;
        bytes32 root;
        bytes32 key;
        uint256 nonce;
        bool conditional;
    }

    /// @dev What a ticket of the desk's was made for.
    /// @param cost What it costs if it fails, token units, rounded up.
    struct Made {
        bytes32 key;
        uint128 size;
        uint64 tip;
        uint64 cost;
        uint256 group;
    }

    /// @dev What is left of the latest interval that a schedule was filled in, counted from 1.
    struct Slice {
        uint128 interval;
        uint128 left;
    }

    /// @inheritdoc IOrders
    mapping(bytes32 account => uint256) public epochs;
    /// @inheritdoc IOrders
    mapping(bytes32 account => mapping(uint256 group => uint256)) public groupUsed;
    /// @inheritdoc IOrders
    mapping(bytes32 key => Closing) public closings;
    /// @dev Two bits a nonce, 128 nonces a word.
    mapping(bytes32 account => mapping(uint256 word => uint256 bits)) internal _nonces;
    mapping(bytes32 account => mapping(uint256 nonce => bytes32 digest)) internal _bound;
    mapping(bytes32 key => Progress) internal _progress;
    mapping(bytes32 key => Slice) internal _slices;
    mapping(bytes32 ticket => Made) internal _made;

    // ------------------------------------------------------------------- owner

    /// @inheritdoc IOrders
    function cancel(bytes32 account, uint256 nonce) external {
        _requireOwner(account);
        _spend(account, nonce);
        emit Cancelled(account, nonce);
    }

    /// @inheritdoc IOrders
    function raiseEpoch(bytes32 account, uint256 epoch) external {
        _requireOwner(account);
        require(epoch > epochs[account], EpochNotRaised(epochs[account]));
        epochs[account] = epoch;
        emit EpochRaised(account, epoch);
    }

    // -------------------------------------------------------------------- reads

    /// @inheritdoc IOrders
    function progress(bytes32 key) external view returns (Progress memory) {
        return _progress[key];
    }

    /// @inheritdoc IOrders
    function isSpent(bytes32 account, uint256 nonce) external view returns (bool) {
        return _state(account, nonce) & SPENT != 0;
    }

    // ------------------------------------------------------------------ booking

    /// @dev Counts a fill, or a ticket as if it were filled.
    /// @param whole The order's size; of one to close all, what there is to close now.
    /// @return tip The fill's part of the order's.
    /// @return latched Whether something was filled or tried under these terms before.
    function _count(
        Job memory job,
        Terms calldata terms,
        uint256 whole,
        uint256 size,
        uint256 margin,
        bool ticket
    ) internal returns (uint256 tip, bool latched) {
        uint256 state = job.kind == Kind.Atomic ? 0 : _claimed(job);
        if (state == 0 && _wholeAtOnce(job, terms, size, ticket)) {
            require(margin <= terms.maxMargin, TooMuchMargin(terms.maxMargin, margin));
            _spend(job.account, job.nonce);
            return (terms.tip, false);
        }
        Progress memory p;
        if (state & BOUND != 0) p = _progress[job.key];
        latched = p.used != 0 || p.failures != 0;

        tip = _parts(job, terms, p, whole, size, margin);
        if (job.conditional) _countConditions(job, terms.conditions[0], size);

        if (job.kind == Kind.Atomic) return (tip, latched);
        bool all = _closesAll(terms);
        uint256 total = p.used + size;
        if (job.kind == Kind.Alone && !all && total == whole && !ticket && p.pending == 0) {
            _spend(job.account, job.nonce);
            if (state & BOUND != 0) delete _progress[job.key];
            return (tip, latched);
        }
        if (state & BOUND == 0) _bind(job);
        Progress storage s = _progress[job.key];
        s.used = SafeCast.toUint128(total);
        s.margin = SafeCast.toUint64(p.margin + margin);
        s.tip = SafeCast.toUint64(p.tip + tip);
        if (ticket) (s.pending, s.open) = (SafeCast.toUint128(p.pending + size), p.open + 1);
        if (all && s.open == 0 && closings[job.key].left == 0) {
            s.done = true;
            if (job.kind == Kind.Alone) _spend(job.account, job.nonce);
        }
    }

    /// @dev What a part of an order may be, and what of the signed margin and tip it may use.
    /// @return tip As `_count`.
    function _parts(
        Job memory job,
        Terms calldata terms,
        Progress memory p,
        uint256 whole,
        uint256 size,
        uint256 margin
    ) internal pure returns (uint256 tip) {
        bool all = _closesAll(terms);
        require(!p.done, Overfilled(0, size));
        uint256 open = all ? size : whole - p.used;
        require(size <= open, Overfilled(open, size));
        uint256 total = p.used + size;
        bool first = !all && size == whole;
        require(first || all || job.kind != Kind.Atomic && !terms.bounds.allOrNone, BelowMinFill(whole, size));
        require(total == whole || size >= terms.bounds.minFill || all, BelowMinFill(terms.bounds.minFill, size));

        // No more than this is ever idle, so no product below overflows.
        uint256 share = Math.min(terms.maxMargin, type(uint96).max);
        tip = Math.min(terms.tip, type(uint96).max);
        if (all) {
            // In proportion to what there is to close, of what is not paid or set aside yet.
            share = 0;
            tip = size == 0 ? 0 : Math.saturatingSub(tip, p.tip) * size / Math.max(whole, size);
        } else if (!first) {
            share = Math.ceilDiv(share * total, whole);
            // By what was paid, not by what was filled: a ticket that failed gave its tip back.
            tip = Math.saturatingSub(tip * total / whole, p.tip);
        }
        share = Math.saturatingSub(share, p.margin);
        require(margin <= share, TooMuchMargin(share, margin));
    }

    /// @dev What most orders are: filled whole, by themselves, with nothing kept beside.
    function _wholeAtOnce(Job memory job, Terms calldata terms, uint256 size, bool ticket)
        internal
        pure
        returns (bool)
    {
        return size == SignedMath.abs(terms.size) && !ticket && job.kind == Kind.Alone
            && !job.conditional && !_closesAll(terms);
    }

    /// @dev Groups and schedules.
    function _countConditions(Job memory job, Conditions calldata c, uint256 size) internal {
        if (c.group != 0) {
            uint256 used = groupUsed[job.account][c.group];
            uint256 left = Math.saturatingSub(c.groupSize, used);
            // Without legs too: a group that is used up has cancelled this.
            require(size <= left && left > 0, BeyondGroup(left, size));
            groupUsed[job.account][c.group] = used + size;
        }
        if (c.interval != 0) {
            Slice memory s = _slices[job.key];
            uint256 interval = Math.saturatingSub(block.timestamp, c.notBefore) / c.interval + 1;
            uint256 left = s.left;
            if (interval > s.interval) {
                uint256 missed = interval - s.interval - 1;
                left = Math.saturatingMul(c.slice, 1 + Math.min(missed, c.catchUp));
            }
            require(size <= left, BeyondSlice(left, size));
            // What is left beyond 128 bits is more than any order's size.
            left = Math.min(left - size, type(uint128).max);
            _slices[job.key] = Slice(SafeCast.toUint128(interval), uint128(left));
        }
    }

    /// @dev Remembers a ticket, and what it may cost.
    function _remember(Job memory job, Terms calldata terms, bytes32 ticket, Made memory made) internal {
        Tickets calldata signed = terms.tickets[0];
        Progress storage p = _progress[job.key];
        require(uint256(p.failures) + p.open <= signed.most, TooManyTickets(signed.most));
        uint256 cost = uint256(p.cost) + made.cost;
        require(cost <= signed.maxCost, TicketsTooDear(signed.maxCost, cost));
        p.cost = SafeCast.toUint64(cost);
        if (job.conditional) made.group = terms.conditions[0].group;
        _made[ticket] = made;
    }

    /// @dev Books a ticket's end: what it filled stays used, the rest is free again. Its cost stays for the part that
    /// failed. What an order to close all has not closed there it may try again.
    function _forget(bytes32 account, uint8 venue, bytes32 ticket, uint256 filled)
        internal
        returns (Made memory made)
    {
        made = _made[ticket];
        delete _made[ticket];
        Progress storage p = _progress[made.key];
        uint256 undone = made.size - Math.min(filled, made.size);
        uint256 back = Math.ceilDiv(made.tip * undone, made.size);
        // Casts safe because each part was added when the ticket was made.
        p.pending -= made.size;
        p.open -= 1;
        p.used -= uint128(undone);
        p.tip -= uint64(back);
        if (filled == 0) p.failures += 1;
        // Safe because it is a part of what fits; rounded against the keeper, who has that much less to fail with.
        p.cost -= uint64(made.cost * (made.size - undone) / made.size);
        if (made.group != 0) groupUsed[account][made.group] -= undone;
        Closing storage closing = closings[made.key];
        if (!closing.begun) return made;
        if (undone != 0) closing.left |= uint64(1) << venue;
        else if (closing.left == 0 && p.open == 0) p.done = true;
    }

    // ----------------------------------------------------------------- internal

    /// @dev "Close all" is the largest size there is, in the direction that closes.
    function _closesAll(Terms calldata terms) internal pure returns (bool) {
        return terms.size == type(int256).max || terms.size == type(int256).min;
    }

    /// @return state The nonce's bits; it is free, or this job's.
    function _claimed(Job memory job) internal view returns (uint256 state) {
        state = _state(job.account, job.nonce);
        require(state & SPENT == 0, NonceSpent(job.nonce));
        if (state & BOUND != 0) {
            bytes32 first = _bound[job.account][job.nonce];
            require(first == job.root, NonceTaken(job.nonce, first));
        }
    }

    function _bind(Job memory job) internal {
        _nonces[job.account][job.nonce >> 7] |= BOUND << _shift(job.nonce);
        _bound[job.account][job.nonce] = job.root;
    }

    function _spend(bytes32 account, uint256 nonce) internal {
        _nonces[account][nonce >> 7] |= SPENT << _shift(nonce);
    }

    function _state(bytes32 account, uint256 nonce) internal view returns (uint256) {
        return _nonces[account][nonce >> 7] >> _shift(nonce) & (SPENT | BOUND);
    }

    function _shift(uint256 nonce) internal pure returns (uint256) {
        return (nonce & 0x7f) << 1;
    }

    function _requireOwner(bytes32 account) internal view {
        require(msg.sender == address(bytes20(account)), NotOwner(account, msg.sender));
    }
}
