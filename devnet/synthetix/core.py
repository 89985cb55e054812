"""The Synthetix system a perp market stands on: addresses, rates, sUSD and the settings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from eth_typing import ChecksumAddress
from web3 import Web3
from web3.contract import Contract

from devnet.artifacts import synthetix as artifact
from devnet.artifacts import synthetix_setting
from devnet.chain import DEPLOYER, Chain

ONE = 10**18
SUSD = b"sUSD".ljust(32, b"\0")
NOBODY = Web3.to_checksum_address("0x" + "dead".rjust(40, "0"))
"""What the resolver names for the parts of Synthetix that trading perps never calls: staking,
escrow, wrappers, rewards. A call to one would revert."""
MINTER = "SynthetixBridgeToBase"
"""The bridge from Ethereum, which issues what was burnt there. Here the deployer is registered as
it."""

RATE_STALE_PERIOD = 25 * 60 * 60
"""Seconds a feed's answer holds: the package's default. Optimism has 4,200; a local feed
moves only when told to."""
PRICE_DEVIATION_THRESHOLD = 3 * ONE
"""Factor between two answers of a feed that trips the circuit breaker: the package's default.
Dynamic fees are left off: they look back six rounds of the feed, and here each round is one of a
demo's large moves."""
MIN_INITIAL_MARGIN = 40 * ONE
KEEPER_LIQUIDATION_FEE = 2 * ONE
"""sUSD: the package's defaults (`FUTURES_MIN_INITIAL_MARGIN`, `PERPSV2_KEEPER_LIQUIDATION_FEE`);
what `mainnet-ovm/params.json` states is read from there."""


@dataclass(frozen=True)
class Core:
    """The contracts of the system, by the name the resolver knows them by."""

    chain: Chain
    owner: ChecksumAddress
    resolver: ChecksumAddress
    """The ReadProxy: what every contract is told the resolver is."""
    libraries: dict[str, str]
    """Name -> address, for linking."""
    contracts: dict[str, Contract]

    def __getitem__(self, name: str) -> Contract:
        return self.contracts[name]

    def rebuild(self, contracts: list[Contract]) -> None:
        """Have contracts look up the addresses they use."""
        addresses = [contract.address for contract in contracts]
        self.chain.send(self["AddressResolver"], "rebuildCaches", addresses)

    def issue(self, to: str, amount: int) -> None:
        """Mint `amount` sUSD (1e18) the way the bridge does."""
        self.chain.send(self["Issuer"], "issueSynthsWithoutDebt", SUSD, to, amount)


def deploy(chain: Chain, rates: dict[bytes, str], pyth: Contract) -> Core:
    """Deploy the system. `rates`: a synth's key -> its Chainlink-shaped aggregator."""
    owner = chain.accounts[DEPLOYER]
    libraries: dict[str, str] = {}
    for name in ("SafeDecimalMath", "ExchangeSettlementLib", "SystemSettingsLib"):
        libraries[name] = chain.deploy(artifact(name, libraries)).address

    directory = chain.deploy(artifact("AddressResolver"), owner)
    read_proxy = chain.deploy(artifact("ReadProxy"), owner)
    chain.send(read_proxy, "setTarget", directory.address)
    resolver = read_proxy.address

    made = {"AddressResolver": directory}
    made["FlexibleStorage"] = chain.deploy(artifact("FlexibleStorage"), resolver)
    made["SystemStatus"] = chain.deploy(artifact("SystemStatus"), owner)
    for name in (
        *("SystemSettings", "ExchangeRates", "CircuitBreaker", "Issuer", "DebtCache", "Exchanger"),
        *("DirectIntegrationManager", "FuturesMarketManager", "PerpsV2MarketSettings"),
        "PerpsV2ExchangeRate",
    ):
        made[name] = chain.deploy(artifact(name, libraries), owner, resolver)
    made["ExchangeState"] = chain.deploy(
        artifact("ExchangeState"), owner, made["Exchanger"].address
    )
    fee_proxy = chain.deploy(artifact("Proxy"), owner)
    made["FeePool"] = chain.deploy(
        artifact("FeePool", libraries), fee_proxy.address, owner, resolver
    )
    chain.send(fee_proxy, "setTarget", made["FeePool"].address)
    made["CollateralManager"] = _collateral_manager(chain, owner, resolver)
    made["SynthsUSD"], token = _susd(chain, owner, resolver)

    core = Core(chain, owner, resolver, libraries, made)
    _register(core)
    chain.send(made["Issuer"], "addSynth", made["SynthsUSD"].address)
    for key, feed in rates.items():
        chain.send(made["ExchangeRates"], "addAggregator", key, feed)
    _settings(core, pyth)
    made["ProxysUSD"] = token
    return core


