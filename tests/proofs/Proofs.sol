// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {IERC20Metadata} from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Metadata.sol";

import {Book} from "../../contracts/desk/Book.sol";
import {Prices} from "../../contracts/desk/Prices.sol";
import {Vault} from "../../contracts/Vault.sol";
import {IQuotes} from "../../interfaces/IQuotes.sol";
import {IVenues} from "../../interfaces/IVenues.sol";

// Each function that begins with `check_` is proved by halmos for every value its arguments can have: it looks for one
// that makes an assertion fail. Where a product of two unknowns is divided by a third, the arguments are narrower than the
// contracts', since no solver decides that at full width: the type says how wide. A harness only opens what is internal.

/// @notice A token of six decimals.
contract Decimals6 {
    function decimals() external pure returns (uint8) {
        return 6;
    }
}

contract VaultProofs is Vault {
    constructor() Vault(IERC20(address(1)), IVenues(address(2))) {}

    /// @notice Idle falls by exactly what is spent, and nothing else in the account's word changes but what is asked for.
    function check_spending_moves_nothing_else_in_the_accounts_word(
        bytes32 account,
        bytes32 other,
        uint96 idle_,
        uint32 day,
        uint64 paid_,
        uint64 active_,
        uint96 amount,
        uint8 venue,
        bool marked
    ) external {
        if (account == other || amount > idle_ || venue >= 64) return;
        // A venue's bit, or none, as every caller has it: of two, one that is there hides that the other is not.
        uint64 marks = marked ? uint64(1) << venue : 0;
        _balances[account] = Balance(idle_, day, paid_, active_);
        _balances[other] = Balance(idle_, day, paid_, active_);
        _spend(account, amount, 0, marks);
        Balance memory b = _balances[account];
        assert(b.idle == idle_ - amount && b.payDay == day && b.paid == paid_ && b.active == active_ | marks);
        b = _balances[other];
        assert(b.idle == idle_ && b.payDay == day && b.paid == paid_ && b.active == active_);
    }

    /// @notice More than idle is never spent.
    function check_nothing_is_spent_beyond_idle(bytes32 account, uint96 idle_, uint256 amount) external {
        _balances[account].idle = idle_;
        try this.spend(account, amount) {
            assert(amount <= idle_);
            assert(_balances[account].idle == idle_ - amount);
        } catch {
            assert(amount > idle_);
        }
    }

    function spend(bytes32 account, uint256 amount) external {
        _spend(account, amount, 0, 0);
    }

    /// @notice What is credited arrives whole, or the credit fails: nothing wraps.
    function check_a_credit_arrives_whole_or_fails(bytes32 account, uint96 idle_, uint256 amount) external {
        _balances[account].idle = idle_;
        try this.credit(account, amount) {
            assert(uint256(_balances[account].idle) == uint256(idle_) + amount);
        } catch {
            assert(amount > type(uint96).max - idle_);
        }
    }

    function credit(bytes32 account, uint256 amount) external {
        _credit(account, amount);
    }

    /// @notice An operator acts only with every right asked for, at every venue, in time, and within the day's cap with all
    /// that was paid today.
    function check_an_operator_stays_within_its_grant_and_the_days_cap(
        bytes32 account,
        uint8 rights,
        uint40 expiry,
        uint64 cap,
        uint128 venues,
        uint64 paid_,
        uint8 asked,
        uint256 at,
        uint256 pays
    ) external {
        if (address(bytes20(account)) == address(this)) return;
        _operators[account][address(this)] = Operator(rights, expiry, cap, venues);
        (_balances[account].paid, _balances[account].payDay) = (paid_, _today());
        try this.authorise(account, asked, at, pays) {
            assert(rights & asked == asked && block.timestamp <= expiry && venues & at == at);
            assert(pays == 0 || pays <= cap && uint256(paid_) + pays <= cap);
        } catch {}
    }

    function authorise(bytes32 account, uint8 rights, uint256 at, uint256 pays) external view {
        _authorise(account, rights, at, pays);
    }

    /// @notice Only the account's venue is marked flat.
    function check_clearing_a_venue_clears_its_bit_alone(bytes32 account, uint64 active_, uint8 venue) external {
        if (venue >= 64) return;
        _balances[account].active = active_;
        _clearActive(account, venue);
        uint64 now_ = _balances[account].active;
        assert(now_ >> venue & 1 == 0);
        assert(now_ | (uint64(1) << venue) == active_ | (uint64(1) << venue));
    }
}

