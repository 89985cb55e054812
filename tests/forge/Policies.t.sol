// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IPolicies} from "../../interfaces/IPolicies.sol";
import {IVault} from "../../interfaces/IVault.sol";
import {Mood} from "./StandIns.sol";
import {Stage} from "./Stage.sol";

contract PoliciesTest is Stage {
    event Moved(
        bytes32 indexed digest,
        bytes32 indexed account,
        address indexed keeper,
        uint256 from,
        uint256 to,
        uint256 amount,
        uint256 arrived,
        uint256 before,
        uint256 afterwards,
        uint256 tip
    );
    event Cancelled(bytes32 indexed account, uint256 nonce);

    /// @dev Maintenance of one ETH at a stand-in is 100 USD, so a health of 2 is 200 of margin.
    function setUp() public override {
        super.setUp();
        grant(account, address(policies), MOVE | PAY, 100);
    }

    function policyOf(uint256 nonce) internal view returns (IPolicies.Policy memory p) {
        p.account = account;
        p.pockets = new IPolicies.Pocket[](2);
        (p.pockets[0], p.pockets[1]) = (IPolicies.Pocket(0, ETH), IPolicies.Pocket(1, ETH));
        (p.trigger, p.target, p.tolerance, p.floor, p.excess) = (2e18, 4e18, 0.5e18, 3e18, 8e18);
        (p.cooldown, p.maxPerDay, p.tip, p.maxTipPerDay) = (100, 1_000e6, 10, 25);
        (p.deadline, p.nonce) = (MAX, nonce);
    }

    function move(IPolicies.Policy memory p, uint256 from, uint256 to, uint256 amount, uint256 tip)
        internal
        returns (uint256)
    {
        bytes memory signature = signed(policies.digest(p));
        vm.prank(keeper);
        return policies.move(p, signature, IPolicies.Move(from, to, amount, tip));
    }

    function fails(
        IPolicies.Policy memory p,
        uint256 from,
        uint256 to,
        uint256 amount,
        uint256 tip,
        bytes memory why
    ) internal {
        bytes memory signature = signed(policies.digest(p));
        vm.prank(keeper);
        vm.expectRevert(why);
        policies.move(p, signature, IPolicies.Move(from, to, amount, tip));
    }

    function healthOf(uint8 id) internal view returns (IPolicies.Health memory) {
        return policies.health(account, IPolicies.Pocket(id, ETH));
    }

    function test_a_pocket_in_need_is_helped_from_idle_up_to_the_target() public {
        own(0, ONE, 200e6);
        IPolicies.Policy memory p = policyOf(1);
        bytes memory why = abi.encodeWithSelector(IPolicies.NotDue.selector, 2e18, 2e18);
        fails(p, MAX, 0, 100e6, 0, why);
        vm.prank(client);
        vault.pull(account, 0, ETH, 1e6, 0);
        why = abi.encodeWithSelector(IPolicies.AboveTarget.selector, 4.01e18, 4e18);
        fails(p, MAX, 0, 202e6, 0, why);
        bytes32 digest = policies.digest(p);
        bytes memory signature = signed(digest);
        vm.expectEmit(true, true, true, true, address(policies));
        emit Moved(digest, account, keeper, MAX, 0, 201e6, 201e6, 1.99e18, 4e18, 10);
        vm.prank(keeper);
        same(policies.move(p, signature, IPolicies.Move(MAX, 0, 201e6, 10)), 4e18, "afterwards");
        same(vault.idle(bytes32(bytes20(keeper))), 10, "tip");
        IPolicies.Use memory u = policies.used(account, 1);
        require(u.digest == digest && u.moved == 201e6 && u.tipped == 10 && u.last == block.timestamp, "used");
        require(u.day == block.timestamp / 1 days && !u.cancelled, "used");
        // Not again before the cooldown is over, even if due.
        own(0, 2 * ONE, 0);
        uint256 until = block.timestamp + 100;
        vm.warp(until - 1);
        fails(p, MAX, 0, 1e6, 0, abi.encodeWithSelector(IPolicies.Cooling.selector, until));
        vm.warp(until);
        // Too little to count earns nothing and starts nothing.
        why = abi.encodeWithSelector(IPolicies.TipNotEarned.selector, uint256(1e18) * 410 / 300);
        fails(p, MAX, 0, 10e6, 1, why);
        move(p, MAX, 0, 10e6, 0);
        same(policies.used(account, 1).last, until - 100, "no new cooldown");
        why = abi.encodeWithSelector(IPolicies.BeyondDay.selector, 789e6, 790e6);
        fails(p, MAX, 0, 790e6, 0, why);
        why = abi.encodeWithSelector(IPolicies.TipTooHigh.selector, 10, 11);
        fails(p, MAX, 0, 640e6, 11, why);
        move(p, MAX, 0, 640e6, 10);
        own(0, 4 * ONE, 0);
        vm.warp(block.timestamp + 100);
        why = abi.encodeWithSelector(IPolicies.BeyondDay.selector, 149e6, 150e6);
        fails(p, MAX, 0, 150e6, 0, why);
        vm.warp(block.timestamp + 1 days);
        ethFeed.say(2_000e8, 0, block.timestamp);
        move(p, MAX, 0, 900e6, 0);
        u = policies.used(account, 1);
        require(u.moved == 900e6 && u.tipped == 0, "a day later");
    }

    function test_tips_of_a_day_end_at_their_sum() public {
        IPolicies.Policy memory p = policyOf(1);
        (p.cooldown, p.maxPerDay) = (0, MAX);
        for (uint256 i; i < 2; ++i) {
            own(0, ONE, 100e6);
            own(0, int256(i) * ONE / 2 + 1, 0);
            uint256 short = 375e4 * healthOf(0).maintenance / 1e18 - healthOf(0).health * healthOf(0).maintenance / 1e30;
            move(p, MAX, 0, short, 10);
        }
        own(0, 3 * ONE, 0);
        uint256 most = 39e5 * healthOf(0).maintenance / 1e18 - healthOf(0).health * healthOf(0).maintenance / 1e30;
        fails(p, MAX, 0, most, 6, abi.encodeWithSelector(IPolicies.TipTooHigh.selector, 5, 6));
        move(p, MAX, 0, most, 5);
    }

    function test_one_pocket_helps_another_and_keeps_its_floor() public {
        own(0, ONE, 100e6);
        own(1, -ONE, 400e6);
        IPolicies.Policy memory p = policyOf(1);
        bytes memory why = abi.encodeWithSelector(IPolicies.BelowFloor.selector, 2.99e18, 3e18);
        fails(p, 1, 0, 101e6, 0, why);
        same(move(p, 1, 0, 100e6, 0), 2e18, "afterwards");
        same(healthOf(1).health, 3e18, "floor");
        venue[1].be(uint8(Mood.PaysShort));
        own(0, ONE, 0);
        own(1, ONE / 2, 0);
        fails(p, 1, 0, 20e6, 0, abi.encodeWithSelector(IVault.PaidShort.selector, 20e6, 10e6));
        p = policyOf(2);
        p.maxLoss = 0.5e18;
        move(p, 1, 0, 20e6, 0);
        venue[1].be(uint8(Mood.Honest));
        venue[0].be(uint8(Mood.KeepsMargin));
        why = abi.encodeWithSelector(IPolicies.NotImproved.selector, int256(210e18), int256(210e18));
        fails(p, MAX, 0, 20e6, 0, why);
    }

    function test_a_pocket_with_plenty_gives_back_to_idle() public {
        own(0, ONE, 800e6);
        IPolicies.Policy memory p = policyOf(1);
        fails(p, 0, MAX, 1e6, 0, abi.encodeWithSelector(IPolicies.NotDue.selector, 8e18, 8e18));
        vm.prank(client);
        vault.post(account, 0, ETH, 1e6, 0);
        fails(p, 0, MAX, 402e6, 0, abi.encodeWithSelector(IPolicies.BelowFloor.selector, 3.99e18, 4e18));
        IPolicies.Policy memory never = policyOf(2);
        never.excess = 0;
        fails(never, 0, MAX, 1e6, 0, abi.encodeWithSelector(IPolicies.NoReturns.selector));
        uint256 idle = vault.idle(account);
        same(move(p, 0, MAX, 360e6, 0), 4.41e18, "short of it by more than the tolerance is 4.5");
        same(vault.idle(account), idle + 360e6, "idle");
        same(policies.used(account, 1).last, block.timestamp, "counts");
        p = policyOf(3);
        (p.floor, p.excess) = (6e18, 8e18);
        vm.prank(client);
        vault.post(account, 0, ETH, 600e6, 0);
        fails(p, 0, MAX, 450e6, 0, abi.encodeWithSelector(IPolicies.BelowFloor.selector, 5.91e18, 6e18));
        move(p, 0, MAX, 300e6, 0);
        same(policies.used(account, 3).last, 0, "too far from the floor to count");
    }

    function test_a_policys_numbers_are_in_order() public {
        bytes memory bad = abi.encodeWithSelector(IPolicies.BadPolicy.selector);
        own(0, ONE, 100e6);
        IPolicies.Policy memory p = policyOf(1);
        p.tolerance = 4e18 + 1;
        fails(p, MAX, 0, 1e6, 0, bad);
        p.tolerance = 2e18 + 1;
        fails(p, MAX, 0, 1e6, 0, bad);
        p.tolerance = 2e18;
        p.excess = 6e18 - 1;
        fails(p, MAX, 0, 1e6, 0, bad);
        p.excess = 6e18;
        p.floor = 2e18 - 1;
        fails(p, MAX, 0, 1e6, 0, bad);
        p.floor = 2e18;
        p.maxLoss = 1e18 + 1;
        fails(p, MAX, 0, 1e6, 0, bad);
        p.maxLoss = 1e18;
        move(p, MAX, 0, 1e6, 0);
    }

    function test_a_policy_names_its_pockets() public {
        own(0, ONE, 100e6);
        IPolicies.Policy memory p = policyOf(1);
        bytes memory same_ = abi.encodeWithSelector(IPolicies.SamePocket.selector);
        fails(p, 2, 0, 1, 0, abi.encodeWithSelector(IPolicies.NoPocket.selector, 2));
        fails(p, 0, 2, 1, 0, abi.encodeWithSelector(IPolicies.NoPocket.selector, 2));
        fails(p, MAX, MAX, 1, 0, same_);
        fails(p, 0, 0, 1, 0, same_);
        // Another market of a venue that shares margin between them is the same pocket; of one that does not, another.
        p.pockets[1] = IPolicies.Pocket(0, BTC);
        fails(p, 1, 0, 1, 0, same_);
        p.pockets[0] = IPolicies.Pocket(LATER, ETH);
        p.pockets[1] = IPolicies.Pocket(LATER, ETH);
        fails(p, 1, 0, 1, 0, same_);
        p.pockets[1].market = BTC;
        bytes memory none = abi.encodeWithSelector(IVault.NoSeat.selector, account, LATER);
        fails(p, 1, 0, 1, 0, none);
    }

    function test_a_policy_is_signed_cancelled_and_bound_like_an_order() public {
        own(0, ONE, 100e6);
        IPolicies.Policy memory p = policyOf(1);
        p.deadline = block.timestamp - 1;
        fails(p, MAX, 0, 1e6, 0, abi.encodeWithSelector(IPolicies.Expired.selector, p.deadline));
        p.deadline = block.timestamp;
        p.epoch = 1;
        fails(p, MAX, 0, 1e6, 0, abi.encodeWithSelector(IPolicies.WrongEpoch.selector, 0));
        p.epoch = 0;
        bytes memory signature = signed(policies.digest(p));
        p.tip += 1;
        vm.expectRevert(abi.encodeWithSelector(IPolicies.BadSignature.selector, client));
        policies.move(p, signature, IPolicies.Move(MAX, 0, 1e6, 0));
        p.tip -= 1;
        move(p, MAX, 0, 1e6, 0);
        bytes32 first = policies.digest(p);
        p.tip += 1;
        fails(p, MAX, 0, 1e6, 0, abi.encodeWithSelector(IPolicies.NonceTaken.selector, 1, first));
        vm.prank(attacker);
        vm.expectRevert(abi.encodeWithSelector(IPolicies.NotOwner.selector, account, attacker));
        policies.cancel(account, 1);
        vm.prank(client);
        vm.expectEmit(true, true, true, true, address(policies));
        emit Cancelled(account, 1);
        policies.cancel(account, 1);
        p.tip -= 1;
        fails(p, MAX, 0, 1e6, 0, abi.encodeWithSelector(IPolicies.NonceSpent.selector, 1));
    }

    function test_health_is_at_the_oracles_price_of_all_that_is_held() public {
        own(0, ONE, 300e6);
        IPolicies.Health memory h = healthOf(0);
        require(h.equity == 300e18 && h.maintenance == 100e18 && h.health == 3e18, "at the mark");
        ethFeed.say(1_900e8, 0, block.timestamp);
        h = healthOf(0);
        require(h.equity == 200e18 && h.maintenance == 95e18, "below it");
        same(h.health, uint256(200e18) * 1e18 / 95e18, "below it");
        ethFeed.say(1_700e8, 0, block.timestamp);
        require(healthOf(0).equity == 0 && healthOf(0).health == 0, "nothing left");
        ethFeed.say(1_600e8, 0, block.timestamp);
        require(healthOf(0).equity == -100e18 && healthOf(0).health == 0, "less");
        ethFeed.say(1_000e8, 0, block.timestamp - 1 days - 1);
        bytes memory why =
            abi.encodeWithSelector(IPolicies.BadOracle.selector, ETH, 1_000e8, block.timestamp - 1 days - 1);
        vm.expectRevert(why);
        policies.health(account, IPolicies.Pocket(0, ETH));
        ethFeed.say(0, 0, block.timestamp);
        vm.expectRevert(abi.encodeWithSelector(IPolicies.BadOracle.selector, ETH, 0, block.timestamp));
        policies.health(account, IPolicies.Pocket(0, ETH));
        ethFeed.say(1, 0, block.timestamp + 1);
        vm.expectRevert(abi.encodeWithSelector(IPolicies.BadOracle.selector, ETH, 1, block.timestamp + 1));
        policies.health(account, IPolicies.Pocket(0, ETH));
        ethFeed.say(2_000e8, 0, block.timestamp - 1 days);
        own(0, -ONE, 0);
        // What is not held asks for no price, and needs no maintenance.
        ethFeed.say(0, 0, block.timestamp);
        require(healthOf(0).health == MAX && healthOf(0).maintenance == 0, "flat");
        vm.expectRevert(abi.encodeWithSelector(IVault.NoSeat.selector, account, 1));
        policies.health(account, IPolicies.Pocket(1, ETH));
        // Both markets of a venue that shares margin count.
        ethFeed.say(2_000e8, 0, block.timestamp);
        own(0, ONE, 0);
        IVault.Trade memory t = tradeOf(0, ONE / 10, 0);
        t.market = BTC;
        vm.prank(client);
        vault.trade(t);
        btcFeed.say(51_000e8, 0, block.timestamp);
        h = healthOf(0);
        require(h.equity == 400e18, "both");
        same(h.maintenance, uint256(350e18) * 7_100 / 7_000, "both");
        // A market that is not listed there is passed over, and an isolated venue knows its own alone.
        venues.addMarket("X-USD", address(ethFeed), 1 days);
        same(healthOf(0).equity, 400e18, "both");
        vm.prank(client);
        vault.commit(tradeOf(LATER, -ONE, 300e6), 0);
        seatOf(LATER).execute(E, -ONE);
        ethFeed.say(1_990e8, 0, block.timestamp);
        require(policies.health(account, IPolicies.Pocket(LATER, ETH)).equity == 308e18, "isolated");
    }
}
