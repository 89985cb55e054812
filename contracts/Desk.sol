// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IERC20Metadata} from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Metadata.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import {SignedMath} from "@openzeppelin/contracts/utils/math/SignedMath.sol";

import {IDesk} from "../interfaces/IDesk.sol";
import {IQuotes} from "../interfaces/IQuotes.sol";
import {IVault} from "../interfaces/IVault.sol";
import {IVenues} from "../interfaces/IVenues.sol";
import {Book} from "./desk/Book.sol";
import {Prices} from "./desk/Prices.sol";
import {Orders} from "./libraries/Orders.sol";
import {Signatures} from "./libraries/Signatures.sol";

/// @title Desk
/// @notice What a signed order means. It holds no money and has no administrator: it is one operator among
/// others that an owner may grant TRADE, MOVE and PAY at the vault.
///
/// A FILL
/// Anyone calls `fill` with an order, its signature and legs. The order's state is booked first; then each leg
/// is one call to the vault, which moves margin and has the seat trade exactly the leg's size; the price of each
/// leg, and of all with tip and fee, is held against the signed limit, the oracle's bound and the best single venue.
/// Any failure undoes all of it. Whoever comes back in from a leg finds this fill counted already and the vault locked,
/// so the desk needs no lock itself.
///
/// A TICKET
/// At a venue that fills later, `commit` books the leg as if it were filled and hands the venue the worst price that all
/// bounds allow; `settle` books what came of it.
///
/// STOPPING
/// An owner stops the desk by `cancel`, `raiseEpoch`, or revoking it at the vault.
contract Desk is Book, Prices, EIP712 {
    using Orders for Order;
    using Orders for Bundle;

    IVault public immutable VAULT;

    /// @dev What the legs left behind. `opened`: one ended in the order's direction. `opposed`: venues whose
    /// legs left a position against it.
    struct After {
        bool opened;
        uint256 opposed;
        uint256 touched;
        uint256 active;
    }

    constructor(IVault vault, IVenues venues, IQuotes quotes, IERC20Metadata token)
        EIP712("Ringside Desk", "1")
        Prices(venues, quotes, token)
    {
        VAULT = vault;
    }

    // ------------------------------------------------------------------ anyone

    /// @inheritdoc IDesk
    function fill(Order calldata order, bytes calldata signature, Leg[] calldata legs, Receipt calldata receipt)
        external
        returns (uint256 quote)
    {
        return _fill(_alone(order, signature), order.terms, legs, receipt);
    }

    /// @inheritdoc IDesk
    function commit(Order calldata order, bytes calldata signature, Leg calldata leg, Receipt calldata receipt)
        external
        payable
        returns (uint256 number)
    {
        return _commit(_alone(order, signature), order.terms, leg, receipt);
    }

    /// @inheritdoc IDesk
    function fillBundle(
        Bundle calldata bundle,
        bytes calldata signature,
        Leg[][] calldata legs,
        Receipt calldata receipt
    ) external {
        bytes32 root = _checkBundle(bundle, signature);
        require(bundle.mode == 0 && legs.length == bundle.steps.length, BadBundle());
        _claimWhole(bundle.account, bundle.nonce, root);
        for (uint256 i; i < legs.length; ++i) {
            Job memory job = Job(Kind.Atomic, bundle.account, root, _stepKey(root, i), bundle.nonce, false);
            _fill(job, bundle.steps[i], legs[i], receipt);
        }
    }

    /// @inheritdoc IDesk
    function fillStep(
        Bundle calldata bundle,
        bytes calldata signature,
        uint256 step,
        Leg[] calldata legs,
        Receipt calldata receipt
    ) external returns (uint256 quote) {
        uint256 size;
        for (uint256 i; i < legs.length; ++i) {
            size = Math.saturatingAdd(size, SignedMath.abs(legs[i].size));
        }
        return _fill(_step(bundle, signature, step, size), bundle.steps[step], legs, receipt);
    }

    /// @inheritdoc IDesk
    function commitStep(
        Bundle calldata bundle,
        bytes calldata signature,
        uint256 step,
        Leg calldata leg,
        Receipt calldata receipt
    ) external payable returns (uint256 number) {
        Job memory job = _step(bundle, signature, step, SignedMath.abs(leg.size));
        return _commit(job, bundle.steps[step], leg, receipt);
    }

    /// @inheritdoc IDesk
    function settle(bytes32 account, uint8 venue, bytes32 market, uint256 number, bytes calldata proof) external {
        bytes32 ticket = _ticketId(account, venue, market, number);
        require(_made[ticket].size != 0, NoTicket(account, venue, market, number));
        IVault.Outcome memory o = VAULT.outcome(account, venue, market, number);
        if (!o.settled) o = VAULT.settle(account, venue, market, proof);
        require(o.settled, TicketOpen(account, venue, market, number));

        Made memory made = _forget(account, ticket, SignedMath.abs(o.filled));
        if (made.closing != 0 && o.filled != 0) {
            // Where that was the last of it, an order to close all is complete, for good.
            (uint256 instant, uint256 delayed, uint256 silent) =
                QUOTES.against(account, market, VAULT.active(account) & made.closing, o.filled > 0);
            if (instant | delayed | silent == 0) _completeLater(account, made);
        }
        uint256 quote = o.quote == type(uint128).max ? type(uint256).max : o.quote;
        emit Settled(made.key, account, venue, number, o.filled, quote);
    }

    // -------------------------------------------------------------------- reads

    /// @inheritdoc IDesk
    function digest(Order calldata order) public view returns (bytes32) {
        return _hashTypedDataV4(order.hash());
    }

    /// @inheritdoc IDesk
    function bundleDigest(Bundle calldata bundle) public view returns (bytes32) {
        return _hashTypedDataV4(bundle.hash());
    }

    // --------------------------------------------------------------- who signed

    function _alone(Order calldata order, bytes calldata signature) internal view returns (Job memory) {
        bytes32 root = digest(order);
        _checkSigned(order.account, root, signature, order.deadline, order.epoch);
        return Job(Kind.Alone, order.account, root, root, order.nonce, false);
    }

    function _step(Bundle calldata bundle, bytes calldata signature, uint256 step, uint256 size)
        internal
        returns (Job memory)
    {
        bytes32 root = _checkBundle(bundle, signature);
        bool known = bundle.mode == 1 || bundle.mode == 2;
        require(known && step < bundle.steps.length, BadBundle());
        if (step > 0) _completeIdle(bundle, root, step - 1);
        _requireOpen(bundle, root, step, size);
        return Job(Kind.Step, bundle.account, root, _stepKey(root, step), bundle.nonce, false);
    }

    function _checkBundle(Bundle calldata bundle, bytes calldata signature) internal view returns (bytes32 root) {
        root = bundleDigest(bundle);
        _checkSigned(bundle.account, root, signature, bundle.deadline, bundle.epoch);
    }

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
        require(legs.length > 0, NoLegs());
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
            if (leg.margin < 0) _free(job, terms, leg, f.active);
            quote += f.quote;
        }
        if (_closesAll(terms)) last = _completeClosing(job, terms, done.active);
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
    function _free(Job memory job, Terms calldata terms, Leg calldata leg, uint256 active) internal {
        require(active & (1 << leg.venue) == 0, NotFlat(leg.venue));
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

        uint256 limit = _ticketLimit(terms, y, size, tip + y.fee);
        IVault.Trade memory t = _terms(job, terms, leg, limit, tip, y.fee, y.collector);
        IVault.Commitment memory c = VAULT.commit{value: msg.value}(t, terms.tickets[0].maxLoss);

        After memory done;
        done.active = c.active;
        _checkPocket(terms, leg, c.position, c.leverage, done);
        if (done.opened && !terms.bounds.openAgainst) _requireClosedFirst(job, terms, done);
        uint64 cost = SafeCast.toUint64(Math.ceilDiv(c.atRisk, UNIT));
        Made memory made =
            Made(job.key, SafeCast.toUint128(size), SafeCast.toUint64(tip), cost, 0, 0, 0);
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

    /// @dev Nothing may be left at any allowed venue that fills at once and answers; where nothing is left anywhere, the
    /// order is complete, and its tip is paid.
    /// @return tip What was paid.
    function _completeClosing(Job memory job, Terms calldata terms, uint256 active)
        internal
        returns (uint256 tip)
    {
        (uint256 instant, uint256 delayed, uint256 silent) =
            QUOTES.against(job.account, terms.market, active & terms.venues, terms.size > 0);
        require(instant == 0, NotAllClosed(instant));
        if (delayed | silent != 0) return 0;
        if (job.kind == Kind.Alone) _spend(job.account, job.nonce);
        _progress[job.key].done = true;
        tip = terms.tip;
        if (tip > 0) VAULT.pay(job.account, msg.sender, tip);
    }

    /// @dev Where a ticket was the last of it. Settling is never stopped by a tip that cannot be paid.
    function _completeLater(bytes32 account, Made memory made) internal {
        if (_progress[made.key].done) return;
        _progress[made.key].done = true;
        if (made.reward == 0) return;
        try VAULT.pay(account, msg.sender, made.reward) {}
        catch {
            emit TipUnpaid(made.key, made.reward);
        }
    }

    /// @dev A step to close all that finds nothing to close, and has no ticket to be booked, is complete.
    function _completeIdle(Bundle calldata bundle, bytes32 root, uint256 step) internal {
        Terms calldata terms = bundle.steps[step];
        bytes32 key = _stepKey(root, step);
        if (!_closesAll(terms) || _progress[key].done || _progress[key].open != 0) return;
        _requireOpen(bundle, root, step, 0);
        uint256 venues = VAULT.active(bundle.account) & terms.venues;
        (uint256 instant, uint256 delayed, uint256 silent) =
            QUOTES.against(bundle.account, terms.market, venues, terms.size > 0);
        if (instant | delayed | silent == 0) _progress[key].done = true;
    }
}
