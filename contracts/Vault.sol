// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Clones} from "@openzeppelin/contracts/proxy/Clones.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {IERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Permit.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";

import {ISeat} from "../interfaces/ISeat.sol";
import {IVault} from "../interfaces/IVault.sol";
import {IVenues} from "../interfaces/IVenues.sol";

/// @title Vault
/// @notice Custody of the settlement token: idle balances, operators, and the making and calling of seats.
///
/// ACCOUNTS
/// Every power over an account comes from its owner, whose address is the account's first 20 bytes. There is no
/// administrator, no upgrade and no pause here.
///
/// MONEY
/// The token balance always covers the sum of all idle. Money leaves only to an owner's chosen address (by the
/// owner), to the account's own seats (by the owner or an operator with MOVE), or to another account's idle as a
/// tip (by the owner or a contract with PAY, within the day's cap). What comes back is credited as received,
/// measured here, whatever a seat or a venue reports.
///
/// STOPPING
/// Nothing stops the vault: what stops an operator is the owner's `setOperator`.
contract Vault is IVault, ReentrancyGuardTransient {
    using SafeERC20 for IERC20;

    uint8 public constant TRADE = 1;
    uint8 public constant MOVE = 2;
    uint8 public constant PAY = 4;

    IERC20 public immutable TOKEN;
    IVenues public immutable VENUES;

    mapping(bytes32 account => Balance) internal _balances;
    mapping(bytes32 account => mapping(address operator => Operator)) internal _operators;

    constructor(IERC20 token, IVenues venues) {
        TOKEN = token;
        VENUES = venues;
    }

    // ------------------------------------------------------------------ anyone

    /// @inheritdoc IVault
    function deposit(bytes32 account, uint256 amount) external nonReentrant {
        _deposit(account, amount);
    }

    // ------------------------------------------------------------------- owner

    /// @inheritdoc IVault
    function depositWithPermit(
        bytes32 account,
        uint256 amount,
        Permit calldata permit,
        Grant calldata grant
    ) external nonReentrant {
        // A permit names no account and may be used by anyone who sees it, so it only ever sets the allowance
        // of the sender, and one that was used already is no failure as long as its allowance still stands.
        try IERC20Permit(address(TOKEN)).permit(
            msg.sender, address(this), amount, permit.deadline, permit.v, permit.r, permit.s
        ) {} catch {
            uint256 allowance = TOKEN.allowance(msg.sender, address(this));
            require(allowance >= amount, PermitRefused(allowance, amount));
        }
        _deposit(account, amount);
        if (grant.operator != address(0)) {
            _requireOwner(account);
            _setOperator(account, grant);
        }
    }

    /// @inheritdoc IVault
    function withdraw(bytes32 account, uint256 amount, address to) external nonReentrant {
        _requireOwner(account);
        require(amount > 0, ZeroAmount());
        _spend(account, amount, 0);
        emit Withdrawn(account, to, amount);
        TOKEN.safeTransfer(to, amount);
    }

    /// @inheritdoc IVault
    function setOperator(bytes32 account, Grant calldata grant) external {
        _requireOwner(account);
        _setOperator(account, grant);
    }

    /// @inheritdoc IVault
    function sweep(bytes32 account, uint8 venue, address token) external nonReentrant returns (uint256) {
        _requireOwner(account);
        return ISeat(_existingSeat(account, venue)).sweep(token, msg.sender);
    }

    // ------------------------------------------------------- owner or operator

    /// @inheritdoc IVault
    function trade(Trade calldata t)
        external
        nonReentrant
        returns (uint256 quote, int256 position, uint256 leverage)
    {
        require(t.size != 0, ZeroAmount());
        uint8 rights = TRADE | (t.margin > 0 ? MOVE : 0) | (t.tip > 0 ? PAY : 0);
        _authorise(t.account, t.venue, rights, t.tip);
        (address implementation, bytes32 instrument) = VENUES.route(t.venue, t.market);

        if (t.margin | t.tip != 0) _spend(t.account, Math.saturatingAdd(t.margin, t.tip), t.tip);
        if (t.tip > 0) _credit(bytes32(bytes20(t.payee)), t.tip);
        address seat = _seat(t.account, t.venue, implementation);
        if (t.margin > 0) TOKEN.safeTransfer(seat, t.margin);

        (quote, position, leverage) =
            ISeat(seat).trade(instrument, t.size, t.limitQuote, t.margin, t.measure);
        emit Traded(t.account, t.venue, t.market, t.size, quote, t.margin, t.tip);
    }

    /// @inheritdoc IVault
    function post(bytes32 account, uint8 venue, uint256 amount) external nonReentrant {
        require(amount > 0, ZeroAmount());
        _authorise(account, venue, MOVE, 0);
        _spend(account, amount, 0);
        address seat = _seat(account, venue, VENUES.implementation(venue));
        TOKEN.safeTransfer(seat, amount);
        ISeat(seat).post(amount);
        emit MarginPosted(account, venue, amount);
    }

    /// @inheritdoc IVault
    function pull(bytes32 account, uint8 venue, uint256 amount, uint256 least)
        external
        nonReentrant
        returns (uint256 received)
    {
        require(amount > 0, ZeroAmount());
        _authorise(account, venue, MOVE, 0);
        address seat = _existingSeat(account, venue);
        uint256 before = TOKEN.balanceOf(address(this));
        ISeat(seat).pull(amount);
        received = TOKEN.balanceOf(address(this)) - before;
        require(received >= least, PaidShort(least, received));
        _credit(account, received);
        emit MarginPulled(account, venue, received);
    }

    // -------------------------------------------------------------------- reads

    /// @inheritdoc IVault
    function idle(bytes32 account) external view returns (uint256) {
        return _balances[account].idle;
    }

    /// @inheritdoc IVault
    function paidToday(bytes32 account) external view returns (uint256) {
        return _paidToday(_balances[account]);
    }

    /// @inheritdoc IVault
    function operators(bytes32 account, address operator) external view returns (Operator memory) {
        return _operators[account][operator];
    }

    /// @inheritdoc IVault
    function seatOf(bytes32 account, uint8 venue) public view returns (address seat, bool made) {
        seat = Clones.predictDeterministicAddress(VENUES.implementation(venue), account);
        made = seat.code.length > 0;
    }

    // ----------------------------------------------------------------- internal

    function _deposit(bytes32 account, uint256 amount) internal {
        require(address(bytes20(account)) != address(0), NoOwner());
        require(amount > 0, ZeroAmount());
        uint256 before = TOKEN.balanceOf(address(this));
        TOKEN.safeTransferFrom(msg.sender, address(this), amount);
        uint256 received = TOKEN.balanceOf(address(this)) - before;
        require(received == amount, TokenTookFee(amount, received));
        _credit(account, amount);
        emit Deposited(account, msg.sender, amount);
    }

    function _credit(bytes32 account, uint256 amount) internal {
        Balance storage b = _balances[account];
        b.idle = SafeCast.toUint128(b.idle + amount);
    }

    /// @dev Takes `amount` from idle, `tip` of which is paid away and counts towards the day. The owner's own tips
    /// count as well, which only lowers what operators may pay.
    function _spend(bytes32 account, uint256 amount, uint256 tip) internal {
        Balance memory b = _balances[account];
        require(b.idle >= amount, NotEnoughIdle(b.idle, amount));
        b.idle -= uint128(amount); // Safe because idle, which fits, is no less.
        if (tip > 0) (b.payDay, b.paid) = (_today(), SafeCast.toUint96(_paidToday(b) + tip));
        _balances[account] = b;
    }

    function _today() internal view returns (uint32) {
        return SafeCast.toUint32(block.timestamp / 1 days);
    }

    function _paidToday(Balance memory b) internal view returns (uint256) {
        return b.payDay == _today() ? b.paid : 0;
    }

    function _setOperator(bytes32 account, Grant calldata grant) internal {
        bool pays = grant.rights & PAY != 0;
        require(!pays || grant.operator.code.length > 0, PayNeedsContract(grant.operator));
        _operators[account][grant.operator] =
            Operator(grant.rights, grant.expiry, grant.payCap, grant.venues);
        emit OperatorSet(account, grant.operator, grant.rights, grant.expiry, grant.payCap, grant.venues);
    }

    function _requireOwner(bytes32 account) internal view {
        require(msg.sender == address(bytes20(account)), NotOwner(account, msg.sender));
    }

    /// @dev The owner may do all; an operator needs every right in `rights` at that venue, and what it pays must fit
    /// under its cap together with all that was paid from the account today.
    function _authorise(bytes32 account, uint8 venue, uint8 rights, uint256 pays) internal view {
        if (msg.sender == address(bytes20(account))) return;
        Operator memory o = _operators[account][msg.sender];
        require(
            o.rights & rights == rights && block.timestamp <= o.expiry, NotAllowed(account, msg.sender, rights)
        );
        require(o.venues & (uint256(1) << venue) != 0, VenueNotGranted(account, msg.sender, venue));
        if (pays > 0) {
            uint256 paid = Math.saturatingAdd(_paidToday(_balances[account]), pays);
            require(paid <= o.payCap, PayCapExceeded(o.payCap, paid));
        }
    }

    function _existingSeat(bytes32 account, uint8 venue) internal view returns (address seat) {
        bool made;
        (seat, made) = seatOf(account, venue);
        require(made, NoSeat(account, venue));
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
