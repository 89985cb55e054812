// SPDX-License-Identifier: MIT
pragma solidity >=0.8.24;

/// @title IPolicies
/// @notice Standing policies: what an owner signs once, so that any keeper may move margin within one account, as often
/// as the policy says and for what it says.
///
/// HEALTH
/// of a pocket is its equity ÷ its maintenance requirement, 1e18 = 1, where the venue liquidates below 1. Both are at
/// the oracle's price of every market held there, whatever the venue's own price is: see `Policies.sol`. A pocket that
/// needs no maintenance has the largest number, one without equity has zero.
///
/// Amounts are in the settlement token's units, ratios 1e18 = 1, times in seconds. A day is one of UTC.
interface IPolicies {
    /// @notice The deadline has passed.
    error Expired(uint256 deadline);
    /// @notice The account's epoch at the Desk is another one.
    error WrongEpoch(uint256 epoch);
    /// @notice The signature is not the account owner's over this very policy.
    error BadSignature(address owner);
    /// @notice Its numbers are out of order: see `Policy`.
    error BadPolicy();
    /// @notice The owner cancelled whatever is under this nonce.
    error NonceSpent(uint256 nonce);
    /// @notice Another policy was used under this nonce first.
    error NonceTaken(uint256 nonce, bytes32 digest);
    /// @notice The policy names no pocket at this place.
    error NoPocket(uint256 index);
    /// @notice From a pocket to itself, or from idle to idle.
    error SamePocket();
    /// @notice The last move that counted was too short a time ago.
    error Cooling(uint256 until);
    /// @notice More than what is left of the day's amount.
    error BeyondDay(uint256 left, uint256 asked);
    /// @notice The pocket to be helped is not below the trigger, or that to give back is not above the excess.
    error NotDue(uint256 health, uint256 bound);
    /// @notice The policy lets nothing go back to idle.
    error NoReturns();
    /// @notice The pocket that received would be better off than the target.
    error AboveTarget(uint256 health, uint256 target);
    /// @notice The pocket that gave would be worse off than it may be.
    error BelowFloor(uint256 health, uint256 floor);
    /// @notice The venue took margin, and the pocket's equity is no higher.
    error NotImproved(int256 before, int256 afterwards);
    /// @notice The move ends too far from the target to earn a tip.
    error TipNotEarned(uint256 health);
    /// @notice More than one move's tip, or than what is left of the day's.
    error TipTooHigh(uint256 most, uint256 asked);
    /// @notice The oracle's answer is not positive, from the future, or older than its heartbeat.
    error BadOracle(bytes32 market, int256 answer, uint256 updatedAt);
    /// @notice Only the account's owner may do this.
    error NotOwner(bytes32 account, address caller);

    /// @param from As in `Move`; likewise `to`.
    /// @param amount What left its source.
    /// @param arrived What arrived in idle, or went on from there: less than `amount` where a venue's token was exchanged.
    /// @param before Health of the pocket that it was done for, the one that received or gave back to idle.
    /// @param afterwards The same, when all was done.
    event Moved(
        bytes32 indexed digest,
        bytes32 indexed account,
        address indexed keeper,
        uint256 from,
        uint256 to,
        uint256 amount,
        uint256 arrived,
        uint256 before,
        uint256 afterwards,
        uint256 tip
    );
    event Cancelled(bytes32 indexed account, uint256 nonce);

    /// @notice Where margin counts. In the EIP-712 type `market` is the market's name, whose hash is what is given here.
    /// @param market Of a pocket that several markets share, any one of them: all that are held there count.
    struct Pocket {
        uint8 venue;
        bytes32 market;
    }

    /// @notice What an owner signs.
    /// @param pockets Those that a move may go to or come from, besides idle.
    /// @param trigger A pocket whose health is below this may be given margin, from idle or from another pocket.
    /// @param target Nothing is given beyond this health.
    /// @param tolerance A move counts if it ends this close to the target: it earns the tip and starts the cooldown. One
    /// that ends farther off may still help, but neither earns nor starts anything, so that nobody can stand in the way
    /// with a trifle. The target less the tolerance is not below the trigger.
    /// @param floor No pocket that gives ends with less health. Not below the trigger, so that giving never makes a
    /// pocket need help itself.
    /// @param excess A pocket whose health is above this may give margin back to idle, down to the target or the floor,
    /// whichever is higher; one without positions, all that is free. Zero: none may; else not below the target and the
    /// tolerance.
    /// @param cooldown From one move that counts to the next move.
    /// @param maxPerDay The most that all moves of a day take from their sources in sum, whichever way they go.
    /// @param maxLoss The most that each exchange of margin into a venue's token, or back, may lose against par, as a
    /// part of it: 1e18 = all.
    /// @param tip For each move that counts.
    /// @param maxTipPerDay The most that is paid as tips in a day.
    /// @param deadline Last second at which it may be used.
    /// @param nonce The owner's choice; bound to the first policy used under it. These are not the Desk's nonces.
    /// @param epoch Must equal the account's at the Desk, so that raising it ends policies as well as orders.
    struct Policy {
        bytes32 account;
        Pocket[] pockets;
        uint256 trigger;
        uint256 target;
        uint256 tolerance;
        uint256 floor;
        uint256 excess;
        uint256 cooldown;
        uint256 maxPerDay;
        uint256 maxLoss;
        uint256 tip;
        uint256 maxTipPerDay;
        uint256 deadline;
        uint256 nonce;
        uint256 epoch;
    }

    /// @notice What a keeper does with it.
    /// @param from Which of the policy's pockets gives, counted from zero; the largest number is idle.
    /// @param to Which one receives, likewise.
    /// @param tip What the keeper asks for: perhaps less than it could, where idle or the vault's cap would not do.
    struct Move {
        uint256 from;
        uint256 to;
        uint256 amount;
        uint256 tip;
    }

    /// @notice A pocket at the oracle's prices; equity and maintenance are 1e18 USD.
    struct Health {
        int256 equity;
        uint256 maintenance;
        uint256 health;
    }

    /// @notice What a nonce has seen.
    /// @param digest Of the policy that it is bound to.
    /// @param moved Taken from their sources on `day`.
    /// @param tipped Paid on `day`.
    /// @param last When the last move that counted was made.
    /// @param day Of the last move, in days since 1970.
    struct Use {
        bytes32 digest;
        uint96 moved;
        uint64 tipped;
        uint40 last;
        uint32 day;
        bool cancelled;
    }

    // ------------------------------------------------------------------ anyone

    /// @notice Moves margin as the policy allows, or fails and changes nothing.
    /// @return afterwards As in `Moved`.
    function move(Policy calldata policy, bytes calldata signature, Move calldata what)
        external
        returns (uint256 afterwards);

    // ------------------------------------------------------------------- owner

    /// @notice Ends whatever policy is or would be under this nonce.
    function cancel(bytes32 account, uint256 nonce) external;

    // ------------------------------------------------------------------- reads

    /// @return The EIP-712 digest that the owner signs.
    function digest(Policy calldata policy) external view returns (bytes32);

    /// @notice What the trigger, the target and the floor are held against now.
    function health(bytes32 account, Pocket calldata pocket) external view returns (Health memory);

    /// @return What policies under this nonce have used; the amounts are those of `day`.
    function used(bytes32 account, uint256 nonce) external view returns (Use memory);
}
