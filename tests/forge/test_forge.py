"""The contracts' own rules and the invariants by volume, as forge runs them: `make forge`."""

import os
import subprocess

import pytest

from devnet import ROOT, allocs

FORGE = next(iter(sorted(ROOT.glob("node_modules/@foundry-rs/forge-*/bin/forge"))), None)


@pytest.mark.skipif(FORGE is None, reason="npm has no forge for this platform")
def test_every_rule_holds_on_stand_in_and_on_real_venues():
    allocs.write()
    # Not beside Ape's own processes' cache of the same compiler: forge keeps its own folder.
    found = subprocess.run(
        [str(FORGE), "test"],
        cwd=ROOT,
        env={**os.environ, "FOUNDRY_INVARIANT_RUNS": "5"},
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert found.returncode == 0, found.stdout[-5_000:] + found.stderr[-2_000:]
    assert "0 failed" in found.stdout
    assert " 0 skipped (" in found.stdout
