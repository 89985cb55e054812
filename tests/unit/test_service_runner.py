"""When the keeper turns: at once where something came in, later where turning led to nothing."""

from __future__ import annotations

import threading
from types import SimpleNamespace

import pytest

from ringside.service.engine import Turned
from ringside.service.run import BACKOFF, GATHER, LONGEST, STREAM, Runner


class Counted(threading.Event):
    """An event that waits for nobody, and remembers for how long it should have."""

    def __init__(self):
        super().__init__()
        self.waited = []

    def wait(self, timeout=None):
        self.waited.append(timeout)
        return self.is_set()


def run(turns, took=0.0):
    """Runs through `turns`, each a function of the runner, as a process that leads; returns for how
    long orders gathered, and for how long it rested, after each."""
    left = iter(turns)

    def turn():
        runner.took = took
        does = next(left, None)
        if does is None:
            runner.stop()
            return Turned()
        return does(runner)

    engine = SimpleNamespace(turn=turn, took_over=lambda: None)
    leader = SimpleNamespace(lead=lambda: True, release=lambda: None)
    parts = SimpleNamespace(engine=engine, leader=leader, config=SimpleNamespace(poll=0.25))
    runner = Runner(parts)
    runner._stopped, runner._awake = Counted(), Counted()
    runner._turn = turn
    runner.run()
    return runner._stopped.waited, runner._awake.waited


def nothing(_runner):
    return Turned()


def arriving(sent):
    def turn(runner):
        runner.wake()
        return Turned(sent=sent)

    return turn


@pytest.mark.parametrize(("took", "gathered"), [(0.01, 0.01 * GATHER), (5.0, LONGEST)])
def test_what_streams_in_and_cannot_be_filled_gathers_for_the_next_turn(took, gathered):
    assert run([arriving(sent=0)] * (STREAM + 3), took)[0][:3] == [gathered] * 3


def test_what_can_be_filled_is_filled_as_it_comes():
    assert run([arriving(sent=1)] * (STREAM + 3))[0] == []
    now_and_then = [*[arriving(sent=0)] * STREAM, arriving(sent=1)]
    assert run(now_and_then * 3)[0] == []


def test_an_order_that_comes_alone_is_looked_at_at_once():
    gathered, rested = run([nothing, arriving(sent=0)] * STREAM * 2)
    assert rested == [0.25] * (4 * STREAM + 1)
    assert gathered == []


def test_a_turn_that_left_something_is_followed_at_once():
    assert run([lambda _: Turned(more=True)])[1][0] == 0.0


def test_a_turn_that_fails_is_tried_again_later_each_time_and_no_later_than_the_most():
    def fails(_runner):
        raise OSError("the node has gone")

    first, most = BACKOFF
    rested = run([*[fails] * 8, nothing, fails])[1]
    assert rested[:3] == [first, first * 2, first * 4]
    assert max(rested) == rested[7] == most
    assert rested[8:10] == [0.25, first]
