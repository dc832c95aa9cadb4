"""A session: one system deciding now, with its features, its log and its loop in one process."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import pyarrow as pa

from setpoint.core.errors import LogUnavailable, SetpointError
from setpoint.core.ports import Clock, Events, Segments
from setpoint.core.records import RULE
from setpoint.data.decisions import DECISIONS
from setpoint.data.snapshot import ContentDigests, take_snapshot
from setpoint.declare.plan import Plan
from setpoint.features.online import OnlineFeatures
from setpoint.features.training_set import TrainingSet
from setpoint.history import examples_of
from setpoint.loop import Loop, TickReport, Workspace, tick
from setpoint.serve.decide import Decision, decide
from setpoint.serve.log import take_records
from setpoint.serve.outcomes import Outcome, Outcomes
from setpoint.serve.request import request_schema
from setpoint.serve.runner import Runner
from setpoint.serve.snapshot import Serving

_logger = logging.getLogger("setpoint.session")


class LogBook:
    """What the loop of a live system learns from: the log's rows of all ticks, and the outcomes that were told."""

    def __init__(self, plan: Plan, work: Workspace, rows: Mapping[str, pa.Table], outcomes: Outcomes) -> None:
        self._plan, self._rows, self._outcomes = plan, rows, outcomes
        self._contents = ContentDigests()
        parts = work.tables.parts(DECISIONS)
        self._log = [work.tables.read(DECISIONS)] if parts else []

    def add(self, decided: pa.Table) -> None:
        """Take in the rows of one more tick."""
        if decided.num_rows:
            self._log.append(decided)

    def told(self) -> pa.Table | None:
        """The outcomes of these decisions that were told; None when none was."""
        if not self._log:
            return None
        return self._outcomes.rows(pa.concat_tables([part.select(["decision_id", "key"]) for part in self._log]))

    def examples(self, as_of: int) -> TrainingSet:
        """The training set of every decision in the log."""
        snapshot = take_snapshot(self._rows, as_of, contents=self._contents)
        log = pa.concat_tables(self._log, promote_options="default").combine_chunks()
        return examples_of(self._plan, log, snapshot, told=self.told())


class Session:
    """Requests answered, events taken in and ticks taken, until it is closed.

    `decide` and `outcome` may be called while another thread calls `refresh`, which brings the features up to date
    and takes the ticks that are due; the model that decides is swapped between two requests.
    """

    def __init__(
        self,
        plan: Plan,
        loop: Loop,
        *,
        clock: Clock,
        events: Events,
        online: OnlineFeatures,
        log: Segments,
        outcomes: Outcomes,
        status: Callable[[], Mapping[str, Any]],
        on_decided: Callable[[pa.Table], None],
    ) -> None:
        self._plan, self._loop, self._clock = plan, loop, clock
        self._events, self._online, self._log, self._outcomes = events, online, log, outcomes
        self._status, self._on_decided = status, on_decided
        self._runner = Runner()
        self._refreshing = threading.Lock()
        self._broken = self._stuck = ""
        self._serving = self._publish()

    def decide(self, request: Mapping[str, Any]) -> Decision:
        """The decision on a request, in the log before it is given.

        Raises RequestInvalid for a request that cannot be decided and LogUnavailable when the log cannot be written.
        """
        try:
            decision = decide(
                request,
                serving=self._serving,
                features=self._online,
                clock=self._clock,
                log=self._log,
                runner=self._runner,
            )
        except LogUnavailable as error:
            self._broken = str(error)
            raise
        self._broken = ""
        return decision

    def outcome(self, told: Mapping[str, Any]) -> tuple[Outcome, bool]:
        """The outcome as recorded, and whether it is new."""
        return self._outcomes.tell(told, clock=self._clock)

    def schema(self) -> Mapping[str, Any]:
        """What a request may hold, as JSON Schema."""
        return request_schema(self._plan)

    def status(self) -> Mapping[str, Any]:
        """The state of the loop, as JSON-like data; `stuck` says why its last refresh failed."""
        return {**self._status(), "stuck": self._stuck}

    def ready(self) -> str:
        """Why no decision can be taken now; empty when one can."""
        return self._broken

    @property
    def model(self) -> str:
        """The digest of the model that decides, or "rule"."""
        return self._serving.model or RULE

    def refresh(self) -> TickReport | None:
        """Take in what became known by now, and the tick that is due; gives what the tick did."""
        with self._refreshing:
            now = self._clock.now()
            self._feed(now)
            if now // self._plan.tick <= self._loop.state.tick:
                return None
            return self._tick(now // self._plan.tick * self._plan.tick)

    @contextmanager
    def refreshing(self, every: float) -> Iterator[None]:
        """Refresh every so many seconds while the block runs; a failure is logged, told by `status` and tried again."""
        stop = threading.Event()

        def run() -> None:
            while not stop.wait(every):
                try:
                    self.refresh()
                except SetpointError as error:
                    _logger.exception("The loop could not go on.")
                    self._stuck = str(error)
                else:
                    self._stuck = ""

        thread = threading.Thread(target=run, name="setpoint-loop", daemon=True)
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join()

    def close(self) -> None:
        """Stop scoring and let go of the log."""
        self._runner.close()
        self._log.close()

    def _feed(self, until: int) -> None:
        applied = self._online.positions()
        for source, position in applied.items():
            rows = self._events.read(source, after=position, until=until)
            if rows.num_rows:
                self._online.feed(source, rows)

    def _tick(self, now: int) -> TickReport:
        """The newest tick: it covers all the time since the one before, however long that was."""
        taken = take_records(self._log, self._plan, after=self._loop.state.shipped, until=now)
        self._on_decided(taken.rows)
        report = tick(self._loop, now, taken.rows, shipped=taken.position)
        self._serving = self._publish()
        return report

    def _publish(self) -> Serving:
        release = self._loop.state.release
        return Serving(plan=self._plan, scorer=self._loop.scorer(release.champion), epoch=self._loop.state.tick)
