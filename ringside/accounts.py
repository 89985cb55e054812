"""Accounts and operators' rights: how an owner's address and a label name an account of the
vault."""

from enum import IntFlag

ADDRESS_BYTES = 20
LABEL_BYTES = 12


class Right(IntFlag):
    """What an owner may grant an operator at the vault."""

    TRADE = 1
    MOVE = 2
    PAY = 4


class AccountError(ValueError):
    """An owner or label that names no account; the message says why."""


def account_id(owner: str, label: str = "") -> bytes:
    """The 32 bytes of an account: the owner's address, then the label (ASCII, at most 12
    characters).

    Raises:
        AccountError: the owner is no address or the zero address, or the label does not fit.
    """
    try:
        address = bytes.fromhex(owner.removeprefix("0x"))
    except ValueError:
        raise AccountError(f"{owner!r} is not an address: give 0x and 40 hex digits") from None
    if len(address) != ADDRESS_BYTES:
        raise AccountError(f"{owner!r} is not an address: give 0x and 40 hex digits")
    if not any(address):
        raise AccountError("the zero address owns nothing: its deposits could never be withdrawn")
    if not label.isascii() or len(label) > LABEL_BYTES:
        raise AccountError(f"label {label!r} must be ASCII of at most {LABEL_BYTES} characters")
    return address + label.encode().ljust(LABEL_BYTES, b"\0")


def owner_of(account: bytes) -> str:
    """The owner's address, 0x and 40 lower-case hex digits."""
    return "0x" + account[:ADDRESS_BYTES].hex()
