"""Where bias enters: what the data alone say of the groups of a protected attribute, before anything is trained.

Five places (Huyen 2022, "Designing Machine Learning Systems", chapter 11; the categories are those of NIST SP 1270,
"Towards a Standard for Identifying and Managing Bias in Artificial Intelligence", 2022):

- sampling (statistical): who is among the decisions, against known margins and from the first half of time to the
  second.
- label (human, statistical): whose truth never comes, or comes late; who is judged otherwise though alike in every
  feature; on whom annotators disagree.
- proxy (systemic): features that tell the group.
- measurement (statistical): whose values are missing, or told in round numbers.
- objective (systemic): who hardly counts in the costs that thresholds are chosen by.

Every group of at least `LEAST` rows is compared with all others. A difference is a finding when it is larger than what
would matter and all tests together would show one by chance less often than `ALPHA` (Holm 1979).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from scipy.special import ndtr

from setpoint.core.errors import DataError
from setpoint.core.rng import seed_for
from setpoint.core.times import spell
from setpoint.data.arrays import NULL_TIME, null_mask, to_array
from setpoint.data.labels import KNOWN, UNKNOWN, Labels
from setpoint.data.rows import kinds
from setpoint.declare.expr import Column, Expr, Field, Literal
from setpoint.declare.goal import TOLERANCE, Goal
from setpoint.declare.kinds import NUMBER, TEXT, TIME
from setpoint.features.training_set import TrainingSet
from setpoint.learn.bias_groups import GroupFacts, group_facts
from setpoint.learn.groups import groups_of
from setpoint.learn.sides import Examples
from setpoint.measure.delong import clustered_variance, influence
from setpoint.measure.multiplicity import holm
from setpoint.measure.proportions import rate_change
from setpoint.measure.rows import as_rows

ALPHA = 0.01
"""How often clean data have any finding at all."""

LEAST = 100
"""A group of fewer rows is not judged."""

MOST_ROWS = 100_000
"""More rows than these are sampled down to them."""

MOST_LEVELS = 20
"""Rarer levels of a text, and of an attribute, count as one."""

OTHER, NONE = "(other)", "(none)"

SHARE, LATER, UNLIKE, TELLS, ROUND, COUNTS = 0.03, 0.1, 0.03, 0.2, 0.1, 0.5
"""What would matter: a difference of shares, of ranks of delays from one half, of outcomes alike in all else, of a
proxy's AUC from one half, of shares of round numbers; and a share of the costs below this part of that of rows."""

STATISTICAL, HUMAN, SYSTEMIC = "statistical", "human", "systemic"

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class BiasFinding:
    """One place where bias enters: `source` is sampling, label, proxy, measurement or objective.

    `category` is that of NIST SP 1270; `feature` is empty where none is meant. `effect` is the group's value less that
    of the others, in the words of `evidence`; `p_value` is adjusted for all tests of the audit.
    """

    source: str
    category: str
    kind: str
    attribute: str
    group: str
    feature: str
    effect: float
    p_value: float
    evidence: str
    hint: str

    @property
    def about(self) -> tuple[str, str, str]:
        """What it is about, whichever group it is of."""
        return self.attribute, self.kind, self.feature

    def to_dict(self) -> dict[str, Any]:
        """The finding as JSON-like data."""
        return {name: getattr(self, name) for name in self.__dataclass_fields__}


@dataclass(frozen=True)
class BiasAudit:
    """What an audit looked at and found: `tests` is how many differences were judged, `groups` how large each is.

    `facts` has every group of each attribute in numbers, whatever was found.
    """

    findings: tuple[BiasFinding, ...]
    groups: Mapping[str, Mapping[str, int]]
    tests: int
    rows: int
    facts: Mapping[str, tuple[GroupFacts, ...]] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """The audit as JSON-like data."""
        return {
            "findings": [finding.to_dict() for finding in self.findings],
            "groups": {name: dict(sizes) for name, sizes in self.groups.items()},
            "tests": self.tests,
            "rows": self.rows,
            "facts": {name: [each.to_dict() for each in facts] for name, facts in self.facts.items()},
        }


