// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IOrders} from "../../interfaces/IOrders.sol";
import {ISeat} from "../../interfaces/ISeat.sol";
import {IVault} from "../../interfaces/IVault.sol";
import {Mood} from "./StandIns.sol";
import {IVenueToTell, Stage} from "./Stage.sol";

/// @title Handler
/// @notice What the world may do, in any sequence and with any numbers: four accounts of two owners, keepers, prices and a
/// venue whose mood changes. Venue 0 is honest for good, 1 turns hostile in every way there is, 2 fills later. It keeps
/// its own books, of what each account put in and took out and what its orders allow, against which the invariants hold
/// the contracts'. An action that is refused is no failure; that accounts differ from the books is.
contract Handler is Stage {
    struct Signed {
        bytes order;
        bytes signature;
        bytes32 account;
        uint256 nonce;
        uint256 size;
        uint256 tip;
        uint256 maxMargin;
        bytes32 digest;
        uint256 filled;
        uint256 spent;
        uint256 tipped;
        bool ended;
    }

    uint256 internal constant OTHER_KEY = 0x07e4;
    uint256 internal constant ACCOUNTS = 4;

    bytes32[ACCOUNTS] public accounts;
    uint256[ACCOUNTS] internal _keys;
    /// @notice Paid in and out by the owners, by account.
    uint256[ACCOUNTS] public paidIn;
    uint256[ACCOUNTS] public paidOut;
    /// @notice The most that each account's order tips and fees allow in all.
    uint256 public calls;
    uint256 public worked;
    uint256 public stolen;
    /// @notice The first thing that went wrong, in words.
    string public broken;
    Signed[] internal _orders;

    function prepare() external {
        super.setUp();
        address other = vm.addr(OTHER_KEY);
        accounts = [account, bytes32(uint256(account) | 1), bytes32(bytes20(other)), bytes32(uint256(bytes32(bytes20(other))) | 1)];
        _keys = [CLIENT_KEY, CLIENT_KEY, OTHER_KEY, OTHER_KEY];
        paidIn[0] = 100_000 * USDC;
        for (uint256 i = 1; i < ACCOUNTS; ++i) {
            fund(address(bytes20(accounts[i])), accounts[i], 50_000 * USDC);
            paidIn[i] = 50_000 * USDC;
            grant(accounts[i], address(desk), TRADE | MOVE | PAY, uint64(1_000 * USDC));
        }
        venues.setCollector(collector);
        venues.setFee(ETH, 5e14);
    }

    modifier counted() {
        ++calls;
        _;
    }

    // -------------------------------------------------------------------- owners

    function deposit(uint256 who, uint256 amount) external counted {
        (bytes32 to, uint256 i) = _account(who);
        amount = amount % (10_000 * USDC) + 1;
        fund(address(bytes20(to)), to, amount);
        paidIn[i] += amount;
        ++worked;
    }

    function withdraw(uint256 who, uint256 amount) external counted {
        (bytes32 from, uint256 i) = _account(who);
        uint256 idle = vault.idle(from);
        if (idle == 0) return;
        amount = amount % idle + 1;
        address owner = address(bytes20(from));
        uint256 before = usdc.balanceOf(owner);
        vm.prank(owner);
        vault.withdraw(from, amount, owner);
        if (usdc.balanceOf(owner) - before != amount) _break("a withdrawal paid something else");
        paidOut[i] += amount;
        ++worked;
    }

    function trade(uint256 who, uint8 id, int64 size, uint256 margin) external counted {
        (bytes32 by,) = _account(who);
        IVault.Trade memory t = tradeOf(id % 3, _size(size), margin % (1_000 * USDC));
        t.account = by;
        bool later = t.venue == LATER;
        bytes memory call = later ? abi.encodeCall(IVault.commit, (t, 0)) : abi.encodeCall(IVault.trade, (t));
        _as(address(bytes20(by)), address(vault), call);
    }

    function post(uint256 who, uint8 id, uint256 amount) external counted {
        (bytes32 by,) = _account(who);
        _as(
            address(bytes20(by)),
            address(vault),
            abi.encodeCall(IVault.post, (by, id % 3, ETH, amount % (1_000 * USDC) + 1, 0))
        );
    }

    function pull(uint256 who, uint8 id, uint256 amount) external counted {
        (bytes32 by,) = _account(who);
        _as(
            address(bytes20(by)),
            address(vault),
            abi.encodeCall(IVault.pull, (by, id % 3, ETH, amount % (1_000 * USDC) + 1, 0))
        );
    }

    function close(uint256 who, uint8 id) external counted {
        (bytes32 by,) = _account(who);
        id = id % 2;
        (address seat, bool made) = vault.seatOf(by, id);
        if (!made) return;
        uint256 limit = ISeat(seat).held(E) < 0 ? MAX : 0;
        _as(address(bytes20(by)), address(vault), abi.encodeCall(IVault.close, (by, id, ETH, limit)));
    }

    function cancel(uint256 which) external counted {
        if (_orders.length == 0) return;
        Signed storage s = _orders[which % _orders.length];
        vm.prank(address(bytes20(s.account)));
        desk.cancel(s.account, s.nonce);
        s.ended = true;
        ++worked;
    }

    // ------------------------------------------------------------------- keepers

    function sign(uint256 who, int64 size, uint256 tip, uint256 slack) external counted {
        if (_orders.length == 12) return;
        (bytes32 by,) = _account(who);
        IOrders.Terms memory t = plain(_size(size));
        t.maxMargin = 500 * USDC;
        t.tip = tip % (2 * USDC);
        slack = slack % 200;
        t.limitPrice = t.size > 0 ? 2_000e18 * (1_000 + slack) / 1_000 : 2_000e18 * (1_000 - slack) / 1_000;
        t.bounds.openAgainst = slack % 2 == 0;
        t = withTickets(t, 3, 10 * USDC);
        IOrders.Order memory o = IOrders.Order(by, t, MAX, _orders.length + 1, 0);
        bytes32 digest = desk.digest(o);
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(_keys[who % ACCOUNTS], digest);
        _orders.push();
        Signed storage kept = _orders[_orders.length - 1];
        (kept.order, kept.signature, kept.digest) = (abi.encode(o), abi.encodePacked(r, s, v), digest);
        (kept.account, kept.nonce, kept.tip, kept.maxMargin) = (by, o.nonce, t.tip, t.maxMargin);
        kept.size = uint256(t.size < 0 ? -t.size : t.size);
        ++worked;
    }

    function fill(uint256 which, uint8 id, uint256 part, int64 margin) external counted {
        if (_orders.length == 0) return;
        Signed storage s = _orders[which % _orders.length];
        IOrders.Order memory o = abi.decode(s.order, (IOrders.Order));
        id = id % 3;
        int256 size = o.terms.size * int256(part % 4 + 1) / 4;
        IOrders.Leg memory one = IOrders.Leg(id, size, int256(margin) % int256(300 * USDC));
        if (id == LATER && one.margin < 0) one.margin = -one.margin;
        bytes memory call;
        if (id == LATER) {
            call = abi.encodeCall(desk.commit, (o, s.signature, one, noReceipt()));
        } else {
            IOrders.Leg[] memory legs = new IOrders.Leg[](1);
            legs[0] = one;
            call = abi.encodeCall(desk.fill, (o, s.signature, legs, noReceipt()));
        }
        uint256 before = vault.idle(bytes32(bytes20(keeper)));
        uint256 price = venue[id].price(E);
        if (!_as(keeper, address(desk), call)) return;
        if (s.ended) _break("a cancelled order was filled");
        s.tipped += vault.idle(bytes32(bytes20(keeper))) - before;
        if (id == LATER) return;
        s.filled += uint256(size < 0 ? -size : size);
        bool lies = venue[id].mood() == uint8(Mood.FillsForNothing);
        bool worse = size > 0 ? price > o.terms.limitPrice : price < o.terms.limitPrice;
        if (worse && !lies) _break("a fill was worse than signed");
    }

    /// @dev What nobody signed, tried with an order's own words.
    function forge(uint256 which, uint256 what) external counted {
        if (_orders.length == 0) return;
        Signed storage s = _orders[which % _orders.length];
        IOrders.Order memory o = abi.decode(s.order, (IOrders.Order));
        what = what % 5;
        if (what == 0) o.terms.maxMargin += 1;
        else if (what == 1) o.terms.tip += 1;
        else if (what == 2) o.terms.size *= 2;
        else if (what == 3) o.account = accounts[uint256(uint160(address(bytes20(o.account)))) % ACCOUNTS];
        else o.nonce += 1_000_000;
        if (desk.digest(o) == s.digest) return;
        IOrders.Leg[] memory legs = new IOrders.Leg[](1);
        legs[0] = IOrders.Leg(0, o.terms.size, 0);
        if (_as(keeper, address(desk), abi.encodeCall(desk.fill, (o, s.signature, legs, noReceipt())))) {
            _break("an order that nobody signed was filled");
        }
    }

    /// @dev Every call that takes an account, by somebody who has no right over it.
    function intrude(uint256 who, uint256 what, uint256 amount) external counted {
        (bytes32 victim,) = _account(who);
        amount = amount % (100 * USDC) + 1;
        IVault.Trade memory t = tradeOf(0, ONE, 0);
        t.account = victim;
        bytes[8] memory tries = [
            abi.encodeCall(IVault.withdraw, (victim, amount, attacker)),
            abi.encodeCall(IVault.pay, (victim, attacker, amount)),
            abi.encodeCall(IVault.post, (victim, 1, ETH, amount, 0)),
            abi.encodeCall(IVault.pull, (victim, 1, ETH, amount, 0)),
            abi.encodeCall(IVault.pullInKind, (victim, 0, ETH, amount, attacker)),
            abi.encodeCall(IVault.sweep, (victim, 0, address(usdc))),
            abi.encodeCall(IVault.trade, (t)),
            abi.encodeCall(IVault.close, (victim, 0, ETH, 0))
        ];
        if (_as(attacker, address(vault), tries[what % 8])) _break("a stranger acted for an account");
    }

    function settle(uint256 who, uint8 what, int64 done) external counted {
        (bytes32 by,) = _account(who);
        (address seat, bool made) = vault.seatOf(by, LATER);
        if (!made) return;
        uint256 number = vault.ticket(by, LATER, ETH).number;
        if (what % 3 == 0) {
            IVenueToTell(seat).execute(E, int256(done));
            _as(keeper, address(vault), abi.encodeCall(IVault.settle, (by, LATER, ETH, "")));
        } else if (what % 3 == 1) {
            _as(keeper, address(vault), abi.encodeCall(IVault.expire, (by, LATER, ETH)));
        }
        _as(keeper, address(desk), abi.encodeCall(desk.settle, (by, LATER, ETH, number, "")));
    }

    function reclaim(uint256 who) external counted {
        (bytes32 by,) = _account(who);
        _as(address(bytes20(by)), address(vault), abi.encodeCall(IVault.reclaim, (by, LATER, ETH)));
    }

    // --------------------------------------------------------------------- world

    function turn(uint8 mood) external counted {
        venue[1].be(mood % 10);
        // What it does when it comes back in: takes from whoever it serves.
        venue[1].plan(address(vault), abi.encodeCall(IVault.withdraw, (accounts[mood % ACCOUNTS], 1, address(venue[1]))));
        ++worked;
    }

    function reprice(uint256 price, uint8 id) external counted {
        venue[id % 3].setPrice(E, 1_900e18 + price % 200e18);
        ethFeed.say(int256(1_900e8 + price % 200e8), 0, block.timestamp);
        ++worked;
    }

    function wait(uint32 time) external counted {
        vm.warp(block.timestamp + time % 2 days);
        ethFeed.say(2_000e8, 0, block.timestamp);
        ++worked;
    }

    function pause(uint8 id, bool paused) external counted {
        if (paused) venues.pause(id % 3);
        else venues.unpause(id % 3);
        ++worked;
    }

    // ---------------------------------------------------------------- invariants

    /// @notice 1: the vault's tokens cover all that is idle and reserved, to the unit: nothing else comes in here.
    function solvent() external view returns (bool) {
        uint256 owed = vault.idle(bytes32(bytes20(keeper))) + vault.idle(bytes32(bytes20(collector)));
        for (uint256 i; i < ACCOUNTS; ++i) {
            owed += vault.idle(accounts[i]) + vault.reserved(accounts[i]);
        }
        return usdc.balanceOf(address(vault)) == owed;
    }

    /// @notice 6: what was paid in and not taken out is idle, reserved, at the venues, or was paid to keepers and for fees.
    function conserved() external view returns (bool) {
        uint256 put;
        for (uint256 i; i < ACCOUNTS; ++i) {
            put += paidIn[i] - paidOut[i];
        }
        uint256 found = usdc.balanceOf(address(vault));
        for (uint8 i; i < 3; ++i) {
            found += usdc.balanceOf(address(venue[i]));
        }
        return found == put;
    }

    /// @notice 3: the honest venue holds what its seats posted, whatever the hostile one did.
    function apart() external view returns (bool) {
        uint256 posted;
        for (uint256 i; i < ACCOUNTS; ++i) {
            (address seat, bool made) = vault.seatOf(accounts[i], 0);
            if (made) posted += IVenueToTell(seat).posted();
        }
        return usdc.balanceOf(address(venue[0])) == posted;
    }

    /// @notice 7: filled and pending is never more than signed, nor the tip, nor the margin.
    function bounded() external view returns (bool) {
        for (uint256 i; i < _orders.length; ++i) {
            Signed storage s = _orders[i];
            IOrders.Progress memory p = desk.progress(s.digest);
            if (s.filled > s.size || p.used > s.size || p.pending > p.used) return false;
            if (s.tipped > s.tip || p.tip > s.tip) return false;
            if (p.margin > s.maxMargin) return false;
        }
        return true;
    }

    /// @notice 5: each owner takes out all that is idle, now, whatever is paused.
    function exitable() external returns (bool) {
        for (uint256 i; i < ACCOUNTS; ++i) {
            uint256 idle = vault.idle(accounts[i]);
            address owner = address(bytes20(accounts[i]));
            if (idle == 0) continue;
            vm.prank(owner);
            vault.withdraw(accounts[i], idle, owner);
            paidOut[i] += idle;
            if (vault.idle(accounts[i]) != 0) return false;
        }
        return true;
    }

    // ------------------------------------------------------------------ internal

    function _account(uint256 who) internal view returns (bytes32, uint256) {
        return (accounts[who % ACCOUNTS], who % ACCOUNTS);
    }

    function _size(int64 size) internal pure returns (int256 bounded_) {
        bounded_ = int256(size) % (2 * ONE);
        if (bounded_ == 0) bounded_ = ONE;
    }

    function _as(address by, address to, bytes memory call) internal returns (bool done) {
        vm.prank(by);
        (done,) = to.call(call);
        if (done) ++worked;
    }

    function _break(string memory why) internal {
        if (bytes(broken).length == 0) broken = why;
    }
}

