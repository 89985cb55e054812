// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IPermit2} from "../../interfaces/IPermit2.sol";
import {IVault} from "../../interfaces/IVault.sol";
import {IToken, Stage} from "./Stage.sol";

contract MoneyTest is Stage {
    address internal constant PERMIT2 = 0x000000000022D473030F116dDEE9F6B43aC78BA3;

    event Deposited(bytes32 indexed account, address indexed from, uint256 amount);
    event Withdrawn(bytes32 indexed account, address indexed to, uint256 amount);
    event Paid(bytes32 indexed account, address indexed payee, uint256 amount);
    event OperatorSet(
        bytes32 indexed account, address indexed operator, uint8 rights, uint40 expiry, uint64 payCap, uint128 venues
    );

    function test_a_deposit_is_idle_and_leaves_by_the_owner_alone() public {
        same(vault.idle(account), 100_000 * USDC, "idle");
        same(usdc.balanceOf(address(vault)), 100_000 * USDC, "held");
        vm.prank(attacker);
        vm.expectRevert(abi.encodeWithSelector(IVault.NotOwner.selector, account, attacker));
        vault.withdraw(account, 1, attacker);
        vm.startPrank(client);
        vm.expectRevert(abi.encodeWithSelector(IVault.ZeroAmount.selector));
        vault.withdraw(account, 0, client);
        vm.expectRevert(
            abi.encodeWithSelector(IVault.NotEnoughIdle.selector, 100_000 * USDC, 100_000 * USDC + 1)
        );
        vault.withdraw(account, 100_000 * USDC + 1, client);
        vm.expectEmit(true, true, true, true, address(vault));
        emit Withdrawn(account, keeper, 100_000 * USDC);
        vault.withdraw(account, 100_000 * USDC, keeper);
        same(vault.idle(account), 0, "idle");
        same(usdc.balanceOf(keeper), 100_000 * USDC, "paid out");
        same(vault.paidToday(account), 0, "a withdrawal is no payment");
    }

    function test_a_deposit_names_an_owner_and_an_amount() public {
        usdc.mint(address(this), 5);
        usdc.approve(address(vault), 5);
        vm.expectRevert(abi.encodeWithSelector(IVault.NoOwner.selector));
        vault.deposit(bytes32(uint256(7)), 5);
        vm.expectRevert(abi.encodeWithSelector(IVault.ZeroAmount.selector));
        vault.deposit(account, 0);
        vm.expectEmit(true, true, true, true, address(vault));
        emit Deposited(account, address(this), 5);
        vault.deposit(account, 5);
        same(vault.idle(account), 100_000 * USDC + 5, "idle");
    }

    function test_a_token_that_takes_a_fee_is_refused() public {
        IToken token = IToken(make("FeeTakingToken", ""));
        ringside(address(token), address(0));
        token.mint(address(this), 1_000);
        token.approve(address(vault), 1_000);
        vm.expectRevert(abi.encodeWithSelector(IVault.TokenTookFee.selector, 1_000, 990));
        vault.deposit(account, 1_000);
    }

    function test_a_permit_sets_the_allowance_and_the_grant_is_the_owners() public {
        usdc.mint(client, 100);
        bytes32 what = keccak256(
            abi.encode(
                keccak256("Permit(address owner,address spender,uint256 value,uint256 nonce,uint256 deadline)"),
                client,
                address(vault),
                50,
                usdc.nonces(client),
                MAX
            )
        );
        bytes32 digest = keccak256(abi.encodePacked("\x19\x01", usdc.DOMAIN_SEPARATOR(), what));
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(CLIENT_KEY, digest);
        IVault.Permit memory permit = IVault.Permit(MAX, v, r, s);
        IVault.Grant memory g = IVault.Grant(keeper, TRADE, 9, 8, 7);
        vm.startPrank(client);
        vm.expectEmit(true, true, true, true, address(vault));
        emit OperatorSet(account, keeper, TRADE, 9, 8, 7);
        vault.depositWithPermit(account, 50, permit, g);
        IVault.Operator memory o = vault.operators(account, keeper);
        require(o.rights == TRADE && o.expiry == 9 && o.payCap == 8 && o.venues == 7, "operator");
        same(vault.idle(account), 100_000 * USDC + 50, "idle");
        // The same permit again is refused, and its allowance is used.
        vm.expectRevert(abi.encodeWithSelector(IVault.PermitRefused.selector, 0, 50));
        vault.depositWithPermit(account, 50, permit, g);
        usdc.approve(address(vault), 50);
        vault.depositWithPermit(account, 50, permit, noGrant());
        same(vault.idle(account), 100_000 * USDC + 100, "idle");
        vm.stopPrank();
        usdc.mint(attacker, 10);
        vm.startPrank(attacker);
        usdc.approve(address(vault), 10);
        vm.expectRevert(abi.encodeWithSelector(IVault.NotOwner.selector, account, attacker));
        vault.depositWithPermit(account, 10, permit, g);
        vault.depositWithPermit(account, 10, permit, noGrant());
        vm.expectRevert(abi.encodeWithSelector(IVault.ZeroAmount.selector));
        vault.depositWithPermit(account, 0, permit, noGrant());
    }

    function test_a_relayed_deposit_signs_account_amount_and_grant() public {
        StandInPermit2 code = new StandInPermit2();
        vm.etch(PERMIT2, address(code).code);
        usdc.mint(client, 100);
        usdc.mint(attacker, 100);
        vm.prank(client);
        usdc.approve(PERMIT2, 100);
        vm.prank(attacker);
        usdc.approve(PERMIT2, 100);
        IVault.Grant memory g = IVault.Grant(keeper, MOVE, 9, 0, 7);
        vault.depositWithPermit2(account, 60, client, g, 1, 2, "signature");
        same(vault.idle(account), 100_000 * USDC + 60, "idle");
        require(vault.operators(account, keeper).rights == MOVE, "operator");
        bytes32 grantType =
            keccak256("Grant(address operator,uint8 rights,uint40 expiry,uint64 payCap,uint128 venues)");
        bytes32 depositType = keccak256(
            "Deposit(bytes32 account,uint256 amount,Grant grant)Grant(address operator,uint8 rights,uint40 expiry,uint64 payCap,uint128 venues)"
        );
        bytes32 witness =
            keccak256(abi.encode(depositType, account, uint256(60), keccak256(abi.encode(grantType, g))));
        require(StandInPermit2(PERMIT2).witness() == witness, "witness");
        vm.expectRevert(abi.encodeWithSelector(IVault.NotOwner.selector, account, attacker));
        vault.depositWithPermit2(account, 10, attacker, g, 1, 2, "signature");
        vault.depositWithPermit2(account, 10, attacker, noGrant(), 1, 2, "signature");
        same(vault.idle(account), 100_000 * USDC + 70, "idle");
        vm.expectRevert(abi.encodeWithSelector(IVault.ZeroAmount.selector));
        vault.depositWithPermit2(account, 0, client, noGrant(), 1, 2, "signature");
    }

    function test_only_a_contract_may_pay_and_only_up_to_the_days_cap() public {
        vm.startPrank(client);
        vm.expectRevert(abi.encodeWithSelector(IVault.PayNeedsContract.selector, keeper));
        vault.setOperator(account, IVault.Grant(keeper, PAY, 9, 1, 0));
        vault.setOperator(account, IVault.Grant(keeper, TRADE | MOVE, 9, 1, 0));
        vm.stopPrank();
        vm.prank(attacker);
        vm.expectRevert(abi.encodeWithSelector(IVault.NotOwner.selector, account, attacker));
        vault.setOperator(account, noGrant());

        uint40 expiry = uint40(block.timestamp);
        vm.prank(client);
        vault.setOperator(account, IVault.Grant(address(this), PAY, expiry, 100, 0));
        vm.expectRevert(abi.encodeWithSelector(IVault.ZeroAmount.selector));
        vault.pay(account, keeper, 0);
        vm.expectRevert(abi.encodeWithSelector(IVault.NoOwner.selector));
        vault.pay(account, address(0), 1);
        vm.expectEmit(true, true, true, true, address(vault));
        emit Paid(account, keeper, 60);
        vault.pay(account, keeper, 60);
        same(vault.paidToday(account), 60, "paid");
        same(vault.idle(bytes32(bytes20(keeper))), 60, "payee");
        vm.expectRevert(abi.encodeWithSelector(IVault.PayCapExceeded.selector, 100, 101));
        vault.pay(account, keeper, 41);
        vm.expectRevert(abi.encodeWithSelector(IVault.PayCapExceeded.selector, 100, MAX));
        vault.pay(account, keeper, MAX);
        vault.pay(account, keeper, 40);
        same(vault.idle(account), 100_000 * USDC - 100, "idle");
        vm.warp(block.timestamp + 1);
        vm.expectRevert(abi.encodeWithSelector(IVault.NotAllowed.selector, account, address(this), PAY));
        vault.pay(account, keeper, 1);
        vm.prank(client);
        vault.setOperator(account, IVault.Grant(address(this), PAY, type(uint40).max, 100, 0));
        vm.warp(block.timestamp + 1 days);
        same(vault.paidToday(account), 0, "a day later");
        vault.pay(account, keeper, 100);
        same(vault.paidToday(account), 100, "a day later");
        vm.prank(client);
        vault.pay(account, keeper, 5);
        same(vault.paidToday(account), 105, "the owner's own counts");
        vm.prank(client);
        vault.setOperator(account, IVault.Grant(address(this), MOVE | TRADE, type(uint40).max, 100, 0));
        vm.expectRevert(abi.encodeWithSelector(IVault.NotAllowed.selector, account, address(this), PAY));
        vault.pay(account, keeper, 1);
    }
}

/// @notice Transfers as Permit2 does, and keeps the witness instead of checking a signature.
contract StandInPermit2 {
    bytes32 public witness;

    function permitWitnessTransferFrom(
        IPermit2.PermitTransferFrom calldata permit,
        IPermit2.SignatureTransferDetails calldata details,
        address owner,
        bytes32 witness_,
        string calldata,
        bytes calldata
    ) external {
        require(permit.permitted.amount == details.requestedAmount, "amount");
        require(permit.nonce == 1 && permit.deadline == 2, "nonce and deadline");
        witness = witness_;
        (bool done,) = permit.permitted.token.call(
            abi.encodeWithSignature(
                "transferFrom(address,address,uint256)", owner, details.to, details.requestedAmount
            )
        );
        require(done, "transfer");
    }
}
