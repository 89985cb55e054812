// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";

import {ISeat} from "../../interfaces/ISeat.sol";
import {DelayedSeat} from "../../contracts/seats/DelayedSeat.sol";
import {InstantSeat} from "../../contracts/seats/InstantSeat.sol";
import {Seat} from "../../contracts/seats/Seat.sol";

/// @notice A Chainlink feed that says what it is told to.
contract StandInFeed {
    uint8 public decimals = 8;
    int256 public answer = 2_000e8;
    uint256 public startedAt;
    uint256 public updatedAt;

    constructor() {
        (startedAt, updatedAt) = (block.timestamp, block.timestamp);
    }

    function say(int256 answer_, uint256 startedAt_, uint256 updatedAt_) external {
        (answer, startedAt, updatedAt) = (answer_, startedAt_, updatedAt_);
    }

    function latestRoundData() external view returns (uint80, int256, uint256, uint256, uint80) {
        return (1, answer, startedAt, updatedAt, 1);
    }
}

/// @notice How a stand-in venue behaves. `Honest` is what a venue documents; each other does one thing else.
enum Mood {
    Honest,
    Refuses,
    PaysShort,
    FillsHalf,
    FillsTwice,
    FillsForNothing,
    KeepsMargin,
    Grasps,
    Reenters,
    Silent
}

/// @notice What both stand-in venues are: the implementation holds all margin, and everybody may tell it what to do.
abstract contract StandInVenue {
    Mood public mood;
    mapping(bytes32 instrument => uint256) public price;
    /// @notice What to call when it re-enters, and whether that went through.
    address public target;
    bytes public data;
    bool public entered;
    bool public able = true;

    function be(Mood mood_) external {
        mood = mood_;
    }

    function setPrice(bytes32 instrument, uint256 price_) external {
        price[instrument] = price_;
    }

    function setAble(bool able_) external {
        able = able_;
    }

    function plan(address target_, bytes calldata data_) external {
        (target, data, entered) = (target_, data_, false);
    }

    function strike() external {
        (bool done,) = target.call(data);
        if (done) entered = true;
    }
}

/// @title ScriptedSeat
/// @notice A seat at a venue that fills at once, at its price, without a fee; maintenance is a twentieth of notional.
contract ScriptedSeat is InstantSeat, StandInVenue {
    using SafeERC20 for IERC20;

    ScriptedSeat public immutable VENUE;

    mapping(bytes32 instrument => int256) public position_;
    bytes32[] public instruments;
    uint256 public posted;

    constructor(address vault, IERC20 token) Seat(vault, token, 6) {
        VENUE = this;
    }

    function release(uint256 amount) external {
        TOKEN.safeTransfer(msg.sender, amount);
    }

    function margin(bytes32) external view virtual returns (Margin memory m) {
        require(VENUE.mood() != Mood.Silent, BadVenuePrice());
        (m.equity, m.backing, m.free) = (int256(posted * UNIT), int256(posted * UNIT), posted * UNIT);
        uint256 notional = _notional();
        m.maintenance = notional / 20;
        m.leverage = _leverageUp(notional, m.backing);
    }

    function position(bytes32 instrument) external view returns (Position memory p) {
        p.size = _size(instrument);
        p.markPrice = p.indexPrice = VENUE.price(instrument);
    }

    function quote(bytes32 instrument, int256 size) external returns (uint256, bool) {
        require(mood != Mood.Silent, BadVenuePrice());
        if (mood == Mood.Refuses) revert Busy();
        return (_worth(instrument, size), able);
    }

    function _enter() internal override {
        TOKEN.forceApprove(address(VENUE), type(uint256).max);
    }

    function _post(bytes32, uint256 amount, uint256) internal override returns (uint256) {
        require(VENUE.mood() != Mood.Refuses, BadVenuePrice());
        TOKEN.safeTransfer(address(VENUE), amount);
        if (VENUE.mood() != Mood.KeepsMargin) posted += amount;
        _strike();
        return 0;
    }

    function _pull(bytes32, uint256 amount) internal override {
        require(VENUE.mood() != Mood.Refuses, BadVenuePrice());
        if (amount == type(uint256).max) amount = posted;
        posted -= amount;
        if (VENUE.mood() == Mood.KeepsMargin) return;
        VENUE.release(VENUE.mood() == Mood.PaysShort ? amount / 2 : amount);
        _strike();
    }

    function _trade(bytes32 instrument, int256 size) internal override returns (uint256 paid) {
        Mood mood_ = VENUE.mood();
        require(mood_ != Mood.Refuses, BadVenuePrice());
        int256 done = mood_ == Mood.FillsHalf ? size / 2 : mood_ == Mood.FillsTwice ? 2 * size : size;
        _book(instrument, done);
        paid = _worth(instrument, size);
        if (mood_ == Mood.FillsForNothing) paid = size > 0 ? 0 : type(uint128).max;
        if (mood_ == Mood.Grasps) {
            try TOKEN.transferFrom(VAULT, address(VENUE), TOKEN.balanceOf(VAULT)) {} catch {}
        }
        _strike();
    }

    function _close(bytes32 instrument, int256 held) internal override returns (uint256) {
        return _trade(instrument, VENUE.able() ? -held : -held / 2);
    }

    function _book(bytes32 instrument, int256 done) internal {
        position_[instrument] += done;
        for (uint256 i; i < instruments.length; ++i) {
            if (instruments[i] == instrument) return;
        }
        instruments.push(instrument);
    }

    function _strike() internal {
        if (VENUE.mood() == Mood.Reenters) VENUE.strike();
    }

    function _flat() internal view override returns (bool) {
        for (uint256 i; i < instruments.length; ++i) {
            if (position_[instruments[i]] != 0) return false;
        }
        return true;
    }

    function _size(bytes32 instrument) internal view override returns (int256) {
        return position_[instrument];
    }

    function _leverage(bytes32, bool) internal view override returns (uint256) {
        return _leverageUp(_notional(), int256(posted * UNIT));
    }

    function _notional() internal view returns (uint256 all) {
        for (uint256 i; i < instruments.length; ++i) {
            all += _worth(instruments[i], position_[instruments[i]]);
        }
    }

    function _worth(bytes32 instrument, int256 size) internal view returns (uint256) {
        return uint256(size < 0 ? -size : size) * VENUE.price(instrument) / 1e18;
    }
}

