"""Rage Trade, from its npm artifacts."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from web3 import Web3
from web3.contract import Contract
from web3.logs import DISCARD

from devnet import DevnetError, pools
from devnet.artifacts import Artifact, hardhat
from devnet.chain import ARBITRAGEUR, DEPLOYER, MAKER, Chain
from devnet.pools import Band
from devnet.venues import Prices, Site

NAME = "rage"
SEAT = ("RageSeat", "pool_id")

PACKAGE = "@ragetrade/core/artifacts/contracts"

BASE_DECIMALS, QUOTE_DECIMALS = 18, 6
TICK_SPACING = 10
NO_FLAGS = "0x" + "00" * 20
"""The oracle's sequencer flags contract exists on Arbitrum only; zero switches the check off."""

# Pool settings: the project's own deployment script of vETH (ratios in basis points, seconds).
INITIAL_MARGIN_BPS = 2_000
MAINTENANCE_MARGIN_BPS = 1_000
MAX_DEVIATION_BPS = 1_000
TWAP_DURATION = 900
# Fees in 1e6: the deployment script has 1000 and 500; here they are lower, so that this venue is
# the cheaper and shallower of the two and a large order is worth splitting.
LIQUIDITY_FEE_PIPS = 500
PROTOCOL_FEE_PIPS = 300
OBSERVATIONS = 600
"""Slots of the pool's price history: one is written per block that trades, and 900 s are read. With
fewer a busy chain's average would silently become the spot price."""

# Protocol settings: the values of the project's deployment script and of all its tests.
LIQUIDATION_SETTINGS = (
    1_500,  # fee of a range liquidation, 1e5
    3_000,  # fee of a token liquidation, 1e5
    7_500,  # share of maintenance margin below which everything may be closed, basis points
    5_000,  # part of a position one liquidation closes, basis points
    5_000,  # the insurance fund's share of the fee, basis points
    150,  # slippage of the square root price a liquidation may cause, basis points
    100 * 10**6,  # most a range liquidation may pay, USDC
    100 * 10**6,  # positions below this are closed whole, USDC
)
REMOVE_LIMIT_ORDER_FEE = 10 * 10**6
MINIMUM_ORDER_NOTIONAL = 10**4
MIN_REQUIRED_MARGIN = 20 * 10**6
"""USDC (1e6): $10, one cent, $20."""

MAKER_MARGIN = 200_000_000 * 10**6
ARBITRAGEUR_MARGIN = 100_000_000 * 10**6
INSURANCE = 1_000_000 * 10**6
"""USDC (1e6). The maker's and the arbitrageur's are large enough never to be in the way."""

BANDS = (
    Band(40, Decimal(7_000_000)),
    Band(150, Decimal(7_000_000)),
    Band(600, Decimal(8_000_000)),
    Band(1_600, Decimal(9_000_000)),
    Band(6_000, Decimal(16_000_000)),
)
"""47 M near the mark, falling early. An account holds at most five ranges a pool."""

ARBITRAGE_AMOUNT = 10**12 * 10**18
"""More base (1e18) than the pool holds: the price limit ends the trade."""


def artifact(name: str) -> Artifact:
    """A contract of the package, by its path without .sol."""
    return hardhat(PACKAGE, name)


def deploy(site: Site) -> dict[str, Any]:
    """Deploy the protocol, both markets and the maker's liquidity."""
    chain, usdc = site.chain, site.usdc
    account = chain.deploy(artifact("libraries/Account"))
    linked = hardhat(PACKAGE, "protocol/clearinghouse/ClearingHouse", {"Account": account.address})
    logic = chain.deploy(linked)
    wrapper_logic = chain.deploy(artifact("protocol/wrapper/VPoolWrapper"))
    fund_logic = chain.deploy(artifact("protocol/insurancefund/InsuranceFund"))
    usdc_oracle = chain.deploy(artifact("oracles/SettlementTokenOracle"))
    factory = chain.deploy(
        artifact("protocol/RageTradeFactory"),
        *(logic.address, wrapper_logic.address, fund_logic.address),
        *(usdc.address, usdc_oracle.address),
    )
    house = chain.at(linked, factory.functions.clearingHouse().call())
    lens = chain.deploy(artifact("lens/ClearingHouseLens"), house.address)
    simulator = chain.deploy(artifact("lens/SwapSimulator"))
    chain.send(
        house,
        "updateProtocolSettings",
        *(
            LIQUIDATION_SETTINGS,
            REMOVE_LIMIT_ORDER_FEE,
            MINIMUM_ORDER_NOTIONAL,
            MIN_REQUIRED_MARGIN,
        ),
    )
    markets = {m: _market(chain, factory, m, feed) for m, feed in site.feeds.items()}

    fund = chain.at(
        artifact("protocol/insurancefund/InsuranceFund"), house.functions.insuranceFund().call()
    )
    chain.send(usdc, "mint", chain.accounts[DEPLOYER], INSURANCE)
    chain.send(usdc, "approve", fund.address, INSURANCE)
    chain.send(fund, "deposit", INSURANCE)

    collateral = _low32(usdc.address)
    accounts = {
        "maker": _account(site, house, collateral, MAKER, MAKER_MARGIN),
        "arbitrageur": _account(site, house, collateral, ARBITRAGEUR, ARBITRAGEUR_MARGIN),
    }
    for market, names in markets.items():
        _add_liquidity(chain, house, accounts["maker"], market, names)

    return {
        "clearing_house": house.address,
        "lens": lens.address,
        "swap_simulator": simulator.address,
        "factory": factory.address,
        "insurance_fund": fund.address,
        "vquote": factory.functions.vQuote().call(),
        "settlement_token_oracle": usdc_oracle.address,
        "collateral_id": collateral,
        "accounts": accounts,
        "markets": markets,
    }