@dataclass(frozen=True)
class Judged:
    """The decisions of an audit: features, labels, times, and what a wrong decision of each costs.

    `contested` is whether annotators disagreed on a decision: 1.0, 0.0, or NaN where fewer than two looked. `weight`
    is how much each counts in training; only what is shown of groups goes by it, what is judged are the decisions.
    """

    features: pa.Table
    labels: Labels
    at: npt.NDArray[np.int64]
    costs: Floats | None = None
    contested: Floats | None = None
    weight: Floats | None = None

    def take(self, places: npt.NDArray[np.int64]) -> Judged:
        """Some of the decisions."""
        labels = self.labels
        return Judged(
            self.features.take(pa.array(places)),
            Labels(
                labels.state[places],
                labels.value[places],
                labels.settled_at[places],
                labels.mature[places],
                {},
            ),
            self.at[places],
            None if self.costs is None else self.costs[places],
            None if self.contested is None else self.contested[places],
            None if self.weight is None else self.weight[places],
        )


def audit_bias(
    judged: Judged,
    groups: Mapping[str, pa.Array | pa.ChunkedArray],
    *,
    margins: Mapping[str, Mapping[str, float]] | None = None,
    seed: int = 0,
) -> BiasAudit:
    """What the data say of the groups of protected attributes, each a column of one value a decision.

    `margins` are the known shares of an attribute's groups in the population, where somebody knows them. Raises
    DataError when columns differ in length or a margin names no attribute.

    >>> rng = np.random.default_rng(0)
    >>> sex = np.where(rng.random(4000) < 0.5, "f", "m")
    >>> income = np.where((sex == "f") & (rng.random(4000) < 0.3), np.nan, rng.normal(size=4000))
    >>> state, value = np.ones(4000, np.int8), (rng.random(4000) < 0.2) * 1.0
    >>> labels = Labels(state, value, np.arange(4000), state > 0, {})
    >>> rows = Judged(pa.table({"income": pa.array(income, from_pandas=True)}), labels, np.arange(4000))
    >>> [(one.source, one.kind, one.group, one.feature) for one in audit_bias(rows, {"sex": pa.array(sex)}).findings]
    [('measurement', 'missing', 'f', 'income')]
    """
    _check(judged, groups, margins or {})
    size = judged.at.size
    columns = {name: _levels(column) for name, column in groups.items()}
    if size > MOST_ROWS:
        rng = np.random.default_rng(seed_for(seed, "bias", "rows"))
        places = np.sort(rng.choice(size, MOST_ROWS, replace=False))
        judged, columns = judged.take(places), {name: column[places] for name, column in columns.items()}
    table = _Features(judged.features)
    found = [one for name, column in columns.items() for one in _of_attribute(judged, table, name, column, margins)]
    adjusted = holm([one.p_value for one, _ in found])
    findings = [
        replace(one, p_value=float(p_value))
        for (one, matters), p_value in zip(found, adjusted, strict=True)
        if matters and p_value < ALPHA
    ]
    sizes = {name: _sizes(column) for name, column in columns.items()}
    tested = [one for one, _ in found]
    facts = {name: _facts(judged, table, name, column, margins, tested) for name, column in columns.items()}
    return BiasAudit(tuple(_once(findings, sizes)), sizes, len(found), judged.at.size, facts)


def audit_training_set(
    goal: Goal, examples: TrainingSet, *, contested: Floats | None = None, seed: int = 0
) -> BiasAudit | None:
    """What a training set says of the attributes that the goal protects; None when it protects none.

    A cost that is a number or a request field counts; one that only the outcome tells counts where it came. `contested`
    is whether annotators disagreed on each decision.
    """
    if not goal.protect:
        return None
    y = examples.labels.value
    rows = Examples(examples.features, examples.fields, y, examples.at)
    paid = [_costs(expr, examples) for expr in (goal.cost.false_positive, goal.cost.false_negative)]
    costs = np.where(np.isnan(y), np.nan, np.where(y > 0, paid[1], paid[0]))
    hidden = {each.name for each in goal.protect}
    features = examples.features.select([name for name in examples.features.column_names if name not in hidden])
    return audit_bias(
        Judged(features, examples.labels, examples.at, costs, contested, examples.weight),
        {each.name: pa.array(groups_of(rows, each.name), pa.string()) for each in goal.protect},
        margins={each.name: dict(each.margins) for each in goal.protect if each.margins},
        seed=seed,
    )


