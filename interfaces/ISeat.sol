// SPDX-License-Identifier: MIT
pragma solidity >=0.8.24;

/// @title ISeat
/// @notice One account's place at one venue: the trader in the venue's eyes. What a seat owes is written once,
/// at the head of `Seat.sol`. An instrument is the venue's own name for a market, as 32 bytes.
/// Sizes are signed 1e18 base, money is 1e18 USD unless it says settlement token, prices are 1e18 USD per base.
interface ISeat {
    /// @notice Only the vault calls a seat.
    error NotVault(address caller);
    /// @notice The venue did something else than was asked: the position moved by `done`.
    error NotExact(int256 asked, int256 done);
    /// @notice The whole price is worse than the caller's limit.
    error BeyondLimit(uint256 quote, uint256 limit);
    /// @notice The venue gives a price of zero or none: nothing is valued with it.
    error BadVenuePrice();
    /// @notice The seat could not hand this over.
    error SweepFailed(address token);

    /// @notice The pocket that an instrument's margin counts in.
    /// @param equity What the venue would count if all were closed at its risk price; settled and accrued
    /// funding in it.
    /// @param backing Equity less unrealised profit: what leverage divides by and new risk may count on.
    /// @param free What could be withdrawn now, by the venue's own rule; never negative.
    /// @param maintenance Equity below this is liquidated.
    /// @param leverage Σ|notional at the risk price| ÷ backing, 1e18 = 1×; the largest number where
    /// backing is not positive.
    struct Margin {
        int256 equity;
        int256 backing;
        uint256 free;
        uint256 maintenance;
        uint256 leverage;
    }

    /// @param size Position.
    /// @param fundingOwed Accrued and not yet settled: positive is what the position will pay.
    /// @param markPrice The venue's risk price.
    /// @param indexPrice The venue's index price.
    /// @param fundingRate Per day, 1e18 = 100 %: positive is longs pay.
    struct Position {
        int256 size;
        int256 fundingOwed;
        uint256 markPrice;
        uint256 indexPrice;
        int256 fundingRate;
    }

    /// @notice Called once by the vault, right after the clone is made.
    function enter() external;

    /// @notice Posts `amount` (settlement token, already here) as margin of the instrument's pocket.
    /// @param maxLoss The most that may be lost where the venue takes another token, as a part of `amount`, 1e18 = all.
    /// @return cost What was lost, measured against par.
    function post(bytes32 instrument, uint256 amount, uint256 maxLoss) external returns (uint256 cost);

    /// @notice Asks the venue for `amount` (settlement token; the largest number: all) of the pocket's free margin and
    /// sends the vault whatever arrived, exchanged for the settlement token where the venue pays another.
    function pull(bytes32 instrument, uint256 amount) external returns (uint256 received);

    /// @notice The same, without exchanging: what the venue pays goes to `to`.
    /// @return token What the venue paid in.
    /// @return received How much, measured here, in its own units.
    /// @return par The same in the settlement token's units, one for one, rounded down.
    function pullInKind(bytes32 instrument, uint256 amount, address to)
        external
        returns (address token, uint256 received, uint256 par);

    /// @notice Sends all of `token` resting here to `to`; the zero address is the chain's coin.
    function sweep(address token, address to) external returns (uint256 amount);

    function margin(bytes32 instrument) external view returns (Margin memory);

    function position(bytes32 instrument) external view returns (Position memory);

    /// @return The position's size alone, by the cheapest correct read.
    function held(bytes32 instrument) external view returns (int256);

    /// @return Whether the venue fills later: then the seat is an `IDelayedSeat`, else an `IInstantSeat`.
    function delayed() external view returns (bool);

    /// @return Whether each instrument has a pocket of its own; else all share one.
    function isolated() external view returns (bool);
}

/// @title IInstantSeat
/// @notice A seat at a venue that fills in the same transaction.
interface IInstantSeat is ISeat {
    /// @notice Whoever asks for a quote does so from within the venue, between two of its steps: it has no price then,
    /// and that is the asker's doing, not the venue's.
    error Busy();

