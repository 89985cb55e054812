// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IBoard} from "../../interfaces/IBoard.sol";
import {ILens} from "../../interfaces/ILens.sol";
import {IOrders} from "../../interfaces/IOrders.sol";
import {IQuotes} from "../../interfaces/IQuotes.sol";
import {IVault} from "../../interfaces/IVault.sol";
import {IVenues} from "../../interfaces/IVenues.sol";
import {Mood} from "./StandIns.sol";
import {Stage} from "./Stage.sol";

interface IPublic {
    function MOST() external view returns (uint256);
    function MAX_FEE() external view returns (uint256);
}

contract RegistryTest is Stage {
    event VenueAdded(uint8 indexed venue, string name, address implementation, bool delayed);
    event MarketAdded(bytes32 indexed market, string name, address feed, uint32 heartbeat);
    event Listed(uint8 indexed venue, bytes32 indexed market, bytes32 instrument);
    event Paused(uint8 indexed venue);
    event Unpaused(uint8 indexed venue);
    event FeeSet(bytes32 indexed market, uint56 rate);
    event CollectorSet(address collector);
    event CapsSet(uint8 indexed venue, uint256 cap, uint256 accountCap);
    event OrderPosted(
        bytes32 indexed account, address indexed poster, IOrders.Order order, string market, bytes signature
    );

    function test_only_the_governor_adds_and_only_the_guardian_pauses() public {
        bytes memory not =
            abi.encodeWithSelector(bytes4(keccak256("AccessManagedUnauthorized(address)")), attacker);
        vm.startPrank(attacker);
        vm.expectRevert(not);
        venues.addVenue("x", address(venue[0]), CAP, CAP);
        vm.expectRevert(not);
        venues.addMarket("x", address(ethFeed), 1);
        vm.expectRevert(not);
        venues.list(0, ETH, E);
        vm.expectRevert(not);
        venues.setFee(ETH, 1);
        vm.expectRevert(not);
        venues.setCollector(attacker);
        vm.expectRevert(not);
        venues.unpause(0);
        vm.expectRevert(not);
        venues.pause(0);
        vm.expectRevert(not);
        venues.pauseAll();
        vm.stopPrank();
        bytes4[] memory calls = new bytes4[](2);
        (calls[0], calls[1]) = (IVenues.pause.selector, IVenues.pauseAll.selector);
        access.setTargetFunctionRole(address(venues), calls, 1);
        access.grantRole(1, guardian, 0);
        vm.startPrank(guardian);
        vm.expectEmit(true, true, true, true, address(venues));
        emit Paused(1);
        venues.pause(1);
        require(venues.isPaused(1) && !venues.isPaused(0), "paused");
        venues.pauseAll();
        require(venues.isPaused(0) && venues.isPaused(1) && venues.isPaused(2), "all");
        vm.expectRevert();
        venues.unpause(1);
        vm.expectRevert(abi.encodeWithSelector(IVenues.UnknownVenue.selector, 3));
        venues.pause(3);
        vm.stopPrank();
        vm.expectEmit(true, true, true, true, address(venues));
        emit Unpaused(1);
        venues.unpause(1);
        require(!venues.isPaused(1) && venues.isPaused(0), "unpaused");
        vm.expectRevert(abi.encodeWithSelector(IVenues.UnknownVenue.selector, 3));
        venues.unpause(3);
    }

    function test_venues_and_markets_are_added_once_and_never_change() public {
        bytes memory bad = abi.encodeWithSelector(IVenues.BadInput.selector);
        vm.expectRevert(bad);
        venues.addVenue("x", attacker, CAP, CAP);
        vm.expectRevert(bad);
        venues.addVenue("", address(venue[0]), CAP, CAP);
        address other = twin(2);
        vm.expectEmit(true, true, true, true, address(venues));
        emit VenueAdded(3, "x", other, true);
        require(venues.addVenue("x", other, CAP, CAP) == 3, "id");
        require(venues.implementation(3) == other, "implementation");
        // Neither a seat nor a name a second time.
        vm.expectRevert(abi.encodeWithSelector(IVenues.VenueExists.selector, 2));
        venues.addVenue("y", address(venue[2]), CAP, CAP);
        vm.expectRevert(abi.encodeWithSelector(IVenues.VenueExists.selector, 3));
        venues.addVenue("x", twin(1), CAP, CAP);
        vm.expectRevert(bad);
        venues.addMarket("x", attacker, 1);
        vm.expectRevert(bad);
        venues.addMarket("x", address(ethFeed), 0);
        vm.expectRevert(bad);
        venues.addMarket("", address(ethFeed), 1);
        vm.expectRevert(abi.encodeWithSelector(IVenues.MarketExists.selector, ETH));
        venues.addMarket("ETH-USD", address(ethFeed), 1);
        bytes32 market = keccak256("X-USD");
        vm.expectEmit(true, true, true, true, address(venues));
        emit MarketAdded(market, "X-USD", address(ethFeed), 5);
        require(venues.addMarket("X-USD", address(ethFeed), 5) == market, "market");
        IVenues.Feed memory f = venues.feed(market);
        require(f.source == address(ethFeed) && f.heartbeat == 5 && f.decimals == 8 && f.fee == 0, "feed");
        vm.expectRevert(abi.encodeWithSelector(IVenues.UnknownMarket.selector, bytes32(uint256(1))));
        venues.feed(bytes32(uint256(1)));
        vm.expectRevert(abi.encodeWithSelector(IVenues.UnknownVenue.selector, 4));
        venues.list(4, market, E);
        vm.expectRevert(abi.encodeWithSelector(IVenues.UnknownMarket.selector, bytes32(uint256(1))));
        venues.list(3, bytes32(uint256(1)), E);
        vm.expectRevert(bad);
        venues.list(3, market, 0);
        vm.expectRevert(abi.encodeWithSelector(IVenues.NotListed.selector, 3, market));
        venues.route(3, market);
        vm.expectRevert(abi.encodeWithSelector(IVenues.UnknownMarket.selector, bytes32(uint256(1))));
        venues.route(3, bytes32(uint256(1)));
        require(!venues.isListed(3, market), "not yet");
        vm.expectEmit(true, true, true, true, address(venues));
        emit Listed(3, market, E);
        venues.list(3, market, E);
        require(venues.isListed(3, market), "listed");
        vm.expectRevert(abi.encodeWithSelector(IVenues.AlreadyListed.selector, 3, market));
        venues.list(3, market, B);
        vm.expectRevert(abi.encodeWithSelector(IVenues.InstrumentTaken.selector, 3, E));
        venues.list(3, ETH, E);
        IVenues.Route memory r = venues.route(3, market);
        require(r.implementation == other && r.delayed && !r.paused && r.instrument == E, "route");
        require(!venues.route(0, ETH).delayed, "at once");
        same(venues.venueCount(), 4, "venues");
        require(keccak256(bytes(venues.venueNames()[3])) == keccak256("x"), "names");
        require(keccak256(bytes(venues.marketNames()[2])) == market, "names");
        (address source, uint256 grace) = venues.sequencer();
        require(source == address(sequencer) && grace == 3_600, "sequencer");
    }

    function test_there_are_64_venues_at_most() public {
        for (uint256 i = 3; i < 64; ++i) {
            venues.addVenue(vm.toString(i), twin(0), CAP, CAP);
        }
        vm.expectRevert(abi.encodeWithSelector(IVenues.TooManyVenues.selector));
        venues.addVenue("more", twin(0), CAP, CAP);
        same(IPublic(address(venues)).MOST(), 64, "most");
    }

    function test_the_fee_has_a_maximum_and_somebody_to_collect_it() public {
        vm.expectRevert(abi.encodeWithSelector(IVenues.UnknownMarket.selector, bytes32(uint256(1))));
        venues.setFee(bytes32(uint256(1)), 1);
        vm.expectRevert(abi.encodeWithSelector(IVenues.NoCollector.selector));
        venues.setFee(ETH, 1);
        venues.setFee(ETH, 0);
        vm.expectRevert(abi.encodeWithSelector(IVenues.BadInput.selector));
        venues.setCollector(address(0));
        vm.expectEmit(true, true, true, true, address(venues));
        emit CollectorSet(collector);
        venues.setCollector(collector);
        require(venues.collector() == collector, "collector");
        vm.expectRevert(abi.encodeWithSelector(IVenues.FeeTooHigh.selector, 1e15));
        venues.setFee(ETH, 1e15 + 1);
        vm.expectEmit(true, true, true, true, address(venues));
        emit FeeSet(ETH, 1e15);
        venues.setFee(ETH, 1e15);
        same(venues.feed(ETH).fee, 1e15, "fee");
        same(IPublic(address(venues)).MAX_FEE(), 1e15, "most");
    }

    // ----------------------------------------------------------------------- caps

    function test_caps_are_raised_and_lowered_each_by_a_function_of_its_own() public {
        uint256 most = type(uint40).max * USDC;
        (uint256 all, uint256 one) = venues.caps(0);
        require(all == CAP && one == CAP, "as added");
        bytes memory not = abi.encodeWithSelector(IVenues.NotRaised.selector, CAP, CAP);
        vm.expectRevert(not);
        venues.raiseCaps(0, CAP, CAP);
        vm.expectRevert(not);
        venues.raiseCaps(0, CAP - USDC, CAP + USDC);
        vm.expectRevert(not);
        venues.raiseCaps(0, CAP + USDC, CAP - USDC);
        // Kept in whole USDC, rounded down: this is no change.
        vm.expectRevert(not);
        venues.raiseCaps(0, CAP + USDC - 1, CAP);
        venues.raiseCaps(0, CAP + USDC, CAP);
        vm.expectEmit(true, true, true, true, address(venues));
        emit CapsSet(0, CAP + USDC, CAP + 2 * USDC);
        venues.raiseCaps(0, CAP + USDC, CAP + 2 * USDC + 1);
        (all, one) = (CAP + USDC, CAP + 2 * USDC);
        not = abi.encodeWithSelector(IVenues.NotLowered.selector, all, one);
        vm.expectRevert(not);
        venues.lowerCaps(0, all, one);
        vm.expectRevert(not);
        venues.lowerCaps(0, all + USDC, 0);
        vm.expectRevert(not);
        venues.lowerCaps(0, 0, one + USDC);
        venues.lowerCaps(0, all, one - USDC);
        venues.lowerCaps(0, all - USDC, one - USDC);
        venues.lowerCaps(0, 0, 0);
        venues.raiseCaps(0, most, most);
        bytes memory tooHigh = abi.encodeWithSelector(IVenues.CapTooHigh.selector, most);
        vm.expectRevert(tooHigh);
        venues.raiseCaps(0, most + 1, most);
        vm.expectRevert(tooHigh);
        venues.raiseCaps(0, most, most + 1);
        address another = twin(0);
        vm.expectRevert(tooHigh);
        venues.addVenue("x", another, most + 1, 0);
        bytes memory unknown = abi.encodeWithSelector(IVenues.UnknownVenue.selector, 3);
        vm.expectRevert(unknown);
        venues.raiseCaps(3, 1, 1);
        vm.expectRevert(unknown);
        venues.lowerCaps(3, 0, 0);
    }

    function test_operators_post_within_both_caps_and_an_owner_beyond_them() public {
        grant(account, keeper, MOVE, 0);
        address other = address(0xF00D);
        fund(other, bytes32(bytes20(other)), 100 * USDC);
        vm.prank(other);
        vault.post(bytes32(bytes20(other)), 0, ETH, 100 * USDC, 0);
        venues.lowerCaps(0, 1_000 * USDC, 600 * USDC);
        same(vault.postable(account, 0), 600 * USDC, "the account's");
        post(keeper, 500 * USDC, "");
        same(vault.postable(account, 0), 100 * USDC, "what is left of it");
        bytes memory why = abi.encodeWithSelector(IVault.AccountCapReached.selector, account, 0, 100 * USDC);
        post(keeper, 100 * USDC + 1, why);
        venues.lowerCaps(0, 650 * USDC, 600 * USDC);
        same(vault.postable(account, 0), 50 * USDC, "the venue's");
        why = abi.encodeWithSelector(IVault.VenueCapReached.selector, 0, 50 * USDC);
        post(keeper, 50 * USDC + 1, why);
        post(keeper, 50 * USDC, "");
        same(vault.postable(account, 0), 0, "nothing");
        post(client, 1_000 * USDC, "");
        require(vault.posted(0) == 1_650 * USDC && vault.postedBy(account, 0) == 1_550 * USDC, "it counts");
        post(keeper, 1, abi.encodeWithSelector(IVault.VenueCapReached.selector, 0, 0));
        vm.prank(client);
        vault.pull(account, 0, ETH, 1_500 * USDC, 0);
        same(vault.postable(account, 0), 500 * USDC, "what came back is posted no longer");
    }

    function post(address by, uint256 amount, bytes memory why) internal {
        if (why.length > 0) vm.expectRevert(why);
        vm.prank(by);
        vault.post(account, 0, ETH, amount, 0);
    }

    // ----------------------------------------------------------------- yardsticks

    function test_yardsticks_are_the_named_venues_that_trade_at_once_and_are_not_paused() public {
        (uint8[] memory ids, IVenues.Route[] memory routes) = venues.yardsticks(ETH, 7);
        require(ids.length == 2 && routes.length == 2 && ids[0] == 0 && ids[1] == 1, "both");
        require(routes[1].implementation == address(venue[1]) && routes[1].instrument == E, "route");
        (ids,) = venues.yardsticks(ETH, 2);
        require(ids.length == 1 && ids[0] == 1, "named");
        venues.pause(0);
        (ids,) = venues.yardsticks(ETH, 7);
        require(ids.length == 1 && ids[0] == 1, "not paused");
        (ids,) = venues.yardsticks(keccak256("X-USD"), 7);
        same(ids.length, 0, "not listed");
    }

    function test_the_board_repeats_what_names_its_market() public {
        IBoard board = IBoard(make("Board", ""));
        IOrders.Order memory o = orderOf(plain(ONE), 1);
        vm.expectRevert(abi.encodeWithSelector(IBoard.WrongName.selector, 0, ETH));
        board.post(o, "BTC-USD", "s");
        vm.expectEmit(true, true, true, true, address(board));
        emit OrderPosted(account, address(this), o, "ETH-USD", "s");
        board.post(o, "ETH-USD", "s");
        IOrders.Bundle memory b;
        b.steps = new IOrders.Terms[](2);
        (b.steps[0], b.steps[1]) = (plain(ONE), plain(-ONE));
        string[] memory names = new string[](1);
        names[0] = "ETH-USD";
        vm.expectRevert(abi.encodeWithSelector(IBoard.WrongNames.selector, 2, 1));
        board.postBundle(b, names, "s");
        names = new string[](2);
        (names[0], names[1]) = ("ETH-USD", "BTC-USD");
        vm.expectRevert(abi.encodeWithSelector(IBoard.WrongName.selector, 1, ETH));
        board.postBundle(b, names, "s");
        names[1] = "ETH-USD";
        board.postBundle(b, names, "s");
    }

    // --------------------------------------------------------------------- quotes

    function test_quotes_find_the_best_price_of_the_venues_that_can_take_all() public {
        venue[1].setPrice(E, 1_990e18);
        (uint256 best, uint256 skipped) = quotes.best(ETH, 7, ONE, false);
        require(best == 1_990e18 && skipped == 0, "cheapest");
        (best,) = quotes.best(ETH, 7, -ONE, false);
        same(best, 2_000e18, "dearest");
        (best,) = quotes.best(ETH, 2, -ONE, false);
        same(best, 1_990e18, "named");
        venue[1].setPrice(E, 0);
        vm.expectRevert(abi.encodeWithSelector(IQuotes.Unquotable.selector, 1));
        quotes.best(ETH, 3, ONE, false);
        (best, skipped) = quotes.best(ETH, 3, ONE, true);
        require(best == 2_000e18 && skipped == 2, "a price of zero is none");
        venue[1].setAble(false);
        (best, skipped) = quotes.best(ETH, 3, ONE, false);
        require(best == 2_000e18 && skipped == 0, "unable is an answer");
        (best,) = quotes.best(ETH, 4, ONE, false);
        same(best, 0, "none at once");
        (bool done,) = address(quotes).call{gas: 1_000_000}(abi.encodeCall(IQuotes.best, (ETH, 3, ONE, false)));
        require(!done, "too little gas");
    }

    function test_a_venue_that_answers_nonsense_does_not_answer() public {
        bytes memory question = abi.encodeWithSignature("quote(bytes32,int256)", E, ONE);
        bytes[3] memory answers =
            [bytes(""), abi.encode(uint256(1)), abi.encode(uint256(1), uint256(1), uint256(1))];
        for (uint256 i; i < 3; ++i) {
            vm.mockCall(address(venue[1]), question, answers[i]);
            (, uint256 skipped) = quotes.best(ETH, 3, ONE, true);
            same(skipped, 2, "nonsense");
        }
        // What is no bool is not "whole".
        vm.mockCall(address(venue[1]), question, abi.encode(uint256(1), uint256(2)));
        (uint256 best,) = quotes.best(ETH, 3, ONE, false);
        same(best, 2_000e18, "not whole");
        vm.mockCallRevert(address(venue[1]), question, abi.encode(uint256(1), uint256(1)));
        (, uint256 left) = quotes.best(ETH, 3, ONE, true);
        same(left, 2, "a revert is no answer");
    }

    function test_quotes_tell_which_positions_a_trade_would_close() public {
        own(0, ONE, 1_000e6);
        own(1, -2 * ONE, 1_000e6);
        vm.prank(client);
        vault.commit(tradeOf(LATER, -3 * ONE, 100e6), 0);
        (uint256 left, uint256 total) = quotes.against(account, ETH, 7, true);
        require(left == 6 && total == 2e18, "shorts and what may become one");
        (left, total) = quotes.against(account, ETH, 7, false);
        require(left == 1 && total == 1e18, "longs");
        (left, total) = quotes.against(account, keccak256("X-USD"), 7, false);
        require(left == 0 && total == 0, "not listed");
        seatOf(LATER).execute(E, -3 * ONE);
        vault.settle(account, LATER, ETH, "");
        (left, total) = quotes.against(account, ETH, 7, true);
        require(left == 6 && total == 5e18, "shorts");
        same(quotes.closable(account, ETH, 7, true, true), 6, "with tickets");
        same(quotes.closable(account, ETH, 7, true, false), 2, "without");
        same(quotes.closable(account, ETH, 7, false, true), 1, "longs");
        same(quotes.closable(account, ETH, 4, true, true), 4, "named");
        venue[1].setAble(false);
        venue[2].setAble(false);
        same(quotes.closable(account, ETH, 7, true, true), 0, "unable");
        seatOf(LATER).bury(true);
        (left, total) = quotes.against(account, ETH, 7, true);
        require(left == 6 && total == 2e18, "no answer stays");
        (bool done,) = address(quotes).call{gas: 150_000}(abi.encodeCall(IQuotes.against, (account, ETH, 3, true)));
        require(!done, "too little gas");
    }

    // ----------------------------------------------------------------------- lens

    function test_the_lens_reads_all_of_an_account_and_passes_over_what_is_silent() public {
        own(0, ONE, 1_000e6);
        vm.prank(client);
        vault.commit(tradeOf(LATER, ONE, 100e6), 0);
        usdc.mint(address(seatOf(0)), 3);
        bytes32[] memory markets = new bytes32[](3);
        (markets[0], markets[1], markets[2]) = (ETH, keccak256("X-USD"), BTC);
        ILens.AccountView memory v = lens.account(account, markets);
        require(v.owner == client && v.idle == vault.idle(account) && v.reserved == 0, "account");
        require(v.active == 5 && v.epoch == 0 && v.seats.length == 3, "account");
        require(v.seats[0].made && v.seats[0].readable && v.seats[0].resting == 3, "seat");
        require(!v.seats[0].isolated && v.seats[0].margin.equity == 1_000e18, "margin");
        require(v.seats[0].markets.length == 2 && v.seats[0].markets[0].market == ETH, "markets");
        require(v.seats[0].markets[1].market == BTC && v.seats[0].markets[1].readable, "markets");
        same(v.seats[0].markets[0].position.size, ONE, "position");
        require(!v.seats[1].made && v.seats[1].markets.length == 0 && v.seats[1].venue == 1, "none");
        require(v.seats[2].isolated && v.seats[2].readable, "isolated");
        same(v.seats[2].markets[0].pending, ONE, "pending");
        require(v.seats[2].markets[0].readable && v.seats[2].markets[0].margin.equity == 98e18, "its margin");
        venue[0].be(uint8(Mood.Silent));
        seatOf(LATER).bury(true);
        v = lens.account(account, markets);
        require(!v.seats[0].readable && !v.seats[0].markets[0].readable, "silent");
        require(v.seats[2].readable && !v.seats[2].markets[0].readable, "silent");
        (bool done,) = address(lens).call{gas: 2_000_000}(abi.encodeCall(ILens.account, (account, markets)));
        require(!done, "too little gas");
    }
}
