// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IDelayedSeat, ISeat} from "../../interfaces/ISeat.sol";
import {IDesk} from "../../interfaces/IDesk.sol";
import {IOrders} from "../../interfaces/IOrders.sol";
import {IVault} from "../../interfaces/IVault.sol";
import {Mood} from "./StandIns.sol";
import {Stage} from "./Stage.sol";

contract TicketsTest is Stage {
    event TicketCommitted(
        bytes32 indexed account,
        uint8 indexed venue,
        bytes32 indexed market,
        uint256 number,
        int256 size,
        uint256 margin,
        uint256 tip,
        uint256 fee
    );
    event TicketSettled(
        bytes32 indexed account,
        uint8 indexed venue,
        bytes32 indexed market,
        uint256 number,
        int256 filled,
        uint256 quote,
        uint256 tip,
        uint256 fee
    );
    event Reclaimed(bytes32 indexed account, uint8 indexed venue, bytes32 indexed market, uint256 amount);
    event Settled(
        bytes32 indexed key, bytes32 indexed account, uint8 venue, uint256 number, int256 filled, uint256 quote
    );
    event Committed(
        bytes32 indexed key,
        bytes32 indexed account,
        address indexed filler,
        uint8 venue,
        uint256 number,
        int256 size,
        uint256 limitQuote,
        IOrders.Receipt receipt
    );

    function ticketOf(int256 size, uint256 margin, uint256 tip, uint256 fee)
        internal
        view
        returns (IVault.Trade memory t)
    {
        t = tradeOf(LATER, size, margin);
        (t.tip, t.payee, t.fee, t.collector) = (tip, keeper, fee, collector);
    }

    function committed(int256 size, uint256 margin, uint256 tip, uint256 fee) internal {
        vm.prank(client);
        vault.commit(ticketOf(size, margin, tip, fee), 0);
    }

    // ---------------------------------------------------------------- the vault's

    function test_a_ticket_sets_tip_and_fee_aside_and_pays_them_by_what_was_filled() public {
        IVault.Trade memory t = ticketOf(3 * ONE, 1_000 * USDC, 10, 20);
        t.measure = true;
        vm.prank(client);
        vm.expectEmit(true, true, true, true, address(vault));
        emit TicketCommitted(account, LATER, ETH, 1, 3 * ONE, 1_000 * USDC, 10, 20);
        IVault.Commitment memory c = vault.commit(t, 0);
        same(c.number, 1, "number");
        same(c.atRisk, 2e18, "at risk");
        same(c.position, 3 * ONE, "position");
        same(c.leverage, 6e18, "leverage");
        same(c.active, 4, "active");
        same(vault.reserved(account), 30, "reserved");
        same(vault.idle(account), 99_000 * USDC - 30, "idle");
        same(vault.paidToday(account), 30, "counts as paid");
        IVault.Ticket memory open = vault.ticket(account, LATER, ETH);
        require(open.open && open.number == 1 && open.payee == keeper && open.collector == collector, "ticket");
        require(open.tip == 10 && open.fee == 20 && open.since == block.timestamp, "ticket");
        require(!vault.settle(account, LATER, ETH, "").settled, "still open");
        seatOf(LATER).execute(E, ONE);
        vm.expectEmit(true, true, true, true, address(vault));
        emit TicketSettled(account, LATER, ETH, 1, ONE, 2_002e18, 3, 6);
        IVault.Outcome memory o = vault.settle(account, LATER, ETH, "");
        require(o.settled && o.filled == ONE && o.quote == 2_002e18, "outcome");
        same(idleOf(keeper), 3, "tip");
        same(idleOf(collector), 6, "fee");
        same(vault.reserved(account), 0, "reserved");
        same(vault.idle(account), 99_000 * USDC - 9, "idle");
        same(vault.active(account), 4, "active");
        o = vault.outcome(account, LATER, ETH, 1);
        require(o.settled && o.filled == ONE && o.quote == 2_002e18, "kept");
        require(!vault.outcome(account, LATER, ETH, 2).settled, "another");
        vm.expectRevert(abi.encodeWithSelector(IVault.NoTicket.selector, account, LATER, ETH));
        vault.settle(account, LATER, ETH, "");
        open = vault.ticket(account, LATER, ETH);
        require(!open.open && open.tip == 0 && open.fee == 0 && open.number == 1, "closed");
    }

    function test_a_venue_that_says_it_filled_too_much_or_the_wrong_way_pays_no_more_than_was_set_aside() public {
        committed(ONE, 100 * USDC, 10, 0);
        seatOf(LATER).execute(E, 5 * ONE);
        vault.settle(account, LATER, ETH, "");
        same(idleOf(keeper), 10, "too much");
        committed(-5 * ONE, 0, 10, 0);
        seatOf(LATER).execute(E, ONE);
        vault.settle(account, LATER, ETH, "");
        same(idleOf(keeper), 12, "the wrong way");
        same(vault.reserved(account), 0, "reserved");
        committed(ONE, 0, 0, 7);
        seatOf(LATER).execute(E, int256(1) << 119);
        vm.expectRevert(abi.encodeWithSelector(ISeat.NotExact.selector, ONE, int256(1) << 119));
        vault.settle(account, LATER, ETH, "");
        seatOf(LATER).execute(E, -(int256(1) << 119) - 6 * ONE + ONE);
        venue[2].be(uint8(Mood.FillsForNothing));
        vm.expectRevert();
        vault.settle(account, LATER, ETH, "");
        seatOf(LATER).execute(E, ONE);
        require(vault.settle(account, LATER, ETH, "").quote == type(uint128).max, "no price");
        same(idleOf(collector), 7, "fee alone");
    }

    function test_a_cancelled_ticket_gives_all_back_and_a_flat_seat_is_marked_no_more() public {
        committed(ONE, 100 * USDC, 10, 20);
        same(vault.active(account), 4, "active");
        IVault.Outcome memory o = vault.expire(account, LATER, ETH);
        require(o.settled && o.filled == 0 && o.quote == 0, "cancelled");
        same(vault.reserved(account), 0, "reserved");
        same(vault.idle(account), 99_900 * USDC, "idle");
        same(vault.active(account), 0, "flat");
        vm.expectRevert(abi.encodeWithSelector(IDelayedSeat.NoTicket.selector, E));
        vault.expire(account, LATER, ETH);
        vm.expectRevert(abi.encodeWithSelector(IVault.FillsAtOnce.selector, 0));
        vault.settle(account, 0, ETH, "");
        vm.expectRevert(abi.encodeWithSelector(IVault.FillsAtOnce.selector, 0));
        vault.expire(account, 0, ETH);
        vm.expectRevert(abi.encodeWithSelector(IVault.NoTicket.selector, account, LATER, BTC));
        vault.settle(account, LATER, BTC, "");
        vm.prank(client);
        vm.expectRevert(abi.encodeWithSelector(IVault.FillsAtOnce.selector, 0));
        vault.commit(tradeOf(0, ONE, 0), 0);
        committed(ONE, 0, 0, 0);
        same(vault.reserved(account), 0, "nothing aside");
        same(vault.ticket(account, LATER, ETH).number, 2, "the next");
    }

    function test_an_open_ticket_blocks_its_pocket_and_a_resolved_one_is_settled_first() public {
        committed(ONE, 100 * USDC, 10, 0);
        bytes memory blocked = abi.encodeWithSelector(IVault.TicketOpen.selector, account, LATER, ETH);
        vm.startPrank(client);
        vm.expectRevert(blocked);
        vault.commit(ticketOf(ONE, 0, 0, 0), 0);
        vm.expectRevert(blocked);
        vault.post(account, LATER, ETH, 1, 0);
        vm.expectRevert(blocked);
        vault.pull(account, LATER, ETH, 1, 0);
        vm.expectRevert(blocked);
        vault.pullInKind(account, LATER, ETH, 1, client);
        seatOf(LATER).execute(E, ONE);
        vault.post(account, LATER, ETH, 1, 0);
        same(idleOf(keeper), 10, "settled first");
        vault.commit(ticketOf(ONE, 0, 10, 0), 0);
        seatOf(LATER).execute(E, ONE);
        vault.pull(account, LATER, ETH, 1, 1);
        same(idleOf(keeper), 20, "settled first");
        vault.commit(ticketOf(ONE, 0, 10, 0), 0);
        seatOf(LATER).execute(E, ONE);
        vault.commit(ticketOf(-ONE, 0, 0, 0), 0);
        same(idleOf(keeper), 30, "settled first");
        same(vault.ticket(account, LATER, ETH).number, 4, "number");
    }

    function test_a_paused_venue_takes_only_reducing_tickets_of_operators() public {
        committed(ONE, 100 * USDC, 0, 0);
        seatOf(LATER).execute(E, ONE);
        grant(account, address(this), 7, 100);
        venues.pause(LATER);
        bytes memory paused = abi.encodeWithSelector(IVault.VenuePaused.selector, LATER);
        vm.expectRevert(paused);
        vault.commit(tradeOf(LATER, ONE, 0), 0);
        vm.expectRevert(paused);
        vault.commit(tradeOf(LATER, -2 * ONE, 0), 0);
        vault.commit(tradeOf(LATER, -ONE, 0), 0);
    }

    function test_what_nobody_can_settle_is_reclaimed_after_a_day() public {
        committed(ONE, 100 * USDC, 10, 20);
        vm.prank(attacker);
        vm.expectRevert(abi.encodeWithSelector(IVault.NotOwner.selector, account, attacker));
        vault.reclaim(account, LATER, ETH);
        uint256 until = block.timestamp + 1 days;
        vm.warp(until - 1);
        vm.startPrank(client);
        vm.expectRevert(abi.encodeWithSelector(IVault.StillReserved.selector, until));
        vault.reclaim(account, LATER, ETH);
        vm.expectRevert(abi.encodeWithSelector(IVault.NoTicket.selector, account, LATER, BTC));
        vault.reclaim(account, LATER, BTC);
        vm.warp(until);
        vm.expectEmit(true, true, true, true, address(vault));
        emit Reclaimed(account, LATER, ETH, 30);
        vault.reclaim(account, LATER, ETH);
        same(vault.reserved(account), 0, "reserved");
        same(vault.idle(account), 99_900 * USDC, "idle");
        require(vault.ticket(account, LATER, ETH).open, "stays open");
        vault.reclaim(account, LATER, ETH);
        same(vault.idle(account), 99_900 * USDC, "once");
        seatOf(LATER).execute(E, ONE);
        vault.settle(account, LATER, ETH, "");
        same(idleOf(keeper), 0, "nothing left to pay");
        // One that can be settled is settled instead.
        vault.commit(ticketOf(ONE, 0, 10, 0), 0);
        seatOf(LATER).execute(E, ONE);
        vm.warp(block.timestamp + 1 days);
        vault.reclaim(account, LATER, ETH);
        same(idleOf(keeper), 10, "paid");
        // One whose venue is broken is reclaimed too.
        vault.commit(ticketOf(ONE, 0, 10, 0), 0);
        seatOf(LATER).execute(E, int256(1) << 119);
        vm.warp(block.timestamp + 1 days);
        vault.reclaim(account, LATER, ETH);
        same(vault.reserved(account), 0, "reserved");
    }

    function test_a_delayed_seat_listens_to_the_vault_alone_and_holds_one_ticket_a_market() public {
        committed(ONE, 100 * USDC, 0, 0);
        IDelayedSeat seat = IDelayedSeat(address(seatOf(LATER)));
        require(seat.delayed() && seat.isolated(), "kind");
        same(seat.pending(E), ONE, "pending");
        require(!seat.closable(E) && seat.closable(B), "closable");
        bytes memory not = abi.encodeWithSelector(ISeat.NotVault.selector, attacker);
        vm.startPrank(attacker);
        vm.expectRevert(not);
        seat.commit(E, ONE, 0, 0, 0, false);
        vm.expectRevert(not);
        seat.settle(E, "");
        vm.expectRevert(not);
        seat.expire(E);
        vm.stopPrank();
        vm.startPrank(address(vault));
        vm.expectRevert(abi.encodeWithSelector(IDelayedSeat.TicketOpen.selector, E));
        seat.commit(E, ONE, 0, 0, 0, false);
        vm.expectRevert(abi.encodeWithSelector(IDelayedSeat.NoTicket.selector, B));
        seat.settle(B, "");
        vm.expectRevert(abi.encodeWithSelector(IDelayedSeat.NoTicket.selector, B));
        seat.expire(B);
    }

    function test_a_seat_is_flat_only_if_every_market_it_was_in_is() public {
        committed(ONE, 100 * USDC, 0, 0);
        IVault.Trade memory t = ticketOf(ONE, 100 * USDC, 0, 0);
        t.market = BTC;
        vm.prank(client);
        vault.commit(t, 0);
        vault.expire(account, LATER, ETH);
        same(vault.active(account), 4, "a ticket elsewhere");
        seatOf(LATER).execute(B, ONE);
        vault.settle(account, LATER, BTC, "");
        committed(ONE, 0, 0, 0);
        vault.expire(account, LATER, ETH);
        same(vault.active(account), 4, "a position elsewhere");
        committed(ONE, 0, 0, 0);
        seatOf(LATER).bury(true);
        vault.expire(account, LATER, ETH);
        same(vault.active(account), 4, "no answer");
        seatOf(LATER).bury(false);
        t.size = -ONE;
        vm.prank(client);
        vault.commit(t, 0);
        seatOf(LATER).execute(B, -ONE);
        vault.settle(account, LATER, BTC, "");
        same(vault.active(account), 0, "flat");
    }

    function test_leverage_of_a_ticket_is_measured_where_it_would_open() public {
        IVault.Trade memory t = ticketOf(-ONE, 1_000 * USDC, 0, 0);
        t.measure = true;
        vm.startPrank(client);
        same(vault.commit(t, 0).leverage, 2e18, "short");
        seatOf(LATER).execute(E, -ONE);
        t.margin = 0;
        t.size = ONE;
        same(vault.commit(t, 0).leverage, 0, "reduces");
        vault.expire(account, LATER, ETH);
        t.size = 2 * ONE;
        require(vault.commit(t, 0).leverage > 0, "turns");
        vault.expire(account, LATER, ETH);
        t.measure = false;
        same(vault.commit(t, 0).leverage, 0, "not asked");
    }

    // ----------------------------------------------------------------- the desk's

    function test_the_desk_books_a_ticket_as_filled_and_its_end_as_it_was() public {
        IOrders.Terms memory t = withTickets(plain(4 * ONE), 2, 10 * USDC);
        t.tip = 40;
        IOrders.Order memory o = orderOf(t, 1);
        bytes32 digest = desk.digest(o);
        bytes memory signature = signed(digest);
        vm.prank(keeper);
        vm.expectEmit(true, true, true, true, address(desk));
        emit Committed(
            digest, account, keeper, LATER, 1, 2 * ONE, 20_000e18 - 20e12, noReceipt()
        );
        same(desk.commit(o, signature, IOrders.Leg(LATER, 2 * ONE, 1_000e6), noReceipt()), 1, "number");
        same(seatOf(LATER).bound(E), 20_000e18 - 20e12, "bound");
        IOrders.Progress memory p = progress(o);
        require(p.used == 2e18 && p.pending == 2e18 && p.margin == 1_000e6 && p.tip == 20, "booked");
        require(p.cost == 2e6 && p.open == 1 && p.failures == 0 && !p.done, "booked");
        vm.expectRevert(abi.encodeWithSelector(IOrders.TicketOpen.selector, account, LATER, ETH, 1));
        desk.settle(account, LATER, ETH, 1, "");
        seatOf(LATER).execute(E, ONE);
        vm.expectEmit(true, true, true, true, address(desk));
        emit Settled(digest, account, LATER, 1, ONE, 2_002e18);
        desk.settle(account, LATER, ETH, 1, "");
        p = progress(o);
        require(p.used == 1e18 && p.pending == 0 && p.tip == 10 && p.open == 0, "half filled");
        require(p.cost == 1e6 && p.failures == 0 && p.margin == 1_000e6, "half filled");
        same(idleOf(keeper), 10, "tip");
        vm.expectRevert(abi.encodeWithSelector(IOrders.NoTicket.selector, account, LATER, ETH, 1));
        desk.settle(account, LATER, ETH, 1, "");
        // Settled at the vault by somebody, then booked.
        commit(o, 3 * ONE, 0);
        vault.expire(account, LATER, ETH);
        desk.settle(account, LATER, ETH, 2, "");
        p = progress(o);
        require(p.used == 1e18 && p.failures == 1 && p.cost == 3e6 && p.tip == 10, "failed");
        commit(o, 3 * ONE, 0);
        venue[2].be(uint8(Mood.FillsForNothing));
        seatOf(LATER).execute(E, 3 * ONE);
        vm.expectEmit(true, true, true, true, address(desk));
        emit Settled(digest, account, LATER, 3, 3 * ONE, MAX);
        desk.settle(account, LATER, ETH, 3, "");
        p = progress(o);
        require(p.used == 4e18 && p.tip == 40 && p.pending == 0 && p.failures == 1, "filled");
        same(idleOf(keeper), 40, "tip");
    }

    function test_a_ticket_needs_terms_of_its_own_and_stays_within_them() public {
        IOrders.Terms memory t = plain(4 * ONE);
        bytes memory why = abi.encodeWithSelector(IOrders.NoTickets.selector);
        commitFails(orderOf(t, 1), ONE, 0, why);
        t = withTickets(t, 1, 2 * USDC);
        why = abi.encodeWithSelector(IOrders.TooMuchMargin.selector, 0, 5);
        commitFails(orderOf(t, 1), ONE, -5, why);
        IOrders.Order memory o = orderOf(t, 1);
        commit(o, ONE, 100e6);
        vault.expire(account, LATER, ETH);
        // One is open in the desk's books until its end is booked.
        commitFails(o, ONE, 0, abi.encodeWithSelector(IOrders.TooManyTickets.selector, 1));
        desk.settle(account, LATER, ETH, 1, "");
        commitFails(o, ONE, 0, abi.encodeWithSelector(IOrders.TooManyTickets.selector, 1));
        t = withTickets(plain(4 * ONE), 9, 4 * USDC - 1);
        o = orderOf(t, 2);
        commit(o, ONE, 100e6);
        vault.expire(account, LATER, ETH);
        desk.settle(account, LATER, ETH, 2, "");
        why = abi.encodeWithSelector(IOrders.TicketsTooDear.selector, 4 * USDC - 1, 4 * USDC);
        commitFails(o, ONE, 0, why);
        t.tickets = new IOrders.Tickets[](2);
        commitFails(orderOf(t, 3), ONE, 0, abi.encodeWithSelector(IOrders.BadTerms.selector));
        o = orderOf(withTickets(plain(ONE), 1, 2e6), 4);
        commitFails(o, 0, 0, abi.encodeWithSelector(IOrders.BadLeg.selector, 0));
        vm.expectRevert(abi.encodeWithSelector(IOrders.NoTicket.selector, account, LATER, ETH, 77));
        desk.settle(account, LATER, ETH, 77, "");
    }

    function test_a_tickets_bound_is_the_worst_price_that_all_bounds_allow() public {
        venues.setCollector(collector);
        venues.setFee(ETH, 1e15);
        IOrders.Terms memory t = withTickets(plain(ONE), 1, 2e6);
        (t.limitPrice, t.tip) = (2_100e18, 1e6);
        // The fee is 0.1 % of 2,000.
        commit(orderOf(t, 1), ONE, 100e6);
        same(seatOf(LATER).bound(E), 2_100e18 - 3e18, "limit less tip and fee");
        same(vault.reserved(account), 3e6, "aside");
        t.bounds.maxDeviation = 0.01e18;
        vault.expire(account, LATER, ETH);
        commit(orderOf(t, 2), ONE, 0);
        same(seatOf(LATER).bound(E), 2_020e18 - 3e18, "oracle's");
        vault.expire(account, LATER, ETH);
        t.bounds.tolerance = 0.001e18;
        commit(orderOf(t, 3), ONE, 0);
        same(seatOf(LATER).bound(E), 2_002e18, "best venue's");
        vault.expire(account, LATER, ETH);
        t = withTickets(plain(-ONE), 1, 2e6);
        (t.limitPrice, t.tip) = (1_900e18 + 1, 1e6);
        commit(orderOf(t, 4), -ONE, 0);
        same(seatOf(LATER).bound(E), 1_900e18 + 1 + 3e18, "limit and tip and fee");
        vault.expire(account, LATER, ETH);
        t.bounds.maxDeviation = 0.01e18;
        commit(orderOf(t, 5), -ONE, 0);
        same(seatOf(LATER).bound(E), 1_980e18 + 3e18, "oracle's");
        vault.expire(account, LATER, ETH);
        t.bounds.tolerance = 0.001e18;
        commit(orderOf(t, 6), -ONE, 0);
        same(seatOf(LATER).bound(E), 1_998e18, "best venue's");
        vault.expire(account, LATER, ETH);
        t = withTickets(plain(-1), 1, 2e6);
        t.limitPrice = 1;
        commit(orderOf(t, 7), -1, 0);
        same(seatOf(LATER).bound(E), 1 + 1e12, "rounded up, with a fee of one unit");
    }

    function test_a_tickets_leverage_and_direction_are_held_against_the_terms() public {
        IOrders.Terms memory t = withTickets(plain(ONE), 1, 2e6);
        t.bounds.maxLeverage = 2e18;
        bytes memory why = abi.encodeWithSelector(IOrders.LeverageTooHigh.selector, LATER, 4e18);
        commitFails(orderOf(t, 1), ONE, 500e6, why);
        t.bounds.maxLeverage = 0;
        t.bounds.reduceOnly = true;
        why = abi.encodeWithSelector(IOrders.NotReducing.selector, LATER, ONE);
        commitFails(orderOf(t, 1), ONE, 500e6, why);
        own(0, -ONE, 1_000e6);
        t.bounds.reduceOnly = false;
        why = abi.encodeWithSelector(IOrders.CloseFirst.selector, 1);
        commitFails(orderOf(t, 1), ONE, 500e6, why);
        t.bounds.openAgainst = true;
        commit(orderOf(t, 1), ONE, 500e6);
    }

    function test_coin_sent_along_goes_to_the_venue() public {
        IOrders.Order memory o = orderOf(withTickets(plain(ONE), 1, 2e6), 1);
        bytes memory signature = signed(desk.digest(o));
        vm.deal(keeper, 9);
        vm.prank(keeper);
        desk.commit{value: 9}(o, signature, IOrders.Leg(LATER, ONE, 100e6), noReceipt());
        same(address(seatOf(LATER)).balance, 9, "coin");
    }
}
