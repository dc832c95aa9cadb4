"""Where a system's decisions are asked for: the parts that `decide` needs, and the snapshot that is in force."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from setpoint.core.errors import LogUnavailable, RequestInvalid
from setpoint.core.ports import Clock, Segments
from setpoint.core.times import SECOND
from setpoint.data.log.eventlog import EventLog, Receipt
from setpoint.serve.decide import Decision, decide, rehearse
from setpoint.serve.decision_schema import decision_schema, value_schema
from setpoint.serve.outcomes import Outcome, Outcomes
from setpoint.serve.request import request_schema
from setpoint.serve.runner import Runner
from setpoint.serve.snapshot import Features, Serving

UNREADY = 5 * SECOND
"""How long after the log refused a decision the desk says that it is not ready."""


class Desk:
    """Decisions, outcomes and events of one system, for the product's own code and for HTTP.

    `publish` puts another snapshot in force by one assignment: no decision waits for it, and none sees half of it.
    """

    def __init__(
        self,
        serving: Serving,
        *,
        features: Features,
        clock: Clock,
        log: Segments,
        outcomes: Outcomes,
        told: EventLog | None = None,
        status: Callable[[], Mapping[str, Any]] = dict,
    ) -> None:
        self._serving, self._features, self._clock = serving, features, clock
        self._log, self._outcomes, self._event_log, self._status = log, outcomes, told, status
        self._runner = Runner(serving.form)
        self._refused: tuple[int, str] | None = None
        self._example: Mapping[str, Any] | None = None

    @property
    def serving(self) -> Serving:
        """The snapshot in force."""
        return self._serving

    def publish(self, serving: Serving) -> None:
        """Put a snapshot in force for the decisions that begin from now on; it is rehearsed first."""
        if self._example is not None:
            rehearse(self._example, serving=serving, features=self._features, clock=self._clock)
        self._serving = serving

    def rehearse(self, example: Mapping[str, Any]) -> None:
        """Take a request through everything but the log, now and before each new snapshot is in force.

        What compiles or loads at first use does so then, and no decision is late for it.
        """
        self._example = example
        rehearse(example, serving=self._serving, features=self._features, clock=self._clock)

    def decide(self, request: Mapping[str, Any], *, explain: bool = False) -> Decision:
        """The decision on a request; in the log before it is given; with `explain` it says why it has its score."""
        try:
            return decide(
                request,
                serving=self._serving,
                features=self._features,
                clock=self._clock,
                log=self._log,
                runner=self._runner,
                explain=explain,
            )
        except LogUnavailable as error:
            self._refused = (self._clock.now(), error.problem)
            raise

    def outcome(self, told: Mapping[str, Any]) -> tuple[Outcome, bool]:
        """The outcome as recorded, and whether it is new."""
        return self._outcomes.tell(told, clock=self._clock)

    def event(self, source: str, events: Sequence[Any]) -> Receipt:
        """What became of events that were told to a source; what was accepted is in its log before this returns."""
        if self._event_log is None:
            raise RequestInvalid("No events are taken here.", expected="a system that is live")
        try:
            return self._event_log.append(source, events)
        except LogUnavailable as error:
            self._refused = (self._clock.now(), error.problem)
            raise

    def events(self) -> dict[str, Any]:
        """What an event of each source that takes them may hold, as JSON Schema."""
        return {} if self._event_log is None else self._event_log.schemas()

    def schema(self) -> dict[str, Any]:
        """What a request may hold, as JSON Schema."""
        return request_schema(self._serving.plan)

    def shapes(self) -> dict[str, Any]:
        """What a decision says of its prediction, and what the value of an outcome is, as JSON Schema."""
        form = self._serving.form
        return {"decision": decision_schema(form), "value": value_schema(form)}

    def status(self) -> Mapping[str, Any]:
        """The state of the loop, as JSON-like data."""
        return self._status()

    def ready(self) -> str:
        """Why no decision can be taken now; empty when one can."""
        if self._refused is not None and self._clock.now() < self._refused[0] + UNREADY:
            return self._refused[1]
        return ""

    def close(self) -> None:
        """Let the thread of the model end; the log and the rest belong to who opened them."""
        self._runner.close()
