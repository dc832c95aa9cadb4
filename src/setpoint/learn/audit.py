"""The leak audit: does anything in a training know what its decisions could not?

What it finds, and by what evidence (the names are the kinds of its findings):

label-copied       one feature alone ranks the newer rows near perfectly, or far better than all others
future-event       features computed anew from what was known when deciding differ from those trained on
duplicated-rows    a key occurs twice, or rows repeat across the split beyond chance (`duplicates.py`)
fitted-on-held-out changing the held-out rows changes what was fitted on the others
label-skill        with the labels of the held-out rows shuffled, skill is left on them
time-disagrees     outcomes or settled labels from before their decision, or a decision time unlike that of its request
label-contradicts-itself  events of one key and time tell different truths (`check` says so)
too-good           the model is right nearly always

What it cannot find: a file whose columns know the future and whose times say otherwise, unless it gives itself away by
its skill; statistics that were computed over all time outside Setpoint; copies of rows that were changed. The checks of
skill are thresholds, those of copies and shuffled labels err on a sound training once in a million, the rest is exact.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from setpoint.core.rng import seed_for
from setpoint.core.times import iso, spell
from setpoint.data.arrays import NULL_TIME, to_array
from setpoint.data.language.evaluate import Inputs, evaluate
from setpoint.data.rows import AT, NEVER, kinds, standing_rows
from setpoint.declare.expr import Column, walk
from setpoint.declare.goal_kind import BINARY
from setpoint.declare.kinds import NUMBER, TEXT
from setpoint.declare.label import Label
from setpoint.declare.plan import Plan
from setpoint.declare.source import info
from setpoint.features.training_set import TrainingSet
from setpoint.labels.contradictions import contradictions
from setpoint.labels.told_numbers import tell_numbers
from setpoint.learn.baselines import single_feature_aucs
from setpoint.learn.duplicates import find_copies
from setpoint.learn.findings import LEAK, SUSPICION, Finding
from setpoint.learn.scorer import Scorer
from setpoint.learn.sides import Examples, Matrices, Sides
from setpoint.measure.metrics import METRICS

Recompute = Callable[[np.ndarray, int], pa.Table]
"""Gives the features of rows of the training set (their places) from only what was known at a time."""
Procedure = Callable[[Sides], Scorer]
"""A whole training, from the sides of a split to a scorer: what the audit runs on small, changed data."""

PERFECT, STRONG, SUSPICIOUS = 0.995, 0.97, 0.85
LEAD, CLEAR_LEAD = 0.1, 0.15
"""How far the AUC of a leaking feature must be ahead of the others', by how strong it is."""
LEAST_CLASS = 20
ODD_OUTCOMES, MANY_ODD_OUTCOMES = 0.01, 0.2
"""Shares of outcomes from before their decision that are a suspicion, and a leak."""
MOMENTS, ROWS_EACH = 4, 64
SMALL = {"train": 3000, "validation": 1000, "held_out": 1500}
QUANTILE = 4.9
"""Standard errors that chance exceeds once in a million."""


def audit(
    plan: Plan,
    examples: TrainingSet,
    sides: Sides,
    matrices: Matrices,
    *,
    procedure: Procedure | None,
    rows: Mapping[str, pa.Table] | None = None,
    recompute: Recompute | None = None,
    seed: int = 0,
) -> tuple[Finding, ...]:
    """Everything that looks like a leak in a training set and in the procedure that learns from it.

    `rows` are the sources' rows, for the check of outcomes from before their decision. A `procedure` that was checked
    at an earlier training is left out.
    """
    return (
        *check_single_features(sides, matrices),
        *check_copies(plan, examples, sides, seed=seed),
        *check_times(plan, examples, sides),
        *(check_outcomes(plan, examples.keys, examples.at, rows) if rows is not None else ()),
        *(check_procedure(sides, procedure, seed=seed) if procedure is not None else ()),
        *(check_recomputed(examples, sides, recompute) if recompute is not None else ()),
    )


