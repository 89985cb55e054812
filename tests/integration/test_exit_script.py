"""`ape run exit`, as an owner starts it."""

import json
import os
import shutil
import subprocess

import pytest
from leaving import MARGIN, PERP, RAGE, Owner
from stage import DEPOSIT, ETH, USDC

from devnet import ROOT

CLIENT = "TEST::3"
"""The client's key, by Ape's name for it."""
REFUSED, LEFT_OVER = 1, 2


@pytest.fixture
def run(ringside, tmp_path):
    """Runs the script against the chain of these tests, with what is typed at it."""
    file = tmp_path / "addresses.json"
    file.write_text(json.dumps(ringside.addresses))
    ape = shutil.which("ape")
    assert ape is not None

    def start(typed, *options):
        line = [ape, "run", "exit", "--account", CLIENT, "--addresses", str(file), *options]
        return subprocess.run(
            [*line, "--network", "ethereum:local:foundry"],
            input=typed,
            capture_output=True,
            text=True,
            cwd=ROOT,
            env={**os.environ, "COLUMNS": "160"},
            timeout=300,
        )

    return start


def test_the_script_asks_and_enter_is_a_no_and_yes_brings_all_home(
    ringside, run, usdc, vault, desk, client
):
    owner = Owner(ringside)
    ringside.trade(PERP, ETH, MARGIN)
    owner.commit(ETH)
    owner.ringside_is_gone()
    before = usdc.balanceOf(client)

    no = run("\n")
    assert no.returncode == REFUSED
    assert "raise the epoch" in no.stdout
    assert "pending at the venue" in no.stdout
    assert desk.epochs(ringside.account) == 0

    yes = run("yes\n")
    assert yes.returncode == 0, yes.stdout + yes.stderr
    assert desk.epochs(ringside.account) == 1
    assert vault.idle(ringside.account) == 0
    assert owner.flat(PERP)
    gained = usdc.balanceOf(client) - before
    assert DEPOSIT - 20 * USDC < gained < DEPOSIT
    assert f"{gained / USDC:,.2f} USDC came to the wallet" in yes.stdout


def test_the_script_says_what_stays_and_ends_with_another_code(ringside, run):
    ringside.trade(RAGE, ETH, MARGIN)
    Owner(ringside).moves(2_300)
    done = run("", "--yes")
    assert done.returncode == LEFT_OVER, done.stdout + done.stderr
    assert "BeyondLimit" in done.stdout
    assert "--at-any-price" in done.stdout
