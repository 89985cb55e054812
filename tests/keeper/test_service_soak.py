"""Two keepers over one database, killed at random while all kinds of orders come in: every order
ends once, in the database as on the chain. `make soak N=200` does it for longer."""

import pytest

from bench.keeper_soak import soak
from bench.postgres import empty

KILLS = 10


@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
def test_every_order_ends_once_whoever_is_killed(kind, request, tmp_path):
    url = f"sqlite:///{tmp_path}/keeper.db"
    if kind == "postgres":
        url = request.getfixturevalue("postgres")
        empty(url)
    done = soak(tmp_path / "soak", url, KILLS)
    assert done.kills == KILLS
    assert done.ends.fills
    assert not done.ends.open
