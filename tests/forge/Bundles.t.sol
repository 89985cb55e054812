// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IBundles} from "../../interfaces/IBundles.sol";
import {IOrders} from "../../interfaces/IOrders.sol";
import {IVault} from "../../interfaces/IVault.sol";
import {Stage} from "./Stage.sol";

contract BundlesTest is Stage {
    function bundleOf(uint8 mode, IOrders.Terms memory a, IOrders.Terms memory b, uint256 nonce)
        internal
        view
        returns (IOrders.Bundle memory bundle)
    {
        IOrders.Terms[] memory steps = new IOrders.Terms[](2);
        (steps[0], steps[1]) = (a, b);
        return IOrders.Bundle(account, steps, mode, MAX, nonce, 0);
    }

    /// @dev A position at venue 0 goes to venue 1.
    function flip(uint8 mode, uint256 nonce) internal view returns (IOrders.Bundle memory bundle) {
        (IOrders.Terms memory a, IOrders.Terms memory b) = (plain(-2 * ONE), plain(4 * ONE));
        (a.venues, b.venues, a.tip, b.tip) = (1, 2, 10, 20);
        return bundleOf(mode, a, b, nonce);
    }

    function both(IOrders.Leg[] memory a, IOrders.Leg[] memory b)
        internal
        pure
        returns (IOrders.Leg[][] memory legs)
    {
        legs = new IOrders.Leg[][](2);
        (legs[0], legs[1]) = (a, b);
    }

    function fillBundle(IOrders.Bundle memory b, IOrders.Leg[][] memory legs, bytes memory why) internal {
        bytes memory signature = signed(desk.bundleDigest(b));
        if (why.length > 0) vm.expectRevert(why);
        vm.prank(keeper);
        desk.fillBundle(b, signature, legs, noReceipt());
    }

    function fillStep(IOrders.Bundle memory b, uint256 i, IOrders.Leg[] memory legs, bytes memory why) internal {
        bytes memory signature = signed(desk.bundleDigest(b));
        if (why.length > 0) vm.expectRevert(why);
        vm.prank(keeper);
        desk.fillStep(b, signature, i, legs, noReceipt());
    }

    function commitStep(IOrders.Bundle memory b, uint256 i, int256 size, int256 margin, bytes memory why)
        internal
    {
        bytes memory signature = signed(desk.bundleDigest(b));
        if (why.length > 0) vm.expectRevert(why);
        vm.prank(keeper);
        desk.commitStep(b, signature, i, IOrders.Leg(LATER, size, margin), noReceipt());
    }

    function stepProgress(IOrders.Bundle memory b, uint256 i) internal view returns (IOrders.Progress memory) {
        return desk.progress(keccak256(abi.encode(desk.bundleDigest(b), i)));
    }

    function test_an_atomic_bundle_is_filled_whole_once() public {
        own(0, 2 * ONE, 1_000e6);
        IOrders.Bundle memory b = flip(0, 1);
        bytes memory bad = abi.encodeWithSelector(IOrders.BadBundle.selector);
        fillBundle(b, new IOrders.Leg[][](1), bad);
        bytes memory why = abi.encodeWithSelector(IOrders.BelowMinFill.selector, 4e18, 3e18);
        fillBundle(b, both(leg(0, -2 * ONE, 0), leg(1, 3 * ONE, 0)), why);
        fillStep(b, 0, leg(0, -2 * ONE, 0), bad);
        uint256 before = vault.idle(bytes32(bytes20(keeper)));
        fillBundle(b, both(leg(0, -2 * ONE, 0), leg(1, 4 * ONE, 100e6)), "");
        same(vault.idle(bytes32(bytes20(keeper))) - before, 30, "tips");
        require(desk.isSpent(account, 1), "spent");
        same(held(0), 0, "closed");
        same(held(1), 4 * ONE, "opened");
        why = abi.encodeWithSelector(IOrders.NonceSpent.selector, 1);
        fillBundle(b, both(leg(0, -2 * ONE, 0), leg(1, 4 * ONE, 0)), why);
        // A nonce under which an order has begun is taken.
        fill(orderOf(plain(2 * ONE), 2), leg(0, ONE, 0));
        b = flip(0, 2);
        why = abi.encodeWithSelector(IOrders.NonceTaken.selector, 2, desk.digest(orderOf(plain(2 * ONE), 2)));
        fillBundle(b, both(leg(0, -2 * ONE, 0), leg(1, 4 * ONE, 0)), why);
    }

    function test_a_bundle_is_signed_in_time_and_epoch() public {
        IOrders.Bundle memory b = flip(0, 1);
        IOrders.Leg[][] memory legs = both(leg(0, -2 * ONE, 100e6), leg(1, 4 * ONE, 100e6));
        b.deadline = block.timestamp - 1;
        fillBundle(b, legs, abi.encodeWithSelector(IOrders.Expired.selector, b.deadline));
        (b.deadline, b.epoch) = (MAX, 3);
        fillBundle(b, legs, abi.encodeWithSelector(IOrders.WrongEpoch.selector, 0));
        b.epoch = 0;
        bytes memory signature = signed(desk.bundleDigest(b));
        b.steps[1].tip = 1;
        vm.expectRevert(abi.encodeWithSelector(IOrders.BadSignature.selector, client));
        desk.fillBundle(b, signature, legs, noReceipt());
    }

    function test_what_bundles_work_with_is_a_desk_of_its_own_that_nobody_granted_anything() public {
        IOrders.Bundle memory b = flip(0, 1);
        own(0, 2 * ONE, 1_000e6);
        IBundles alone = IBundles(bundles);
        bytes32 digest = alone.bundleDigest(b);
        require(digest != desk.bundleDigest(b), "another domain");
        bytes memory signature = signed(desk.bundleDigest(b));
        IOrders.Leg[][] memory legs = both(leg(0, -2 * ONE, 0), leg(1, 4 * ONE, 100e6));
        vm.expectRevert(abi.encodeWithSelector(IOrders.BadSignature.selector, client));
        alone.fillBundle(b, signature, legs, noReceipt());
        vm.expectRevert(abi.encodeWithSelector(IVault.NotAllowed.selector, account, bundles, TRADE | PAY));
        alone.fillBundle(b, signed(digest), legs, noReceipt());
    }

    function test_a_step_opens_when_the_one_before_is_complete() public {
        own(0, 2 * ONE, 1_000e6);
        IOrders.Bundle memory b = flip(1, 1);
        bytes memory bad = abi.encodeWithSelector(IOrders.BadBundle.selector);
        fillBundle(b, both(leg(0, -2 * ONE, 0), leg(1, 4 * ONE, 0)), bad);
        fillStep(b, 2, leg(0, -ONE, 0), bad);
        fillStep(flip(3, 1), 0, leg(0, -ONE, 0), bad);
        bytes memory shut = abi.encodeWithSelector(IOrders.StepNotOpen.selector, 1);
        fillStep(b, 1, leg(1, ONE, 0), shut);
        fillStep(b, 0, leg(0, -ONE, 0), "");
        fillStep(b, 1, leg(1, ONE, 0), shut);
        fillStep(b, 0, leg(0, -ONE, 0), "");
        same(stepProgress(b, 0).used, 2e18, "first");
        require(stepProgress(b, 0).tip == 10, "tip");
        fillStep(b, 1, leg(1, ONE, 100e6), "");
        fillStep(b, 1, leg(1, 3 * ONE, 0), "");
        same(stepProgress(b, 1).used, 4e18, "second");
        bytes memory why = abi.encodeWithSelector(IOrders.Overfilled.selector, 0, 1);
        fillStep(b, 1, leg(1, 1, 0), why);
        // Its nonce is bound, and cancelling it ends what is left.
        fillFails(
            orderOf(plain(ONE), 1),
            leg(0, ONE, 0),
            abi.encodeWithSelector(IOrders.NonceTaken.selector, 1, desk.bundleDigest(b))
        );
        vm.prank(client);
        desk.cancel(account, 1);
        fillStep(b, 1, leg(1, 1, 0), abi.encodeWithSelector(IOrders.NonceSpent.selector, 1));
    }

    function test_steps_in_proportion_keep_pace() public {
        own(0, 2 * ONE, 1_000e6);
        IOrders.Bundle memory b = flip(2, 1);
        bytes memory shut = abi.encodeWithSelector(IOrders.StepNotOpen.selector, 1);
        fillStep(b, 1, leg(1, 1, 0), shut);
        fillStep(b, 0, leg(0, -ONE / 2, 0), "");
        fillStep(b, 1, leg(1, ONE + 1, 0), shut);
        fillStep(b, 1, leg(1, ONE, 100e6), "");
        fillStep(b, 1, leg(1, 1, 0), shut);
        fillStep(b, 0, leg(0, -3 * ONE / 2, 0), "");
        fillStep(b, 1, leg(1, 3 * ONE, 0), "");
    }

    function test_what_is_pending_opens_no_step() public {
        (IOrders.Terms memory a, IOrders.Terms memory z) = (withTickets(plain(ONE), 2, 9e6), plain(ONE));
        a.venues = 4;
        z.venues = 3;
        IOrders.Bundle memory b = bundleOf(1, a, z, 1);
        commitStep(b, 0, ONE, 100e6, "");
        bytes memory shut = abi.encodeWithSelector(IOrders.StepNotOpen.selector, 1);
        fillStep(b, 1, leg(0, ONE, 0), shut);
        commitStep(b, 1, ONE, 0, shut);
        seatOf(LATER).execute(E, ONE);
        desk.settle(account, LATER, ETH, 1, "");
        fillStep(b, 1, leg(0, ONE, 100e6), "");
        a.size = 0;
        fillStep(bundleOf(1, a, z, 2), 1, leg(0, ONE, 0), abi.encodeWithSelector(IOrders.BadSize.selector, 0));
        vm.deal(keeper, 5);
        bytes memory signature = signed(desk.bundleDigest(bundleOf(1, withTickets(plain(ONE), 2, 9e6), z, 3)));
        IOrders.Bundle memory c = bundleOf(1, withTickets(plain(ONE), 2, 9e6), z, 3);
        vm.prank(keeper);
        same(
            desk.commitStep{value: 5}(c, signature, 0, IOrders.Leg(LATER, ONE, 0), noReceipt()), 2, "number"
        );
        same(address(seatOf(LATER)).balance, 5, "coin");
    }

    function test_a_step_that_closes_all_may_find_nothing_to_close() public {
        (IOrders.Terms memory a, IOrders.Terms memory z) = (plain(type(int256).min), plain(-ONE));
        (a.venues, a.tip, z.venues) = (1, 9, 2);
        IOrders.Bundle memory b = bundleOf(1, a, z, 1);
        IOrders.Leg[] memory none = new IOrders.Leg[](0);
        fillStep(b, 0, none, "");
        require(stepProgress(b, 0).done, "done");
        same(vault.idle(bytes32(bytes20(keeper))), 0, "no tip");
        fillStep(b, 0, none, abi.encodeWithSelector(IOrders.Overfilled.selector, 0, 0));
        fillStep(b, 1, leg(1, -ONE, 100e6), "");
        own(0, ONE, 100e6);
        b = bundleOf(2, a, z, 2);
        fillStep(b, 0, none, abi.encodeWithSelector(IOrders.NotAllClosed.selector, 1));
        fillStep(b, 1, leg(1, -ONE, 0), abi.encodeWithSelector(IOrders.StepNotOpen.selector, 1));
        fillStep(b, 0, leg(0, -ONE, 0), "");
        fillStep(b, 1, leg(1, -ONE, 0), "");
        b = bundleOf(0, a, z, 3);
        own(0, ONE, 0);
        fillBundle(b, both(none, leg(1, -ONE, 0)), abi.encodeWithSelector(IOrders.NotAllClosed.selector, 1));
        fillBundle(b, both(leg(0, -ONE, 0), leg(1, -ONE, 0)), "");
        require(!stepProgress(b, 0).done, "an atomic step keeps nothing");
        // A condition holds without legs too.
        a = withConditions(a);
        a.conditions[0].notBefore = block.timestamp + 1;
        b = bundleOf(1, a, z, 4);
        fillStep(b, 0, none, abi.encodeWithSelector(IOrders.NotYet.selector, block.timestamp + 1));
        (a.conditions[0].notBefore, a.conditions[0].group, a.conditions[0].groupSize) = (0, 4, 0);
        b = bundleOf(1, a, z, 5);
        fillStep(b, 0, none, abi.encodeWithSelector(IOrders.BeyondGroup.selector, 0, 0));
    }
}
