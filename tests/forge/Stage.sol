// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IDelayedSeat, ISeat} from "../../interfaces/ISeat.sol";
import {IDesk} from "../../interfaces/IDesk.sol";
import {ILens} from "../../interfaces/ILens.sol";
import {IOrders} from "../../interfaces/IOrders.sol";
import {IPolicies} from "../../interfaces/IPolicies.sol";
import {IQuotes} from "../../interfaces/IQuotes.sol";
import {IVault} from "../../interfaces/IVault.sol";
import {IVenues} from "../../interfaces/IVenues.sol";
// For `vm.getCode`, which finds what is built: a run of one test file alone builds only what that imports.
import {ScriptedSeat} from "./StandIns.sol";
import {Vm} from "./Vm.sol";

interface IToken {
    function mint(address to, uint256 amount) external;
    function approve(address spender, uint256 amount) external returns (bool);
    function transfer(address to, uint256 amount) external returns (bool);
    function balanceOf(address who) external view returns (uint256);
    function allowance(address owner, address spender) external view returns (uint256);
    function nonces(address owner) external view returns (uint256);
    function DOMAIN_SEPARATOR() external view returns (bytes32);
}

interface IAccess {
    function setTargetFunctionRole(address target, bytes4[] calldata selectors, uint64 role) external;
    function grantRole(uint64 role, address account, uint32 delay) external;
}

interface IFeedToTell {
    function say(int256 answer, uint256 startedAt, uint256 updatedAt) external;
}

interface IVenueToTell {
    function be(uint8 mood) external;
    function mood() external view returns (uint8);
    function setPrice(bytes32 instrument, uint256 price) external;
    function setAble(bool able) external;
    function plan(address target, bytes calldata data) external;
    function entered() external view returns (bool);
    function execute(bytes32 instrument, int256 filled) external;
    function liquidate(bytes32 instrument) external;
    function bury(bool buried) external;
    function posted() external view returns (uint256);
    function price(bytes32 instrument) external view returns (uint256);
    function bound(bytes32 instrument) external view returns (uint256);
}

