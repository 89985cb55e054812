// SPDX-License-Identifier: MIT
pragma solidity >=0.8.24;

/// @title IOrders
/// @notice What a client signs, what becomes of it, and how it is refused.
/// Sizes are 1e18 base, prices 1e18 USD per base, money in the settlement token's decimals, ratios 1e18 = 1.
interface IOrders {
    /// @notice The deadline has passed.
    error Expired(uint256 deadline);
    /// @notice The account's epoch is another one: the order was cancelled with all before it, or is too early.
    error WrongEpoch(uint256 epoch);
    /// @notice The size is zero, or neither fits 128 bits nor says "close all".
    error BadSize(int256 size);
    /// @notice The signature is not the account owner's over this very order or bundle.
    error BadSignature(address owner);
    /// @notice The order was filled to the end, or cancelled.
    error NonceSpent(uint256 nonce);
    /// @notice Another order with this nonce was filled first.
    error NonceTaken(uint256 nonce, bytes32 digest);
    /// @notice Somebody else is to fill this order until `until`.
    error NotFiller(address filler, uint256 until);
    error NotYet(uint256 notBefore);
    /// @notice The oracle's price has not reached the trigger.
    error NotTriggered(uint256 price, uint256 trigger);
    /// @notice The chain's sequencer is down, or was until a moment ago.
    error SequencerDown();
    /// @notice More than this interval's slice, with what may be caught up.
    error BeyondSlice(uint256 left, uint256 asked);
    /// @notice More than what the orders of this group may fill together.
    error BeyondGroup(uint256 left, uint256 asked);
    /// @notice More than one `Tickets` or `Conditions`.
    error BadTerms();
    error NoLegs();
    /// @notice A leg of zero size, of more than 128 bits, or against the order's direction.
    error BadLeg(int256 size);
    /// @notice The order does not allow this venue.
    error VenueNotAllowed(uint8 venue);
    /// @notice More than what is left of the order.
    error Overfilled(uint256 left, uint256 asked);
    /// @notice Less than the order's smallest fill, and not its end; or a part of one that is filled whole or not at all.
    error BelowMinFill(uint256 least, uint256 asked);
    /// @notice More margin than the filled part's share, counting what earlier fills took.
    error TooMuchMargin(uint256 share, uint256 asked);
    /// @notice A leg's whole price, or that of all legs with tip and fee, is worse than signed: `total` against `limit`,
    /// 1e36 USD.
    error WorsePrice(uint256 total, uint256 limit);
    /// @notice The same price is too far on the wrong side of the oracle's: `total` against `limit`, 1e36 USD.
    error TooFarFromOracle(uint256 total, uint256 limit);
    /// @notice One venue alone would have filled all of it better by more than the tolerance; 1e18 USD.
    error NotBest(uint256 quote, uint256 limit);
    /// @notice The oracle's answer is not positive, from the future, older than its heartbeat, or older than the order.
    error BadOracle(int256 answer, uint256 updatedAt);
    /// @notice A leg of an order that only reduces would not only reduce.
    error NotReducing(uint8 venue, int256 position);
    error LeverageTooHigh(uint8 venue, uint256 leverage);
    error LeverageTooLow(uint8 venue, uint256 leverage);
    /// @notice A leg opens while these allowed venues (bits) hold the opposite position, which could be closed.
    error CloseFirst(uint256 venues);
    /// @notice An order to close all would leave something at these venues (bits): of a position that it closes a part of; or
    /// elsewhere, where it is to close all at once: filled whole or not at all, a step of an atomic bundle, or without legs.
    /// Without a venue: in a ticket of its own.
    error NotAllClosed(uint256 venues);
    /// @notice An order to close all has nothing to close at these venues (bits), or has closed it before.
    error NothingToClose(uint256 venues);
    /// @notice Margin is only freed from a seat that holds no position; these (bits) do.
    error NotFlat(uint256 venues);
    /// @notice The order signs nothing about tickets, so none may be made for it.
    error NoTickets();
    /// @notice As many tickets as the order allows are open or have failed.
    error TooManyTickets(uint256 most);
    /// @notice The tickets that failed, and those open if they fail, would cost more than signed.
    error TicketsTooDear(uint256 most, uint256 cost);
    /// @notice The Desk made no such ticket, or has booked its end already.
    error NoTicket(bytes32 account, uint8 venue, bytes32 market, uint256 number);
    /// @notice The venue has not resolved the ticket yet.
    error TicketOpen(bytes32 account, uint8 venue, bytes32 market, uint256 number);
    /// @notice The bundle is of another mode, or this is not one of its steps, or legs are missing for some.
    error BadBundle();
    /// @notice The step before is not far enough.
    error StepNotOpen(uint256 step);
    /// @notice Only the account's owner may do this.
    error NotOwner(bytes32 account, address caller);
    /// @notice The epoch only rises.
    error EpochNotRaised(uint256 epoch);

