// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IERC20Metadata} from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Metadata.sol";
import {Address} from "@openzeppelin/contracts/utils/Address.sol";
import {SignedMath} from "@openzeppelin/contracts/utils/math/SignedMath.sol";

import {IBundles} from "../interfaces/IBundles.sol";
import {IDesk} from "../interfaces/IDesk.sol";
import {IVault} from "../interfaces/IVault.sol";
import {Bundles} from "./Bundles.sol";
import {Fills} from "./desk/Fills.sol";
import {Orders} from "./libraries/Orders.sol";

/// @title Desk
/// @notice What a signed order means. It holds no money and has no administrator: it is one operator among
/// others that an owner may grant TRADE, MOVE and PAY at the vault.
///
/// A FILL
/// Anyone calls `fill` with an order, its signature and legs. The order's state is booked first; then each leg
/// is one call to the vault, which moves margin and has the seat trade exactly the leg's size; the price of each
/// leg, and of all with tip and fee, is held against the signed limit, the oracle's bound and the best single venue.
/// Any failure undoes all of it. Whoever comes back in from a leg finds this fill counted already and the vault locked,
/// so the desk needs no lock itself.
///
/// A TICKET
/// At a venue that fills later, `commit` books the leg as if it were filled and hands the venue the worst price that all
/// bounds allow; `settle` books what came of it.
///
/// A BUNDLE
/// What `Bundles` does it does here, on this contract's state; which code that is was settled when the desk was made.
///
/// STOPPING
/// An owner stops the desk by `cancel`, `raiseEpoch`, or revoking it at the vault.
contract Desk is Fills, IDesk {
    using Orders for Order;

    address public immutable BUNDLES;

    /// @dev What the bundles work with the Desk does.
    constructor(Bundles bundles, IERC20Metadata token)
        Fills(bundles.VAULT(), bundles.VENUES(), bundles.QUOTES(), token)
    {
        BUNDLES = address(bundles);
    }

    // ------------------------------------------------------------------ anyone

    /// @inheritdoc IDesk
    function fill(Order calldata order, bytes calldata signature, Leg[] calldata legs, Receipt calldata receipt)
        external
        returns (uint256 quote)
    {
        return _fill(_job(order, signature), order.terms, legs, receipt);
    }

    /// @inheritdoc IDesk
    function commit(Order calldata order, bytes calldata signature, Leg calldata leg, Receipt calldata receipt)
        external
        payable
        returns (uint256 number)
    {
        return _commit(_job(order, signature), order.terms, leg, receipt);
    }

    /// @inheritdoc IDesk
    function settle(bytes32 account, uint8 venue, bytes32 market, uint256 number, bytes calldata proof) external {
        bytes32 ticket = _ticketId(account, venue, market, number);
        require(_made[ticket].size != 0, NoTicket(account, venue, market, number));
        IVault.Outcome memory o = VAULT.outcome(account, venue, market, number);
        if (!o.settled) o = VAULT.settle(account, venue, market, proof);
        require(o.settled, TicketOpen(account, venue, market, number));

        Made memory made = _forget(account, venue, ticket, SignedMath.abs(o.filled));
        uint256 quote = o.quote == type(uint128).max ? type(uint256).max : o.quote;
        emit Settled(made.key, account, venue, number, o.filled, quote);
    }

    /// @inheritdoc IBundles
    function fillBundle(Bundle calldata, bytes calldata, Leg[][] calldata, Receipt calldata) external {
        Address.functionDelegateCall(BUNDLES, msg.data);
    }

    /// @inheritdoc IBundles
    function fillStep(Bundle calldata, bytes calldata, uint256, Leg[] calldata, Receipt calldata)
        external
        returns (uint256 quote)
    {
        return abi.decode(Address.functionDelegateCall(BUNDLES, msg.data), (uint256));
    }

    /// @inheritdoc IBundles
    function commitStep(Bundle calldata, bytes calldata, uint256, Leg calldata, Receipt calldata)
        external
        payable
        returns (uint256 number)
    {
        return abi.decode(Address.functionDelegateCall(BUNDLES, msg.data), (uint256));
    }

    // -------------------------------------------------------------------- reads

    /// @inheritdoc IDesk
    function digest(Order calldata order) public view returns (bytes32) {
        return _hashTypedDataV4(order.hash());
    }

    /// @inheritdoc IBundles
    function bundleDigest(Bundle calldata bundle) external view returns (bytes32) {
        return _hashTypedDataV4(Orders.hash(bundle));
    }

    // ----------------------------------------------------------------- internal

    function _job(Order calldata order, bytes calldata signature) internal view returns (Job memory) {
        bytes32 root = digest(order);
        _checkSigned(order.account, root, signature, order.deadline, order.epoch);
        return Job(Kind.Alone, order.account, root, root, order.nonce, false);
    }
}
