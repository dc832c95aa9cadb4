"""A session: one system deciding now, with its features, its log and its loop in one process."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import pyarrow as pa

from setpoint.core.errors import SetpointError
from setpoint.core.ports import Clock, Segments
from setpoint.data.log.decisions import DECISIONS
from setpoint.data.log.eventlog import EventLog, Receipt
from setpoint.data.snapshots.snapshot import ContentDigests, take_snapshot
from setpoint.declare.plan import Plan
from setpoint.features.backfill import completed
from setpoint.features.online import OnlineFeatures
from setpoint.features.stream import Stream
from setpoint.features.training_set import TrainingSet
from setpoint.history import examples_of
from setpoint.labels.told import beside_sources, told_rows
from setpoint.loop import Loop, TickReport, Workspace, take_answers, tick
from setpoint.serve.desk import Desk
from setpoint.serve.log import take_records
from setpoint.serve.outcomes import Outcomes
from setpoint.serve.snapshot import Serving
from setpoint.watch.consistency import versions_recorded

RETRY_SECONDS = 60.0
"""How often sources that could not be reached are asked again."""

MEND_SECONDS = 1.0
"""How often it is looked whether rows of the quarantine are to be told again."""

PAUSE = 0.02
"""Seconds between an event and the refresh that it causes: what is told meanwhile goes with it."""

_logger = logging.getLogger("setpoint.session")


class LogBook:
    """What the loop of a live system learns from: the log's rows of all ticks, and the outcomes that were told."""

    def __init__(
        self,
        plan: Plan,
        work: Workspace,
        rows: Mapping[str, pa.Table],
        outcomes: Outcomes,
        *,
        hand: Callable[[], pa.Table | None] = lambda: None,
    ) -> None:
        self._plan, self._work, self._rows, self._outcomes, self._hand = plan, work, rows, outcomes, hand
        self._contents = ContentDigests()
        parts = work.tables.parts(DECISIONS)
        self._log = [work.tables.read(DECISIONS)] if parts else []

    def add(self, decided: pa.Table) -> None:
        """Take in the rows of one more tick."""
        if decided.num_rows:
            self._log.append(decided)

    def told(self) -> pa.Table | None:
        """What was told of these decisions, and what people say of them, as rows; None when there is nothing."""
        if not self._log:
            return None
        decided = pa.concat_tables([part.select(["decision_id", "key"]) for part in self._log])
        return told_rows(self._outcomes.rows(decided), self._hand())

    def examples(self, as_of: int) -> TrainingSet:
        """The training set of every decision in the log: each feature by the version that the plan has."""
        snapshot = take_snapshot(beside_sources(self._rows, self.told(), as_of), as_of, contents=self._contents)
        log = pa.concat_tables(self._log, promote_options="default").combine_chunks()
        versions = versions_recorded(self._work.metadata)
        log = completed(self._plan, log, self._work.tables, self._rows, versions=versions)
        return examples_of(self._plan, log, snapshot)


class Session(Desk):
    """A desk whose features, model and loop go on with time: events taken in and ticks taken on every refresh.

    `decide` and `outcome` may be called while another thread calls `refresh`; the model that decides is swapped
    between two requests.
    """

    def __init__(
        self,
        loop: Loop,
        *,
        clock: Clock,
        events: EventLog,
        online: OnlineFeatures,
        log: Segments,
        outcomes: Outcomes,
        book: LogBook,
        status: Callable[[], Mapping[str, Any]],
        reach: Callable[[], None] | None = None,
        mend: Callable[[], object] | None = None,
    ) -> None:
        super().__init__(
            _serving(loop),
            features=online,
            clock=clock,
            log=log,
            outcomes=outcomes,
            told=events,
            status=self._told(status),
        )
        self._loop, self._now, self._records, self._book = loop, clock.now, log, book
        self._online, self._stream = online, Stream(online, events)
        self._refreshing, self._wake = threading.Lock(), threading.Event()
        self._stuck, self._reach, self._mend = "", reach, mend

    def event(self, source: str, events: Sequence[Any]) -> Receipt:
        """What became of events that were told to a source; those accepted reach the features at the next refresh."""
        receipt = super().event(source, events)
        self._wake.set()
        return receipt

    def refresh(self) -> TickReport | None:
        """Take in what became known by now, what people said of candidates, and the tick that is due.

        Gives what the tick did.
        """
        with self._refreshing:
            now, plan = self._now(), self._loop.plan
            self._stream.advance(now)
            if take_answers(self._loop, now):
                self.publish(_serving(self._loop))
            if now // plan.tick <= self._loop.state.tick:
                return None
            return self._tick(now // plan.tick * plan.tick)

    def reach(self) -> None:
        """Ask again for the sources that could not be reached when the session was opened."""
        if self._reach is not None:
            self._reach()

    def mend(self) -> None:
        """Take in the rows of the quarantine that another process asked for since."""
        if self._mend is not None and self._mend():
            self._wake.set()

    @contextmanager
    def refreshing(self, every: float, *, retry: float = RETRY_SECONDS) -> Iterator[None]:
        """Refresh every so many seconds, and soon after an event, while the block runs.

        A failure is logged, told by `status` and tried again. Sources that could not be reached are asked again in a
        thread of their own every `retry` seconds: a server that does not answer holds nothing up.
        """
        stop = threading.Event()

        def ask() -> None:
            while not stop.wait(retry):
                self.reach()

        def look() -> None:
            while not stop.wait(MEND_SECONDS):
                try:
                    self.mend()
                except SetpointError:
                    _logger.exception("Rows of the quarantine cannot be taken in; it is tried again.")

        def run() -> None:
            while not stop.is_set():
                self._wake.wait(every)
                if stop.wait(PAUSE):
                    break
                self._wake.clear()
                try:
                    self.refresh()
                except Exception as error:
                    _logger.exception("The loop could not go on.")
                    self._stuck = f"{type(error).__name__}: {error}"
                else:
                    self._stuck = ""

        thread = threading.Thread(target=run, name="setpoint-loop", daemon=True)
        asking = threading.Thread(target=ask, name="setpoint-sources", daemon=True)
        mending = threading.Thread(target=look, name="setpoint-mending", daemon=True)
        thread.start()
        asking.start()
        mending.start()
        try:
            yield
        finally:
            stop.set()
            self._wake.set()
            thread.join()
            asking.join()
            mending.join()

    def _told(self, status: Callable[[], Mapping[str, Any]]) -> Callable[[], Mapping[str, Any]]:
        """The status, with why the last refresh failed."""
        return lambda: {**status(), "stuck": self._stuck}

    def _tick(self, now: int) -> TickReport:
        """The newest tick: it covers all the time since the one before, however long that was."""
        taken = take_records(self._records, self._loop.plan, after=self._loop.state.shipped, until=now)
        self._book.add(taken.rows)
        report = tick(self._loop, now, taken.rows, shipped=taken.position)
        self.publish(_serving(self._loop))
        self._online.compact(now)
        return report


def _serving(loop: Loop) -> Serving:
    champion = loop.state.release.champion
    return Serving(plan=loop.plan, scorer=loop.scorer(champion), epoch=loop.state.tick)
