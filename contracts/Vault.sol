// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Clones} from "@openzeppelin/contracts/proxy/Clones.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";

import {IDelayedSeat, IInstantSeat, ISeat} from "../interfaces/ISeat.sol";
import {IVault} from "../interfaces/IVault.sol";
import {IVenues} from "../interfaces/IVenues.sol";
import {Accounts} from "./vault/Accounts.sol";

/// @title Vault
/// @notice Custody of the settlement token: idle and reserved balances, operators, and the making and calling of seats.
///
/// ACCOUNTS
/// Every power over an account comes from its owner, whose address is the account's first 20 bytes. There is no
/// administrator, no upgrade and no pause of an owner here.
///
/// MONEY
/// The token balance always covers the sum of all idle and reserved. Money leaves only to an owner's chosen address (by
/// the owner), to the account's own seats (by the owner or an operator with MOVE), or to another account's idle as a
/// tip or fee (by the owner or a contract with PAY, within the day's cap). What comes back is credited as received,
/// measured here, whatever a seat or a venue reports.
///
/// TICKETS
/// At a venue that fills later, tip and fee are set aside with the ticket and paid out when anyone shows that it was
/// filled. Every action in a pocket settles a resolved ticket first.
///
/// CAPS
/// What the vault sent to an account's seat at a venue, less what came back from it, is posted; a loss stays so, and a
/// profit or gift that was taken out leaves nothing. What is sent and what comes back is measured, here or, where it
/// leaves in kind, in the seat, and no account's count falls for what came back to another: no venue can loosen its cap
/// for those whose money stays there. A cap binds operators, as a pause does; what an owner posts counts and is never refused.
///
/// STOPPING
/// Nothing stops the vault. What stops an operator is the owner's `setOperator`; a pause by the guardian leaves operators
/// the right to reduce, settle and pull.
contract Vault is Accounts {
    using SafeERC20 for IERC20;

    /// @notice Seconds after which an owner may take back what is set aside for a ticket that nobody could settle.
    uint256 public constant RESERVE_LIFE = 1 days;

    IVenues public immutable VENUES;

    mapping(bytes32 account => uint256) public reserved;
    /// @inheritdoc IVault
    mapping(uint8 venue => uint256) public posted;
    /// @inheritdoc IVault
    mapping(bytes32 account => mapping(uint8 venue => uint256)) public postedBy;
    /// @dev By account, venue and market.
    mapping(bytes32 pocket => Ticket) internal _tickets;
    mapping(bytes32 pocket => mapping(uint256 number => Outcome)) internal _outcomes;

    constructor(IERC20 token, IVenues venues) Accounts(token) {
        VENUES = venues;
    }

    // ------------------------------------------------------------------ anyone

    /// @inheritdoc IVault
    function settle(bytes32 account, uint8 venue, bytes32 market, bytes calldata proof)
        external
        nonReentrant
        returns (Outcome memory)
    {
        (address seat, bytes32 instrument) = _delayedSeat(account, venue, market);
        return _settle(Pocket(account, venue, market, instrument, seat), proof);
    }

    /// @inheritdoc IVault
    function expire(bytes32 account, uint8 venue, bytes32 market)
        external
        nonReentrant
        returns (Outcome memory)
    {
        (address seat, bytes32 instrument) = _delayedSeat(account, venue, market);
        IDelayedSeat(seat).expire(instrument);
        return _settle(Pocket(account, venue, market, instrument, seat), msg.data[0:0]);
    }

    // ------------------------------------------------------------------- owner

    /// @inheritdoc IVault
    function sweep(bytes32 account, uint8 venue, address token) external nonReentrant returns (uint256) {
        _requireOwner(account);
        return ISeat(_existingSeat(account, venue)).sweep(token, msg.sender);
    }

    /// @inheritdoc IVault
    function close(bytes32 account, uint8 venue, bytes32 market, uint256 limitPrice)
        external
        nonReentrant
        returns (int256 done, uint256 quote)
    {
        _requireOwner(account);
        IVenues.Route memory route = VENUES.route(venue, market);
        require(!route.delayed, FillsLater(venue));
        bool flat;
        (done, quote, flat) =
            IInstantSeat(_existingSeat(account, venue)).close(route.instrument, limitPrice);
        if (flat) _clearActive(account, venue);
        emit Traded(account, venue, market, done, quote, 0, 0, 0);
    }

    /// @inheritdoc IVault
    function pullInKind(bytes32 account, uint8 venue, bytes32 market, uint256 amount, address to)
        external
        nonReentrant
        returns (address token, uint256 received)
    {
        require(amount > 0, ZeroAmount());
        _requireOwner(account);
        Pocket memory p = _pocket(account, venue, market);
        uint256 par;
        (token, received, par) = ISeat(p.seat).pullInKind(p.instrument, amount, to);
        _countBack(account, venue, par);
        emit PulledInKind(account, venue, to, token, received);
    }

    /// @inheritdoc IVault
    function reclaim(bytes32 account, uint8 venue, bytes32 market) external {
        _requireOwner(account);
        Ticket storage t = _tickets[_key(account, venue, market)];
        require(t.open, NoTicket(account, venue, market));
        uint256 until = t.since + RESERVE_LIFE;
        require(block.timestamp >= until, StillReserved(until));
        // Whatever can be settled is, and not taken back.
        try this.settle(account, venue, market, "") returns (Outcome memory o) {
            if (o.settled) return;
        } catch {}
        _reclaim(account, venue, market, t);
    }

    // ------------------------------------------------------- owner or operator

    /// @inheritdoc IVault
    function trade(Trade calldata t) external nonReentrant returns (Fill memory fill) {
        (IVenues.Route memory route, uint256 pays) = _before(t);
        require(!route.delayed, FillsLater(t.venue));
        bool fresh;
        (fill.active, fresh) = _spend(t.account, Math.saturatingAdd(t.margin, pays), pays, uint64(1) << t.venue);
        if (t.tip > 0) _credit(bytes32(bytes20(t.payee)), t.tip);
        if (t.fee > 0) _credit(bytes32(bytes20(t.collector)), t.fee);
        address seat = _seat(t.account, t.venue, route.implementation);
        _send(t.account, t.venue, route, seat, t.margin);

        bool flat;
        (fill.quote, fill.position, fill.leverage, flat) =
            IInstantSeat(seat).trade(route.instrument, t.size, t.limitQuote, t.margin, fresh, t.measure);
        if (route.paused) _requireReduced(t, fill.position);
        if (flat) fill.active = _clearActive(t.account, t.venue);
        emit Traded(t.account, t.venue, t.market, t.size, fill.quote, t.margin, t.tip, t.fee);
    }

    /// @inheritdoc IVault
    function commit(Trade calldata t, uint256 maxLoss)
        external
        payable
        nonReentrant
        returns (Commitment memory made)
    {
        (IVenues.Route memory route, uint256 pays) = _before(t);
        require(route.delayed, FillsAtOnce(t.venue));
        address seat = _seat(t.account, t.venue, route.implementation);
        _settleFirst(Pocket(t.account, t.venue, t.market, route.instrument, seat));

        (made.active,) = _spend(t.account, Math.saturatingAdd(t.margin, pays), pays, uint64(1) << t.venue);
        if (pays > 0) reserved[t.account] += pays;
        made.number = _open(t);
        _send(t.account, t.venue, route, seat, t.margin);
        (made.atRisk, made.position, made.leverage) = IDelayedSeat(seat).commit{value: msg.value}(
            route.instrument, t.size, t.limitQuote, t.margin, maxLoss, t.measure
        );
        if (route.paused) _requireReduced(t, made.position);
        emit TicketCommitted(
            t.account, t.venue, t.market, made.number, t.size, t.margin, t.tip, t.fee
        );
    }

    /// @inheritdoc IVault
    function post(bytes32 account, uint8 venue, bytes32 market, uint256 amount, uint256 maxLoss)
        external
        nonReentrant
    {
        require(amount > 0, ZeroAmount());
        _authorise(account, MOVE, 1 << venue, 0);
        IVenues.Route memory route = VENUES.route(venue, market);
        require(!route.paused || _isOwner(account), VenuePaused(venue));
        address seat = _seat(account, venue, route.implementation);
        if (route.delayed) _settleFirst(Pocket(account, venue, market, route.instrument, seat));
        _spend(account, amount, 0, 0);
        _send(account, venue, route, seat, amount);
        ISeat(seat).post(route.instrument, amount, maxLoss);
        emit MarginPosted(account, venue, amount);
    }

    /// @inheritdoc IVault
    function pull(bytes32 account, uint8 venue, bytes32 market, uint256 amount, uint256 least)
        external
        nonReentrant
        returns (uint256 received)
    {
        require(amount > 0, ZeroAmount());
        _authorise(account, MOVE, 1 << venue, 0);
        Pocket memory p = _pocket(account, venue, market);
        uint256 before = TOKEN.balanceOf(address(this));
        ISeat(p.seat).pull(p.instrument, amount);
        received = TOKEN.balanceOf(address(this)) - before;
        require(received >= least, PaidShort(least, received));
        _credit(account, received);
        _countBack(account, venue, received);
        emit MarginPulled(account, venue, received);
    }

    // -------------------------------------------------------------------- reads

    /// @inheritdoc IVault
    function seatOf(bytes32 account, uint8 venue) public view returns (address seat, bool made) {
        seat = Clones.predictDeterministicAddress(VENUES.implementation(venue), account);
        made = seat.code.length > 0;
    }

    /// @inheritdoc IVault
    function ticket(bytes32 account, uint8 venue, bytes32 market) external view returns (Ticket memory) {
        return _tickets[_key(account, venue, market)];
    }

    /// @inheritdoc IVault
    function outcome(bytes32 account, uint8 venue, bytes32 market, uint256 number)
        external
        view
        returns (Outcome memory)
    {
        return _outcomes[_key(account, venue, market)][number];
    }

    /// @inheritdoc IVault
    function postable(bytes32 account, uint8 venue) external view returns (uint256) {
        (uint256 cap, uint256 accountCap) = VENUES.caps(venue);
        return Math.min(
            Math.saturatingSub(cap, posted[venue]), Math.saturatingSub(accountCap, postedBy[account][venue])
        );
    }

    // ------------------------------------------------------------------ tickets

    /// @dev Where a ticket stands.
    struct Pocket {
        bytes32 account;
        uint8 venue;
        bytes32 market;
        bytes32 instrument;
        address seat;
    }

    function _key(bytes32 account, uint8 venue, bytes32 market) internal pure returns (bytes32) {
        return keccak256(abi.encode(account, venue, market));
    }

    function _open(Trade calldata t) internal returns (uint256 number) {
        Ticket storage ticket_ = _tickets[_key(t.account, t.venue, t.market)];
        number = uint256(ticket_.number) + 1;
        (ticket_.payee, ticket_.tip) = (t.payee, SafeCast.toUint64(t.tip));
        (ticket_.number, ticket_.open) = (SafeCast.toUint24(number), true);
        ticket_.collector = t.collector;
        (ticket_.fee, ticket_.since) = (SafeCast.toUint56(t.fee), SafeCast.toUint40(block.timestamp));
    }

    /// @dev A pocket in which something is to happen: a ticket in it must be resolved, and is settled.
    function _settleFirst(Pocket memory p) internal {
        if (!_tickets[_key(p.account, p.venue, p.market)].open) return;
        require(_settle(p, msg.data[0:0]).settled, TicketOpen(p.account, p.venue, p.market));
    }

    function _settle(Pocket memory p, bytes calldata proof) internal returns (Outcome memory o) {
        bytes32 key = _key(p.account, p.venue, p.market);
        Ticket memory t = _tickets[key];
        require(t.open, NoTicket(p.account, p.venue, p.market));
        IDelayedSeat.Settlement memory s = IDelayedSeat(p.seat).settle(p.instrument, proof);
        if (s.open) return o;

        // The price is for the record alone; one that fits no record is none.
        uint128 quote = s.quote > type(uint128).max ? type(uint128).max : uint128(s.quote);
        o = Outcome(true, int120(s.filled), quote);
        require(o.filled == s.filled, ISeat.NotExact(s.asked, s.filled));
        _outcomes[key][t.number] = o;
        (_tickets[key].open, _tickets[key].tip, _tickets[key].fee) = (false, 0, 0);

        (uint256 tip, uint256 fee) = (_shareDown(t.tip, s), _shareDown(t.fee, s));
        uint256 aside = uint256(t.tip) + t.fee;
        if (aside > 0) {
            if (tip > 0) _credit(bytes32(bytes20(t.payee)), tip);
            if (fee > 0) _credit(bytes32(bytes20(t.collector)), fee);
            reserved[p.account] -= tip + fee;
            _release(p.account, aside - tip - fee);
        }
        if (s.flat) _clearActive(p.account, p.venue);
        emit TicketSettled(p.account, p.venue, p.market, t.number, s.filled, s.quote, tip, fee);
    }

    /// @dev amount × |filled| ÷ |asked|, and never more than the amount.
    function _shareDown(uint256 amount, IDelayedSeat.Settlement memory s) internal pure returns (uint256) {
        if (s.filled == s.asked) return amount;
        uint256 filled = s.filled < 0 ? uint256(-s.filled) : uint256(s.filled);
        uint256 asked = s.asked < 0 ? uint256(-s.asked) : uint256(s.asked);
        return asked == 0 ? 0 : Math.min(Math.mulDiv(amount, filled, asked), amount);
    }

    /// @dev The ticket stays open.
    function _reclaim(bytes32 account, uint8 venue, bytes32 market, Ticket storage t) internal nonReentrant {
        uint256 amount = uint256(t.tip) + t.fee;
        (t.tip, t.fee) = (0, 0);
        _release(account, amount);
        emit Reclaimed(account, venue, market, amount);
    }

    /// @dev From reserved to idle.
    function _release(bytes32 account, uint256 amount) internal {
        if (amount == 0) return;
        reserved[account] -= amount;
        _credit(account, amount);
    }

    // -------------------------------------------------------------------- seats

    /// @dev What holds before any trade.
    /// @return route Where it goes.
    /// @return pays Tip and fee.
    function _before(Trade calldata t) internal view returns (IVenues.Route memory route, uint256 pays) {
        require(t.size != 0, ZeroAmount());
        pays = Math.saturatingAdd(t.tip, t.fee);
        uint8 rights = TRADE | (t.margin > 0 ? MOVE : 0) | (pays > 0 ? PAY : 0);
        _authorise(t.account, rights, 1 << t.venue, pays);
        route = VENUES.route(t.venue, t.market);
        require(!route.paused || t.margin == 0 || _isOwner(t.account), VenuePaused(t.venue));
    }

    /// @dev A purchase that ends short or flat only reduced, and so did a sale that ends long or flat.
    function _requireReduced(Trade calldata t, int256 position) internal view {
        if (_isOwner(t.account)) return;
        require(t.size > 0 ? position <= 0 : position >= 0, VenuePaused(t.venue));
    }

    /// @return now_ The account's active venues.
    function _clearActive(bytes32 account, uint8 venue) internal returns (uint256 now_) {
        Balance storage b = _balances[account];
        now_ = b.active & ~(uint64(1) << venue);
        b.active = uint64(now_); // Safe because it was 64 bits.
    }

    /// @dev A pocket of a seat that exists, with whatever ticket was in it settled.
    function _pocket(bytes32 account, uint8 venue, bytes32 market) internal returns (Pocket memory p) {
        IVenues.Route memory route = VENUES.route(venue, market);
        p = Pocket(account, venue, market, route.instrument, _existingSeat(account, venue));
        if (route.delayed) _settleFirst(p);
    }

    function _delayedSeat(bytes32 account, uint8 venue, bytes32 market)
        internal
        view
        returns (address seat, bytes32 instrument)
    {
        IVenues.Route memory route = VENUES.route(venue, market);
        require(route.delayed, FillsAtOnce(venue));
        return (_existingSeat(account, venue), route.instrument);
    }

    function _existingSeat(bytes32 account, uint8 venue) internal view returns (address seat) {
        bool made;
        (seat, made) = seatOf(account, venue);
        require(made, NoSeat(account, venue));
    }

    /// @dev Margin on its way to a seat, counted before it goes.
    function _send(bytes32 account, uint8 venue, IVenues.Route memory route, address seat, uint256 amount) internal {
        if (amount == 0) return;
        (uint256 all, uint256 own) = (posted[venue], postedBy[account][venue]);
        if (!_isOwner(account)) {
            uint256 room = Math.saturatingSub(route.cap, all);
            require(amount <= room, VenueCapReached(venue, room));
            room = Math.saturatingSub(route.accountCap, own);
            require(amount <= room, AccountCapReached(account, venue, room));
        }
        (posted[venue], postedBy[account][venue]) = (all + amount, own + amount);
        TOKEN.safeTransfer(seat, amount);
    }

    /// @dev What came back is posted no longer: never below zero for the account, and so, since it is their sum, for all.
    function _countBack(bytes32 account, uint8 venue, uint256 amount) internal {
        uint256 own = postedBy[account][venue];
        uint256 back = Math.min(amount, own);
        if (back > 0) (posted[venue], postedBy[account][venue]) = (posted[venue] - back, own - back);
    }

    /// @dev A seat is found, not remembered: its address follows from this vault, the venue's implementation
    /// and the account, and nobody else can put code there.
    function _seat(bytes32 account, uint8 venue, address implementation) internal returns (address seat) {
        seat = Clones.predictDeterministicAddress(implementation, account);
        if (seat.code.length == 0) {
            Clones.cloneDeterministic(implementation, account);
            emit SeatMade(account, venue, seat);
            ISeat(seat).enter();
        }
    }
}