def check_single_features(sides: Sides, matrices: Matrices) -> tuple[Finding, ...]:
    """Features that alone rank the validation rows too well: the outcome, or something decided by it, in disguise."""
    y = sides.two.of(sides.validation.y)
    if min(y.sum(), y.size - y.sum()) < LEAST_CLASS:
        return ()
    older = sides.two.of(sides.train.y)
    aucs = single_feature_aucs(matrices.encoder, matrices.train, older, matrices.validation, y)
    found = []
    order = np.argsort(-aucs, kind="stable")
    for name, auc, level, lead in _ahead(matrices.encoder.names, aucs, order):
        found.append(
            Finding(
                "label-copied",
                level,
                name,
                f"Feature {name!r} alone reaches AUC {auc:.3f} on newer rows"
                + (f", {lead:.2f} ahead of the features behind it." if lead < 1 else "."),
                "Is it known before the outcome? Check when its source's rows are known (known_at=, delay=).",
            )
        )
    return tuple(found)


def _ahead(names: tuple[str, ...], aucs: np.ndarray, order: np.ndarray) -> list[tuple[str, float, str, float]]:
    """The features before the widest gap in the order of AUC, if they are strong enough for its width."""
    ranked = aucs[order]
    if ranked.size == 0:
        return []
    behind = np.append(ranked[1:], 0.5 if ranked.size == 1 else ranked[-1])
    gaps = ranked - behind
    strong = np.flatnonzero(ranked >= SUSPICIOUS)
    found: list[tuple[str, float, str, float]] = []
    if strong.size == 0:
        return found
    last = int(strong[np.argmax(gaps[strong])])
    lead = float(gaps[last])
    for place in strong.tolist():
        auc, name = float(ranked[place]), names[int(order[place])]
        within = place <= last
        if auc >= PERFECT:
            found.append((name, auc, LEAK, lead if within else 1.0))
        elif within and auc >= STRONG and lead >= LEAD:
            found.append((name, auc, LEAK, lead))
        elif within and lead >= CLEAR_LEAD and ranked.size >= 3:
            found.append((name, auc, SUSPICION, lead))
    return found


def check_copies(plan: Plan, examples: TrainingSet, sides: Sides, *, seed: int) -> tuple[Finding, ...]:
    """Keys that occur twice, and rows that repeat across the split beyond chance."""
    repeated = len(examples.keys) - int(pc.count_distinct(examples.keys, mode="all").as_py())
    if repeated:
        return (
            Finding(
                "duplicated-rows",
                LEAK,
                "",
                f"{repeated} decisions have a key that another one has.",
                f"A decision is one row: make {plan.system.decide.key!r} unique in the spine.",
            ),
        )
    copies = find_copies(sides, key=plan.system.decide.key, seed=seed)
    if copies is None:
        return ()
    return (
        Finding(
            "duplicated-rows",
            LEAK,
            "",
            f"{copies.rows} held-out rows equal a training row in every feature, field and the label: {copies.reason}.",
            "Were rows repeated before they came here? Give the source an id= that the copies share.",
        ),
    )


def check_times(plan: Plan, examples: TrainingSet, sides: Sides) -> tuple[Finding, ...]:
    """Decision times that the labels or the request fields contradict."""
    at = sides.rows.at
    found = []
    settled = np.asarray(examples.labels.settled_at)[sides.index]
    early = int(((settled != NULL_TIME) & (settled < at)).sum())
    if early:
        found.append(
            _time_finding(early, at.size, f"{early} of {at.size} labels were settled before their decision was taken")
        )
    stated = _stated_times(plan, sides.rows)
    if stated is not None:
        off = np.flatnonzero((stated != NULL_TIME) & (stated != at))
        if off.size:
            first = int(off[0])
            apart = spell(int(stated[first] - at[first]))
            found.append(
                _time_finding(
                    off.size,
                    at.size,
                    f"{off.size} of {at.size} decision times are not {plan.system.decide.at} of their own request; "
                    f"one at {iso(int(at[first]))} is {apart} off",
                )
            )
    return tuple(found)


