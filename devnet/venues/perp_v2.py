"""Perpetual Protocol v2 (Curie), from its npm artifacts."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from web3 import Web3
from web3.contract import Contract

from devnet import DevnetError, pools
from devnet.artifacts import Artifact, hardhat
from devnet.chain import ARBITRAGEUR, DEPLOYER, MAKER, Chain
from devnet.feeds import START_PRICES
from devnet.pools import Band
from devnet.venues import Prices, Site

NAME = "perp-v2"
SEAT = ("PerpV2Seat", "base_token")

CORE = "@perp/curie-contract/artifacts/contracts"
ORACLE = "@perp/perp-oracle-contract/artifacts/contracts"
PERIPHERY = "@perp/curie-deployments/optimism/periphery/artifacts/contracts"

UNISWAP_FEE = 10_000
"""Pool fee (1e6) the protocol insists on; its own exchange fee replaces it in every swap."""
TICK_SPACING = 200
EXCHANGE_FEE = 1_000
"""Fee of a taker (1e6): 0.1 %, as in production."""
INSURANCE_FUND_FEE = 100_000
"""Part of the exchange fee (1e6) that goes to the insurance fund, as in the protocol's tests."""
MAX_TICK_CROSSED = 1_000
"""Ticks a trade may end away from the last recorded tick: the cap the contract itself sets."""
FEED_TIMEOUT = 40 * 60
FEED_TWAP = 15 * 60
"""Seconds, both as the protocol's own deployments set them for ChainlinkPriceFeedV3."""
POOL_AGE = 31 * 60
"""Seconds a pool must exist before its 30 minute average can be read."""
OBSERVATIONS = 1_000
"""Slots of the pool's price history. One is written per block that trades and the mark reads 30
minutes: with fewer, a busy chain of two second blocks would revert with `OLD`."""
OBSERVATIONS_PER_TX = 500
"""Each slot costs about 22k gas."""
PRICE_LIMIT_INTERVAL = 15
"""Seconds between two records of the last tick in Exchange (a constant there)."""
UNLIMITED = 2**256 - 1

# Multi-collateral settings as in the protocol's own tests (ratios in 1e6, USDC 1e6). Only the
# settlement token is taken as collateral here, so none of them is ever reached.
MAX_COLLATERALS = 5
DEBT_NON_SETTLEMENT_RATIO = 750_000
COLLATERAL_LIQUIDATION_RATIO = 500_000
MM_RATIO_BUFFER = 2_000
COLLATERAL_INSURANCE_FEE = 30_000
DEBT_THRESHOLD = 10_000 * 10**6
COLLATERAL_DUST = 500 * 10**6

MAKER_MARGIN = 200_000_000 * 10**6
ARBITRAGEUR_MARGIN = 100_000_000 * 10**6
INSURANCE = 1_000_000 * 10**6
"""USDC (1e6). The maker's and the arbitrageur's are large enough never to be in the way."""

BANDS = (
    Band(200, Decimal(12_000_000)),
    Band(400, Decimal(12_000_000)),
    Band(800, Decimal(10_000_000)),
    Band(1_600, Decimal(8_000_000)),
    Band(6_000, Decimal(22_000_000)),
)
"""The deeper and dearer of the two venues: 64 M near the mark, a third of it beyond 17 %."""

STEP_TICKS = 950
"""How far one arbitrage trade goes: inside MAX_TICK_CROSSED."""
MAX_STEPS = 40
ARBITRAGE_AMOUNT = 1_000_000_000 * 10**18
"""More base, or quote, than the pool holds: the price limit ends the trade."""


def core(name: str) -> Artifact:
    """A core contract."""
    return hardhat(CORE, name)


