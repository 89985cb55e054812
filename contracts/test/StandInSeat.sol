// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";

import {ISeat} from "../../interfaces/ISeat.sol";
import {InstantSeat} from "../seats/InstantSeat.sol";
import {Seat} from "../seats/Seat.sol";

/// @title StandInSeat
/// @notice A seat at the simplest honest venue there is: it trades anything at 2,000 USD without a fee. The
/// venue is the implementation itself, which holds all margin and gives it to whoever asks. What the hostile
/// seats here do differently is all that they say.
contract StandInSeat is InstantSeat {
    using SafeERC20 for IERC20;

    uint256 internal constant PRICE = 2_000;

    StandInSeat public immutable VENUE;

    int256 public held_;
    uint256 public posted;

    constructor(address vault, IERC20 token) Seat(vault, token, 6) {
        VENUE = this;
    }

    /// @notice The venue's own: pays out.
    function release(uint256 amount) external {
        TOKEN.safeTransfer(msg.sender, amount);
    }

    function margin(bytes32) external view virtual returns (Margin memory m) {
        m.equity = int256(posted * UNIT);
        m.free = posted * UNIT;
        m.leverage = _leverage(0, false);
    }

    function position(bytes32 instrument) external view virtual returns (Position memory p) {
        p.size = _size(instrument);
        p.markPrice = p.indexPrice = PRICE * 1e18;
    }

    function quote(bytes32, int256 size) external virtual returns (uint256, bool) {
        return (uint256(size < 0 ? -size : size) * PRICE, true);
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

    function _close(bytes32 instrument, int256 position_) internal virtual override returns (uint256) {
        return _trade(instrument, -position_);
    }

    function _flat() internal view virtual override returns (bool) {
        return held_ == 0;
    }

    function _trade(bytes32, int256 size) internal virtual override returns (uint256) {
        held_ += size;
        return uint256(size < 0 ? -size : size) * PRICE;
    }

    function _size(bytes32) internal view virtual override returns (int256) {
        return held_;
    }

    function _leverage(bytes32, bool) internal view virtual override returns (uint256) {
        return _leverageUp(uint256(held_ < 0 ? -held_ : held_) * PRICE, int256(posted * UNIT));
    }
}
