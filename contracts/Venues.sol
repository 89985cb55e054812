// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";

import {IFeed} from "../interfaces/IFeed.sol";
import {IVenues} from "../interfaces/IVenues.sol";

/// @title Venues
/// @notice The registry of venues and markets. It can be added to, by the governor through an AccessManager;
/// nothing in it can be changed or taken away, so a seat's code and a market's meaning outlive everybody.
contract Venues is IVenues, AccessManaged {
    uint256 public constant MOST = 128;

    mapping(uint8 venue => address) internal _implementations;
    string[] internal _venueNames;
    string[] internal _marketNames;
    mapping(bytes32 market => Feed) internal _feeds;
    mapping(uint8 venue => mapping(bytes32 market => bytes32)) internal _instruments;
    mapping(uint8 venue => mapping(bytes32 instrument => bool)) internal _taken;

    constructor(address authority) AccessManaged(authority) {}

    // ---------------------------------------------------------------- governor

    /// @inheritdoc IVenues
    function addVenue(string calldata name, address seat) external restricted returns (uint8 venue) {
        require(seat.code.length > 0 && bytes(name).length > 0, BadInput());
        require(_venueNames.length < MOST, TooManyVenues());
        venue = uint8(_venueNames.length); // Safe because checked just above.
        _implementations[venue] = seat;
        _venueNames.push(name);
        emit VenueAdded(venue, name, seat);
    }

    /// @inheritdoc IVenues
    function addMarket(string calldata name, address source, uint32 heartbeat)
        external
        restricted
        returns (bytes32 market)
    {
        market = keccak256(bytes(name));
        require(source.code.length > 0 && heartbeat > 0 && bytes(name).length > 0, BadInput());
        require(_feeds[market].source == address(0), MarketExists(market));
        _feeds[market] = Feed(source, heartbeat, IFeed(source).decimals());
        _marketNames.push(name);
        emit MarketAdded(market, name, source, heartbeat);
    }

    /// @inheritdoc IVenues
    function list(uint8 venue, bytes32 market, bytes32 instrument) external restricted {
        require(_implementations[venue] != address(0), UnknownVenue(venue));
        require(_feeds[market].source != address(0), UnknownMarket(market));
        require(instrument != 0, BadInput());
        require(_instruments[venue][market] == 0, AlreadyListed(venue, market));
        // An order names a market, so nothing may later trade under another market's name.
        require(!_taken[venue][instrument], InstrumentTaken(venue, instrument));
        _taken[venue][instrument] = true;
        _instruments[venue][market] = instrument;
        emit Listed(venue, market, instrument);
    }

    // -------------------------------------------------------------------- reads

    /// @inheritdoc IVenues
    function implementation(uint8 venue) public view returns (address seat) {
        seat = _implementations[venue];
        require(seat != address(0), UnknownVenue(venue));
    }

    /// @inheritdoc IVenues
    function route(uint8 venue, bytes32 market) external view returns (address seat, bytes32 instrument) {
        seat = implementation(venue);
        instrument = _instruments[venue][market];
        if (instrument == 0) {
            require(_feeds[market].source != address(0), UnknownMarket(market));
            revert NotListed(venue, market);
        }
    }

    /// @inheritdoc IVenues
    function isListed(uint8 venue, bytes32 market) external view returns (bool) {
        return _instruments[venue][market] != 0;
    }

    /// @inheritdoc IVenues
    function feed(bytes32 market) external view returns (Feed memory found) {
        found = _feeds[market];
        require(found.source != address(0), UnknownMarket(market));
    }

    /// @inheritdoc IVenues
    function venueCount() external view returns (uint256) {
        return _venueNames.length;
    }

    /// @inheritdoc IVenues
    function venueNames() external view returns (string[] memory) {
        return _venueNames;
    }

    /// @inheritdoc IVenues
    function marketNames() external view returns (string[] memory) {
        return _marketNames;
    }
}