    /// @param key The order's digest; of a bundle's step, keccak256 of the bundle's digest and the step's index.
    /// @param quote Whole price of all legs, venue fees in it, tip and fee not; 1e18 USD. (The fee is in the vault's
    /// `Traded`.)
    event Filled(
        bytes32 indexed key,
        bytes32 indexed account,
        address indexed filler,
        int256 size,
        uint256 quote,
        uint256 tip,
        Receipt receipt
    );
    /// @param number As `IVault.TicketCommitted`.
    /// @param limitQuote Whole price that the ticket can be filled at in the worst case, 1e18 USD.
    event Committed(
        bytes32 indexed key,
        bytes32 indexed account,
        address indexed filler,
        uint8 venue,
        uint256 number,
        int256 size,
        uint256 limitQuote,
        Receipt receipt
    );
    /// @param filled Zero: the venue cancelled it, and the order may be filled anew.
    /// @param quote Whole price; the largest number where the venue's state does not say.
    event Settled(
        bytes32 indexed key,
        bytes32 indexed account,
        uint8 venue,
        uint256 number,
        int256 filled,
        uint256 quote
    );
    /// @notice These venues (bits) did not answer, and the order allows to go on without them.
    event QuotesSkipped(bytes32 indexed key, uint256 venues);
    event Cancelled(bytes32 indexed account, uint256 nonce);
    event EpochRaised(bytes32 indexed account, uint256 epoch);

    /// @notice What an owner signs.
    /// @param deadline Last second at which it may be filled.
    /// @param nonce The owner's choice; bound to the first order or bundle filled under it.
    /// @param epoch Must equal the account's.
    struct Order {
        bytes32 account;
        Terms terms;
        uint256 deadline;
        uint256 nonce;
        uint256 epoch;
    }

    /// @notice Several orders under one signature.
    /// @param mode 0, atomic: all steps whole in one transaction. 1, stepwise: each opens when the one before is complete.
    /// 2, in proportion: each may be as far as the one before, by part of its size.
    struct Bundle {
        bytes32 account;
        Terms[] steps;
        uint8 mode;
        uint256 deadline;
        uint256 nonce;
        uint256 epoch;
    }

    /// @notice What is to be traded. In the EIP-712 type `market` is the market's name, so that a wallet shows
    /// it; its hash is the market's id, which is what the contract is given.
    /// @param size Positive buys, negative sells. The largest number closes every short at the allowed venues, the smallest
    /// every long: each position whole, once, and none that was opened elsewhere after its first fill. Such an order takes
    /// no margin, has no least fill, and pays its tip by what it closes of what there is.
    /// @param limitPrice Worst whole price of every fill by itself, venue fees, tip and fee in it, and of each of its
    /// legs.
    /// @param maxMargin Most that may leave idle; a fill may use its share, rounded up, of what is filled.
    /// @param tip Paid from idle to whoever fills, in proportion, rounded down.
    /// @param venues Bit i allows venue i.
    /// @param tickets One, or none: then no venue that fills later is used.
    /// @param conditions One, or none.
    struct Terms {
        bytes32 market;
        int256 size;
        uint256 limitPrice;
        uint256 maxMargin;
        uint256 tip;
        uint256 venues;
        Bounds bounds;
        Tickets[] tickets;
        Conditions[] conditions;
    }

