"""The keeper's API, for the commands that talk to it: where it is, and as whom."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import click

from ringside.cli.safe import failed

if TYPE_CHECKING:
    from ringside.client import Client
    from ringside.service.keys import LocalSigner

API = "http://127.0.0.1:8600"


@dataclass(frozen=True, slots=True)
class Whose:
    """The owner's key, and which of its accounts."""

    key: str
    label: str

    def opened(self) -> LocalSigner:
        """The owner's key.

        Raises:
            ClickException: there is none, or its password does not open it.
        """
        from ringside.service.keys import KeyProblem, opened

        if not self.key:
            raise failed(
                "Whose account? Name a keystore's file, or the alias of one of Ape's accounts, "
                "with --key or RINGSIDE_KEY."
            )
        try:
            return opened(self.key, ask)
        except KeyProblem as no:
            raise failed(no) from None

    def account(self, signer: LocalSigner) -> bytes:
        """The account's 32 bytes.

        Raises:
            ClickException: the label does not fit.
        """
        from ringside.accounts import AccountError, account_id

        try:
            return account_id(signer.address, self.label)
        except AccountError as no:
            raise failed(f"{no}.") from None


@dataclass(frozen=True, slots=True)
class House:
    """Where the API is, what it calls itself, and who asks."""

    api: str
    site: str
    whose: Whose

    @contextmanager
    def client(self, signer: LocalSigner | None = None) -> Iterator[Client]:
        """A client of it, with the owner's key; what it refuses ends the command in its words.

        Raises:
            ClickException: it refuses, or does not answer.
        """
        from ringside.client import Client, RingsideError

        signer = signer or self.whose.opened()
        try:
            with Client(self.api, signer, label=self.whose.label, site=self.site) as one:
                yield one
        except RingsideError as no:
            raise failed(no) from None


def key_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """--key and --label, as one argument, `whose`."""

    @click.option(
        "--key",
        envvar="RINGSIDE_KEY",
        default="",
        help="The owner's keystore: a file, or the alias of one of Ape's accounts; or RINGSIDE_KEY."
        " Its password is asked for, or in the file that RINGSIDE_PASSWORD_FILE names.",
    )
    @click.option("--label", default="", help="Which of the owner's accounts; its own by default.")
    @functools.wraps(command)
    def run(key: str, label: str, **named: Any) -> Any:
        return command(whose=Whose(key, label), **named)

    return run


def house_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """--api, --site, --key and --label, as one argument, `house`."""

    @click.option(
        "--api",
        envvar="RINGSIDE_API",
        default=API,
        show_default=True,
        help="The keeper's API; or RINGSIDE_API.",
    )
    @click.option("--site", default="", help="What the API calls itself, if not that address.")
    @key_options
    @functools.wraps(command)
    def run(api: str, site: str, whose: Whose, **named: Any) -> Any:
        return command(house=House(api, site, whose), **named)

    return run


yes_option = click.option("--yes", is_flag=True, help="Do not ask: for programs.")
json_option = click.option("--json", "as_json", is_flag=True, help="For programs: numbers as text.")


def ask(name: str) -> str:
    """A keystore's password."""
    return str(click.prompt(f"Password of {name}", hide_input=True, err=True))


def require_agreed(question: str, yes: bool) -> None:
    """Goes on only if `yes`, or if y is typed: Enter is a no.

    Raises:
        ClickException: it is not.
    """
    if not yes and not click.confirm(question, default=False, err=True):
        raise failed("Nothing was signed or sent.")


def printed(found: Any) -> None:
    """As JSON, numbers as text; without the API's own answers, of which these are made."""
    click.echo(json.dumps(_plain(found), indent=2))


def _plain(found: Any) -> Any:
    if isinstance(found, Decimal):
        return f"{found:f}"
    if isinstance(found, dict):
        return {name: _plain(value) for name, value in found.items() if name != "info"}
    if isinstance(found, (list, tuple)):
        return [_plain(value) for value in found]
    return found
