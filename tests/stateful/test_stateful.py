"""Whatever happens in whatever order, the eight invariants hold. `make invariants N=20000` makes as
many calls as asked; a small share runs with all other tests."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from arena import Arena
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.stateful import run_state_machine_as_test
from machine import Story
from rich.console import Console
from rich.table import Table

SHARE = 500
"""Calls that are made with all other tests."""
CALLS = int(os.environ.get("RINGSIDE_STATEFUL_CALLS", SHARE))
SEED = int(os.environ.get("RINGSIDE_STATEFUL_SEED", "1"))
TOLD = os.environ.get("RINGSIDE_STATEFUL_TOLD")
"""Where to write how many calls there were."""
STEPS = 60
"""In one story, at most."""
STORIES = min(40, max(4, CALLS // 100))
"""At a time: after so many it is seen whether enough was called."""
ENOUGH = 10_000
"""Calls among which every kind goes through."""
OFTEN = ("fill", "trade", "deposit", "leave", "bundle", "post", "wrong fill")
EVERY = (
    *OFTEN,
    *("withdraw", "sweep", "close", "pull", "pull in kind", "grant", "trade as operator"),
    *("cancel", "fill the rest", "commit", "own ticket", "ticket executed", "settle", "expire"),
    *("relay", "in proportion", "close all", "best execution", "caps"),
    *("policy", "pause", "fee", "price move", "time", "liquidation", "decision", "exit"),
    *(
        "statement",
        "wrong trade",
        "wrong withdraw",
        "wrong sweep",
        "wrong close",
        "wrong pull",
        "wrong grant",
    ),
    *("wrong cancel", "wrong fill the rest", "wrong fill again", "wrong commit", "wrong bundle"),
    *("wrong policy", "wrong pause", "wrong fee", "wrong relay", "wrong in proportion"),
    *("wrong close all", "wrong best execution", "wrong caps"),
)
"""Kinds that must go through, or be refused as they must: a machine whose every step is refused
tells nothing."""


def tell(arena: Arena) -> None:
    """How often each kind was called, and went through."""
    table = Table("kind", "calls", "went through", "most often refused by", title="stateful")
    for kind in sorted({*arena.tried, *arena.done}):
        names: dict[str, int] = {n: c for (k, n), c in arena.refusals.items() if k == kind}
        most = max(names, key=lambda name: names[name]) if names else ""
        table.add_row(kind, str(arena.tried[kind]), str(arena.done[kind]), most)
    Console(width=100).print(table)
    if TOLD:
        told: dict[str, Any] = {"calls": arena.calls, "tried": arena.tried, "done": arena.done}
        place = Path(TOLD)
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(json.dumps(told, indent=2) + "\n")


def test_the_invariants_hold_whatever_happens(arena: Arena) -> None:
    told = settings(
        max_examples=STORIES,
        stateful_step_count=STEPS,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.generate, Phase.shrink],
    )
    machine = type("Told", (Story,), {"arena": arena})
    try:
        for round_ in range(10**6):
            if arena.calls >= CALLS:
                break
            run_state_machine_as_test(seed(SEED + round_)(machine), settings=told)
    finally:
        tell(arena)
    never = [kind for kind in (EVERY if CALLS >= ENOUGH else OFTEN) if not arena.done[kind]]
    assert not never, f"never went through: {never}"
