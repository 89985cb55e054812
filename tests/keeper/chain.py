"""One chain for the tests that tell stories: both real venues and Ringside on it, put back after
every test."""

from collections.abc import Iterator

import pytest
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
