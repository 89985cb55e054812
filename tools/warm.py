"""Compiles the solver's kernel, once for a version of it: some twenty seconds, which no command
should take its user by surprise with."""

from ringside.routing.problem import Offer
from ringside.routing.solver import solve
from ringside.units import ONE
from ringside.venues.ladder import Ladder

LOT = ONE // 10


def main() -> None:
    """Routes orders that reach every function of the kernel."""
    asks = tuple(((100 + k) * ONE, 5 * ONE) for k in range(4))
    offers = [
        Offer(Ladder(f"v{i}", "M", (), asks, 0, 0, lot=LOT).curve(0), margin=(1 + i) * ONE)
        for i in range(3)
    ]
    solve(30 * ONE, offers)
    solve(30 * ONE, offers, margin=80 * ONE)


if __name__ == "__main__":
    main()
