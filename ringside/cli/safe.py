"""Text that somebody else wrote (a document, a node, a file), made safe to print."""

from __future__ import annotations

import click


def printable(text: object) -> str:
    """With a space for whatever breaks or spaces a line, and a replacement for the rest of what has
    no shape of its own: a terminal may obey it, or turn around what is read."""
    return "".join(
        c if c.isprintable() else " " if c.isspace() else "\N{REPLACEMENT CHARACTER}"
        for c in str(text)
    )


def cell(text: object) -> str:
    """As `printable`, and as it is where `rich` reads markup."""
    from rich.markup import escape

    return escape(printable(text))


def failed(why: object) -> click.ClickException:
    """The end of a command, with a message that may have others' words in it."""
    return click.ClickException(printable(why))
