"""Lanes' plans as DBOS workflows: started by `bench/engines.py` with the Python of `.venv-engines`,
which has DBOS and nothing of ours."""

from __future__ import annotations

import json
import sys
import time
from concurrent.futures import ThreadPoolExecutor

from dbos import DBOS, DBOSConfig  # type: ignore[import-not-found,unused-ignore]


@DBOS.step()  # type: ignore[untyped-decorator,unused-ignore]
def sign(number: int, size: int) -> str:
    """What is signed and must not be lost: so many bytes."""
    return f"{number:064x}" * (size // 32)


@DBOS.step()  # type: ignore[untyped-decorator,unused-ignore]
def end(raw: str) -> str:
    """How it ended."""
    return raw[:64]


@DBOS.workflow()  # type: ignore[untyped-decorator,unused-ignore]
def carry(number: int, size: int) -> str:
    """One lane's transaction of one block: signed once, then followed to its end."""
    return str(end(sign(number, size)))


def main() -> None:
    """Reads {url, plans, lanes, bytes}, and says how many plans a second were carried."""
    told = json.loads(sys.stdin.readline())
    config: DBOSConfig = {"name": "ringside-bench", "system_database_url": told["url"]}
    config["log_level"] = "ERROR"
    DBOS(config=config)
    DBOS.launch()
    carry(0, told["bytes"])  # What is set up at the first is not counted.
    begun = time.perf_counter()
    with ThreadPoolExecutor(told["lanes"]) as lanes:
        list(lanes.map(lambda i: carry(i, told["bytes"]), range(1, told["plans"] + 1)))
    seconds = time.perf_counter() - begun
    DBOS.destroy()
    print(json.dumps({"per_second": told["plans"] / seconds}))


if __name__ == "__main__":
    main()
