"""Whether a model behaves as its goal expects when rows are changed: judged on held-out rows, with counterexamples.

Nothing is learned and no label is read, but for what a fault costs of the goal's metric. Shares are bounded by
one-sided 95 % bounds, clustered by day.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from setpoint.core.ports import DirectedLearner, Learner
from setpoint.core.rng import seed_for
from setpoint.data.arrays import null_mask, to_array
from setpoint.declare.behaviour import (
    NONE,
    Behaviour,
    MustDecide,
    NeverFalls,
    SameIfChanged,
    SteadyUnder,
    SteadyUnderAttack,
)
from setpoint.declare.kinds import BOOL, NUMBER, TEXT, TIME
from setpoint.declare.plan import Plan
from setpoint.learn.behave_attack import attack
from setpoint.learn.behave_change import alter, directions, kind_of_name, set_features, values_of
from setpoint.learn.behave_faults import befall
from setpoint.learn.behave_found import Behaved, Counterexample
from setpoint.learn.scored import ONE_SIDED, Bench, Scored
from setpoint.learn.sides import Examples
from setpoint.measure.intervals import Interval, against_limit, more_rows_to_settle
from setpoint.measure.rare_share import rare_share
from setpoint.measure.rows import codes_for

HOLDS, FAILS, UNKNOWN = "holds", "fails", "not enough evidence"

Steady = SteadyUnder | SteadyUnderAttack
"""What turns actions: by chance, or by edits that look for it."""

Decider = Callable[[Examples], Scored]
"""Gives what a model would have made of rows."""

MOST = 3000
"""Held-out rows that are changed; drawn at random where there are more."""
ATTACKED = 500
"""Of these, so many are attacked, spread evenly: each edit asks about every name again."""
STEPS = 5
"""Values, spread over those seen in training, that a number is raised or changed to."""
LEVELS = 5
"""The commonest texts that a text is changed to."""
KEPT = 5
"""Counterexamples that are kept of each expectation, the worst."""
JUDGED, RELEASED = "judged", "refitted"


def direct(plan: Plan, learners: Mapping[str, Learner]) -> dict[str, Learner]:
    """The learners, told what may never fall where they can be.

    A feature that would have to rise by one expectation and to fall by another is left free.
    """
    told: dict[str, int] = {}
    for expected in plan.system.goal.behaves:
        if isinstance(expected, NeverFalls):
            for name, way in directions(plan, expected.name).items():
                told[name] = way if told.get(name, way) == way else 0
    held = {name: way for name, way in told.items() if way}
    return {
        name: learner.directed(held) if held and isinstance(learner, DirectedLearner) else learner
        for name, learner in learners.items()
    }


def judge_behaviours(
    plan: Plan, bench: Bench, seen: Examples, *, judged: Decider, released: Decider, seed: int
) -> tuple[Behaved, ...]:
    """What the held-out rows say of each expectation of the goal, of the model that was judged and of the refitted one.

    `seen` are the training rows, of which the values come that rows are changed to. Where the refitted model is shown
    to break an expectation that the judged one keeps, that is the finding.
    """
    if not plan.system.goal.behaves:
        return ()
    index = np.arange(bench.rows.y.shape[0])
    if index.size > MOST:
        index = np.sort(np.random.default_rng(seed_for(seed, "behaviour rows")).choice(index, MOST, replace=False))
    rows = bench.rows.take(index)
    trials = [
        _Trial(plan, replace(bench, rows=rows), seen, decide, decide(rows), seed, model)
        for decide, model in ((judged, JUDGED), (released, RELEASED))
    ]
    found = []
    for expected in plan.system.goal.behaves:
        first, second = (_judge_one(expected, trial) for trial in trials)
        found.append(second if second.verdict == FAILS and first.verdict != FAILS else first)
    return tuple(found)


@dataclass(frozen=True)
class _Trial:
    """The rows that are changed, what a model made of them as they are, and how to ask it again."""

    plan: Plan
    bench: Bench
    seen: Examples
    decide: Decider
    before: Scored
    seed: int
    model: str

    @property
    def rows(self) -> Examples:
        return self.bench.rows


@dataclass
class _Worst:
    """The most that each row's score moved in the wrong way, and the value that did it; NaN where nothing could."""

    reach: np.ndarray
    value: np.ndarray
    after: np.ndarray
    start: np.ndarray
    from_value: np.ndarray = field(repr=False)

    @staticmethod
    def none(trial: _Trial, values: np.ndarray) -> _Worst:
        size, score = values.size, trial.before.p
        worst = np.full(values.size, None, dtype=object) if values.dtype == object else np.full(size, np.nan)
        return _Worst(np.full(size, np.nan), worst, np.full(size, np.nan), score.copy(), values.copy())

    def add(self, where: np.ndarray, moved: np.ndarray, value: Any, after: np.ndarray) -> np.ndarray:
        """Where this is the most so far; it is taken down."""
        more = where & ~(moved <= self.reach)
        self.reach[more], self.after[more] = moved[more], after[more]
        self.value[more] = value
        return more


