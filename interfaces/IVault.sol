// SPDX-License-Identifier: MIT
pragma solidity >=0.8.24;

/// @title IVault
/// @notice Custody of the settlement token and of every seat. An account is 32 bytes: its owner's address
/// (the first 20) and a label (the last 12), so an owner has as many isolated accounts as it likes.
/// Amounts are in the settlement token's own decimals (USDC: 1e6 = 1 USDC).
interface IVault {
    /// @notice Only the account's owner may do this.
    error NotOwner(bytes32 account, address caller);
    /// @notice The caller lacks this right over the account, or held it and it has expired.
    error NotAllowed(bytes32 account, address caller, uint8 right);
    /// @notice The grant to the caller does not reach this venue.
    error VenueNotGranted(bytes32 account, address caller, uint8 venue);
    /// @notice Only a contract may hold the right to pay (or an EOA that has delegated to one).
    error PayNeedsContract(address operator);
    /// @notice What is paid from the account today (UTC) would exceed the operator's cap.
    error PayCapExceeded(uint256 cap, uint256 wanted);
    /// @notice The account's first 20 bytes are zero: nobody could ever withdraw.
    error NoOwner();
    /// @notice An amount or a size of zero.
    error ZeroAmount();
    /// @notice The account has less idle than this needs.
    error NotEnoughIdle(uint256 idle, uint256 needed);
    /// @notice The token delivered less than was sent: it takes a fee, and is not accepted.
    error TokenTookFee(uint256 sent, uint256 received);
    /// @notice The permit was not the sender's, or was spent, and no allowance stands in its place.
    error PermitRefused(uint256 allowance, uint256 needed);
    /// @notice A venue paid out less than the caller insists on.
    error PaidShort(uint256 least, uint256 received);
    /// @notice The account has no seat at this venue.
    error NoSeat(bytes32 account, uint8 venue);

    event Deposited(bytes32 indexed account, address indexed from, uint256 amount);
    event Withdrawn(bytes32 indexed account, address indexed to, uint256 amount);
    event OperatorSet(
        bytes32 indexed account,
        address indexed operator,
        uint8 rights,
        uint40 expiry,
        uint64 payCap,
        uint128 venues
    );
    event SeatMade(bytes32 indexed account, uint8 indexed venue, address seat);
    event MarginPosted(bytes32 indexed account, uint8 indexed venue, uint256 amount);
    event MarginPulled(bytes32 indexed account, uint8 indexed venue, uint256 amount);
    /// @param quote The whole price paid (a buy) or received (a sell), venue fees in it; 1e18 USD.
    /// @param margin What left idle for the seat in the same step.
    /// @param tip What left idle for the payee's own account in the same step.
    event Traded(
        bytes32 indexed account,
        uint8 indexed venue,
        bytes32 indexed market,
        int256 size,
        uint256 quote,
        uint256 margin,
        uint256 tip
    );

    /// @notice What an operator may do for an account.
    /// @param rights Sum of `TRADE` (1), `MOVE` (2) and `PAY` (4).
    /// @param expiry Last second at which the rights hold.
    /// @param payCap It may pay only while all that is paid from the account in one day (UTC) stays within this.
    /// @param venues Bit i lets it act at venue i: a venue added later is not reached by an older grant.
    struct Operator {
        uint8 rights;
        uint40 expiry;
        uint64 payCap;
        uint128 venues;
    }

    /// @notice An account's money here, in one slot with what was paid from it as tips on `payDay`.
    struct Balance {
        uint128 idle;
        uint32 payDay;
        uint96 paid;
    }

    /// @notice What an owner grants an operator.
    struct Grant {
        address operator;
        uint8 rights;
        uint40 expiry;
        uint64 payCap;
        uint128 venues;
    }

    /// @notice An EIP-2612 permit of the sender's.
    struct Permit {
        uint256 deadline;
        uint8 v;
        bytes32 r;
        bytes32 s;
    }

    /// @notice One trade at one seat.
    /// @param size Signed, 1e18 base: positive buys.
    /// @param limitQuote Worst whole price of this trade: the most a buy pays, the least a sell receives;
    /// 1e18 USD, venue fees in it.
    /// @param margin Moves from idle to the seat first.
    /// @param tip Moves from idle to `payee`'s own account (label zero).
    /// @param measure Whether to read the pocket's leverage afterwards, which costs gas.
    struct Trade {
        bytes32 account;
        uint8 venue;
        bytes32 market;
        int256 size;
        uint256 limitQuote;
        uint256 margin;
        uint256 tip;
        address payee;
        bool measure;
    }

    // ------------------------------------------------------------------ anyone

    /// @notice Pulls `amount` from the sender, by allowance, into `account`'s idle.
    function deposit(bytes32 account, uint256 amount) external;

    // ------------------------------------------------------------------- owner

    /// @notice Deposits by EIP-2612 permit and, if `grant.operator` is not zero, grants it rights: an account
    /// ready to trade in one transaction. A permit that was already used is no obstacle where the allowance
    /// it gave still stands.
    function depositWithPermit(
        bytes32 account,
        uint256 amount,
        Permit calldata permit,
        Grant calldata grant
    ) external;

    /// @notice Sends `amount` of idle to `to`.
    function withdraw(bytes32 account, uint256 amount, address to) external;

    /// @notice Grants, changes or (rights 0) revokes an operator.
    function setOperator(bytes32 account, Grant calldata grant) external;

    /// @notice Sends whatever `token` rests in a seat (not margin at the venue) to the account's owner in kind;
    /// the zero address stands for the chain's own coin.
    function sweep(bytes32 account, uint8 venue, address token) external returns (uint256 amount);

    // ------------------------------------------------------- owner or operator

    /// @notice Trades at one seat, making it first if there is none. Needs TRADE, MOVE if margin moves, PAY if
    /// a tip does.
    /// @return quote Whole price paid or received, 1e18 USD.
    /// @return position The seat's signed position in the market afterwards, 1e18 base.
    /// @return leverage Of the pocket afterwards, if asked for and the trade did not only reduce; else zero.
    function trade(Trade calldata t) external returns (uint256 quote, int256 position, uint256 leverage);

    /// @notice Moves idle into the seat's margin. Needs MOVE.
    function post(bytes32 account, uint8 venue, uint256 amount) external;

    /// @notice Moves free margin back to idle and credits what arrives. Needs MOVE.
    /// @param amount The largest number asks for all that is free.
    /// @param least Reverts if less than this arrives.
    function pull(bytes32 account, uint8 venue, uint256 amount, uint256 least)
        external
        returns (uint256 received);

    // -------------------------------------------------------------------- reads

    function idle(bytes32 account) external view returns (uint256);

    /// @return What was paid from the account as tips today (UTC), by whomever.
    function paidToday(bytes32 account) external view returns (uint256);

    function operators(bytes32 account, address operator) external view returns (Operator memory);

    /// @return seat Where the account's seat at the venue is or will be.
    /// @return made Whether it is there.
    function seatOf(bytes32 account, uint8 venue) external view returns (address seat, bool made);
}
