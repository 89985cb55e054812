"""The little of the contract ABI that reading needs: static arguments in, 32-byte words out.

Nothing here needs web3, so that a recorded snapshot can be parsed without a chain at hand.
"""

from functools import lru_cache

from ringside.keccak import keccak_text

WORD = 32
_MASK = (1 << 256) - 1


@lru_cache(maxsize=512)
def selector(signature: str) -> bytes:
    """The first four bytes of keccak256 of `signature`, e.g. `"slot0()"`."""
    return keccak_text(signature)[:4]


def encode(signature: str, *arguments: int | str | bool) -> bytes:
    """Call data for `signature` with static arguments: ints (negative ones as two's complement),
    addresses as hex text, booleans."""
    return selector(signature) + b"".join(
        (int(a, 16) if isinstance(a, str) else int(a) & _MASK).to_bytes(WORD, "big")
        for a in arguments
    )


def word(data: bytes, index: int = 0) -> int:
    """The unsigned word at `index`.

    Raises:
        IndexError: `data` is too short to hold it.
    """
    chunk = data[index * WORD : (index + 1) * WORD]
    if len(chunk) != WORD:
        raise IndexError(f"{len(data)} bytes hold no word {index}")
    return int.from_bytes(chunk, "big")


def signed(data: bytes, index: int = 0) -> int:
    """The word at `index` as a signed integer."""
    value = word(data, index)
    return value - (1 << 256) if value >> 255 else value


def address(data: bytes, index: int = 0) -> str:
    """The word at `index` as an address: 0x and 40 lower-case hex digits."""
    return f"0x{word(data, index) & ((1 << 160) - 1):040x}"
