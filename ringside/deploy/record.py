"""What was deployed, and what is under way: deployments/<network>.yaml.

It is written whole after every transaction, and before one is sent, so that whoever comes next
knows under which nonce it went out.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError


class RecordError(ValueError):
    """The file is of another chain or deployer, or is none; the message says what to do."""


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Contract(_Part):
    """A contract that stands: its source's name, where, what its constructor was told, and since
    which block by which transaction and nonce; of the deployer, unless somebody wrote down another
    `maker` of a venue's seat that was added later."""

    contract: str
    address: str
    arguments: list[Any]
    block: int
    tx: str
    nonce: int
    maker: str = ""


class Sent(_Part):
    """A call that was mined."""

    call: str
    block: int
    tx: str


class Pending(_Part):
    """A step that was being sent: its nonce, and the newest block before it."""

    step: str
    nonce: int
    since: int


class Record(_Part):
    """Everything about one deployment, begun at the block `since`; `pending` is the step that was
    being sent."""

    chain_id: int
    deployer: str
    since: int
    contracts: dict[str, Contract] = Field(default_factory=dict)
    calls: list[Sent] = Field(default_factory=list)
    pending: Pending | None = None
    finished: bool = False

    def write(self, path: Path) -> None:
        """Replaces the file at once: a crash leaves the old one or the new one."""
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_suffix(".tmp")
        with draft.open("w") as file:
            file.write(
                "# Written by scripts/deploy.py. Addresses as data; nothing here is secret.\n"
            )
            yaml.safe_dump(self.model_dump(mode="json"), file, sort_keys=False)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)


def load(path: Path, chain_id: int, deployer: str | None = None) -> Record | None:
    """The record, nothing where there is none yet.

    Raises:
        RecordError: it is broken, of another chain, or begun by somebody else.
    """
    try:
        found = Record.model_validate(yaml.safe_load(path.read_text()))
    except FileNotFoundError:
        return None
    except (ValidationError, yaml.YAMLError, UnicodeDecodeError) as no:
        raise RecordError(f"{path} is no record of a deployment: {no}. Restore it.") from None
    if found.chain_id != chain_id:
        raise RecordError(
            f"{path} is of chain {found.chain_id}, and this is {chain_id}: name another network."
        )
    if deployer is not None and found.deployer != deployer:
        raise RecordError(
            f"{path} was begun by {found.deployer}: go on with that account, or name another file."
        )
    return found