def _judge_one(expected: Behaviour, trial: _Trial) -> Behaved:
    if isinstance(expected, MustDecide):
        return _judge_rows(expected, trial)
    if isinstance(expected, SteadyUnder):
        changed = befall(trial.plan, trial.rows, expected, seed=seed_for(trial.seed, "behaviour", str(expected)))
        return _judge_steady(expected, trial, changed)
    if isinstance(expected, SteadyUnderAttack):
        return _judge_attack(expected, trial)
    if trial.before.p.ndim != 1:
        reason = f"a model that gives {trial.before.p.shape[1]} scores of each decision is not changed"
        return _told(expected, trial, UNKNOWN, _nothing(), reason)
    return _judge_changed(expected, trial)


def _judge_changed(expected: SameIfChanged | NeverFalls, trial: _Trial) -> Behaved:
    values = values_of(trial.plan, trial.rows, expected.name)
    worst = (_lifted if isinstance(expected, NeverFalls) else _moved)(
        expected.name, values, trial, _grid(expected, trial)
    )
    hits = np.asarray(worst.reach > expected.by, dtype=np.float64)
    codes, clusters = codes_for(trial.rows.days, hits.size)
    found = rare_share(hits, worst.reach, codes=codes, clusters=clusters, weight=trial.rows.weight, level=ONE_SIDED)
    kept = _most(hits, worst.reach)
    against = tuple(
        Counterexample(
            _key(trial, place),
            {expected.name: (_scalar(worst.from_value[place]), _scalar(worst.value[place]))},
            float(worst.start[place]),
            float(worst.after[place]),
        )
        for place in kept
    )
    moves = f"score lower by more than {expected.by:g} when {expected.name!r} is raised"
    if isinstance(expected, SameIfChanged):
        moves = f"score otherwise by more than {expected.by:g} when {expected.name!r} is changed"
    if found.n == 0:
        reason = (
            f"{expected.name!r} could not be {'raised' if isinstance(expected, NeverFalls) else 'changed'} in any row"
        )
        return _told(expected, trial, UNKNOWN, found, reason)
    reason = f"{_share_of(found)} {moves}"
    return _told(
        expected, trial, against_limit(found, expected.at_most, at_least=False), found, reason, against=against
    )


def _lifted(name: str, values: np.ndarray, trial: _Trial, grid: Sequence[Any]) -> _Worst:
    """How far each score falls from the highest that it had at a lower value, as the value rises over the grid."""
    worst, top, at = _Worst.none(trial, values), trial.before.p.copy(), values.copy()
    for value in sorted(grid):
        where = values < value
        if not where.any():
            continue
        after = trial.decide(alter(trial.plan, trial.rows, name, np.where(where, value, values))).p
        more = worst.add(where, top - after, value, after)
        worst.start[more], worst.from_value[more] = top[more], at[more]
        higher = where & (after > top)
        top[higher], at[higher] = after[higher], value
    return worst


def _moved(name: str, values: np.ndarray, trial: _Trial, grid: Sequence[Any]) -> _Worst:
    """How far each score moves from what it is, at any other value of the grid."""
    worst = _Worst.none(trial, values)
    for value in grid:
        told = np.full(values.size, value, dtype=values.dtype)
        where = np.asarray(values != told) & ~_both_null(values, told)
        after = trial.decide(alter(trial.plan, trial.rows, name, told)).p
        worst.add(where, np.abs(after - trial.before.p), value, after)
    return worst


def _judge_attack(expected: SteadyUnderAttack, trial: _Trial) -> Behaved:
    """What edits that look for the worst do to decisions, some of them where there are many."""
    if trial.before.p.ndim != 1:
        reason = f"a model that gives {trial.before.p.shape[1]} scores of each decision is not attacked"
        return _told(expected, trial, UNKNOWN, _nothing(), reason)
    if trial.rows.y.shape[0] > ATTACKED:
        places = np.linspace(0, trial.rows.y.shape[0] - 1, ATTACKED).astype(np.int64)
        rows = trial.rows.take(places)
        trial = replace(trial, bench=replace(trial.bench, rows=rows), before=trial.decide(rows))
    seed = seed_for(trial.seed, "behaviour", str(expected))
    changed = attack(trial.plan, trial.rows, trial.seen, expected, score=lambda rows: trial.decide(rows).p, seed=seed)
    return _judge_steady(expected, trial, changed, only=trial.before.acted == (trial.rows.y > 0))


