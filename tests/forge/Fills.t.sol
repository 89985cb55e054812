// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IOrders} from "../../interfaces/IOrders.sol";
import {IQuotes} from "../../interfaces/IQuotes.sol";
import {IVault} from "../../interfaces/IVault.sol";
import {Mood, StandInOwner} from "./StandIns.sol";
import {IVenueToTell, Stage} from "./Stage.sol";

contract FillsTest is Stage {
    event Filled(
        bytes32 indexed key,
        bytes32 indexed account,
        address indexed filler,
        int256 size,
        uint256 quote,
        uint256 tip,
        IOrders.Receipt receipt
    );
    event QuotesSkipped(bytes32 indexed key, uint256 venues);
    event Cancelled(bytes32 indexed account, uint256 nonce);
    event EpochRaised(bytes32 indexed account, uint256 epoch);

    // ------------------------------------------------------------ who signed what

    function test_an_order_filled_whole_spends_its_nonce_and_pays_its_tip() public {
        IOrders.Terms memory t = plain(-ONE);
        t.tip = 7;
        IOrders.Order memory o = orderOf(t, 300);
        bytes32 digest = desk.digest(o);
        bytes memory signature = signed(digest);
        vm.expectEmit(true, true, true, true, address(desk));
        emit Filled(digest, account, keeper, -ONE, 2_000e18, 7, IOrders.Receipt(1, "hash"));
        vm.prank(keeper);
        uint256 quote = desk.fill(o, signature, leg(0, -ONE, 1_000e6), IOrders.Receipt(1, "hash"));
        same(quote, 2_000e18, "quote");
        same(held(0), -ONE, "held");
        same(idleOf(keeper), 7, "tip");
        same(vault.idle(account), 99_000e6 - 7, "idle");
        require(desk.isSpent(account, 300), "spent");
        require(!desk.isSpent(account, 299) && !desk.isSpent(account, 301), "its own");
        require(!desk.isSpent(account, 300 + 128) && !desk.isSpent(account, 300 - 128), "its word");
        same(progress(o).used, 0, "nothing is kept");
        fillFails(o, leg(0, -ONE, 0), abi.encodeWithSelector(IOrders.NonceSpent.selector, 300));
    }

    function test_a_signature_is_the_owners_over_this_order_in_time_and_epoch() public {
        IOrders.Order memory o = orderOf(plain(ONE), 1);
        bytes memory signature = signed(desk.digest(o));
        bytes memory bad = abi.encodeWithSelector(IOrders.BadSignature.selector, client);
        o.terms.limitPrice += 1;
        vm.expectRevert(bad);
        desk.fill(o, signature, leg(0, ONE, 0), noReceipt());
        vm.expectRevert(bad);
        desk.fill(o, "", leg(0, ONE, 0), noReceipt());
        o.account = bytes32(bytes20(attacker));
        signature = signed(desk.digest(o));
        vm.expectRevert(abi.encodeWithSelector(IOrders.BadSignature.selector, attacker));
        desk.fill(o, signature, leg(0, ONE, 0), noReceipt());
        o = orderOf(plain(ONE), 1);
        o.deadline = block.timestamp - 1;
        fillFails(o, leg(0, ONE, 0), abi.encodeWithSelector(IOrders.Expired.selector, o.deadline));
        o.deadline = block.timestamp;
        o.epoch = 1;
        fillFails(o, leg(0, ONE, 0), abi.encodeWithSelector(IOrders.WrongEpoch.selector, 0));
        o.epoch = 0;
        fill(o, leg(0, ONE, 0));
    }

    function test_an_owner_that_is_a_contract_signs_by_its_own_word() public {
        StandInOwner owner = new StandInOwner();
        account = bytes32(bytes20(address(owner)));
        fund(address(owner), account, 10_000e6);
        grant(account, address(desk), 7, 100);
        IOrders.Order memory o = orderOf(plain(ONE), 1);
        bytes memory bad = abi.encodeWithSelector(IOrders.BadSignature.selector, address(owner));
        vm.expectRevert(bad);
        desk.fill(o, "", leg(0, ONE, 100e6), noReceipt());
        owner.sign(desk.digest(o));
        desk.fill(o, "", leg(0, ONE, 100e6), noReceipt());
    }

    function test_cancelling_and_raising_the_epoch_are_the_owners_and_end_orders() public {
        bytes memory not = abi.encodeWithSelector(IOrders.NotOwner.selector, account, attacker);
        vm.startPrank(attacker);
        vm.expectRevert(not);
        desk.cancel(account, 1);
        vm.expectRevert(not);
        desk.raiseEpoch(account, 1);
        vm.stopPrank();
        vm.startPrank(client);
        vm.expectEmit(true, true, true, true, address(desk));
        emit Cancelled(account, 1);
        desk.cancel(account, 1);
        vm.stopPrank();
        require(desk.isSpent(account, 1), "spent");
        fillFails(orderOf(plain(ONE), 1), leg(0, ONE, 0), abi.encodeWithSelector(IOrders.NonceSpent.selector, 1));
        vm.startPrank(client);
        vm.expectRevert(abi.encodeWithSelector(IOrders.EpochNotRaised.selector, 0));
        desk.raiseEpoch(account, 0);
        vm.expectEmit(true, true, true, true, address(desk));
        emit EpochRaised(account, 5);
        desk.raiseEpoch(account, 5);
        vm.expectRevert(abi.encodeWithSelector(IOrders.EpochNotRaised.selector, 5));
        desk.raiseEpoch(account, 5);
        vm.stopPrank();
        same(desk.epochs(account), 5, "epoch");
        fillFails(orderOf(plain(ONE), 2), leg(0, ONE, 0), abi.encodeWithSelector(IOrders.WrongEpoch.selector, 5));
    }

    // -------------------------------------------------------------- terms and legs

    function test_terms_and_legs_that_make_no_sense_are_refused() public {
        fillFails(orderOf(plain(0), 1), leg(0, 0, 0), abi.encodeWithSelector(IOrders.BadSize.selector, 0));
        int256 huge = int256(1) << 128;
        fillFails(orderOf(plain(huge), 1), leg(0, 1, 0), abi.encodeWithSelector(IOrders.BadSize.selector, huge));
        IOrders.Order memory o = orderOf(plain(ONE), 1);
        fillFails(o, new IOrders.Leg[](0), abi.encodeWithSelector(IOrders.NoLegs.selector));
        fillFails(o, leg(0, 0, 0), abi.encodeWithSelector(IOrders.BadLeg.selector, 0));
        fillFails(o, leg(0, -1, 0), abi.encodeWithSelector(IOrders.BadLeg.selector, -1));
        fillFails(o, leg(0, huge, 0), abi.encodeWithSelector(IOrders.BadLeg.selector, huge));
        fillFails(orderOf(plain(-ONE), 1), leg(0, 1, 0), abi.encodeWithSelector(IOrders.BadLeg.selector, 1));
        o.terms.venues = 5;
        fillFails(o, leg(1, ONE, 0), abi.encodeWithSelector(IOrders.VenueNotAllowed.selector, 1));
        fillFails(o, leg(200, ONE, 0), abi.encodeWithSelector(IOrders.VenueNotAllowed.selector, 200));
        fillFails(o, leg(2, ONE, 0), abi.encodeWithSelector(IVault.FillsLater.selector, 2));
        o.terms.conditions = new IOrders.Conditions[](2);
        fillFails(o, leg(0, ONE, 0), abi.encodeWithSelector(IOrders.BadTerms.selector));
    }

    function test_parts_use_their_share_of_margin_and_tip_and_never_more_than_the_whole() public {
        IOrders.Terms memory t = plain(3 * ONE);
        (t.maxMargin, t.tip) = (1_000, 10);
        IOrders.Order memory o = orderOf(t, 1);
        bytes memory why = abi.encodeWithSelector(IOrders.Overfilled.selector, 3e18, 4e18);
        fillFails(o, leg(0, 4 * ONE, 0), why);
        // A third of 1,000 is rounded up, for whoever fills; a third of the tip down, for the owner.
        why = abi.encodeWithSelector(IOrders.TooMuchMargin.selector, 334, 335);
        fillFails(o, leg(0, ONE, 335), why);
        fill(o, leg(0, ONE, 334));
        IOrders.Progress memory p = progress(o);
        require(p.used == 1e18 && p.margin == 334 && p.tip == 3 && p.pending == 0, "a third");
        require(!desk.isSpent(account, 1), "not spent");
        why = abi.encodeWithSelector(IOrders.TooMuchMargin.selector, 333, 334);
        fillFails(o, leg(0, ONE, 334), why);
        fill(o, leg(0, ONE, 300));
        p = progress(o);
        require(p.used == 2e18 && p.margin == 634 && p.tip == 6, "two thirds");
        why = abi.encodeWithSelector(IOrders.Overfilled.selector, 1e18, 1e18 + 1);
        fillFails(o, leg(0, ONE + 1, 0), why);
        why = abi.encodeWithSelector(IOrders.TooMuchMargin.selector, 366, 367);
        fillFails(o, leg(0, ONE, 367), why);
        // Another order under the nonce is another order.
        IOrders.Order memory other = orderOf(plain(ONE), 1);
        fillFails(other, leg(0, ONE, 0), abi.encodeWithSelector(IOrders.NonceTaken.selector, 1, desk.digest(o)));
        fill(o, legs2(0, ONE / 2, 300, 1, ONE / 2, 66));
        same(idleOf(keeper), 10, "the whole tip");
        require(desk.isSpent(account, 1), "spent");
        same(progress(o).used, 0, "forgotten");
        fillFails(o, leg(0, ONE, 0), abi.encodeWithSelector(IOrders.NonceSpent.selector, 1));
        // Whole at once.
        o = orderOf(t, 2);
        why = abi.encodeWithSelector(IOrders.TooMuchMargin.selector, 1_000, 1_001);
        fillFails(o, leg(0, 3 * ONE, 1_001), why);
        why = abi.encodeWithSelector(IOrders.TooMuchMargin.selector, 1_000, MAX - 1);
        fillFails(o, legs2(0, ONE, type(int256).max, 1, 2 * ONE, type(int256).max), why);
        fill(o, leg(0, 3 * ONE, 1_000));
    }

    function test_a_part_is_no_less_than_signed_unless_it_completes() public {
        IOrders.Terms memory t = plain(3 * ONE);
        t.bounds.minFill = 2e18;
        IOrders.Order memory o = orderOf(t, 1);
        bytes memory why = abi.encodeWithSelector(IOrders.BelowMinFill.selector, 2e18, 2e18 - 1);
        fillFails(o, leg(0, 2 * ONE - 1, 0), why);
        fill(o, leg(0, 2 * ONE, 100e6));
        fill(o, leg(0, ONE, 0));
        t.bounds.minFill = 0;
        t.bounds.allOrNone = true;
        o = orderOf(t, 2);
        why = abi.encodeWithSelector(IOrders.BelowMinFill.selector, 3e18, 2e18);
        fillFails(o, leg(0, 2 * ONE, 0), why);
        fill(o, leg(0, 3 * ONE, 0));
    }

    // --------------------------------------------------------------------- prices

    function test_every_fill_is_within_the_limit_with_tip_and_fee_in_it() public {
        venues.setCollector(collector);
        venues.setFee(ETH, 1e15);
        IOrders.Terms memory t = plain(ONE);
        (t.limitPrice, t.tip) = (2_003e18 - 1, 1e6);
        bytes memory why = abi.encodeWithSelector(IOrders.WorsePrice.selector, 2_003e36, 2_003e36 - 1e18);
        fillFails(orderOf(t, 1), leg(0, ONE, 0), why);
        t.limitPrice = 2_003e18;
        fill(orderOf(t, 1), leg(0, ONE, 100e6));
        same(idleOf(collector), 2e6, "fee");
        same(idleOf(keeper), 1e6, "tip");
        t = plain(-ONE);
        (t.limitPrice, t.tip) = (1_997e18 + 1, 1e6);
        why = abi.encodeWithSelector(IOrders.WorsePrice.selector, 1_997e36, 1_997e36 + 1e18);
        fillFails(orderOf(t, 2), leg(0, -ONE, 0), why);
        t.limitPrice = 1_997e18;
        fill(orderOf(t, 2), leg(0, -ONE, 0));
        // The fee is rounded up, at the oracle's price and not at the venue's.
        ethFeed.say(1_000e8 + 1, 0, block.timestamp);
        t = plain(1);
        t.limitPrice = MAX;
        fill(orderOf(t, 3), leg(0, 1, 0));
        same(idleOf(collector), 4e6 + 1, "rounded up");
        ethFeed.say(-1, 0, block.timestamp);
        fillFails(orderOf(t, 4), leg(0, 1, 0), abi.encodeWithSelector(IOrders.BadOracle.selector, -1, block.timestamp));
    }

    function test_each_leg_is_within_the_limit_by_itself() public {
        venue[0].be(uint8(Mood.FillsForNothing));
        venue[1].setPrice(E, 3_000e18);
        IOrders.Terms memory t = plain(2 * ONE);
        t.limitPrice = 2_500e18;
        bytes memory why = abi.encodeWithSelector(IOrders.WorsePrice.selector, 3_000e36, 2_500e36);
        fillFails(orderOf(t, 1), legs2(0, ONE, 0, 1, ONE, 0), why);
        t.limitPrice = 3_000e18;
        fill(orderOf(t, 1), legs2(0, ONE, 0, 1, ONE, 0));
    }

    function test_the_whole_price_stays_near_the_oracles() public {
        IOrders.Terms memory t = plain(ONE);
        (t.bounds.maxDeviation, t.tip) = (0.01e18, 1e6);
        venue[0].setPrice(E, 2_019e18 + 1);
        bytes memory why =
            abi.encodeWithSelector(IOrders.TooFarFromOracle.selector, 2_020e36 + 1e18, 2_020e36);
        fillFails(orderOf(t, 1), leg(0, ONE, 0), why);
        venue[0].setPrice(E, 2_019e18);
        fill(orderOf(t, 1), leg(0, ONE, 100e6));
        t = plain(-ONE);
        (t.bounds.maxDeviation, t.tip) = (0.01e18, 1e6);
        venue[0].setPrice(E, 1_981e18 - 1);
        why = abi.encodeWithSelector(IOrders.TooFarFromOracle.selector, 1_980e36 - 1e18, 1_980e36);
        fillFails(orderOf(t, 2), leg(0, -ONE, 0), why);
        venue[0].setPrice(E, 1_981e18);
        fill(orderOf(t, 2), leg(0, -ONE, 0));
        uint256 then = block.timestamp;
        vm.warp(then + 1 days);
        venue[0].setPrice(E, 2_000e18);
        fill(orderOf(t, 3), leg(0, -ONE, 0));
        vm.warp(then + 1 days + 1);
        why = abi.encodeWithSelector(IOrders.BadOracle.selector, 2_000e8, then);
        fillFails(orderOf(t, 4), leg(0, -ONE, 0), why);
        ethFeed.say(0, 0, block.timestamp);
        why = abi.encodeWithSelector(IOrders.BadOracle.selector, 0, block.timestamp);
        fillFails(orderOf(t, 4), leg(0, -ONE, 0), why);
        ethFeed.say(2_000e8, 0, block.timestamp + 1);
        why = abi.encodeWithSelector(IOrders.BadOracle.selector, 2_000e8, block.timestamp + 1);
        fillFails(orderOf(t, 4), leg(0, -ONE, 0), why);
    }

    function test_no_price_is_worse_than_the_best_single_venue_by_more_than_the_tolerance() public {
        IOrders.Terms memory t = plain(ONE);
        (t.bounds.tolerance, t.tip) = (0.01e18, 1e6);
        venue[1].setPrice(E, 2_020e18 + 2);
        bytes memory why = abi.encodeWithSelector(IOrders.NotBest.selector, 2_020e18 + 2, 2_020e18);
        fillFails(orderOf(t, 1), leg(1, ONE, 0), why);
        venue[1].setPrice(E, 2_020e18);
        fill(orderOf(t, 1), leg(1, ONE, 100e6));
        t = plain(-ONE);
        (t.bounds.tolerance, t.bounds.openAgainst) = (0.01e18, true);
        venue[1].setPrice(E, 2_021e18);
        fillFails(
            orderOf(t, 2),
            leg(0, -ONE, 0),
            abi.encodeWithSelector(IOrders.NotBest.selector, 2_000e18, 2_021e18 - 20.21e18)
        );
        venue[1].setPrice(E, 2_020e18);
        fill(orderOf(t, 2), leg(0, -ONE, 100e6));
        // A venue that cannot take it all, is paused or may not be used is no yardstick.
        venue[1].setPrice(E, 9_000e18);
        venue[1].setAble(false);
        fill(orderOf(t, 3), leg(0, -ONE, 0));
        venue[1].setAble(true);
        venues.pause(1);
        fill(orderOf(t, 4), leg(0, -ONE, 0));
        venues.unpause(1);
        t.venues = 1;
        fill(orderOf(t, 5), leg(0, -ONE, 0));
        // One that does not answer stops it, unless the order goes on without.
        t.venues = 3;
        venue[1].be(uint8(Mood.Silent));
        fillFails(orderOf(t, 6), leg(0, -ONE, 0), abi.encodeWithSelector(IQuotes.Unquotable.selector, 1));
        t.bounds.skipUnquotable = true;
        IOrders.Order memory o = orderOf(t, 6);
        bytes32 digest = desk.digest(o);
        bytes memory signature = signed(digest);
        vm.expectEmit(true, true, true, true, address(desk));
        emit QuotesSkipped(digest, 2);
        desk.fill(o, signature, leg(0, -ONE, 0), noReceipt());
        venue[1].be(uint8(Mood.Refuses));
        fillFails(orderOf(t, 7), leg(0, -ONE, 0), abi.encodeWithSelector(IQuotes.VenueBusy.selector, 1));
    }

    // ---------------------------------------------------------- pockets afterwards

    function test_leverage_stays_between_its_bounds_where_a_leg_opens() public {
        IOrders.Terms memory t = plain(ONE);
        t.bounds.maxLeverage = 4e18 - 1;
        bytes memory why = abi.encodeWithSelector(IOrders.LeverageTooHigh.selector, 0, 4e18);
        fillFails(orderOf(t, 1), leg(0, ONE, 500e6), why);
        t.bounds.maxLeverage = 4e18;
        fill(orderOf(t, 1), leg(0, ONE, 500e6));
        t.bounds.maxLeverage = 0;
        t.bounds.minLeverage = 4e18 + 1;
        why = abi.encodeWithSelector(IOrders.LeverageTooLow.selector, 0, 4e18);
        fillFails(orderOf(t, 2), leg(0, ONE, 500e6), why);
        t.bounds.minLeverage = 4e18;
        fill(orderOf(t, 2), leg(0, ONE, 500e6));
        t.size = -ONE;
        t.limitPrice = 0;
        fill(orderOf(t, 3), leg(0, -ONE, 0));
    }

    function test_reduce_only_never_turns_a_position() public {
        own(0, ONE, 1_000e6);
        IOrders.Terms memory t = plain(-2 * ONE);
        t.bounds.reduceOnly = true;
        bytes memory why = abi.encodeWithSelector(IOrders.NotReducing.selector, 0, -ONE);
        fillFails(orderOf(t, 1), leg(0, -2 * ONE, 0), why);
        fill(orderOf(t, 1), leg(0, -ONE, 0));
        fillFails(orderOf(t, 1), leg(0, -ONE, 0), why);
        t = plain(ONE);
        t.bounds.reduceOnly = true;
        why = abi.encodeWithSelector(IOrders.NotReducing.selector, 1, ONE);
        fillFails(orderOf(t, 2), leg(1, ONE, 0), why);
    }

    function test_nothing_opens_against_a_position_that_could_be_closed() public {
        own(1, -2 * ONE, 1_000e6);
        bytes memory why = abi.encodeWithSelector(IOrders.CloseFirst.selector, 2);
        fillFails(orderOf(plain(ONE), 1), leg(0, ONE, 0), why);
        // Not while a leg of its own leaves some of it either; but in one that closes it.
        fillFails(orderOf(plain(2 * ONE), 1), legs2(0, ONE, 0, 1, ONE, 0), why);
        IOrders.Terms memory t = plain(ONE);
        t.bounds.openAgainst = true;
        fill(orderOf(t, 1), leg(0, ONE, 100e6));
        own(0, -ONE, 0);
        t = plain(ONE);
        t.venues = 1;
        fill(orderOf(t, 2), leg(0, ONE, 0));
        own(0, -ONE, 0);
        venue[1].setAble(false);
        fill(orderOf(plain(ONE), 3), leg(0, ONE, 0));
        own(0, -ONE, 0);
        venue[1].setAble(true);
        fill(orderOf(plain(3 * ONE), 4), legs2(1, 2 * ONE, 0, 0, ONE, 0));
        same(held(1), 0, "closed");
        own(0, -2 * ONE, 0);
        why = abi.encodeWithSelector(IOrders.CloseFirst.selector, 1);
        fillFails(orderOf(plain(2 * ONE), 5), legs2(0, ONE / 2, 0, 1, 3 * ONE / 2, 0), why);
    }

    function test_a_position_that_fills_later_counts_only_for_orders_with_tickets() public {
        vm.prank(client);
        vault.commit(tradeOf(LATER, -ONE, 100e6), 0);
        seatOf(LATER).execute(E, -ONE);
        vault.settle(account, LATER, ETH, "");
        fill(orderOf(plain(ONE), 1), leg(0, ONE, 100e6));
        own(0, -ONE, 0);
        IOrders.Terms memory t = withTickets(plain(ONE), 1, 5e6);
        fillFails(orderOf(t, 2), leg(0, ONE, 0), abi.encodeWithSelector(IOrders.CloseFirst.selector, 4));
        venue[2].setAble(false);
        fill(orderOf(t, 2), leg(0, ONE, 0));
    }

    function test_margin_is_freed_only_from_a_seat_that_ends_flat() public {
        own(0, ONE, 1_000e6);
        IOrders.Terms memory t = plain(-ONE);
        bytes memory why = abi.encodeWithSelector(IOrders.NotFlat.selector, 1);
        fillFails(orderOf(t, 1), leg(0, -ONE / 2, -100), why);
        t.size = -2 * ONE;
        fillFails(orderOf(t, 1), legs2(0, -ONE, -100, 0, -ONE, 0), why);
        t.size = -ONE;
        uint256 idle = vault.idle(account);
        fill(orderOf(t, 1), leg(0, -ONE, -600e6));
        same(vault.idle(account), idle + 600e6, "freed");
        own(0, ONE, 0);
        venue[0].be(uint8(Mood.PaysShort));
        why = abi.encodeWithSelector(IVault.PaidShort.selector, 400e6, 200e6);
        fillFails(orderOf(t, 2), leg(0, -ONE, -400e6), why);
    }

    function test_an_order_to_close_all_is_not_done_by_no_legs_while_its_ticket_is_open() public {
        own(0, ONE, 1_000e6);
        vm.prank(client);
        vault.commit(tradeOf(LATER, ONE, 100e6), 0);
        seatOf(LATER).execute(E, ONE);
        vault.settle(account, LATER, ETH, "");
        IOrders.Terms memory t = withTickets(plain(type(int256).min), 1, 5e6);
        t.venues = 5;
        IOrders.Order memory o = orderOf(t, 1);
        fill(o, leg(0, -ONE, 0));
        commit(o, -ONE, 0);
        bytes memory why = abi.encodeWithSelector(IOrders.NotAllClosed.selector, 0);
        fillFails(o, new IOrders.Leg[](0), why);
        seatOf(LATER).execute(E, -ONE);
        desk.settle(account, LATER, ETH, 2, "");
        require(progress(o).done, "done");
    }
}
