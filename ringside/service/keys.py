"""Whose nonce lanes the keeper sends on: signers out of encrypted keystores. A key is never read
from a plain variable, never logged, and leaves this module only as a signature."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from eth_account import Account
from eth_account.messages import SignableMessage

APE_KEYS = Path.home() / ".ape" / "accounts"
PASSWORD_FILE = "RINGSIDE_PASSWORD_FILE"


class KeyProblem(Exception):
    """A key that cannot be used; the message says what to do."""


class LocalSigner:
    """A key held in this process's memory."""

    __slots__ = ("_key", "address")

    def __init__(self, key: bytes | str) -> None:
        self._key = Account.from_key(key)
        self.address: str = self._key.address

    def sign(self, transaction: Mapping[str, Any]) -> bytes:
        return bytes(self._key.sign_transaction(dict(transaction)).raw_transaction)

    def sign_message(self, message: SignableMessage) -> bytes:
        return bytes(self._key.sign_message(message).signature)

    def __repr__(self) -> str:
        return f"LocalSigner({self.address})"


def opened(name: str, ask: Callable[[str], str] | None = None) -> LocalSigner:
    """The signer behind a keystore: a file, or the alias of one of Ape's accounts. Its password is
    in the file that RINGSIDE_PASSWORD_FILE names, or asked for.

    Raises:
        KeyProblem: there is no such keystore, it is none, or the password does not open it.
    """
    place = Path(name).expanduser()
    if not place.is_file():
        place = APE_KEYS / f"{name}.json"
    try:
        stored = json.loads(place.read_text())
    except FileNotFoundError:
        raise KeyProblem(
            f"There is no keystore {name}, and no account of that alias in {APE_KEYS}: make one "
            "with `ape accounts generate`, or name its file."
        ) from None
    except (OSError, ValueError) as no:
        raise KeyProblem(f"{place} cannot be read as a keystore: {no}.") from None
    try:
        return LocalSigner(bytes(Account.decrypt(stored, _password(name, ask))))
    except (ValueError, TypeError, KeyError):
        raise KeyProblem(f"The password does not open {place}, or it is no keystore.") from None


def _password(name: str, ask: Callable[[str], str] | None) -> str:
    named = os.environ.get(PASSWORD_FILE)
    if named:
        try:
            return Path(named).read_text().rstrip("\n")
        except OSError as no:
            raise KeyProblem(
                f"{PASSWORD_FILE} names {named}, which cannot be read: {no}."
            ) from None
    if ask is None:
        raise KeyProblem(
            f"{name} needs its password: put it into a file that only you can read, and name that "
            f"in {PASSWORD_FILE}."
        )
    return ask(name)
