// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {ISeat} from "../../interfaces/ISeat.sol";
import {IVault} from "../../interfaces/IVault.sol";
import {IFeedToTell, IToken, Stage} from "./Stage.sol";

interface IMockAggregator {
    function updateAnswer(int256 answer) external;
}

/// @title RealVenues
/// @notice The system on the venues themselves, as devnet/ deploys them: Perp v2 (0), Rage Trade (1), and Synthetix (2),
/// which fills later. `python -m devnet.allocs` leaves their state where this looks for it; without it the tests are skipped.
abstract contract RealVenues is Stage {
    uint8 internal constant PERP = 0;
    uint8 internal constant RAGE = 1;
    uint8 internal constant SYNTHETIX = 2;
    /// @dev Who deployed the venues, and owns what of them has an owner.
    address internal constant DEPLOYER = 0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266;
    /// @dev Who makes their markets.
    address internal constant MAKER = 0x70997970C51812dc3A010C7d01b50e0d17dc79C8;
    /// @dev Who trades until the venues follow, with more margin than anybody.
    address internal constant ARBITRAGEUR = 0x3C44CdDdB6a900fa2b585dd299e03d12FA4293BC;
    string internal constant PLACE = "build/forge/venues/";

    /// @dev Every address of the local chain, as JSON.
    string internal places;
    mapping(uint8 venue => mapping(bytes32 market => bytes32)) internal instrumentOf;
    mapping(bytes32 market => IMockAggregator) internal oracle;

    function setUp() public virtual override {
        string memory accounts = string.concat(PLACE, "accounts.json");
        if (!vm.exists(accounts)) {
            vm.skip(true, "no venues: python -m devnet.allocs");
            return;
        }
        vm.loadAllocs(accounts);
        places = vm.readFile(string.concat(PLACE, "addresses.json"));
        vm.roll(number(".block.number"));
        vm.warp(number(".block.timestamp"));
        usdc = IToken(at(".usdc"));
        ringside(address(usdc), at(".sequencer"));
        market("ETH-USD");
        market("BTC-USD");
        seats();
        list("ETH-USD", ETH);
        list("BTC-USD", BTC);
        fund(client, account, 1_000_000 * USDC);
        grant(account, address(desk), TRADE | MOVE | PAY, uint64(1_000 * USDC));
    }

    function seats() private {
        bytes memory args = abi.encode(vault, usdc, perpAt("clearing_house"), perpAt("quoter"));
        venues.addVenue("perp-v2", make("PerpV2Seat", args), CAP, CAP);
        args = abi.encode(vault, usdc, rageAt("clearing_house"), rageAt("swap_simulator"));
        venues.addVenue("rage", make("RageSeat", args), CAP, CAP);
        args = abi.encode(
            vault,
            usdc,
            synthetixAt("resolver"),
            synthetixAt("susd"),
            synthetixAt("swap_router"),
            number(".venues.synthetix.pool_fee")
        );
        venues.addVenue("synthetix", make("SynthetixSeat", args), CAP, CAP);
    }

    function market(string memory name) private {
        address feed = at(string.concat(".feeds['", name, "']"));
        oracle[venues.addMarket(name, feed, 1 days)] = IMockAggregator(feed);
    }

    function list(string memory name, bytes32 key) private {
        string memory there = string.concat("markets['", name, "'].");
        instrumentOf[PERP][key] = bytes32(uint256(uint160(perpAt(string.concat(there, "base_token")))));
        instrumentOf[RAGE][key] = bytes32(number(string.concat(".venues.rage.", there, "pool_id")));
        instrumentOf[SYNTHETIX][key] = bytes32(uint256(uint160(synthetixAt(string.concat(there, "market")))));
        for (uint8 i; i < 3; ++i) {
            venues.list(i, key, instrumentOf[i][key]);
        }
    }

    // ------------------------------------------------------------------ places

    function at(string memory key) internal view returns (address) {
        return vm.parseJsonAddress(places, key);
    }

    function number(string memory key) internal view returns (uint256) {
        return vm.parseJsonUint(places, key);
    }

    function perpAt(string memory key) internal view returns (address) {
        return at(string.concat(".venues['perp-v2'].", key));
    }

    function rageAt(string memory key) internal view returns (address) {
        return at(string.concat(".venues.rage.", key));
    }

    function synthetixAt(string memory key) internal view returns (address) {
        return at(string.concat(".venues.synthetix.", key));
    }

    // ------------------------------------------------------------------- steps

    /// @dev What a venue answers to a call from now on.
    function given(address where, bytes memory call, uint256 answer) internal {
        vm.mockCall(where, call, abi.encode(answer));
    }

    function pass(uint256 duration) internal {
        vm.warp(block.timestamp + duration);
        vm.roll(block.number + 1);
    }

    /// @dev The oracle's price, in whole USD, and no venue's.
    function move(bytes32 market_, uint256 usd) internal {
        oracle[market_].updateAnswer(int256(usd * 1e8));
    }

    function marketSeat(uint8 id) internal view returns (address seat) {
        (seat,) = vault.seatOf(account, id);
    }

    function sizeAt(uint8 id, bytes32 market_) internal view returns (int256) {
        return ISeat(marketSeat(id)).held(instrumentOf[id][market_]);
    }

    function marginAt(uint8 id, bytes32 market_) internal view returns (ISeat.Margin memory) {
        return ISeat(marketSeat(id)).margin(instrumentOf[id][market_]);
    }

    function positionAt(uint8 id, bytes32 market_) internal view returns (ISeat.Position memory) {
        return ISeat(marketSeat(id)).position(instrumentOf[id][market_]);
    }

    function post(uint8 id, uint256 amount) internal {
        vm.prank(client);
        vault.post(account, id, ETH, amount, 1e16);
    }

    function pull(uint8 id, uint256 amount) internal returns (uint256) {
        vm.prank(client);
        return vault.pull(account, id, ETH, amount, 0);
    }

    function trade(uint8 id, bytes32 market_, int256 size, uint256 margin)
        internal
        returns (IVault.Fill memory)
    {
        IVault.Trade memory t = tradeOf(id, size, margin);
        (t.market, t.measure) = (market_, true);
        vm.prank(client);
        return vault.trade(t);
    }

    /// @dev At any price, however good the position.
    function close(uint8 id) internal returns (int256 done, uint256 quote) {
        uint256 limit = sizeAt(id, ETH) > 0 ? 0 : MAX;
        vm.prank(client);
        return vault.close(account, id, ETH, limit);
    }

    /// @dev The venue's own price meets a limit, and a limit that is tighter by `step` is refused with that price.
    function limitsAreMet(uint8 id, int256 size, uint256 step) internal {
        IVault.Trade memory t = tradeOf(id, size, 5_000 * USDC);
        t.limitQuote = size > 0 ? 0 : MAX;
        vm.prank(client);
        uint256 paid;
        try vault.trade(t) {
            revert("beyond any limit");
        } catch (bytes memory why) {
            uint256 limit;
            (paid, limit) = beyond(why);
            same(limit, t.limitQuote, "limit");
        }
        t.limitQuote = size > 0 ? paid - step : paid + step;
        vm.prank(client);
        vm.expectRevert(abi.encodeWithSelector(ISeat.BeyondLimit.selector, paid, t.limitQuote));
        vault.trade(t);
        t.limitQuote = paid;
        vm.prank(client);
        same(vault.trade(t).quote, paid, "within");
    }

    function beyond(bytes memory why) private pure returns (uint256 quote, uint256 limit) {
        require(bytes4(why) == ISeat.BeyondLimit.selector, "why");
        assembly ("memory-safe") {
            quote := mload(add(why, 36))
            limit := mload(add(why, 68))
        }
    }

    /// @dev Within so many parts in a million.
    function near(uint256 a, uint256 b, uint256 ppm, string memory what) internal pure {
        uint256 apart = a > b ? a - b : b - a;
        if (apart * 1e6 > b * ppm) same(a, b, what);
    }

    function badPrice() internal pure returns (bytes memory) {
        return abi.encodeWithSelector(ISeat.BadVenuePrice.selector);
    }
}