def check_outcomes(plan: Plan, keys: pa.Array, at: np.ndarray, rows: Mapping[str, pa.Table]) -> tuple[Finding, ...]:
    """Decisions whose outcome happened before them, and not after: their times belong to other rows.

    Where absence means negative, only true outcomes count: other events of the same key may well come before. So may
    those that a label folds, of which none alone is the outcome.
    """
    label = plan.system.label
    if label.folds:
        return ()
    source = info(label.source).name
    table = standing_rows(rows[source])
    column = table[label.on]
    place = to_array(pc.index_in(column, value_set=keys.cast(column.type)), NUMBER)
    met = np.flatnonzero(~np.isnan(place))
    decision = place[met].astype(np.intp)
    happened = table[AT].to_numpy()[met]
    told = _outcomes(label, table)[met]
    counts = told > 0 if label.absent == "negative" and not label.classes else ~np.isnan(told)
    after = np.zeros(at.size, dtype=bool)
    after[decision[happened >= at[decision]]] = True
    before = np.zeros(at.size, dtype=bool)
    before[decision[counts & (happened < at[decision])]] = True
    known = np.zeros(at.size, dtype=bool)
    known[decision[counts]] = True
    odd, of = int((before & ~after).sum()), int(known.sum())
    if odd < max(1, int(of * ODD_OUTCOMES)):
        return ()
    level = LEAK if odd >= of * MANY_ODD_OUTCOMES else SUSPICION
    evidence = f"{odd} of {of} outcomes in {source!r} happened before their decision was taken."
    hint = "Check the columns that at= names, in the spine and in the label's source: are they of the same row?"
    return (Finding("time-disagrees", level, "", evidence, hint),)


def check_labeller(plan: Plan, rows: Mapping[str, pa.Table]) -> tuple[Finding, ...]:
    """Events of the label's source that contradict each other, so that none of them is the truth."""
    found = contradictions(plan.system.label, rows, NEVER)
    if not found.num_rows:
        return ()
    first, source = found.slice(0, 1).to_pylist()[0], info(plan.system.label.source).name
    evidence = (
        f"{source!r} told {first['told']} different truths of {first['key']!r} at once, at {iso(first['at'])}; "
        f"in all of {found.num_rows} keys and times, whose labels are unknown."
    )
    hint = "Where several events of a key may differ, fold them: sp.count(..., where=...) > 0."
    return (Finding("label-contradicts-itself", SUSPICION, "", evidence, hint),)


def _outcomes(label: Label, table: pa.Table) -> np.ndarray:
    """The label's value by each row of its source, NaN where it says nothing."""
    if label.classes:
        return tell_numbers(label, table).value
    source, types = info(label.source).name, kinds(table)
    names = {node.name for node in walk(label.value) if isinstance(node, Column)}
    columns = {(source, name): to_array(table[name], types[name]) for name in names}
    return np.asarray(evaluate(label.value, Inputs(table.num_rows, columns=columns)), dtype=np.float64)


