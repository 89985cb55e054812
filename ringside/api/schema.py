"""The signed messages for the API's description, made from the very types that are signed."""

from __future__ import annotations

from typing import Any

from ringside import orders, policies

_TYPES = {**orders.TYPES, **policies.TYPES}
_HEX = "^0x([0-9a-fA-F]{2})*$"


def of_struct(name: str) -> dict[str, Any]:
    """The JSON schema of an EIP-712 struct."""
    fields = _TYPES[name]
    return {
        "type": "object",
        "title": name,
        "additionalProperties": False,
        "required": [field for field, _ in fields],
        "properties": {field: _of_kind(kind) for field, kind in fields},
    }


def _of_kind(kind: str) -> dict[str, Any]:
    if kind.endswith("[]"):
        inner = kind.removesuffix("[]")
        most = 64 if inner in ("Terms", "Pocket") else 1
        return {"type": "array", "items": _of_kind(inner), "maxItems": most}
    if kind in _TYPES:
        return of_struct(kind)
    if kind == "bool":
        return {"type": "boolean"}
    if kind == "string":
        return {"type": "string", "minLength": 1, "maxLength": 64, "example": "ETH-USD"}
    if kind in ("address", "bytes32"):
        digits = 40 if kind == "address" else 64
        return {"type": "string", "pattern": f"^0x[0-9a-fA-F]{{{digits}}}$"}
    sign = "-?" if kind.startswith("int") else ""
    return {"type": "string", "pattern": f"^{sign}(0|[1-9][0-9]{{0,77}})$", "description": kind}


_SIGNATURE = {
    "type": "string",
    "pattern": _HEX,
    "description": "The owner's over the EIP-712 message: 65 bytes, or what its contract takes "
    "(ERC-1271).",
}


def policy_body() -> dict[str, Any]:
    """What `POST /v1/policies` takes."""
    form = {
        "type": "object",
        "additionalProperties": False,
        "required": ["policy", "signature"],
        "properties": {"policy": of_struct("Policy"), "signature": _SIGNATURE},
    }
    return {"required": True, "content": {"application/json": {"schema": form}}}


def accept_body() -> dict[str, Any]:
    """What `POST /v1/orders` takes."""
    rest = {
        "signature": _SIGNATURE,
        "policy": {
            "type": "string",
            "maxLength": 256,
            "description": "How to route it, as `ringside quote --policy`.",
        },
    }
    forms = [
        {
            "type": "object",
            "additionalProperties": False,
            "required": [name, "signature"],
            "properties": {name: of_struct(name.capitalize()), **rest},
        }
        for name in ("order", "bundle")
    ]
    return {"required": True, "content": {"application/json": {"schema": {"oneOf": forms}}}}
