"""One chain for all tests here, as in tests/keeper, and a house of its own for each."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parents[1] / "keeper"))

from served import Served
from story import Story

from devnet import anvil, state


@pytest.fixture(scope="session")
def shared() -> Iterator[Story]:
    built = state.ensure()
    with anvil.running(state.free_port()) as w3:
        yield Story(w3, state.load(w3, built))


@pytest.fixture
def story(shared: Story) -> Iterator[Story]:
    """A client with money deposited, on the chain as it was built."""
    with shared.rolled_back():
        shared.deposit()
        yield shared


@pytest.fixture
def served(story: Story, tmp_path: Path) -> Iterator[Served]:
    """A house open to all, as often as they like."""
    with Served(story, tmp_path).open() as one:
        yield one