def _judge_steady(expected: Steady, trial: _Trial, changed: Examples, *, only: np.ndarray | None = None) -> Behaved:
    """How many decisions get another action on the changed rows, of those that count, and what the metric loses."""
    after, before = trial.decide(changed), trial.before
    flips = np.asarray(after.acted != before.acted, dtype=np.float64)
    flips = flips if only is None else flips * only
    reach = np.abs(after.p - before.p)
    reach = reach if reach.ndim == 1 else reach.max(axis=1)
    codes, clusters = codes_for(trial.rows.days, flips.size)
    found = rare_share(flips, reach, codes=codes, clusters=clusters, weight=trial.rows.weight, level=ONE_SIDED)
    verdict: str = against_limit(found, expected.at_most, at_least=False)
    reason = f"{_share_of(found)} " + ("get another action" if only is None else "turn from right to wrong")
    drop, words = None, ""
    if expected.drop is not None and trial.model == JUDGED:
        verdict, drop, words = _judge_drop(expected, trial, after, verdict)
    kept = _most(flips, reach) if before.p.ndim == 1 else np.zeros(0, dtype=np.int64)
    against = tuple(_flipped(expected, trial, changed, after, int(place)) for place in kept)
    return _told(expected, trial, verdict, found, reason, against=against, drop=drop, also=words)


def _judge_drop(expected: Steady, trial: _Trial, after: Scored, verdict: str) -> tuple[str, dict[str, Any], str]:
    """The worse of the verdicts on flips and on what the goal's metric loses, which is told."""
    assert expected.drop is not None
    metric = trial.plan.system.goal.metric
    gained = trial.bench.difference(metric, trial.before, after)
    sign = -1.0 if metric.greater_is_better else 1.0
    ends = sorted((sign * gained.low, sign * gained.high)) if math.isfinite(gained.low) else (math.nan, math.nan)
    lost = replace(gained, estimate=sign * gained.estimate, low=ends[0], high=ends[1])
    of_drop = against_limit(lost, expected.drop, at_least=False)
    words = (
        f"{metric} loses {lost.estimate:.4g}, with 95 % certainty at most {lost.high:.4g}, where {expected.drop:g} may"
    )
    worse = FAILS if FAILS in (verdict, of_drop) else UNKNOWN if UNKNOWN in (verdict, of_drop) else HOLDS
    return worse, {"verdict": of_drop, "limit": expected.drop, **lost.to_dict()}, words


def _flipped(expected: Steady, trial: _Trial, changed: Examples, after: Scored, place: int) -> Counterexample:
    one, other = trial.rows.take(np.array([place])), changed.take(np.array([place]))
    names = expected.on or trial.plan.features
    told = {}
    for name in names:
        table = "features" if not expected.on or name not in trial.plan.fields else "fields"
        old, new = (getattr(part, table)[name][0].as_py() for part in (one, other))
        if old != new:
            told[name] = (old, new)
    actions = _action(trial, trial.before, place), _action(trial, after, place)
    return Counterexample(_key(trial, place), told, float(trial.before.p[place]), float(after.p[place]), actions)


def _judge_rows(expected: MustDecide, trial: _Trial) -> Behaved:
    usual = _usual_rows(trial, len(expected.rows))
    rows, names = usual, sorted(expected.names, key=lambda name: name not in trial.plan.fields)
    for name in names:
        values = values_of(trial.plan, rows, name).copy()
        for place, row in enumerate(expected.rows):
            values[place] = _told_value(dict(row).get(name, values[place]), values.dtype)
        rows = alter(trial.plan, rows, name, values)
    before, after = trial.decide(usual), trial.decide(rows)
    actions = [_action(trial, after, place) for place in range(len(expected.rows))]
    wrong = [place for place, action in enumerate(actions) if action != expected.action]
    share = len(wrong) / len(actions)
    against = tuple(
        Counterexample(
            "",
            {name: (_scalar(values_of(trial.plan, usual, name)[place]), value) for name, value in expected.rows[place]},
            float(np.max(before.p[place])),
            float(np.max(after.p[place])),
            (_action(trial, before, place), actions[place]),
        )
        for place in wrong[:KEPT]
    )
    verdict = HOLDS if share <= expected.at_most else FAILS
    found = Interval(share, share, share, 1.0, len(actions), 1, 0, "every row")
    reason = f"{len(actions) - len(wrong)} of {len(actions)} rows get the action {expected.action!r}"
    return _told(expected, trial, verdict, found, reason, against=against)


