// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IDelayedSeat, ISeat} from "../../interfaces/ISeat.sol";
import {IVault} from "../../interfaces/IVault.sol";
import {ISynthetixMarket, ISynthetixResolver} from "../../interfaces/venues/ISynthetix.sol";
import {ISynthetixPublic, RealSynthetix} from "./RealSynthetix.sol";

interface ISynthetixOwned {
    function setExchangeDynamicFeeRounds(uint256 rounds) external;
    function setExchangeMaxDynamicFee(uint256 fee) external;
    function updateAccessControl(bytes32 section, address who, bool canSuspend, bool canResume) external;
    function suspendSystem(uint256 reason) external;
}

contract RealVenuesSynthetixTest is RealSynthetix {
    // ------------------------------------------------------------------ tickets

    function test_synthetix_tickets_open_add_reduce_turn_and_close() public {
        // Each with the price that is brought, and with no margin but the first.
        int256[6] memory sizes = [3 * ONE, ONE, -2 * ONE, -5 * ONE, ONE, 2 * ONE];
        int256 whole;
        for (uint256 i; i < sizes.length; ++i) {
            IVault.Commitment memory c = commit(sizes[i], i == 0 ? MARGIN : 0);
            whole += sizes[i];
            same(c.number, i + 1, "number");
            same(c.position, whole, "position");
            if (whole > 0 == sizes[i] > 0) require(c.leverage > 0, "grows");
            else same(c.leverage, 0, "reduces");
            if (i > 0) same(c.atRisk, DEPOSIT, "at risk");
            same(c.active, 4, "active");
            same(IDelayedSeat(seat()).pending(instrumentOf[SYNTHETIX][ETH]), sizes[i], "pending");
            require(!settle().settled, "open");
            execute(2_000);
            IVault.Outcome memory o = settle();
            require(o.settled && o.filled == sizes[i], "filled");
            // Skew, fee and deposit in it, and the first one's exchange.
            near(o.quote, 2_000 * uint256(sizes[i] > 0 ? sizes[i] : -sizes[i]), 5_000, "price");
            same(sizeAt(SYNTHETIX, ETH), whole, "held");
        }
        same(whole, 0, "flat");
        same(vault.active(account), 0, "inactive");
        require(pull(SYNTHETIX, MAX) > 2_900 * USDC, "what is left of it");
    }

    function test_synthetix_the_whole_price_is_the_margin_that_is_gone() public {
        IVault.Commitment memory c = commit(2 * ONE, MARGIN);
        uint256 before = held().margin;
        execute(2_010);
        uint256 fees = before - held().margin;
        same(settle().quote, 2 * uint256(held().lastPrice) + fees + c.atRisk, "a purchase pays it");
        c = commit(-2 * ONE, 0);
        before = held().margin;
        uint256 entry = held().lastPrice;
        execute(2_050);
        uint256 gained = held().margin - before;
        same(settle().quote, 2 * entry + gained - c.atRisk, "a sale receives it");
    }

    function test_synthetix_a_ticket_that_nobody_executes_expires_and_brings_its_deposit_back() public {
        commit(ONE, MARGIN);
        uint256 before = held().margin;
        vm.expectRevert("cannot cancel yet");
        vault.expire(account, SYNTHETIX, ETH);
        pass(WINDOW);
        move(ETH, 2_000);
        IVault.Outcome memory o = vault.expire(account, SYNTHETIX, ETH);
        require(o.settled && o.filled == 0, "expired");
        same(held().margin, before + DEPOSIT, "deposit");
        same(vault.active(account), 0, "inactive");
    }

    function test_synthetix_a_ticket_that_a_stranger_drops_costs_its_deposit() public {
        commit(ONE, MARGIN);
        uint256 before = held().margin;
        pass(WINDOW);
        address place = seat();
        vm.prank(attacker);
        there.cancelOffchainDelayedOrder(place);
        IVault.Outcome memory o = settle();
        require(o.settled && o.filled == 0, "dropped");
        same(held().margin, before, "no deposit");
        same(susd.balanceOf(attacker), DEPOSIT, "it is his");
        // Beside a position it is told apart from a fill too.
        take(2 * ONE, 0);
        commit(-ONE, 0);
        pass(WINDOW);
        there.cancelOffchainDelayedOrder(place);
        same(settle().filled, 0, "dropped again");
        same(sizeAt(SYNTHETIX, ETH), 2 * ONE, "held");
    }

    function test_synthetix_what_is_liquidated_before_it_is_settled() public {
        // Filled, and gone before anybody looked: at a price unknown.
        commit(ONE, THIN);
        execute(2_000);
        liquidate();
        IVault.Outcome memory o = settle();
        same(o.filled, ONE, "filled");
        same(o.quote, type(uint128).max, "at a price unknown");
        same(vault.active(account), 0, "inactive");
        // A close that left nothing was no close but a liquidation.
        move(ETH, 2_000);
        take(ONE, THIN);
        commit(-ONE, 0);
        liquidate();
        o = settle();
        same(o.filled, 0, "not closed");
        same(o.quote, 0, "and at no price");
        // Where the venue cannot tell, it was a fill.
        move(ETH, 2_000);
        take(ONE, THIN);
        commit(ONE / 10, 0);
        liquidate();
        o = settle();
        same(o.filled, ONE / 10, "filled, perhaps");
        same(o.quote, type(uint128).max, "at a price unknown");
    }

    function test_synthetix_a_flagged_position_waits_for_its_liquidation() public {
        take(ONE, THIN);
        commit(-ONE / 2, 0);
        IDelayedSeat place = IDelayedSeat(seat());
        bytes32 instrument = instrumentOf[SYNTHETIX][ETH];
        require(!place.closable(instrument), "a ticket is open");
        move(ETH, 1_900);
        ISeat.Margin memory m = marginAt(SYNTHETIX, ETH);
        require(m.equity <= int256(m.maintenance), "below maintenance");
        require(ISynthetixPublic(address(there)).canLiquidate(seat()), "the venue says so too");
        ISynthetixPublic(address(there)).flagPosition(seat());
        same(settle().filled, 0, "the flag dropped the ticket");
        require(there.isFlagged(seat()) && !place.closable(instrument), "flagged");
        vm.prank(client);
        vm.expectRevert("Position flagged");
        vault.commit(tradeOf(SYNTHETIX, -ONE / 2, 0), 1e18);
        // At a better price the venue would take the order, but for the flag.
        move(ETH, 2_000);
        require(!place.closable(instrument), "still flagged");
        move(ETH, 1_900);
        ISynthetixPublic(address(there)).liquidatePosition(seat());
        move(ETH, 2_000);
        same(sizeAt(SYNTHETIX, ETH), 0, "gone");
        take(ONE, MARGIN);
        require(place.closable(instrument), "anew");
    }

    // -------------------------------------------------------------------- views

    function test_synthetix_views_are_what_the_venue_says() public {
        IDelayedSeat implementation = IDelayedSeat(venues.implementation(SYNTHETIX));
        require(implementation.isolated() && implementation.delayed(), "isolated, later");
        take(-3 * ONE, MARGIN);
        pass(6 hours);
        move(ETH, 1_950);
        (uint256 remaining,) = ISynthetixPublic(address(there)).remainingMargin(seat());
        (uint256 free,) = there.accessibleMargin(seat());
        (int256 profit,) = there.profitLoss(seat());
        (int256 funding,) = there.accruedFunding(seat());
        ISeat.Margin memory m = marginAt(SYNTHETIX, ETH);
        same(uint256(m.equity), remaining, "equity");
        same(m.free, free, "free");
        require(profit > 0 && m.backing == m.equity - profit, "profit backs nothing");
        same(m.leverage, (3 * 1_950e36 - 1) / uint256(m.backing) + 1, "leverage");
        ISeat.Position memory p = positionAt(SYNTHETIX, ETH);
        same(p.size, -3 * ONE, "size");
        same(p.markPrice, 1_950e18, "mark");
        same(p.indexPrice, 1_950e18, "index");
        same(p.fundingOwed, -funding, "funding");
        same(p.fundingRate, there.currentFundingRate(), "rate");
        // Its other market is another pocket.
        same(marginAt(SYNTHETIX, BTC).equity, 0, "isolated");
    }

    function test_synthetix_is_liquidated_where_equity_reaches_maintenance() public {
        liquidatedAt(30 * ONE, 4_000 * USDC, 1_800e8);
        liquidatedAt(-30 * ONE, 4_000 * USDC, 2_400e8);
        // The liquidator's fee has a least and a most.
        pull(SYNTHETIX, MAX);
        liquidatedAt(ONE / 2, 100 * USDC, 1_700e8);
        liquidatedAt(300 * ONE, 60_000 * USDC, 1_700e8);
    }

    /// @dev Down to the smallest step of the oracle's price.
    function liquidatedAt(int256 size, uint256 margin, uint256 gone) internal {
        take(size, margin);
        (uint256 first, uint256 safe) = (gone, 2_000e8);
        while (gone > safe ? gone - safe > 1 : safe - gone > 1) {
            uint256 middle = (gone + safe) / 2;
            oracle[ETH].updateAnswer(int256(middle));
            ISeat.Margin memory m = marginAt(SYNTHETIX, ETH);
            bool may = ISynthetixPublic(address(there)).canLiquidate(seat());
            require(may == (m.equity <= int256(m.maintenance)), "the venue says so too");
            if (may) gone = middle;
            else safe = middle;
        }
        require(gone != first, "somewhere between");
        move(ETH, 2_000);
        take(-size, 0);
    }

    function test_synthetix_unrealised_profit_backs_no_ticket() public {
        take(2 * ONE, MARGIN);
        move(ETH, 2_200);
        (int256 funding,) = there.accruedFunding(seat());
        uint256 backing = uint256(int256(uint256(held().margin)) + funding);
        same(commit(ONE, 0).leverage, (3 * 2_200e36 - 1) / backing + 1, "in profit");
        drop();
        move(ETH, 1_900);
        (funding,) = there.accruedFunding(seat());
        (int256 loss,) = there.profitLoss(seat());
        backing = uint256(int256(uint256(held().margin)) + funding + loss);
        same(commit(ONE, 0).leverage, (3 * 1_900e36 - 1) / backing + 1, "at a loss");
    }

    function test_synthetix_whether_a_suspended_market_would_close_is_not_said() public {
        take(ONE, MARGIN);
        IDelayedSeat place = IDelayedSeat(seat());
        bytes32 instrument = instrumentOf[SYNTHETIX][ETH];
        require(place.closable(instrument), "closable");
        ISynthetixOwned status = ISynthetixOwned(synthetixAt("system_status"));
        vm.startPrank(DEPLOYER);
        status.updateAccessControl("System", DEPLOYER, true, true);
        status.suspendSystem(1);
        vm.stopPrank();
        vm.expectRevert("Synthetix is suspended, upgrade in progress... please stand by");
        place.closable(instrument);
    }

    function test_synthetix_margin_is_no_number_where_the_venue_doubts_any_part_of_it() public {
        take(ONE, MARGIN);
        address place = seat();
        bytes[3] memory doubted = [abi.encodeCall(ISynthetixMarket.profitLoss, (place)),
            abi.encodeCall(ISynthetixMarket.accruedFunding, (place)),
            abi.encodeCall(ISynthetixMarket.accessibleMargin, (place))
        ];
        for (uint256 i; i < 3; ++i) {
            vm.mockCall(address(there), doubted[i], abi.encode(0, true));
            vm.expectRevert(badPrice());
            ISeat(place).margin(instrumentOf[SYNTHETIX][ETH]);
            vm.clearMockedCalls();
        }
    }

    function test_synthetix_takes_a_ticket_of_one_unit() public {
        commit(1, MARGIN);
        require(bound() > 2_000e18, "a purchase's bound");
        require(!settle().settled, "open");
    }

    function test_synthetix_leverage_counts_funding_with_its_sign() public {
        take(ONE, MARGIN);
        bytes memory funding = abi.encodeCall(ISynthetixMarket.accruedFunding, (seat()));
        vm.mockCall(address(there), funding, abi.encode(-1_000e18, false));
        uint256 expected = 4_000e36 / (held().margin - 1_000e18);
        near(commit(ONE, 0).leverage, expected, 2_000, "leverage");
    }

    function test_synthetix_without_a_price_of_the_venues_there_is_no_number() public {
        take(ONE, MARGIN);
        ISeat place = ISeat(seat());
        bytes32 instrument = instrumentOf[SYNTHETIX][ETH];
        // The venue's own answer where it knows of none but does not say so.
        vm.mockCall(address(there), abi.encodeCall(ISynthetixMarket.assetPrice, ()), abi.encode(0, false));
        vm.expectRevert(badPrice());
        place.position(instrument);
        vm.clearMockedCalls();
        move(ETH, 0);
        vm.expectRevert(badPrice());
        place.margin(instrument);
        vm.expectRevert(badPrice());
        place.position(instrument);
        IVault.Trade memory t = tradeOf(SYNTHETIX, ONE, 0);
        t.measure = true;
        vm.prank(client);
        vm.expectRevert(badPrice());
        vault.commit(t, 1e18);
        same(place.held(instrument), ONE, "the size is not a matter of price");
    }

    // -------------------------------------------------------------------- bounds

    function test_synthetix_the_bound_leaves_room_for_the_worst_fee_deposit_and_exchange() public {
        bytes32 key = there.marketKey();
        uint256 fee = settings.takerFeeOffchainDelayedOrder(key);
        require(fee > settings.makerFeeOffchainDelayedOrder(key), "the worse");
        IVault.Trade memory t = tradeOf(SYNTHETIX, 2 * ONE, MARGIN);
        t.limitQuote = 4_100e18;
        uint256 risked = commit(t).atRisk;
        same(bound(), (4_100e18 - risked) * 1e36 / (2e18 * (1e18 + fee)), "a purchase");
        drop();
        // The dynamic fee too, where that is in use.
        address system =
            ISynthetixResolver(synthetixAt("resolver")).requireAndGetAddress("SystemSettings", "");
        vm.startPrank(DEPLOYER);
        ISynthetixOwned(system).setExchangeDynamicFeeRounds(6);
        ISynthetixOwned(system).setExchangeMaxDynamicFee(1e16);
        vm.stopPrank();
        t = tradeOf(SYNTHETIX, -2 * ONE, 0);
        t.limitQuote = 3_900e18;
        risked = commit(t).atRisk;
        uint256 divisor = 2e18 * (1e18 - fee - 1e16);
        same(bound(), ((3_900e18 + risked) * 1e36 - 1) / divisor + 1, "a sale");
        drop();
        t = tradeOf(SYNTHETIX, 2 * ONE, 0);
        commit(t);
        same(bound(), type(uint128).max, "no limit is no bound");
        drop();
        // More than the venue can state is as much as it can.
        t = tradeOf(SYNTHETIX, int256(1e12), 0);
        t.limitQuote = type(uint128).max;
        commit(t);
        same(bound(), type(uint128).max, "as much as it can");
    }

    function test_synthetix_a_limit_that_no_price_meets_is_refused_by_name() public {
        int256[5] memory sizes = [ONE, ONE, -ONE, -ONE, -1];
        uint256[5] memory limits = [0, 5e18, MAX, 1e18 << 128, 1e36];
        for (uint256 i; i < 5; ++i) {
            IVault.Trade memory t = tradeOf(SYNTHETIX, sizes[i], MARGIN);
            t.limitQuote = limits[i];
            vm.prank(client);
            vm.expectRevert(abi.encodeWithSelector(IDelayedSeat.LimitTooTight.selector, limits[i]));
            vault.commit(t, 1e18);
        }
    }

    function test_synthetix_wants_no_coin_and_takes_the_whole_order() public {
        IVault.Trade memory t = tradeOf(SYNTHETIX, ONE, MARGIN);
        vm.deal(client, 1);
        vm.prank(client);
        vm.expectRevert(abi.encodeWithSelector(IDelayedSeat.NoCoinWanted.selector, 1));
        vault.commit{value: 1}(t, 1e18);
        post(SYNTHETIX, USDC);
        ISynthetixMarket.DelayedOrder memory half;
        half.sizeDelta = int128(ONE / 2);
        vm.mockCall(
            address(there), abi.encodeCall(ISynthetixMarket.delayedOrders, (seat())), abi.encode(half)
        );
        vm.prank(client);
        vm.expectRevert(abi.encodeWithSelector(ISeat.NotExact.selector, ONE, ONE / 2));
        vault.commit(t, 1e18);
    }
}
