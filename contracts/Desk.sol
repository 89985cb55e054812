// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IERC20Metadata} from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Metadata.sol";
import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import {SignedMath} from "@openzeppelin/contracts/utils/math/SignedMath.sol";

import {IDesk} from "../interfaces/IDesk.sol";
import {IFeed} from "../interfaces/IFeed.sol";
import {IVault} from "../interfaces/IVault.sol";
import {IVenues} from "../interfaces/IVenues.sol";
import {Orders} from "./libraries/Orders.sol";

/// @title Desk
/// @notice What a signed order means. It holds no money and has no administrator: it is one operator among
/// others that an owner may grant TRADE, MOVE and PAY at the vault.
///
/// A FILL
/// Anyone calls `fill` with an order, its signature and legs. The order's state is booked first; then each leg
/// is one call to the vault, which moves margin and has the seat trade exactly the leg's size; the price of each
/// leg, and of all with the tip, is held against the signed limit and the oracle's bound. Any failure undoes all
/// of it. Whoever comes back in from a leg finds this fill counted already and the vault locked, so the desk needs
/// no lock itself.
///
/// REPLAY
/// A nonce has two bits: spent, when its order is complete or cancelled; bound, when an order was filled in part
/// under it, whose digest and use are then kept beside. An order that fills whole at once touches its bit alone.
///
/// ROUNDING
/// Prices are compared as products, so nothing is rounded. The margin share is rounded up (an order must be
/// fillable to its end), the tip down.
///
/// STOPPING
/// An owner stops the desk by `cancel`, `raiseEpoch`, or revoking it at the vault.
contract Desk is IDesk, EIP712 {
    using Orders for Order;

    IVault public immutable VAULT;
    IVenues public immutable VENUES;
    /// @dev One unit of the settlement token in 1e18 USD.
    uint256 internal immutable UNIT;

    uint256 internal constant SPENT = 1;
    uint256 internal constant BOUND = 2;

    /// @inheritdoc IDesk
    mapping(bytes32 account => uint256) public epochs;
    /// @dev Two bits a nonce, 128 nonces a word.
    mapping(bytes32 account => mapping(uint256 word => uint256 bits)) internal _nonces;
    mapping(bytes32 account => mapping(uint256 nonce => Progress)) internal _progress;

    constructor(IVault vault, IVenues venues, IERC20Metadata token) EIP712("Ringside Desk", "1") {
        VAULT = vault;
        VENUES = venues;
        UNIT = 10 ** (18 - token.decimals());
    }

    // ------------------------------------------------------------------ anyone

    /// @inheritdoc IDesk
    function fill(Order calldata order, bytes calldata signature, Leg[] calldata legs)
        external
        returns (uint256 quote)
    {
        bytes32 hash = digest(order);
        _checkOrder(order, hash, signature);
        (uint256 size, uint256 margin) = _checkLegs(order, legs);
        uint256 tip = _book(order, hash, size, margin);
        uint256 fair = order.bounds.maxDeviation == 0 ? 0 : _oraclePrice(order.market);

        for (uint256 i; i < legs.length; ++i) {
            // The tip leaves with the first leg, so that idle is written once.
            uint256 paid = _trade(order, legs[i], i == 0 ? tip : 0);
            // Each leg by itself too: a venue that claims to fill for nothing pays for no bad price elsewhere.
            if (legs.length > 1) _checkPrice(order, fair, SignedMath.abs(legs[i].size), paid, 0);
            quote += paid;
        }
        _checkPrice(order, fair, size, quote, tip);
        emit Filled(hash, order.account, msg.sender, order.size < 0 ? -int256(size) : int256(size), quote, tip);
    }

    // ------------------------------------------------------------------- owner

    /// @inheritdoc IDesk
    function cancel(bytes32 account, uint256 nonce) external {
        _requireOwner(account);
        _nonces[account][nonce >> 7] |= SPENT << _shift(nonce);
        emit Cancelled(account, nonce);
    }

    /// @inheritdoc IDesk
    function raiseEpoch(bytes32 account, uint256 epoch) external {
        _requireOwner(account);
        require(epoch > epochs[account], EpochNotRaised(epochs[account]));
        epochs[account] = epoch;
        emit EpochRaised(account, epoch);
    }

    // -------------------------------------------------------------------- reads

    /// @inheritdoc IDesk
    function digest(Order calldata order) public view returns (bytes32) {
        return _hashTypedDataV4(order.hash());
    }

    /// @inheritdoc IDesk
    function progress(bytes32 account, uint256 nonce) external view returns (Progress memory) {
        return _progress[account][nonce];
    }

    /// @inheritdoc IDesk
    function isSpent(bytes32 account, uint256 nonce) external view returns (bool) {
        return _nonces[account][nonce >> 7] >> _shift(nonce) & SPENT != 0;
    }

    // ------------------------------------------------------ before anything moves

    function _checkOrder(Order calldata order, bytes32 hash, bytes calldata signature) internal view {
        require(block.timestamp <= order.deadline, Expired(order.deadline));
        require(order.epoch == epochs[order.account], WrongEpoch(epochs[order.account]));
        uint256 size = SignedMath.abs(order.size);
        require(size > 0 && size <= type(uint128).max, BadSize(order.size));

        Bounds calldata bounds = order.bounds;
        if (bounds.filler != address(0) && msg.sender != bounds.filler) {
            require(block.timestamp > bounds.fillerUntil, NotFiller(bounds.filler, bounds.fillerUntil));
        }
        _checkSignature(address(bytes20(order.account)), hash, signature);
    }

    /// @dev The one place that knows how an owner signs.
    function _checkSignature(address owner, bytes32 hash, bytes calldata signature) internal pure {
        (address signer, ECDSA.RecoverError failure,) = ECDSA.tryRecoverCalldata(hash, signature);
        require(failure == ECDSA.RecoverError.NoError && signer == owner, BadSignature(owner));
    }

    /// @return size Σ|leg|, 1e18 base.
    /// @return margin Σ margin, token units.
    function _checkLegs(Order calldata order, Leg[] calldata legs)
        internal
        pure
        returns (uint256 size, uint256 margin)
    {
        require(legs.length > 0, NoLegs());
        for (uint256 i; i < legs.length; ++i) {
            Leg calldata leg = legs[i];
            require(leg.size != 0 && (leg.size > 0) == (order.size > 0), BadLeg(leg.size));
            require(order.venues & (1 << leg.venue) != 0, VenueNotAllowed(leg.venue));
            // A sum beyond 256 bits stays at the top, where the bounds refuse it by name.
            size = Math.saturatingAdd(size, SignedMath.abs(leg.size));
            margin = Math.saturatingAdd(margin, leg.margin);
        }
    }

    /// @dev Counts this fill, and returns its tip.
    function _book(Order calldata order, bytes32 hash, uint256 size, uint256 margin)
        internal
        returns (uint256 tip)
    {
        uint256 nonce = order.nonce;
        uint256 word = _nonces[order.account][nonce >> 7];
        uint256 state = word >> _shift(nonce);
        require(state & SPENT == 0, NonceSpent(nonce));
        (uint256 filled, uint256 used) = (0, 0);
        if (state & BOUND != 0) {
            Progress memory before = _progress[order.account][nonce];
            require(before.digest == hash, NonceTaken(nonce, before.digest));
            (filled, used) = (before.filled, before.margin);
        }

        uint256 whole = SignedMath.abs(order.size);
        uint256 left = whole - filled;
        require(size <= left, Overfilled(left, size));
        require(size == left || size >= order.bounds.minFill, BelowMinFill(order.bounds.minFill, size));

        uint256 total = filled + size;
        uint256 share = order.maxMargin;
        tip = order.tip;
        if (size != whole) {
            share = Math.mulDiv(order.maxMargin, total, whole, Math.Rounding.Ceil) - used;
            tip = Math.mulDiv(order.tip, total, whole) - Math.mulDiv(order.tip, filled, whole);
        }
        require(margin <= share, TooMuchMargin(share, margin));

        if (size == left) {
            _nonces[order.account][nonce >> 7] = word | SPENT << _shift(nonce);
            if (filled != 0) delete _progress[order.account][nonce];
        } else {
            if (filled == 0) _nonces[order.account][nonce >> 7] = word | BOUND << _shift(nonce);
            // Cast safe because total < whole, which fits 128 bits; the other one checks.
            _progress[order.account][nonce] = Progress(hash, uint128(total), SafeCast.toUint128(used + margin));
        }
    }

    function _shift(uint256 nonce) internal pure returns (uint256) {
        return (nonce & 0x7f) << 1;
    }

    // --------------------------------------------------------------- the trades

    /// @dev One call to the vault, and what is signed about each leg by itself: the direction of its position and
    /// the leverage of its pocket. Legs at other venues cannot change either.
    /// @return quote Whole price of the leg, 1e18 USD.
    function _trade(Order calldata order, Leg calldata leg, uint256 tip) internal returns (uint256 quote) {
        Bounds calldata bounds = order.bounds;
        bool measure = bounds.minLeverage | bounds.maxLeverage != 0;
        (int256 position, uint256 leverage) = (0, 0);
        (quote, position, leverage) = VAULT.trade(
            IVault.Trade({
                account: order.account,
                venue: leg.venue,
                market: order.market,
                size: leg.size,
                limitQuote: leg.size > 0 ? type(uint256).max : 0,
                margin: leg.margin,
                tip: tip,
                payee: msg.sender,
                measure: measure
            })
        );
        // A purchase that ends short or flat only reduced, and so did a sale that ends long or flat.
        if (leg.size > 0 ? position <= 0 : position >= 0) return quote;
        require(!bounds.reduceOnly, NotReducing(leg.venue, position));
        if (measure) {
            require(
                bounds.maxLeverage == 0 || leverage <= bounds.maxLeverage, LeverageTooHigh(leg.venue, leverage)
            );
            require(leverage >= bounds.minLeverage, LeverageTooLow(leg.venue, leverage));
        }
    }

    // ------------------------------------------------------- when all legs are done

    /// @dev Compares products, 1e36 USD: nothing is rounded.
    /// @param fair The oracle's price, 1e18; not used where the order asks for no deviation.
    function _checkPrice(Order calldata order, uint256 fair, uint256 size, uint256 quote, uint256 tip)
        internal
        view
    {
        bool buys = order.size > 0;
        uint256 extra = tip * UNIT * 1e18;
        // The tip adds to what a purchase costs, and takes from what a sale brings.
        uint256 total = buys ? quote * 1e18 + extra : Math.saturatingSub(quote * 1e18, extra);

        uint256 limit = Math.saturatingMul(order.limitPrice, size);
        require(buys ? total <= limit : total >= limit, WorsePrice(total, limit));

        if (order.bounds.maxDeviation == 0) return;
        uint256 worth = fair * size;
        uint256 slack = Math.saturatingMul(worth, order.bounds.maxDeviation) / 1e18;
        limit = buys ? Math.saturatingAdd(worth, slack) : Math.saturatingSub(worth, slack);
        require(buys ? total <= limit : total >= limit, TooFarFromOracle(total, limit));
    }

    /// @return 1e18 USD per base, from the market's one feed.
    function _oraclePrice(bytes32 market) internal view returns (uint256) {
        IVenues.Feed memory feed = VENUES.feed(market);
        (, int256 answer,, uint256 updatedAt,) = IFeed(feed.source).latestRoundData();
        bool fresh = updatedAt <= block.timestamp && block.timestamp - updatedAt <= feed.heartbeat;
        require(answer > 0 && fresh, BadOracle(answer, updatedAt));
        return Math.mulDiv(uint256(answer), 1e18, 10 ** feed.decimals); // Cast safe because answer > 0.
    }

    function _requireOwner(bytes32 account) internal view {
        require(msg.sender == address(bytes20(account)), NotOwner(account, msg.sender));
    }
}