def _costs(expr: Expr, examples: TrainingSet) -> Floats:
    """What the error of each decision costs, NaN where nobody knows."""
    if isinstance(expr, Literal):
        return np.full(examples.at.size, float(expr.value or 0.0))
    if isinstance(expr, Field):
        return to_array(examples.fields[expr.name], NUMBER)
    found = examples.labels.outcome.get(expr.name) if isinstance(expr, Column) else None
    return np.full(examples.at.size, np.nan) if found is None else np.asarray(found, dtype=np.float64)


def _check(judged: Judged, groups: Mapping[str, Any], margins: Mapping[str, Mapping[str, float]]) -> None:
    lengths = {name: len(column) for name, column in groups.items()}
    lengths["features"], lengths["labels"] = judged.features.num_rows, judged.labels.state.size
    if set(lengths.values()) != {judged.at.size}:
        raise DataError(
            f"An audit of {judged.at.size} decisions was given {lengths} rows.", expected="one for each decision"
        )
    for name, shares in margins.items():
        if name not in groups:
            raise DataError(f"Margins are given of {name!r}.", expected=f"protected attributes: {sorted(groups)}")
        if min(shares.values()) < 0 or abs(sum(shares.values()) - 1) > TOLERANCE:
            raise DataError(f"The margins of {name!r} are {dict(shares)}.", expected="shares that add up to 1")


def _levels(column: pa.Array | pa.ChunkedArray) -> npt.NDArray[np.object_]:
    """The group of each row as text: rare levels are "(other)", NULL is "(none)"."""
    whole = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    texts = pc.cast(whole, pa.string())
    counted = pc.value_counts(texts.drop_null())
    names, counts = counted.field("values").to_pylist(), counted.field("counts").to_pylist()
    shown = [name for name, _ in sorted(zip(names, counts, strict=True), key=lambda pair: (-pair[1], pair[0]))]
    kept = pc.is_in(texts, value_set=pa.array(shown[:MOST_LEVELS], pa.string()))
    return to_array(pc.if_else(pc.is_null(texts), NONE, pc.if_else(kept, texts, OTHER)), TEXT)


def _sizes(column: npt.NDArray[np.object_]) -> dict[str, int]:
    names, counts = np.unique(column.astype(str), return_counts=True)
    return {str(name): int(count) for name, count in zip(names, counts, strict=True)}


def _facts(
    judged: Judged,
    table: _Features,
    attribute: str,
    column: npt.NDArray[np.object_],
    margins: Mapping[str, Mapping[str, float]] | None,
    tested: list[BiasFinding],
) -> tuple[GroupFacts, ...]:
    """Every group of one attribute in numbers; the AUCs of proxies are those that were tested."""
    mine = [one for one in tested if (one.attribute, one.kind) == (attribute, "proxy")]
    return group_facts(
        column,
        np.where(judged.labels.usable, judged.labels.value, np.nan),
        judged.at,
        margins=(margins or {}).get(attribute),
        weight=judged.weight,
        contested=judged.contested,
        missing={name: flags for name, flags in table.missing.items() if name != attribute},
        tells={(one.group, one.feature): 0.5 + abs(one.effect) for one in mine},
    )


class _Features:
    """The features of the decisions: each as ranks and as columns of ones, worked out once."""

    def __init__(self, features: pa.Table) -> None:
        self.size = features.num_rows
        self.columns: dict[str, Any] = {}
        for name, kind in kinds(features).items():
            if kind == TIME:
                continue
            self.columns[name] = (to_array(features[name], kind), kind)
        self.missing = {name: null_mask(values) for name, (values, _) in self.columns.items()}
        self.flags = {name: _flags(values, kind) for name, (values, kind) in self.columns.items()}
        self._last: tuple[str, Flags, _Linear] | None = None
        self.rounded = {name: _rounded(values) for name, (values, kind) in self.columns.items() if kind == NUMBER}

    def without(self, name: str, rows: Flags) -> _Linear:
        """A linear model of all columns of ones but those of a feature of this name, on some of the rows.

        That of the last name is kept: every group of an attribute asks for it.
        """
        if self._last is None or self._last[0] != name or self._last[1] is not rows:
            parts = [flags[rows] for other, flags in self.flags.items() if other != name]
            self._last = name, rows, _Linear(np.column_stack([np.ones(int(rows.sum())), *parts]))
        return self._last[2]


class _Linear:
    """A linear model of columns, with a penalty so small that it only tells equal columns apart."""

    def __init__(self, columns: Floats) -> None:
        self.columns = columns
        moments = columns.T @ columns
        penalty = 1e-6 * max(1.0, float(np.trace(moments)) / len(moments))
        self.moments = moments + penalty * np.eye(len(moments))

    def rest(self, values: Floats) -> Floats:
        """What it leaves unexplained of values."""
        return np.asarray(values - self.columns @ np.linalg.solve(self.moments, self.columns.T @ values))


