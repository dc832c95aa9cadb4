"""The gate: may this model decide? Guardrails, baselines and the champion, each by the bound of an interval.

A guardrail holds, fails, or lacks evidence; the last two hold the model back. Bounds are one-sided 95 % bounds,
clustered by day.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from setpoint.core.times import iso, spell
from setpoint.declare.goal import MEASURED, Goal, Guardrail, Metric
from setpoint.declare.goal_kind import SURVIVAL
from setpoint.learn.behave_found import Behaved
from setpoint.learn.fairness import fairness_of, told_fairness
from setpoint.learn.findings import Finding
from setpoint.learn.groups import groups_of
from setpoint.learn.kinds.slices import slices_of_kind
from setpoint.learn.mitigate import Mitigated
from setpoint.learn.promise import Kept
from setpoint.learn.scored import Bench, Scored, form_of
from setpoint.learn.weak import Proposals, document_of, judge_weak, stated, tell_weak
from setpoint.measure.fairness import Fairness
from setpoint.measure.intervals import (
    Interval,
    against_limit,
    against_margin,
    more_rows_to_settle,
)
from setpoint.measure.rows import effective
from setpoint.measure.slices import Slice, by_group
from setpoint.measure.weak_slices import WeakSlices

HOLDS, FAILS, UNKNOWN, REPORTED = "holds", "fails", "not enough evidence", "reported"
SLICE_DRAWS = 100
"""Draws behind the interval of each slice: they tell slices apart and decide nothing."""
ALWAYS = ("auc", "average_precision", "log_loss", "brier", "ece", "accuracy", "precision", "recall", "business")
"""Metrics that every report states, whatever the goal."""
TIMES = ("latency", "cpu_per_1000", "memory", "training_cost")
"""Guardrails whose value a clock gives, so that a replay reports them without judging."""


@dataclass(frozen=True)
class Verdict:
    """What the evidence says of one guardrail.

    `bound` is the one-sided 95 % bound that was held against the limit; `more_labels` about how many more labels would
    settle an open question if the estimate stays (None: nothing to settle, or no number would).
    """

    guardrail: str
    verdict: str
    limit: float
    estimate: float
    bound: float
    more_labels: int | None
    reason: str

    @property
    def blocks(self) -> bool:
        """Whether it holds the model back."""
        return self.verdict in (FAILS, UNKNOWN)

    def to_dict(self) -> dict[str, Any]:
        """The verdict as JSON-like data."""
        return {
            "guardrail": self.guardrail,
            "verdict": self.verdict,
            "limit": self.limit,
            "estimate": _number(self.estimate),
            "bound": _number(self.bound),
            "more_labels": self.more_labels,
            "reason": self.reason,
        }


@dataclass(frozen=True)
class Comparison:
    """The model against another on the same held-out rows; `difference` is ours minus theirs."""

    against: str
    metric: str
    ours: float
    theirs: float
    difference: Interval
    value_difference: Interval
    verdict: str
    blocks: bool
    reason: str

    def to_dict(self) -> dict[str, Any]:
        """The comparison as JSON-like data."""
        return {
            "against": self.against,
            "metric": self.metric,
            "ours": _number(self.ours),
            "theirs": _number(self.theirs),
            "difference": self.difference.to_dict(),
            "value_difference": self.value_difference.to_dict(),
            "verdict": self.verdict,
            "blocks": self.blocks,
            "reason": self.reason,
        }


@dataclass(frozen=True)
class GateReport:
    """The judgement of a training procedure on held-out time; `reasons` say what holds the model back.

    `effective_rows` is how many rows of equal weight would say as much (Kish 1965); None where weights are equal.
    `plain` says whether what was done to the rows that fitted the model helped; rows without a truth of their own hold
    it back where they are shown to do harm. `kept` says whether promised sets and intervals hold. `weak` are slices
    in which the model may lose more: those declared,
    and those that the validation rows proposed, judged on the held-out rows. `fairness` has the rates and gaps of the
    groups that the goal protects or asks a gap by, `mitigated` what was done against one of them.
    """

    guardrails: tuple[Verdict, ...]
    baselines: tuple[Comparison, ...]
    champion: Comparison | None
    findings: tuple[Finding, ...]
    metrics: Mapping[str, Interval]
    unit: str
    slices: Mapping[str, tuple[Slice, ...]] = field(default_factory=dict)
    rows: int = 0
    days: int = 0
    positives: int = 0
    span: tuple[int, int] = (0, 0)
    effective_rows: float | None = None
    plain: Comparison | None = None
    weak: WeakSlices | None = None
    behaviours: tuple[Behaved, ...] = ()
    kept: Kept | None = None
    fairness: tuple[Fairness, ...] = ()
    mitigated: Mitigated | None = None

    @property
    def value(self) -> Interval:
        """The business value of 1000 decisions against never acting; raises KeyError for a goal that has none."""
        return self.metrics["business"]

    @property
    def passed(self) -> bool:
        """Whether nothing holds the model back."""
        return not self.reasons

    @property
    def reasons(self) -> tuple[str, ...]:
        """Everything that holds the model back, in words."""
        found = [f"{part.guardrail}: {part.reason}" for part in self.guardrails if part.blocks]
        compared = (*self.baselines, *(each for each in (self.champion, self.plain) if each is not None))
        found += [part.reason for part in compared if part.blocks]
        found += [f"{finding.level.capitalize()}: {finding.evidence}" for finding in self.findings if finding.blocks]
        return tuple(found)

    def to_dict(self) -> dict[str, Any]:
        """The report as JSON-like data; a number that does not exist is None."""
        return {
            "passed": self.passed,
            "reasons": list(self.reasons),
            "guardrails": [part.to_dict() for part in self.guardrails],
            "baselines": [part.to_dict() for part in self.baselines],
            "champion": None if self.champion is None else self.champion.to_dict(),
            "findings": [finding.to_dict() for finding in self.findings],
            "metrics": {name: found.to_dict() for name, found in self.metrics.items()},
            "unit": self.unit,
            "slices": {name: [part.to_dict() for part in parts] for name, parts in self.slices.items()},
            "rows": self.rows,
            "days": self.days,
            "positives": self.positives,
            "span": list(self.span),
            **({} if self.effective_rows is None else {"effective_rows": self.effective_rows}),
            **({} if self.plain is None else {"plain": self.plain.to_dict()}),
            **({} if self.weak is None else {"weak": document_of(self.weak)}),
            **({"behaviours": [each.to_dict() for each in self.behaviours]} if self.behaviours else {}),
            **({} if self.kept is None else {"confidence": self.kept.to_dict()}),
            **({"fairness": [told_fairness(each) for each in self.fairness]} if self.fairness else {}),
            **({} if self.mitigated is None else {"mitigated": self.mitigated.to_dict()}),
        }


def judge(
    goal: Goal,
    bench: Bench,
    ours: Scored,
    *,
    baselines: Sequence[Scored],
    champion: Scored | None = None,
    champion_saw: int | None = None,
    plain: Scored | None = None,
    kept: Kept | None = None,
    harm_blocks: bool = False,
    asked: Sequence[Verdict] = (),
    margin: float = 0.0,
    findings: Sequence[Finding] = (),
    proposals: Proposals | None = None,
    behaviours: Sequence[Behaved] = (),
    mitigated: Mitigated | None = None,
    measured: Mapping[str, float] | None = None,
    judge_measured: bool = True,
) -> GateReport:
    """The report on a model's decisions of the held-out rows.

    `champion_saw` is the time up to which the champion was trained when that reaches into the held-out rows: it is
    flattered there, so the comparison is stated but does not block. `plain` is what the same recipe would have decided
    if it were fitted on real rows as they are; with `harm_blocks` a model that is shown worse than that is held back.
    `asked` says whether labels that people were asked for suffice to judge by.
    `proposals` are slices that other rows proposed; without them those that the goal declares are judged alone.
    `measured` gives the measured guardrails' values
    by metric, such as {"latency(99)": 9000.0} in microseconds, {"size": 1.2} in MB; with `judge_measured=False` those
    that a clock gave are reported only.
    """
    verdicts = [
        _measured(rail, measured or {}, judge_measured=judge_measured)
        if rail.metric.name in MEASURED
        else _worst_slice(rail, goal, bench, ours, proposals or {})
        if rail.metric.name == "worst_slice"
        else _guardrail(rail, bench.interval(rail.metric, ours), bench)
        for rail in goal.must
    ]
    told = stated(bench.kind)
    return GateReport(
        guardrails=(*verdicts, *asked, *[verdict_of(each) for each in behaviours]),
        baselines=tuple(_against_baseline(goal, bench, ours, each, margin=margin) for each in baselines),
        champion=None
        if champion is None
        else _against_champion(goal, bench, ours, champion, margin=margin, saw=champion_saw),
        findings=tuple(findings),
        metrics=_metrics(goal, bench, ours),
        unit=goal.business,
        slices={name: _slices(goal, bench, ours, name) for name in goal.slices},
        rows=bench.rows.y.size,
        days=int(np.unique(bench.rows.days).size),
        positives=_positives(bench),
        span=bench.rows.span,
        effective_rows=effective(bench.rows.weight) if bench.rows.weighted else None,
        plain=None if plain is None else _against_plain(goal, bench, ours, plain, harm_blocks=harm_blocks),
        weak=None if told is None else judge_weak(goal, bench, ours, proposals or {}, metric=told),
        behaviours=tuple(behaviours),
        kept=kept,
        fairness=fairness_of(goal, bench, ours) if bench.kind is None else (),
        mitigated=mitigated,
    )


def _positives(bench: Bench) -> int:
    """How many outcomes are positive: events that happened, of times; of numbers and classes none is."""
    if bench.kind is not None and bench.kind.name != SURVIVAL:
        return 0
    return int((bench.rows.y > 0).sum())


def verdict_of(found: Behaved) -> Verdict:
    """What was found of an expectation of behaviour as the verdict of a guardrail."""
    numbers = found.limit, found.share, found.bound, found.more
    return Verdict(found.behaviour, found.verdict, *numbers, found.reason)


def _guardrail(rail: Guardrail, found: Interval, bench: Bench) -> Verdict:
    at_least = rail.op == ">="
    verdict = against_limit(found, rail.threshold, at_least=at_least)
    bound = found.low if at_least else found.high
    shown = f"{found.estimate:.4g}, with 95 % certainty {'at least' if at_least else 'at most'} {bound:.4g}"
    more = None
    if not math.isfinite(found.estimate):
        reason = "it has no value on the held-out rows (a group or class is missing)"
    elif not math.isfinite(bound):
        reason = f"{found.estimate:.4g}, but {found.clusters} day(s) of held-out rows cannot bound it"
    elif verdict == HOLDS:
        reason = shown
    elif verdict == FAILS:
        other = found.high if at_least else found.low
        reason = f"{found.estimate:.4g}, with 95 % certainty {'at most' if at_least else 'at least'} {other:.4g}"
    else:
        needed = more_rows_to_settle(found, rail.threshold)
        more = math.ceil(needed) if math.isfinite(needed) else None
        reason = f"{shown}; {_labels(more, bench)}"
    return Verdict(str(rail), verdict, rail.threshold, found.estimate, bound, more, reason)


def _worst_slice(rail: Guardrail, goal: Goal, bench: Bench, ours: Scored, proposals: Proposals) -> Verdict:
    """Fails where a slice is shown to be worse than allowed: no data show of every possible slice that it is not."""
    found = judge_weak(goal, bench, ours, proposals, metric=rail.metric, times=rail.threshold)
    judged = [each for each in found.slices if math.isfinite(each.p_value)]
    ratio = judged[0].times if judged else None
    estimate, bound = (float("nan"), float("nan")) if ratio is None else (ratio.estimate, ratio.low)
    looked = f"{found.looked_at:,} slices looked at, {len(judged)} judged on {found.rows:,} held-out rows"
    seen = f"would be seen from about {found.visible:.3g} times on"
    seen = f"one of 5 % of the rows {seen if math.isfinite(found.visible) else 'would hardly be seen'}"
    if found.worse:
        verdict, reason = FAILS, "; ".join(tell_weak(found, each) for each in found.worse)
    elif not judged and not math.isfinite(found.visible):
        verdict, reason = UNKNOWN, f"{looked}: too few to see a slice that is worse"
    else:
        verdict, reason = HOLDS, f"{looked}, none shown to be worse; {seen}"
    return Verdict(str(rail), verdict, rail.threshold, estimate, bound, None, reason)


def _labels(more: int | None, bench: Bench) -> str:
    if more is None:
        return "the estimate is on the limit, so no number of labels would settle it"
    if bench.asked:
        return f"about {more:,} more held-out labels that were asked for at random would settle it"
    per_day = bench.rows.y.size / max(1, int(np.unique(bench.rows.days).size))
    return f"about {more:,} more labels ({math.ceil(more / per_day):,} days) would settle it"


def _measured(rail: Guardrail, measured: Mapping[str, float], *, judge_measured: bool) -> Verdict:
    value = measured.get(str(rail.metric), measured.get(rail.metric.name))
    judged = judge_measured or rail.metric.name not in TIMES
    nan = float("nan")
    if value is None:
        verdict = UNKNOWN if judged else REPORTED
        return Verdict(str(rail), verdict, rail.threshold, nan, nan, None, "it was not measured")
    shown = spell(round(value)) if rail.metric.name == "latency" else f"{value:.4g}"
    if not judged:
        reason = f"measured {shown}; a replay reports times and does not judge them"
        return Verdict(str(rail), REPORTED, rail.threshold, value, nan, None, reason)
    verdict = HOLDS if value <= rail.threshold else FAILS
    return Verdict(str(rail), verdict, rail.threshold, value, value, None, f"measured {shown}")


def _against_baseline(goal: Goal, bench: Bench, ours: Scored, theirs: Scored, *, margin: float) -> Comparison:
    """A model must be shown better than the baseline, or be better and shown no worse than the declared margin.

    The second needs fewer days of labels: over a week, no model is shown to be better than the best single feature.
    """
    greater = goal.metric.greater_is_better
    difference = bench.difference(goal.metric, theirs, ours)
    compared = against_margin(difference, greater_is_better=greater)
    ahead = (difference.estimate > 0) == greater and difference.estimate != 0
    near = against_margin(difference, margin=margin, greater_is_better=greater) in ("superior", "non-inferior")
    holds = compared == "superior" or (ahead and near)
    words = f"{goal.metric}: {_change(difference)} against the baseline {theirs.name!r}"
    shown = "shown better" if compared == "superior" else f"better, and shown no worse than the margin {margin:g}"
    reason = f"{words}; {shown if holds else 'not shown better'}"
    return _comparison(goal, bench, ours, theirs, difference, compared, blocks=not holds, reason=reason)


def _against_champion(
    goal: Goal, bench: Bench, ours: Scored, theirs: Scored, *, margin: float, saw: int | None
) -> Comparison:
    difference = bench.difference(goal.metric, theirs, ours)
    compared = against_margin(difference, margin=margin, greater_is_better=goal.metric.greater_is_better)
    words = f"{goal.metric}: {_change(difference)} against the champion"
    if saw is not None:
        reason = f"{words}, which was trained on rows up to {iso(saw)}, held-out ones among them: stated, not judged"
    else:
        reason = f"{words}: {compared} with the margin {margin:g}"
    blocks = saw is None and compared == "inferior"
    return _comparison(goal, bench, ours, theirs, difference, compared, blocks=blocks, reason=reason)


def _against_plain(goal: Goal, bench: Bench, ours: Scored, theirs: Scored, *, harm_blocks: bool) -> Comparison:
    """Whether what was done to the rows that fitted it helped: stated, for whoever asked for it to keep or drop it."""
    difference = bench.difference(goal.metric, theirs, ours)
    compared = against_margin(difference, greater_is_better=goal.metric.greater_is_better)
    told = {"superior": "it helped", "inferior": "it did harm"}.get(compared, "it is not shown to help")
    reason = f"{goal.metric}: {_change(difference)} against the same recipe {theirs.name}: {told}"
    blocks = harm_blocks and compared == "inferior"
    return _comparison(goal, bench, ours, theirs, difference, compared, blocks=blocks, reason=reason)


def _comparison(
    goal: Goal,
    bench: Bench,
    ours: Scored,
    theirs: Scored,
    difference: Interval,
    verdict: str,
    *,
    blocks: bool,
    reason: str,
) -> Comparison:
    if bench.kind is None or goal.errors is not None:
        gained = bench.difference(Metric("business"), theirs, ours, level=0.95)
    else:
        gained = replace(difference, estimate=math.nan, low=math.nan, high=math.nan, level=0.95)
    return Comparison(
        theirs.name,
        str(goal.metric),
        bench.value(goal.metric, ours),
        bench.value(goal.metric, theirs),
        difference,
        gained,
        verdict,
        blocks,
        reason,
    )


def _metrics(goal: Goal, bench: Bench, ours: Scored) -> dict[str, Interval]:
    """Every usual metric and the goal's own, with 95 % intervals."""
    wanted = {name: Metric(name) for name in ALWAYS}
    if bench.kind is not None:
        valued = (Metric("business"),) if goal.errors is not None else ()
        wanted = {str(metric).removesuffix("()"): metric for metric in (*bench.kind.always, *valued)}
    wanted.setdefault(str(goal.metric).removesuffix("()"), goal.metric)
    return {name: bench.interval(metric, ours, level=0.95) for name, metric in wanted.items()}


def _slices(goal: Goal, bench: Bench, ours: Scored, name: str) -> tuple[Slice, ...]:
    if bench.kind is not None:
        return slices_of_kind(bench.kind, goal.metric, bench.rows, ours.p, name, draws=bench.draws, seed=bench.seed)
    spec, scores, option = form_of(goal.metric, ours)
    return by_group(
        spec,
        bench.rows.y,
        scores,
        groups_of(bench.rows, name),
        cluster=bench.rows.days,
        weight=bench.rows.weight,
        threshold=option,
        draws=min(bench.draws, SLICE_DRAWS),
        seed=bench.seed,
    )


def _change(difference: Interval) -> str:
    return f"{difference.estimate:+.4g} (90 % interval {difference.low:+.4g} to {difference.high:+.4g})"


def _number(value: float) -> float | None:
    return value if math.isfinite(value) else None
