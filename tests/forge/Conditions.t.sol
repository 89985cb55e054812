// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IOrders} from "../../interfaces/IOrders.sol";
import {IQuotes} from "../../interfaces/IQuotes.sol";
import {IVault} from "../../interfaces/IVault.sol";
import {Mood, StandInOwner} from "./StandIns.sol";
import {IVenueToTell, Stage} from "./Stage.sol";

contract ConditionsTest is Stage {
    // ----------------------------------------------------------------- conditions

    function test_an_order_waits_for_its_time_and_its_filler() public {
        IOrders.Terms memory t = withConditions(plain(ONE));
        t.conditions[0].notBefore = block.timestamp + 10;
        fillFails(orderOf(t, 1), leg(0, ONE, 0), abi.encodeWithSelector(IOrders.NotYet.selector, block.timestamp + 10));
        vm.warp(block.timestamp + 10);
        fill(orderOf(t, 1), leg(0, ONE, 100e6));
        t = withConditions(plain(ONE));
        (t.conditions[0].filler, t.conditions[0].fillerUntil) = (attacker, block.timestamp);
        bytes memory why = abi.encodeWithSelector(IOrders.NotFiller.selector, attacker, block.timestamp);
        fillFails(orderOf(t, 2), leg(0, ONE, 0), why);
        IOrders.Order memory o = orderOf(t, 2);
        bytes memory signature = signed(desk.digest(o));
        vm.prank(attacker);
        desk.fill(o, signature, leg(0, ONE, 0), noReceipt());
        vm.warp(block.timestamp + 1);
        fill(orderOf(t, 3), leg(0, ONE, 0));
    }

    function test_a_trigger_latches_at_the_first_fill_and_waits_out_the_sequencer() public {
        IOrders.Terms memory t = withConditions(plain(2 * ONE));
        (t.conditions[0].triggerPrice, t.conditions[0].triggerAbove) = (2_000e18 + 1, true);
        bytes memory why = abi.encodeWithSelector(IOrders.NotTriggered.selector, 2_000e18, 2_000e18 + 1);
        fillFails(orderOf(t, 1), leg(0, ONE, 0), why);
        t.conditions[0].triggerPrice = 2_000e18;
        IOrders.Order memory o = orderOf(t, 1);
        bytes memory down = abi.encodeWithSelector(IOrders.SequencerDown.selector);
        sequencer.say(1, block.timestamp - 1 days, block.timestamp);
        fillFails(o, leg(0, ONE, 0), down);
        sequencer.say(0, block.timestamp - 3_599, block.timestamp);
        fillFails(o, leg(0, ONE, 0), down);
        sequencer.say(0, 0, block.timestamp);
        fillFails(o, leg(0, ONE, 0), down);
        sequencer.say(0, block.timestamp + 1, block.timestamp);
        fillFails(o, leg(0, ONE, 0), down);
        sequencer.say(0, block.timestamp - 3_600, block.timestamp);
        fill(o, leg(0, ONE, 100e6));
        ethFeed.say(1_000e8, 0, block.timestamp);
        fill(o, leg(0, ONE, 0));
        t.conditions[0].triggerAbove = false;
        t.conditions[0].triggerPrice = 1_000e18 - 1;
        why = abi.encodeWithSelector(IOrders.NotTriggered.selector, 1_000e18, 1_000e18 - 1);
        fillFails(orderOf(t, 2), leg(0, ONE, 0), why);
        t.conditions[0].triggerPrice = 1_000e18;
        // An answer from before the order's time says nothing.
        t.conditions[0].notBefore = block.timestamp;
        ethFeed.say(1_000e8, 0, block.timestamp - 1);
        why = abi.encodeWithSelector(IOrders.BadOracle.selector, 1_000e8, block.timestamp - 1);
        fillFails(orderOf(t, 2), leg(0, ONE, 0), why);
        ethFeed.say(1_000e8, 0, block.timestamp);
        fill(orderOf(t, 2), leg(0, ONE, 0));
        // A ticket that failed latches too.
        t = withTickets(t, 3, 9e6);
        o = orderOf(t, 3);
        commit(o, ONE, 50e6);
        vault.expire(account, LATER, ETH);
        desk.settle(account, LATER, ETH, 1, "");
        ethFeed.say(2_000e8, 0, block.timestamp);
        commit(o, ONE, 0);
    }

    function test_a_chain_without_a_sequencer_has_nothing_to_wait_for() public {
        ringside(address(usdc), address(0));
        venues.addMarket("ETH-USD", address(ethFeed), 1 days);
        venues.addVenue("late", make("ScriptedSeat", abi.encode(vault, usdc)), CAP, CAP);
        venues.list(0, ETH, E);
        venue[0] = IVenueToTell(venues.implementation(0));
        venue[0].setPrice(E, 2_000e18);
        fund(client, account, 100e6);
        grant(account, address(desk), 7, 0);
        IOrders.Terms memory t = withConditions(plain(ONE));
        (t.conditions[0].triggerPrice, t.conditions[0].triggerAbove) = (2_000e18, true);
        fill(orderOf(t, 1), leg(0, ONE, 100e6));
    }

    function test_a_schedule_allows_a_slice_an_interval_and_what_may_be_caught_up() public {
        IOrders.Terms memory t = withConditions(plain(10 * ONE));
        IOrders.Conditions memory c = t.conditions[0];
        (c.notBefore, c.interval, c.slice, c.catchUp) = (block.timestamp, 100, 1e18, 2);
        IOrders.Order memory o = orderOf(t, 1);
        uint256 start = block.timestamp;
        bytes memory why = abi.encodeWithSelector(IOrders.BeyondSlice.selector, 1e18, 1e18 + 1);
        fillFails(o, leg(0, ONE + 1, 0), why);
        fill(o, leg(0, ONE / 2, 100e6));
        why = abi.encodeWithSelector(IOrders.BeyondSlice.selector, 0.5e18, 0.5e18 + 1);
        fillFails(o, leg(0, ONE / 2 + 1, 0), why);
        vm.warp(start + 99);
        fill(o, leg(0, ONE / 2, 0));
        why = abi.encodeWithSelector(IOrders.BeyondSlice.selector, 0, 1);
        fillFails(o, leg(0, 1, 0), why);
        vm.warp(start + 100);
        fill(o, leg(0, ONE, 0));
        // Five missed, of which two may be caught up.
        vm.warp(start + 700);
        why = abi.encodeWithSelector(IOrders.BeyondSlice.selector, 3e18, 3e18 + 1);
        fillFails(o, leg(0, 3 * ONE + 1, 0), why);
        fill(o, leg(0, 3 * ONE, 0));
        vm.warp(start + 900);
        why = abi.encodeWithSelector(IOrders.BeyondSlice.selector, 2e18, 2e18 + 1);
        fillFails(o, leg(0, 2 * ONE + 1, 0), why);
        fill(o, leg(0, 2 * ONE, 0));
        c.slice = MAX;
        o = orderOf(t, 2);
        fill(o, leg(0, ONE, 0));
        fill(o, leg(0, ONE, 0));
    }

    function test_orders_of_a_group_fill_no_more_than_its_size_together() public {
        IOrders.Terms memory t = withConditions(plain(3 * ONE));
        (t.conditions[0].group, t.conditions[0].groupSize) = (9, 3e18);
        fill(orderOf(t, 1), leg(0, 2 * ONE, 100e6));
        same(desk.groupUsed(account, 9), 2e18, "group");
        bytes memory why = abi.encodeWithSelector(IOrders.BeyondGroup.selector, 1e18, 1e18 + 1);
        fillFails(orderOf(t, 2), leg(0, ONE + 1, 0), why);
        fill(orderOf(t, 2), leg(0, ONE, 0));
        why = abi.encodeWithSelector(IOrders.BeyondGroup.selector, 0, 1);
        fillFails(orderOf(t, 1), leg(0, 1, 0), why);
        // A ticket that fails gives its part back.
        t = withTickets(t, 5, 20e6);
        t.conditions[0].group = 10;
        commit(orderOf(t, 3), 3 * ONE, 100e6);
        same(desk.groupUsed(account, 10), 3e18, "pending");
        seatOf(LATER).execute(E, ONE);
        desk.settle(account, LATER, ETH, 1, "");
        same(desk.groupUsed(account, 10), 1e18, "a third");
    }

    // ------------------------------------------------------------------ close all

    function test_closing_all_closes_each_position_once_and_whole() public {
        own(0, ONE, 1_000e6);
        own(1, 3 * ONE, 1_000e6);
        IOrders.Terms memory t = plain(type(int256).min);
        t.tip = 100;
        t.maxMargin = 5;
        IOrders.Order memory o = orderOf(t, 1);
        fillFails(o, new IOrders.Leg[](0), abi.encodeWithSelector(IOrders.NoLegs.selector));
        fillFails(o, leg(0, -ONE / 2, 0), abi.encodeWithSelector(IOrders.NotAllClosed.selector, 1));
        fillFails(o, leg(0, -2 * ONE, 0), abi.encodeWithSelector(IOrders.NotReducing.selector, 0, -ONE));
        fillFails(o, leg(0, -ONE, 1), abi.encodeWithSelector(IOrders.TooMuchMargin.selector, 0, 1));
        fill(o, leg(0, -ONE, 0));
        same(idleOf(keeper), 25, "a quarter");
        (bool begun, uint64 left) = desk.closings(desk.digest(o));
        require(begun && left == 2, "left");
        // What is opened elsewhere afterwards is none of its business.
        own(0, ONE, 0);
        fillFails(o, leg(0, -ONE, 0), abi.encodeWithSelector(IOrders.NothingToClose.selector, 1));
        fill(o, leg(1, -3 * ONE, 0));
        same(idleOf(keeper), 100, "all");
        require(progress(o).done && desk.isSpent(account, 1), "done");
        fillFails(o, leg(0, -ONE, 0), abi.encodeWithSelector(IOrders.NonceSpent.selector, 1));
        t.bounds.allOrNone = true;
        own(1, ONE, 0);
        o = orderOf(t, 2);
        fillFails(o, leg(0, -ONE, 0), abi.encodeWithSelector(IOrders.NotAllClosed.selector, 2));
        fill(o, legs2(0, -ONE, 0, 1, -ONE, 0));
        require(desk.isSpent(account, 2), "done");
        own(0, -ONE, 0);
        t = plain(type(int256).max);
        t.venues = 1;
        fill(orderOf(t, 3), leg(0, ONE, 0));
        same(held(0), 0, "short closed");
    }

    function test_closing_all_by_a_ticket_tries_again_what_failed() public {
        vm.prank(client);
        vault.commit(tradeOf(LATER, ONE, 100e6), 0);
        seatOf(LATER).execute(E, ONE);
        vault.settle(account, LATER, ETH, "");
        IOrders.Terms memory t = withTickets(plain(type(int256).min), 5, 20e6);
        t.tip = 8;
        IOrders.Order memory o = orderOf(t, 1);
        commit(o, -ONE, 0);
        vault.expire(account, LATER, ETH);
        desk.settle(account, LATER, ETH, 2, "");
        (bool begun, uint64 left) = desk.closings(desk.digest(o));
        require(begun && left == 4 && !progress(o).done, "again");
        commit(o, -ONE, 0);
        seatOf(LATER).execute(E, -ONE);
        desk.settle(account, LATER, ETH, 3, "");
        require(progress(o).done, "done");
        same(idleOf(keeper), 8, "tip");
        fillFails(o, leg(0, -ONE, 0), abi.encodeWithSelector(IOrders.Overfilled.selector, 0, 0));
    }
}
