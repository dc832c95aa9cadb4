"""Story: is what was logged what should have been? Features and scores of decisions worked out again and compared."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from setpoint.core.clock import cpu_seconds
from setpoint.core.ports import Metadata, Tables
from setpoint.core.records import PREDICTION as PREDICTED
from setpoint.core.records import RULE
from setpoint.core.rng import seed_for
from setpoint.core.times import iso
from setpoint.data.arrays import Array, Mask
from setpoint.data.log.decisions import DECISIONS, definitions_of, features_of, part_name
from setpoint.data.log.predictions import prediction_column, predictions_of
from setpoint.declare.plan import Plan
from setpoint.declare.prediction import Form
from setpoint.features.evidence import Part, shown_value
from setpoint.features.verify import EXPLAINED, Checked, Difference, Versions, verify
from setpoint.learn.scorer import Scorer
from setpoint.serve.asked import Moment
from setpoint.watch.diagnose import SERVING
from setpoint.watch.finding import FEATURE, PAGE, PREDICTION, Finding

CONSISTENCY, DEFINITIONS = "consistency", "definitions"
"""Documents: what each tick found, and the versions of features by what the log calls them."""

SCORE, MISMATCH = "score", "mismatch"

TOLERANCE = 1e-9
"""How far the score of a model may be off that does not give the same bits for a row alone and in a batch."""

AT_ONCE = 200_000
"""Decisions that are worked out together: enough to be quick, few enough to bound the memory."""

ScorerOf = Callable[[str], Scorer | None]


@dataclass(frozen=True)
class Consistency:
    """What came of working out a tick's sample again: decisions, values, and those that differ; and what it cost."""

    at: int
    decisions: int
    checked: tuple[Checked, ...]
    cpu_seconds: float

    @property
    def values(self) -> int:
        """How many values were compared."""
        return sum(each.rows for each in self.checked)

    @property
    def mismatches(self) -> int:
        """How many of them differ."""
        return sum(each.mismatches for each in self.checked)

    def to_dict(self) -> dict[str, Any]:
        """The result as JSON-like data, for the record."""
        wrong = [each for each in self.checked if each.mismatches]
        return {
            "at": self.at,
            "decisions": self.decisions,
            "values": self.values,
            "mismatches": self.mismatches,
            "features": {each.feature: each.mismatches for each in wrong},
            "first": [told_difference(each.first[0]) for each in wrong[:EXPLAINED]],
            "cpu_seconds": round(self.cpu_seconds, 3),
        }

    def findings(self) -> list[Finding]:
        """A finding for every feature, and the score, of which a logged value is not what it should be."""
        return [_finding(each) for each in self.checked if each.mismatches]


def verify_tick(
    plan: Plan,
    rows: Mapping[str, pa.Table],
    decided: pa.Table,
    *,
    now: int,
    sample: int,
    seed: int,
    scorer_of: ScorerOf,
) -> Consistency:
    """A sample of a tick's decisions worked out again: what goes on all the time where decisions are taken online."""
    before = cpu_seconds()
    rng = np.random.default_rng(seed_for(seed, CONSISTENCY, str(now)))
    size = min(sample, decided.num_rows)
    chosen = decided.take(pa.array(np.sort(rng.choice(decided.num_rows, size, replace=False))))
    checked = (*verify(plan, rows, chosen, explained=1), check_scores(chosen, scorer_of, plan.prediction))
    return Consistency(now, size, checked, cpu_seconds() - before)


def verify_moment(
    plan: Plan,
    rows: Mapping[str, pa.Table],
    metadata: Metadata,
    tables: Tables,
    moment: Moment,
    *,
    scorer_of: ScorerOf,
    since: int | None = None,
    until: int | None = None,
    features: Sequence[str] | None = None,
    sample: float = 1.0,
    seed: int = 0,
) -> dict[str, Any]:
    """Every decision from a time to before another worked out again, or a share of them, as one JSON-like document."""
    versions = versions_recorded(metadata)
    rng = np.random.default_rng(seed_for(seed, CONSISTENCY, "sample"))
    found: dict[str, Checked] = {}
    count, times = 0, []
    for log in _slices(plan, tables, moment, since, until):
        chosen = log.filter(pa.array(rng.random(log.num_rows) < sample)) if sample < 1.0 else log
        if not chosen.num_rows:
            continue
        checked = verify(plan, rows, chosen, features=features, versions=versions)
        for each in (*checked, *([check_scores(chosen, scorer_of, plan.prediction)] if features is None else [])):
            found[each.feature] = found[each.feature] + each if each.feature in found else each
        count += chosen.num_rows
        times += [pc.min(chosen["at"]).as_py(), pc.max(chosen["at"]).as_py()]
    wrong = [each for each in found.values() if each.mismatches]
    return {
        "system": plan.system.name,
        "passed": not wrong,
        "decisions": count,
        "from": iso(min(times)) if times else None,
        "to": iso(max(times)) if times else None,
        "values": sum(each.rows for each in found.values()),
        "mismatches": sum(each.mismatches for each in found.values()),
        "features": [
            {"feature": each.feature, "rows": each.rows, "mismatches": each.mismatches, "rate": each.rate}
            for each in found.values()
        ],
        "differences": [told_difference(difference) for each in wrong for difference in each.first],
    }


