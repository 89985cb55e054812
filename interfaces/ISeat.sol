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

    /// @notice Posts `marginIn` (settlement token, already here), then trades exactly `size`.
    /// @param limitQuote The most a buy pays or the least a sell receives, venue fees in it.
    /// @param measure Whether to read the leverage afterwards.
    /// @return quote Whole price paid or received.
    /// @return position The position afterwards.
    /// @return leverage If asked for and the trade did not only reduce; else zero.
    function trade(bytes32 instrument, int256 size, uint256 limitQuote, uint256 marginIn, bool measure)
        external
        returns (uint256 quote, int256 position, uint256 leverage);

    /// @notice Posts `amount` (settlement token, already here) as margin.
    function post(uint256 amount) external;

    /// @notice Asks the venue for `amount` of free margin (the largest number: all of it) and sends the vault whatever
    /// arrived.
    function pull(uint256 amount) external returns (uint256 received);

    /// @notice Sends all of `token` resting here to `to`; the zero address is the chain's coin.
    function sweep(address token, address to) external returns (uint256 amount);

    function margin(bytes32 instrument) external view returns (Margin memory);

    function position(bytes32 instrument) external view returns (Position memory);
}
