"""What things cost is compared with what was accepted, so that a regression is seen."""

import json

from bench import gas

TOLERANCE = 0.005
"""Half a percent. Addresses follow from everything deployed before, and how many of their bytes and
of a signature's are zero moves a cheap call by a few hundred gas."""


def test_gas_is_what_was_accepted():
    accepted = json.loads(gas.SNAPSHOT.read_text())
    with gas.stage() as bench:
        measured = gas.measure(bench, parts=False)["gas"]
    assert measured.keys() == accepted.keys()
    moved = {
        name: f"{accepted[name]:,} → {measured[name]:,}"
        for name in accepted
        if abs(measured[name] - accepted[name]) > TOLERANCE * abs(accepted[name])
    }
    assert not moved, f"gas moved; to accept: make bench ARGS=--accept. {moved}"
