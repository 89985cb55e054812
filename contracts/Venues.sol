// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";

import {IFeed} from "../interfaces/IFeed.sol";
import {IVenues} from "../interfaces/IVenues.sol";

/// @title Venues
/// @notice The registry of venues and markets. It can be added to, by the governor through an AccessManager;
/// nothing in it can be changed or taken away, so a seat's code and a market's meaning outlive everybody.
contract Venues is IVenues, AccessManaged {
    address[] internal _implementations;
    string[] internal _venueNames;
    string[] internal _marketNames;
    mapping(bytes32 market => Feed) internal _feeds;
    mapping(uint8 venue => mapping(bytes32 market => bytes32)) internal _instruments;

    constructor(address authority) AccessManaged(authority) {}

    // ---------------------------------------------------------------- governor

    /// @inheritdoc IVenues
    function addVenue(string calldata name, address seat) external restricted returns (uint8 venue) {
        require(seat.code.length > 0 && bytes(name).length > 0, BadInput());
        require(_implementations.length <= type(uint8).max, TooManyVenues());
        venue = uint8(_implementations.length); // Safe because checked just above.
        _implementations.push(seat);
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
    function list(uint8 venue, bytes32 market, bytes32 instrument_) external restricted {
        require(venue < _implementations.length, UnknownVenue(venue));
        require(_feeds[market].source != address(0), UnknownMarket(market));
        require(instrument_ != 0, BadInput());
        require(_instruments[venue][market] == 0, AlreadyListed(venue, market));
        _instruments[venue][market] = instrument_;
        emit Listed(venue, market, instrument_);
    }

    // -------------------------------------------------------------------- reads

    /// @inheritdoc IVenues
    function implementation(uint8 venue) external view returns (address) {
        require(venue < _implementations.length, UnknownVenue(venue));
        return _implementations[venue];
    }

    /// @inheritdoc IVenues
    function instrument(uint8 venue, bytes32 market) external view returns (bytes32 found) {
        found = _instruments[venue][market];
        if (found == 0) {
            require(venue < _implementations.length, UnknownVenue(venue));
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
    function venueNames() external view returns (string[] memory) {
        return _venueNames;
    }

    /// @inheritdoc IVenues
    function marketNames() external view returns (string[] memory) {
        return _marketNames;
    }
}