    /// @notice Posts `marginIn` (settlement token, already here), then trades exactly `size`.
    /// @param limitQuote The most a buy pays or the least a sell receives, venue fees in it.
    /// @param fresh Whether the caller knows that the seat holds no position at all; then it is not looked at before. A
    /// venue for which that is not so fills nothing here.
    /// @param measure Whether to read the leverage afterwards.
    /// @return quote Whole price paid or received.
    /// @return position_ The position afterwards.
    /// @return leverage If asked for and the trade did not only reduce; else zero.
    /// @return flat Whether the seat holds no position at all any more.
    function trade(
        bytes32 instrument,
        int256 size,
        uint256 limitQuote,
        uint256 marginIn,
        bool fresh,
        bool measure
    ) external returns (uint256 quote, int256 position_, uint256 leverage, bool flat);

    /// @notice Closes as much of the position as the venue lets, perhaps nothing.
    /// @param limitPrice Worst whole price per base of what is closed.
    /// @return done By how much the position moved.
    /// @return quote Whole price of that.
    /// @return flat As in `trade`.
    function close(bytes32 instrument, uint256 limitPrice)
        external
        returns (int256 done, uint256 quote, bool flat);

    /// @notice What the venue would fill `size` at now, for whoever asks: called at the implementation, it needs neither
    /// seat nor margin. Changes nothing that lasts.
    /// @return quote Whole price paid or received, fees in it.
    /// @return whole Whether the venue is open, has the depth, and its own price limits the room, for all of `size`.
    function quote(bytes32 instrument, int256 size) external returns (uint256 quote, bool whole);
}

/// @title IDelayedSeat
/// @notice A seat at a venue that fills later. A leg there is a ticket: committed, then filled or cancelled by the
/// venue, then settled here, which only reads what the venue did. One ticket at a time in each instrument; while it
/// is open nothing else happens in its pocket.
interface IDelayedSeat is ISeat {
    /// @notice A ticket is open in this pocket, and the venue has not resolved it yet.
    error TicketOpen(bytes32 instrument);
    error NoTicket(bytes32 instrument);
    /// @notice The limit leaves nothing after the venue's worst fee, its deposit and the conversion.
    error LimitTooTight(uint256 limitQuote);
    /// @notice The venue takes no coin with an order.
    error NoCoinWanted(uint256 sent);

    /// @notice What became of a ticket.
    /// @param open The venue has not resolved it: nothing else is said.
    /// @param filled How much of `asked`; zero is cancelled. Where the venue's state cannot tell a fill from a cancel,
    /// it counts as filled.
    /// @param quote Whole price of that, deposit and conversion in it; the largest number where the venue's state does
    /// not say.
    /// @param flat Whether the seat holds neither a position nor a ticket any more.
    struct Settlement {
        bool open;
        int256 asked;
        int256 filled;
        uint256 quote;
        bool flat;
    }

    /// @notice Posts `marginIn`, then asks the venue to trade exactly `size` when it can, never worse than the limit.
    /// Coin sent along is what the venue wants for its executor, exactly.
    /// @param limitQuote As in `IInstantSeat.trade`, with the venue's deposit and the conversion in it.
    /// @param maxLoss As in `post`.
    /// @param measure Whether to work out the leverage.
    /// @return atRisk What a ticket that fails may cost: deposit and conversion.
    /// @return position_ The position once it is filled.
    /// @return leverage If asked for and the ticket does not only reduce: of the pocket if it were filled at the
    /// venue's price of now, fees apart; else zero.
    function commit(
        bytes32 instrument,
        int256 size,
        uint256 limitQuote,
        uint256 marginIn,
        uint256 maxLoss,
        bool measure
    ) external payable returns (uint256 atRisk, int256 position_, uint256 leverage);

    /// @notice Reads what became of the ticket and, if it is resolved, forgets it.
    /// @param proof What the venue needs to be believed; nothing where its state can be read.
    function settle(bytes32 instrument, bytes calldata proof) external returns (Settlement memory);

    /// @notice Has the venue cancel a ticket whose time has passed, so that its deposit comes back here.
    function expire(bytes32 instrument) external;

    /// @return Whether the venue would take a ticket to close the position now, and none is in the way.
    function closable(bytes32 instrument) external view returns (bool);

    /// @return The size asked for, while the ticket has not been settled; else zero.
    function pending(bytes32 instrument) external view returns (int256);
}