contract BookProofs is Book {
    /// @notice Spending or binding a nonce shows under that nonce, and under no other, of no other account.
    function check_a_nonce_has_bits_of_its_own(
        bytes32 account,
        bytes32 other,
        uint256 nonce,
        uint256 another,
        uint256 word
    ) external {
        if (account == other && nonce == another) return;
        _nonces[account][nonce >> 7] = word;
        _nonces[other][another >> 7] = word;
        (uint256 mine, uint256 theirs) = (_state(account, nonce), _state(other, another));
        _spend(account, nonce);
        assert(_state(account, nonce) == mine | SPENT);
        assert(_state(other, another) == theirs);
        _bind(Job(Kind.Alone, account, bytes32(word), 0, nonce, false));
        assert(_state(account, nonce) == SPENT | BOUND);
        assert(_state(other, another) == theirs);
    }

    /// @notice A spent nonce is refused, and a bound one is its first order's alone.
    function check_a_nonce_is_one_orders(bytes32 account, uint256 nonce, bytes32 first, bytes32 root, bool spent)
        external
    {
        Job memory job = Job(Kind.Alone, account, first, first, nonce, false);
        _bind(job);
        if (spent) _spend(account, nonce);
        job.root = root;
        try this.claimed(job) {
            assert(!spent && root == first);
        } catch {
            assert(spent || root != first);
        }
    }

    function claimed(Job memory job) external view returns (uint256) {
        return _claimed(job);
    }

    function parts(Job memory job, Terms calldata terms, Progress memory p, uint256 size, uint256 margin)
        external
        pure
        returns (uint256)
    {
        return _parts(job, terms, p, uint256(terms.size), size, margin);
    }

    function _terms(uint256 size, uint256 maxMargin, uint256 tip) internal pure returns (Terms memory t) {
        (t.size, t.maxMargin, t.tip) = (int256(size), maxMargin, tip);
    }

    /// @notice No part brings used beyond the size or margin beyond its share ⌈maxMargin × used ÷ size⌉, so never beyond all.
    function check_a_part_stays_within_size_and_its_share_of_margin(
        uint8 whole,
        uint8 used,
        uint8 size,
        uint8 maxMargin,
        uint8 taken,
        uint8 margin
    ) external {
        if (whole == 0 || used > whole || taken > maxMargin) return;
        Job memory job;
        Progress memory p;
        (p.used, p.margin) = (used, taken);
        try this.parts(job, _terms(whole, maxMargin, 0), p, size, margin) {
            assert(uint256(used) + size <= whole);
            assert(margin == 0 || uint256(taken) + margin <= maxMargin);
            // ⌈a ÷ b⌉ is less than a ÷ b + 1.
            uint256 all = uint256(taken) + margin;
            assert(margin == 0 || all * whole < uint256(maxMargin) * (uint256(used) + size) + whole);
        } catch {
            // Refused for one of the two, and for nothing else.
            uint256 total = uint256(used) + size;
            assert(total > whole || (uint256(taken) + margin) * whole > uint256(maxMargin) * total);
        }
    }

    function conditions(Job memory job, Conditions calldata c, uint256 size) external {
        _countConditions(job, c, size);
    }

    /// @notice A group's orders together never use more than its size.
    function check_a_group_is_never_used_beyond_its_size(uint256 used, uint256 groupSize, uint256 size, uint256 group)
        external
    {
        if (group == 0) return;
        Job memory job;
        Conditions memory c;
        (c.group, c.groupSize) = (group, groupSize);
        groupUsed[0][group] = used;
        try this.conditions(job, c, size) {
            assert(groupUsed[0][group] == used + size && used + size <= groupSize && used + size >= used);
        } catch {
            assert(groupUsed[0][group] == used);
        }
    }

    /// @notice In one interval no more than its slice is filled, with what was missed as far as it may be caught up.
    function check_an_interval_fills_its_slice_and_what_may_be_caught_up(
        uint128 last,
        uint128 left,
        uint8 slice,
        uint8 catchUp,
        uint128 size
    ) external {
        Job memory job;
        Conditions memory c;
        (c.notBefore, c.interval, c.slice, c.catchUp) = (block.timestamp, 1, slice, catchUp);
        // The first interval is number 1.
        if (last > 1 || last == 1 && left > uint256(slice) * (uint256(catchUp) + 1)) return;
        _slices[0] = Slice(last, left);
        try this.conditions(job, c, size) {
            assert(size <= uint256(slice) * (uint256(catchUp) + 1));
            if (last == 1) assert(size <= left && _slices[0].left == left - size);
            assert(_slices[0].interval == 1);
        } catch {}
    }
}

