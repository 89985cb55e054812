// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";

import {StandInSeat} from "./StandInSeat.sol";

interface IMint {
    function mint(address to, uint256 amount) external;
}

/// @title FickleSeat
/// @notice The stand-in at a venue that is as it was told to be, at each place where Ringside calls it. The moods are the
/// venue's own, so they change under every seat at once, a position and margin in it.
contract FickleSeat is StandInSeat {
    /// @notice Where Ringside calls: three places change the venue's state, four only ask.
    enum Place {
        Post,
        Trade,
        Pull,
        Size,
        Margin,
        Position,
        Quote
    }

    /// @notice Reverting, by a megabyte too; burning all gas; returning a megabyte of zeros; lying to please and to beg;
    /// coming back in; paying half; paying half of it in another token.
    enum Mood {
        Honest,
        Reverting,
        RevertBombing,
        Burning,
        ReturnBombing,
        Boasting,
        Begging,
        Reentering,
        PayingShort,
        PayingInTwo
    }

    struct Call {
        address target;
        bytes data;
    }

    error Fickle();

    mapping(Place => Mood) public moods;
    /// @notice The second token that it pays in.
    IMint public other;
    Call[] internal _calls;
    /// @notice The venue's: the first four bytes that each call failed with; zero if it went through.
    bytes4[] public outcomes;

    constructor(address vault, IERC20 token) StandInSeat(vault, token) {}

    // -------------------------------------------------------- told to the venue

    function setMood(Place place, Mood mood) external {
        moods[place] = mood;
    }

    function setOther(IMint other_) external {
        other = other_;
    }

    /// @notice What to do, as the venue, when it comes back in.
    function plan(Call[] calldata calls) external {
        delete _calls;
        delete outcomes;
        for (uint256 i; i < calls.length; ++i) {
            _calls.push(calls[i]);
        }
    }

    /// @notice Makes a call as the venue, which has accounts at the vault like anybody.
    function run(address target, bytes calldata data) external {
        (bool done,) = target.call(data);
        require(done, "run");
    }

    function strike() external {
        for (uint256 i; i < _calls.length; ++i) {
            (bool done, bytes memory answer) = _calls[i].target.call(_calls[i].data);
            outcomes.push(done ? bytes4(0) : bytes4(answer));
        }
    }

    function allOutcomes() external view returns (bytes4[] memory) {
        return outcomes;
    }

    // ------------------------------------------------------------------ answers

    function margin(bytes32) external view override returns (Margin memory m) {
        Mood mood = _ask(Place.Margin);
        m.equity = int256(posted * UNIT);
        m.free = posted * UNIT;
        m.leverage = _leverage(0, false);
        if (mood == Mood.Boasting) (m.equity, m.free, m.leverage) = (1e36, 1e36, 0);
        if (mood == Mood.Begging) (m.equity, m.free, m.maintenance) = (int256(posted), 0, 1e36);
    }

    function position(bytes32 instrument) external view override returns (Position memory p) {
        Mood mood = _ask(Place.Position);
        p.size = _size(instrument);
        p.markPrice = p.indexPrice = PRICE * 1e18;
        if (mood == Mood.Boasting) (p.size, p.markPrice) = (1e36, 1);
        if (mood == Mood.Begging) (p.size, p.markPrice) = (-1e36, 1e36);
    }

    function quote(bytes32, int256 size) external override returns (uint256, bool) {
        Mood mood = _ask(Place.Quote);
        if (mood == Mood.Reentering) FickleSeat(address(VENUE)).strike();
        uint256 fair = uint256(size < 0 ? -size : size) * PRICE;
        if (mood == Mood.Boasting) return (size > 0 ? 0 : type(uint128).max, true);
        if (mood == Mood.Begging) return (size > 0 ? type(uint256).max : 0, true);
        return (fair, true);
    }

    function _size(bytes32) internal view override returns (int256) {
        Mood mood = _ask(Place.Size);
        if (mood == Mood.Boasting) return held_ + 1e30;
        if (mood == Mood.Begging) return held_ - 1e30;
        return held_;
    }

    // ------------------------------------------------------------------ changes

    function _post(bytes32, uint256 amount, uint256) internal override returns (uint256) {
        Mood mood = _change(Place.Post);
        super._post(0, amount, 0);
        if (mood == Mood.Begging) posted = 0;
        return 0;
    }

    function _trade(bytes32, int256 size) internal override returns (uint256) {
        Mood mood = _change(Place.Trade);
        if (mood == Mood.Boasting) {
            (posted, held_) = (0, held_ + size);
            return size > 0 ? 0 : type(uint128).max;
        }
        if (mood == Mood.PayingShort) return super._trade(0, size / 2);
        uint256 fair = super._trade(0, size);
        if (mood != Mood.Begging) return fair;
        return size > 0 ? fair * 10 : fair / 10;
    }

    function _pull(bytes32, uint256 amount) internal override {
        Mood mood = _change(Place.Pull);
        if (amount == type(uint256).max) amount = posted;
        if (mood == Mood.Boasting) return;
        posted -= amount;
        bool half = mood == Mood.PayingShort || mood == Mood.PayingInTwo;
        if (mood == Mood.PayingInTwo) FickleSeat(address(VENUE)).other().mint(address(this), amount / 2);
        VENUE.release(half ? amount / 2 : amount);
    }

    // ----------------------------------------------------------------- internal

    /// @dev Where nothing may be changed, coming back in is tried and fails.
    function _ask(Place place) internal view returns (Mood mood) {
        mood = _be(place);
        if (mood != Mood.Reentering || place == Place.Quote) return mood;
        (bool ignored,) = address(VENUE).staticcall(abi.encodeCall(this.strike, ()));
        ignored;
    }

    function _change(Place place) internal returns (Mood mood) {
        mood = _be(place);
        if (mood == Mood.Reentering) FickleSeat(address(VENUE)).strike();
    }

    function _be(Place place) internal view returns (Mood mood) {
        mood = FickleSeat(address(VENUE)).moods(place);
        require(mood != Mood.Reverting, Fickle());
        assembly ("memory-safe") {
            if eq(mood, 2) { revert(0, 1000000) }
            if eq(mood, 3) { invalid() }
            if eq(mood, 4) { return(32768, 1000000) } // Where nothing was written.
        }
    }
}
