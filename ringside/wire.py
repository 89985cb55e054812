"""Orders as they travel: the EIP-712 message that the owner's wallet showed and signed, as JSON.

Integers may be JSON's own or decimal text; they are sent as text, since many readers make floats of
JSON's numbers. Addresses and bytes are 0x and hex digits. Nothing may be missing and nothing more
may be there: what is not understood is not signed for.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from ringside import eip712, orders, policies
from ringside.orders import Bounds, Bundle, Conditions, Mode, Order, OrderError, Terms, Tickets
from ringside.policies import Pocket, Policy, PolicyError

Json = Any
T = TypeVar("T")
Reader = Callable[[Json, str], Any]
"""Takes what arrived and where, and gives the value or raises a WireError."""

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
    values = _struct("Order", data, "order")
    terms = values.pop("terms")
    return _made(Order, "order", **values, **_terms(terms, "order.terms"))


def bundle(data: Json) -> Bundle:
    """
    Raises:
        WireError: it is no bundle; the message names the field.
    """
    values = _struct("Bundle", data, "bundle")
    if values["mode"] not in tuple(Mode):
        raise WireError(f"bundle.mode must be one of {[int(m) for m in Mode]}")
    steps = tuple(
        _made(Terms, where, **_terms(step, where))
        for step, where in ((s, f"bundle.steps[{i}]") for i, s in enumerate(values["steps"]))
    )
    return _made(Bundle, "bundle", **{**values, "steps": steps, "mode": Mode(values["mode"])})


def policy(data: Json) -> Policy:
    """
    Raises:
        WireError: it is no standing policy; the message names the field.
    """
    values = _struct("Policy", data, "policy")
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


def _terms(values: dict[str, Any], where: str) -> dict[str, Any]:
    values["bounds"] = _made(Bounds, f"{where}.bounds", **values["bounds"])
    for name, kind in (("tickets", Tickets), ("conditions", Conditions)):
        given = values[name]
        if len(given) > 1:
            raise WireError(f"{where}.{name} has {len(given)} entries: one, or none")
        values[name] = _made(kind, f"{where}.{name}", **given[0]) if given else None
    return values


def _made(kind: type[T], where: str, **values: Any) -> T:
    try:
        return kind(**values)
    except (OrderError, PolicyError) as no:
        raise WireError(f"{where}: {no}") from None


def _struct(name: str, data: Json, where: str) -> dict[str, Any]:
    """The fields of an EIP-712 struct, under their names in Python."""
    if not isinstance(data, Mapping):
        raise WireError(f"{where} must be an object")
    plan = _PLANS[name]
    if data.keys() != plan.keys():
        missing, more = [k for k in plan if k not in data], [k for k in data if k not in plan]
        parts = [f"lacks {', '.join(missing)}"] if missing else []
        parts += [f"has {', '.join(str(k)[:40] for k in more[:5])} too"] if more else []
        raise WireError(f"{where} {' and '.join(parts)}")
    return {snake: read(data[key], f"{where}.{key}") for key, (snake, read) in plan.items()}


def _reader(kind: str) -> Reader:
    if kind.endswith("[]"):
        inner = _reader(kind.removesuffix("[]"))
        return lambda data, where: _list(inner, data, where)
    if kind in _TYPES:
        return lambda data, where: _struct(kind, data, where)
    return _READERS.get(kind, _number)


def _list(inner: Reader, data: Json, where: str) -> list[Any]:
    if not isinstance(data, list) or len(data) > _LONGEST:
        raise WireError(f"{where} must be a list of at most {_LONGEST}")
    return [inner(item, f"{where}[{i}]") for i, item in enumerate(data)]


def _bool(data: Json, where: str) -> bool:
    if not isinstance(data, bool):
        raise WireError(f"{where} must be true or false")
    return data


def _text(data: Json, where: str) -> str:
    if not isinstance(data, str) or not 0 < len(data) <= _LONGEST or not data.isprintable():
        raise WireError(f"{where} must be text of 1 to {_LONGEST} printable characters")
    return data


def _number(data: Json, where: str) -> int:
    if isinstance(data, str) and _NUMBER.fullmatch(data):
        return int(data)
    # Beyond 256 bits nothing is looked at: Python would not even print some of it.
    if isinstance(data, int) and not isinstance(data, bool) and data.bit_length() <= 256:
        return data
    raise WireError(f"{where} must be a whole number of at most 256 bits, as decimal text")


def _snake(name: str) -> str:
    return re.sub(r"([A-Z])", lambda found: "_" + found[1].lower(), name)


_READERS: dict[str, Reader] = {
    "bool": _bool,
    "string": _text,
    "address": lambda data, where: "0x" + hexed(data, where, 20).hex(),
    "bytes32": lambda data, where: hexed(data, where, 32),
}
_TYPES: dict[str, eip712.Fields] = {**orders.TYPES, **policies.TYPES}
_PLANS = {
    name: {key: (_snake(key), _reader(kind)) for key, kind in entries}
    for name, entries in _TYPES.items()
}
"""By struct, its fields as they travel: their names in Python, and what reads them."""


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
