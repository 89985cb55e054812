"""Orders as they travel: the EIP-712 message that the owner's wallet showed and signed, as JSON.

Integers may be JSON's own or decimal text; they are sent as text, since many readers make floats of
JSON's numbers. Addresses and bytes are 0x and hex digits. Nothing may be missing and nothing more
may be there: what is not understood is not signed for.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, TypeVar

from ringside import eip712, orders, policies
from ringside.orders import Bounds, Bundle, Conditions, Mode, Order, OrderError, Terms, Tickets
from ringside.policies import Pocket, Policy, PolicyError

Json = Any
T = TypeVar("T")

_NUMBER = re.compile(r"-?(0|[1-9][0-9]{0,77})")
_HEX = re.compile(r"0x([0-9a-fA-F]{2})*")
_LONGEST = 64
"""Entries of a list at most, and characters of a text: no order has as many steps, no market as
long a name."""


class WireError(ValueError):
    """A message that is no order; the text names the field and says why."""


def message(signable: eip712.Signable) -> Json:
    """An order, bundle or policy as it travels."""
    return _json(signable.values)


def order(data: Json) -> Order:
    """
    Raises:
        WireError: it is no order; the message names the field.
    """
    values = _struct("Order", orders.TYPES, data, "order")
    terms = values.pop("terms")
    return _made(Order, "order", **values, **_terms(terms))


def bundle(data: Json) -> Bundle:
    """
    Raises:
        WireError: it is no bundle; the message names the field.
    """
    values = _struct("Bundle", orders.TYPES, data, "bundle")
    if values["mode"] not in tuple(Mode):
        raise WireError(f"bundle.mode must be one of {[int(m) for m in Mode]}")
    steps = tuple(
        _made(Terms, f"bundle.steps[{i}]", **_terms(step)) for i, step in enumerate(values["steps"])
    )
    return _made(Bundle, "bundle", **{**values, "steps": steps, "mode": Mode(values["mode"])})


def policy(data: Json) -> Policy:
    """
    Raises:
        WireError: it is no standing policy; the message names the field.
    """
    values = _struct("Policy", policies.TYPES, data, "policy")
    pockets = tuple(
        _made(Pocket, f"policy.pockets[{i}]", **pocket)
        for i, pocket in enumerate(values["pockets"])
    )
    return _made(Policy, "policy", **{**values, "pockets": pockets})


def hexed(data: Json, where: str, size: int | None = None) -> bytes:
    """Bytes out of 0x and hex digits, `size` of them if that is given.

    Raises:
        WireError: it is something else.
    """
    if not isinstance(data, str) or not _HEX.fullmatch(data):
        raise WireError(f"{where} must be text: 0x and pairs of hex digits")
    found = bytes.fromhex(data[2:])
    if size is not None and len(found) != size:
        raise WireError(f"{where} must be {size} bytes, not {len(found)}")
    return found


def _terms(values: Mapping[str, Any]) -> dict[str, Any]:
    found = dict(values)
    found["bounds"] = _made(Bounds, "bounds", **values["bounds"])
    for name, kind in (("tickets", Tickets), ("conditions", Conditions)):
        if len(values[name]) > 1:
            raise WireError(f"{name} has {len(values[name])} entries: one, or none")
        found[name] = _made(kind, name, **values[name][0]) if values[name] else None
    return found


def _made(kind: type[T], where: str, **values: Any) -> T:
    try:
        return kind(**values)
    except (OrderError, PolicyError) as no:
        raise WireError(f"{where}: {no}") from None


def _struct(name: str, types: eip712.Types, data: Json, where: str) -> dict[str, Any]:
    """The fields of an EIP-712 struct, under their names in Python."""
    if not isinstance(data, Mapping):
        raise WireError(f"{where} must be an object")
    kinds = dict(types[name])
    missing, more = [k for k in kinds if k not in data], [k for k in data if k not in kinds]
    if missing or more:
        parts = [f"lacks {', '.join(missing)}"] if missing else []
        parts += [f"has {', '.join(str(k)[:40] for k in more[:5])} too"] if more else []
        raise WireError(f"{where} {' and '.join(parts)}")
    return {
        _snake(key): _value(kind, types, data[key], f"{where}.{key}") for key, kind in kinds.items()
    }


def _value(kind: str, types: eip712.Types, data: Json, where: str) -> Any:
    if kind.endswith("[]"):
        if not isinstance(data, list) or len(data) > _LONGEST:
            raise WireError(f"{where} must be a list of at most {_LONGEST}")
        inner = kind.removesuffix("[]")
        return [_value(inner, types, item, f"{where}[{i}]") for i, item in enumerate(data)]
    if kind in types:
        return _struct(kind, types, data, where)
    if kind == "bool":
        if not isinstance(data, bool):
            raise WireError(f"{where} must be true or false")
        return data
    if kind == "string":
        if not isinstance(data, str) or not 0 < len(data) <= _LONGEST or not data.isprintable():
            raise WireError(f"{where} must be text of 1 to {_LONGEST} printable characters")
        return data
    if kind == "address":
        return "0x" + hexed(data, where, 20).hex()
    if kind == "bytes32":
        return hexed(data, where, 32)
    if isinstance(data, str) and _NUMBER.fullmatch(data):
        return int(data)
    if isinstance(data, int) and not isinstance(data, bool):
        return data
    raise WireError(f"{where} must be a whole number, as decimal text")


def _json(value: Any) -> Json:
    if isinstance(value, (bool, str)):
        return value
    if isinstance(value, int):
        return str(int(value))
    if isinstance(value, bytes):
        return "0x" + value.hex()
    if isinstance(value, Mapping):
        return {key: _json(item) for key, item in value.items()}
    return [_json(item) for item in value]


def _snake(name: str) -> str:
    return re.sub(r"([A-Z])", lambda found: "_" + found[1].lower(), name)