def deploy(site: Site) -> dict[str, Any]:
    """Deploy the protocol, both markets and the maker's liquidity."""
    chain, usdc = site.chain, site.usdc
    quote = chain.deploy_between(core("QuoteToken"), 0xF << 156, 1 << 160)
    chain.send(quote, "initialize", "vUSD", "vUSD")

    tokens = {m: _base_token(chain, m, feed, quote) for m, feed in site.feeds.items()}
    uniswap = {m: _pool(site, m, token, quote) for m, token in tokens.items()}
    contracts = _core_contracts(chain, usdc.address, quote, site.uniswap_factory.address)
    _connect(chain, contracts)
    chain.advance(POOL_AGE)
    for market, token in tokens.items():
        _open_market(chain, contracts, quote, token, uniswap[market])

    registry, house = contracts["MarketRegistry"], contracts["ClearingHouse"]
    quoter = chain.deploy(hardhat(PERIPHERY, "lens/Quoter"), registry.address)
    portal_reads = [
        *("ClearingHouse", "ClearingHouseConfig", "AccountBalance", "Exchange", "OrderBook"),
        *("InsuranceFund", "MarketRegistry", "Vault"),
    ]
    portal = chain.deploy(
        hardhat(PERIPHERY, "lens/PerpPortal"), *(contracts[name].address for name in portal_reads)
    )

    chain.send(usdc, "mint", contracts["InsuranceFund"].address, INSURANCE)
    for role, margin in ((MAKER, MAKER_MARGIN), (ARBITRAGEUR, ARBITRAGEUR_MARGIN)):
        _fund(site, contracts["Vault"], role, margin)
    for market, token in tokens.items():
        _add_liquidity(chain, house, market, token, uniswap[market])

    return {
        "clearing_house": house.address,
        "vault": contracts["Vault"].address,
        "exchange": contracts["Exchange"].address,
        "account_balance": contracts["AccountBalance"].address,
        "order_book": contracts["OrderBook"].address,
        "market_registry": registry.address,
        "clearing_house_config": contracts["ClearingHouseConfig"].address,
        "insurance_fund": contracts["InsuranceFund"].address,
        "collateral_manager": contracts["CollateralManager"].address,
        "delegate_approval": contracts["DelegateApproval"].address,
        "uniswap_factory": site.uniswap_factory.address,
        "quote_token": quote.address,
        "quoter": quoter.address,
        "perp_portal": portal.address,
        "markets": {
            market: {"base_token": token.address, "pool": uniswap[market].address}
            for market, token in tokens.items()
        },
    }


def seat_arguments(addresses: dict[str, Any]) -> tuple[Any, ...]:
    """What a seat is told: the clearing house and the quoter."""
    return addresses["clearing_house"], addresses["quoter"]


def arbitrage(w3: Web3, addresses: dict[str, Any], market: str) -> None:
    """Trade until the pool's price is the index price.

    Exchange refuses to end further than MAX_TICK_CROSSED from the tick it last recorded, and
    records one at most every 15 s: a large move takes several trades, with time between them.
    """
    chain = Chain(w3)
    token = addresses["markets"][market]["base_token"]
    house = chain.at(core("ClearingHouse"), addresses["clearing_house"])
    uniswap = pools.pool(w3, addresses["markets"][market]["pool"])
    for _ in range(MAX_STEPS):
        index = prices(w3, addresses, market).index
        target = pools.sqrt_price_x96(Decimal(index).scaleb(-18), 18, 18)
        current = uniswap.functions.slot0().call()[0]
        if pools.reached(target, current):
            return
        limit = pools.clamp_sqrt(target, current, STEP_TICKS)
        chain.advance(PRICE_LIMIT_INTERVAL + 1)
        # (token, sells base, exact input, amount, other amount's bound, deadline, limit, referral)
        order = (token, limit < current, True, ARBITRAGE_AMOUNT, 0, UNLIMITED, limit, bytes(32))
        chain.send(house, "openPosition", order, role=ARBITRAGEUR)
        if limit == target:
            # The 15 s average, which the mark is made of, has caught up by then.
            chain.advance(PRICE_LIMIT_INTERVAL + 1)
            return
    raise DevnetError(f"{NAME} {market}: the pool did not reach the index in {MAX_STEPS} trades.")


def prices(w3: Web3, addresses: dict[str, Any], market: str) -> Prices:
    """Pool price, mark price and index price (1e18)."""
    chain = Chain(w3)
    names = addresses["markets"][market]
    sqrt_x96 = pools.pool(w3, names["pool"]).functions.slot0().call()[0]
    balance = chain.at(core("AccountBalance"), addresses["account_balance"])
    token = chain.at(core("BaseToken"), names["base_token"])
    return Prices(
        spot=pools.price_e18(sqrt_x96, 18, 18),
        mark=balance.functions.getMarkPrice(token.address).call(),
        index=token.functions.getIndexPrice(0).call(),
    )


def _base_token(chain: Chain, market: str, feed: str, quote: Contract) -> Contract:
    price_feed = chain.deploy(
        hardhat(ORACLE, "ChainlinkPriceFeedV3"), feed, FEED_TIMEOUT, FEED_TWAP
    )
    dispatcher = chain.deploy(hardhat(ORACLE, "PriceFeedDispatcher"), price_feed.address)
    # Base must sort below quote (MR_IB). An address made by CREATE depends on the account's nonce
    # only, and quote starts with 0xf: fifteen of sixteen fit, and the sixteenth is thrown away.
    while True:
        token = chain.deploy(core("BaseToken"))
        if int(token.address, 16) < int(quote.address, 16):
            break
    symbol = "v" + market.split("-")[0]
    chain.send(token, "initialize", symbol, symbol, dispatcher.address)
    return token


