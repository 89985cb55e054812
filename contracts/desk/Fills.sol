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
        (uint256 size, uint256 margin, uint256 venues) = _checkLegs(terms, legs);
        uint256 whole = SignedMath.abs(terms.size);
        if (_closesAll(terms)) whole = _close(job, terms, venues);
        else require(legs.length > 0, NoLegs());
        (uint256 tip, bool latched) = _count(job, terms, whole, size, margin, false);
        Yardstick memory y = _yardstick(terms, job.key, job.conditional, size, latched);
        quote = _trade(job, terms, legs, tip, y);
        _checkPrice(terms, y.fair, size, quote, tip + y.fee);
        _checkBest(terms, y.best, quote);
        _report(job, terms.size < 0 ? -int256(size) : int256(size), quote, tip, receipt);
    }

    function _report(Job memory job, int256 size, uint256 quote, uint256 tip, Receipt calldata receipt) private {
        emit Filled(job.key, job.account, msg.sender, size, quote, tip, receipt);
    }

    /// @return size Σ|leg|, 1e18 base.
    /// @return margin Σ margin out of idle, token units.
    /// @return venues Where they go, as a set.
    function _checkLegs(Terms calldata terms, Leg[] calldata legs)
        internal
        pure
        returns (uint256 size, uint256 margin, uint256 venues)
    {
        for (uint256 i; i < legs.length; ++i) {
            _checkLeg(terms, legs[i]);
            size += SignedMath.abs(legs[i].size);
            venues |= 1 << legs[i].venue;
            // A sum beyond 256 bits stays at the top, where the bounds refuse it by name.
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
        bool fits = leg.size != 0 && SignedMath.abs(leg.size) <= type(uint128).max;
        require(fits && (leg.size > 0) == (terms.size > 0), BadLeg(leg.size));
        require(terms.venues & (1 << leg.venue) != 0, VenueNotAllowed(leg.venue));
    }

    /// @dev One call to the vault for each leg, and what is signed about each leg by itself.
    /// @return quote Whole price of all, 1e18 USD.
    function _trade(Job memory job, Terms calldata terms, Leg[] calldata legs, uint256 tip, Yardstick memory y)
        internal
        returns (uint256 quote)
    {
        After memory done;
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
        if (done.opened && !terms.bounds.openAgainst) _requireClosedFirst(job, terms, done);
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
        bool all = _closesAll(terms);
        if (leg.size > 0 ? position <= 0 : position >= 0) {
            require(position == 0 || !all, NotAllClosed(here));
            if (position != 0) done.opposed |= here;
            return;
        }
        require(!bounds.reduceOnly && !all, NotReducing(leg.venue, position));
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
        IVault.Trade memory t = _ticketTerms(job, terms, leg);
        number = _open(job, terms, leg, t);
        emit Committed(
            job.key, job.account, msg.sender, leg.venue, number, leg.size, t.limitQuote, receipt
        );
    }

    /// @dev Books the leg as if it were filled.
    /// @return What the vault is to do, with the worst price that all bounds allow.
    function _ticketTerms(Job memory job, Terms calldata terms, Leg calldata leg)
        internal
        returns (IVault.Trade memory)
    {
        job.conditional = _checkTerms(terms);
        _checkLeg(terms, leg);
        require(terms.tickets.length == 1, NoTickets());
        require(leg.margin >= 0, TooMuchMargin(0, SignedMath.abs(leg.margin)));
        uint256 size = SignedMath.abs(leg.size);
        uint256 whole = SignedMath.abs(terms.size);
        if (_closesAll(terms)) whole = _close(job, terms, 1 << leg.venue);
        (uint256 tip, bool latched) = _count(job, terms, whole, size, uint256(leg.margin), true);
        Yardstick memory y = _yardstick(terms, job.key, job.conditional, size, latched);
        uint256 limit = _ticketLimit(terms, y, size, tip + y.fee);
        return _terms(job, terms, leg, limit, tip, y.fee, y.collector);
    }

    /// @dev One call to the vault, what is signed about where it leads, and the ticket on the books.
    function _open(Job memory job, Terms calldata terms, Leg calldata leg, IVault.Trade memory t)
        internal
        returns (uint256)
    {
        IVault.Commitment memory c = VAULT.commit{value: msg.value}(t, terms.tickets[0].maxLoss);
        After memory done;
        done.active = c.active;
        _checkPocket(terms, leg, c.position, c.leverage, done);
        if (done.opened && !terms.bounds.openAgainst) _requireClosedFirst(job, terms, done);
        uint64 cost = SafeCast.toUint64(Math.ceilDiv(c.atRisk, UNIT));
        uint128 size = SafeCast.toUint128(SignedMath.abs(leg.size));
        Made memory made = Made(job.key, size, SafeCast.toUint64(t.tip), cost, 0);
        _remember(job, terms, _ticketId(job.account, leg.venue, terms.market, c.number), made);
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

    /// @dev What an order to close all is to close is settled when it is first filled: the allowed venues that held
    /// something then, each once and whole. So neither a crumb nor a later position elsewhere keeps it alive. What has
    /// been closed otherwise since drops out; a venue that does not answer, or has a ticket that would open, stays.
    /// @param taken Venues of the legs.
    /// @return total Σ|position| to be closed before this, as far as it is known; 1e18 base.
    function _close(Job memory job, Terms calldata terms, uint256 taken) internal returns (uint256 total) {
        if (job.kind != Kind.Atomic) _claimed(job);
        require(!_progress[job.key].done, Overfilled(0, 0));
        Closing memory c = closings[job.key];
        require(taken != 0 || c.begun || job.kind != Kind.Alone, NoLegs());
        uint256 left = VAULT.active(job.account) & terms.venues;
        if (c.begun) left &= c.left;
        (left, total) = QUOTES.against(job.account, terms.market, left, terms.size > 0);
        require(taken & ~left == 0, NothingToClose(taken & ~left));
        left &= ~taken;
        bool partly = taken != 0 && job.kind != Kind.Atomic && !terms.bounds.allOrNone;
        require(left == 0 || partly, NotAllClosed(left));
        require(taken != 0 || _progress[job.key].open == 0, NotAllClosed(0));
        closings[job.key] = Closing(true, uint64(left)); // Safe because the vault has no more venues.
    }
}
