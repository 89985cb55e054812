// SPDX-License-Identifier: MIT
pragma solidity >=0.8.24;

/// @title IVenues
/// @notice The registry: which venues and markets exist, what is paused, the protocol's fee. Ids are given in order and
/// never reused; what was named once (a venue's code, a market's feed, a market's instrument at a venue) never
/// changes. A market's id is keccak256 of its name ("ETH-USD"), which is also how EIP-712 hashes the name in an order.
interface IVenues {
    error UnknownVenue(uint8 venue);
    error UnknownMarket(bytes32 market);
    /// @notice The market exists, but not at this venue.
    error NotListed(uint8 venue, bytes32 market);
    error AlreadyListed(uint8 venue, bytes32 market);
    error MarketExists(bytes32 market);
    /// @notice The instrument trades another market at this venue already.
    error InstrumentTaken(uint8 venue, bytes32 instrument);
    /// @notice That venue has this seat contract, or this name.
    error VenueExists(uint8 venue);
    /// @notice 64 venues is the most an account's record can name.
    error TooManyVenues();
    /// @notice A zero address, heartbeat or instrument, or an address without code.
    error BadInput();
    error FeeTooHigh(uint256 most);
    /// @notice There is nobody to pay a fee to.
    error NoCollector();
    /// @notice A cap is beyond what a record holds.
    error CapTooHigh(uint256 most);
    /// @notice `raiseCaps` lowers nothing and raises something; the caps as they are.
    error NotRaised(uint256 cap, uint256 accountCap);
    /// @notice `lowerCaps` raises nothing and lowers something; the caps as they are.
    error NotLowered(uint256 cap, uint256 accountCap);

    event VenueAdded(uint8 indexed venue, string name, address implementation, bool delayed);
    event MarketAdded(bytes32 indexed market, string name, address feed, uint32 heartbeat);
    event Listed(uint8 indexed venue, bytes32 indexed market, bytes32 instrument);
    event Paused(uint8 indexed venue);
    event Unpaused(uint8 indexed venue);
    event CapsSet(uint8 indexed venue, uint256 cap, uint256 accountCap);
    event FeeSet(bytes32 indexed market, uint56 rate);
    event CollectorSet(address collector);

    /// @notice A market's fixed oracle, Chainlink-shaped, and the protocol's fee.
    /// @param heartbeat Seconds after which its last answer is stale.
    /// @param decimals Of its answers.
    /// @param fee What the protocol takes of a fill's notional at the oracle's price, 1e18 = all. The one thing here that
    /// changes.
    struct Feed {
        address source;
        uint32 heartbeat;
        uint8 decimals;
        uint56 fee;
    }

    /// @notice How a market is traded at a venue.
    /// @param implementation The contract that the venue's seats are clones of.
    /// @param delayed Whether it fills later.
    /// @param paused Whether operators may only reduce there.
    /// @param cap The most that operators may have posted there for all accounts together, less what came back.
    /// @param accountCap The same, for one account.
    /// @param instrument The venue's own name for the market.
    struct Route {
        address implementation;
        bool delayed;
        bool paused;
        uint256 cap;
        uint256 accountCap;
        bytes32 instrument;
    }

    // ---------------------------------------------------------------- governor

    /// @notice Adds a venue by the seat contract that all its seats will be clones of. Caps are in the settlement token's
    /// decimals, here and everywhere, and kept in whole USDC, rounded down.
    function addVenue(string calldata name, address implementation, uint256 cap, uint256 accountCap)
        external
        returns (uint8 venue);

    /// @notice Raises one cap of a venue or both.
    function raiseCaps(uint8 venue, uint256 cap, uint256 accountCap) external;

    function addMarket(string calldata name, address feed, uint32 heartbeat) external returns (bytes32 market);

    /// @notice Says under which instrument a venue trades a market.
    function list(uint8 venue, bytes32 market, bytes32 instrument) external;

    /// @notice Sets the protocol's fee in a market, up to `MAX_FEE`.
    function setFee(bytes32 market, uint56 rate) external;

    /// @notice Sets whose account all fees are paid to.
    function setCollector(address collector) external;

    /// @notice Lets operators take new risk at the venue again.
    function unpause(uint8 venue) external;

    // ---------------------------------------------------------------- guardian

    /// @notice From now on operators, the Desk among them, may only reduce, settle and pull at the venue. Owners are
    /// never bound.
    function pause(uint8 venue) external;

    /// @notice The same, at every venue there is.
    function pauseAll() external;

    /// @notice Lowers one cap of a venue or both, below what is posted there if need be: then nothing more is.
    function lowerCaps(uint8 venue, uint256 cap, uint256 accountCap) external;

    // ------------------------------------------------------------------- reads

    /// @return seat The contract that the venue's seats are clones of.
    function implementation(uint8 venue) external view returns (address seat);

    function route(uint8 venue, bytes32 market) external view returns (Route memory);

    /// @return Whether operators may only reduce at the venue.
    function isPaused(uint8 venue) external view returns (bool);

    /// @return cap As in `Route`.
    /// @return accountCap As in `Route`.
    function caps(uint8 venue) external view returns (uint256 cap, uint256 accountCap);

    function feed(bytes32 market) external view returns (Feed memory);

    /// @return Whose account all fees are paid to; zero while none may be set.
    function collector() external view returns (address);

    /// @return source The chain's sequencer uptime feed; zero where the chain has none.
    /// @return grace Seconds after an outage in which no trigger fires.
    function sequencer() external view returns (address source, uint256 grace);

    /// @notice Of `venues` (a set of bits), those where the market trades at once and nothing is paused.
    function yardsticks(bytes32 market, uint256 venues)
        external
        view
        returns (uint8[] memory ids, Route[] memory routes);

    function venueCount() external view returns (uint256);

    function venueNames() external view returns (string[] memory);

    function marketNames() external view returns (string[] memory);

    /// @return listed Whether the market trades at the venue; never reverts.
    function isListed(uint8 venue, bytes32 market) external view returns (bool listed);
}
