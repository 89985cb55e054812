"""The chain of tests/keeper, and a house of its own for each test."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parents[1] / "keeper"))

from chain import shared, story
from served import Served
from story import Story

__all__ = ["shared", "story"]


@pytest.fixture
def served(story: Story, tmp_path: Path) -> Iterator[Served]:
    """A house open to all, as often as they like."""
    with Served(story, tmp_path).open() as one:
        yield one
