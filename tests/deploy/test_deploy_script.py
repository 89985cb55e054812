"""`ape run deploy` as a person runs it, on a chain of its own."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from devnet import ROOT
from devnet.anvil import rpc


@pytest.fixture
def run(bare):
    """The script, with what a person types."""
    # Ape's test account, which is the deployer elsewhere too.
    plan = bare.folder / "plan.yaml"
    plan.write_text(yaml.safe_dump(bare.plan.model_dump(mode="json"), sort_keys=False))

    def run(*arguments, typed=""):
        ape = Path(sys.executable).with_name("ape")
        command = [str(ape), "run", "deploy", *arguments]
        options = ["--network", "ethereum:local:foundry"]
        options += ["--plan", str(plan), "--record", str(bare.file)]
        host = bare.w3.provider.endpoint_uri
        return subprocess.run(
            [*command, *options],
            cwd=ROOT,
            env={**os.environ, "APE_FOUNDRY_HOST": host, "COLUMNS": "160"},
            input=typed,
            capture_output=True,
            text=True,
            timeout=300,
        )

    return run


ACCOUNT = "--account", "TEST::0"


def test_it_shows_the_plan_asks_deploys_and_checks(bare, run):
    refused = run("run", *ACCOUNT, typed="\n")
    assert refused.returncode == 1, refused.stdout + refused.stderr
    assert "Nothing was sent." in refused.stderr
    assert "make Vault as vault" in refused.stdout
    assert "to do" in refused.stdout
    assert not bare.file.exists()

    done = run("run", *ACCOUNT, typed="deploy\n")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "the deployer gives up every right" in done.stdout
    assert bare.deployment().check() == []

    again = run("run", *ACCOUNT)
    assert again.returncode == 0, again.stderr
    assert "Nothing is left to do." in again.stdout

    held = run("check")
    assert held.returncode == 0, held.stderr
    assert "All is as planned" in held.stdout
    assert "what may change: caps, pauses, fees" in held.stdout
    assert "fee of ETH-USD" in held.stdout
    place = bare.deployment().record.contracts["desk"].address
    rpc(bare.w3, "anvil_setCode", place, "0x00")
    held = run("check")
    assert held.returncode == 1
    assert "code of desk" in held.stdout


def test_a_plan_that_is_none_is_refused_in_a_sentence(bare, run):
    (bare.folder / "plan.yaml").write_text("venues: 3\n")
    refused = run("run", *ACCOUNT)
    assert refused.returncode == 1
    assert "is no plan" in refused.stderr
    assert "token: Field required" in refused.stderr
    assert "Traceback" not in refused.stderr
