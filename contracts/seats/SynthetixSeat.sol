// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {IERC20Metadata} from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Metadata.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import {SignedMath} from "@openzeppelin/contracts/utils/math/SignedMath.sol";

import {ISeat} from "../../interfaces/ISeat.sol";
import {ISwapRouter} from "../../interfaces/ISwapRouter.sol";
import {
    ISynthetixMarket,
    ISynthetixMarketSettings,
    ISynthetixResolver,
    ISynthetixSystemSettings,
    ISynthetixSystemStatus
} from "../../interfaces/venues/ISynthetix.sol";
import {DelayedSeat} from "./DelayedSeat.sol";
import {Seat} from "./Seat.sol";

/// @title SynthetixSeat
/// @notice A seat at Synthetix Perps V2. One isolated pocket for each market; evidence ON_CHAIN. An instrument is the
/// market's proxy. Margin is sUSD, so the settlement token is exchanged in one Uniswap v3 pool on the way in, within the
/// caller's bound against par, and on the way out, within the vault caller's minimum.
///
/// A TICKET HERE
/// is an off-chain delayed order: anyone executes it at the market itself with a Pyth price that is younger than the
/// order, within the venue's window, and is paid the deposit that the order left there. Once the window has passed
/// anyone may drop it; through this seat, the deposit comes back.
///
/// FILLED OR NOT
/// While an order is pending, only its execution, a flag and a liquidation can change the position (PerpsV2Market
/// refuses margin and further orders), so comparing size and margin with what they were right after the order tells them
/// apart, but for one case: a position that is gone altogether, where one was before and the order did not just close it.
/// That counts as filled, at a price unknown.
///
/// WHAT THE VENUE MAY DELAY
/// A pending order blocks its pocket for the window and a second. A flagged position can do nothing until it is
/// liquidated, and then returns nothing. Suspension of the system or the market, a stale price or a tripped circuit
/// breaker stop everything, the withdrawal of margin too; a stranger may still drop an order at the market.
contract SynthetixSeat is DelayedSeat {
    using SafeCast for int256;
    using SafeCast for uint256;
    using SafeERC20 for IERC20;

    /// @dev The venue's name for the kind of order that is committed here.
    uint8 internal constant OFFCHAIN = 2;

    ISynthetixResolver public immutable RESOLVER;
    IERC20 public immutable SUSD;
    ISwapRouter public immutable ROUTER;
    uint24 internal immutable POOL_FEE;

    constructor(
        address vault,
        IERC20Metadata token,
        ISynthetixResolver resolver,
        IERC20 susd,
        ISwapRouter router,
        uint24 poolFee
    ) Seat(vault, token, token.decimals()) {
        RESOLVER = resolver;
        SUSD = susd;
        ROUTER = router;
        POOL_FEE = poolFee;
    }

    // -------------------------------------------------------------------- reads

    /// @inheritdoc ISeat
    /// @dev Maintenance is liquidation margin and premium (PerpsV2MarketBase): |q|·P·buffer, the fees of flagger and
    /// liquidator, and |q| ÷ skewScale × |q|·P × multiplier.
    function margin(bytes32 instrument) external view returns (Margin memory m) {
        ISynthetixMarket market = _market(instrument);
        ISynthetixMarket.Position memory p = market.positions(address(this));
        (int256 profit, bool bad1) = market.profitLoss(address(this));
        (int256 funding, bool bad2) = market.accruedFunding(address(this));
        bool bad3;
        (m.free, bad3) = market.accessibleMargin(address(this));
        require(!bad1 && !bad2 && !bad3, BadVenuePrice());
        m.equity = int256(uint256(p.margin)) + profit + funding; // Cast safe because it is 128 bits.
        m.backing = m.equity - SignedMath.max(profit, 0);
        if (p.size == 0) return m;

        ISynthetixMarketSettings settings = _settings();
        bytes32 key = market.marketKey();
        uint256 size = SignedMath.abs(p.size);
        uint256 notional = _notional(market, p.size);
        uint256 fee = Math.mulDiv(notional, settings.liquidationFeeRatio(), 1e18);
        fee = Math.max(settings.minKeeperFee(), Math.min(settings.maxKeeperFee(), fee));
        uint256 premium = Math.mulDiv(Math.mulDiv(size, 1e18, settings.skewScale(key)), notional, 1e18);
        m.maintenance = Math.mulDiv(notional, settings.liquidationBufferRatio(key), 1e18) + fee
            + settings.keeperLiquidationFee()
            + Math.mulDiv(premium, settings.liquidationPremiumMultiplier(key), 1e18);
        m.leverage = _leverageUp(notional, m.backing);
    }

    /// @inheritdoc ISeat
    function position(bytes32 instrument) external view returns (Position memory p) {
        ISynthetixMarket market = _market(instrument);
        p.size = _size(instrument);
        (int256 funding, bool bad) = market.accruedFunding(address(this));
        require(!bad, BadVenuePrice());
        p.fundingOwed = -funding;
        p.markPrice = p.indexPrice = _price(market);
        p.fundingRate = market.currentFundingRate();
    }

    /// @inheritdoc ISeat
    function isolated() external pure override(ISeat, Seat) returns (bool) {
        return true;
    }

    // ----------------------------------------------------------------- internal

    function _enter() internal override {
        TOKEN.forceApprove(address(ROUTER), type(uint256).max);
        SUSD.forceApprove(address(ROUTER), type(uint256).max);
    }

    function _post(bytes32 instrument, uint256 amount, uint256 maxLoss) internal override returns (uint256 cost) {
        uint256 par = amount * UNIT;
        uint256 least = par - Math.mulDiv(par, Math.min(maxLoss, 1e18), 1e18);
        uint256 before = SUSD.balanceOf(address(this));
        _swap(TOKEN, SUSD, amount, least);
        uint256 got = SUSD.balanceOf(address(this)) - before;
        require(got >= least, BeyondLimit(got, least));
        cost = Math.saturatingSub(par, got);
        _market(instrument).transferMargin(got.toInt256());
    }

    function _pull(bytes32 instrument, uint256 amount) internal override {
        if (amount == type(uint256).max) _market(instrument).withdrawAllMargin();
        else _market(instrument).transferMargin(-(amount * UNIT).toInt256());
    }

    function _collateral() internal view override returns (IERC20) {
        return SUSD;
    }

    function _parDown(uint256 amount) internal view override returns (uint256) {
        return amount / UNIT;
    }

    /// @dev At any price: whoever calls the vault names the least that has to arrive.
    function _exchange(uint256 amount) internal override returns (uint256 received) {
        if (amount == 0) return 0;
        received = TOKEN.balanceOf(address(this));
        _swap(SUSD, TOKEN, amount, 0);
        received = TOKEN.balanceOf(address(this)) - received;
    }

    function _swap(IERC20 from, IERC20 to, uint256 amount, uint256 least) internal {
        ROUTER.exactInputSingle(
            ISwapRouter.ExactInputSingleParams({
                tokenIn: address(from),
                tokenOut: address(to),
                fee: POOL_FEE,
                recipient: address(this),
                deadline: block.timestamp,
                amountIn: amount,
                amountOutMinimum: least,
                sqrtPriceLimitX96: 0
            })
        );
    }

    function _deposit() internal view override returns (uint256) {
        return _settings().minKeeperFee();
    }

    /// @dev The venue bounds the price before its fee, so the bound leaves room for the dearest fee it may charge: the
    /// higher of its two rates, and the dynamic fee's maximum where that is in use.
    function _request(bytes32 instrument, int256 size, uint256 limitQuote, uint256 cost)
        internal
        override
        returns (uint256 mark)
    {
        require(msg.value == 0, NoCoinWanted(msg.value));
        ISynthetixMarket market = _market(instrument);
        uint256 price = _priceBound(size, limitQuote, cost, _worstFee(market.marketKey()));
        market.submitOffchainDelayedOrder(size, price);
        int256 asked = market.delayedOrders(address(this)).sizeDelta;
        require(asked == size, NotExact(size, asked));
        ISynthetixMarket.Position memory p = market.positions(address(this));
        return uint256(p.margin) << 128 | p.lastPrice;
    }

    /// @dev Rounded against the venue: down for a purchase, up for a sale.
    function _priceBound(int256 size, uint256 limitQuote, uint256 cost, uint256 fee)
        internal
        pure
        returns (uint256 price)
    {
        uint256 amount = SignedMath.abs(size);
        uint256 most = type(uint128).max; // The venue keeps 128 bits.
        if (size > 0) {
            uint256 budget = Math.saturatingSub(limitQuote, cost);
            // A budget this large buys at any price the venue can state.
            if (budget >= uint256(type(uint128).max) << 64) return most;
            price = Math.min(Math.mulDiv(budget, 1e36, amount * (1e18 + fee)), most);
            require(price > 0, LimitTooTight(limitQuote));
        } else {
            require(fee < 1e18 && limitQuote < uint256(type(uint128).max) << 64, LimitTooTight(limitQuote));
            price = Math.mulDiv(limitQuote + cost, 1e36, amount * (1e18 - fee), Math.Rounding.Ceil);
            require(price <= most, LimitTooTight(limitQuote));
        }
    }

    function _worstFee(bytes32 key) internal view returns (uint256 fee) {
        ISynthetixMarketSettings settings = _settings();
        fee = Math.max(settings.takerFeeOffchainDelayedOrder(key), settings.makerFeeOffchainDelayedOrder(key));
        ISynthetixSystemSettings system = ISynthetixSystemSettings(_find("SystemSettings"));
        if (system.exchangeDynamicFeeRounds() > 1) fee += system.exchangeMaxDynamicFee();
    }

    function _resolve(bytes32 instrument, Ticket memory t, bytes calldata)
        internal
        view
        override
        returns (bool open, int256 filled, uint256 quote)
    {
        ISynthetixMarket market = _market(instrument);
        if (market.delayedOrders(address(this)).sizeDelta != 0) return (true, 0, 0);
        ISynthetixMarket.Position memory p = market.positions(address(this));
        (uint256 marginBefore, uint256 priceBefore) = (t.mark >> 128, uint128(t.mark));
        bool gone = p.size == 0 && p.margin == 0;
        if (p.size == t.before + t.size && !gone) {
            return (false, t.size, _quote(t, p, int256(marginBefore), int256(priceBefore)));
        }
        // Only a liquidation takes margin from an account that is flat.
        if (p.size == t.before && (p.size != 0 || p.margin >= marginBefore)) return (false, 0, 0);
        // An order that closed the position left nothing to liquidate.
        if (gone && t.size == -t.before) return (false, 0, 0);
        return (false, t.size, type(uint256).max);
    }

    /// @dev From the equation of a trade, margin' = margin + before × (fill − last) + funding − fee. What a position held
    /// before accrued in funding while the order was pending is in the price, a few seconds of it. A position closed
    /// altogether leaves no fill price, but the same equation gives price and fee together.
    function _quote(
        Ticket memory t,
        ISynthetixMarket.Position memory p,
        int256 marginBefore,
        int256 priceBefore
    ) internal pure returns (uint256) {
        int256 price = int256(uint256(p.lastPrice)); // Safe because it is 128 bits, like all below.
        if (p.size == 0) price = priceBefore;
        int256 fee = marginBefore + int256(t.before) * (price - priceBefore) / 1e18 - int256(uint256(p.margin));
        int256 whole = int256(t.size) * price / 1e18 + fee + t.cost.toInt256();
        // A purchase pays it and a sale receives it; what is left of neither is nothing.
        return SignedMath.max(t.size > 0 ? whole : -whole, 0).toUint256();
    }

    /// @dev A suspended market reverts, which is an answer too.
    function _closable(bytes32 instrument) internal view override returns (bool) {
        ISynthetixMarket market = _market(instrument);
        ISynthetixSystemStatus(_find("SystemStatus")).requireFuturesMarketActive(market.marketKey());
        int256 size = market.positions(address(this)).size;
        (,,,,, uint8 status) = market.postTradeDetails(-size, 0, OFFCHAIN, address(this));
        return status == 0 && !market.isFlagged(address(this));
    }

    function _expire(bytes32 instrument) internal override {
        _market(instrument).cancelOffchainDelayedOrder(address(this));
    }

    function _size(bytes32 instrument) internal view override returns (int256) {
        return _market(instrument).positions(address(this)).size;
    }

    function _leverageAt(bytes32 instrument, int256 size) internal view override returns (uint256) {
        ISynthetixMarket market = _market(instrument);
        ISynthetixMarket.Position memory p = market.positions(address(this));
        (int256 profit, bool bad1) = market.profitLoss(address(this));
        (int256 funding, bool bad2) = market.accruedFunding(address(this));
        require(!bad1 && !bad2, BadVenuePrice());
        int256 backing = int256(uint256(p.margin)) + funding + SignedMath.min(profit, 0);
        return _leverageUp(_notional(market, size), backing);
    }

    function _notional(ISynthetixMarket market, int256 size) internal view returns (uint256) {
        return Math.mulDiv(SignedMath.abs(size), _price(market), 1e18);
    }

    function _price(ISynthetixMarket market) internal view returns (uint256 price) {
        bool bad;
        (price, bad) = market.assetPrice();
        require(!bad && price > 0, BadVenuePrice());
    }

    function _settings() internal view returns (ISynthetixMarketSettings) {
        return ISynthetixMarketSettings(_find("PerpsV2MarketSettings"));
    }

    function _find(bytes32 name) internal view returns (address) {
        return RESOLVER.requireAndGetAddress(name, "SynthetixSeat");
    }

    function _market(bytes32 instrument) internal pure returns (ISynthetixMarket) {
        return ISynthetixMarket(address(uint160(uint256(instrument)))); // Safe because instruments are addresses.
    }
}
