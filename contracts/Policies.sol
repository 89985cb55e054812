// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import {SignedMath} from "@openzeppelin/contracts/utils/math/SignedMath.sol";

import {IDesk} from "../interfaces/IDesk.sol";
import {IFeed} from "../interfaces/IFeed.sol";
import {IPolicies} from "../interfaces/IPolicies.sol";
import {ISeat} from "../interfaces/ISeat.sol";
import {IVault} from "../interfaces/IVault.sol";
import {IVenues} from "../interfaces/IVenues.sol";
import {Signatures} from "./libraries/Signatures.sol";

/// @title Policies
/// @notice What a signed standing policy means: margin moves within one account while its owner is away. It holds no
/// money and has no administrator: it is one operator among others that an owner may grant MOVE, and PAY where it
/// signs tips, at the vault. It stands beside the Desk, of which it knows the accounts' epochs alone.
///
/// A MOVE
/// goes from idle or a pocket to a pocket below the trigger, or from a pocket above the excess back to idle. Anyone makes
/// it. It is one `pull`, one `post`, or both, at the vault, which refuses to post at a paused venue or where a ticket is
/// pending. Health is read before and after, and any bound that does not hold undoes all of it. What the day allows is
/// booked first, and whoever comes back in from a venue finds the vault locked, so there is no lock here.
///
/// HEALTH AT THE ORACLE'S PRICE
/// The venue says equity and maintenance at its own risk price, which a trader with enough capital may push. So each
/// position the pocket holds is revalued: equity rises by size × (oracle − mark), and maintenance is scaled by notional
/// at the oracle's price ÷ notional at the mark. All markets that the registry lists at a venue which shares margin
/// between them are asked, and no others can be held there: nobody has to name them. The scale is exact where
/// maintenance is one part of notional, as at Perp v2 and, in one market, at Rage; where a pocket holds markets of
/// unequal parts, a push of one mark still shifts it by the difference of these parts.
///   A price older than the feed's heartbeat, or a seat that does not answer, is an error: nothing then moves to or
/// from that pocket. Valuing at the oracle's price also means that a pocket which only the venue's own, different price
/// puts in danger gets no help. A sequencer's outage is not looked at: to wait after one could cost the position, and a
/// move leaves the account what it had.
///
/// WHAT A KEEPER CHOOSES
/// is when to move what is due, which of the policy's sources gives, and how far short of the target it stops. At worst
/// it takes from the dearest source: of a day's amount, `maxLoss` is lost at each end that exchanges.
///
/// WHAT A LYING VENUE CAN DO
/// It may always claim to be in need, and gets what it may claim in any case: no more than `maxPerDay` a day, and the
/// tips of a day, from an account whose policy names it. It cannot make another venue pay below the floor.
///
/// ROUNDING
/// Maintenance up, health down.
///
/// STOPPING
/// An owner stops a policy by `cancel`, all of them by the Desk's `raiseEpoch` or by revoking this contract at the vault.
contract Policies is IPolicies, EIP712 {
    using SafeCast for uint256;

    uint256 internal constant IDLE = type(uint256).max;
    bytes32 internal constant POCKET_TYPEHASH = keccak256("Pocket(uint8 venue,string market)");
    bytes32 internal constant POLICY_TYPEHASH = keccak256(
        "Policy(bytes32 account,Pocket[] pockets,uint256 trigger,uint256 target,uint256 tolerance,uint256 floor,"
        "uint256 excess,uint256 cooldown,uint256 maxPerDay,uint256 maxLoss,uint256 tip,uint256 maxTipPerDay,"
        "uint256 deadline,uint256 nonce,uint256 epoch)Pocket(uint8 venue,string market)"
    );

    IVault public immutable VAULT;
    IVenues public immutable VENUES;
    IDesk public immutable DESK;

    /// @dev How a pocket differs at the oracle's prices, while its positions stay what they are.
    /// @param shift Σ size × (oracle − mark), 1e36 USD; likewise both notionals.
    struct Basis {
        ISeat seat;
        bytes32 instrument;
        int256 shift;
        uint256 atMark;
        uint256 atOracle;
    }

    mapping(bytes32 account => mapping(uint256 nonce => Use)) internal _used;

    constructor(IVault vault, IVenues venues, IDesk desk) EIP712("Ringside Policies", "1") {
        VAULT = vault;
        VENUES = venues;
        DESK = desk;
    }

    // ------------------------------------------------------------------ anyone

    /// @inheritdoc IPolicies
    function move(Policy calldata policy, bytes calldata signature, Move calldata what)
        external
        returns (uint256 afterwards)
    {
        bytes32 root = _checkSigned(policy, signature);
        _checkOrder(policy);
        _checkPlaces(policy, what);
        _book(policy, root, what.amount);
        uint256 before;
        uint256 arrived;
        bool counts;
        if (what.to == IDLE) (before, afterwards, arrived, counts) = _return(policy, what);
        else (before, afterwards, arrived, counts) = _help(policy, what);
        _finish(policy, what.tip, counts, afterwards);
        emit Moved(
            root,
            policy.account,
            msg.sender,
            what.from,
            what.to,
            what.amount,
            arrived,
            before,
            afterwards,
            what.tip
        );
    }

    // ------------------------------------------------------------------- owner

    /// @inheritdoc IPolicies
    function cancel(bytes32 account, uint256 nonce) external {
        require(msg.sender == address(bytes20(account)), NotOwner(account, msg.sender));
        _used[account][nonce].cancelled = true;
        emit Cancelled(account, nonce);
    }

    // -------------------------------------------------------------------- reads

    /// @inheritdoc IPolicies
    function digest(Policy calldata policy) public view returns (bytes32) {
        bytes memory head = abi.encode(
            POLICY_TYPEHASH,
            policy.account,
            _hash(policy.pockets),
            policy.trigger,
            policy.target,
            policy.tolerance,
            policy.floor,
            policy.excess
        );
        bytes memory tail = abi.encode(
            policy.cooldown,
            policy.maxPerDay,
            policy.maxLoss,
            policy.tip,
            policy.maxTipPerDay,
            policy.deadline,
            policy.nonce,
            policy.epoch
        );
        return _hashTypedDataV4(keccak256(bytes.concat(head, tail)));
    }

    /// @inheritdoc IPolicies
    function health(bytes32 account, Pocket calldata pocket) external view returns (Health memory) {
        return _health(_basis(account, pocket));
    }

    /// @inheritdoc IPolicies
    function used(bytes32 account, uint256 nonce) external view returns (Use memory) {
        return _used[account][nonce];
    }

    // ------------------------------------------------------------------- checks

    function _checkSigned(Policy calldata policy, bytes calldata signature)
        internal
        view
        returns (bytes32 root)
    {
        require(block.timestamp <= policy.deadline, Expired(policy.deadline));
        uint256 epoch = DESK.epochs(policy.account);
        require(policy.epoch == epoch, WrongEpoch(epoch));
        root = digest(policy);
        address owner = address(bytes20(policy.account));
        require(Signatures.isBy(owner, root, signature), BadSignature(owner));
    }

    function _checkOrder(Policy calldata p) internal pure {
        bool helps = p.tolerance <= p.target && p.trigger <= p.target - p.tolerance;
        bool returns_ = p.excess == 0 || p.excess >= Math.saturatingAdd(p.target, p.tolerance);
        require(helps && returns_ && p.floor >= p.trigger && p.maxLoss <= 1e18, BadPolicy());
    }

    function _checkPlaces(Policy calldata policy, Move calldata what) internal view {
        uint256 count = policy.pockets.length;
        require(what.from == IDLE || what.from < count, NoPocket(what.from));
        require(what.to == IDLE || what.to < count, NoPocket(what.to));
        require(what.from != what.to, SamePocket());
        if (what.from == IDLE || what.to == IDLE) return;
        Pocket calldata from = policy.pockets[what.from];
        Pocket calldata to = policy.pockets[what.to];
        if (from.venue != to.venue) return;
        bool apart = from.market != to.market && ISeat(VENUES.implementation(to.venue)).isolated();
        require(apart, SamePocket());
    }

    // -------------------------------------------------------------------- books

    function _book(Policy calldata policy, bytes32 root, uint256 amount) internal {
        Use storage s = _used[policy.account][policy.nonce];
        Use memory u = s;
        require(!u.cancelled, NonceSpent(policy.nonce));
        if (u.digest == 0) s.digest = root;
        else require(u.digest == root, NonceTaken(policy.nonce, u.digest));
        if (u.last != 0) {
            uint256 until = Math.saturatingAdd(u.last, policy.cooldown);
            require(block.timestamp >= until, Cooling(until));
        }
        uint32 today = (block.timestamp / 1 days).toUint32();
        if (u.day != today) (s.day, s.tipped, u.moved) = (today, 0, 0);
        uint256 left = Math.saturatingSub(policy.maxPerDay, u.moved);
        require(amount <= left, BeyondDay(left, amount));
        s.moved = (u.moved + amount).toUint96();
    }

    /// @dev The end of a move: only one that counts starts the cooldown, and earns anything.
    function _finish(Policy calldata policy, uint256 tip, bool counts, uint256 afterwards) internal {
        Use storage s = _used[policy.account][policy.nonce];
        if (counts) s.last = block.timestamp.toUint40();
        if (tip == 0) return;
        require(counts, TipNotEarned(afterwards));
        uint256 most = Math.min(policy.tip, Math.saturatingSub(policy.maxTipPerDay, s.tipped));
        require(tip <= most, TipTooHigh(most, tip));
        s.tipped = (s.tipped + tip).toUint64();
        VAULT.pay(policy.account, msg.sender, tip);
    }

    // -------------------------------------------------------------------- moves

    /// @dev Gives margin to a pocket that needs it.
    function _help(Policy calldata policy, Move calldata what)
        internal
        returns (uint256 before, uint256 afterwards, uint256 arrived, bool counts)
    {
        Pocket calldata to = policy.pockets[what.to];
        Basis memory basis = _basis(policy.account, to);
        Health memory first = _health(basis);
        require(first.health < policy.trigger, NotDue(first.health, policy.trigger));

        arrived = what.amount;
        if (what.from != IDLE) {
            Pocket calldata from = policy.pockets[what.from];
            arrived = _pull(policy, from, what.amount);
            uint256 left = _health(_basis(policy.account, from)).health;
            require(left >= policy.floor, BelowFloor(left, policy.floor));
        }
        VAULT.post(policy.account, to.venue, to.market, arrived, policy.maxLoss);

        Health memory last = _health(basis);
        require(last.equity > first.equity, NotImproved(first.equity, last.equity));
        require(last.health <= policy.target, AboveTarget(last.health, policy.target));
        (before, afterwards) = (first.health, last.health);
        counts = afterwards >= policy.target - policy.tolerance;
    }

    /// @dev Gives margin back to idle, from a pocket that has far more than it needs.
    function _return(Policy calldata policy, Move calldata what)
        internal
        returns (uint256 before, uint256 afterwards, uint256 arrived, bool counts)
    {
        require(policy.excess != 0, NoReturns());
        Pocket calldata from = policy.pockets[what.from];
        Basis memory basis = _basis(policy.account, from);
        before = _health(basis).health;
        require(before > policy.excess, NotDue(before, policy.excess));

        arrived = _pull(policy, from, what.amount);
        afterwards = _health(basis).health;
        uint256 least = Math.max(policy.target, policy.floor);
        require(afterwards >= least, BelowFloor(afterwards, least));
        counts = afterwards <= Math.saturatingAdd(least, policy.tolerance);
    }

    function _pull(Policy calldata policy, Pocket calldata from, uint256 amount) internal returns (uint256) {
        uint256 least = amount - Math.mulDiv(amount, policy.maxLoss, 1e18);
        return VAULT.pull(policy.account, from.venue, from.market, amount, least);
    }

    // ------------------------------------------------------------------- health

    function _basis(bytes32 account, Pocket calldata pocket) internal view returns (Basis memory b) {
        (address seat, bool made) = VAULT.seatOf(account, pocket.venue);
        require(made, IVault.NoSeat(account, pocket.venue));
        b.seat = ISeat(seat);
        b.instrument = VENUES.route(pocket.venue, pocket.market).instrument;
        if (b.seat.isolated()) {
            _revalue(b, pocket.market, b.instrument);
            return b;
        }
        string[] memory names = VENUES.marketNames();
        for (uint256 i; i < names.length; ++i) {
            bytes32 market = keccak256(bytes(names[i]));
            if (!VENUES.isListed(pocket.venue, market)) continue;
            _revalue(b, market, VENUES.route(pocket.venue, market).instrument);
        }
    }

    function _revalue(Basis memory b, bytes32 market, bytes32 instrument) internal view {
        // What is not held asks for no price, so a dead feed stops only who is in its market.
        if (b.seat.held(instrument) == 0) return;
        ISeat.Position memory p = b.seat.position(instrument);
        uint256 price = _oraclePrice(market);
        uint256 size = SignedMath.abs(p.size);
        b.shift += p.size * (price.toInt256() - p.markPrice.toInt256());
        b.atMark += size * p.markPrice;
        b.atOracle += size * price;
    }

    function _health(Basis memory b) internal view returns (Health memory h) {
        ISeat.Margin memory m = b.seat.margin(b.instrument);
        h.equity = m.equity + b.shift / 1e18;
        h.maintenance = b.atMark == 0
            ? m.maintenance
            : Math.mulDiv(m.maintenance, b.atOracle, b.atMark, Math.Rounding.Ceil);
        if (h.maintenance == 0) h.health = type(uint256).max;
        // Cast safe because equity is positive.
        else if (h.equity > 0) h.health = Math.mulDiv(uint256(h.equity), 1e18, h.maintenance);
    }

    /// @return 1e18 USD per base, from the market's one feed.
    function _oraclePrice(bytes32 market) internal view returns (uint256) {
        IVenues.Feed memory feed = VENUES.feed(market);
        (, int256 answer,, uint256 updatedAt,) = IFeed(feed.source).latestRoundData();
        bool fresh = updatedAt <= block.timestamp && block.timestamp - updatedAt <= feed.heartbeat;
        require(answer > 0 && fresh, BadOracle(market, answer, updatedAt));
        return Math.mulDiv(uint256(answer), 1e18, 10 ** feed.decimals); // Cast safe because answer > 0.
    }

    /// @dev `market` goes in as it is: it is the hash of its name already.
    function _hash(Pocket[] calldata pockets) internal pure returns (bytes32) {
        bytes32[] memory hashes = new bytes32[](pockets.length);
        for (uint256 i; i < hashes.length; ++i) {
            hashes[i] = keccak256(abi.encode(POCKET_TYPEHASH, pockets[i]));
        }
        return keccak256(abi.encodePacked(hashes));
    }
}
