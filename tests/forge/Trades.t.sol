// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IInstantSeat, ISeat} from "../../interfaces/ISeat.sol";
import {IVault} from "../../interfaces/IVault.sol";
import {IVenues} from "../../interfaces/IVenues.sol";
import {Mood} from "./StandIns.sol";
import {IVenueToTell, Stage} from "./Stage.sol";

contract TradesTest is Stage {
    event SeatMade(bytes32 indexed account, uint8 indexed venue, address seat);
    event MarginPosted(bytes32 indexed account, uint8 indexed venue, uint256 amount);
    event MarginPulled(bytes32 indexed account, uint8 indexed venue, uint256 amount);
    event PulledInKind(
        bytes32 indexed account, uint8 indexed venue, address indexed to, address token, uint256 amount
    );
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

    function be(uint8 id, Mood mood) internal {
        venue[id].be(uint8(mood));
    }

    function tradeFails(IVault.Trade memory t, bytes memory why) internal {
        vm.prank(client);
        vm.expectRevert(why);
        vault.trade(t);
    }

    // ------------------------------------------------------------------- trades

    function test_a_trade_moves_margin_tip_and_fee_and_marks_the_venue() public {
        IVault.Trade memory t = tradeOf(0, ONE, 1_000 * USDC);
        (t.tip, t.payee, t.fee, t.collector, t.measure) = (3, keeper, 4, collector, true);
        (address seat, bool made) = vault.seatOf(account, 0);
        require(!made, "no seat yet");
        vm.prank(client);
        vm.expectEmit(true, true, true, true, address(vault));
        emit SeatMade(account, 0, seat);
        vm.expectEmit(true, true, true, true, address(vault));
        emit Traded(account, 0, ETH, ONE, 2_000e18, 1_000 * USDC, 3, 4);
        IVault.Fill memory f = vault.trade(t);
        same(f.quote, 2_000e18, "quote");
        same(f.position, ONE, "position");
        same(f.leverage, 2e18, "leverage");
        same(f.active, 1, "active");
        same(vault.active(account), 1, "active");
        same(vault.idle(account), 99_000 * USDC - 7, "idle");
        same(vault.paidToday(account), 7, "paid");
        same(vault.idle(bytes32(bytes20(keeper))), 3, "tip");
        same(vault.idle(bytes32(bytes20(collector))), 4, "fee");
        same(usdc.balanceOf(address(venue[0])), 1_000 * USDC, "margin");
        (, made) = vault.seatOf(account, 0);
        require(made, "a seat");
        // Another venue is marked beside it, and what is flat is marked no more.
        own(1, -ONE, 1_000 * USDC);
        same(vault.active(account), 3, "both");
        t = tradeOf(0, -ONE, 0);
        t.measure = true;
        vm.prank(client);
        f = vault.trade(t);
        same(f.active, 2, "flat");
        same(f.leverage, 0, "nothing to measure");
        same(vault.active(account), 2, "flat");
    }

    function test_a_trade_needs_a_size_a_listed_market_and_a_venue_that_fills_at_once() public {
        tradeFails(tradeOf(0, 0, 0), abi.encodeWithSelector(IVault.ZeroAmount.selector));
        tradeFails(tradeOf(LATER, ONE, 0), abi.encodeWithSelector(IVault.FillsLater.selector, LATER));
        tradeFails(tradeOf(9, ONE, 0), abi.encodeWithSelector(IVenues.UnknownVenue.selector, 9));
        IVault.Trade memory t = tradeOf(0, ONE, 0);
        t.market = keccak256("DOGE-USD");
        tradeFails(t, abi.encodeWithSelector(IVenues.UnknownMarket.selector, t.market));
        t = tradeOf(0, ONE, 100_000 * USDC);
        t.tip = 1;
        tradeFails(
            t, abi.encodeWithSelector(IVault.NotEnoughIdle.selector, 100_000 * USDC, 100_000 * USDC + 1)
        );
        t.margin = MAX;
        tradeFails(t, abi.encodeWithSelector(IVault.NotEnoughIdle.selector, 100_000 * USDC, MAX));
    }

    function test_a_leg_is_filled_exactly_and_within_its_limit() public {
        be(0, Mood.FillsHalf);
        tradeFails(tradeOf(0, ONE, 0), abi.encodeWithSelector(ISeat.NotExact.selector, ONE, ONE / 2));
        be(0, Mood.FillsTwice);
        tradeFails(tradeOf(0, ONE, 0), abi.encodeWithSelector(ISeat.NotExact.selector, ONE, 2 * ONE));
        be(0, Mood.Honest);
        IVault.Trade memory t = tradeOf(0, ONE, 1_000 * USDC);
        t.limitQuote = 2_000e18 - 1;
        tradeFails(t, abi.encodeWithSelector(ISeat.BeyondLimit.selector, 2_000e18, t.limitQuote));
        t.limitQuote = 2_000e18;
        vm.prank(client);
        vault.trade(t);
        // The second trade of a seat looks at what it held.
        vm.prank(client);
        vault.trade(t);
        same(held(0), 2 * ONE, "held");
        t = tradeOf(0, -ONE, 0);
        t.limitQuote = 2_000e18 + 1;
        tradeFails(t, abi.encodeWithSelector(ISeat.BeyondLimit.selector, 2_000e18, t.limitQuote));
        t.limitQuote = 2_000e18;
        vm.prank(client);
        vault.trade(t);
        same(held(0), ONE, "held");
    }

    function test_leverage_is_measured_only_where_the_position_grew_in_the_trades_direction() public {
        IVault.Trade memory t = tradeOf(0, -2 * ONE, 1_000 * USDC);
        t.measure = true;
        vm.startPrank(client);
        same(vault.trade(t).leverage, 4e18, "opened short");
        t = tradeOf(0, ONE, 0);
        t.measure = true;
        same(vault.trade(t).leverage, 0, "reduced");
        t = tradeOf(0, 3 * ONE, 0);
        t.measure = true;
        same(vault.trade(t).leverage, 4e18, "turned");
        t = tradeOf(0, -ONE, 0);
        t.measure = true;
        same(vault.trade(t).leverage, 0, "reduced long");
        t = tradeOf(0, ONE, 0);
        same(vault.trade(t).leverage, 0, "not asked");
    }

    function test_an_operator_needs_each_right_at_the_venue() public {
        IVault.Trade memory t = tradeOf(0, ONE, 5);
        (t.tip, t.payee) = (5, keeper);
        uint8[3] memory rights = [TRADE, MOVE, PAY];
        for (uint256 i; i < 3; ++i) {
            grant(account, address(this), 7 ^ rights[i], 100);
            vm.expectRevert(abi.encodeWithSelector(IVault.NotAllowed.selector, account, address(this), 7));
            vault.trade(t);
        }
        grant(account, address(this), TRADE, 0);
        (t.margin, t.tip) = (0, 0);
        vault.trade(t);
        t.margin = 1;
        vm.expectRevert(
            abi.encodeWithSelector(IVault.NotAllowed.selector, account, address(this), TRADE | MOVE)
        );
        vault.trade(t);
        (t.margin, t.fee, t.collector) = (0, 1, collector);
        vm.expectRevert(abi.encodeWithSelector(IVault.NotAllowed.selector, account, address(this), TRADE | PAY));
        vault.trade(t);
        vm.prank(client);
        vault.setOperator(account, IVault.Grant(address(this), 7, type(uint40).max, 100, 5));
        t = tradeOf(1, ONE, 0);
        vm.expectRevert(abi.encodeWithSelector(IVault.VenueNotGranted.selector, account, address(this), 2));
        vault.trade(t);
        t.venue = 0;
        (t.tip, t.fee, t.payee, t.collector) = (60, 41, keeper, collector);
        vm.expectRevert(abi.encodeWithSelector(IVault.PayCapExceeded.selector, 100, 101));
        vault.trade(t);
        (t.tip, t.fee) = (MAX, 1);
        vm.expectRevert(abi.encodeWithSelector(IVault.PayCapExceeded.selector, 100, MAX));
        vault.trade(t);
    }

    function test_a_pause_leaves_operators_reductions_and_owners_everything() public {
        own(0, ONE, 1_000 * USDC);
        grant(account, address(this), 7, 100);
        venues.pause(0);
        IVault.Trade memory t = tradeOf(0, ONE, 0);
        bytes memory paused = abi.encodeWithSelector(IVault.VenuePaused.selector, 0);
        vm.expectRevert(paused);
        vault.trade(t);
        vm.expectRevert(paused);
        vault.trade(tradeOf(0, -2 * ONE, 0));
        vm.expectRevert(paused);
        vault.trade(tradeOf(0, -ONE / 2, 1));
        vault.trade(tradeOf(0, -ONE / 2, 0));
        vault.trade(tradeOf(0, -ONE / 2, 0));
        vm.expectRevert(paused);
        vault.post(account, 0, ETH, 1, 0);
        vault.pull(account, 0, ETH, 1, 1);
        own(0, -ONE, 1);
        vault.trade(tradeOf(0, ONE / 2, 0));
        vm.expectRevert(paused);
        vault.trade(tradeOf(0, ONE, 0));
        vm.prank(client);
        vault.post(account, 0, ETH, 1, 0);
        vault.trade(tradeOf(1, ONE, 1));
        venues.unpause(0);
        vault.trade(tradeOf(0, ONE, 1));
    }

    // ------------------------------------------------------------------- margin

    function test_margin_is_posted_and_pulled_as_it_arrives() public {
        vm.startPrank(client);
        vm.expectRevert(abi.encodeWithSelector(IVault.NoSeat.selector, account, 0));
        vault.pull(account, 0, ETH, 1, 0);
        vm.expectRevert(abi.encodeWithSelector(IVault.ZeroAmount.selector));
        vault.post(account, 0, ETH, 0, 0);
        vm.expectEmit(true, true, true, true, address(vault));
        emit MarginPosted(account, 0, 100);
        vault.post(account, 0, ETH, 100, 0);
        same(vault.idle(account), 100_000 * USDC - 100, "idle");
        same(vault.active(account), 0, "margin alone marks nothing");
        vm.expectRevert(abi.encodeWithSelector(IVault.ZeroAmount.selector));
        vault.pull(account, 0, ETH, 0, 0);
        vm.expectEmit(true, true, true, true, address(vault));
        emit MarginPulled(account, 0, 40);
        same(vault.pull(account, 0, ETH, 40, 40), 40, "pulled");
        same(vault.idle(account), 100_000 * USDC - 60, "idle");
        same(vault.paidToday(account), 0, "margin is no payment");
        be(0, Mood.PaysShort);
        vm.expectRevert(abi.encodeWithSelector(IVault.PaidShort.selector, 40, 20));
        vault.pull(account, 0, ETH, 40, 40);
        same(vault.pull(account, 0, ETH, 40, 20), 20, "half");
        be(0, Mood.Honest);
        same(vault.pull(account, 0, ETH, MAX, 0), 20, "the rest");
        same(vault.pull(account, 0, ETH, MAX, 0), 0, "nothing");
        vm.stopPrank();
        bytes memory not = abi.encodeWithSelector(IVault.NotAllowed.selector, account, attacker, MOVE);
        vm.startPrank(attacker);
        vm.expectRevert(not);
        vault.post(account, 0, ETH, 1, 0);
        vm.expectRevert(not);
        vault.pull(account, 0, ETH, 1, 0);
    }

    function test_an_owner_takes_margin_out_in_kind_and_sweeps_what_strayed() public {
        StandInCoinSink sink = new StandInCoinSink();
        vm.startPrank(client);
        vault.post(account, 0, ETH, 100, 0);
        vm.expectRevert(abi.encodeWithSelector(IVault.ZeroAmount.selector));
        vault.pullInKind(account, 0, ETH, 0, client);
        vm.expectEmit(true, true, true, true, address(vault));
        emit PulledInKind(account, 0, client, address(usdc), 30);
        (address token, uint256 received) = vault.pullInKind(account, 0, ETH, 30, client);
        require(token == address(usdc) && received == 30, "in kind");
        same(usdc.balanceOf(client), 30, "in kind");
        same(vault.posted(0), 70, "still posted");
        vault.pullInKind(account, 0, ETH, MAX, client);
        vault.pullInKind(account, 0, ETH, MAX, client);
        same(usdc.balanceOf(client), 100, "in kind");
        same(vault.posted(0) + vault.postedBy(account, 0), 0, "still posted");
        vm.stopPrank();

        address seat = address(seatOf(0));
        usdc.mint(seat, 9);
        vm.deal(seat, 5);
        bytes memory not = abi.encodeWithSelector(IVault.NotOwner.selector, account, attacker);
        vm.startPrank(attacker);
        vm.expectRevert(not);
        vault.sweep(account, 0, address(usdc));
        vm.expectRevert(not);
        vault.pullInKind(account, 0, ETH, 1, attacker);
        vm.expectRevert(not);
        vault.close(account, 0, ETH, 0);
        vm.stopPrank();
        vm.startPrank(client);
        same(vault.sweep(account, 0, address(usdc)), 9, "swept");
        same(usdc.balanceOf(client), 109, "swept");
        same(vault.sweep(account, 0, address(0)), 5, "coin");
        same(client.balance, 5, "coin");
        vm.etch(client, address(sink).code);
        vm.expectRevert(abi.encodeWithSelector(ISeat.SweepFailed.selector, address(0)));
        vault.sweep(account, 0, address(0));
    }

    function test_a_close_takes_what_it_gets_within_the_limit() public {
        own(0, 2 * ONE, 1_000 * USDC);
        own(1, -2 * ONE, 1_000 * USDC);
        vm.startPrank(client);
        vm.expectRevert(abi.encodeWithSelector(IVault.FillsLater.selector, LATER));
        vault.close(account, LATER, ETH, 0);
        vm.expectRevert(abi.encodeWithSelector(ISeat.BeyondLimit.selector, 4_000e18, 4_002e18));
        vault.close(account, 0, ETH, 2_001e18);
        venue[0].setAble(false);
        vm.expectEmit(true, true, true, true, address(vault));
        emit Traded(account, 0, ETH, -ONE, 2_000e18, 0, 0, 0);
        (int256 done, uint256 quote) = vault.close(account, 0, ETH, 2_000e18);
        same(done, -ONE, "half");
        same(quote, 2_000e18, "price");
        same(vault.active(account), 3, "half");
        venue[0].setAble(true);
        vault.close(account, 0, ETH, 0);
        same(vault.active(account), 2, "flat");
        (done, quote) = vault.close(account, 0, ETH, 0);
        require(done == 0 && quote == 0, "nothing to close");
        vm.expectRevert(abi.encodeWithSelector(ISeat.BeyondLimit.selector, 4_000e18, 3_998e18));
        vault.close(account, 1, ETH, 1_999e18);
        (done, quote) = vault.close(account, 1, ETH, MAX);
        same(done, 2 * ONE, "short");
        same(quote, 4_000e18, "price");
        same(vault.active(account), 0, "flat");
        vm.stopPrank();
        own(0, ONE, 0);
        be(0, Mood.FillsTwice);
        vm.startPrank(client);
        vm.expectRevert(abi.encodeWithSelector(ISeat.NotExact.selector, -ONE, -2 * ONE));
        vault.close(account, 0, ETH, 0);
        be(0, Mood.Honest);
        vault.trade(tradeOf(0, -2 * ONE, 0));
        be(0, Mood.FillsTwice);
        vm.expectRevert(abi.encodeWithSelector(ISeat.NotExact.selector, ONE, 2 * ONE));
        vault.close(account, 0, ETH, MAX);
    }

    // -------------------------------------------------------------------- seats

    function test_a_seat_listens_to_the_vault_alone() public {
        own(0, ONE, 1_000 * USDC);
        IInstantSeat seat = IInstantSeat(address(seatOf(0)));
        bytes memory not = abi.encodeWithSelector(ISeat.NotVault.selector, attacker);
        vm.startPrank(attacker);
        vm.expectRevert(not);
        seat.enter();
        vm.expectRevert(not);
        seat.post(E, 1, 0);
        vm.expectRevert(not);
        seat.pull(E, 1);
        vm.expectRevert(not);
        seat.pullInKind(E, 1, attacker);
        vm.expectRevert(not);
        seat.sweep(address(usdc), attacker);
        vm.expectRevert(not);
        seat.trade(E, -ONE, 0, 0, false, false);
        vm.expectRevert(not);
        seat.close(E, 0);
        require(!seat.delayed() && !seat.isolated(), "kind");
    }

    function test_a_position_with_nothing_behind_it_has_no_end_of_leverage() public {
        IVault.Trade memory t = tradeOf(0, ONE, 0);
        t.measure = true;
        vm.prank(client);
        same(vault.trade(t).leverage, MAX, "of the trade");
        same(ISeat(address(seatOf(0))).margin(E).leverage, MAX, "of the pocket");
    }

    function test_seats_of_two_accounts_of_one_owner_are_apart() public {
        bytes32 other = bytes32(uint256(account) | 1);
        fund(client, other, 10 * USDC);
        own(0, ONE, 1_000 * USDC);
        (address a,) = vault.seatOf(account, 0);
        (address b, bool made) = vault.seatOf(other, 0);
        require(a != b && !made, "apart");
        same(vault.idle(other), 10 * USDC, "other");
        same(vault.active(other), 0, "other");
    }

    function test_a_venue_that_comes_back_in_finds_the_vault_locked() public {
        be(0, Mood.Reenters);
        bytes[8] memory calls = [
            abi.encodeCall(IVault.deposit, (account, 0)),
            abi.encodeCall(IVault.withdraw, (account, 1, attacker)),
            abi.encodeCall(IVault.pay, (account, attacker, 1)),
            abi.encodeCall(IVault.settle, (account, LATER, ETH, "")),
            abi.encodeCall(IVault.expire, (account, LATER, ETH)),
            abi.encodeCall(IVault.trade, (tradeOf(1, ONE, 0))),
            abi.encodeCall(IVault.post, (account, 1, ETH, 1, 0)),
            abi.encodeCall(IVault.pull, (account, 1, ETH, 1, 0))
        ];
        // The venue holds every right an operator can, and is still refused while it is called.
        grant(account, address(venue[0]), 7, 100);
        own(1, ONE, 1_000 * USDC);
        uint256 idle = vault.idle(account);
        for (uint256 i; i < calls.length; ++i) {
            venue[0].plan(address(vault), calls[i]);
            own(0, ONE, 0);
            require(!venue[0].entered(), "came in");
        }
        same(vault.idle(account), idle, "idle");
        same(held(1), ONE, "elsewhere");
        be(0, Mood.Grasps);
        own(0, ONE, 5);
        same(usdc.balanceOf(address(vault)), vault.idle(account), "grasped");
    }
}

/// @notice Takes no coin.
contract StandInCoinSink {}
