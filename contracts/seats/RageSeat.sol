// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {IERC20Metadata} from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Metadata.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import {SignedMath} from "@openzeppelin/contracts/utils/math/SignedMath.sol";

import {IInstantSeat, ISeat} from "../../interfaces/ISeat.sol";
import {IRageClearingHouse, IRagePoolWrapper, IRageSwapSimulator} from "../../interfaces/venues/IRage.sol";
import {IUniswapV3Pool} from "../../interfaces/venues/IUniswapV3Pool.sol";
import {RageStorage} from "../libraries/RageStorage.sol";
import {InstantSeat} from "./InstantSeat.sol";
import {Seat} from "./Seat.sol";

/// @title RageSeat
/// @notice A seat at Rage Trade. One cross-margined pocket for all pools; evidence ON_CHAIN. An instrument is
/// the pool's id. The venue counts money in the settlement token's units, so quotes are whole units of it.
/// Profit is everything but the deposit, realised or not: it becomes margin when margin is pulled.
///
/// WHAT THE VENUE MAY DELAY
/// Its governance may pause everything, or a pool's trading. A trade or withdrawal that leaves less than the
/// initial margin, or trades less than the minimum notional, is refused, a reduction too.
contract RageSeat is InstantSeat {
    using RageStorage for IRageClearingHouse;
    using SafeCast for int256;
    using SafeCast for uint256;
    using SafeERC20 for IERC20;

    IRageClearingHouse public immutable CLEARING_HOUSE;
    /// @dev A quote looks no further than a price so many times squared the present one: the lens walks the whole range
    /// of prices for a size beyond the depth, for more gas than anybody gives it.
    uint256 internal constant FURTHEST = 4;
    uint160 internal constant MIN_ROOT = 4295128739 + 1;
    uint160 internal constant MAX_ROOT = 1461446703485210103287273052203988822378723970342 - 1;
    /// @dev The venue's name for the settlement token: the low 32 bits of its address.
    uint32 internal immutable COLLATERAL;
    /// @dev The venue's own lens: it reads only, and what it says is only ever a yardstick.
    IRageSwapSimulator internal immutable SIMULATOR;

    /// @notice This seat's account at the venue.
    uint256 public accountId;

    constructor(
        address vault,
        IERC20Metadata token,
        IRageClearingHouse clearingHouse,
        IRageSwapSimulator simulator
    ) Seat(vault, token, token.decimals()) {
        SIMULATOR = simulator;
        CLEARING_HOUSE = clearingHouse;
        COLLATERAL = uint32(uint160(address(token))); // Truncation is the venue's own rule.
    }

    // -------------------------------------------------------------------- reads

    /// @inheritdoc ISeat
    function margin(bytes32) external view returns (Margin memory m) {
        uint256 id = accountId;
        uint256 notional;
        (m.equity, m.backing, notional) = _pocket(id);
        (, int256 maintenance) = CLEARING_HOUSE.getAccountMarketValueAndRequiredMargin(id, false);
        m.free = _free() * UNIT;
        m.maintenance = maintenance.toUint256() * UNIT;
        m.leverage = _leverageUp(notional, m.backing);
    }

    /// @inheritdoc ISeat
    /// @dev The venue's rate is per second in Q128; what is owed is net position × growth since last settled
    /// (FundingPayment.bill).
    function position(bytes32 instrument) external view returns (Position memory p) {
        uint32 pool = _pool(instrument);
        IRagePoolWrapper wrapper = CLEARING_HOUSE.wrapper(pool);
        (int256 net, int256 growthX128) = CLEARING_HOUSE.fundingCheckpoint(accountId, pool);
        (int256 rateX128,) = wrapper.getFundingRateAndVirtualPrice();

        p.size = _size(instrument);
        p.fundingOwed = _mulX128(wrapper.getExtrapolatedSumAX128() - growthX128, net) * UNIT.toInt256();
        p.markPrice = _price(_riskPrice(pool));
        p.indexPrice = _price(CLEARING_HOUSE.getRealTwapPriceX128(pool));
        p.fundingRate = _mulX128(rateX128, 1e18 * 1 days);
    }

    /// @inheritdoc IInstantSeat
    function quote(bytes32 instrument, int256 size) external view returns (uint256 paid, bool whole) {
        uint32 pool = _pool(instrument);
        (uint160 root,,,,,, bool unlocked) = IUniswapV3Pool(CLEARING_HOUSE.wrapper(pool).vPool()).slot0();
        require(unlocked, Busy());
        uint160 end = _furthest(root, size > 0);
        // At its very end a pool has nothing left in that direction.
        bool able = size > 0 ? root < end : root > end;
        if (!able || CLEARING_HOUSE.paused() || !CLEARING_HOUSE.isOpen(pool)) return (0, false);
        IRageSwapSimulator.SwapResult memory r =
            SIMULATOR.simulateSwapView(address(CLEARING_HOUSE), pool, size, end, false);
        paid = SignedMath.abs(r.vQuoteIn) * UNIT;
        whole = r.vTokenIn == -size;
    }

    // ----------------------------------------------------------------- internal

    function _enter() internal override {
        TOKEN.forceApprove(address(CLEARING_HOUSE), type(uint256).max);
        accountId = CLEARING_HOUSE.createAccount();
    }

    function _post(bytes32, uint256 amount, uint256) internal override returns (uint256) {
        CLEARING_HOUSE.updateMargin(accountId, COLLATERAL, amount.toInt256());
        return 0;
    }

    function _pull(bytes32, uint256 amount) internal override {
        if (amount == type(uint256).max) amount = _free();
        if (amount == 0) return;
        uint256 id = accountId;
        CLEARING_HOUSE.settleProfit(id);
        CLEARING_HOUSE.updateMargin(id, COLLATERAL, -amount.toInt256());
    }

    function _free() internal view returns (uint256) {
        (int256 equity, int256 initial) = CLEARING_HOUSE.getAccountMarketValueAndRequiredMargin(accountId, true);
        return SignedMath.max(equity - initial, 0).toUint256();
    }

    function _trade(bytes32 instrument, int256 size) internal override returns (uint256 paid) {
        return _swap(instrument, size, false);
    }

    /// @dev With a pool that runs dry the venue fills in part.
    function _close(bytes32 instrument, int256 position_) internal override returns (uint256 paid) {
        return _swap(instrument, -position_, true);
    }

    function _swap(bytes32 instrument, int256 size, bool partly) internal returns (uint256 paid) {
        (, int256 vQuote) = CLEARING_HOUSE.swapToken(
            accountId,
            _pool(instrument),
            IRageClearingHouse.SwapParams({
                amount: size,
                sqrtPriceLimit: 0,
                isNotional: false,
                isPartialAllowed: partly,
                settleProfit: false
            })
        );
        // A purchase pays and a sale receives; anything else is refused by the cast.
        paid = (size > 0 ? -vQuote : vQuote).toUint256() * UNIT;
    }

    /// @dev Casts safe because both ends are of 160 bits.
    function _furthest(uint160 root, bool up) internal pure returns (uint160) {
        return up
            ? uint160(Math.min(uint256(root) * FURTHEST, MAX_ROOT))
            : uint160(Math.max(uint256(root) / FURTHEST, MIN_ROOT));
    }

    function _flat() internal view override returns (bool) {
        return CLEARING_HOUSE.activePools(accountId) == 0;
    }

    function _size(bytes32 instrument) internal view override returns (int256) {
        return CLEARING_HOUSE.balance(accountId, _pool(instrument));
    }

    function _leverage(bytes32 instrument, bool held) internal view override returns (uint256) {
        uint256 id = accountId;
        uint32 pool = _pool(instrument);
        RageStorage.Holdings memory h = CLEARING_HOUSE.holdings(id, pool, COLLATERAL);
        if (h.pools != uint256(instrument)) {
            (, int256 backing, uint256 all) = _pocket(id);
            return _leverageUp(all, backing);
        }
        // Where it holds a position the venue caches both prices at the start of the trade.
        (uint256 virtualX128, uint256 realX128) = held ? CLEARING_HOUSE.cachedPrices(pool) : (0, 0);
        int256 value = _value(h.size, _riskPrice(pool, virtualX128, realX128, h.deviationBps));
        return _leverageUp(
            SignedMath.abs(value) * UNIT,
            (h.deposit.toInt256() + SignedMath.min(value + h.vQuote, 0)) * UNIT.toInt256()
        );
    }

    /// @dev By the venue's own views, and its risk price for each pool that the account is in.
    function _pocket(uint256 id) internal view returns (int256 equity, int256 backing, uint256 notional) {
        (equity,) = CLEARING_HOUSE.getAccountMarketValueAndRequiredMargin(id, false);
        backing = (equity - SignedMath.max(CLEARING_HOUSE.getAccountNetProfit(id), 0)) * UNIT.toInt256();
        equity *= UNIT.toInt256();
        for (uint256 pools = CLEARING_HOUSE.activePools(id); pools != 0; pools >>= 32) {
            uint32 pool = uint32(pools); // Truncation takes the lowest of the packed ids.
            notional += SignedMath.abs(_value(CLEARING_HOUSE.balance(id, pool), _riskPrice(pool))) * UNIT;
        }
    }

    function _riskPrice(uint32 pool) internal view returns (uint256) {
        return _riskPrice(pool, 0, 0, CLEARING_HOUSE.deviationBps(pool));
    }

    /// @dev The price that the venue's margin rules use: its own TWAP, or the oracle's where the two are further
    /// apart than the pool allows (Protocol.getTwapPricesWithDeviationCheck). Prices given as zero are read.
    function _riskPrice(uint32 pool, uint256 virtualX128, uint256 realX128, uint256 deviationBps)
        internal
        view
        returns (uint256)
    {
        if (virtualX128 == 0) {
            virtualX128 = CLEARING_HOUSE.getVirtualTwapPriceX128(pool);
            realX128 = CLEARING_HOUSE.getRealTwapPriceX128(pool);
        }
        require(virtualX128 > 0 && realX128 > 0, BadVenuePrice());
        uint256 apart = virtualX128 > realX128 ? virtualX128 - realX128 : realX128 - virtualX128;
        return apart > Math.mulDiv(realX128, deviationBps, 1e4) ? realX128 : virtualX128;
    }

    /// @dev Value of a position in the settlement token's units, rounded towards zero as the venue does.
    function _value(int256 size, uint256 priceX128) internal pure returns (int256) {
        return _mulX128(size, priceX128.toInt256());
    }

    /// @dev a × b ÷ 2^128, rounded towards zero.
    function _mulX128(int256 a, int256 b) internal pure returns (int256) {
        int256 absolute = Math.mulDiv(SignedMath.abs(a), SignedMath.abs(b), 1 << 128).toInt256();
        return (a < 0) == (b < 0) ? absolute : -absolute;
    }

    /// @dev Q128 vQuote units per base unit → 1e18 USD per 1e18 base.
    function _price(uint256 priceX128) internal view returns (uint256) {
        return Math.mulDiv(priceX128, 1e18 * UNIT, 1 << 128);
    }

    function _pool(bytes32 instrument) internal pure returns (uint32) {
        return uint32(uint256(instrument)); // Safe because instruments here are 32-bit ids.
    }
}
