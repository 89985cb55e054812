"""Calls that nobody meant: any function of any contract, with arguments of the right shape or of
none."""

from __future__ import annotations

from functools import cache
from random import Random
from typing import Any

from arena import MARKETS, Arena
from eth_abi.abi import encode
from eth_utils.abi import collapse_if_tuple
from eth_utils.crypto import keccak

from devnet.artifacts import compiled
from ringside.orders import market_id

TARGETS = ("Vault", "Desk", "Bundles", "Policies", "Venues", "Quotes", "Board", "Lens", "Access")
SEATS = ("PerpV2Seat", "RageSeat", "SynthetixSeat")


@cache
def _functions(contract: str) -> list[tuple[str, bytes, list[str]]]:
    """Those that may change something."""
    found = []
    for entry in compiled(contract).abi:
        if entry["type"] == "function" and entry["stateMutability"] not in ("view", "pure"):
            kinds = [collapse_if_tuple(i) for i in entry["inputs"]]
            head = keccak(text=f"{entry['name']}({','.join(kinds)})")[:4]
            found.append((entry["name"], head, kinds))
    return found


def made_up_call(arena: Arena, random: Random) -> tuple[str, str, str, bytes]:
    """Contract, its address, the function's name, and call data."""
    contract = random.choice((*TARGETS, *SEATS))
    if contract in SEATS:
        venue = {"PerpV2Seat": "perp-v2", "RageSeat": "rage", "SynthetixSeat": "synthetix"}[
            contract
        ]
        name = random.choice(list(arena.holders))
        place = random.choice([arena.seats[name, venue], arena.own["seats"][venue]])
    elif contract == "Bundles":
        place = arena.bundles
    else:
        place = arena.place(contract)
    functions = _functions(contract)
    if not functions or random.random() < 0.1:
        return contract, place, "?", random.randbytes(random.choice([0, 3, 4, 36, 100]))
    name, head, kinds = random.choice(functions)
    body = encode(kinds, [_value(kind, arena, random) for kind in kinds])
    if random.random() < 0.1:
        body = body[: random.randrange(len(body) + 1)]
    return contract, place, name, head + body


def _value(kind: str, arena: Arena, random: Random) -> Any:
    """Of a kind, as close to something real as chance will have it."""
    if kind.endswith("[]"):
        return [_value(kind[:-2], arena, random) for _ in range(random.choice([0, 1, 1, 2]))]
    if kind.startswith("("):
        return tuple(_value(part, arena, random) for part in _parts(kind[1:-1]))
    if kind == "bool":
        return random.random() < 0.5
    if kind == "address":
        return random.choice([*arena.who.values(), arena.vault, arena.usdc, "0x" + "00" * 20])
    if kind == "bytes32":
        holders = [holder.account for holder in arena.holders.values()]
        return random.choice([*holders, *holders, *map(market_id, MARKETS), random.randbytes(32)])
    if kind == "bytes4":
        return random.randbytes(4)
    if kind == "bytes":
        return random.randbytes(random.choice([0, 32, 65]))
    if kind == "string":
        return random.choice([*MARKETS, "", "x"])
    signed = kind.startswith("int")
    bits = int(kind.removeprefix("u").removeprefix("int") or 256)
    most = 2 ** (bits - signed) - 1
    value = random.choice([0, 1, 2, 3, 7, 10**6, 10**9, 10**18, most, random.randrange(most)])
    if signed and random.random() < 0.5:
        value = -value
    return max(min(value, most), -most if signed else 0)


def _parts(inside: str) -> list[str]:
    """Of a tuple's type, at its own level."""
    found, depth, start = [], 0, 0
    for place, letter in enumerate(inside):
        depth += (letter == "(") - (letter == ")")
        if letter == "," and depth == 0:
            found.append(inside[start:place])
            start = place + 1
    return [*found, inside[start:]]
