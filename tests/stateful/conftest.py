"""One chain for the stories, and one for the checks that they are held against."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from arena import Arena

from devnet import anvil, state


@pytest.fixture(scope="module")
def arena() -> Iterator[Arena]:
    built = state.ensure()
    with anvil.running(state.free_port()) as w3:
        addresses = state.load(w3, built)
        yield Arena(w3.provider.endpoint_uri, addresses)  # type: ignore[attr-defined]
