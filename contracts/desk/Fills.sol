// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IERC20Metadata} from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Metadata.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import {SignedMath} from "@openzeppelin/contracts/utils/math/SignedMath.sol";

import {IQuotes} from "../../interfaces/IQuotes.sol";
import {IVault} from "../../interfaces/IVault.sol";
import {IVenues} from "../../interfaces/IVenues.sol";
import {Signatures} from "../libraries/Signatures.sol";
import {Book} from "./Book.sol";
import {Prices} from "./Prices.sol";

/// @title Fills
/// @notice The course of a fill and of a ticket: what a signature allows, one call to the vault for each leg, and what is
/// held against the terms afterwards. The Desk takes orders through it, Bundles their steps.
abstract contract Fills is Book, Prices, EIP712 {
    IVault public immutable VAULT;

    /// @dev What the legs left behind. `opened`: one ended in the order's direction. `opposed`: venues whose
    /// legs left a position against it. `freed`: venues whose margin went back to idle.
    struct After {
        bool opened;
        uint256 opposed;
        uint256 touched;
        uint256 active;
        uint256 freed;
    }

    constructor(IVault vault, IVenues venues, IQuotes quotes, IERC20Metadata token)
        EIP712("Ringside Desk", "1")
        Prices(venues, quotes, token)
    {
        VAULT = vault;
    }

    // --------------------------------------------------------------- who signed

    function _checkSigned(
        bytes32 account,
        bytes32 root,
        bytes calldata signature,
        uint256 deadline,
        uint256 epoch
    ) internal view {
        require(block.timestamp <= deadline, Expired(deadline));
        require(epoch == epochs[account], WrongEpoch(epochs[account]));
        address owner = address(bytes20(account));
        require(Signatures.isBy(owner, root, signature), BadSignature(owner));
    }

    // -------------------------------------------------------------------- fills

    function _fill(Job memory job, Terms calldata terms, Leg[] calldata legs, Receipt calldata receipt)
        internal
        returns (uint256 quote)
    {
        job.conditional = _checkTerms(terms);
        // A step to close all may find nothing to close, and is then taken without a leg.
        require(legs.length > 0 || job.kind != Kind.Alone && _closesAll(terms), NoLegs());
        (uint256 size, uint256 margin) = _checkLegs(terms, legs);
        (uint256 tip, bool latched) = _count(job, terms, size, margin, false);
        Yardstick memory y = _yardstick(terms, job.key, job.conditional, size, latched);
        uint256 last;
        (quote, last) = _trade(job, terms, legs, tip, y);
        tip += last;
        _checkPrice(terms, y.fair, size, quote, tip + y.fee);
        _checkBest(terms, y.best, quote);
        int256 signed = terms.size < 0 ? -int256(size) : int256(size);
        emit Filled(job.key, job.account, msg.sender, signed, quote, tip, receipt);
    }

    /// @return size Σ|leg|, 1e18 base.
    /// @return margin Σ margin out of idle, token units.
    function _checkLegs(Terms calldata terms, Leg[] calldata legs)
        internal
        pure
        returns (uint256 size, uint256 margin)
    {
        for (uint256 i; i < legs.length; ++i) {
            _checkLeg(terms, legs[i]);
            // A sum beyond 256 bits stays at the top, where the bounds refuse it by name.
            size = Math.saturatingAdd(size, SignedMath.abs(legs[i].size));
            if (legs[i].margin > 0) margin = Math.saturatingAdd(margin, uint256(legs[i].margin));
        }
    }

    /// @return conditional Whether there are conditions.
    function _checkTerms(Terms calldata terms) internal pure returns (bool conditional) {
        bool fits = terms.size != 0 && SignedMath.abs(terms.size) <= type(uint128).max;
        require(fits || _closesAll(terms), BadSize(terms.size));
        uint256 conditions = terms.conditions.length;
        require(terms.tickets.length <= 1 && conditions <= 1, BadTerms());
        return conditions == 1;
    }

    function _checkLeg(Terms calldata terms, Leg calldata leg) internal pure {
        require(leg.size != 0 && (leg.size > 0) == (terms.size > 0), BadLeg(leg.size));
        require(terms.venues & (1 << leg.venue) != 0, VenueNotAllowed(leg.venue));
    }

    /// @dev One call to the vault for each leg, and what is signed about each leg by itself.
    /// @return quote Whole price of all, 1e18 USD.
    /// @return last The tip of an order to close all, where this completed it.
    function _trade(Job memory job, Terms calldata terms, Leg[] calldata legs, uint256 tip, Yardstick memory y)
        internal
        returns (uint256 quote, uint256 last)
    {
        After memory done;
        if (legs.length == 0) done.active = VAULT.active(job.account);
        for (uint256 i; i < legs.length; ++i) {
            Leg calldata leg = legs[i];
            // Tip and fee leave with the first leg, so that idle is written once.
            (uint256 pays, uint256 fee) = i == 0 ? (tip, y.fee) : (0, 0);
            uint256 any = leg.size > 0 ? type(uint256).max : 0;
            IVault.Trade memory t = _terms(job, terms, leg, any, pays, fee, y.collector);
            IVault.Fill memory f = VAULT.trade(t);
            _checkPocket(terms, leg, f.position, f.leverage, done);
            done.active = f.active;
            // Each leg by itself too: a venue that claims to fill for nothing pays for no bad price elsewhere.
            if (legs.length > 1) _checkPrice(terms, y.fair, SignedMath.abs(leg.size), f.quote, 0);
            if (leg.margin < 0) done.freed |= _free(job, terms, leg, f.active);
            quote += f.quote;
        }
        // A later leg may have opened again what an earlier one left without its margin.
        require(done.active & done.freed == 0, NotFlat(done.active & done.freed));
        if (_closesAll(terms)) last = _completeClosing(job, terms, done.active, legs.length > 0);
        else if (done.opened && !terms.bounds.openAgainst) _requireClosedFirst(job, terms, done);
    }

    function _terms(
        Job memory job,
        Terms calldata terms,
        Leg calldata leg,
        uint256 limitQuote,
        uint256 tip,
        uint256 fee,
        address collector
    ) internal view returns (IVault.Trade memory) {
        return IVault.Trade({
            account: job.account,
            venue: leg.venue,
            market: terms.market,
            size: leg.size,
            limitQuote: limitQuote,
            margin: leg.margin > 0 ? uint256(leg.margin) : 0,
            tip: tip,
            payee: msg.sender,
            fee: fee,
            collector: collector,
            measure: terms.bounds.minLeverage | terms.bounds.maxLeverage != 0
        });
    }

    /// @dev The direction of the leg's position and the leverage of its pocket. Legs at other venues change neither.
    function _checkPocket(
        Terms calldata terms,
        Leg calldata leg,
        int256 position,
        uint256 leverage,
        After memory done
    ) internal pure {
        Bounds calldata bounds = terms.bounds;
        uint256 here = 1 << leg.venue;
        done.touched |= here;
        // What an earlier leg left here, this one has changed.
        done.opposed &= ~here;
        // A purchase that ends short or flat only reduced, and so did a sale that ends long or flat.
        if (leg.size > 0 ? position <= 0 : position >= 0) {
            if (position != 0) done.opposed |= here;
            return;
        }
        require(!bounds.reduceOnly && !_closesAll(terms), NotReducing(leg.venue, position));
        done.opened = true;
        require(
            bounds.maxLeverage == 0 || leverage <= bounds.maxLeverage, LeverageTooHigh(leg.venue, leverage)
        );
        require(leverage >= bounds.minLeverage, LeverageTooLow(leg.venue, leverage));
    }

    /// @dev Back to idle, unit for unit: these venues keep the settlement token.
    /// @return here The venue, as a set.
    function _free(Job memory job, Terms calldata terms, Leg calldata leg, uint256 active)
        internal
        returns (uint256 here)
    {
        here = 1 << leg.venue;
        require(active & here == 0, NotFlat(here));
        uint256 amount = SignedMath.abs(leg.margin);
        VAULT.pull(job.account, leg.venue, terms.market, amount, amount);
    }

    // ------------------------------------------------------------------ tickets

    function _commit(Job memory job, Terms calldata terms, Leg calldata leg, Receipt calldata receipt)
        internal
        returns (uint256 number)
    {
        job.conditional = _checkTerms(terms);
        _checkLeg(terms, leg);
        require(terms.tickets.length == 1, NoTickets());
        require(leg.margin >= 0, TooMuchMargin(0, SignedMath.abs(leg.margin)));
        uint256 size = SignedMath.abs(leg.size);
        (uint256 tip, bool latched) = _count(job, terms, size, uint256(leg.margin), true);
        Yardstick memory y = _yardstick(terms, job.key, job.conditional, size, latched);

        // Whoever completes an order to close all is paid its tip beside this.
        uint256 extra = (_closesAll(terms) ? terms.tip : tip) + y.fee;
        uint256 limit = _ticketLimit(terms, y, size, extra);
        IVault.Trade memory t = _terms(job, terms, leg, limit, tip, y.fee, y.collector);
        IVault.Commitment memory c = VAULT.commit{value: msg.value}(t, terms.tickets[0].maxLoss);

        After memory done;
        done.active = c.active;
        _checkPocket(terms, leg, c.position, c.leverage, done);
        if (done.opened && !terms.bounds.openAgainst) _requireClosedFirst(job, terms, done);
        uint64 cost = SafeCast.toUint64(Math.ceilDiv(c.atRisk, UNIT));
        Made memory made =
            Made(job.key, SafeCast.toUint128(size), SafeCast.toUint64(tip), cost, 0);
        _remember(job, terms, _ticketId(job.account, leg.venue, terms.market, c.number), made);
        emit Committed(
            job.key, job.account, msg.sender, leg.venue, c.number, leg.size, t.limitQuote, receipt
        );
        return c.number;
    }

    function _ticketId(bytes32 account, uint8 venue, bytes32 market, uint256 number)
        internal
        pure
        returns (bytes32)
    {
        return keccak256(abi.encode(account, venue, market, number));
    }

    // -------------------------------------------------------- positions elsewhere

    /// @dev No leg opens while another allowed venue holds the opposite position and would let it be closed.
    function _requireClosedFirst(Job memory job, Terms calldata terms, After memory done) internal {
        require(done.opposed == 0, CloseFirst(done.opposed));
        uint256 others = done.active & terms.venues & ~done.touched;
        if (others == 0) return;
        bool later = terms.tickets.length > 0;
        others = QUOTES.closable(job.account, terms.market, others, terms.size > 0, later);
        require(others == 0, CloseFirst(others));
    }

    /// @dev Where nothing is left anywhere, and no ticket is to be booked, the order is complete, and its tip is paid to
    /// whoever closed something. Until then a part may be closed at a time, so that one venue holds up no other.
    /// @param closed Whether there was a leg.
    /// @return tip What was paid.
    function _completeClosing(Job memory job, Terms calldata terms, uint256 active, bool closed)
        internal
        returns (uint256 tip)
    {
        (uint256 instant, uint256 delayed, uint256 silent) =
            QUOTES.against(job.account, terms.market, active & terms.venues, terms.size > 0);
        uint256 left = instant | delayed | silent;
        Progress storage p = _progress[job.key];
        if (left != 0 || p.open != 0) {
            bool partly = closed && job.kind != Kind.Atomic && !terms.bounds.allOrNone;
            require(partly, NotAllClosed(left));
            return 0;
        }
        // Somebody may have come in from a leg and completed it meanwhile.
        require(!p.done, Overfilled(0, 0));
        p.done = true;
        if (job.kind == Kind.Alone) _spend(job.account, job.nonce);
        if (!closed) return 0;
        tip = terms.tip;
        if (tip > 0) VAULT.pay(job.account, msg.sender, tip);
    }
}
