"""What an operator sets: one TOML file, and RINGSIDE_… variables over it, checked at the start."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

from pydantic import Field, ValidationError, field_validator
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from ringside.routing.policies import PolicyError, canonical, parse

FILE = "ringside.toml"


class ConfigError(Exception):
    """A setting that will not do; the message says which, why, and what would."""


class Config(BaseSettings):
    """The settings, by the names of the file; lists in variables are JSON."""

    model_config = SettingsConfigDict(env_prefix="RINGSIDE_", extra="forbid")

    rpc: list[str] = Field(["http://127.0.0.1:8545"], min_length=1)
    """Nodes' JSON-RPC over HTTP, the preferred first."""
    addresses: Path = Path("build/devnet/addresses.json")
    """The deployment, as JSON."""
    receipts: Path = Path("build/receipts")
    """The directory of receipts."""
    since: int = Field(0, ge=0)
    """The block of the deployment: nothing is looked for before it."""
    database: str = "sqlite:///keeper.db"
    """sqlite:///file, or postgresql://user@host/name for several processes."""
    keys: list[str] = Field(default_factory=list)
    """Keystore files or aliases of Ape's accounts, one nonce lane each."""

    host: str = "127.0.0.1"
    port: int = Field(8600, ge=0, le=65535)
    origin: str = ""
    """Where clients find the API, as https://desk.example behind a proxy: sessions are signed for
    it; else http://host:port."""
    client_rate: float = Field(50.0, gt=0)
    client_burst: float = Field(200.0, ge=1)
    """Requests a second that one address may make as a rule, and at once."""
    account_rate: float = Field(20.0, gt=0)
    account_burst: float = Field(100.0, ge=1)
    """Orders and other requests a second for one account, likewise."""
    admin_port: int = Field(8601, ge=0, le=65535)
    """Administration and metrics, on loopback always."""

    hermes: str = ""
    """Pyth's web service, for venues that take signed prices: without it others execute there."""
    policy: str = "best"
    """How orders are routed that name no policy."""
    leg_cost: Decimal = Field(Decimal(0), ge=0)
    """USD that routing counts for each leg whatever its size: its gas, as a rule."""
    native: str = "ETH-USD"
    """The market whose price is that of the chain's own coin."""
    loss: Decimal = Field(Decimal(0), ge=0)
    """USD that one transaction may cost beyond its tip."""
    priority_gwei: Decimal = Field(Decimal("0.1"), ge=0)
    most_gwei: Decimal = Field(Decimal(500), gt=0)
    """No transaction is sent that may pay more per gas."""
    patience: float = Field(20.0, gt=0)
    """Seconds after which a transaction that is not mined is sent for more."""
    poll: float = Field(0.25, gt=0)
    """Seconds between two looks for a new block."""

    @field_validator("policy")
    @classmethod
    def _known_policy(cls, value: str) -> str:
        try:
            return canonical(parse(value))
        except PolicyError as no:
            raise ValueError(str(no)) from None

    @field_validator("hermes", "origin")
    @classmethod
    def _web(cls, value: str) -> str:
        if value and not value.startswith(("http://", "https://")):
            raise ValueError(f"{value} is no http:// or https:// address")
        return value

    @field_validator("rpc")
    @classmethod
    def _http(cls, value: list[str]) -> list[str]:
        for url in value:
            if not url.startswith(("http://", "https://")):
                raise ValueError(f"{url} is no http:// or https:// address of a node")
        return value

    @classmethod
    def settings_customise_sources(
        cls, settings_cls: type[BaseSettings], *sources: PydanticBaseSettingsSource, **named: Any
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Arguments first, then variables, then the file."""
        given = (*sources, *named.values())
        return given[0], given[1], TomlConfigSettingsSource(settings_cls, _file)

    def deployment(self) -> dict[str, Any]:
        """The addresses.

        Raises:
            ConfigError: they are not there, or no JSON.
        """
        try:
            found = json.loads(self.addresses.read_text())
        except FileNotFoundError:
            raise ConfigError(
                f"addresses: there is no {self.addresses}. Start the local chain with `make "
                "devnet`, or name a deployment's file."
            ) from None
        except (OSError, ValueError) as no:
            raise ConfigError(f"addresses: {self.addresses} is no JSON: {no}.") from None
        if not isinstance(found, dict):
            raise ConfigError(f"addresses: {self.addresses} holds no object.")
        return found


_file: Path = Path(FILE)


def load(file: str | Path | None = None, **given: Any) -> Config:
    """The settings of `file` (ringside.toml, if there is one), the variables, and what is given.

    Raises:
        ConfigError: one of them will not do, or a file that is named is not there.
    """
    global _file
    if file is not None and not Path(file).is_file():
        raise ConfigError(f"There is no {file}: write one (docs/operators.md), or leave --config.")
    _file = Path(file or FILE)
    try:
        return Config(**given)
    except ValidationError as no:
        told = "; ".join(
            f"{'.'.join(map(str, e['loc']))}: {e['msg'].removeprefix('Value error, ')}"
            for e in no.errors()
        )
        raise ConfigError(f"{told}. See docs/operators.md for what each setting takes.") from None
    except ValueError as no:  # The file is no TOML.
        raise ConfigError(f"{_file} cannot be read: {no}.") from None
