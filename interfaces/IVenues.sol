// SPDX-License-Identifier: MIT
pragma solidity >=0.8.24;

/// @title IVenues
/// @notice The registry: which venues and markets exist. Ids are given in order and never reused; what was
/// named once (a venue's code, a market's feed, a market's instrument at a venue) never changes. A market's id
/// is keccak256 of its name ("ETH-USD"), which is also how EIP-712 hashes the name in an order.
interface IVenues {
    error UnknownVenue(uint8 venue);
    error UnknownMarket(bytes32 market);
    /// @notice The market exists, but not at this venue.
    error NotListed(uint8 venue, bytes32 market);
    error AlreadyListed(uint8 venue, bytes32 market);
    error MarketExists(bytes32 market);
    /// @notice The instrument trades another market at this venue already.
    error InstrumentTaken(uint8 venue, bytes32 instrument);
    /// @notice 128 venues is the most a grant can name.
    error TooManyVenues();
    /// @notice A zero address, heartbeat or instrument, or an address without code.
    error BadInput();

    event VenueAdded(uint8 indexed venue, string name, address implementation);
    event MarketAdded(bytes32 indexed market, string name, address feed, uint32 heartbeat);
    event Listed(uint8 indexed venue, bytes32 indexed market, bytes32 instrument);

    /// @notice A market's fixed oracle, Chainlink-shaped.
    /// @param heartbeat Seconds after which its last answer is stale.
    /// @param decimals Of its answers.
    struct Feed {
        address source;
        uint32 heartbeat;
        uint8 decimals;
    }

    // ---------------------------------------------------------------- governor

    /// @notice Adds a venue by the seat contract that all its seats will be clones of.
    function addVenue(string calldata name, address implementation) external returns (uint8 venue);

    function addMarket(string calldata name, address feed, uint32 heartbeat) external returns (bytes32 market);

    /// @notice Says under which instrument a venue trades a market.
    function list(uint8 venue, bytes32 market, bytes32 instrument) external;

    // ------------------------------------------------------------------- reads

    /// @return seat The contract that the venue's seats are clones of.
    function implementation(uint8 venue) external view returns (address seat);

    /// @return seat As `implementation`.
    /// @return instrument The venue's own name for the market.
    function route(uint8 venue, bytes32 market) external view returns (address seat, bytes32 instrument);

    function feed(bytes32 market) external view returns (Feed memory);

    function venueCount() external view returns (uint256);

    function venueNames() external view returns (string[] memory);

    function marketNames() external view returns (string[] memory);

    /// @return listed Whether the market trades at the venue; never reverts.
    function isListed(uint8 venue, bytes32 market) external view returns (bool listed);
}
