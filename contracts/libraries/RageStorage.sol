// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IRageClearingHouse, IRagePoolWrapper} from "../../interfaces/venues/IRage.sol";

/// @title RageStorage
/// @notice Reads Rage Trade's own storage through its `extsload`, which costs a fraction of its views. The slots
/// are those that the venue publishes in ClearingHouseExtsload: protocol at 100, accounts at 211, and the
/// offsets named below. Each read is held against the venue's views by the tests.
library RageStorage {
    uint256 private constant POOLS = 100;
    uint256 private constant PRICE_CACHE = 109;
    uint256 private constant POOL_WRAPPER = 2;
    uint256 private constant POOL_SETTINGS = 3;

    uint256 private constant ACCOUNTS = 211;
    uint256 private constant ACTIVE_POOLS = 1;
    uint256 private constant POSITIONS = 2;
    uint256 private constant V_QUOTE = 3;
    uint256 private constant DEPOSITS = 105;

    uint256 private constant NET_POSITION = 1;
    uint256 private constant FUNDING_GROWTH = 2;

    /// @param pools Ids of the pools with a position, 32 bits each, the first one lowest.
    /// @param size Signed position in the pool asked for, 1e18.
    /// @param vQuote Signed vQuote balance, token units.
    /// @param deposit Collateral deposited, token units.
    /// @param deviationBps As `deviationBps`.
    struct Holdings {
        uint256 pools;
        int256 size;
        int256 vQuote;
        uint256 deposit;
        uint256 deviationBps;
    }

    /// @notice All that leverage needs but prices, in one call.
    function holdings(IRageClearingHouse house, uint256 id, uint32 pool, uint32 collateral)
        internal
        view
        returns (Holdings memory h)
    {
        uint256 account = _account(id);
        bytes32[] memory words = new bytes32[](5);
        words[0] = bytes32(account + ACTIVE_POOLS);
        words[1] = bytes32(_position(account, pool));
        words[2] = bytes32(account + V_QUOTE);
        words[3] = keccak256(abi.encode(collateral, account + DEPOSITS));
        words[4] = bytes32(_pool(pool) + POOL_SETTINGS);
        words = house.extsload(words);

        h.pools = uint256(words[0]);
        h.size = int256(uint256(words[1]));
        h.vQuote = int256(uint256(words[2]));
        h.deposit = uint256(words[3]);
        h.deviationBps = _deviationBps(words[4]);
    }

    /// @return virtualX128 The pool's own TWAP as the venue cached it in this block; zero if it did not.
    /// @return realX128 The oracle's TWAP, likewise.
    function cachedPrices(IRageClearingHouse house, uint32 pool)
        internal
        view
        returns (uint256 virtualX128, uint256 realX128)
    {
        uint256 cache = uint256(keccak256(abi.encode(pool, PRICE_CACHE)));
        bytes32[] memory words = new bytes32[](2);
        (words[0], words[1]) = (bytes32(cache), bytes32(cache + 1));
        words = house.extsload(words);
        // The block number in 32 bits, then a price of 224; the next word begins with a price of 224 again.
        if (uint32(uint256(words[0])) == uint32(block.number)) {
            virtualX128 = uint256(words[0]) >> 32;
            realX128 = uint256(uint224(uint256(words[1])));
        }
    }

    /// @return Ids of the pools with a position, 32 bits each, the first one lowest.
    function activePools(IRageClearingHouse house, uint256 id) internal view returns (uint256) {
        return uint256(house.extsload(bytes32(_account(id) + ACTIVE_POOLS)));
    }

    /// @return Signed position in a pool, 1e18.
    function balance(IRageClearingHouse house, uint256 id, uint32 pool) internal view returns (int256) {
        return int256(uint256(house.extsload(bytes32(_position(_account(id), pool)))));
    }

    /// @return net Position that funding is paid on, 1e18.
    /// @return growthX128 Funding growth at which it was last settled.
    function fundingCheckpoint(IRageClearingHouse house, uint256 id, uint32 pool)
        internal
        view
        returns (int256 net, int256 growthX128)
    {
        uint256 slot = _position(_account(id), pool);
        net = int256(uint256(house.extsload(bytes32(slot + NET_POSITION))));
        growthX128 = int256(uint256(house.extsload(bytes32(slot + FUNDING_GROWTH))));
    }

    function wrapper(IRageClearingHouse house, uint32 pool) internal view returns (IRagePoolWrapper) {
        return IRagePoolWrapper(address(uint160(uint256(house.extsload(bytes32(_pool(pool) + POOL_WRAPPER))))));
    }

    /// @return How far the pool's price may be from the oracle's before the oracle's is used, 1e4 = 1.
    function deviationBps(IRageClearingHouse house, uint32 pool) internal view returns (uint16) {
        return _deviationBps(house.extsload(bytes32(_pool(pool) + POOL_SETTINGS)));
    }

    /// @return Whether the venue lets anybody trade in the pool.
    function isOpen(IRageClearingHouse house, uint32 pool) internal view returns (bool) {
        // A byte after three fields of 16 bits and one of 32.
        return uint8(uint256(house.extsload(bytes32(_pool(pool) + POOL_SETTINGS))) >> 80) != 0;
    }

    function _pool(uint32 pool) private pure returns (uint256) {
        return uint256(keccak256(abi.encode(pool, POOLS)));
    }

    function _account(uint256 id) private pure returns (uint256) {
        return uint256(keccak256(abi.encode(id, ACCOUNTS)));
    }

    function _position(uint256 account, uint32 pool) private pure returns (uint256) {
        return uint256(keccak256(abi.encode(pool, account + POSITIONS)));
    }

    function _deviationBps(bytes32 settings) private pure returns (uint16) {
        return uint16(uint256(settings) >> 32); // The third of its 16-bit fields; the cast takes it alone.
    }
}
