// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {IERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Permit.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";

import {IPermit2} from "../../interfaces/IPermit2.sol";
import {IVault} from "../../interfaces/IVault.sol";

/// @title Accounts
/// @notice The vault's half that knows money and rights: deposits, idle, operators, withdrawals. It knows no seats.
abstract contract Accounts is IVault, ReentrancyGuardTransient {
    using SafeERC20 for IERC20;

    uint8 public constant TRADE = 1;
    uint8 public constant MOVE = 2;
    uint8 public constant PAY = 4;

    /// @notice Where Permit2 stands on every chain.
    IPermit2 public constant PERMIT2 = IPermit2(0x000000000022D473030F116dDEE9F6B43aC78BA3);
    bytes32 internal constant GRANT_TYPEHASH = keccak256(
        "Grant(address operator,uint8 rights,uint40 expiry,uint64 payCap,uint128 venues)"
    );
    bytes32 internal constant DEPOSIT_TYPEHASH = keccak256(
        "Deposit(bytes32 account,uint256 amount,Grant grant)"
        "Grant(address operator,uint8 rights,uint40 expiry,uint64 payCap,uint128 venues)"
    );
    string internal constant WITNESS = "Deposit witness)"
        "Deposit(bytes32 account,uint256 amount,Grant grant)"
        "Grant(address operator,uint8 rights,uint40 expiry,uint64 payCap,uint128 venues)"
        "TokenPermissions(address token,uint256 amount)";

    IERC20 public immutable TOKEN;

    mapping(bytes32 account => Balance) internal _balances;
    mapping(bytes32 account => mapping(address operator => Operator)) internal _operators;

    constructor(IERC20 token) {
        TOKEN = token;
    }

    // ------------------------------------------------------------------ anyone

    /// @inheritdoc IVault
    function deposit(bytes32 account, uint256 amount) external nonReentrant {
        uint256 before = _beforeDeposit(account, amount);
        TOKEN.safeTransferFrom(msg.sender, address(this), amount);
        _afterDeposit(account, msg.sender, amount, before);
    }

    /// @inheritdoc IVault
    function depositWithPermit2(
        bytes32 account,
        uint256 amount,
        address from,
        Grant calldata grant,
        uint256 nonce,
        uint256 deadline,
        bytes calldata signature
    ) external nonReentrant {
        uint256 before = _beforeDeposit(account, amount);
        bytes32 approval = keccak256(abi.encode(GRANT_TYPEHASH, grant));
        PERMIT2.permitWitnessTransferFrom(
            IPermit2.PermitTransferFrom(IPermit2.TokenPermissions(address(TOKEN), amount), nonce, deadline),
            IPermit2.SignatureTransferDetails(address(this), amount),
            from,
            keccak256(abi.encode(DEPOSIT_TYPEHASH, account, amount, approval)),
            WITNESS,
            signature
        );
        _afterDeposit(account, from, amount, before);
        if (grant.operator != address(0)) {
            require(from == address(bytes20(account)), NotOwner(account, from));
            _setOperator(account, grant);
        }
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
        uint256 before = _beforeDeposit(account, amount);
        TOKEN.safeTransferFrom(msg.sender, address(this), amount);
        _afterDeposit(account, msg.sender, amount, before);
        if (grant.operator != address(0)) {
            _requireOwner(account);
            _setOperator(account, grant);
        }
    }

    /// @inheritdoc IVault
    function withdraw(bytes32 account, uint256 amount, address to) external nonReentrant {
        _requireOwner(account);
        require(amount > 0, ZeroAmount());
        _spend(account, amount, 0, 0);
        emit Withdrawn(account, to, amount);
        TOKEN.safeTransfer(to, amount);
    }

    /// @inheritdoc IVault
    function setOperator(bytes32 account, Grant calldata grant) external {
        _requireOwner(account);
        _setOperator(account, grant);
    }

    // ------------------------------------------------------- owner or operator

    /// @inheritdoc IVault
    function pay(bytes32 account, address payee, uint256 amount) external nonReentrant {
        require(amount > 0, ZeroAmount());
        require(payee != address(0), NoOwner());
        _authorise(account, PAY, 0, amount);
        _spend(account, amount, amount, 0);
        _credit(bytes32(bytes20(payee)), amount);
        emit Paid(account, payee, amount);
    }

    // -------------------------------------------------------------------- reads

    /// @inheritdoc IVault
    function idle(bytes32 account) external view returns (uint256) {
        return _balances[account].idle;
    }

    /// @inheritdoc IVault
    function active(bytes32 account) external view returns (uint256) {
        return _balances[account].active;
    }

    /// @inheritdoc IVault
    function paidToday(bytes32 account) external view returns (uint256) {
        return _paidToday(_balances[account]);
    }

    /// @inheritdoc IVault
    function operators(bytes32 account, address operator) external view returns (Operator memory) {
        return _operators[account][operator];
    }

    // ----------------------------------------------------------------- internal

    function _beforeDeposit(bytes32 account, uint256 amount) internal view returns (uint256) {
        require(address(bytes20(account)) != address(0), NoOwner());
        require(amount > 0, ZeroAmount());
        return TOKEN.balanceOf(address(this));
    }

    function _afterDeposit(bytes32 account, address from, uint256 amount, uint256 before) internal {
        uint256 received = TOKEN.balanceOf(address(this)) - before;
        require(received == amount, TokenTookFee(amount, received));
        _credit(account, amount);
        emit Deposited(account, from, amount);
    }

    function _credit(bytes32 account, uint256 amount) internal {
        Balance storage b = _balances[account];
        b.idle = SafeCast.toUint96(b.idle + amount);
    }

    /// @dev Takes `amount` from idle, `paid` of which is paid away and counts towards the day. The owner's own payments
    /// count as well, which only lowers what operators may pay.
    /// @param marks A venue to mark active, or none.
    /// @return now_ The account's active venues.
    /// @return fresh Whether it was not among them before.
    function _spend(bytes32 account, uint256 amount, uint256 paid, uint64 marks)
        internal
        returns (uint64 now_, bool fresh)
    {
        Balance memory b = _balances[account];
        fresh = b.active & marks == 0;
        if (amount == 0 && !fresh) return (b.active, false);
        require(b.idle >= amount, NotEnoughIdle(b.idle, amount));
        b.idle -= uint96(amount); // Safe because idle, which fits, is no less.
        b.active |= marks;
        if (paid > 0) (b.payDay, b.paid) = (_today(), SafeCast.toUint64(_paidToday(b) + paid));
        _balances[account] = b;
        return (b.active, fresh);
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

    function _isOwner(bytes32 account) internal view returns (bool) {
        return msg.sender == address(bytes20(account));
    }

    function _requireOwner(bytes32 account) internal view {
        require(_isOwner(account), NotOwner(account, msg.sender));
    }

    /// @dev The owner may do all; an operator needs every right in `rights` at every venue in `venues`, and what it pays
    /// must fit under its cap together with all that was paid from the account today.
    function _authorise(bytes32 account, uint8 rights, uint256 venues, uint256 pays) internal view {
        if (_isOwner(account)) return;
        Operator storage o = _operators[account][msg.sender];
        require(
            o.rights & rights == rights && block.timestamp <= o.expiry, NotAllowed(account, msg.sender, rights)
        );
        require(o.venues & venues == venues, VenueNotGranted(account, msg.sender, venues));
        if (pays == 0) return;
        uint256 paid = Math.saturatingAdd(_paidToday(_balances[account]), pays);
        require(paid <= o.payCap, PayCapExceeded(o.payCap, paid));
    }
}
