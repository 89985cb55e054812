"""The local chain Ringside is built and tested on: one anvil with real venues deployed on it.

The venues' bytecode comes from their own npm packages; nothing of theirs is copied or rewritten.
Whatever is deployed depends on the inputs alone (lock file, these modules, the settlement token's
bytecode), so a built state is cached and loaded in a fraction of a second.

    python -m devnet up          start the chain, stay up till Ctrl-C
    python -m devnet build       build the cached state only
    python -m devnet price ETH-USD 2100
"""

from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
"""The checkout: where node_modules, .build and build stand."""


class DevnetError(Exception):
    """Something the local chain needs is missing or went wrong; the message says what to do."""
