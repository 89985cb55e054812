"""Bytecode and ABI of what is deployed, read from the installed packages."""

from __future__ import annotations

import ast
import importlib.util
import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from eth_utils.crypto import keccak

from devnet import ROOT, DevnetError

MODULES = ROOT / "node_modules"
SYNTHETIX = MODULES / "synthetix" / "publish" / "deployed"
LOCAL_MANIFEST = ROOT / ".build" / "__local__.json"
"""Where Ape leaves what it compiled from contracts/."""


@dataclass(frozen=True)
class Artifact:
    """A compiled contract. `bytecode` is creation code as 0x-hex, libraries linked."""

    name: str
    abi: list[dict[str, Any]]
    bytecode: str


@cache
def _read(path: Path) -> Any:
    if not path.is_file():
        raise DevnetError(f"{path.relative_to(ROOT)} is missing: run `npm ci` in the checkout.")
    return json.loads(path.read_text())


def hardhat(folder: str, source: str, libraries: dict[str, str] | None = None) -> Artifact:
    """Contract `source` (its path without .sol) from a Hardhat artifacts folder below node_modules.

    `libraries` maps a library's name to the address it is linked at. Without them a contract that
    needs any has no bytecode: its ABI can be used, but it cannot be deployed.
    """
    name = source.rsplit("/", 1)[-1]
    data = _read(MODULES / folder / f"{source}.sol" / f"{name}.json")
    references = data.get("linkReferences", {})
    if references and libraries is None:
        return Artifact(name, data["abi"], "")
    code = data["bytecode"].removeprefix("0x")
    for needed in references.values():
        for library, places in needed.items():
            address = (libraries or {})[library].removeprefix("0x").lower()
            for place in places:
                start, end = 2 * place["start"], 2 * (place["start"] + place["length"])
                code = code[:start] + address + code[end:]
    return Artifact(name, data["abi"], "0x" + code)


def chainlink(version: str, name: str) -> Artifact:
    """Contract `name` of solidity line `version` (such as "v0.7") from @chainlink/contracts."""
    output = _read(MODULES / "@chainlink/contracts/abi" / version / f"{name}.json")[
        "compilerOutput"
    ]
    return Artifact(
        name, output["abi"], "0x" + output["evm"]["bytecode"]["object"].removeprefix("0x")
    )


def synthetix(name: str, libraries: dict[str, str] | None = None) -> Artifact:
    """Contract `name` of Synthetix, as it runs on Optimism.

    The package keeps the bytecode of its live deployments. What Optimism's own still has from the
    first version of its virtual machine runs nowhere else: that comes from the testnet's.
    `libraries` as for `hardhat`.
    """
    live, test = (
        _read(SYNTHETIX / network / "deployment.json")["sources"].get(name)
        for network in ("mainnet-ovm", "sepolia-ovm")
    )
    source = test if live is None or "ovm" in live["metadata"]["compiler"]["version"] else live
    code = source["bytecode"].removeprefix("0x")
    for library, address in (libraries or {}).items():
        place = f"__${keccak(text=f'{name}.sol:{library}').hex()[:34]}$__"
        code = code.replace(place, address.removeprefix("0x").lower())
    return Artifact(name, source["abi"], "" if "__$" in code else "0x" + code)


def synthetix_setting(file: str) -> Any:
    """What a settings file of Synthetix on Optimism says (see `publish/deployed/mainnet-ovm`)."""
    return _read(SYNTHETIX / "mainnet-ovm" / file)


def mock_pyth() -> Artifact:
    """Pyth's own stand-in for its oracle: it takes any price, without the signatures."""
    folder = MODULES / "@pythnetwork/pyth-sdk-solidity"
    code = (folder / "build" / "MockPyth_sol_MockPyth.bin").read_text().strip()
    return Artifact("MockPyth", _read(folder / "abis" / "MockPyth.json"), "0x" + code)


def compiled(name: str) -> Artifact:
    """One of our own contracts, as Ape compiled it."""
    if not LOCAL_MANIFEST.is_file():
        raise DevnetError(".build/__local__.json is missing: run `ape compile` in the checkout.")
    types = _read(LOCAL_MANIFEST)["contractTypes"]
    if name not in types:
        raise DevnetError(f"{name} is not compiled: run `ape compile` in the checkout.")
    return Artifact(name, types[name]["abi"], types[name]["deploymentBytecode"]["bytecode"])


def local_usdc() -> Artifact:
    """Our settlement token."""
    return compiled("LocalUSDC")


def multicall3() -> tuple[str, str]:
    """Address and runtime code of Multicall3, as pinned eth-ape carries them.

    The module is parsed, not imported: importing Ape takes seconds.
    """
    spec = importlib.util.find_spec("ape_ethereum")
    if spec is None or spec.origin is None:
        raise DevnetError("eth-ape is not installed in this Python environment: see the README.")
    source = (Path(spec.origin).parent / "multicall" / "constants.py").read_text()
    found: dict[str, str] = {}
    for node in ast.parse(source).body:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            texts = [n.value for n in ast.walk(node.value) if isinstance(n, ast.Constant)]
            for text in texts:
                if isinstance(text, str) and text.startswith("0x"):
                    found[node.targets[0].id] = text
    try:
        return found["MULTICALL3_ADDRESS"], found["MULTICALL3_CODE"]
    except KeyError as missing:
        raise DevnetError(
            f"eth-ape no longer carries {missing}: pin the version of the lock file."
        ) from None
