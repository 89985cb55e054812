"""Venues with readings of three words, and decisions on them: documents without a chain."""

from __future__ import annotations

import sys
from dataclasses import dataclass, replace

from made_up_accounts import INITIAL, MARK, PlainState, account, no_seat, order
from made_up_curves import LinearCurve

from ringside.chain.multicall import Block
from ringside.keeper.conditions import Moment, Progress
from ringside.keeper.decide import Settings, View, decide
from ringside.keeper.receipts.codec import canonical
from ringside.keeper.receipts.document import Document, document, read
from ringside.keeper.receipts.replay import replay
from ringside.orders import Bundle, Domain, Mode, Order
from ringside.units import ONE, USDC
from ringside.venues import VENUES, Reading
from ringside.venues import replay as parsed

BLOCK = Block(7, "0x" + "07" * 32, 1_000)
DOMAIN = Domain(31_337, "0x" + "de" * 20)
IDS = {"alpha": 0, "beta": 1}
IDLE = 10**7 * USDC
MOMENT = Moment(1_000, MARK, 990, 86_400)


@dataclass(frozen=True, slots=True)
class Config:
    market: str
    fee_bps: int


@dataclass(frozen=True)
class MadeUp:
    """A venue module whose answers are price, depth and least size."""

    name: str
    ERRORS: tuple[str, ...] = ()
    Config = Config

    def parse(self, config, results, block):
        price, depth, least = (int.from_bytes(result, "big") for result in results)
        curve = LinearCurve(
            self.name, price, depth, config.fee_bps, least=least, market=config.market
        )
        return PlainState(
            self.name, config.market, block.number, MARK, MARK, 10**14, INITIAL, INITIAL // 2, curve
        )


def register() -> dict[str, MadeUp]:
    """The made-up venues among the real ones."""
    found = {name: MadeUp(name) for name in IDS}
    VENUES.update(found)
    return found


def reading(fee_bps=5, price=2_000 * ONE, depth=10_000 * ONE, least=1, market="ETH-USD"):
    words = tuple(value.to_bytes(32, "big") for value in (price, depth, least))
    return Reading(Config(market, fee_bps), words)


def readings(alpha=None, beta=None, market="ETH-USD"):
    """By venue and market; each venue's as `reading` takes it."""
    return {
        ("alpha", market): reading(market=market, **(alpha or {})),
        ("beta", market): reading(market=market, **{"fee_bps": 8, **(beta or {})}),
    }


def decided(wanted: Order | Bundle, found=None, **settings) -> Document:
    """The document of a decision on these readings, for an account that has nothing yet."""
    request, seen = wanted, parsed(BLOCK, found or readings())
    whose, chosen = account(IDLE, *map(no_seat, IDS)), Settings(**settings)
    if isinstance(request, Order):
        steps: list[tuple[int | None, bytes, str]] = [
            (None, request.digest(DOMAIN), request.market)
        ]
    else:
        steps = [
            (n, request.step_key(DOMAIN, n), terms.market) for n, terms in enumerate(request.steps)
        ]
    views = [
        View(seen, market, whose, key, Progress(), MOMENT, step) for step, key, market in steps
    ]
    plans = decide(request, views, IDS, chosen)
    return document(request, views, plans, DOMAIN, IDS, chosen)


def two_steps() -> Bundle:
    """An atomic bundle: some bought, half of it sold again."""
    first = order(400 * ONE)
    second = order(-200 * ONE)
    steps = (first.terms, replace(second.terms, max_margin=0))
    return Bundle(first.account, steps, Mode.ATOMIC, first.deadline, first.nonce)


def part_changed(written, place=0, **fields):
    """The document with one leg's fields replaced."""
    one = written.decisions[0]
    parts = list(one.outcome.parts)
    parts[place] = replace(parts[place], **fields)
    made = replace(one.outcome, parts=tuple(parts))
    return replace(written, decisions=(replace(one, outcome=made), *written.decisions[1:]))


if __name__ == "__main__":  # A document comes in, and what it leads to goes out.
    register()
    result = replay(read(sys.stdin.buffer.read()))
    assert not {"ape", "web3"} & set(sys.modules), "a replay needs no chain"
    sys.stdout.buffer.write(canonical(list(result.outcomes)))
