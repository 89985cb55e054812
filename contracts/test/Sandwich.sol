// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

interface ILockedPool {
    function flash(address recipient, uint256 amount0, uint256 amount1, bytes calldata data) external;
    function swap(
        address recipient,
        bool zeroForOne,
        int256 amountSpecified,
        uint160 sqrtPriceLimitX96,
        bytes calldata data
    ) external returns (int256 amount0, int256 amount1);
}

/// @title Sandwich
/// @notice A dishonest keeper's contract: it has accounts of its own at the venues, and makes any list of calls in one
/// transaction, a fill of somebody's order among them. It can also make them from within a Uniswap v3 pool, between the
/// pool's first step and its last.
contract Sandwich {
    struct Call {
        address target;
        bytes data;
    }

    function run(Call[] memory calls) public {
        for (uint256 i; i < calls.length; ++i) {
            (bool done, bytes memory answer) = calls[i].target.call(calls[i].data);
            if (!done) {
                assembly ("memory-safe") {
                    revert(add(answer, 32), mload(answer))
                }
            }
        }
    }

    /// @notice Makes the calls while the pool is locked: it lends nothing and takes no fee for that.
    function runLocked(ILockedPool pool, Call[] calldata calls) external {
        pool.flash(address(this), 0, 0, abi.encode(calls));
    }

    /// @notice Makes the calls while the pool's price is moved by a swap that is never paid for.
    function runMoved(ILockedPool pool, address recipient, bool down, int256 amount, uint160 limit, Call[] calldata calls)
        external
    {
        pool.swap(recipient, down, amount, limit, abi.encode(calls));
    }

    function uniswapV3FlashCallback(uint256, uint256, bytes calldata data) external {
        run(abi.decode(data, (Call[])));
    }

    function uniswapV3SwapCallback(int256, int256, bytes calldata data) external {
        run(abi.decode(data, (Call[])));
    }
}
