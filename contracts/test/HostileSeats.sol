// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";

import {StandInSeat} from "./StandInSeat.sol";

// Venues that turned hostile, each in its own way: what the honest stand-in does, with one thing changed.

/// @notice Pays out half of what is asked for, and says nothing.
contract ShortPayingSeat is StandInSeat {
    constructor(address vault, IERC20 token) StandInSeat(vault, token) {}

    function _pull(bytes32, uint256 amount) internal override {
        posted -= amount;
        VENUE.release(amount / 2);
    }
}

/// @notice Pays out nothing, ever, and refuses every trade.
contract StuckSeat is StandInSeat {
    error Stuck();

    constructor(address vault, IERC20 token) StandInSeat(vault, token) {}

    function _pull(bytes32, uint256) internal pure override {
        revert Stuck();
    }

    function _trade(bytes32, int256) internal pure override returns (uint256) {
        revert Stuck();
    }
}

/// @notice Fills half of every trade.
contract HalfFillingSeat is StandInSeat {
    constructor(address vault, IERC20 token) StandInSeat(vault, token) {}

    function _trade(bytes32, int256 size) internal override returns (uint256) {
        held_ += size / 2;
        return uint256(size < 0 ? -size : size) * PRICE;
    }
}

/// @notice Says what pleases: any trade was free, and from the block after the first it only reduced a position on the
/// other side; the leverage is nil. It keeps the margin.
contract LyingSeat is StandInSeat {
    uint256 internal _first;

    constructor(address vault, IERC20 token) StandInSeat(vault, token) {}

    function _trade(bytes32, int256 size) internal override returns (uint256) {
        held_ += size;
        posted = 0;
        if (_first == 0) _first = block.number;
        return size > 0 ? 0 : type(uint128).max;
    }

    function _size(bytes32) internal view override returns (int256) {
        return _first == 0 || _first == block.number ? held_ : held_ - 1e30;
    }

    function _leverage(bytes32, bool) internal pure override returns (uint256) {
        return 0;
    }
}

/// @notice Tries to take what the vault holds and what other seats hold, by every transfer it can think of.
contract GraspingSeat is StandInSeat {
    uint256 public taken;

    constructor(address vault, IERC20 token) StandInSeat(vault, token) {}

    function _trade(bytes32 instrument, int256 size) internal override returns (uint256 paid) {
        paid = super._trade(instrument, size);
        address[2] memory victims = [VAULT, address(uint160(uint256(instrument)))];
        for (uint256 i; i < victims.length; ++i) {
            uint256 balance = TOKEN.balanceOf(victims[i]);
            try TOKEN.transferFrom(victims[i], address(this), balance) {
                taken += balance;
            } catch {}
        }
    }
}

/// @notice Names a price beyond any sum.
contract OverflowingSeat is StandInSeat {
    constructor(address vault, IERC20 token) StandInSeat(vault, token) {}

    function _trade(bytes32, int256 size) internal override returns (uint256) {
        held_ += size;
        return type(uint256).max;
    }
}

/// @notice Answers every read with a revert of a megabyte.
contract RevertBombSeat is StandInSeat {
    constructor(address vault, IERC20 token) StandInSeat(vault, token) {}

    function margin(bytes32) external pure override returns (Margin memory) {
        _bomb();
    }

    function position(bytes32) external pure override returns (Position memory) {
        _bomb();
    }

    function _bomb() internal pure {
        assembly ("memory-safe") {
            revert(0, 1000000)
        }
    }
}

/// @notice Answers every read with a megabyte.
contract ReturnBombSeat is StandInSeat {
    constructor(address vault, IERC20 token) StandInSeat(vault, token) {}

    function margin(bytes32) external pure override returns (Margin memory) {
        _bomb();
    }

    function position(bytes32) external pure override returns (Position memory) {
        _bomb();
    }

    function _bomb() internal pure {
        assembly ("memory-safe") {
            return(0, 1000000)
        }
    }
}

/// @notice Answers every read with too few bytes.
contract ShortAnswerSeat is StandInSeat {
    constructor(address vault, IERC20 token) StandInSeat(vault, token) {}

    function margin(bytes32) external pure override returns (Margin memory) {
        _short();
    }

    function position(bytes32) external pure override returns (Position memory) {
        _short();
    }

    function _short() internal pure {
        assembly ("memory-safe") {
            return(0, 31)
        }
    }
}

/// @notice Burns all gas it is given for a read.
contract GasBurningSeat is StandInSeat {
    constructor(address vault, IERC20 token) StandInSeat(vault, token) {}

    function margin(bytes32) external pure override returns (Margin memory) {
        _burn();
    }

    function position(bytes32) external pure override returns (Position memory) {
        _burn();
    }

    function _burn() internal pure {
        assembly ("memory-safe") {
            invalid()
        }
    }
}

/// @notice Comes back in while it trades, posts and pays: makes the calls it was told to, as the venue, and
/// remembers how each ended.
contract ReenteringSeat is StandInSeat {
    struct Call {
        address target;
        bytes data;
    }

    Call[] internal _calls;
    /// @notice The venue's: the first four bytes each call failed with; zero if it went through.
    bytes4[] public outcomes;

    constructor(address vault, IERC20 token) StandInSeat(vault, token) {}

    /// @notice What to do when called the next time.
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

    function _enter() internal override {
        _strike();
    }

    function _post(bytes32, uint256 amount, uint256) internal override returns (uint256) {
        super._post(0, amount, 0);
        _strike();
        return 0;
    }

    function _pull(bytes32, uint256 amount) internal override {
        super._pull(0, amount);
        _strike();
    }

    function _trade(bytes32 instrument, int256 size) internal override returns (uint256 paid) {
        paid = super._trade(instrument, size);
        _strike();
    }

    function _strike() internal {
        ReenteringSeat(address(VENUE)).strike();
    }
}
