// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IOrders} from "../../interfaces/IOrders.sol";
import {IVault} from "../../interfaces/IVault.sol";
import {Mood, ScriptedDelayedSeat} from "./StandIns.sol";
import {Stage} from "./Stage.sol";

/// @notice One unit is something: of size, of money, beyond a bound. What survived `make mutants` first was mostly this.
contract UnitsTest is Stage {
    event QuotesSkipped(bytes32 indexed key, uint256 venues);

    function operator(address who, uint8 rights, uint128 at) internal {
        vm.prank(client);
        vault.setOperator(account, IVault.Grant(who, rights, type(uint40).max, 0, at));
    }

    // -------------------------------------------------------------------- money

    function test_one_unit_is_deposited_and_withdrawn() public {
        uint256 before = vault.idle(account);
        fund(client, account, 1);
        same(vault.idle(account), before + 1, "idle");
        vm.prank(client);
        vault.withdraw(account, 1, attacker);
        same(usdc.balanceOf(attacker), 1, "withdrawn");
    }

    function test_a_trade_of_one_unit_with_one_unit_of_margin_and_tip() public {
        IVault.Trade memory t = tradeOf(0, 1, 1);
        (t.tip, t.payee, t.measure) = (1, keeper, true);
        vm.prank(client);
        IVault.Fill memory f = vault.trade(t);
        same(f.position, 1, "position");
        same(f.leverage, 2e9, "leverage"); // 2,000 ÷ 1e12.
        same(idleOf(keeper), 1, "tip");
        same(vault.posted(0), 1, "posted");
        t = tradeOf(1, -1, 1);
        t.measure = true;
        vm.prank(client);
        f = vault.trade(t);
        same(f.leverage, 2e9, "leverage");
    }

    function test_a_tickets_tip_of_one_unit_is_set_aside() public {
        IOrders.Terms memory t = withTickets(plain(ONE), 1, 10e6);
        t.tip = 1;
        commit(orderOf(t, 1), ONE, 1_000e6);
        same(vault.reserved(account), 1, "reserved");
        same(vault.posted(LATER), 1_000e6, "posted");
    }

    function test_a_tip_is_paid_with_the_first_leg_and_no_other() public {
        IOrders.Terms memory t = plain(3 * ONE);
        t.tip = 7;
        IOrders.Leg[] memory legs = legs2(0, ONE, 1_000e6, 1, 2 * ONE, 1);
        fill(orderOf(t, 1), legs);
        same(idleOf(keeper), 7, "tip");
        same(vault.paidToday(account), 7, "paid");
        same(vault.posted(0), 1_000e6, "posted");
        same(vault.posted(1), 1, "posted");
        fill(orderOf(plain(ONE), 2), leg(1, ONE, 0));
        same(vault.posted(1), 1, "a leg without margin posts none");
        same(idleOf(keeper), 7, "tip");
    }

    function test_what_ends_flat_has_no_leverage_to_be_measured_whatever_else_is_held() public {
        IVault.Trade memory other = tradeOf(0, ONE, 1_000e6);
        other.market = BTC;
        vm.prank(client);
        vault.trade(other);
        own(0, ONE, 0);
        IVault.Trade memory t = tradeOf(0, -ONE, 0);
        t.measure = true;
        vm.prank(client);
        same(vault.trade(t).leverage, 0, "a sale");
        own(0, -ONE, 0);
        t = tradeOf(0, ONE, 0);
        t.measure = true;
        vm.prank(client);
        same(vault.trade(t).leverage, 0, "a purchase");
    }

    function test_a_fee_of_one_unit_is_paid() public {
        IVault.Trade memory t = tradeOf(0, ONE, 1_000e6);
        (t.fee, t.collector) = (1, attacker);
        vm.prank(client);
        vault.trade(t);
        same(idleOf(attacker), 1, "fee");
    }

    function test_a_tickets_fee_of_one_unit_is_paid_once_it_is_filled() public {
        IVault.Trade memory t = tradeOf(LATER, ONE, 1_000e6);
        (t.fee, t.collector) = (1, attacker);
        vm.prank(client);
        vault.commit(t, 1e18);
        same(idleOf(attacker), 0, "set aside");
        (address seat,) = vault.seatOf(account, LATER);
        ScriptedDelayedSeat(seat).execute(E, ONE);
        vault.settle(account, LATER, ETH, "");
        same(idleOf(attacker), 1, "paid");
    }

    function test_a_unit_that_was_set_aside_comes_back_from_a_ticket_that_was_not_filled() public {
        IOrders.Terms memory t = withTickets(plain(ONE), 1, 10e6);
        t.tip = 1;
        uint256 before = vault.idle(account);
        commit(orderOf(t, 1), ONE, 1_000e6);
        vault.expire(account, LATER, ETH);
        same(vault.reserved(account), 0, "reserved");
        same(vault.idle(account), before - 1_000e6, "idle");
    }

    function test_what_is_paid_counts_until_the_day_is_over_and_not_a_second_longer() public {
        vm.startPrank(client);
        vm.warp(30_000 days - 1);
        vault.pay(account, keeper, 9);
        same(vault.paidToday(account), 9, "the day's last second");
        vm.warp(30_000 days);
        same(vault.paidToday(account), 0, "the next day's first");
        vault.pay(account, keeper, 5);
        same(vault.paidToday(account), 5, "the next day's");
        vm.stopPrank();
    }

    // -------------------------------------------------------------------- nonces

    function test_the_nonces_of_a_word_are_spent_and_bound_one_by_one() public {
        uint256[5] memory nonces = [uint256(63), 64, 127, 128, 300];
        for (uint256 i; i < nonces.length; ++i) {
            IOrders.Order memory o = orderOf(plain(2 * ONE), nonces[i]);
            fill(o, leg(0, ONE, 1_000e6));
            IOrders.Order memory other = orderOf(plain(3 * ONE), nonces[i]);
            fillFails(
                other,
                leg(0, ONE, 0),
                abi.encodeWithSelector(IOrders.NonceTaken.selector, nonces[i], desk.digest(o))
            );
            require(!desk.isSpent(account, nonces[i]), "not yet");
            fill(o, leg(0, ONE, 0));
            require(desk.isSpent(account, nonces[i]), "spent");
            require(!desk.isSpent(account, nonces[i] + 1), "its neighbour");
        }
    }

    // --------------------------------------------------------------------- size

    function test_a_ticket_for_one_unit_is_measured() public {
        IVault.Trade memory t = tradeOf(LATER, 1, 1_000e6);
        t.measure = true;
        vm.prank(client);
        require(vault.commit(t, 1e18).leverage > 0, "leverage");
    }

    function test_a_purchase_of_one_unit_may_be_as_far_from_the_best_as_is_signed() public {
        IOrders.Terms memory t = plain(1);
        t.bounds.tolerance = 0.01e18;
        fill(orderOf(t, 1), leg(0, 1, 0));
        same(held(0), 1, "at the best");
    }

    function test_the_least_leverage_that_can_be_signed_is_a_bound() public {
        IOrders.Terms memory t = plain(ONE);
        t.bounds.maxLeverage = 1;
        bytes memory signature = signed(desk.digest(orderOf(t, 1)));
        vm.expectRevert();
        desk.fill(orderOf(t, 1), signature, leg(0, ONE, 1_000e6), noReceipt());
        t.bounds.maxLeverage = 3e18;
        fill(orderOf(t, 2), leg(0, ONE, 1_000e6));
    }


    function test_an_order_for_one_unit_is_bought_or_sold_as_any() public {
        fill(orderOf(plain(1), 1), leg(0, 1, 0));
        same(held(0), 1, "bought");
        IOrders.Terms memory t = plain(1);
        t.limitPrice = 1_999e18;
        bytes memory signature = signed(desk.digest(orderOf(t, 2)));
        vm.expectRevert();
        desk.fill(orderOf(t, 2), signature, leg(0, 1, 0), noReceipt());
        t = plain(-1);
        t.bounds.openAgainst = true;
        fill(orderOf(t, 3), leg(1, -1, 0));
        same(held(1), -1, "sold");
        t = withTickets(plain(1), 1, 10e6);
        t.bounds.openAgainst = true;
        commit(orderOf(t, 4), 1, 1_000e6);
    }

    function test_an_order_may_be_as_large_as_its_record() public {
        int256 most = int256(uint256(type(uint128).max));
        IOrders.Order memory o = orderOf(plain(most), 1);
        fill(o, leg(0, ONE, 0));
        same(progress(o).used, uint256(ONE), "used");
        fillFails(orderOf(plain(most + 1), 2), leg(0, ONE, 0), abi.encodeWithSelector(IOrders.BadSize.selector, most + 1));
    }

    function test_an_owner_closes_at_exactly_its_limit() public {
        own(0, ONE, 1_000e6);
        own(1, -ONE, 1_000e6);
        vm.startPrank(client);
        vm.expectRevert();
        vault.close(account, 0, ETH, 2_000e18 + 1);
        vm.expectRevert();
        vault.close(account, 1, ETH, 2_000e18 - 1);
        (int256 done,) = vault.close(account, 0, ETH, 2_000e18);
        same(done, -ONE, "sold");
        (done,) = vault.close(account, 1, ETH, 2_000e18);
        same(done, ONE, "bought");
        vm.stopPrank();
    }

    // ------------------------------------------------------------------- bounds

    function test_reducing_at_a_paused_venue_ends_flat_at_the_latest() public {
        own(0, -5, 1_000e6);
        own(1, 5, 1_000e6);
        operator(attacker, TRADE, 3);
        venues.pauseAll();
        bytes memory paused = abi.encodeWithSelector(IVault.VenuePaused.selector, 0);
        vm.startPrank(attacker);
        vm.expectRevert(paused);
        vault.trade(tradeOf(0, 6, 0));
        vault.trade(tradeOf(0, 1, 0));
        vault.trade(tradeOf(0, 4, 0));
        same(held(0), 0, "flat");
        paused = abi.encodeWithSelector(IVault.VenuePaused.selector, 1);
        vm.expectRevert(paused);
        vault.trade(tradeOf(1, -6, 0));
        vault.trade(tradeOf(1, -4, 0));
        vault.trade(tradeOf(1, -1, 0));
        vm.stopPrank();
    }

    function test_an_operator_moves_margin_at_its_own_venues_alone() public {
        own(0, ONE, 1_000e6);
        own(1, ONE, 1_000e6);
        operator(attacker, MOVE, 1 << 1);
        vm.startPrank(attacker);
        vault.pull(account, 1, ETH, 1, 1);
        vault.post(account, 1, ETH, 1, 0);
        bytes memory not = abi.encodeWithSelector(IVault.VenueNotGranted.selector, account, attacker, 1);
        vm.expectRevert(not);
        vault.pull(account, 0, ETH, 1, 1);
        vm.expectRevert(not);
        vault.post(account, 0, ETH, 1, 0);
        vm.stopPrank();
    }

    function test_an_order_that_names_no_filler_is_anybodys_at_any_time() public {
        IOrders.Terms memory t = withConditions(plain(ONE));
        t.conditions[0].fillerUntil = MAX;
        fill(orderOf(t, 1), leg(0, ONE, 100e6));
        t.conditions[0].filler = attacker;
        bytes memory not = abi.encodeWithSelector(IOrders.NotFiller.selector, attacker, MAX);
        fillFails(orderOf(t, 2), leg(0, ONE, 0), not);
    }

    function test_an_oracles_least_answer_is_a_price() public {
        IOrders.Terms memory t = withConditions(plain(ONE));
        t.conditions[0].triggerPrice = 1e10;
        ethFeed.say(0, block.timestamp, block.timestamp);
        bytes memory bad = abi.encodeWithSelector(IOrders.BadOracle.selector, 0, block.timestamp);
        fillFails(orderOf(t, 1), leg(0, ONE, 0), bad);
        ethFeed.say(1, block.timestamp, block.timestamp);
        fill(orderOf(t, 1), leg(0, ONE, 0));
        same(held(0), ONE, "held");
    }

    function test_the_first_venue_that_cannot_be_quoted_is_named() public {
        own(1, ONE, 1_000e6);
        venue[0].be(uint8(Mood.Silent));
        IOrders.Terms memory t = plain(-ONE);
        (t.venues, t.bounds.tolerance, t.bounds.skipUnquotable) = (3, 1e16, true);
        IOrders.Order memory o = orderOf(t, 1);
        bytes32 digest = desk.digest(o);
        bytes memory signature = signed(digest);
        vm.expectEmit(true, true, true, true, address(desk));
        emit QuotesSkipped(digest, 1);
        desk.fill(o, signature, leg(1, -ONE, 0), noReceipt());
    }
}
