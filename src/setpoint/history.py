"""Replay: the whole system over its history as if live, under a controlled clock, with the code that runs live."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import pyarrow as pa

from setpoint.core.clock import SimulatedClock, peak_rss_mb
from setpoint.core.digest import digest
from setpoint.core.errors import DataError
from setpoint.core.ports import Events
from setpoint.core.records import PREDICTION
from setpoint.core.times import HOUR, iso
from setpoint.data.language.evaluate import Inputs, evaluate, to_array
from setpoint.data.log.decisions import (
    DECISIONS,
    features_of,
    fields_of,
    lasts_by,
    met_by,
    plan_sources,
    positions_known,
    read_until,
)
from setpoint.data.rows import kinds
from setpoint.data.snapshots.snapshot import ContentDigests, Snapshot, take_snapshot
from setpoint.data.versions import decided_on
from setpoint.declare.goal import Goal
from setpoint.declare.plan import Plan
from setpoint.declare.source import info
from setpoint.features.online import OnlineFeatures
from setpoint.features.parity import Mismatch, compare
from setpoint.features.reader import FeatureReader
from setpoint.features.stream import Stream
from setpoint.features.training_set import TrainingSet, build_training_set
from setpoint.labels.completeness import stale_sources
from setpoint.labels.join import KNOWN, VOID, resolve
from setpoint.labels.told import TOLD, beside_sources, with_told
from setpoint.learn.backtest import backtest
from setpoint.learn.recipe import Recipe
from setpoint.learn.scorer import Scorer
from setpoint.loop import Loop, TickReport, Workspace, drain, judged, open_loop, tick
from setpoint.registry import audit, models
from setpoint.rollout.outcomes import actions_of, outcome_columns, value_of_rows
from setpoint.serve.batch import decide_many
from setpoint.serve.snapshot import Serving
from setpoint.watch.feedback_loop import feedback_loop
from setpoint.watch.results import (
    calibration,
    coverage_by_month,
    maturity,
    month_of,
    months,
    outcomes_of,
    overall,
    period,
    slices,
    weeks,
)
from setpoint.watch.results_of_kind import (
    months_of_kind,
    overall_of_kind,
    period_of_kind,
    predicted_of,
    slices_of_kind,
    weeks_of_kind,
)
from setpoint.watch.told import count_acts, told_act, told_gate, told_incident, told_model

SOURCES = "take in sources"


@dataclass(frozen=True)
class Requests:
    """The decisions that history asks for: their requests in order of time and key, and when each is taken."""

    table: pa.Table
    at: np.ndarray

    def between(self, after: int, until: int) -> Requests:
        """Those taken after a time, up to and with another."""
        first, last = np.searchsorted(self.at, [after, until], side="right")
        return Requests(self.table.slice(int(first), int(last - first)), self.at[first:last])


def requests_of(plan: Plan, rows: Mapping[str, pa.Table], *, start: int | None, end: int | None) -> Requests:
    """The requests of every row of the spine decided from `start` to before `end`.

    Of a row that was corrected, the version that stood when the decision was taken is asked about. Raises DataError
    when there is none.
    """
    decide = plan.system.decide
    spine = info(decide.spine).name
    table = rows[spine]
    columns = {
        (spine, name): to_array(table[name], kind) for name, kind in kinds(table).items() if not name.startswith("__")
    }
    at = evaluate(decide.at, Inputs(table.num_rows, columns=columns))
    wanted = decided_on(table, at)
    if start is not None:
        wanted &= at >= start
    if end is not None:
        wanted &= at < end
    if not wanted.any():
        given = f"from {iso(int(at.min()))} to {iso(int(at.max()))}" if at.size else "none at all"
        raise DataError(
            f"No decision of {plan.system.name!r} falls into the time asked for.", expected=f"some of those {given}"
        )
    index = np.flatnonzero(wanted)
    keys = table[decide.key].take(pa.array(index))
    order = np.lexsort((keys.to_numpy(zero_copy_only=False), at[index]))
    chosen = pa.array(index[order])
    return Requests(table.select([decide.key, *decide.fields]).take(chosen).combine_chunks(), at[index][order])


def last_tick(plan: Plan, requests: Requests) -> int:
    """The tick by which the labels of all these decisions have matured: there a replay of them ends."""
    return -(-(int(requests.at[-1]) + plan.system.label.matures_after) // plan.tick)


@dataclass(frozen=True)
class ReadAhead:
    """The features of decisions in order of time, all read before; some are asked for by their times."""

    at: np.ndarray
    features: pa.Table

    def read(self, table: pa.Table, at: np.ndarray) -> pa.Table:
        """The features of decisions that follow each other, beginning with all of the first one's time."""
        first = int(np.searchsorted(self.at, at[0])) if at.size else 0
        return self.features.slice(first, table.num_rows)