def _usual_rows(trial: _Trial, size: int) -> Examples:
    """So many rows of what is usual: the median of each number, the commonest of other values; times are a row's."""
    plan, rows = trial.plan, trial.rows.take(np.zeros(size, dtype=np.int64))
    for name, kind in plan.fields.items():
        if kind != TIME:
            rows = alter(plan, rows, name, _repeated(values_of(plan, trial.rows, name), kind, size))
    columns = {name: to_array(trial.rows.features[name], kind) for name, kind in plan.features.items()}
    return set_features(plan, rows, {n: _repeated(columns[n], kind, size) for n, kind in plan.features.items()})


def _repeated(values: np.ndarray, kind: str, size: int) -> np.ndarray:
    usual = _commonest(values, 1) if kind in (TEXT, BOOL) else [_quantile(values, 0.5)]
    return np.full(size, usual[0] if usual else None, dtype=values.dtype)


def _grid(expected: SameIfChanged | NeverFalls, trial: _Trial) -> list[Any]:
    """The values that a row is changed to: those declared, or some that training has seen."""
    if isinstance(expected, SameIfChanged) and expected.values:
        values = values_of(trial.plan, trial.rows, expected.name)
        return [_told_value(value, values.dtype) for value in expected.values]
    seen, kind = values_of(trial.plan, trial.seen, expected.name), kind_of_name(trial.plan, expected.name)
    if kind == TEXT:
        return _commonest(seen, LEVELS)
    if kind != NUMBER:
        return [0.0, 1.0] if kind == BOOL else []
    known = [_quantile(seen, share) for share in np.linspace(0, 1, STEPS + 2)[1:]]
    return sorted({value for value in known if not math.isnan(value)})


def _commonest(values: np.ndarray, most: int) -> list[Any]:
    names, counts = np.unique(values[~null_mask(values)], return_counts=True)
    return [_scalar(name) for name in names[np.argsort(-counts, kind="stable")[:most]]]


def _quantile(values: np.ndarray, share: float) -> float:
    known = values[~np.isnan(values)]
    return float(np.quantile(known, share, method="inverted_cdf")) if known.size else math.nan


def _told_value(value: Any, dtype: np.dtype[Any]) -> Any:
    """A value as an array of this type holds it: None is NaN among numbers."""
    return value if dtype.kind == "O" else math.nan if value is None else float(value)


def _scalar(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value


def _most(hits: np.ndarray, reach: np.ndarray) -> np.ndarray:
    """The places of the hits with the most reach."""
    places = np.flatnonzero(hits)
    return np.asarray(places[np.argsort(-reach[places], kind="stable")][:KEPT])


def _both_null(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    return np.asarray(null_mask(first) & null_mask(second))


def _action(trial: _Trial, scored: Scored, place: int) -> str:
    return trial.plan.system.goal.act.name if scored.acted[place] else NONE


def _key(trial: _Trial, place: int) -> str:
    key = trial.plan.system.decide.key
    return str(trial.rows.fields[key][place].as_py()) if key in trial.rows.fields.column_names else ""


def _share_of(found: Interval) -> str:
    return f"{100 * found.estimate:.3g} % of {found.n:,} held-out decisions"


def _told(
    expected: Behaviour,
    trial: _Trial,
    verdict: str,
    found: Interval,
    reason: str,
    *,
    against: tuple[Counterexample, ...] = (),
    drop: Mapping[str, Any] | None = None,
    also: str = "",
) -> Behaved:
    """The finding with its bound in words, the first counterexample, and how many more rows would settle it."""
    limit, more = expected.at_most, None
    broken = found.low > limit
    bound = found.low if broken else found.high
    if found.draws == 0 and found.method != "every row" and math.isfinite(found.estimate):
        if math.isfinite(bound):
            side = "at least" if broken else "at most"
            reason += f", with 95 % certainty {side} {100 * bound:.3g} %, where {100 * limit:.3g} % may"
        else:
            reason += f", but {found.clusters} day(s) of held-out rows cannot bound it"
    if verdict == UNKNOWN and found.high > limit and found.estimate != limit:
        needed = more_rows_to_settle(found, limit)
        more = math.ceil(needed) if math.isfinite(needed) and needed > 0 else None
        days = found.n / max(1, found.clusters)
        reason += "" if more is None else f"; about {math.ceil(more / days):,} more days would settle it"
    reason += f"; {also}" if also else ""
    if trial.model == RELEASED:
        reason = f"of the model refitted on all rows, {reason}"
    if against:
        reason += f"; {against[0]}"
    return Behaved(
        str(expected), verdict, limit, found.estimate, bound, found.n, found.clusters, reason, trial.model,
        against, drop, more,
    )  # fmt: skip


def _nothing() -> Interval:
    nan = math.nan
    return Interval(nan, nan, nan, ONE_SIDED, 0, 0, 0, "wilson")