def _collateral_manager(chain: Chain, owner: str, resolver: str) -> Contract:
    """Loans against ether: none are given, but the fee pool asks it who may pay fees."""
    limits = setting("COLLATERAL_MANAGER")
    names = ("MAX_DEBT", "MAX_SKEW_RATE", "BASE_BORROW_RATE", "BASE_SHORT_RATE")
    state = chain.deploy(artifact("CollateralManagerState"), owner, owner)
    made = chain.deploy(
        artifact("CollateralManager"),
        *(state.address, owner, resolver),
        *(int(limits[name]) for name in names),
    )
    chain.send(state, "setAssociatedContract", made.address)
    return made


def _susd(chain: Chain, owner: str, resolver: str) -> tuple[Contract, Contract]:
    """The synth behind sUSD and the token people hold, which is its proxy."""
    proxy = chain.deploy(artifact("ProxyERC20"), owner)
    balances = chain.deploy(artifact("TokenState"), owner, owner)
    synth = chain.deploy(
        artifact("MultiCollateralSynth"),
        *(proxy.address, balances.address, "Synth sUSD", "sUSD", owner, SUSD, 0, resolver),
    )
    chain.send(balances, "setAssociatedContract", synth.address)
    chain.send(proxy, "setTarget", synth.address)
    return synth, proxy


def _register(core: Core) -> None:
    """Name every contract to the resolver, and have those that use it look their own ones up."""
    users = [c for c in core.contracts.values() if hasattr(c.functions, "rebuildCache")]
    known = {_key(name): c.address for name, c in core.contracts.items()}
    known[_key(MINTER)] = core.owner
    for user in users:
        for name in user.functions.resolverAddressesRequired().call():
            known.setdefault(name, NOBODY)
    core.chain.send(core["AddressResolver"], "importAddresses", list(known), list(known.values()))
    core.rebuild(users)


def _settings(core: Core, pyth: Contract) -> None:
    chain, settings, perps = core.chain, core["SystemSettings"], core["PerpsV2MarketSettings"]
    chain.send(settings, "setRateStalePeriod", RATE_STALE_PERIOD)
    chain.send(settings, "setPriceDeviationThresholdFactor", PRICE_DEVIATION_THRESHOLD)
    # The margin first: it bounds the keeper's fee.
    chain.send(perps, "setMinInitialMargin", MIN_INITIAL_MARGIN)
    chain.send(perps, "setMinKeeperFee", int(setting("FUTURES_MIN_KEEPER_FEE")))
    chain.send(perps, "setMaxKeeperFee", int(setting("FUTURES_MAX_KEEPER_FEE")))
    chain.send(perps, "setLiquidationFeeRatio", int(setting("FUTURES_LIQUIDATION_FEE_RATIO")))
    chain.send(perps, "setKeeperLiquidationFee", KEEPER_LIQUIDATION_FEE)
    chain.send(core["PerpsV2ExchangeRate"], "setOffchainOracle", pyth.address)


def setting(name: str) -> Any:
    """One of the system's settings on Optimism, from `mainnet-ovm/params.json`."""
    return next(row["value"] for row in synthetix_setting("params.json") if row["name"] == name)


def _key(name: str) -> bytes:
    return name.encode().ljust(32, b"\0")