def _flags(values: Any, kind: str) -> Floats:
    """A feature as columns of ones: by tenths of a number's rows, by the levels of a text; NULL has its own."""
    if kind == TEXT:
        levels = _levels(pa.array(values, pa.string()))
        return np.column_stack([levels == level for level in np.unique(levels.astype(str))]).astype(np.float64)
    missing = np.isnan(values)
    filled = values[~missing]
    edges = np.unique(np.quantile(filled, np.linspace(0.1, 0.9, 9))) if filled.size else np.empty(0)
    place = np.where(missing, edges.size + 1, np.searchsorted(edges, values, side="right"))
    return np.asarray(place[:, None] == np.arange(edges.size + 2), dtype=np.float64)


def _rounded(values: Floats) -> Floats:
    """1.0 where a number is a multiple of five of its smallest units, as people round; NaN where there is none.

    Whipple's index of the ages that end in 0 or 5, for any unit: the smallest gap between two values.
    """
    distinct = np.unique(values[np.isfinite(values)])
    if distinct.size < MOST_LEVELS:
        return np.full(values.size, np.nan)
    unit = float(np.diff(distinct).min())
    steps = values / unit
    whole = np.abs(steps - np.rint(steps)) < 1e-6
    if not whole[np.isfinite(values)].all():
        return np.full(values.size, np.nan)
    return np.where(np.isfinite(values) & (values != 0), np.rint(steps) % 5 == 0, np.nan).astype(np.float64)


Tested = Iterator[tuple[BiasFinding, bool]]
"""Differences with their p-values, and whether they are large enough to matter."""


def _of_attribute(
    judged: Judged,
    table: _Features,
    attribute: str,
    column: npt.NDArray[np.object_],
    margins: Mapping[str, Mapping[str, float]] | None,
) -> Tested:
    """Every test of every group of one attribute."""
    wanted = (margins or {}).get(attribute)
    if wanted is not None:
        yield from _margins(attribute, column, wanted)
    sizes, usable = _sizes(column), judged.labels.usable
    for group, rows in sizes.items():
        if min(rows, column.size - rows) < LEAST:
            continue
        one = _Group(attribute, group, np.asarray(column == group))
        yield from _over_time(one, judged)
        yield from _truths(one, judged, table, usable)
        yield from _proxies(one, table)
        yield from _measured(one, table)
        yield from _counted(one, judged)


@dataclass(frozen=True)
class _Group:
    """One group of an attribute, and who belongs to it."""

    attribute: str
    name: str
    inside: Flags

    def finding(self, source: str, category: str, kind: str, effect: float, p: float, words: str, hint: str) -> Any:
        return BiasFinding(source, category, kind, self.attribute, self.name, "", float(effect), float(p), words, hint)

    def shares(self, hits: Floats) -> tuple[float, float, float]:
        """The share of hits inside and outside, NaN left out, and how often chance gives one as different."""
        told = ~np.isnan(hits)
        within, without = hits[told & self.inside], hits[told & ~self.inside]
        if min(within.size, without.size) < LEAST:
            return float("nan"), float("nan"), 1.0
        test = rate_change(int(without.sum()), without.size, int(within.sum()), within.size)
        return float(within.mean()), float(without.mean()), test.p_value


def _margins(attribute: str, column: npt.NDArray[np.object_], wanted: Mapping[str, float]) -> Tested:
    """The shares of groups among the decisions against those in the population."""
    size = column.size
    for group, share in wanted.items():
        seen = float(np.mean(column == group))
        deviation = np.sqrt(max(share * (1 - share), 1 / size) / size)
        p_value = 2 * ndtr(-abs(seen - share) / deviation)
        one = _Group(attribute, group, np.asarray(column == group))
        words = f"{seen:.1%} of the decisions, {share:.1%} of the population"
        hint = "Sample by group, or rake the weights to the known margins."
        found = one.finding("sampling", STATISTICAL, "share", seen - share, p_value, words, hint)
        yield found, abs(seen - share) >= SHARE