def _pool(site: Site, market: str, token: Contract, quote: Contract) -> Contract:
    chain = site.chain
    chain.send(site.uniswap_factory, "createPool", token.address, quote.address, UNISWAP_FEE)
    address = site.uniswap_factory.functions.getPool(
        token.address, quote.address, UNISWAP_FEE
    ).call()
    uniswap = pools.pool(chain.w3, address)
    chain.send(uniswap, "initialize", pools.sqrt_price_x96(START_PRICES[market], 18, 18))
    for slots in range(OBSERVATIONS_PER_TX, OBSERVATIONS + 1, OBSERVATIONS_PER_TX):
        chain.send(uniswap, "increaseObservationCardinalityNext", slots)
    return uniswap


def _core_contracts(chain: Chain, usdc: str, quote: Contract, factory: str) -> dict[str, Contract]:
    made: dict[str, Contract] = {}

    def make(name: str, *args: Any) -> str:
        made[name] = chain.deploy(core(name))
        chain.send(made[name], "initialize", *args)
        return str(made[name].address)

    config = make("ClearingHouseConfig")
    registry = make("MarketRegistry", factory, quote.address)
    book = make("OrderBook", registry)
    exchange = make("Exchange", registry, book, config)
    balance = make("AccountBalance", config, book)
    fund = make("InsuranceFund", usdc)
    vault = make("Vault", fund, config, balance, exchange)
    make(
        "CollateralManager",
        *(config, vault, MAX_COLLATERALS, DEBT_NON_SETTLEMENT_RATIO, COLLATERAL_LIQUIDATION_RATIO),
        *(MM_RATIO_BUFFER, COLLATERAL_INSURANCE_FEE, DEBT_THRESHOLD, COLLATERAL_DUST),
    )
    make("ClearingHouse", config, vault, quote.address, factory, exchange, balance, fund)
    make("DelegateApproval")
    return made


def _connect(chain: Chain, made: dict[str, Contract]) -> None:
    house, vault = made["ClearingHouse"], made["Vault"]
    for name in ("MarketRegistry", "OrderBook", "Exchange", "AccountBalance", "Vault"):
        chain.send(made[name], "setClearingHouse", house.address)
    chain.send(house, "setDelegateApproval", made["DelegateApproval"].address)
    chain.send(made["InsuranceFund"], "setVault", vault.address)
    chain.send(made["AccountBalance"], "setVault", vault.address)
    chain.send(made["OrderBook"], "setExchange", made["Exchange"].address)
    chain.send(made["Exchange"], "setAccountBalance", made["AccountBalance"].address)
    chain.send(vault, "setCollateralManager", made["CollateralManager"].address)
    chain.send(made["ClearingHouseConfig"], "setSettlementTokenBalanceCap", UNLIMITED)


def _open_market(
    chain: Chain, made: dict[str, Contract], quote: Contract, token: Contract, uniswap: Contract
) -> None:
    house, registry = made["ClearingHouse"], made["MarketRegistry"]
    for virtual in (token, quote):
        if virtual.functions.totalSupply().call() == 0:
            chain.send(virtual, "mintMaximumTo", house.address)
            chain.send(virtual, "addWhitelist", house.address)
        chain.send(virtual, "addWhitelist", uniswap.address)
    chain.send(registry, "addPool", token.address, UNISWAP_FEE)
    chain.send(registry, "setFeeRatio", token.address, EXCHANGE_FEE)
    chain.send(registry, "setInsuranceFundFeeRatio", token.address, INSURANCE_FUND_FEE)
    chain.send(made["Exchange"], "setMaxTickCrossedWithinBlock", token.address, MAX_TICK_CROSSED)


def _fund(site: Site, vault: Contract, role: int, amount: int) -> None:
    chain, usdc = site.chain, site.usdc
    chain.send(usdc, "mint", chain.accounts[role], amount, role=DEPLOYER)
    chain.send(usdc, "approve", vault.address, amount, role=role)
    chain.send(vault, "deposit", usdc.address, amount, role=role)


def _add_liquidity(
    chain: Chain, house: Contract, market: str, token: Contract, uniswap: Contract
) -> None:
    sqrt_x96 = uniswap.functions.slot0().call()[0]
    for lower, upper, liquidity in pools.plan(BANDS, market, sqrt_x96, TICK_SPACING, 18):
        base, quote = pools.amounts(liquidity, sqrt_x96, lower, upper)
        # (base token, base, quote, lower, upper, least base, least quote, taker balance, deadline)
        order = (token.address, base, quote, lower, upper, 0, 0, False, UNLIMITED)
        chain.send(house, "addLiquidity", order, role=MAKER)