contract PricesProofs is Book, Prices {
    constructor()
        Prices(IVenues(address(1)), IQuotes(address(2)), IERC20Metadata(address(new Decimals6())))
    {}

    function _signed(bool buys, uint256 limitPrice) internal pure returns (Terms memory t) {
        (t.size, t.limitPrice) = (buys ? int256(1) : -1, limitPrice);
    }

    function price(Terms calldata terms, uint256 fair, uint256 size, uint256 quote, uint256 extra) external view {
        _checkPrice(terms, fair, size, quote, extra);
    }

    /// @notice A fill that passes is all-in no worse than the signed limit, compared without rounding.
    function check_a_fill_that_passes_is_within_the_limit(
        bool buys,
        uint16 limitPrice,
        uint16 size,
        uint128 quote,
        uint64 extra
    ) external view {
        (uint256 total, uint256 limit) = (uint256(quote) * 1e18, uint256(limitPrice) * size);
        uint256 more = uint256(extra) * 1e30;
        try this.price(_signed(buys, limitPrice), 0, size, quote, extra) {
            assert(buys ? total + more <= limit : total >= limit + more || limit == 0);
        } catch {
            assert(buys ? total + more > limit : total < limit + more);
        }
    }

    function ticketLimit(Terms calldata terms, uint256 size, uint256 extra) external view returns (uint256) {
        Yardstick memory y;
        return _ticketLimit(terms, y, size, extra);
    }

    /// @notice Whatever a venue does within a ticket's limit is, with tip and fee, within the signed limit.
    function check_a_tickets_limit_with_tip_and_fee_is_within_the_orders(
        bool buys,
        uint8 limitPrice,
        uint8 size,
        uint8 extra
    ) external view {
        uint256 limit = this.ticketLimit(_signed(buys, limitPrice), size, extra);
        (uint256 signed, uint256 more) = (uint256(limitPrice) * size, uint256(extra) * 1e30);
        if (buys) assert(limit == 0 || limit * 1e18 + more <= signed);
        else assert(limit * 1e18 >= signed + more);
    }

    function bestLimit(Terms calldata terms, uint256 best) external pure returns (uint256) {
        return _bestLimit(terms, best);
    }

    /// @notice The tolerance only ever widens, whatever its size: it never wraps.
    function check_a_tolerance_only_widens(bool buys, uint256 best, uint256 tolerance) external view {
        Terms memory t = _signed(buys, 0);
        t.bounds.tolerance = tolerance;
        uint256 limit = this.bestLimit(t, best);
        assert(buys ? limit >= best : limit <= best);
    }
}