def seat_arguments(addresses: dict[str, Any]) -> tuple[Any, ...]:
    """What a seat is told: the clearing house and the swap simulator."""
    return addresses["clearing_house"], addresses["swap_simulator"]


def arbitrage(w3: Web3, addresses: dict[str, Any], market: str) -> None:
    """Trade until the pool's price is the index price. The venue limits no single trade's size."""
    chain = Chain(w3)
    names = addresses["markets"][market]
    house = chain.at(artifact("protocol/clearinghouse/ClearingHouse"), addresses["clearing_house"])
    uniswap = pools.pool(w3, names["vpool"])
    index = Decimal(prices(w3, addresses, market).index).scaleb(-18)
    target = pools.sqrt_price_x96(index, BASE_DECIMALS, QUOTE_DECIMALS)
    current = uniswap.functions.slot0().call()[0]
    if pools.reached(target, current):
        return
    amount = ARBITRAGE_AMOUNT if target > current else -ARBITRAGE_AMOUNT
    # (amount, price limit, notional, may fill in part, settle the profit into margin). In base, not
    # notional: that takes the fee on the whole amount asked for, however little of it is filled.
    order = (amount, target, False, True, True)
    account = addresses["accounts"]["arbitrageur"]
    chain.send(house, "swapToken", account, names["pool_id"], order, role=ARBITRAGEUR)
    if uniswap.functions.slot0().call()[0] != target:
        raise DevnetError(f"{NAME} {market}: the pool's liquidity ended before the index price.")


def prices(w3: Web3, addresses: dict[str, Any], market: str) -> Prices:
    """Pool price, mark price (the pool's average over 900 s) and index price (1e18)."""
    chain = Chain(w3)
    names = addresses["markets"][market]
    house = chain.at(artifact("protocol/clearinghouse/ClearingHouse"), addresses["clearing_house"])
    oracle = chain.at(artifact("oracles/ChainlinkOracle"), names["oracle"])
    sqrt_x96 = pools.pool(w3, names["vpool"]).functions.slot0().call()[0]
    return Prices(
        spot=pools.price_e18(sqrt_x96, BASE_DECIMALS, QUOTE_DECIMALS),
        mark=_from_x128(house.functions.getVirtualTwapPriceX128(names["pool_id"]).call()),
        index=_from_x128(oracle.functions.getTwapPriceX128(0).call()),
    )


def _from_x128(price_x128: int) -> int:
    """Raw quote per raw base (x128) as USD per base (1e18), to the nearest: the venue itself rounds
    down, which would make 2000 read as 1999.99…"""
    scaled: int = price_x128 * 10 ** (18 + BASE_DECIMALS - QUOTE_DECIMALS)
    return (scaled + (1 << 127)) >> 128


def _low32(address: str) -> int:
    return int(address, 16) & 0xFFFFFFFF


def _market(chain: Chain, factory: Contract, market: str, feed: str) -> dict[str, Any]:
    oracle = chain.deploy(
        artifact("oracles/ChainlinkOracle"), feed, NO_FLAGS, BASE_DECIMALS, QUOTE_DECIMALS
    )
    symbol = "v" + market.split("-")[0]
    token = (symbol, symbol, BASE_DECIMALS)
    ratios = (INITIAL_MARGIN_BPS, MAINTENANCE_MARGIN_BPS, MAX_DEVIATION_BPS)
    # (ratios, average's length, allowed for trade, cross margined, oracle)
    settings = (*ratios, TWAP_DURATION, True, True, oracle.address)
    fees = (LIQUIDITY_FEE_PIPS, PROTOCOL_FEE_PIPS)
    # One slot here, the rest below: together they would be the dearest transaction of all.
    receipt = chain.send(factory, "initializePool", (token, settings, *fees, 1))
    (event,) = factory.events.PoolInitialized().process_receipt(receipt, errors=DISCARD)
    names = event["args"]
    uniswap = pools.pool(chain.w3, names["vPool"])
    chain.send(uniswap, "increaseObservationCardinalityNext", OBSERVATIONS)
    return {
        "pool_id": _low32(names["vToken"]),
        "vtoken": names["vToken"],
        "vpool": names["vPool"],
        "vpool_wrapper": names["vPoolWrapper"],
        "oracle": oracle.address,
    }


def _account(site: Site, house: Contract, collateral: int, role: int, margin: int) -> int:
    chain, usdc = site.chain, site.usdc
    chain.send(usdc, "mint", chain.accounts[role], margin, role=DEPLOYER)
    chain.send(usdc, "approve", house.address, margin, role=role)
    number: int = house.functions.numAccounts().call()
    chain.send(house, "createAccountAndAddMargin", collateral, margin, role=role)
    return number


def _add_liquidity(
    chain: Chain, house: Contract, account: int, market: str, names: dict[str, Any]
) -> None:
    sqrt_x96 = pools.pool(chain.w3, names["vpool"]).functions.slot0().call()[0]
    ranges = pools.plan(BANDS, market, sqrt_x96, TICK_SPACING, QUOTE_DECIMALS)
    for lower, upper, liquidity in ranges:
        # (lower, upper, liquidity, price and slippage unchecked, position kept, no limit order)
        change = (lower, upper, liquidity, 0, 0, False, 0, False)
        chain.send(house, "updateRangeOrder", account, names["pool_id"], change, role=MAKER)
