"""Asks two solvers at once, and prints what the first to decide says: yices is quick with bits, and
bitwuzla with the products and quotients of 256 bits that it abstracts from.

    python tools/decide.py SECONDS QUESTION.smt2

For halmos, which hands it to its `--solver-command`. Both end by themselves after so many seconds,
in case that this process is killed.
"""

import subprocess
import sys
import time
from pathlib import Path

ABSTRACT = """
import sys
from bitwuzla import BitwuzlaException, Option, Options, Parser, TermManager
options = Options()
options.set(Option.PRODUCE_MODELS, True)
options.set(Option.ABSTRACTION, True)
options.set(Option.TIME_LIMIT_PER, int(sys.argv[1]) * 1000)
try:
    Parser(TermManager(), options).parse(sys.argv[2])
except BitwuzlaException as no:
    print(no, file=sys.stderr)  # It asks for a model where there is none.
"""


def run(seconds: str, question: str) -> int:
    """Prints `sat` with a model, or `unsat`; `unknown` where neither decides."""
    yices = str(Path(sys.executable).with_name("yices-smt2"))
    format_ = ["--smt2-model-format", "--bvconst-in-decimal"]
    asked = [
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        for command in (
            [yices, f"--timeout={seconds}", *format_, question],
            [sys.executable, "-c", ABSTRACT, seconds, question],
        )
    ]
    try:
        left = list(asked)
        while left:
            for one in [each for each in left if each.poll() is not None]:
                left.remove(one)
                assert one.stdout is not None
                told = one.stdout.read()
                if told.startswith(("sat", "unsat")):
                    print(told, end="")
                    return 0
            time.sleep(0.01)
    finally:
        for one in asked:
            one.kill()
    print("unknown")
    return 0


if __name__ == "__main__":
    sys.exit(run(*sys.argv[1:]))