def check_scores(log: pa.Table, scorer_of: ScorerOf, form: Form) -> Checked:
    """The logged scores of models on the logged features: the same bits where a model promises them.

    Scores of the rule, and of a model whose features the log no longer has, are left out.
    """
    features, rows, wrong, first = features_of(log), 0, 0, []
    for model in pc.unique(log["model"]).to_pylist():
        scorer = None if model == RULE else scorer_of(model)
        if scorer is None or not set(scorer.inputs) <= set(features.column_names):
            continue
        mine = pc.equal(log["model"], model)
        theirs, told = features.filter(mine), log.filter(mine)
        logged = told[PREDICTED if form.names else SCORE]
        found = pa.chunked_array([prediction_column(form, scorer.score(theirs))])
        off = _off(predictions_of(form, logged), predictions_of(form, found), exact=scorer.row_exact)
        places = np.flatnonzero(off)
        rows, wrong = rows + told.num_rows, wrong + int(places.size)
        first += [_score_difference(told, int(place), logged, found) for place in places[:EXPLAINED]]
    return Checked(SCORE, rows, wrong, tuple(first[:EXPLAINED]))


def record_definitions(metadata: Metadata, plan: Plan) -> None:
    """Write down which versions of features a plan has: the log names them by one short digest."""
    body = {"definitions": definitions_of(plan), "system": plan.system.name, "plan": plan.digest}
    metadata.put(DEFINITIONS, plan.digest, {**body, "versions": dict(plan.versions)})


def versions_recorded(metadata: Metadata) -> Versions:
    """The versions of features that the log's `definitions` stand for."""
    return {body["definitions"]: body["versions"] for body in metadata.find(DEFINITIONS)}


def told_difference(difference: Difference) -> dict[str, Any]:
    """A difference as JSON-like data: what, where, and the event that explains it or the events behind the value."""
    cause = difference.cause
    event = None
    if cause is not None:
        event = {
            "source": cause.source,
            "id": cause.event.id,
            "at": iso(cause.event.at),
            "known_at": iso(cause.event.known_at),
            "position": cause.event.position,
        }
    return {
        "decision": difference.decision_id,
        "key": difference.key,
        "at": iso(difference.at),
        "feature": difference.feature,
        "logged": difference.logged,
        "recomputed": difference.recomputed,
        "event": event,
        "because": "" if cause is None else str(cause),
        "behind": [row for part in difference.behind for row in told_events(part)],
    }


def told_events(part: Part) -> list[dict[str, Any]]:
    """The events of a fold as rows that a person reads, newest first."""
    return [
        {
            "source": part.source,
            "id": event.id,
            "at": iso(event.at) if abs(event.at) < 2**61 else "always",
            "known_at": iso(event.known_at) if abs(event.known_at) < 2**61 else "always",
            "value": shown_value(event.value, part.kind_of_rows),
            "counts": event.verdict,
        }
        for event in part.events
    ]


def _slices(plan: Plan, tables: Tables, moment: Moment, since: int | None, until: int | None) -> Iterator[pa.Table]:
    """The decisions of a moment from a time to before another, some of them at once."""
    first = part_name(0 if since is None else since // plan.tick)
    last = None if until is None else part_name(until // plan.tick + 1)
    parts = [part for part in moment.parts if part >= first]
    beyond = [part for part in parts if last is not None and part >= last]
    kept: list[pa.Table] = []
    for part in (*[part for part in parts if part not in beyond[1:]], None):
        log = moment.newer if part is None else tables.read(DECISIONS, parts=[part])
        inside: Mask = np.ones(log.num_rows, dtype=np.bool_)
        at = log["at"].to_numpy()
        if since is not None:
            inside &= at >= since
        if until is not None:
            inside &= at < until
        kept.append(log if inside.all() else log.filter(pa.array(inside)))
        if part is None or sum(each.num_rows for each in kept) >= AT_ONCE:
            yield pa.concat_tables(kept, promote_options="permissive").combine_chunks()
            kept = []


def _off(told: Array, found: Array, *, exact: bool) -> Mask:
    """Which predictions differ: in their bits, or for a model that promises no more by what is more than rounding."""
    if exact:
        ours, theirs = (np.ascontiguousarray(each).view(np.int64) for each in (told, found))
        off = (ours != theirs) & ~(np.isnan(told) & np.isnan(found))
    else:
        off = ~(np.abs(told - found) <= TOLERANCE * np.maximum(1.0, np.abs(found)))
    return np.asarray(off if off.ndim == 1 else off.any(axis=1), dtype=np.bool_)


def _score_difference(log: pa.Table, row: int, told: pa.ChunkedArray, found: pa.ChunkedArray) -> Difference:
    return Difference(
        decision_id=log["decision_id"][row].as_py(),
        key=str(log["key"][row].as_py()),
        at=log["at"][row].as_py(),
        feature=SCORE,
        logged=told[row].as_py(),
        recomputed=found[row].as_py(),
    )


def _finding(checked: Checked) -> Finding:
    first = checked.first[0]
    return Finding(
        monitor=MISMATCH,
        level=PREDICTION if checked.feature == SCORE else FEATURE,
        subject=checked.feature,
        at=first.at,
        severity=PAGE,
        p_value=0.0,
        effect=checked.rate,
        evidence={"rows": checked.rows, "mismatches": checked.mismatches, "first": told_difference(first)},
        cause=SERVING,
    )
