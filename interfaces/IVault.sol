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
    /// @notice The grant to the caller does not reach these venues (bits).
    error VenueNotGranted(bytes32 account, address caller, uint256 venues);
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
    /// @notice The guardian has paused the venue: an operator may only reduce there, settle, and pull margin.
    error VenuePaused(uint8 venue);
    /// @notice All accounts together have as much posted at the venue as its cap allows, but for `room`.
    error VenueCapReached(uint8 venue, uint256 room);
    /// @notice The account has as much posted at the venue as its cap for one account allows, but for `room`.
    error AccountCapReached(bytes32 account, uint8 venue, uint256 room);
    /// @notice The venue fills later: `commit`, not `trade` or `close`.
    error FillsLater(uint8 venue);
    /// @notice The venue fills at once: `trade` or `close`, not `commit`.
    error FillsAtOnce(uint8 venue);
    /// @notice A ticket is open in this market, and the venue has not resolved it yet.
    error TicketOpen(bytes32 account, uint8 venue, bytes32 market);
    error NoTicket(bytes32 account, uint8 venue, bytes32 market);
    /// @notice What is set aside for a ticket can be taken back from `until` on.
    error StillReserved(uint256 until);

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
    /// @param fee What left idle for the protocol's collector in the same step.
    event Traded(
        bytes32 indexed account,
        uint8 indexed venue,
        bytes32 indexed market,
        int256 size,
        uint256 quote,
        uint256 margin,
        uint256 tip,
        uint256 fee
    );
    /// @param number Of this account's tickets at this venue in this market, from 1.
    /// @param tip Set aside, for whoever committed; likewise the fee, for the collector.
    event TicketCommitted(
        bytes32 indexed account,
        uint8 indexed venue,
        bytes32 indexed market,
        uint256 number,
        int256 size,
        uint256 margin,
        uint256 tip,
        uint256 fee
    );
    /// @param filled Zero: cancelled, and what was set aside is idle again.
    /// @param quote Whole price; the largest number where the venue's state does not say.
    /// @param tip Paid out of what was set aside; likewise the fee.
    event TicketSettled(
        bytes32 indexed account,
        uint8 indexed venue,
        bytes32 indexed market,
        uint256 number,
        int256 filled,
        uint256 quote,
        uint256 tip,
        uint256 fee
    );
    event Reclaimed(bytes32 indexed account, uint8 indexed venue, bytes32 indexed market, uint256 amount);
    event PulledInKind(
        bytes32 indexed account, uint8 indexed venue, address indexed to, address token, uint256 amount
    );
    event Paid(bytes32 indexed account, address indexed payee, uint256 amount);

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

    /// @notice An account's money here, in one slot with what operators and owner paid away on `payDay`, and where
    /// the account may hold something.
    /// @param active Bit i is set when a trade or ticket leaves a position at venue i, and cleared when one leaves the
    /// seat with none; a liquidation by the venue clears nothing.
    struct Balance {
        uint96 idle;
        uint32 payDay;
        uint64 paid;
        uint64 active;
    }

    /// @notice What is set aside for an open ticket.
    /// @param number As in `TicketCommitted`; that of the last one where none is open.
    /// @param tip For `payee`, if it fills.
    /// @param fee For `collector`, if it fills.
    /// @param since When it was committed.
    struct Ticket {
        address payee;
        uint64 tip;
        uint24 number;
        bool open;
        address collector;
        uint56 fee;
        uint40 since;
    }

    /// @notice What became of a ticket.
    /// @param quote Whole price; the largest number where the venue's state does not say.
    struct Outcome {
        bool settled;
        int120 filled;
        uint128 quote;
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
    /// @param fee Moves from idle to `collector`'s own account.
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
        uint256 fee;
        address collector;
        bool measure;
    }

    /// @param quote Whole price paid or received, 1e18 USD.
    /// @param position The seat's signed position in the market afterwards, 1e18 base.
    /// @param leverage Of the pocket afterwards, if asked for and the trade did not only reduce; else zero.
    /// @param active Venues at which the account may hold a position, as in `Balance`.
    struct Fill {
        uint256 quote;
        int256 position;
        uint256 leverage;
        uint256 active;
    }

    /// @param number As in `TicketCommitted`.
    /// @param atRisk What the ticket may cost if it fails, 1e18 USD: the venue's deposit and the exchange.
    /// @param position The seat's signed position in the market once it is filled.
    /// @param leverage As in `Fill`, at the venue's price of now.
    /// @param active As in `Fill`.
    struct Commitment {
        uint256 number;
        uint256 atRisk;
        int256 position;
        uint256 leverage;
        uint256 active;
    }

    // ------------------------------------------------------------------ anyone

    /// @notice Pulls `amount` from the sender, by allowance, into `account`'s idle.
    function deposit(bytes32 account, uint256 amount) external;

    /// @notice Deposits by a Permit2 transfer that `from` signed, whoever brings it. Its witness is the account, the
    /// amount and the grant, so nothing of that can be changed; a grant needs `from` to be the account's owner.
    function depositWithPermit2(
        bytes32 account,
        uint256 amount,
        address from,
        Grant calldata grant,
        uint256 nonce,
        uint256 deadline,
        bytes calldata signature
    ) external;

    /// @notice Reads what became of a ticket. If the venue has filled it, what was set aside is paid out in proportion;
    /// if it has dropped it, that is idle again. Nothing happens while the venue has not resolved it.
    /// @param proof What the venue needs to be believed; nothing where its state can be read.
    /// @return outcome Not settled while the venue has not resolved it.
    function settle(bytes32 account, uint8 venue, bytes32 market, bytes calldata proof)
        external
        returns (Outcome memory outcome);

    /// @notice Has the venue cancel a ticket whose time has passed, through the seat, so that the venue's deposit
    /// comes back to the account, and settles it.
    function expire(bytes32 account, uint8 venue, bytes32 market) external returns (Outcome memory outcome);

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

    /// @notice Closes as much of a position as the venue lets, perhaps nothing.
    /// @param limitPrice Worst whole price per base of what is closed, 1e18: a least for a long, a most for a short.
    /// @return done By how much the position moved.
    /// @return quote Whole price of that, 1e18 USD.
    function close(bytes32 account, uint8 venue, bytes32 market, uint256 limitPrice)
        external
        returns (int256 done, uint256 quote);

    /// @notice Moves free margin out of a venue to `to`, in whatever the venue pays, exchanging nothing.
    function pullInKind(bytes32 account, uint8 venue, bytes32 market, uint256 amount, address to)
        external
        returns (address token, uint256 received);

    /// @notice Takes back what is set aside for a ticket that nobody could settle for `RESERVE_LIFE`, because its venue
    /// answers no more. The ticket itself stays open. Where it can be settled, that is done instead.
    function reclaim(bytes32 account, uint8 venue, bytes32 market) external;

    // ------------------------------------------------------- owner or operator

    /// @notice Trades at one seat, making it first if there is none. Needs TRADE, MOVE if margin moves, PAY if
    /// a tip or fee does.
    function trade(Trade calldata t) external returns (Fill memory);

    /// @notice The same at a venue that fills later: a ticket, for which tip and fee are set aside. Coin sent along goes
    /// to the venue.
    /// @param maxLoss The most of the margin that exchanging it may lose, 1e18 = all.
    function commit(Trade calldata t, uint256 maxLoss) external payable returns (Commitment memory);

    /// @notice Moves idle into the margin of the market's pocket. Needs MOVE.
    /// @param maxLoss The most of it that exchanging may lose, 1e18 = all.
    function post(bytes32 account, uint8 venue, bytes32 market, uint256 amount, uint256 maxLoss) external;

    /// @notice Moves free margin of the market's pocket back to idle and credits what arrives. Needs MOVE.
    /// @param amount The largest number asks for all that is free.
    /// @param least Reverts if less than this arrives.
    function pull(bytes32 account, uint8 venue, bytes32 market, uint256 amount, uint256 least)
        external
        returns (uint256 received);

    /// @notice Pays from idle to `payee`'s own account (label zero). Needs PAY.
    function pay(bytes32 account, address payee, uint256 amount) external;

    // -------------------------------------------------------------------- reads

    function idle(bytes32 account) external view returns (uint256);

    /// @return What is set aside for open tickets.
    function reserved(bytes32 account) external view returns (uint256);

    /// @return What was sent to the seats of all accounts at the venue, less what came back: the sum of `postedBy`.
    function posted(uint8 venue) external view returns (uint256);

    /// @return What was sent to the account's seat at the venue, less what came back, and never below zero.
    function postedBy(bytes32 account, uint8 venue) external view returns (uint256);

    /// @return What operators may still post there for the account, by the venue's caps.
    function postable(bytes32 account, uint8 venue) external view returns (uint256);

    /// @return Venues at which the account may hold a position, as in `Balance`.
    function active(bytes32 account) external view returns (uint256);

    function ticket(bytes32 account, uint8 venue, bytes32 market) external view returns (Ticket memory);

    function outcome(bytes32 account, uint8 venue, bytes32 market, uint256 number)
        external
        view
        returns (Outcome memory);

    /// @return What was paid from the account as tips and fees today (UTC), by whomever.
    function paidToday(bytes32 account) external view returns (uint256);

    function operators(bytes32 account, address operator) external view returns (Operator memory);

    /// @return seat Where the account's seat at the venue is or will be.
    /// @return made Whether it is there.
    function seatOf(bytes32 account, uint8 venue) external view returns (address seat, bool made);
}
