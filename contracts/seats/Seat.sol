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
/// 2. `trade` moves the position by exactly the size asked, measured as a difference of the venue's own state,
///    or reverts. The price is what the venue reports for that very trade, held against the caller's limit.
/// 3. Equity, position, free margin, leverage and funding rate come from the venue's own state, per pocket. A
///    missing price is an error, never a number.
/// 4. Reducing and withdrawing free margin depend on nothing of Ringside's but this contract and the vault.
/// 5. Every argument that a keeper could turn to profit (receiver, referral, price limits that fill in part,
///    deadlines) is fixed in the seat.
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
    function trade(bytes32 instrument, int256 size, uint256 limitQuote, uint256 marginIn, bool measure)
        external
        onlyVault
        returns (uint256 quote, int256 after_, uint256 leverage)
    {
        if (marginIn > 0) _post(marginIn);
        int256 before = _size(instrument);
        quote = _trade(instrument, size);
        after_ = _size(instrument);
        require(after_ - before == size, NotExact(size, after_ - before));
        require(size > 0 ? quote <= limitQuote : quote >= limitQuote, BeyondLimit(quote, limitQuote));
        // A purchase that ends short or flat only reduced, and so did a sale that ends long or flat.
        if (measure && (size > 0 ? after_ > 0 : after_ < 0)) leverage = _leverage(instrument, before != 0);
    }

    /// @inheritdoc ISeat
    function post(uint256 amount) external onlyVault {
        _post(amount);
    }

    /// @inheritdoc ISeat
    function pull(uint256 amount) external onlyVault returns (uint256 received) {
        if (amount == type(uint256).max) amount = _free();
        if (amount == 0) return 0;
        uint256 before = TOKEN.balanceOf(address(this));
        _pull(amount);
        received = TOKEN.balanceOf(address(this)) - before;
        if (received > 0) TOKEN.safeTransfer(VAULT, received);
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

    // --------------------------------------------------- what each venue fills in

    /// @dev Whatever the venue wants before the first deposit, the approval included.
    function _enter() internal virtual;

    /// @dev Deposits `amount` of the token, which is here, as margin.
    function _post(uint256 amount) internal virtual;

    /// @dev Withdraws `amount` of margin to this contract.
    function _pull(uint256 amount) internal virtual;

    /// @dev What the venue would pay out now, in the token's units.
    function _free() internal view virtual returns (uint256);

    /// @dev Trades `size` and returns the whole price the venue reports for it, rounded against the trader.
    function _trade(bytes32 instrument, int256 size) internal virtual returns (uint256 quote);

    /// @dev The position by the venue's own storage.
    function _size(bytes32 instrument) internal view virtual returns (int256);

    /// @dev Leverage of the instrument's pocket by the cheapest correct reads, right after a trade in it, when
    /// its accrued funding is settled. Where the pocket holds another instrument too, by `_pocket`.
    /// @param held Whether there was a position before the trade: some venues then hold prices ready.
    function _leverage(bytes32 instrument, bool held) internal view virtual returns (uint256);

    /// @dev Notional ÷ backing, 1e18, rounded up: more leverage is worse for whoever is bounded by a maximum.
    function _leverageUp(uint256 notional, int256 backing) internal pure returns (uint256) {
        if (notional == 0) return 0;
        if (backing <= 0) return type(uint256).max;
        return (notional * 1e18 - 1) / uint256(backing) + 1; // Cast safe because backing > 0.
    }
}
