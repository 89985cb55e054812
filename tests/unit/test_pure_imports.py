"""The pure modules load without a chain: neither Ape nor web3 comes with them."""

import subprocess
import sys

import pytest

PURE = [
    "ringside.units",
    "ringside.accounts",
    "ringside.eip712",
    "ringside.orders",
    "ringside.permits",
    "ringside.routing.solver",
    "ringside.routing.compare",
    "ringside.routing.funding",
    "ringside.routing.policies",
    "ringside.venues",
    "ringside.keeper.plan",
    "ringside.keeper.receipts.document",
    "ringside.keeper.receipts.replay",
    "ringside.keeper.receipts.store",
    "ringside.cli.main",
    "ringside.cli.explain",
    "ringside.cli.tables",
    "ringside.statement",
    "ringside.show",
    "ringside.exit.plan",
]


@pytest.mark.parametrize("module", PURE)
def test_a_pure_module_brings_neither_ape_nor_web3(module):
    script = f"import sys, {module}; print(*sorted({{'ape', 'web3'}} & set(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == ""


@pytest.mark.parametrize("module", ["ringside", "ringside.cli.main", "ringside.statement"])
def test_what_does_not_route_does_not_wait_for_the_compiler(module):
    script = f"import sys, {module}; print('numba' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "False"
