// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {IERC20Metadata} from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Metadata.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import {SignedMath} from "@openzeppelin/contracts/utils/math/SignedMath.sol";

import {IInstantSeat, ISeat} from "../../interfaces/ISeat.sol";
import {
    IPerpAccountBalance,
    IPerpBaseToken,
    IPerpClearingHouse,
    IPerpConfig,
    IPerpExchange,
    IPerpMarketRegistry,
    IPerpQuoter,
    IPerpVault
} from "../../interfaces/venues/IPerpV2.sol";
import {IUniswapV3Pool} from "../../interfaces/venues/IUniswapV3Pool.sol";
import {InstantSeat} from "./InstantSeat.sol";
import {Seat} from "./Seat.sol";

/// @title PerpV2Seat
/// @notice A seat at Perpetual Protocol v2 (Curie). One cross-margined pocket for all markets; evidence
/// ON_CHAIN. An instrument is the base token's address. Margin is the settlement token alone: other collateral
/// that a stranger posts for the seat is left out of its equity and leverage.
///
/// WHAT THE VENUE MAY DELAY
/// Its owner may pause everything (trading and withdrawals), or pause and later close one market, whose positions
/// anyone then settles at its closed price by the venue's `quitMarket`. A reduction is refused while the mark is pushed
/// more than 10 % from the index or 1,000 ticks within a block, and while free collateral by the maintenance
/// ratio is negative. Unrealised profit is not withdrawable.
///
/// Warning: The venue's index average extrapolates the latest oracle answer over the time in which nobody has had
/// it cached (its feed's `cacheTwap`, or any trade in the market), so the views here that rest on averages, mark
/// price and funding above all, are the venue's own view of the moment and may jump when it is next cached.
contract PerpV2Seat is InstantSeat {
    using SafeCast for int256;
    using SafeCast for uint256;
    using SafeERC20 for IERC20;

    IPerpClearingHouse public immutable CLEARING_HOUSE;
    IPerpVault internal immutable PERP_VAULT;
    IPerpExchange internal immutable EXCHANGE;
    IPerpAccountBalance internal immutable BALANCE;
    IPerpConfig internal immutable CONFIG;
    /// @dev The venue's own lens: it reads only, and what it says is only ever a yardstick.
    IPerpQuoter internal immutable QUOTER;
    IPerpMarketRegistry internal immutable REGISTRY;

    constructor(address vault, IERC20Metadata token, IPerpClearingHouse clearingHouse, IPerpQuoter quoter)
        Seat(vault, token, token.decimals())
    {
        QUOTER = quoter;
        REGISTRY = IPerpMarketRegistry(quoter.marketRegistry());
        CLEARING_HOUSE = clearingHouse;
        PERP_VAULT = IPerpVault(clearingHouse.getVault());
        EXCHANGE = IPerpExchange(clearingHouse.getExchange());
        BALANCE = IPerpAccountBalance(clearingHouse.getAccountBalance());
        CONFIG = IPerpConfig(clearingHouse.getClearingHouseConfig());
    }

    // -------------------------------------------------------------------- reads

    /// @inheritdoc ISeat
    function margin(bytes32) external view returns (Margin memory m) {
        uint256 notional;
        (m.equity, m.backing, notional) = _pocket();
        m.free = _free() * UNIT;
        m.maintenance = BALANCE.getMarginRequirementForLiquidation(address(this)).toUint256();
        m.leverage = _leverageUp(notional, m.backing);
    }

    /// @inheritdoc ISeat
    /// @dev Funding per day is (market TWAP − index TWAP) ÷ index TWAP, capped (Exchange, _getDeltaTwapX96).
    function position(bytes32 instrument) external view returns (Position memory p) {
        address base = _base(instrument);
        p.size = _size(instrument);
        p.fundingOwed = EXCHANGE.getPendingFundingPayment(address(this), base);
        p.markPrice = _riskPrice(base);
        p.indexPrice = IPerpBaseToken(base).getIndexPrice(0);
        require(p.markPrice > 0 && p.indexPrice > 0, BadVenuePrice());

        uint32 interval = CONFIG.getTwapInterval();
        uint256 root = EXCHANGE.getSqrtMarketTwapX96(base, interval);
        uint256 marketTwap = Math.mulDiv(Math.mulDiv(root, root, 1 << 96), 1e18, 1 << 96);
        uint256 indexTwap = IPerpBaseToken(base).getIndexPrice(interval);
        require(indexTwap > 0, BadVenuePrice());
        int256 cap = int256(uint256(CONFIG.getMaxFundingRate())) * 1e12; // Given in 1e6; safe, it is 24 bits.
        int256 rate = (marketTwap.toInt256() - indexTwap.toInt256()) * 1e18 / indexTwap.toInt256();
        p.fundingRate = SignedMath.max(SignedMath.min(rate, cap), -cap);
    }

    /// @inheritdoc IInstantSeat
    /// @dev The price band is the venue's own (Exchange._swap): the pool's price afterwards may be as far from the index
    /// as it was, or as the market allows. Its limit on ticks per block is not readable, and left out.
    function quote(bytes32 instrument, int256 size) external returns (uint256 paid, bool whole) {
        address base = _base(instrument);
        IPerpMarketRegistry.MarketInfo memory market = REGISTRY.getMarketInfo(base);
        (uint160 root,,,,,, bool unlocked) = IUniswapV3Pool(market.pool).slot0();
        require(unlocked, Busy());
        if (!_trades(base)) return (0, false);
        try QUOTER.swap(
            IPerpQuoter.SwapParams({
                baseToken: base,
                isBaseToQuote: size < 0,
                isExactInput: size < 0,
                amount: SignedMath.abs(size),
                sqrtPriceLimitX96: 0
            })
        ) returns (IPerpQuoter.SwapResponse memory r) {
            paid = r.deltaAvailableQuote;
            whole = r.exchangedPositionSize == size && _inBand(base, root, r.sqrtPriceX96, market.maxPriceSpreadRatio);
        } catch Error(string memory reason) {
            // The lens's word for a purchase of more than there is.
            require(keccak256(bytes(reason)) == keccak256("Q_UOA"), BadVenuePrice());
        }
    }

    // ----------------------------------------------------------------- internal

    function _enter() internal override {
        TOKEN.forceApprove(address(PERP_VAULT), type(uint256).max);
    }

    function _post(bytes32, uint256 amount, uint256) internal override returns (uint256) {
        PERP_VAULT.deposit(address(TOKEN), amount);
        return 0;
    }

    function _pull(bytes32, uint256 amount) internal override {
        if (amount == type(uint256).max) amount = _free();
        if (amount > 0) PERP_VAULT.withdraw(address(TOKEN), amount);
    }

    function _free() internal view returns (uint256) {
        return PERP_VAULT.getFreeCollateralByToken(address(this), address(TOKEN));
    }

    function _trade(bytes32 instrument, int256 size) internal override returns (uint256 paid) {
        // A sale is exact input and a purchase exact output, both of base. No price limit: with one the venue
        // fills in part.
        (, paid) = CLEARING_HOUSE.openPosition(
            IPerpClearingHouse.OpenPositionParams({
                baseToken: _base(instrument),
                isBaseToQuote: size < 0,
                isExactInput: size < 0,
                amount: SignedMath.abs(size),
                oppositeAmountBound: 0,
                deadline: block.timestamp,
                sqrtPriceLimitX96: 0,
                referralCode: 0
            })
        );
    }

    /// @dev A closed market settles at its closed price; an open one closes as far as its tick limit lets.
    function _close(bytes32 instrument, int256) internal override returns (uint256 paid) {
        address base = _base(instrument);
        if (IPerpBaseToken(base).isClosed()) {
            (, paid) = CLEARING_HOUSE.quitMarket(address(this), base);
        } else {
            (, paid) = CLEARING_HOUSE.closePosition(
                IPerpClearingHouse.ClosePositionParams({
                    baseToken: base,
                    sqrtPriceLimitX96: 0,
                    oppositeAmountBound: 0,
                    deadline: block.timestamp,
                    referralCode: 0
                })
            );
        }
    }

    /// @dev The venue takes a market off a trader's list when its position is closed.
    function _flat() internal view override returns (bool) {
        return BALANCE.getBaseTokens(address(this)).length == 0;
    }

    /// @dev Whether the venue trades in this market at all.
    function _trades(address base) internal view returns (bool) {
        return !CLEARING_HOUSE.paused() && IPerpBaseToken(base).isOpen()
            && EXCHANGE.getMaxTickCrossedWithinBlock(base) > 0;
    }

    function _inBand(address base, uint160 before, uint160 after_, uint24 ratio) internal view returns (bool) {
        uint256 index = IPerpBaseToken(base).getIndexPrice(0);
        (int256 was, int256 is_) = (_spread(before, index), _spread(after_, index));
        int256 most = int256(uint256(ratio)); // Safe because it is 24 bits.
        return SignedMath.min(was, -most) <= is_ && is_ <= SignedMath.max(was, most);
    }

    /// @dev (market − index) ÷ index, 1e6, rounded towards zero (Exchange._getPriceSpreadRatio).
    function _spread(uint160 root, uint256 index) internal pure returns (int256) {
        uint256 price = Math.mulDiv(Math.mulDiv(root, root, 1 << 96), 1e18, 1 << 96);
        return (price.toInt256() - index.toInt256()) * 1e6 / index.toInt256();
    }

    /// @dev As the venue stores it. Its own getter shows less than 10 wei as nothing, but counts it on.
    function _size(bytes32 instrument) internal view override returns (int256) {
        return BALANCE.getAccountInfo(address(this), _base(instrument)).takerPositionSize;
    }

    /// @dev As AccountBalance._getReferencePrice: a paused or closed market is valued at a price of its own.
    function _riskPrice(address base) internal view returns (uint256) {
        if (IPerpBaseToken(base).isOpen()) return BALANCE.getMarkPrice(base);
        if (IPerpBaseToken(base).isClosed()) return IPerpBaseToken(base).getClosedPrice();
        return IPerpBaseToken(base).getPausedIndexPrice();
    }

    /// @dev Σ|value| of a single market is |unrealised PnL − open notional| (AccountBalance.getPnlAndPendingFee),
    /// which spares a second reading of the mark price.
    function _leverage(bytes32 instrument, bool) internal view override returns (uint256) {
        address[] memory tokens = BALANCE.getBaseTokens(address(this));
        if (tokens.length != 1 || tokens[0] != _base(instrument)) {
            (, int256 backing, uint256 all) = _pocket();
            return _leverageUp(all, backing);
        }
        (int256 owed, int256 unrealised, uint256 fees) = BALANCE.getPnlAndPendingFee(address(this));
        int256 settled = PERP_VAULT.getBalance(address(this)) * UNIT.toInt256() + owed + fees.toInt256();
        uint256 notional = SignedMath.abs(unrealised - BALANCE.getTakerOpenNotional(address(this), tokens[0]));
        return _leverageUp(notional, settled + SignedMath.min(unrealised, 0));
    }

    /// @dev By the venue's own views, of the settlement token alone. The value has the token's decimals.
    function _pocket() internal view returns (int256 equity, int256 backing, uint256 notional) {
        (, int256 unrealised,) = BALANCE.getPnlAndPendingFee(address(this));
        equity = PERP_VAULT.getSettlementTokenValue(address(this)) * UNIT.toInt256();
        backing = equity - SignedMath.max(unrealised, 0);
        notional = BALANCE.getTotalAbsPositionValue(address(this));
    }

    function _base(bytes32 instrument) internal pure returns (address) {
        return address(uint160(uint256(instrument))); // Safe because instruments here are addresses.
    }
}
