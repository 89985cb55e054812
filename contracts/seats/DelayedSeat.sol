// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";

import {IDelayedSeat, ISeat} from "../../interfaces/ISeat.sol";
import {Seat} from "./Seat.sol";

/// @title DelayedSeat
/// @notice A seat at a venue that fills later: Requested → Pending → Filled | Cancelled.
///
/// WHAT A TICKET IS
/// `commit` hands the venue one order with a price bound of its own, and remembers what the venue said of the
/// position just before. While the venue has it, nothing else happens in that pocket. Once the venue has filled or
/// dropped it, whoever comes first (anyone by the vault's `settle`, or the next action of this seat) compares, and
/// says how much was filled. Nothing is believed that the venue's state does not show: where a fill and a cancel look
/// the same, it was a fill of unknown price, so that no order is ever filled twice.
abstract contract DelayedSeat is IDelayedSeat, Seat {
    using SafeCast for int256;

    /// @param size What was asked for; zero is no ticket.
    /// @param before The position at that time.
    /// @param mark Whatever else of the venue's state tells a fill from a cancel, and its price.
    /// @param cost Deposit and conversion, 1e18 USD: part of the whole price.
    struct Ticket {
        int128 size;
        int128 before;
        uint256 mark;
        uint256 cost;
    }

    mapping(bytes32 instrument => Ticket) internal _tickets;
    /// @dev Every instrument that a ticket was ever for.
    bytes32[] internal _instruments;

    // ------------------------------------------------------------------- vault

    /// @inheritdoc IDelayedSeat
    function commit(
        bytes32 instrument,
        int256 size,
        uint256 limitQuote,
        uint256 marginIn,
        uint256 maxLoss,
        bool measure
    ) external payable onlyVault returns (uint256 atRisk, int256 position_, uint256 leverage) {
        require(_tickets[instrument].size == 0, TicketOpen(instrument));
        _remember(instrument);
        if (marginIn > 0) atRisk = _post(instrument, marginIn, maxLoss);
        int256 before = _size(instrument);
        position_ = before + size;
        bool grows = size > 0 ? position_ > 0 : position_ < 0;
        if (measure && grows) leverage = _leverageAt(instrument, position_);
        atRisk += _deposit();
        uint256 mark = _request(instrument, size, limitQuote, atRisk);
        _tickets[instrument] = Ticket(size.toInt128(), before.toInt128(), mark, atRisk);
    }

    /// @inheritdoc IDelayedSeat
    function settle(bytes32 instrument, bytes calldata proof) external onlyVault returns (Settlement memory s) {
        Ticket memory t = _tickets[instrument];
        require(t.size != 0, NoTicket(instrument));
        s.asked = t.size;
        (s.open, s.filled, s.quote) = _resolve(instrument, t, proof);
        if (s.open) return s;
        delete _tickets[instrument];
        s.flat = _flat();
    }

    /// @inheritdoc IDelayedSeat
    function expire(bytes32 instrument) external onlyVault {
        require(_tickets[instrument].size != 0, NoTicket(instrument));
        _expire(instrument);
    }

    // -------------------------------------------------------------------- reads

    /// @inheritdoc IDelayedSeat
    function closable(bytes32 instrument) external view returns (bool) {
        return _tickets[instrument].size == 0 && _closable(instrument);
    }

    /// @inheritdoc IDelayedSeat
    function pending(bytes32 instrument) external view returns (int256) {
        return _tickets[instrument].size;
    }

    /// @inheritdoc ISeat
    function delayed() external pure returns (bool) {
        return true;
    }

    // ----------------------------------------------------------------- internal

    /// @inheritdoc Seat
    function _flat() internal view override returns (bool) {
        for (uint256 i; i < _instruments.length; ++i) {
            bytes32 instrument = _instruments[i];
            if (_tickets[instrument].size != 0) return false;
            // A market that answers no more must not keep the others from settling.
            try this.held(instrument) returns (int256 size) {
                if (size != 0) return false;
            } catch {
                return false;
            }
        }
        return true;
    }

    /// @dev A handful at most: a venue lists no more markets than the registry names.
    function _remember(bytes32 instrument) internal {
        for (uint256 i; i < _instruments.length; ++i) {
            if (_instruments[i] == instrument) return;
        }
        _instruments.push(instrument);
    }

    // --------------------------------------------------- what each venue fills in

    /// @dev What the venue keeps of a ticket until it is executed, and perhaps for good; 1e18 USD.
    function _deposit() internal view virtual returns (uint256);

    /// @dev Asks the venue. `cost` has to come out of `limitQuote` too.
    /// @return mark What `_resolve` will want to compare.
    function _request(bytes32 instrument, int256 size, uint256 limitQuote, uint256 cost)
        internal
        virtual
        returns (uint256 mark);

    /// @dev Leverage of the pocket if the position were `size`, by the venue's price of now; before the request.
    function _leverageAt(bytes32 instrument, int256 size) internal view virtual returns (uint256);

    /// @dev Whether the venue would take an order for the whole position now.
    function _closable(bytes32 instrument) internal view virtual returns (bool);

    /// @dev Compares the venue's state with what it was; the largest number is a price that it does not say.
    function _resolve(bytes32 instrument, Ticket memory t, bytes calldata proof)
        internal
        virtual
        returns (bool open, int256 filled, uint256 quote);

    /// @dev Takes the ticket back from the venue, which refuses while its time has not passed.
    function _expire(bytes32 instrument) internal virtual;
}
