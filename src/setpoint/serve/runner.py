"""Runs a model within a time limit: in place while it has proved quick, in a thread that can be left behind if not."""

from __future__ import annotations

import logging
import math
import threading
from collections.abc import Mapping
from queue import SimpleQueue
from typing import Any, NamedTuple

from setpoint.core.clock import stopwatch
from setpoint.declare.prediction import PROBABILITY, Form
from setpoint.serve.fallback import MODEL_FAILED, TOO_SLOW
from setpoint.serve.snapshot import Scorer

PROBATION = 20
"""Calls in time, one after another, before a model is called in place; doubled each time it is late after all."""

LONGEST_PROBATION = 5_120

MARGIN = 4
"""A model is called in place while this many times its usual time fits into what is left of the limit."""

_logger = logging.getLogger("setpoint.serve")


class Found(NamedTuple):
    """The score of a row, NaN where there is none, all that was predicted where that is more, and why there is none."""

    score: float
    numbers: tuple[float, ...] = ()
    missing: str = ""


_LATE = Found(math.nan, (), TOO_SLOW)
_FAILED = Found(math.nan, (), MODEL_FAILED)


class Runner:
    """Scores one row at a time for one process, and answers in time whatever the model does.

    A thread can be waited for, a call in place cannot be left: so a model's first calls, and all calls of one that is
    not quick, go through a thread (about 25 us of CPU each). A call that outlives its limit is left to itself and
    answered "too-slow", as are the calls that come while it lasts; a new model gets a new thread. The price of calling
    quick models in place: one that turns from quick to slow is late once, for as long as that call takes, and then
    has to prove itself for longer each time.
    """

    def __init__(self, form: Form = PROBABILITY) -> None:
        self._lock = threading.Lock()
        self._form = form
        self._state = _State(None, form)

    def run(self, scorer: Scorer, features: Mapping[str, Any], *, left_us: float | None) -> Found:
        """What is predicted of a row; `left_us` None waits as long as it takes."""
        if left_us is not None and left_us <= 0:
            return _LATE
        state = self._of(scorer)
        if left_us is None or state.quick(left_us):
            return state.call(scorer, features, left_us)
        return state.ask(scorer, features, left_us)

    def close(self) -> None:
        """Let the thread end when it is done with what it does."""
        with self._lock:
            self._state.end()
            self._state = _State(None, self._form)

    def _of(self, scorer: Scorer) -> _State:
        state = self._state
        if state.scorer is scorer:
            return state
        with self._lock:
            if self._state.scorer is not scorer:
                self._state.end()
                self._state = _State(scorer, self._form)
            return self._state


class _Call:
    """One call on its way through the thread."""

    __slots__ = ("done", "features", "found", "left_us")

    def __init__(self, features: Mapping[str, Any], left_us: float) -> None:
        self.features, self.left_us = features, left_us
        self.found = _LATE
        self.done = threading.Lock()
        self.done.acquire()


class _State:
    """What is known of one model's pace, and its thread."""

    def __init__(self, scorer: Scorer | None, form: Form) -> None:
        self.scorer, self._form = scorer, form
        self._calls: SimpleQueue[_Call | None] = SimpleQueue()
        self._free = threading.Lock()
        self._thread: threading.Thread | None = None
        self._overdue = False
        self._in_time, self._probation, self._usual = 0, PROBATION, 0.0
        self._told = False

    def quick(self, left_us: float) -> bool:
        return self._in_time >= self._probation and self._usual * MARGIN <= left_us

    def call(self, scorer: Scorer, features: Mapping[str, Any], left_us: float | None) -> Found:
        """What is predicted, however long it takes."""
        began = stopwatch()
        found = _FAILED
        try:
            if self._form.names:
                numbers = scorer.predict_row(features)
                if self._form.holds(numbers):
                    found = Found(max(numbers), numbers)
            else:
                score = float(scorer.score_row(features))
                if self._form.least <= score <= self._form.most and math.isfinite(score):
                    found = Found(score)
        except Exception:  # a model is foreign code: whatever it raises, the rule decides instead
            _logger.log(
                logging.DEBUG if self._told else logging.WARNING,
                "The model %s failed on a row and the rule decided.",
                scorer.digest,
                exc_info=True,
            )
            self._told = True
        self._took((stopwatch() - began) / 1000, left_us)
        return found

    def _took(self, us: float, left_us: float | None) -> None:
        self._usual += (us - self._usual) / min(self._in_time + 1, PROBATION)
        if left_us is not None and us > left_us:
            self._in_time, self._probation = 0, min(2 * self._probation, LONGEST_PROBATION)
            return
        self._in_time += 1
        if self._in_time % (10 * PROBATION) == 0:
            self._probation = max(PROBATION, self._probation // 2)

    def ask(self, scorer: Scorer, features: Mapping[str, Any], left_us: float) -> Found:
        """What is predicted by way of the thread, if it comes in time."""
        until = stopwatch() + left_us * 1000
        if self._overdue or not self._free.acquire(timeout=left_us / 1e6):
            return _LATE
        if self._thread is None or not self._thread.is_alive():
            self._thread = threading.Thread(target=self._work, args=(scorer,), name="setpoint-model", daemon=True)
            self._thread.start()
        call = _Call(features, left_us)
        self._calls.put(call)
        if call.done.acquire(timeout=max(0.0, (until - stopwatch()) / 1e9)):
            return call.found
        self._overdue = True
        if call.done.acquire(blocking=False):  # it ended just now, before it could see that it is overdue
            self._overdue = False
            return call.found
        return _LATE

    def end(self) -> None:
        self._calls.put(None)

    def _work(self, scorer: Scorer) -> None:
        while (call := self._calls.get()) is not None:
            call.found = self.call(scorer, call.features, call.left_us)
            call.done.release()
            self._overdue = False
            self._free.release()