def _over_time(one: _Group, judged: Judged) -> Tested:
    """The share of a group in the newer half of the decisions against the older half."""
    newer = judged.at > np.median(judged.at)
    if min(int(newer.sum()), int((~newer).sum())) < LEAST:
        return
    then, now = float(one.inside[~newer].mean()), float(one.inside[newer].mean())
    counts = (int(one.inside[~newer].sum()), int((~newer).sum()), int(one.inside[newer].sum()), int(newer.sum()))
    words = f"{then:.1%} of the older half of the decisions, {now:.1%} of the newer"
    hint = "Ask what changed in who is decided on; older rows may need other weights."
    p_value = rate_change(*counts).p_value
    yield (
        one.finding("sampling", STATISTICAL, "share-over-time", now - then, p_value, words, hint),
        (abs(now - then) >= SHARE),
    )


def _truths(one: _Group, judged: Judged, table: _Features, usable: Flags) -> Tested:
    """Whose truth never comes, comes late, is contested, or differs though all features are alike."""
    labels = judged.labels
    could = labels.mature & ((labels.state == KNOWN) | (labels.state == UNKNOWN))
    within, without, p_value = one.shares(np.where(could, labels.state == UNKNOWN, np.nan).astype(np.float64))
    words = f"{within:.1%} of its mature decisions have no truth, of the others {without:.1%}"
    hint = "Find out why; label a random sample of this group by hand."
    yield (
        one.finding("label", STATISTICAL, "truth-missing", within - without, p_value, words, hint),
        (abs(within - without) >= SHARE),
    )
    known = usable & (labels.settled_at != NULL_TIME)
    if min(int((known & one.inside).sum()), int((known & ~one.inside).sum())) >= LEAST:
        delay = (labels.settled_at - judged.at)[known].astype(np.float64)
        auc, p_value = _ranked(one.inside[known], delay)
        medians = [spell(int(np.median(delay[side]))) for side in (one.inside[known], ~one.inside[known])]
        words = f"its truth comes after {medians[0]} (median), that of the others after {medians[1]}"
        hint = "Recent rows say too little of this group: wait for its labels, or weigh by the label clock."
        yield one.finding("label", STATISTICAL, "truth-late", auc - 0.5, p_value, words, hint), abs(auc - 0.5) >= LATER
        yield from _unexplained(one, judged, table, usable)
    if judged.contested is not None:
        within, without, p_value = one.shares(judged.contested)
        words = f"annotators disagree on {within:.1%} of its items, on {without:.1%} of the others"
        hint = "Look at these items together and sharpen the guidelines."
        yield (
            one.finding("label", HUMAN, "contested", within - without, p_value, words, hint),
            (abs(within - without) >= SHARE),
        )


def _unexplained(one: _Group, judged: Judged, table: _Features, usable: Flags) -> Tested:
    """How much more often the outcome is positive in a group than in the others, alike in every feature.

    The part of a gap that a linear model of the features does not explain (Oaxaca 1973; Blinder 1973; with the group in
    the pooled model, Jann 2008), by partialling out (Frisch and Waugh 1933) with errors robust to unequal variance
    (White 1980).
    """
    y = judged.labels.value[usable]
    group = one.inside[usable].astype(np.float64)
    model = table.without(one.attribute, usable)
    rest_y, rest_group = model.rest(y), model.rest(group)
    spread = float((rest_group**2).sum())
    if spread < 0.02 * float(((group - group.mean()) ** 2).sum()) or spread <= 0:
        return
    gap = float((rest_group * rest_y).sum()) / spread
    error = float(np.sqrt(((rest_group * (rest_y - gap * rest_group)) ** 2).sum())) / spread
    p_value = 2 * float(ndtr(-abs(gap) / error)) if error > 0 else 1.0
    plain = float(y[group == 1].mean() - y[group == 0].mean())
    words = (
        f"its outcome is positive {gap:+.1%} more often than that of others alike in every feature "
        f"({plain:+.1%} without regard to features)"
    )
    hint = "People may have judged it otherwise, or a cause is missing among the features: have a sample judged blind."
    yield one.finding("label", HUMAN, "unexplained-gap", gap, p_value, words, hint), abs(gap) >= UNLIKE