@dataclass
class OnlineSample:
    """A share of the hours whose decisions are sent through the online path as well, and what did not agree.

    The online state is fed through the event port, in order of `known_at`, up to the time of each decision; it never
    reads the tables that batches read.
    """

    plan: Plan
    events: Events
    online: OnlineFeatures
    share: float
    sampled: int = 0
    values: int = 0
    mismatches: int = 0
    first: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.stream = Stream(self.online, self.events)

    def check(self, decided: pa.Table, loop: Loop) -> None:
        """Send the sampled ones of these decisions through the online path, and compare bit for bit."""
        chosen = [
            row
            for row, at in enumerate(decided["at"].to_pylist())
            if zlib.crc32((at // HOUR).to_bytes(8, "little", signed=True)) < self.share * 2**32
        ]
        if not chosen:
            return
        sample = decided.take(chosen)
        fields, features = fields_of(sample).to_pylist(), features_of(sample)
        for row, at in enumerate(sample["at"].to_pylist()):
            seen = self.see(fields[row], at)
            batch = features.slice(row, 1)
            self._note(compare(batch, [seen]))
            self.values += len(seen)
            scorer = loop.scorer(loop.state.release.champion)
            if scorer is not None and not sample["degraded"][row].as_py():
                online, offline = self._predictions(scorer, seen, sample, row)
                self.values += 1
                if online != offline:
                    self._note([Mismatch(0, "score", offline, online)])
        self.sampled += len(chosen)

    def to_dict(self) -> dict[str, Any]:
        """How much was compared, and the first of what did not agree."""
        return {
            "sampled": self.sampled,
            "compared_values": self.values,
            "mismatches": self.mismatches,
            "first": self.first,
        }

    def go_on(self, told: Mapping[str, Any]) -> None:
        """Take up the counts that `to_dict` told before a restart."""
        if told:
            self.sampled, self.values = told["sampled"], told["compared_values"]
            self.mismatches, self.first = told["mismatches"], list(told["first"])

    def _predictions(self, scorer: Scorer, seen: Mapping[str, Any], sample: pa.Table, row: int) -> tuple[Any, Any]:
        """What the model predicts online, and what is in the log."""
        if not self.plan.prediction.names:
            return scorer.score_row(seen), sample["score"][row].as_py()
        return scorer.predict_row(seen), tuple(sample[PREDICTION][row].as_py().values())

    def _note(self, mismatches: Sequence[Mismatch]) -> None:
        self.mismatches += len(mismatches)
        self.first = [*self.first, *[str(mismatch) for mismatch in mismatches]][:5]

    def see(self, fields: Mapping[str, Any], at: int) -> dict[str, Any]:
        """The features of a decision, from an online state that is fed up to its time."""
        self.stream.advance(at)
        seen = self.online.see(fields, at)
        if seen.at > at:  # an earlier run went on from here before it was stopped
            for source in seen.positions:
                self.online.forget(source)
            self.stream.advance(at)
            seen = self.online.see(fields, at)
        return seen.values


class Progress(Protocol):
    """Told after every tick how far a replay is."""

    def __call__(self, report: TickReport, *, done: int, of: int) -> None:
        """One more tick is committed."""
        ...


@dataclass
class Replay:
    """A replay at work or done: its loop, what was asked for, and what the online path said."""

    loop: Loop
    requests: Requests
    start: int
    end: int
    sample: OnlineSample
    log: list[pa.Table]


def replay(
    plan: Plan,
    work: Workspace,
    clock: SimulatedClock,
    rows: Mapping[str, pa.Table],
    *,
    start: int | None,
    end: int | None,
    batch: int,
    sample: OnlineSample,
    progress: Progress,
    taken_in: float = 0.0,
    read: Callable[[Requests], FeatureReader | ReadAhead] | None = None,
) -> Replay:
    """Run history from `start` to `end`: decide in batches, tick, and go on until every label has matured.

    Takes up where an earlier run of the same workspace was stopped. No result depends on `batch`. `taken_in` are the
    CPU seconds that the sources took; `read` gives what reads the features of the decisions, unless that is done in
    memory.
    """
    requests = requests_of(plan, rows, start=start, end=end)
    first = int(requests.at[0]) // plan.tick
    last = last_tick(plan, requests)
    log: list[pa.Table] = []
    contents = ContentDigests()

    def examples(as_of: int) -> TrainingSet:
        snapshot = take_snapshot(beside_sources(rows, work.told(), as_of), as_of, contents=contents)
        return examples_of(plan, pa.concat_tables(log).combine_chunks(), snapshot)

    loop = open_loop(plan, work, rows, examples, started=first * plan.tick)
    earlier = read_until(work.tables, DECISIONS, loop.state.tick)
    if earlier is not None:
        log.append(earlier)
    loop.meter.spent[SOURCES] = loop.meter.spent.get(SOURCES, 0.0) + taken_in
    sample.go_on(loop.state.kept)
    with loop.meter("prepare features"):
        reader = FeatureReader(plan, rows) if read is None else read(requests)
    ends = -(-int(requests.at[-1]) // plan.tick)
    for number in range(loop.state.tick + 1, last + 1):
        now = number * plan.tick
        clock.advance_to(now)
        if number > ends:
            report = drain(loop, now)
        else:
            spans = _spans(requests, now - plan.tick, now, batch)
            day = pa.concat_tables([_decide(loop, reader, span) for span in spans])
            with loop.meter("online sample"):
                sample.check(day, loop)
            log.append(day)
            report = tick(loop, now, day, kept=sample.to_dict())
        progress(report, done=number - first, of=last - first)
    return Replay(loop, requests, first * plan.tick, last * plan.tick, sample, log)


def _spans(requests: Requests, after: int, until: int, batch: int) -> Iterator[Requests]:
    """The batches of a tick; the last one even when it is empty, so that a tick has rows, if none."""
    for begin in range(after, until, batch):
        end = min(begin + batch, until)
        span = requests.between(begin, end)
        if span.at.size or end == until:
            yield span


def _decide(loop: Loop, reader: FeatureReader | ReadAhead, span: Requests) -> pa.Table:
    """The log rows of a batch: features as of each decision's own time, then the model or rule that is live."""
    with loop.meter("features"):
        features = reader.read(span.table, span.at)
    with loop.meter("decide"):
        serving = Serving(
            plan=loop.plan,
            scorer=loop.scorer(loop.state.release.champion),
            epoch=loop.state.tick,
        )
        positions = positions_known(loop.rows, plan_sources(loop.plan), span.at)
        return decide_many(span.table, span.at, features, serving, positions=positions)


def examples_of(plan: Plan, log: pa.Table, snapshot: Snapshot) -> TrainingSet:
    """Every decision of a log with what it saw, and what a snapshot knows of its label, told labels included."""
    at, by = log["at"].to_numpy(), lasts_by(plan)
    labels = resolve(
        plan.system.label,
        log[met_by(plan)].combine_chunks(),
        at,
        snapshot.rows,
        snapshot.as_of,
        actions=actions_of(plan, log),
        outcome_columns=outcome_columns(plan),
        segments=None if by is None else log[by].combine_chunks(),
        complete_to=stale_sources(plan.system, snapshot.rows, snapshot.as_of),
    )
    labels = with_told(
        labels, log["key"].combine_chunks(), at, snapshot.rows.get(TOLD), label=plan.system.label, as_of=snapshot.as_of
    )
    return build_training_set(plan, fields_of(log), at, features_of(log), labels, snapshot.digest)


def results_of(found: Replay) -> dict[str, Any]:
    """What a replay amounted to, as one JSON-like document."""
    loop, plan = found.loop, found.loop.plan
    metadata, state, goal = loop.work.metadata, loop.state, plan.system.goal
    matured = judged(loop, loop.matured, found.end)
    worth = value_of_rows(plan, matured)
    acts = [told_act(act) for act in audit.trail(metadata)]
    documents = models.all_models(metadata)
    with loop.meter("results"):
        told = _of_two(found, matured, worth, documents) if goal.acts else _of_kind(found, matured, worth)
        shown = told["months"]
        by_month = [{**month, **count_acts(acts, month["month"], last=month is shown[-1])} for month in shown]
        known, metric = matured["state"].to_numpy(), None if goal.acts else str(goal.metric).removesuffix("()")
        results: dict[str, Any] = {
            "system": plan.system.name,
            "start": iso(found.start),
            "end": iso(found.end),
            "unit": plan.system.goal.business,
            "metric": str(plan.system.goal.metric),
            **({} if goal.acts else {"quality": _quality_of(goal)}),
            "months": by_month,
            "weeks": told["weeks"],
            "acts": acts,
            "incidents": [told_incident(each) for each in state.incidents],
            "maturity": maturity(matured),
            "feedback_loop": feedback_loop(plan, matured),
            "calibration": told["calibration"],
            "last_quarter": told["last_quarter"],
            "slices": told["slices"],
            "importances": _importances(documents, state.release.champion),
            "goes_by": _goes_by(documents, state.release.champion),
            "models": [told_model(each, acts, metric=metric) for each in documents],
            "gates": [told_gate(each, metric=str(goal.metric), unit=goal.business) for each in documents],
            "time_split": told["time_split"],
            "parity": found.sample.to_dict(),
            **(
                {}
                if goal.confidence is None
                else {"confidence": coverage_by_month(matured, level=goal.confidence.level)}
            ),
            "last_decision": {"key": matured["key"][-1].as_py(), "at": iso(matured["at"][-1].as_py())},
        }
    spent = dict(loop.meter.spent)
    results["steps"] = [{"step": name, "cpu_seconds": round(value, 2)} for name, value in spent.items()]
    results["digest"] = digest([state.chain, {name: results[name] for name in ("months", "time_split", "models")}])
    results["summary"] = {
        "decisions": matured.num_rows,
        "matured": int((known == KNOWN).sum()),
        "void": int((known == VOID).sum()),
        **told["total"],
        "alarms": sum(month["alarms"] for month in by_month),
        "retrainings": sum(month["retrainings"] for month in by_month),
        "promotions": sum(month["promotions"] for month in by_month),
        "rollbacks": sum(month["rollbacks"] for month in by_month),
        "online_offline_mismatches": found.sample.mismatches,
        "cpu_seconds": round(sum(spent.values()), 1),
        "peak_rss_mb": round(peak_rss_mb()),
        "digest": results["digest"],
    }
    return results


def _quality_of(goal: Goal) -> dict[str, Any]:
    """By which metric the rows of the results tell how good predictions were."""
    return {"metric": str(goal.metric).removesuffix("()"), "greater_is_better": goal.metric.greater_is_better}


def _of_two(found: Replay, matured: pa.Table, worth: np.ndarray, documents: list[dict[str, Any]]) -> dict[str, Any]:
    """The quality of decisions of two classes."""
    plan, seed = found.loop.plan, found.loop.work.seed
    outcomes = outcomes_of(matured, worth, frozen=found.loop.state.frozen)
    last = outcomes.where(outcomes.at >= _last_quarter(found))
    split = _split_in_time(found, documents)
    return {
        "months": months(outcomes, seed=seed),
        "weeks": weeks(outcomes, seed=seed),
        "calibration": calibration(last),
        "last_quarter": period(last, seed=seed),
        "slices": slices(last, plan, seed=seed),
        "time_split": split,
        "total": {"auc_time_split": None if split is None else split["auc"], **overall(outcomes)},
    }


def _of_kind(found: Replay, matured: pa.Table, worth: np.ndarray) -> dict[str, Any]:
    """The quality of predictions, by the goal's metric."""
    state, seed = found.loop.state, found.loop.work.seed
    outcomes = predicted_of(found.loop.plan, matured, worth, frozen=state.frozen, seed=seed)
    last = outcomes.where(outcomes.at >= _last_quarter(found))
    return {
        "months": months_of_kind(outcomes),
        "weeks": weeks_of_kind(outcomes),
        "calibration": [],
        "last_quarter": period_of_kind(last),
        "slices": slices_of_kind(last),
        "time_split": None,
        "total": overall_of_kind(outcomes),
    }


def _months(found: Replay) -> np.ndarray:
    """The first moments of the calendar months (UTC) that decisions fall into, and of the one after."""
    names = month_of(found.requests.at)
    return np.arange(names.min(), names.max() + 2).astype("datetime64[us]").astype(np.int64)


def _last_quarter(found: Replay) -> int:
    """Where the newest quarter of the months begins."""
    edges = _months(found)
    return int(edges[-1 - max(1, (edges.size - 1) // 4)])


def _split_in_time(found: Replay, documents: list[dict[str, Any]]) -> dict[str, Any] | None:
    """The backtest: two thirds of the months train, the newest quarter tests; None under three months, or no model.

    The recipe is that of the newest model trained before the split, so nothing of the test is in it.
    """
    loop, edges = found.loop, _months(found)
    count = edges.size - 1
    train_until = int(edges[count * 2 // 3])
    before = [document for document in documents if document["trained_at"] <= train_until]
    if count < 3 or not before:
        return None
    return backtest(
        loop.plan,
        loop.examples(found.end),
        learners=loop.work.learners,
        settled=Recipe.from_dict(before[-1]["settled"]),
        train_until=train_until,
        test_from=_last_quarter(found),
        seed=loop.work.seed,
    )


def _importances(documents: list[dict[str, Any]], champion: str | None) -> list[dict[str, Any]]:
    for document in documents:
        if document["model"] == champion:
            return [{"feature": name, "share": share} for name, share in document["importances"]]
    return []


def _goes_by(documents: list[dict[str, Any]], champion: str | None) -> dict[str, Any] | None:
    """What the champion loses on held-out rows without each feature; None where no training asked."""
    return next((each.get("goes_by") for each in documents if each["model"] == champion), None)
