"""Where the chain and the deployment are, for every command that needs them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from ringside.cli.safe import failed

if TYPE_CHECKING:
    from web3 import Web3

    from ringside.chain.contracts import Ringside

F = TypeVar("F", bound=Callable[..., Any])
RPC = "http://127.0.0.1:8545"
ADDRESSES = "build/devnet/addresses.json"
"""Where the local chain leaves what stands where."""
RECEIPTS = "build/receipts"
TIMEOUT = 60
"""Seconds that one request may take."""


def chain_options(command: F) -> F:
    """--rpc and --addresses."""
    command = click.option(
        "--addresses",
        "addresses",
        envvar="RINGSIDE_ADDRESSES",
        default=ADDRESSES,
        show_default=True,
        help="A deployment's addresses, as JSON; or RINGSIDE_ADDRESSES.",
    )(command)
    return click.option(
        "--rpc",
        "rpc",
        envvar="RINGSIDE_RPC",
        default=RPC,
        show_default=True,
        help="The chain's JSON-RPC; or RINGSIDE_RPC.",
    )(command)


def receipts_option(command: F) -> F:
    """--receipts."""
    return click.option(
        "--receipts",
        "receipts",
        envvar="RINGSIDE_RECEIPTS",
        default=RECEIPTS,
        show_default=True,
        help="The directory of receipts; or RINGSIDE_RECEIPTS.",
    )(command)


def node(rpc: str) -> Web3:
    """The chain that answers there.

    Raises:
        ClickException: none does; the message says what to do.
    """
    from web3 import HTTPProvider, Web3

    w3 = Web3(HTTPProvider(rpc, request_kwargs={"timeout": TIMEOUT}))
    if not w3.is_connected():
        raise failed(
            f"Nothing answers at {rpc}: start the local chain with `make devnet`, or name another "
            "with --rpc or RINGSIDE_RPC."
        )
    return w3


def connected(rpc: str, addresses: str) -> Ringside:
    """The deployment that the file names, on the chain that answers there.

    Raises:
        ClickException: one of them is not there; the message says what to do.
    """
    from ringside.chain.contracts import DeploymentError, Ringside

    try:
        known = json.loads(Path(addresses).read_text())
    except FileNotFoundError:
        raise failed(
            f"There is no {addresses}: start the local chain with `make devnet`, or name a "
            "deployment's addresses with --addresses."
        ) from None
    except (OSError, ValueError) as no:
        raise failed(f"{addresses} cannot be read as JSON: {no}.") from None
    if not isinstance(known, dict):
        raise failed(f"{addresses} holds no object of addresses.")
    w3 = node(rpc)
    try:
        return Ringside.at(w3, known)
    except DeploymentError as no:
        raise failed(
            f"{addresses} is not of the chain at {rpc}: {no}. A local chain that was started anew "
            "writes the file anew; name its own with --addresses."
        ) from None
