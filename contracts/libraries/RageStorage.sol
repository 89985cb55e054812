// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IRageClearingHouse, IRagePoolWrapper} from "../../interfaces/venues/IRage.sol";

/// @title RageStorage
/// @notice Reads Rage Trade's own storage through its `extsload`, which costs a fraction of its views. The slots
/// are those that the venue publishes in ClearingHouseExtsload: protocol at 100, accounts at 211, and the
/// offsets named below. Each read is held against the venue's views by the tests.
library RageStorage {
    uint256 private constant POOLS = 100;
    uint256 private constant POOL_WRAPPER = 2;
    uint256 private constant POOL_SETTINGS = 3;

    uint256 private constant ACCOUNTS = 211;
    uint256 private constant ACTIVE_POOLS = 1;
    uint256 private constant POSITIONS = 2;
    uint256 private constant V_QUOTE = 3;
    uint256 private constant DEPOSITS = 105;

    uint256 private constant NET_POSITION = 1;
    uint256 private constant FUNDING_GROWTH = 2;

    /// @return Ids of the pools with a position, 32 bits each, the first one lowest.
    function activePools(IRageClearingHouse house, uint256 id) internal view returns (uint256) {
        return uint256(house.extsload(bytes32(_account(id) + ACTIVE_POOLS)));
    }

    /// @return Signed position in a pool, 1e18.
    function balance(IRageClearingHouse house, uint256 id, uint32 pool) internal view returns (int256) {
        return int256(uint256(house.extsload(bytes32(_position(id, pool)))));
    }

    /// @return size Signed position, 1e18.
    /// @return vQuote Signed vQuote balance, token units.
    /// @return deposit Collateral deposited, token units.
    function holdings(IRageClearingHouse house, uint256 id, uint32 pool, uint32 collateral)
        internal
        view
        returns (int256 size, int256 vQuote, uint256 deposit)
    {
        bytes32[] memory slots = new bytes32[](3);
        slots[0] = bytes32(_position(id, pool));
        slots[1] = bytes32(_account(id) + V_QUOTE);
        slots[2] = keccak256(abi.encode(collateral, _account(id) + DEPOSITS));
        slots = house.extsload(slots);
        return (int256(uint256(slots[0])), int256(uint256(slots[1])), uint256(slots[2]));
    }

    /// @return net Position that funding is paid on, 1e18.
    /// @return growthX128 Funding growth at which it was last settled.
    function fundingCheckpoint(IRageClearingHouse house, uint256 id, uint32 pool)
        internal
        view
        returns (int256 net, int256 growthX128)
    {
        uint256 slot = _position(id, pool);
        net = int256(uint256(house.extsload(bytes32(slot + NET_POSITION))));
        growthX128 = int256(uint256(house.extsload(bytes32(slot + FUNDING_GROWTH))));
    }

    function wrapper(IRageClearingHouse house, uint32 pool) internal view returns (IRagePoolWrapper) {
        return IRagePoolWrapper(address(uint160(uint256(house.extsload(bytes32(_pool(pool) + POOL_WRAPPER))))));
    }

    /// @return How far the pool's price may be from the oracle's before the oracle's is used, 1e4 = 1.
    function maxDeviationBps(IRageClearingHouse house, uint32 pool) internal view returns (uint16) {
        // Third of the 16-bit fields of the settings word; the cast takes it alone.
        return uint16(uint256(house.extsload(bytes32(_pool(pool) + POOL_SETTINGS))) >> 32);
    }

    function _pool(uint32 pool) private pure returns (uint256) {
        return uint256(keccak256(abi.encode(pool, POOLS)));
    }

    function _account(uint256 id) private pure returns (uint256) {
        return uint256(keccak256(abi.encode(id, ACCOUNTS)));
    }

    function _position(uint256 id, uint32 pool) private pure returns (uint256) {
        return uint256(keccak256(abi.encode(pool, _account(id) + POSITIONS)));
    }
}
