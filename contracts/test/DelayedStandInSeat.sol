// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";

import {DelayedSeat} from "../seats/DelayedSeat.sol";
import {Seat} from "../seats/Seat.sol";

/// @title DelayedStandInSeat
/// @notice A seat at the simplest honest venue that fills later: at 2,000 USD without a fee, as much of an order as whoever
/// calls `execute` says, and never the rest. It keeps 2 USDC an order, and gives them back to an order that it
/// did not fill. The venue is the implementation itself, which holds all margin. What the hostile seats here do
/// differently is all that they say.
contract DelayedStandInSeat is DelayedSeat {
    using SafeERC20 for IERC20;

    uint256 internal constant PRICE = 2_000;
    uint256 internal constant DEPOSIT = 2e6;

    DelayedStandInSeat public immutable VENUE;

    int256 public held_;
    uint256 public posted;
    /// @notice What was asked for and is not resolved.
    int256 public order;
    int256 internal _done;

    constructor(address vault, IERC20 token) Seat(vault, token, 6) {
        VENUE = this;
    }

    /// @notice The venue's own: pays out.
    function release(uint256 amount) external {
        TOKEN.safeTransfer(msg.sender, amount);
    }

    /// @notice The venue's own: fills this much of the order, and ends it.
    function execute(int256 filled) external virtual {
        held_ += filled;
        (order, _done) = (0, filled);
    }

    function margin(bytes32) external view virtual returns (Margin memory m) {
        m.equity = int256(posted * UNIT);
        m.free = posted * UNIT;
        m.leverage = _leverageAt(0, held_);
    }

    function position(bytes32) external view virtual returns (Position memory p) {
        p.size = _size(0);
        p.markPrice = p.indexPrice = PRICE * 1e18;
    }

    function _enter() internal virtual override {}

    function _post(bytes32, uint256 amount, uint256) internal virtual override returns (uint256) {
        posted += amount;
        TOKEN.safeTransfer(address(VENUE), amount);
        return 0;
    }

    function _pull(bytes32, uint256 amount) internal virtual override {
        if (amount == type(uint256).max) amount = posted;
        posted -= amount;
        VENUE.release(amount);
    }

    function _deposit() internal view virtual override returns (uint256) {
        return DEPOSIT * UNIT;
    }

    function _request(bytes32, int256 size, uint256, uint256) internal virtual override returns (uint256) {
        posted -= DEPOSIT;
        order = size;
        return 0;
    }

    function _resolve(bytes32, Ticket memory t, bytes calldata)
        internal
        virtual
        override
        returns (bool open, int256 filled, uint256 quote)
    {
        if (order != 0) return (true, 0, 0);
        uint256 worth = uint256(_done < 0 ? -_done : _done) * PRICE;
        if (_done == 0) return (false, 0, 0);
        if (t.size > 0) return (false, _done, worth + t.cost);
        return (false, _done, worth > t.cost ? worth - t.cost : 0);
    }

    function _closable(bytes32) internal view virtual override returns (bool) {
        return true;
    }

    function _expire(bytes32) internal virtual override {
        posted += DEPOSIT;
        (order, _done) = (0, 0);
    }

    function _size(bytes32) internal view virtual override returns (int256) {
        return held_;
    }

    function _leverageAt(bytes32, int256 size) internal view virtual override returns (uint256) {
        return _leverageUp(uint256(size < 0 ? -size : size) * PRICE, int256(posted * UNIT));
    }
}

/// @notice Says of an order whatever it was told to say, and keeps the margin.
contract LyingDelayedSeat is DelayedStandInSeat {
    bool internal _open = true;
    int256 internal _filled;
    uint256 internal _quote;

    constructor(address vault, IERC20 token) DelayedStandInSeat(vault, token) {}

    /// @notice The venue's own: what to say of every order from now on.
    function say(bool open, int256 filled, uint256 quote) external {
        (_open, _filled, _quote) = (open, filled, quote);
    }

    function _request(bytes32, int256, uint256, uint256) internal override returns (uint256) {
        (_open, posted) = (true, 0);
        return 0;
    }

    function _resolve(bytes32, Ticket memory, bytes calldata)
        internal
        view
        override
        returns (bool, int256, uint256)
    {
        return (_open, _filled, _quote);
    }

    function _expire(bytes32) internal override {}
}

/// @notice Takes an order, and reverts whatever it is asked from then on.
contract DeadDelayedSeat is DelayedStandInSeat {
    error Dead();

    constructor(address vault, IERC20 token) DelayedStandInSeat(vault, token) {}

    function margin(bytes32) external view override returns (Margin memory) {
        revert Dead();
    }

    function position(bytes32) external view override returns (Position memory) {
        revert Dead();
    }

    function _post(bytes32 instrument, uint256 amount, uint256 maxLoss) internal override returns (uint256) {
        require(order == 0, Dead());
        return super._post(instrument, amount, maxLoss);
    }

    function _pull(bytes32, uint256) internal pure override {
        revert Dead();
    }

    function _resolve(bytes32, Ticket memory, bytes calldata)
        internal
        pure
        override
        returns (bool, int256, uint256)
    {
        revert Dead();
    }

    function _expire(bytes32) internal pure override {
        revert Dead();
    }

    function _size(bytes32) internal view override returns (int256) {
        require(order == 0, Dead());
        return 0;
    }
}

/// @notice Answers no more about one of its markets.
contract HalfDeadDelayedSeat is DelayedStandInSeat {
    error Dead();

    bytes32 internal _dead;

    constructor(address vault, IERC20 token) DelayedStandInSeat(vault, token) {}

    /// @notice The venue's own: this market is gone.
    function bury(bytes32 instrument) external {
        _dead = instrument;
    }

    function _size(bytes32 instrument) internal view override returns (int256) {
        require(instrument != _dead, Dead());
        return held_;
    }
}
