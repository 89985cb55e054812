"""The story's chain (chain.py), and a keeper's service on it."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from chain import shared, story
from house import House
from story import Story

from ringside.keeper.receipts.store import Receipts

__all__ = ["shared", "story"]


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
