// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";

import {ISeat} from "../../interfaces/ISeat.sol";

/// @title Seat
/// @notice One account's place at one venue: enter, change, value, leave. Who decides, and what is best, is
/// somebody else's business.
///
/// WHAT A SEAT OWES
/// 1. Only the vault calls it. Money leaves it only to its venue or to the vault; anything else it comes to hold
///    leaves in kind, to the owner, by the owner's `sweep` through the vault.
/// 2. A trade moves the position by exactly the size asked, measured as a difference of the venue's own state,
///    or reverts, or is a ticket that the venue resolves later. The price is what the venue reports for that very
///    trade, held against the caller's limit. An owner's `close` takes what it can get.
/// 3. Equity, position, free margin, leverage and funding rate come from the venue's own state, per pocket. A
///    missing price is an error, never a number.
/// 4. Reducing and withdrawing free margin depend on nothing of Ringside's but this contract and the vault.
/// 5. Every argument that a keeper could turn to profit (receiver, referral, price limits that fill in part,
///    deadlines, swap paths) is fixed in the seat.
/// 6. The approval to the venue is given here and nowhere else. A seat keeps no money between transactions, so
///    a broken venue can take the margin posted at it, on its way to it or resting here as a gift, and nothing
///    else.
///
/// A seat is a clone whose address follows from the vault, the implementation and the account, so the vault
/// needs no record of it and it none of its account. Its configuration is immutable in the implementation,
/// shared by all seats of a venue.
abstract contract Seat is ISeat {
    using SafeERC20 for IERC20;

    address public immutable VAULT;
    IERC20 public immutable TOKEN;
    /// @dev One unit of the settlement token in 1e18 USD.
    uint256 internal immutable UNIT;

    modifier onlyVault() {
        require(msg.sender == VAULT, NotVault(msg.sender));
        _;
    }

    constructor(address vault, IERC20 token, uint8 tokenDecimals) {
        VAULT = vault;
        TOKEN = token;
        UNIT = 10 ** (18 - tokenDecimals);
    }

    // ------------------------------------------------------------------- vault

    /// @inheritdoc ISeat
    function enter() external onlyVault {
        _enter();
    }

    /// @inheritdoc ISeat
    function post(bytes32 instrument, uint256 amount, uint256 maxLoss)
        external
        virtual
        onlyVault
        returns (uint256 cost)
    {
        return _post(instrument, amount, maxLoss);
    }

    /// @inheritdoc ISeat
    function pull(bytes32 instrument, uint256 amount) external virtual onlyVault returns (uint256 received) {
        received = _exchange(_arrived(instrument, amount));
        if (received > 0) TOKEN.safeTransfer(VAULT, received);
    }

    /// @inheritdoc ISeat
    function pullInKind(bytes32 instrument, uint256 amount, address to)
        external
        virtual
        onlyVault
        returns (address token, uint256 received, uint256 par)
    {
        token = address(_collateral());
        received = _arrived(instrument, amount);
        if (received > 0) IERC20(token).safeTransfer(to, received);
        par = _parDown(received);
    }

    /// @inheritdoc ISeat
    function sweep(address token, address to) external onlyVault returns (uint256 amount) {
        if (token == address(0)) {
            amount = address(this).balance;
            (bool sent,) = to.call{value: amount}("");
            require(sent, SweepFailed(token));
        } else {
            amount = IERC20(token).balanceOf(address(this));
            IERC20(token).safeTransfer(to, amount);
        }
    }

    // -------------------------------------------------------------------- reads

    /// @inheritdoc ISeat
    function held(bytes32 instrument) external view returns (int256) {
        return _size(instrument);
    }

    /// @inheritdoc ISeat
    function isolated() external pure virtual returns (bool) {
        return false;
    }

    // --------------------------------------------------- what each venue fills in

    /// @dev Whatever the venue wants before the first deposit, the approval included.
    function _enter() internal virtual;

    /// @dev Deposits `amount` of the token, which is here, as margin.
    /// @return cost What the exchange into the venue's token lost, 1e18 USD; zero where there is none.
    function _post(bytes32 instrument, uint256 amount, uint256 maxLoss) internal virtual returns (uint256 cost);

    /// @dev Withdraws `amount` of margin (settlement token's units; the largest number: all that is free) to this
    /// contract, in whatever the venue pays; does nothing if that is nothing.
    function _pull(bytes32 instrument, uint256 amount) internal virtual;

    /// @dev What the venue pays in.
    function _collateral() internal view virtual returns (IERC20) {
        return TOKEN;
    }

    /// @dev An amount of what the venue pays in, in the settlement token's units at par.
    function _parDown(uint256 amount) internal view virtual returns (uint256) {
        return amount;
    }

    /// @dev Turns `amount` of what the venue paid in, which is here, into the settlement token.
    /// @return received How much of that, measured.
    function _exchange(uint256 amount) internal virtual returns (uint256 received) {
        return amount;
    }

    /// @dev The position by the venue's own storage.
    function _size(bytes32 instrument) internal view virtual returns (int256);

    /// @dev Whether the venue knows of no position of this seat, whichever the instrument.
    function _flat() internal view virtual returns (bool);

    /// @dev Withdraws, and says what came in what the venue pays: what rested here before is not the venue's payment, and
    /// is never counted as margin that came back.
    function _arrived(bytes32 instrument, uint256 amount) private returns (uint256) {
        IERC20 token = _collateral();
        uint256 before = token.balanceOf(address(this));
        _pull(instrument, amount);
        return token.balanceOf(address(this)) - before;
    }

    /// @dev Notional ÷ backing, 1e18, rounded up: more leverage is worse for whoever is bounded by a maximum.
    function _leverageUp(uint256 notional, int256 backing) internal pure returns (uint256) {
        if (notional == 0) return 0;
        if (backing <= 0) return type(uint256).max;
        return (notional * 1e18 - 1) / uint256(backing) + 1; // Cast safe because backing > 0.
    }
}