def _time_finding(count: int, n: int, evidence: str) -> Finding:
    level = LEAK if count >= max(1, n // 1000) else SUSPICION
    hint = "Times of other rows make a split by time meaningless: check the column that at= names."
    return Finding("time-disagrees", level, "", f"{evidence}.", hint)


def _stated_times(plan: Plan, rows: Examples) -> np.ndarray | None:
    """The decision times that the request fields give, or None when they do not hold what these are computed from."""
    decide = plan.system.decide
    spine = info(decide.spine).name
    names = {node.name for node in walk(decide.at) if isinstance(node, Column)}
    if not names <= set(rows.fields.column_names):
        return None
    columns = {(spine, name): to_array(rows.fields[name], plan.fields[name]) for name in names}
    return np.asarray(evaluate(decide.at, Inputs(rows.y.size, columns=columns)))


def check_procedure(sides: Sides, procedure: Procedure, *, seed: int) -> tuple[Finding, ...]:
    """Whether a procedure's fit depends on the held-out rows, found out by changing them in a small sample.

    First everything about them is changed: what was fitted must keep every bit. Then their labels are shuffled: what
    was fitted must have no skill on the shuffled labels.
    """
    small = _shrink(sides)
    rng = np.random.default_rng(seed_for(seed, "audit"))
    fitted = procedure(small)
    if procedure(_mutate(small, rng)).digest != fitted.digest:
        return (
            Finding(
                "fitted-on-held-out",
                LEAK,
                "",
                "Changing the held-out rows changes what is fitted on the rows before them.",
                "Fit every statistic (scaling, levels, imputation, selection) on the training side alone.",
            ),
        )
    shuffled = rng.permutation(small.held_out.y)
    scores = procedure(_with_held_out(small, small.held_out.features, shuffled)).score(small.held_out.features)
    y, scores = small.two.of(shuffled), small.two.score(scores)
    skill = METRICS["auc"].function(y, scores) - 0.5
    positives, negatives = float(y.sum()), float(y.size - y.sum())
    error = float(np.sqrt((y.size + 1) / (12 * positives * negatives))) if positives and negatives else np.inf
    if skill > QUANTILE * error:
        return (
            Finding(
                "label-skill",
                LEAK,
                "",
                f"With the held-out labels shuffled, AUC {skill + 0.5:.3f} is left on them (chance: up to "
                f"{0.5 + QUANTILE * error:.3f}).",
                "The training reads labels of the held-out time.",
            ),
        )
    return ()


def check_recomputed(examples: TrainingSet, sides: Sides, recompute: Recompute) -> tuple[Finding, ...]:
    """Features that differ from those computed anew from what was known when deciding, at a few times."""
    wrong: dict[str, int] = {}
    checked = 0
    ends = np.linspace(0, sides.index.size - 1, MOMENTS + 1).astype(int)[1:]
    for end in ends.tolist():
        as_of = int(sides.rows.at[end])
        stop = int(np.searchsorted(sides.rows.at, as_of, side="right"))
        places = sides.index[max(0, stop - ROWS_EACH) : stop]
        again, given = recompute(places, as_of), examples.features.take(pa.array(places))
        checked += places.size
        for name in given.column_names:
            differ = int((~_same(given[name], again[name])).sum())
            if differ:
                wrong[name] = wrong.get(name, 0) + differ
    return tuple(
        Finding(
            "future-event",
            LEAK,
            name,
            f"Feature {name!r} has another value in {count} of {checked} rows when it is computed from what was known "
            "when deciding.",
            "It was computed from rows that came later, or for another time.",
        )
        for name, count in sorted(wrong.items())
    )


def check_skill(y: np.ndarray, scores: np.ndarray) -> tuple[Finding, ...]:
    """A suspicion when a model is right nearly always on rows it has not seen: leaks may hide in several features.

    >>> check_skill(np.repeat([0.0, 1.0], 50), np.repeat([0.1, 0.9], 50))[0].kind
    'too-good'
    """
    if min(y.sum(), y.size - y.sum()) < LEAST_CLASS:
        return ()
    auc = METRICS["auc"].function(y, scores)
    if auc < PERFECT:
        return ()
    hint = "Leave out its most important features one by one and ask when each is known."
    return (Finding("too-good", SUSPICION, "", f"The model reaches AUC {auc:.3f} on newer rows.", hint),)


def _same(given: pa.ChunkedArray, again: pa.ChunkedArray) -> np.ndarray:
    if pa.types.is_string(given.type):
        a, b = to_array(given, TEXT), to_array(again, TEXT)
        return np.asarray(a == b, dtype=bool)
    a, b = to_array(given, NUMBER), to_array(again, NUMBER)
    return np.asarray((a == b) | (np.isnan(a) & np.isnan(b)))


def _shrink(sides: Sides) -> Sides:
    """A small sample of every side, evenly spread over it."""
    split = sides.split
    chosen = [_spread(getattr(split, name), most) for name, most in SMALL.items()]
    rows = sides.rows.take(np.concatenate(chosen))
    ends = np.cumsum([part.size for part in chosen])
    train, validation, held_out = (np.arange(end - part.size, end) for end, part in zip(ends, chosen, strict=True))
    small = replace(split, train=train, validation=validation, held_out=held_out, embargoed=0)
    return Sides(rows, np.arange(rows.y.size), small, kind=sides.kind)


def _spread(index: np.ndarray, most: int) -> np.ndarray:
    return np.asarray(index[np.linspace(0, index.size - 1, min(most, index.size)).astype(int)])


def _mutate(sides: Sides, rng: np.random.Generator) -> Sides:
    """The same sides with every feature and label of the held-out rows changed."""
    features = sides.held_out.features
    columns = []
    for column in features.columns:
        if pa.types.is_string(column.type):
            columns.append(pa.array([f"changed {value}" for value in rng.integers(0, 9, features.num_rows).tolist()]))
        else:
            columns.append(pa.array(rng.normal(1e3, 1e3, features.num_rows)))
    y = sides.held_out.y
    changed = 1.0 - y if sides.kind == BINARY else np.roll(y, 1 + y.size // 3)
    return _with_held_out(sides, pa.table(columns, names=features.column_names), changed)


def _with_held_out(sides: Sides, features: pa.Table, y: np.ndarray) -> Sides:
    """The same small sides, whose held-out rows come last, with other features and labels there."""
    first = sides.rows.y.size - y.size
    before = sides.rows.features.slice(0, first)
    changed = replace(
        sides.rows,
        features=pa.concat_tables([before, features.cast(before.schema)]),
        y=np.concatenate([sides.rows.y[:first], y]),
    )
    return Sides(changed, sides.index, sides.split, kind=sides.kind)
