"""`make bench`: every measurement, as tables and as build/bench/*.json.

`make bench ARGS=--accept` makes the gas measured the snapshot that the tests compare.
"""

import sys

from rich.console import Console

from bench import curves, funding, gas, keeper, orders, routing, times

CONSOLE = Console()

CONSOLE.rule("gas")
gas.run(CONSOLE.print, "--accept" in sys.argv)
CONSOLE.rule("times")
times.run(CONSOLE.print)
CONSOLE.rule("funding")
funding.run(CONSOLE.print)
CONSOLE.rule("curves")
curves.main([], standalone_mode=False)
CONSOLE.rule("routing")
routing.main([], standalone_mode=False)
CONSOLE.rule("orders")
orders.run(CONSOLE.print)
CONSOLE.rule("keeper")
keeper.run(CONSOLE.print)