/// @title InvariantsTest
/// @notice The design's invariants that can be stated without a real venue, after every call of any sequence.
contract InvariantsTest {
    Handler internal handler;

    function setUp() public {
        handler = new Handler();
        handler.prepare();
    }

    function targetContracts() public view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = address(handler);
    }

    struct FuzzSelector {
        address addr;
        bytes4[] selectors;
    }

    function targetSelectors() public view returns (FuzzSelector[] memory targets) {
        bytes4[] memory s = new bytes4[](16);
        (s[0], s[1], s[2], s[3]) =
            (Handler.deposit.selector, Handler.withdraw.selector, Handler.trade.selector, Handler.post.selector);
        (s[4], s[5], s[6], s[7]) =
            (Handler.pull.selector, Handler.close.selector, Handler.cancel.selector, Handler.sign.selector);
        (s[8], s[9], s[10], s[11]) =
            (Handler.fill.selector, Handler.forge.selector, Handler.intrude.selector, Handler.settle.selector);
        (s[12], s[13], s[14], s[15]) =
            (Handler.reclaim.selector, Handler.turn.selector, Handler.reprice.selector, Handler.wait.selector);
        targets = new FuzzSelector[](1);
        targets[0] = FuzzSelector(address(handler), s);
    }

    /// @notice Invariants 1 to 7 of docs/guarantees.md, as far as they are stated here.
    function invariant_solvency_isolation_blast_radius_powerlessness_conservation_and_no_replay() public view {
        require(handler.solvent(), "1: the vault owes more or less than it has");
        require(handler.apart(), "3: a hostile venue reached margin posted elsewhere");
        require(handler.conserved(), "6: money appeared or vanished");
        require(handler.bounded(), "7: an order used more than was signed");
        require(bytes(handler.broken()).length == 0, handler.broken());
    }

    /// @notice 5: at the end of each sequence everybody leaves.
    function afterInvariant() public {
        require(handler.exitable(), "5: an owner could not take out what is idle");
        require(handler.solvent(), "1: after everybody left");
    }
}
