"""The ABIs that the package carries are those of the compiled contracts."""

import importlib.util
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_the_carried_abis_are_the_compiled_ones():
    spec = importlib.util.spec_from_file_location("abi_tool", ROOT / "tools" / "abi.py")
    tool = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tool)
    assert tool.TARGET.read_text() == tool.abis()
