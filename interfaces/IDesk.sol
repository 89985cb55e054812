// SPDX-License-Identifier: MIT
pragma solidity >=0.8.24;

/// @title IDesk
/// @notice What a signed order means. Anyone may fill one; nobody can fill it worse than it says.
/// Sizes are 1e18 base, prices 1e18 USD per base, money in the settlement token's decimals, ratios 1e18 = 1.
interface IDesk {
    /// @notice The order's deadline has passed.
    error Expired(uint256 deadline);
    /// @notice The account's epoch is another one: the order was cancelled with all before it, or is too early.
    error WrongEpoch(uint256 epoch);
    /// @notice The order's size is zero or does not fit 128 bits.
    error BadSize(int256 size);
    /// @notice The signature is not the account owner's over this very order.
    error BadSignature(address owner);
    /// @notice The order was filled to the end, or cancelled.
    error NonceSpent(uint256 nonce);
    /// @notice Another order with this nonce was filled first.
    error NonceTaken(uint256 nonce, bytes32 digest);
    /// @notice Somebody else is to fill this order until `until`.
    error NotFiller(address filler, uint256 until);
    error NoLegs();
    /// @notice A leg of zero size or against the order's direction.
    error BadLeg(int256 size);
    /// @notice The order does not allow this venue.
    error VenueNotAllowed(uint8 venue);
    /// @notice More than what is left of the order.
    error Overfilled(uint256 left, uint256 asked);
    /// @notice Less than the order's smallest fill, and not its end.
    error BelowMinFill(uint256 least, uint256 asked);
    /// @notice More margin than the filled part's share, counting what earlier fills took.
    error TooMuchMargin(uint256 share, uint256 asked);
    /// @notice A leg's whole price, or that of all legs with the tip, is worse than signed: `total` against `limit`,
    /// 1e36 USD.
    error WorsePrice(uint256 total, uint256 limit);
    /// @notice The same price is too far on the wrong side of the oracle's: `total` against `limit`, 1e36 USD.
    error TooFarFromOracle(uint256 total, uint256 limit);
    /// @notice The oracle's answer is not positive, from the future, or older than its heartbeat.
    error BadOracle(int256 answer, uint256 updatedAt);
    /// @notice A reduce-only leg that would not only reduce.
    error NotReducing(uint8 venue, int256 position);
    error LeverageTooHigh(uint8 venue, uint256 leverage);
    error LeverageTooLow(uint8 venue, uint256 leverage);
    /// @notice Only the account's owner may do this.
    error NotOwner(bytes32 account, address caller);
    /// @notice The epoch only rises.
    error EpochNotRaised(uint256 epoch);

    /// @param quote Whole price of all legs, venue fees in it, tip not; 1e18 USD.
    event Filled(
        bytes32 indexed digest,
        bytes32 indexed account,
        address indexed filler,
        int256 size,
        uint256 quote,
        uint256 tip
    );
    event Cancelled(bytes32 indexed account, uint256 nonce);
    event EpochRaised(bytes32 indexed account, uint256 epoch);

    /// @notice What an owner signs. In the EIP-712 type `market` is the market's name, so that a wallet shows
    /// it; its hash is the market's id, which is what the contract is given.
    /// @param size Positive buys, negative sells.
    /// @param limitPrice Worst whole price of every fill by itself, venue fees and tip in it, and of each of its legs.
    /// @param maxMargin Most that may leave idle; a fill may use its share, rounded up, of what is filled.
    /// @param tip Paid from idle to whoever fills, in proportion, rounded down.
    /// @param venues Bit i allows venue i.
    /// @param deadline Last second at which it may be filled.
    /// @param nonce The owner's choice; bound to the first order filled under it.
    /// @param epoch Must equal the account's.
    struct Order {
        bytes32 account;
        bytes32 market;
        int256 size;
        uint256 limitPrice;
        uint256 maxMargin;
        uint256 tip;
        uint256 venues;
        uint256 deadline;
        uint256 nonce;
        uint256 epoch;
        Bounds bounds;
    }

    /// @notice What an order need not say. Zero is "not asked for", everywhere.
    /// @param minFill A fill is at least this, or completes the order.
    /// @param minLeverage Of each pocket traded, after the fill; not read where the leg only reduces.
    /// @param maxLeverage The same, from above.
    /// @param maxDeviation How much worse than the oracle's price the whole price may be.
    /// @param reduceOnly Every leg lowers |position| and never turns its sign.
    /// @param filler Who alone may fill, up to and including `fillerUntil`.
    struct Bounds {
        uint256 minFill;
        uint256 minLeverage;
        uint256 maxLeverage;
        uint256 maxDeviation;
        bool reduceOnly;
        address filler;
        uint256 fillerUntil;
    }

    /// @notice A part of an order for one venue.
    /// @param size In the order's direction.
    /// @param margin Moves from idle to the seat first.
    struct Leg {
        uint8 venue;
        int256 size;
        uint256 margin;
    }

    /// @notice What a partly filled order has used.
    struct Progress {
        bytes32 digest;
        uint128 filled;
        uint128 margin;
    }

    // ------------------------------------------------------------------ anyone

    /// @notice Fills an order, or a part of it: all legs as stated, or nothing.
    /// @return quote Whole price of all legs, 1e18 USD.
    function fill(Order calldata order, bytes calldata signature, Leg[] calldata legs)
        external
        returns (uint256 quote);

    // ------------------------------------------------------------------- owner

    /// @notice Ends whatever order is or would be under this nonce.
    function cancel(bytes32 account, uint256 nonce) external;

    /// @notice Ends every order signed for an earlier epoch.
    function raiseEpoch(bytes32 account, uint256 epoch) external;

    // ------------------------------------------------------------------- reads

    /// @return The EIP-712 digest that the owner signs.
    function digest(Order calldata order) external view returns (bytes32);

    function progress(bytes32 account, uint256 nonce) external view returns (Progress memory);

    function isSpent(bytes32 account, uint256 nonce) external view returns (bool);

    function epochs(bytes32 account) external view returns (uint256);
}