def _proxies(one: _Group, table: _Features) -> Tested:
    """Features that tell who belongs to a group: by rank of a number, by the share of the group in each level."""
    for name, (values, kind) in table.columns.items():
        if name == one.attribute:
            continue
        told = ~table.missing[name]
        inside = one.inside[told]
        if min(int(inside.sum()), int((~inside).sum())) < LEAST:
            continue
        flags = table.flags[name][told] if kind == TEXT else None
        score = values[told] if flags is None else _shares_of_others(flags, inside)
        auc, p_value = _ranked(inside, score)
        words = f"{name} alone tells this group with an AUC of {max(auc, 1 - auc):.2f}"
        hint = "A model that never sees the attribute can still decide by it: judge gaps by group, or leave this out."
        found = one.finding("proxy", SYSTEMIC, "proxy", auc - 0.5, p_value, words, hint)
        yield replace(found, feature=name), abs(auc - 0.5) >= TELLS


def _shares_of_others(flags: Floats, inside: Flags) -> Floats:
    """The share of the group in the level of each row, without the row itself."""
    level = flags.argmax(axis=1)
    halves = np.arange(level.size) % 2 == 0
    share = np.empty(level.size)
    for half in (halves, ~halves):  # a row is scored by the other half, so that chance gives one half
        others = ~half
        count = np.bincount(level[others], minlength=flags.shape[1]).astype(np.float64)
        hits = np.bincount(level[others], inside[others].astype(np.float64), minlength=flags.shape[1])
        share[half] = np.divide(hits, count, out=np.full(count.size, inside.mean()), where=count > 0)[level[half]]
    return share


def _ranked(inside: Flags, score: Floats) -> tuple[float, float]:
    """How often a row of the group has the higher score, and how often chance gives an AUC as far from one half."""
    rows = as_rows(inside.astype(np.float64), score)
    found = influence(rows)
    codes = np.arange(inside.size)
    variance, _ = clustered_variance(rows.y, found.of_row, codes=codes, clusters=inside.size)
    if not variance > 0:
        return found.auc, 1.0 if found.auc == 0.5 else 0.0
    return found.auc, 2 * float(ndtr(-abs(found.auc - 0.5) / np.sqrt(variance)))


def _measured(one: _Group, table: _Features) -> Tested:
    """Whose values are missing, and whose are told in round numbers."""
    for name in table.columns:
        if name == one.attribute:
            continue
        within, without, p_value = one.shares(table.missing[name].astype(np.float64))
        words = f"{name} is missing in {within:.1%} of its rows, in {without:.1%} of the others"
        hint = "Find out how it is collected; a model learns what is missing."
        found = one.finding("measurement", STATISTICAL, "missing", within - without, p_value, words, hint)
        yield replace(found, feature=name), abs(within - without) >= SHARE
        if name not in table.rounded:
            continue
        within, without, p_value = one.shares(table.rounded[name])
        words = f"{name} is a round number in {within:.1%} of its rows, in {without:.1%} of the others"
        hint = "It is told less exactly of this group: ask how, and do not read small differences into it."
        found = one.finding("measurement", STATISTICAL, "rounded", within - without, p_value, words, hint)
        yield replace(found, feature=name), abs(within - without) >= ROUND


def _counted(one: _Group, judged: Judged) -> Tested:
    """Who hardly counts: a group's share of the costs of errors against its share of the decisions."""
    costs = judged.costs
    if costs is None or not np.isfinite(costs).any():
        return
    told = np.isfinite(costs)
    within, without = costs[told & one.inside], costs[told & ~one.inside]
    if min(within.size, without.size) < LEAST or within.sum() + without.sum() <= 0:
        return
    share, of_costs = within.size / told.sum(), float(within.sum() / (within.sum() + without.sum()))
    error = np.sqrt(within.var() / within.size + without.var() / without.size)
    p_value = 2 * float(ndtr(-abs(within.mean() - without.mean()) / error)) if error > 0 else 1.0
    words = f"{share:.1%} of the decisions and {of_costs:.1%} of the costs of errors"
    hint = "The goal hardly asks for being right about this group: state a guardrail for it."
    found = one.finding("objective", SYSTEMIC, "hardly-counts", of_costs - share, p_value, words, hint)
    yield found, of_costs < COUNTS * share


def _once(findings: list[BiasFinding], sizes: Mapping[str, Mapping[str, int]]) -> Iterator[BiasFinding]:
    """Of two groups that are each other's rest only one is told, the one that has more of it."""
    for one in findings:
        same = [each for each in findings if (each.attribute, each.kind, each.feature) == one.about]
        if len(sizes[one.attribute]) > 2 or one.kind == "share" or one is max(same, key=lambda each: each.effect):
            yield one
