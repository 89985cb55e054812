"""One chain for all tests here: both real venues and Ringside on it, put back after every test."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from house import House
from story import Story

from devnet import anvil, state
from ringside.keeper.receipts.store import Receipts


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
def store(story: Story, tmp_path: Path) -> Iterator[Receipts]:
    """Where the story's keeper keeps its receipts."""
    story.keeper.receipts = Receipts(tmp_path / "receipts")
    yield story.keeper.receipts
    story.keeper.receipts = None


@pytest.fixture
def house(story: Story, tmp_path: Path) -> Iterator[House]:
    """A keeper's service on the story's chain."""
    made = House(story, tmp_path)
    yield made
    made.engine.lanes.close()
    made.database.close()
