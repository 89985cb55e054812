// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IERC20Metadata} from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Metadata.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";

import {IFeed} from "../../interfaces/IFeed.sol";
import {IOrders} from "../../interfaces/IOrders.sol";
import {IQuotes} from "../../interfaces/IQuotes.sol";
import {IVenues} from "../../interfaces/IVenues.sol";

/// @title Prices
/// @notice The desk's half that judges prices: the signed limit, the oracle's bound, triggers, best execution, the
/// protocol's fee. It keeps nothing.
///
/// ROUNDING
/// What was done is compared as products, so nothing is rounded. A limit handed to a venue is rounded against the venue,
/// the fee up.
abstract contract Prices is IOrders {
    IVenues public immutable VENUES;
    IQuotes public immutable QUOTES;
    /// @dev One unit of the settlement token in 1e18 USD.
    uint256 internal immutable UNIT;

    /// @dev What a fill is held against.
    /// @param fair The oracle's price; zero where nothing asks for it.
    /// @param best The best single venue's whole price for all of it, 1e18 USD; zero where that is not asked for, or
    /// none can.
    /// @param fee What the protocol takes, token units.
    struct Yardstick {
        uint256 fair;
        uint256 best;
        uint256 fee;
        address collector;
    }

    constructor(IVenues venues, IQuotes quotes, IERC20Metadata token) {
        VENUES = venues;
        QUOTES = quotes;
        UNIT = 10 ** (18 - token.decimals());
    }

    // ------------------------------------------------------------ before the trades

    /// @param conditional Whether the terms have conditions.
    /// @param size Unsigned.
    function _yardstick(Terms calldata terms, bytes32 key, bool conditional, uint256 size, bool latched)
        internal
        returns (Yardstick memory y)
    {
        IVenues.Feed memory feed = VENUES.feed(terms.market);
        uint256 notBefore;
        bool triggered;
        if (conditional) {
            Conditions calldata c = terms.conditions[0];
            _checkConditions(c);
            (notBefore, triggered) = (c.notBefore, c.triggerPrice != 0 && !latched);
        }
        if (terms.bounds.maxDeviation != 0 || feed.fee != 0 || triggered) {
            y.fair = _oraclePrice(feed, triggered ? notBefore : 0);
        }
        if (triggered) _checkTrigger(terms.conditions[0], y.fair);
        if (feed.fee != 0) {
            y.fee = Math.ceilDiv(Math.ceilDiv(y.fair * size, 1e18) * feed.fee, 1e18 * UNIT);
            y.collector = VENUES.collector();
        }
        if (terms.bounds.tolerance != 0 && size != 0) y.best = _best(terms, key, size);
    }

    function _checkConditions(Conditions calldata c) internal view {
        require(block.timestamp >= c.notBefore, NotYet(c.notBefore));
        if (c.filler != address(0) && msg.sender != c.filler) {
            require(block.timestamp > c.fillerUntil, NotFiller(c.filler, c.fillerUntil));
        }
    }

    function _checkTrigger(Conditions calldata c, uint256 price) internal view {
        bool there = c.triggerAbove ? price >= c.triggerPrice : price <= c.triggerPrice;
        require(there, NotTriggered(price, c.triggerPrice));
        (address source, uint256 grace) = VENUES.sequencer();
        if (source == address(0)) return;
        // Zero is up; `since` is when that began.
        (, int256 down, uint256 since,,) = IFeed(source).latestRoundData();
        bool steady = down == 0 && since != 0 && since <= block.timestamp && block.timestamp - since >= grace;
        require(steady, SequencerDown());
    }

    /// @return 1e18 USD per base, from the market's one feed.
    function _oraclePrice(IVenues.Feed memory feed, uint256 notBefore) internal view returns (uint256) {
        (, int256 answer,, uint256 updatedAt,) = IFeed(feed.source).latestRoundData();
        bool fresh = updatedAt <= block.timestamp && block.timestamp - updatedAt <= feed.heartbeat
            && updatedAt >= notBefore;
        require(answer > 0 && fresh, BadOracle(answer, updatedAt));
        return uint256(answer) * 1e18 / 10 ** feed.decimals; // Cast safe because answer > 0.
    }

    function _best(Terms calldata terms, bytes32 key, uint256 size) internal returns (uint256 best) {
        int256 signed = terms.size > 0 ? int256(size) : -int256(size); // Casts safe: sizes fit 128 bits.
        uint256 skipped;
        (best, skipped) = QUOTES.best(terms.market, terms.venues, signed, terms.bounds.skipUnquotable);
        if (skipped != 0) emit QuotesSkipped(key, skipped);
    }

    // ------------------------------------------------------- when all legs are done

    /// @dev Compares products, 1e36 USD: nothing is rounded.
    /// @param extra Tip and fee, token units.
    function _checkPrice(Terms calldata terms, uint256 fair, uint256 size, uint256 quote, uint256 extra)
        internal
        view
    {
        bool buys = terms.size > 0;
        extra = Math.saturatingMul(extra, UNIT * 1e18);
        uint256 total = Math.saturatingMul(quote, 1e18);
        // Tip and fee add to what a purchase costs, and take from what a sale brings.
        total = buys ? Math.saturatingAdd(total, extra) : Math.saturatingSub(total, extra);

        uint256 limit = Math.saturatingMul(terms.limitPrice, size);
        require(buys ? total <= limit : total >= limit, WorsePrice(total, limit));

        if (terms.bounds.maxDeviation == 0) return;
        limit = _fairLimit(terms, fair, size);
        require(buys ? total <= limit : total >= limit, TooFarFromOracle(total, limit));
    }

    /// @dev The legs' own price, without tip and fee, which are the same wherever it is filled.
    function _checkBest(Terms calldata terms, uint256 best, uint256 quote) internal pure {
        if (best == 0) return;
        uint256 limit = _bestLimit(terms, best);
        require(terms.size > 0 ? quote <= limit : quote >= limit, NotBest(quote, limit));
    }

    /// @return limit The worst whole price that a ticket may have to satisfy all of it: 1e18 USD, rounded against the
    /// venue.
    function _ticketLimit(Terms calldata terms, Yardstick memory y, uint256 size, uint256 extra)
        internal
        view
        returns (uint256 limit)
    {
        bool buys = terms.size > 0;
        limit = Math.saturatingMul(terms.limitPrice, size);
        if (terms.bounds.maxDeviation != 0) {
            uint256 fair = _fairLimit(terms, y.fair, size);
            limit = buys ? Math.min(limit, fair) : Math.max(limit, fair);
        }
        extra = Math.saturatingMul(extra, UNIT);
        limit = buys
            ? Math.saturatingSub(limit / 1e18, extra)
            : Math.saturatingAdd(Math.ceilDiv(limit, 1e18), extra);
        if (y.best != 0) {
            uint256 best = _bestLimit(terms, y.best);
            limit = buys ? Math.min(limit, best) : Math.max(limit, best);
        }
    }

    function _fairLimit(Terms calldata terms, uint256 fair, uint256 size) internal pure returns (uint256) {
        uint256 worth = fair * size;
        uint256 slack = Math.saturatingMul(worth, terms.bounds.maxDeviation) / 1e18;
        return terms.size > 0 ? Math.saturatingAdd(worth, slack) : Math.saturatingSub(worth, slack);
    }

    function _bestLimit(Terms calldata terms, uint256 best) internal pure returns (uint256) {
        uint256 slack = Math.saturatingMul(best, terms.bounds.tolerance) / 1e18;
        return terms.size > 0 ? Math.saturatingAdd(best, slack) : Math.saturatingSub(best, slack);
    }
}