    /// @notice What an order need not say. Zero is "not asked for", everywhere.
    /// @param minFill A fill is at least this, or completes the order.
    /// @param minLeverage Of each pocket traded, after the fill; not read where the leg only reduces. A ticket's is that
    /// at the venue's price when it is committed.
    /// @param maxLeverage The same, from above.
    /// @param maxDeviation How much worse than the oracle's price the whole price may be.
    /// @param tolerance How much worse than the best single allowed venue, able to take all of the fill's size at
    /// once, the legs' price may be: best execution.
    /// @param skipUnquotable Whether a venue that does not answer is left out of that, instead of stopping the fill.
    /// @param reduceOnly Every leg lowers |position| and never turns its sign.
    /// @param allOrNone One fill, or one ticket, of the whole size. An order to close all closes all in it.
    /// @param openAgainst Whether a leg may open while another allowed venue holds the opposite position.
    struct Bounds {
        uint256 minFill;
        uint256 minLeverage;
        uint256 maxLeverage;
        uint256 maxDeviation;
        uint256 tolerance;
        bool skipUnquotable;
        bool reduceOnly;
        bool allOrNone;
        bool openAgainst;
    }

    /// @notice What legs at venues that fill later may do.
    /// @param most How many may fail, those open counted as failed.
    /// @param maxCost What the failed ones may cost in all: deposits and exchange of margin.
    /// @param maxLoss The most of the margin that exchanging it into the venue's own token may lose against par.
    struct Tickets {
        uint256 most;
        uint256 maxCost;
        uint256 maxLoss;
    }

    /// @notice When an order may be filled, and by whom. Zero is "not asked for".
    /// @param filler Who alone may fill, up to and including `fillerUntil`.
    /// @param triggerPrice Nothing is filled before the oracle's price is there; the first fill or ticket latches it.
    /// @param triggerAbove Whether "there" is at or above the trigger; else at or below.
    /// @param interval Seconds; from `notBefore` on, one slice an interval.
    /// @param slice Size of a slice.
    /// @param catchUp How many missed slices may be made up for in one interval; the others lapse.
    /// @param group The owner's number for orders of which one cancels the other.
    /// @param groupSize What all orders of the group may fill together.
    struct Conditions {
        uint256 notBefore;
        address filler;
        uint256 fillerUntil;
        uint256 triggerPrice;
        bool triggerAbove;
        uint256 interval;
        uint256 slice;
        uint256 catchUp;
        uint256 group;
        uint256 groupSize;
    }

    /// @notice A part of an order for one venue.
    /// @param size In the order's direction.
    /// @param margin Positive moves from idle to the seat first. Negative moves free margin from the seat back to idle
    /// afterwards, where the seat then holds no position at all; not for a ticket.
    struct Leg {
        uint8 venue;
        int256 size;
        int256 margin;
    }

    /// @notice The keeper's record of its decision, whose form `version` names.
    struct Receipt {
        uint256 version;
        bytes32 hash;
    }

    /// @notice What an order that is not finished has used.
    /// @param used Filled and pending.
    /// @param margin Moved from idle so far.
    /// @param tip Paid or set aside so far.
    /// @param pending In open tickets.
    /// @param cost Of failed tickets, and of those open if they fail.
    /// @param failures Tickets that failed.
    /// @param open Tickets open.
    /// @param done An order to close all has closed all.
    struct Progress {
        uint128 used;
        uint64 margin;
        uint64 tip;
        uint128 pending;
        uint64 cost;
        uint24 failures;
        uint24 open;
        bool done;
    }

    /// @notice An order to close all, once it was filled for the first time.
    /// @param left Venues (bits) where it still has something to close.
    struct Closing {
        bool begun;
        uint64 left;
    }

    // ------------------------------------------------------------------- owner

    /// @notice Ends whatever order or bundle is or would be under this nonce. A ticket that is pending may still fill.
    function cancel(bytes32 account, uint256 nonce) external;

    /// @notice Ends every order signed for an earlier epoch.
    function raiseEpoch(bytes32 account, uint256 epoch) external;

    // ------------------------------------------------------------------- reads

    /// @param key As in `Filled`.
    function progress(bytes32 key) external view returns (Progress memory);

    /// @param key As in `Filled`.
    function closings(bytes32 key) external view returns (bool begun, uint64 left);

    /// @return Filled and pending, of all orders of the group.
    function groupUsed(bytes32 account, uint256 group) external view returns (uint256);

    /// @return Whether the nonce's order was cancelled or filled to the end. (One whose last part was a ticket is only
    /// marked so by its progress.)
    function isSpent(bytes32 account, uint256 nonce) external view returns (bool);

    function epochs(bytes32 account) external view returns (uint256);
}
