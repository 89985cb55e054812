"""Frozen dataclasses as canonical JSON, and back: one value, one text.

Keys are sorted, there is no whitespace, text is UTF-8. Integers are decimal text (JSON's numbers
are floats to many readers), bytes are 0x and lower-case hex, tuples are lists, dataclasses and
mappings are objects. Floats are refused: no two machines need print them alike.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from enum import IntEnum
from functools import cache
from types import UnionType
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

T = TypeVar("T")
Plain = Any
"""What JSON can hold without numbers: text, true and false, null, lists and objects of these."""

_INTEGER = re.compile(r"0|-?[1-9][0-9]*")
_BYTES = re.compile(r"0x(?:[0-9a-f]{2})*")
_ESCAPED = re.compile(rb"\\.", re.DOTALL)
_BRACKET = re.compile(rb"[\[\]{}]")
_DEEPEST = 64
"""No document nests as deep; a reader that recurses may crash on more."""
_NAMED = 5
"""Unknown fields that are named at most."""


class CodecError(ValueError):
    """A value that has no canonical form, or a text that is not one; the message says where."""


def plain(value: Any, where: str = "value") -> Plain:
    """A dataclass (or what one holds) as JSON without numbers.

    Raises:
        CodecError: a float, or anything else that is not text, whole number, bytes, truth value,
            nothing, list, mapping by text, or dataclass of these.
    """
    if value is None or isinstance(value, (bool, str)):
        return value
    if isinstance(value, int):
        return str(int(value))
    if isinstance(value, bytes):
        return "0x" + value.hex()
    if isinstance(value, (tuple, list)):
        return [plain(item, f"{where}[{i}]") for i, item in enumerate(value)]
    if isinstance(value, Mapping):
        if not all(isinstance(key, str) for key in value):
            raise CodecError(f"{where} has keys that are not text")
        return {key: plain(item, f"{where}.{key}") for key, item in value.items()}
    if is_dataclass(value) and not isinstance(value, type):
        return {f.name: plain(getattr(value, f.name), f"{where}.{f.name}") for f in fields(value)}
    raise CodecError(f"{where} is a {type(value).__name__}, which has no canonical form")


def canonical(value: Any) -> bytes:
    """The one text that stands for `value`; errors as `plain`."""
    text = json.dumps(plain(value), sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    try:
        return text.encode()
    except UnicodeEncodeError:
        raise CodecError("a text in it is not Unicode") from None


def parse(data: bytes) -> Plain:
    """Canonical JSON, read back.

    Raises:
        CodecError: it is not JSON, has a number in it, or is written in another way than
            `canonical` writes it.
    """

    def refuse(number: str) -> Any:
        raise CodecError(f"it has the number {number[:20]}: numbers are written as text")

    if _depth(data) > _DEEPEST:
        raise CodecError(f"it is not JSON that anyone wrote: nested deeper than {_DEEPEST}")
    try:
        found = json.loads(
            data.decode(), parse_float=refuse, parse_int=refuse, parse_constant=refuse
        )
    except (UnicodeDecodeError, json.JSONDecodeError) as no:
        raise CodecError(f"it is not JSON: {no}") from None
    if canonical(found) != data:
        raise CodecError("it is not in canonical form: sorted keys, no spaces, no key twice")
    return found


def _depth(data: bytes) -> int:
    """How deep it nests, in time linear in its length: without what is escaped, every second part
    between quotes is outside of them. (Outside, JSON has no escape: its reader gets no further.)"""
    depth = deepest = 0
    for outside in _ESCAPED.sub(b"", data).split(b'"')[::2]:
        for bracket in _BRACKET.findall(outside):
            depth += 1 if bracket in b"[{" else -1
            deepest = max(deepest, depth)
    return deepest


def typed(kind: type[T], data: Plain, where: str = "document") -> T:
    """`data` as `kind`: every field there, none else, each of its type.

    Raises:
        CodecError: it is not, or a dataclass refuses what it is given; the message says where.
    """
    found: T = _typed(kind, data, where)
    return found


def _typed(kind: Any, data: Plain, where: str) -> Any:
    if kind is Any:
        return data
    if get_origin(kind) in (Union, UnionType):
        return _optional(kind, data, where)
    if get_origin(kind) is tuple:
        return _tuple(get_args(kind), data, where)
    if get_origin(kind) is not None and issubclass(get_origin(kind), Mapping):
        _require(isinstance(data, dict), where, "an object", data)
        item = get_args(kind)[1]
        return {key: _typed(item, value, f"{where}[{_short(key)}]") for key, value in data.items()}
    if is_dataclass(kind):
        return _dataclass(kind, data, where)
    if kind is bool or kind is str:
        _require(isinstance(data, kind), where, kind.__name__, data)
        return data
    if kind is int or issubclass(kind, IntEnum):
        _require(isinstance(data, str) and _INTEGER.fullmatch(data), where, "a whole number", data)
        try:
            return kind(int(data))
        except ValueError as no:
            raise CodecError(f"{where}: {no}") from None
    if kind is bytes:
        _require(isinstance(data, str) and _BYTES.fullmatch(data), where, "bytes", data)
        return bytes.fromhex(data[2:])
    raise CodecError(f"{where} would be a {kind}, which has no canonical form")


def _optional(kind: Any, data: Plain, where: str) -> Any:
    kinds = [k for k in get_args(kind) if k is not type(None)]
    if len(kinds) > 1 or len(kinds) == len(get_args(kind)):
        raise CodecError(f"{where} would be one of several types: nothing says which")
    return None if data is None else _typed(kinds[0], data, where)


def _tuple(kinds: tuple[Any, ...], data: Plain, where: str) -> tuple[Any, ...]:
    _require(isinstance(data, list), where, "a list", data)
    if len(kinds) == 2 and kinds[1] is Ellipsis:
        kinds = (kinds[0],) * len(data)
    _require(len(data) == len(kinds), where, f"a list of {len(kinds)}", data)
    pairs = enumerate(zip(kinds, data, strict=True))
    return tuple(_typed(kind, item, f"{where}[{i}]") for i, (kind, item) in pairs)


def _dataclass(kind: Any, data: Plain, where: str) -> Any:
    _require(isinstance(data, dict), where, f"an object for {kind.__name__}", data)
    hints = _hints(kind)
    if missing := hints.keys() - data.keys():
        raise CodecError(f"{where} lacks {', '.join(sorted(missing))}")
    if unknown := data.keys() - hints.keys():
        names = ", ".join(map(_short, sorted(unknown)[:_NAMED]))
        raise CodecError(f"{where} has {names}, which {kind.__name__} has not")
    values = {name: _typed(hint, data[name], f"{where}.{name}") for name, hint in hints.items()}
    try:
        return kind(**values)
    except (TypeError, ValueError) as no:
        raise CodecError(f"{where}: {no}") from None


@cache
def _hints(kind: Any) -> dict[str, Any]:
    # Without the class's own names, or `Bundle.tuple` would be taken for the built-in.
    hints = get_type_hints(kind, localns={})
    return {f.name: hints[f.name] for f in fields(kind)}


def _require(holds: Any, where: str, what: str, data: Plain) -> None:
    if not holds:
        raise CodecError(f"{where} must be {what}, not {_short(data)}")


def _short(data: Plain) -> str:
    """What somebody else wrote, in quotes and without what a terminal would obey."""
    return repr(str(data)[:60])