/// @title Stage
/// @notice The system on an empty chain: two stand-in venues that fill at once (0 and 1), one that fills later (2), two
/// markets, and a client with an account that is ready to trade. Contracts are made from their compiled code, so that
/// a test knows of them what their interfaces say, and another build of them can stand in their place.
abstract contract Stage {
    Vm internal constant vm = Vm(address(uint160(uint256(keccak256("hevm cheat code")))));

    uint256 internal constant CLIENT_KEY = 0xc11e47;
    uint256 internal constant MAX = type(uint256).max;
    uint256 internal constant USDC = 1e6;
    /// @dev More than anybody has.
    uint256 internal constant CAP = 1e9 * USDC;
    int256 internal constant ONE = 1e18;
    bytes32 internal constant ETH = keccak256("ETH-USD");
    bytes32 internal constant BTC = keccak256("BTC-USD");
    /// @dev The instruments of both, at every venue.
    bytes32 internal constant E = bytes32(uint256(1));
    bytes32 internal constant B = bytes32(uint256(2));
    uint8 internal constant LATER = 2;
    uint8 internal constant TRADE = 1;
    uint8 internal constant MOVE = 2;
    uint8 internal constant PAY = 4;

    address internal client = vm.addr(CLIENT_KEY);
    address internal keeper = address(0xBEEF01);
    address internal attacker = address(0xBAD);
    address internal guardian = address(0x60A2D);
    address internal collector = address(0xFEE);
    bytes32 internal account = bytes32(bytes20(client));

    IToken internal usdc;
    IAccess internal access;
    uint256 private _twins;
    IVenues internal venues;
    IVault internal vault;
    IQuotes internal quotes;
    IDesk internal desk;
    IPolicies internal policies;
    ILens internal lens;
    IFeedToTell internal ethFeed;
    IFeedToTell internal btcFeed;
    IFeedToTell internal sequencer;
    address internal bundles;
    IVenueToTell[3] internal venue;

    function setUp() public virtual {
        vm.warp(1_800_000_000);
        usdc = IToken(make("LocalUSDC", ""));
        sequencer = IFeedToTell(make("StandInFeed", ""));
        ringside(address(usdc), address(sequencer));
        ethFeed = IFeedToTell(make("StandInFeed", ""));
        btcFeed = IFeedToTell(make("StandInFeed", ""));
        sequencer.say(0, block.timestamp - 1 days, block.timestamp);
        btcFeed.say(50_000e8, block.timestamp, block.timestamp);
        venues.addMarket("ETH-USD", address(ethFeed), 1 days);
        venues.addMarket("BTC-USD", address(btcFeed), 1 days);
        bytes memory args = abi.encode(vault, usdc);
        string[3] memory names = ["ScriptedSeat", "ScriptedSeat", "ScriptedDelayedSeat"];
        for (uint8 i; i < 3; ++i) {
            venue[i] = IVenueToTell(make(names[i], args));
            venues.addVenue(string.concat("venue-", vm.toString(i)), address(venue[i]), CAP, CAP);
            venues.list(i, ETH, E);
            venues.list(i, BTC, B);
            venue[i].setPrice(E, 2_000e18);
            venue[i].setPrice(B, 50_000e18);
        }
        fund(client, account, 100_000 * USDC);
        grant(account, address(desk), TRADE | MOVE | PAY, uint64(1_000 * USDC));
    }

    /// @dev Ringside's own contracts, governed by this one.
    function ringside(address token, address sequencer_) internal {
        access = IAccess(make("Access", abi.encode(address(this))));
        venues = IVenues(make("Venues", abi.encode(access, sequencer_, 3_600)));
        vault = IVault(make("Vault", abi.encode(token, venues)));
        quotes = IQuotes(make("Quotes", abi.encode(vault, venues)));
        bundles = make("Bundles", abi.encode(vault, venues, quotes, token));
        desk = IDesk(make("Desk", abi.encode(bundles, token)));
        policies = IPolicies(make("Policies", abi.encode(vault, venues, desk)));
        lens = ILens(make("Lens", abi.encode(vault, venues, desk, token)));
    }

    function make(string memory name, bytes memory args) internal returns (address made) {
        string memory folder = vm.envOr("RINGSIDE_CODE", string(""));
        bytes memory code = bytes(folder).length == 0
            ? vm.getCode(name)
            : vm.parseBytes(vm.readFile(string.concat(folder, "/", name)));
        code = bytes.concat(code, args);
        assembly ("memory-safe") {
            made := create(0, add(code, 32), mload(code))
        }
        require(made != address(0), string.concat("cannot deploy ", name));
    }

    /// @dev The code of a venue's seat contract once more, elsewhere.
    function twin(uint256 venue_) internal returns (address made) {
        made = address(uint160(0x7E15 + ++_twins));
        vm.etch(made, address(venue[venue_]).code);
    }

    // ------------------------------------------------------------------- money

    function fund(address owner, bytes32 to, uint256 amount) internal {
        usdc.mint(owner, amount);
        vm.startPrank(owner);
        usdc.approve(address(vault), amount);
        vault.deposit(to, amount);
        vm.stopPrank();
    }

    function grant(bytes32 to, address operator, uint8 rights, uint64 cap) internal {
        vm.prank(address(bytes20(to)));
        vault.setOperator(
            to, IVault.Grant(operator, rights, type(uint40).max, cap, type(uint128).max)
        );
    }

    function seatOf(uint8 id) internal view returns (IVenueToTell seat) {
        (address at,) = vault.seatOf(account, id);
        return IVenueToTell(at);
    }

    function held(uint8 id) internal view returns (int256) {
        return ISeat(address(seatOf(id))).held(E);
    }

    // ------------------------------------------------------------------ orders

    function noGrant() internal pure returns (IVault.Grant memory g) {}

    function noReceipt() internal pure returns (IOrders.Receipt memory r) {}

    /// @dev Of ETH, at any price, at all three venues, with margin to spare.
    function plain(int256 size) internal pure returns (IOrders.Terms memory t) {
        t.market = ETH;
        t.size = size;
        t.limitPrice = size > 0 ? 10_000e18 : 0;
        t.maxMargin = 10_000 * USDC;
        t.venues = 7;
    }

    function orderOf(IOrders.Terms memory terms, uint256 nonce)
        internal
        view
        returns (IOrders.Order memory o)
    {
        return IOrders.Order(account, terms, MAX, nonce, 0);
    }

    function signed(bytes32 digest) internal pure returns (bytes memory) {
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(CLIENT_KEY, digest);
        return abi.encodePacked(r, s, v);
    }

    function leg(uint8 id, int256 size, int256 margin) internal pure returns (IOrders.Leg[] memory legs) {
        legs = new IOrders.Leg[](1);
        legs[0] = IOrders.Leg(id, size, margin);
    }

    function legs2(uint8 a, int256 sizeA, int256 marginA, uint8 b, int256 sizeB, int256 marginB)
        internal
        pure
        returns (IOrders.Leg[] memory legs)
    {
        legs = new IOrders.Leg[](2);
        legs[0] = IOrders.Leg(a, sizeA, marginA);
        legs[1] = IOrders.Leg(b, sizeB, marginB);
    }

    function fill(IOrders.Order memory o, IOrders.Leg[] memory legs) internal returns (uint256) {
        bytes memory signature = signed(desk.digest(o));
        vm.prank(keeper);
        return desk.fill(o, signature, legs, noReceipt());
    }

    function fillFails(IOrders.Order memory o, IOrders.Leg[] memory legs, bytes memory why) internal {
        bytes memory signature = signed(desk.digest(o));
        vm.prank(keeper);
        vm.expectRevert(why);
        desk.fill(o, signature, legs, noReceipt());
    }

    function commit(IOrders.Order memory o, int256 size, int256 margin) internal returns (uint256) {
        bytes memory signature = signed(desk.digest(o));
        vm.prank(keeper);
        return desk.commit(o, signature, IOrders.Leg(LATER, size, margin), noReceipt());
    }

    function commitFails(IOrders.Order memory o, int256 size, int256 margin, bytes memory why) internal {
        bytes memory signature = signed(desk.digest(o));
        vm.prank(keeper);
        vm.expectRevert(why);
        desk.commit(o, signature, IOrders.Leg(LATER, size, margin), noReceipt());
    }

    function withTickets(IOrders.Terms memory t, uint256 most, uint256 maxCost)
        internal
        pure
        returns (IOrders.Terms memory)
    {
        t.tickets = new IOrders.Tickets[](1);
        t.tickets[0] = IOrders.Tickets(most, maxCost, 0);
        return t;
    }

    function withConditions(IOrders.Terms memory t) internal pure returns (IOrders.Terms memory) {
        t.conditions = new IOrders.Conditions[](1);
        return t;
    }

    /// @dev The client opens by itself, without the desk.
    function own(uint8 id, int256 size, uint256 margin) internal {
        vm.prank(client);
        vault.trade(tradeOf(id, size, margin));
    }

    function tradeOf(uint8 id, int256 size, uint256 margin) internal view returns (IVault.Trade memory t) {
        t.account = account;
        t.venue = id;
        t.market = ETH;
        t.size = size;
        t.limitQuote = size > 0 ? MAX : 0;
        t.margin = margin;
    }

    // ------------------------------------------------------------------ checks

    function same(uint256 a, uint256 b, string memory what) internal pure {
        require(a == b, string.concat(what, ": ", vm.toString(a), ", not ", vm.toString(b)));
    }

    function same(int256 a, int256 b, string memory what) internal pure {
        require(a == b, what);
    }

    function idleOf(address who) internal view returns (uint256) {
        return vault.idle(bytes32(bytes20(who)));
    }

    function progress(IOrders.Order memory o) internal view returns (IOrders.Progress memory) {
        return desk.progress(desk.digest(o));
    }
}
