// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";

import {IFeed} from "../interfaces/IFeed.sol";
import {ISeat} from "../interfaces/ISeat.sol";
import {IVenues} from "../interfaces/IVenues.sol";

/// @title Venues
/// @notice The registry of venues and markets. It can be added to, by the governor through an AccessManager;
/// no meaning in it can be changed or taken away, so a seat's code and a market's feed outlive everybody.
///
/// STOPPING
/// The guardian pauses a venue, or all there are: operators then only reduce, settle and pull there. No pause reaches
/// an owner. A venue added during a pause of all is not in it.
///
/// CAPS
/// How much margin operators may have posted at a venue, in all and for one account. The guardian lowers them at once,
/// the governor raises them. What counts is at the vault.
contract Venues is IVenues, AccessManaged {
    /// @notice As many as fit the bits of an account's record at the vault.
    uint256 public constant MOST = 64;
    /// @notice 0.1 % of notional.
    uint256 public constant MAX_FEE = 1e15;
    /// @notice What caps are kept in: whole USDC.
    uint256 internal constant CAP_UNIT = 1e6;

    struct Venue {
        address implementation;
        bool delayed;
        bool paused;
        uint40 cap;
        uint40 accountCap;
    }

    address internal immutable SEQUENCER;
    uint256 internal immutable GRACE;

    mapping(uint8 venue => Venue) internal _venues;
    string[] internal _venueNames;
    string[] internal _marketNames;
    mapping(bytes32 market => Feed) internal _feeds;
    mapping(uint8 venue => mapping(bytes32 market => bytes32)) internal _instruments;
    mapping(uint8 venue => mapping(bytes32 instrument => bool)) internal _taken;
    /// @inheritdoc IVenues
    address public collector;

    /// @param sequencer_ The chain's sequencer uptime feed; zero where there is none.
    /// @param grace Seconds after an outage in which no trigger fires.
    constructor(address authority, address sequencer_, uint256 grace) AccessManaged(authority) {
        SEQUENCER = sequencer_;
        GRACE = grace;
    }

    // ---------------------------------------------------------------- governor

    /// @inheritdoc IVenues
    function addVenue(string calldata name, address seat, uint256 cap, uint256 accountCap)
        external
        restricted
        returns (uint8 venue)
    {
        require(seat.code.length > 0 && bytes(name).length > 0, BadInput());
        require(_venueNames.length < MOST, TooManyVenues());
        // Two venues of one seat would be one place with two counts; two of one name, one added twice.
        for (uint8 i; i < _venueNames.length; ++i) {
            bool same = keccak256(bytes(_venueNames[i])) == keccak256(bytes(name));
            require(!same && _venues[i].implementation != seat, VenueExists(i));
        }
        venue = uint8(_venueNames.length); // Safe because checked just above.
        bool delayed = ISeat(seat).delayed();
        _venues[venue] = Venue(seat, delayed, false, 0, 0);
        _venueNames.push(name);
        emit VenueAdded(venue, name, seat, delayed);
        _setCaps(venue, cap, accountCap);
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
        _feeds[market] = Feed(source, heartbeat, IFeed(source).decimals(), 0);
        _marketNames.push(name);
        emit MarketAdded(market, name, source, heartbeat);
    }

    /// @inheritdoc IVenues
    function list(uint8 venue, bytes32 market, bytes32 instrument) external restricted {
        _known(venue);
        require(_feeds[market].source != address(0), UnknownMarket(market));
        require(instrument != 0, BadInput());
        require(_instruments[venue][market] == 0, AlreadyListed(venue, market));
        // An order names a market, so nothing may later trade under another market's name.
        require(!_taken[venue][instrument], InstrumentTaken(venue, instrument));
        _taken[venue][instrument] = true;
        _instruments[venue][market] = instrument;
        emit Listed(venue, market, instrument);
    }

    /// @inheritdoc IVenues
    function setFee(bytes32 market, uint56 rate) external restricted {
        feed(market); // It has to be there.
        require(rate <= MAX_FEE, FeeTooHigh(MAX_FEE));
        require(rate == 0 || collector != address(0), NoCollector());
        _feeds[market].fee = rate;
        emit FeeSet(market, rate);
    }

    /// @inheritdoc IVenues
    function setCollector(address collector_) external restricted {
        require(collector_ != address(0), BadInput());
        collector = collector_;
        emit CollectorSet(collector_);
    }

    /// @inheritdoc IVenues
    function raiseCaps(uint8 venue, uint256 cap, uint256 accountCap) external restricted {
        (uint256 all, uint256 one) = caps(venue);
        (uint256 newAll, uint256 newOne) = _setCaps(venue, cap, accountCap);
        require(newAll >= all && newOne >= one && (newAll > all || newOne > one), NotRaised(all, one));
    }

    /// @inheritdoc IVenues
    function unpause(uint8 venue) external restricted {
        _known(venue);
        _venues[venue].paused = false;
        emit Unpaused(venue);
    }

    // ---------------------------------------------------------------- guardian

    /// @inheritdoc IVenues
    function pause(uint8 venue) external restricted {
        _known(venue);
        _pause(venue);
    }

    /// @inheritdoc IVenues
    function pauseAll() external restricted {
        for (uint8 i; i < _venueNames.length; ++i) {
            _pause(i);
        }
    }

    /// @inheritdoc IVenues
    function lowerCaps(uint8 venue, uint256 cap, uint256 accountCap) external restricted {
        (uint256 all, uint256 one) = caps(venue);
        (uint256 newAll, uint256 newOne) = _setCaps(venue, cap, accountCap);
        require(newAll <= all && newOne <= one && (newAll < all || newOne < one), NotLowered(all, one));
    }

    // -------------------------------------------------------------------- reads

    /// @inheritdoc IVenues
    function implementation(uint8 venue) external view returns (address) {
        return _known(venue).implementation;
    }

    /// @inheritdoc IVenues
    function route(uint8 venue, bytes32 market) public view returns (Route memory) {
        Venue memory v = _known(venue);
        bytes32 instrument = _instruments[venue][market];
        if (instrument == 0) {
            require(_feeds[market].source != address(0), UnknownMarket(market));
            revert NotListed(venue, market);
        }
        return Route(
            v.implementation, v.delayed, v.paused, v.cap * CAP_UNIT, v.accountCap * CAP_UNIT, instrument
        );
    }

    /// @inheritdoc IVenues
    function isPaused(uint8 venue) external view returns (bool) {
        return _known(venue).paused;
    }

    /// @inheritdoc IVenues
    function caps(uint8 venue) public view returns (uint256 cap, uint256 accountCap) {
        Venue memory v = _known(venue);
        return (v.cap * CAP_UNIT, v.accountCap * CAP_UNIT);
    }

    /// @inheritdoc IVenues
    function isListed(uint8 venue, bytes32 market) public view returns (bool) {
        return _instruments[venue][market] != 0;
    }

    /// @inheritdoc IVenues
    function feed(bytes32 market) public view returns (Feed memory found) {
        found = _feeds[market];
        require(found.source != address(0), UnknownMarket(market));
    }

    /// @inheritdoc IVenues
    function sequencer() external view returns (address source, uint256 grace) {
        return (SEQUENCER, GRACE);
    }

    /// @inheritdoc IVenues
    function yardsticks(bytes32 market, uint256 venues)
        external
        view
        returns (uint8[] memory ids, Route[] memory routes)
    {
        uint256 count = _venueNames.length;
        ids = new uint8[](count);
        routes = new Route[](count);
        uint256 found;
        for (uint8 i; i < count; ++i) {
            if (venues >> i & 1 == 0 || !isListed(i, market)) continue;
            Route memory r = route(i, market);
            if (r.delayed || r.paused) continue;
            (ids[found], routes[found]) = (i, r);
            ++found;
        }
        // Both arrays were made too long; their lengths are all that changes.
        assembly ("memory-safe") {
            mstore(ids, found)
            mstore(routes, found)
        }
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

    // ----------------------------------------------------------------- internal

    function _known(uint8 venue) internal view returns (Venue memory v) {
        v = _venues[venue];
        require(v.implementation != address(0), UnknownVenue(venue));
    }

    /// @return all The cap as it is kept.
    /// @return one The account's, likewise.
    function _setCaps(uint8 venue, uint256 cap, uint256 accountCap) internal returns (uint256 all, uint256 one) {
        uint256 most = type(uint40).max * CAP_UNIT;
        require(cap <= most && accountCap <= most, CapTooHigh(most));
        (all, one) = (cap / CAP_UNIT, accountCap / CAP_UNIT);
        // Safe because just checked.
        (_venues[venue].cap, _venues[venue].accountCap) = (uint40(all), uint40(one));
        (all, one) = (all * CAP_UNIT, one * CAP_UNIT);
        emit CapsSet(venue, all, one);
    }

    function _pause(uint8 venue) internal {
        _venues[venue].paused = true;
        emit Paused(venue);
    }
}
