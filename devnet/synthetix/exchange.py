"""Where USDC becomes sUSD and back: a Uniswap v3 pool, the router, and a maker at par."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from web3 import Web3
from web3.contract import Contract

from devnet import pools
from devnet.artifacts import Artifact, hardhat
from devnet.chain import DEPLOYER, MAKER
from devnet.synthetix.core import Core
from devnet.venues import Site

PERIPHERY = "@uniswap/v3-periphery/artifacts/contracts"
POOL_FEE = 500
"""Of the pool (1e6): 0.05 %."""
TICK_SPACING = 10
REACH = 100
"""Ticks the maker quotes either side of par: one percent."""
SIDE = 10_000_000
"""USD the maker puts in of each token."""
USDC_DECIMALS, SUSD_DECIMALS = 6, 18
WRAPPED_ETHER = Web3.to_checksum_address("0x4200000000000000000000000000000000000006")
"""Where Optimism has it. Nothing stands there locally: only swaps of ether would need it."""
NO_DESCRIPTOR = "0x" + "00" * 20
FOREVER = 2**256 - 1


@dataclass(frozen=True)
class Exchange:
    """The pool and what trades in it."""

    router: str
    pool: str
    usdc_is_token0: bool


def router() -> Artifact:
    """The swap router."""
    return hardhat(PERIPHERY, "SwapRouter")


def deploy(site: Site, core: Core) -> Exchange:
    """Open the pool at par, with the maker's liquidity around it."""
    chain, factory = site.chain, site.uniswap_factory
    usdc, susd = site.usdc, core["ProxysUSD"]
    swaps = chain.deploy(router(), factory.address, WRAPPED_ETHER)
    manager = chain.deploy(
        hardhat(PERIPHERY, "NonfungiblePositionManager"),
        *(factory.address, WRAPPED_ETHER, NO_DESCRIPTOR),
    )
    chain.send(factory, "createPool", usdc.address, susd.address, POOL_FEE)
    address = factory.functions.getPool(usdc.address, susd.address, POOL_FEE).call()
    pool = pools.pool(chain.w3, address)
    first = int(usdc.address, 16) < int(susd.address, 16)
    decimals = (USDC_DECIMALS, SUSD_DECIMALS) if first else (SUSD_DECIMALS, USDC_DECIMALS)
    par = pools.sqrt_price_x96(Decimal(1), *decimals)
    chain.send(pool, "initialize", par)
    _add_liquidity(site, core, manager, par, first)
    return Exchange(swaps.address, address, first)


def _add_liquidity(site: Site, core: Core, manager: Contract, par: int, first: bool) -> None:
    chain, usdc, susd = site.chain, site.usdc, core["ProxysUSD"]
    maker = chain.accounts[MAKER]
    sides = [(usdc, SIDE * 10**USDC_DECIMALS), (susd, SIDE * 10**SUSD_DECIMALS)]
    chain.send(usdc, "mint", maker, sides[0][1], role=DEPLOYER)
    core.issue(maker, sides[1][1])
    token = [contract.address for contract, _ in sides]
    for contract, amount in sides:
        chain.send(contract, "approve", manager.address, amount, role=MAKER)
    amounts = [amount for _, amount in sides]
    order = 1 if first else -1
    ticks = pools.edges(pools.Band(REACH, Decimal(0)), par, TICK_SPACING)
    # (tokens, fee, ticks, amounts, least amounts, owner, deadline)
    terms = (*token[::order], POOL_FEE, *ticks, *amounts[::order], 0, 0, maker, FOREVER)
    chain.send(manager, "mint", terms, role=MAKER)