/// @title ScriptedDelayedSeat
/// @notice A seat at a venue that fills later: as much of an order as whoever calls `execute` says, never the rest. It takes 2
/// USDC an order, and gives them back to one that expires.
contract ScriptedDelayedSeat is DelayedSeat, StandInVenue {
    using SafeERC20 for IERC20;

    uint256 internal constant DEPOSIT = 2e6;

    ScriptedDelayedSeat public immutable VENUE;

    mapping(bytes32 instrument => int256) public position_;
    mapping(bytes32 instrument => int256) public order;
    mapping(bytes32 instrument => int256) public done;
    mapping(bytes32 instrument => uint256) public bound;
    uint256 public posted;
    bool public buried;

    constructor(address vault, IERC20 token) Seat(vault, token, 6) {
        VENUE = this;
    }

    function release(uint256 amount) external {
        TOKEN.safeTransfer(msg.sender, amount);
    }

    /// @notice The venue's own, told to a seat: fills this much of its order, and ends it.
    function execute(bytes32 instrument, int256 filled) external {
        position_[instrument] += filled;
        (order[instrument], done[instrument]) = (0, filled);
    }

    /// @notice The venue's own, told to a seat: its position is liquidated.
    function liquidate(bytes32 instrument) external {
        (position_[instrument], posted) = (0, 0);
    }

    function bury(bool buried_) external {
        buried = buried_;
    }

    function margin(bytes32 instrument) external view returns (Margin memory m) {
        (m.equity, m.backing, m.free) = (int256(posted * UNIT), int256(posted * UNIT), posted * UNIT);
        m.leverage = _leverageAt(instrument, position_[instrument]);
    }

    function position(bytes32 instrument) external view returns (Position memory p) {
        p.size = _size(instrument);
        p.markPrice = p.indexPrice = VENUE.price(instrument);
    }

    function isolated() external pure override(ISeat, Seat) returns (bool) {
        return true;
    }

    function _enter() internal override {}

    function _post(bytes32, uint256 amount, uint256 maxLoss) internal override returns (uint256) {
        require(maxLoss <= 1e18, BeyondLimit(maxLoss, 1e18));
        posted += amount;
        TOKEN.safeTransfer(address(VENUE), amount);
        return 0;
    }

    function _pull(bytes32, uint256 amount) internal override {
        if (amount == type(uint256).max) amount = posted;
        posted -= amount;
        VENUE.release(amount);
    }

    function _deposit() internal pure override returns (uint256) {
        return DEPOSIT * 1e12;
    }

    function _request(bytes32 instrument, int256 size, uint256 limitQuote, uint256 cost)
        internal
        override
        returns (uint256)
    {
        require(cost >= DEPOSIT * 1e12, LimitTooTight(limitQuote));
        posted -= DEPOSIT;
        (order[instrument], bound[instrument]) = (size, limitQuote);
        return 7;
    }

    function _resolve(bytes32 instrument, Ticket memory t, bytes calldata)
        internal
        view
        override
        returns (bool open, int256 filled, uint256 quote)
    {
        if (order[instrument] != 0) return (true, 0, 0);
        require(t.mark == 7, BadVenuePrice());
        filled = done[instrument];
        uint256 worth = uint256(filled < 0 ? -filled : filled) * VENUE.price(instrument) / 1e18;
        if (VENUE.mood() == Mood.FillsForNothing) return (false, filled, type(uint256).max);
        quote = filled == 0 ? 0 : t.size > 0 ? worth + t.cost : worth - t.cost;
    }

    function _closable(bytes32) internal view override returns (bool) {
        return VENUE.able();
    }

    function _expire(bytes32 instrument) internal override {
        posted += DEPOSIT;
        (order[instrument], done[instrument]) = (0, 0);
    }

    function _size(bytes32 instrument) internal view override returns (int256) {
        require(!buried, BadVenuePrice());
        return position_[instrument];
    }

    function _leverageAt(bytes32 instrument, int256 size) internal view override returns (uint256) {
        return _leverageUp(
            uint256(size < 0 ? -size : size) * VENUE.price(instrument) / 1e18, int256(posted * UNIT)
        );
    }
}

/// @notice An owner that is a contract: it takes for signed what it was told to.
contract StandInOwner {
    bytes32 internal _signed;

    function sign(bytes32 digest) external {
        _signed = digest;
    }

    function isValidSignature(bytes32 digest, bytes calldata) external view returns (bytes4) {
        return digest == _signed ? this.isValidSignature.selector : bytes4(0xffffffff);
    }

    receive() external payable {
        require(msg.value != 13, "unlucky");
    }
}
