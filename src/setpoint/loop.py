"""The loop: one function advances it by a tick. `serve` ticks with the real clock, `replay` with a simulated one."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from setpoint.core.clock import cpu_seconds
from setpoint.core.digest import digest
from setpoint.core.errors import NothingYet, SetpointError
from setpoint.core.ports import Clock, Learner, Metadata, Tables
from setpoint.core.records import PREDICTION, RULE
from setpoint.core.rng import seed_for
from setpoint.core.times import DAY
from setpoint.data.log.decisions import (
    DECISIONS,
    OUTCOMES,
    SCORES,
    features_of,
    fields_of,
    forget_after,
    lasts_by,
    met_by,
    part_name,
    read_until,
    score_column,
)
from setpoint.data.log.predictions import prediction_column, predictions_of
from setpoint.data.rows import KNOWN_AT, times_of
from setpoint.data.snapshots.snapshot import ContentDigests, Snapshot, take_snapshot
from setpoint.declare.label import EACH
from setpoint.declare.plan import Plan
from setpoint.features.reader import FeatureReader
from setpoint.features.training_set import TrainingSet
from setpoint.labels.completeness import stale_sources
from setpoint.labels.join import KNOWN, Labels
from setpoint.labels.settle import settle
from setpoint.labels.told import beside_sources, known_by, with_told
from setpoint.learn.kinds.choose import kind_of_plan
from setpoint.learn.kinds.expected import Expected
from setpoint.learn.people import Votes
from setpoint.learn.recipe import Recipe
from setpoint.learn.scorer import Scorer, load_scorer
from setpoint.learn.search import ALONE, Hands
from setpoint.learn.train import train
from setpoint.learn.tried import tried_learners
from setpoint.registry import audit, models
from setpoint.registry.bases import check_bases, stale
from setpoint.registry.cost import Cost
from setpoint.registry.steps import run_step
from setpoint.rollout.advance import Act, Look, ReleaseState, advance, offer, rollback_look, shadow_look
from setpoint.rollout.approval import DECLINE, Answer, answers_asked, assume, heed, mark_answer, may_decide, wait
from setpoint.rollout.outcomes import (
    actions_of,
    concat,
    costs_of_rows,
    kept_columns,
    labelled_rows,
    outcome_columns,
    served,
)
from setpoint.rollout.register import load_reference, register
from setpoint.rollout.retire import retire
from setpoint.rollout.retrain import Due, training_due
from setpoint.rollout.shadow import Evidence, Pair, compare_shadow
from setpoint.rollout.shadow_of_kind import compare_predictions
from setpoint.serve.latency import measure_model, pace_of
from setpoint.watch.consistency import CONSISTENCY, Consistency, record_definitions, verify_tick
from setpoint.watch.contracts import check_sources
from setpoint.watch.finding import Finding
from setpoint.watch.incidents import Incident, merge
from setpoint.watch.performance import QualityWindow, quality_window
from setpoint.watch.performance_of_kind import quality_of_predictions
from setpoint.watch.reference import Reference
from setpoint.watch.staleness import check_freshness
from setpoint.watch.summarise import DaySummary, summarise
from setpoint.watch.watch import watch

HISTORY = 70
"""Ticks of summaries that monitors compare with: ten weeks of days."""

RECENT = 3
"""Ticks of mature decisions that hold every decision of the newest whole day."""


def _nothing() -> None:
    """No outcome was told."""


def _unasked(_: pa.Array) -> Votes | None:
    return None


def _unmeasured(scorer: Scorer, features: pa.Table) -> float:
    """Nobody measures what a scorer holds."""
    del scorer, features
    return math.nan


def _undisputed(_: pa.Array) -> np.ndarray | None:
    """Nobody says on which decisions annotators disagree."""
    return None


def _unstored(_: Snapshot) -> None:
    """Nobody keeps the rows that models learn from."""


@dataclass(frozen=True)
class Workspace:
    """Where the loop's work goes, and with whose hands: every port it needs, and the seed.

    `judge_measured` says whether guardrails that a clock measures are measured and decide; a replay does neither.
    `owner` names who holds this workspace: whoever comes back under this name takes up what it left. `told` gives what
    was told of decisions rather than read from a source. `verified` is how many decisions of each tick are worked out
    again; a replay, whose decisions are taken by the same reader, sends a sample through the online path instead.
    `asks` says that people can be asked to approve a candidate, as a replay cannot. `stored` keeps the rows that a
    model learns from; `disputed` says of decisions, by their keys, whether annotators
    disagree on them. `read` reads the features of decisions from rows as of their times, unless that is done in memory.
    `user_code` says by which code of the user's own, at which commit, the work is done. `votes` are what people said of
    decisions, by their keys; `memory` measures the MB that a scorer takes.
    """

    metadata: Metadata
    tables: Tables
    learners: Mapping[str, Learner]
    models: Path
    clock: Clock
    seed: int
    owner: str
    judge_measured: bool
    told: Callable[[], pa.Table | None] = _nothing
    verified: int = 0
    stored: Callable[[Snapshot], object] = _unstored
    disputed: Callable[[pa.Array], np.ndarray | None] = _undisputed
    asks: bool = True
    read: Callable[[Mapping[str, pa.Table], pa.Table, np.ndarray], pa.Table] | None = None
    user_code: Mapping[str, Any] = field(default_factory=dict)
    memory: Callable[[Scorer, pa.Table], float] = _unmeasured
    votes: Callable[[pa.Array], Votes | None] = _unasked
    hands: Hands = ALONE


@dataclass(frozen=True)
class LoopState:
    """What the loop carries from tick to tick, committed with each: JSON-like, so that a restart goes on from it.

    `chain` is the digest of everything decided so far; `frozen` the first model, kept for comparison; `reference` the
    model whose training rows the monitors compare with; `shipped` the position of the log that ticks have seen; `kept`
    what the caller of `tick` wants to find again.
    """

    started: int
    tick: int
    chain: str
    release: ReleaseState
    recipe: dict[str, Any] | None = None
    frozen: str | None = None
    reference: str | None = None
    incidents: tuple[Incident, ...] = ()
    shipped: int = -1
    kept: Mapping[str, Any] = field(default_factory=dict)
    cpu: Mapping[str, float] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """The state as JSON-like data."""
        return {
            "started": self.started,
            "tick": self.tick,
            "chain": self.chain,
            "release": self.release.to_dict(),
            "recipe": self.recipe,
            "frozen": self.frozen,
            "reference": self.reference,
            "incidents": [incident.to_dict() for incident in self.incidents],
            "shipped": self.shipped,
            "kept": dict(self.kept),
            "cpu": dict(self.cpu),
        }

    @staticmethod
    def from_dict(data: Mapping[str, Any]) -> LoopState:
        """The state that `to_dict` described."""
        return LoopState(
            started=data["started"],
            tick=data["tick"],
            chain=data["chain"],
            release=ReleaseState.from_dict(data["release"]),
            recipe=data["recipe"],
            frozen=data["frozen"],
            reference=data["reference"],
            incidents=tuple(Incident.from_dict(each) for each in data["incidents"]),
            shipped=data["shipped"],
            kept=data["kept"],
            cpu=data["cpu"],
        )


class Meter:
    """CPU seconds by step; measured, so never part of a digest."""

    def __init__(self, spent: Mapping[str, float]) -> None:
        self.spent = dict(spent)

    @contextmanager
    def __call__(self, step: str) -> Iterator[None]:
        """Count what the block spends as this step's."""
        before = cpu_seconds()
        try:
            yield
        finally:
            self.spent[step] = self.spent.get(step, 0.0) + cpu_seconds() - before


@dataclass
class Loop:
    """A loop at work: its plan, its workspace, its sources' rows, and its state and ledgers between ticks.

    `examples` gives the training set of all decisions up to a time; `pending` are scored decisions whose label is
    not mature yet, `matured` those whose label is, as they were when it became so; `told` is what was told of decisions
    by the last tick.
    """

    plan: Plan
    work: Workspace
    rows: Mapping[str, pa.Table]
    examples: Callable[[int], TrainingSet]
    state: LoopState
    meter: Meter
    pending: pa.Table | None = None
    matured: list[pa.Table] = field(default_factory=list)
    scorers: dict[str, Scorer] = field(default_factory=dict)
    reference: Reference | None = None
    summaries: list[DaySummary] = field(default_factory=list)
    quality: QualityWindow | None = None
    told: pa.Table | None = None
    contents: ContentDigests = field(default_factory=ContentDigests)

    def snapshot(self, as_of: int) -> Snapshot:
        """The sources' rows, and what was told of decisions, as they were known at a time."""
        return take_snapshot(beside_sources(self.rows, self.work.told(), as_of), as_of, contents=self.contents)

    def judged_models(self) -> pa.Array:
        """The models of which it is known what they are expected to lose: not those from before that was recorded."""
        found = [each["model"] for each in models.all_models(self.work.metadata) if "expected" in each]
        return pa.array(found, pa.string())

    def expected(self, model: str) -> Expected:
        """What a model is expected to lose, by the rows that judged it."""
        return Expected.from_dict(models.get(self.work.metadata, model)["expected"])

    def scorer(self, model: str | None) -> Scorer | None:
        """A model ready to score, loaded once; None for no model.

        Raises BaseChanged for one that learned from another base model than the plan has: it would score other numbers
        under the same names.
        """
        if model is None:
            return None
        if model not in self.scorers:
            check_bases(models.get(self.work.metadata, model), self.plan.bases)
            folder = models.folder_of(self.work.models, model)
            self.scorers[model] = load_scorer(folder, self.work.learners, expected=model)
        return self.scorers[model]


@dataclass(frozen=True)
class TickReport:
    """What one tick did."""

    at: int
    decided: int
    matured: int
    opened: tuple[Incident, ...]
    acts: tuple[Act, ...]


@dataclass(frozen=True)
class Written:
    """What a tick leaves behind, committed with its state; `answered` is what became of answers of people."""

    decided: pa.Table | None
    scored: pa.Table | None
    matured: pa.Table | None
    summary: DaySummary | None
    opened: tuple[Incident, ...]
    acts: tuple[Act, ...]
    checked: Consistency | None = None
    answered: tuple[tuple[Answer, str], ...] = ()


def open_loop(
    plan: Plan,
    work: Workspace,
    rows: Mapping[str, pa.Table],
    examples: Callable[[int], TrainingSet],
    *,
    started: int,
) -> Loop:
    """The loop of a system where it was left, or at its start; what was not committed is dropped."""
    name, metadata, tables = plan.system.name, work.metadata, work.tables
    found = metadata.get("loop", name)
    if found is None:
        first = started // plan.tick
        state = LoopState(started=started, tick=first, chain="", release=ReleaseState())
        metadata.put("loop", name, state.to_dict())  # or one that is restarted before every tick would never have one
    else:
        state = LoopState.from_dict(found)
        for model in (state.release.champion, state.release.challenger):
            if model is not None:
                may_decide(metadata, model)
    record_definitions(metadata, plan)
    forget_after(tables, state.tick)
    loop = Loop(plan, work, rows, examples, state, Meter(state.cpu))
    if state.reference is not None:
        loop.reference = load_reference(metadata, state.reference)
    for number in range(state.tick - HISTORY + 1, state.tick + 1):
        summary = metadata.get("summary", part_name(number))
        if summary is not None:
            loop.summaries.append(DaySummary.from_dict(summary))
    matured, scored = (read_until(tables, each, state.tick) for each in (OUTCOMES, SCORES))
    if matured is not None:
        loop.matured.append(matured)
        loop.told = work.told()
        count_quality(loop, loop.matured, state.tick * plan.tick)
    if scored is not None:
        settled = pa.array([], pa.string()) if matured is None else matured["decision_id"].combine_chunks()
        loop.pending = scored.filter(pc.invert(pc.is_in(scored["decision_id"], value_set=settled)))
    return loop


def tick(
    loop: Loop, now: int, decided: pa.Table, *, shipped: int = -1, kept: Mapping[str, Any] | None = None
) -> TickReport:
    """Advance the loop: score, settle labels, watch, decide on releases, retrain when due, commit.

    `decided` are the rows of the decision log since the last tick, `shipped` the position of the last of them in it;
    `kept` is what the caller wants to find again after a restart. Everything is committed at once, so a crash at any
    point and a restart give the same state.
    """
    with loop.meter("scores"):
        scored = score_others(loop, decided)
    with loop.meter("labels"):
        matured = settle_labels(loop, scored, now)
    with loop.meter("watch"):
        summary, findings = look(loop, decided, now)
        findings += check_freshness(loop.plan, loop.rows, decided)
        findings += check_sources(loop.plan, loop.rows, now)
    with loop.meter("verify"):
        checked = check_sample(loop, decided, now)
        findings += [] if checked is None else checked.findings()
    with loop.meter("watch"):
        incidents, opened = merge(loop.state.incidents, findings, now)
    with loop.meter("release"):
        release, acts = decide_release(loop, now)
    due = training_due(
        loop.plan,
        now=now,
        started=loop.state.started,
        last_training=release.last_training,
        incidents_opened=opened,
        matured_rows=sum(part.num_rows for part in loop.matured),
        deciding=release.champion is not None or release.waiting is not None,
    )
    state = replace(
        loop.state,
        tick=now // loop.plan.tick,
        release=release,
        incidents=tuple(incidents),
        shipped=max(shipped, loop.state.shipped),
        kept=kept or {},
    )
    if due is not None:
        with loop.meter("train"):
            state, more = retrain(loop, state, now, due)
            acts = [*acts, *more]
    state, more = assume_approval(loop, state, now)
    acts = [*acts, *more]
    with loop.meter("log"):
        written = Written(decided, scored, matured, summary, tuple(opened), tuple(acts), checked)
        commit(loop, follow(loop, state), now, written)
    mature = 0 if matured is None else matured.num_rows
    return TickReport(now, decided.num_rows, mature, tuple(opened), tuple(acts))


def drain(loop: Loop, now: int) -> TickReport:
    """Advance a loop whose decisions have ended: settle the labels that matured, and nothing else."""
    with loop.meter("labels"):
        matured = settle_labels(loop, None, now)
    state = replace(loop.state, tick=now // loop.plan.tick)
    with loop.meter("log"):
        commit(loop, state, now, Written(None, None, matured, None, (), ()))
    return TickReport(now, 0, 0 if matured is None else matured.num_rows, (), ())


def score_others(loop: Loop, decided: pa.Table) -> pa.Table:
    """The decisions with the score of every model that decides, wants to, watches, or is kept for comparison."""
    release, form = loop.state.release, loop.plan.prediction
    scored = decided.select(kept_columns(loop.plan, decided))
    features = features_of(decided)
    for model in dict.fromkeys((release.champion, release.challenger, release.previous, loop.state.frozen)):
        scorer = loop.scorer(model)
        if scorer is None or model is None:
            continue
        decides = model == release.champion and pc.all(pc.equal(decided["model"], model)).as_py()
        served = decided[PREDICTION if form.names else "score"]
        scores = served if decides else prediction_column(form, scorer.score(features))
        scored = scored.append_column(score_column(model), scores)
    return scored


def settle_labels(loop: Loop, scored: pa.Table | None, now: int) -> pa.Table | None:
    """What came of the decisions whose label has matured by now; the others stay pending."""
    loop.told = loop.work.told()
    parts = [part for part in (loop.pending, scored) if part is not None]
    if not parts:
        return None
    waiting = pa.concat_tables(parts, promote_options="default")
    label = loop.plan.system.label
    settled = settle(
        label,
        waiting,
        loop.rows,
        as_of=now,
        actions=actions_of(loop.plan, waiting) if label.censored_when is not None else None,
        outcome_columns=outcome_columns(loop.plan),
        told=loop.told,
        on=met_by(loop.plan),
        by=lasts_by(loop.plan),
        earlier=concat(loop.matured) if label.attribute != EACH and loop.matured else None,
        complete_to=stale_sources(loop.plan.system, loop.rows, now),
    )
    loop.pending = settled.pending
    if settled.matured.num_rows:
        loop.matured.append(settled.matured)
    heard, before = known_by(loop.told, now), loop.state.tick * loop.plan.tick
    late = heard is not None and bool((times_of(heard, KNOWN_AT) > before).any())
    if loop.matured and (late or settled.matured.num_rows):
        count_quality(loop, loop.matured if late else loop.matured[-RECENT:], now)
    return settled.matured


def judged(loop: Loop, parts: Sequence[pa.Table], now: int) -> pa.Table:
    """Mature decisions, those without a label with one that was told since and may judge: people take their time."""
    rows = concat(parts)
    if loop.told is None:
        return rows
    state, value, settled_at = (rows[name].to_numpy() for name in ("state", "value", "settled_at"))
    labels = Labels(state, value, settled_at, np.ones(rows.num_rows, dtype=bool), {})
    keys, at, label = rows["key"].combine_chunks(), rows["at"].to_numpy(), loop.plan.system.label
    found = with_told(labels, keys, at, loop.told, label=label, as_of=now).judging
    since = (state != KNOWN) & (found.state == KNOWN)
    if not since.any():
        return rows
    for name, before in (("state", state), ("value", value), ("settled_at", settled_at)):
        after = pa.array(np.where(since, getattr(found, name), before), rows[name].type)
        rows = rows.set_column(rows.schema.get_field_index(name), name, after)
    return rows


def count_quality(loop: Loop, parts: Sequence[pa.Table], now: int) -> None:
    """Count mature decisions of models, all or the newest, into the days that the alarm on quality looks at."""
    newest = judged(loop, parts, now)
    if len(loop.matured) > len(parts):  # the oldest of these days may have begun in a part before
        newest = newest.filter(pc.greater_equal(newest["at"], (newest["at"][0].as_py() // DAY + 1) * DAY))
    newest = newest.filter(pc.and_(pc.equal(newest["state"], KNOWN), pc.not_equal(newest["model"], RULE)))
    if not loop.plan.system.goal.acts:
        newest = newest.filter(pc.is_in(newest["model"], value_set=loop.judged_models()))
    if newest.num_rows:
        columns = [newest[name].to_numpy() for name in ("value", "score", "at")]
        days = (
            quality_window(*columns, model=newest["model"].to_pylist())
            if loop.plan.system.goal.acts
            else quality_of_predictions(
                kind_of_plan(loop.plan),
                labelled_rows(newest),
                served(loop.plan, newest),
                model=newest["model"].to_pylist(),
                expected=loop.expected,
            )
        )
        loop.quality = days if loop.quality is None else loop.quality.with_days(days)


def look(loop: Loop, decided: pa.Table, now: int) -> tuple[DaySummary | None, list[Finding]]:
    """The tick's counts, and what the monitors find in them and in the labels that have matured."""
    if loop.reference is None:
        return None, []
    summary = summarise(loop.reference, decided, at=now)
    findings = watch(
        loop.plan,
        reference=loop.reference,
        today=summary,
        history=loop.summaries,
        quality=loop.quality,
        expected=loop.expected,
        now=now,
        matured=judged(loop, loop.matured, now) if loop.plan.system.goal.confidence and loop.matured else None,
    )
    return summary, findings


def check_sample(loop: Loop, decided: pa.Table, now: int) -> Consistency | None:
    """A sample of the tick's decisions worked out again; None where none is asked for."""
    if not loop.work.verified or not decided.num_rows:
        return None
    return verify_tick(
        loop.plan,
        loop.rows,
        decided,
        now=now,
        sample=loop.work.verified,
        seed=loop.work.seed,
        scorer_of=loop.scorer,
    )


def decide_release(loop: Loop, now: int) -> tuple[ReleaseState, list[Act]]:
    """The release after the looks that are due at this tick: promote, hold, reject or roll back."""
    state = loop.state.release
    shadow, rollback = shadow_look(loop.plan, state, now=now), rollback_look(loop.plan, state, now=now)
    return advance(
        loop.plan,
        state,
        now=now,
        evidence=None if shadow is None else compare(loop, shadow, now),
        rollback_evidence=None if rollback is None else compare(loop, rollback, now),
    )


def compare(loop: Loop, look: Look, now: int) -> Evidence:
    """Two models on the mature decisions of a look that both scored."""
    rows = judged(loop, loop.matured, now)
    names = [score_column(look.champion), score_column(look.challenger)]
    inside = pc.and_(pc.greater_equal(rows["at"], look.start), pc.less(rows["at"], look.end))
    inside = pc.and_(inside, pc.equal(rows["state"], KNOWN))
    for name in names:
        inside = pc.and_(inside, pc.is_valid(rows[name]))
    rows = rows.filter(inside)
    seed = seed_for(loop.work.seed, "shadow", look.challenger, str(look.end))
    if not loop.plan.system.goal.acts:
        predicted = Pair(*(predictions_of(loop.plan.prediction, rows[name]) for name in names))
        return compare_predictions(loop.plan, labelled_rows(rows), predicted, level=look.level, seed=seed)
    y, at = rows["value"].to_numpy(), rows["at"].to_numpy()
    scores = [rows[name].to_numpy() for name in names]
    acted = [
        score >= thresholds(loop, model, rows)
        for score, model in zip(scores, (look.champion, look.challenger), strict=True)
    ]
    costs = costs_of_rows(loop.plan, rows)
    return compare_shadow(
        y,
        scores[0],
        scores[1],
        at,
        metric=loop.plan.system.goal.metric,
        margin=loop.plan.system.release.margin,
        level=look.level,
        seed=seed,
        actions=Pair(acted[0], acted[1]),
        values=Pair(costs.value(acted[0], y), costs.value(acted[1], y)),
    )


def thresholds(loop: Loop, model: str, rows: pa.Table) -> np.ndarray:
    """The score from which a model acts, for each row."""
    scorer = loop.scorer(model)
    assert scorer is not None
    return scorer.threshold.of(fields_of(rows), rows.num_rows)


def retrain(
    loop: Loop, state: LoopState, now: int, due: Due, *, update: str | None = None
) -> tuple[LoopState, list[Act]]:
    """The state after a training: the stored recipe refitted (searched for, the first time), judged and offered.

    With `update`, or where the release says so, the champion is updated too, and the better is offered.
    """
    work, plan, champion, cost = loop.work, loop.plan, state.release.champion, Cost()
    update = update or plan.system.release.update
    examples = loop.examples(now)
    cost("training set")
    recipe = None if state.recipe is None else Recipe.from_dict(state.recipe)

    def recompute(places: np.ndarray, as_of: int) -> pa.Table:
        """What these decisions could see by a time: the audit at the first training compares it with what they saw."""
        rows, fields, at = loop.snapshot(as_of).rows, examples.fields.take(pa.array(places)), examples.at[places]
        return FeatureReader(plan, rows).read(fields, at) if work.read is None else work.read(rows, fields, at)

    def compute() -> dict[str, Any]:
        candidate = train(
            plan,
            examples,
            learners=tried_learners(plan.system.learners, work.learners),
            seed=work.seed,
            recipe=recipe,
            champion=loop.scorer(champion),
            rows=loop.rows,
            recompute=recompute if recipe is None else None,
            measure=partial(measure, loop, features=examples.features) if work.judge_measured else None,
            pace=(lambda scorer: pace_of(scorer, examples.features)) if work.judge_measured else None,
            judge_measured=work.judge_measured,
            contested=work.disputed(examples.keys) if plan.system.goal.protect else None,
            votes=work.votes(examples.keys),
            cost=cost,
            update=update,
            hands=work.hands,
        )
        cost("describe")
        snapshot = loop.snapshot(now)
        work.stored(snapshot)
        register(
            work.metadata,
            work.tables,
            work.models,
            plan,
            candidate,
            examples,
            sources=snapshot.digests,
            edges_from=loop.reference,
            now=now,
            cost=cost,
            user_code=work.user_code,
        )
        work.stored(snapshot)  # if it was collected meanwhile; from here on the model needs it
        return {"model": candidate.digest, "passed": candidate.passed, "recipe": candidate.recipe.to_dict()}

    tried = replace(state, release=replace(state.release, last_training=now))
    try:
        step = run_step(
            "train",
            compute,
            config={
                "plan": plan.digest,
                "recipe": state.recipe,
                "seed": work.seed,
                **({} if update is None else {"update": update}),
            },
            inputs={"examples": examples.digest, "champion": champion},
            metadata=work.metadata,
            clock=work.clock,
            owner=work.owner,
        )
    except NothingYet as error:
        return tried, [Act("postpone", plan.system.name, f"{due.reason}; but {error}")]
    model = step.output["model"]
    told = models.get(work.metadata, model)
    report, went = told["report"], told.get("update")
    why = due.reason if went is None else f"{due.reason}; {went['reason']}"
    acts = [Act("train", model, why, {"decisions": int(examples.at.size)})]
    if not step.output["passed"]:
        return tried, [*acts, Act("refuse", model, "; ".join(report["reasons"]), report)]
    onward = offer if plan.system.release.approval is None else wait
    release, more = onward(tried.release, model, now=now, evidence=report)
    return replace(tried, release=release, recipe=state.recipe or step.output["recipe"]), [*acts, *more]


def measure(loop: Loop, scorer: Scorer, *, features: pa.Table) -> dict[str, float]:
    """The measured guardrails that the goal declares, of a scorer on these rows."""
    found = measure_model(loop.plan, scorer, features)
    if features.num_rows and any(rail.metric.name == "memory" for rail in loop.plan.system.goal.must):
        found["memory"] = loop.work.memory(scorer, features)
    return found


def train_once(loop: Loop, now: int, *, reason: str, update: str | None = None, search: bool = False) -> str:
    """Train one candidate outside the grid of ticks, offer it for release, commit; gives the model's digest.

    With `search` the recipe is searched for anew, and kept for later trainings if its model passes. Models that learned
    from other base models than the plan has are retired first. Raises NothingYet when too few labels are mature.
    """
    state, retired = retire_stale(loop, loop.state)
    kept = state.recipe
    state, acts = retrain(
        loop, replace(state, recipe=None) if search else state, now, Due("request", reason), update=update
    )
    state = replace(state, recipe=state.recipe or kept)
    if acts[0].kind == "postpone":
        raise NothingYet(acts[0].reason, hint="Wait for labels to mature, or train as of a later time.")
    commit(loop, follow(loop, state), now, Written(None, None, None, None, (), (*retired, *acts)))
    return acts[0].subject


def assume_approval(loop: Loop, state: LoopState, now: int) -> tuple[LoopState, list[Act]]:
    """The state with what waits approved where nobody can be asked, when the declaration assumes it."""
    waiting = state.release.waiting
    if loop.work.asks or waiting is None:
        return state, []
    report = models.get(loop.work.metadata, waiting)["report"]
    release, acts = assume(state.release, loop.plan.system.release.approval, now=now, report=report)
    return replace(state, release=release), acts


def take_answers(loop: Loop, now: int) -> list[Act]:
    """Take up, once, what people have said of candidates since, and commit; gives the acts that follow.

    An answer that does not fit any more, since its candidate was superseded, is marked as such and changes nothing.
    """
    state, acts, answered = loop.state, list[Act](), list[tuple[Answer, str]]()
    for answer in answers_asked(loop.work.metadata):
        try:
            report = models.get(loop.work.metadata, answer.model)["report"]
            if answer.act != DECLINE:
                loop.scorer(answer.model)  # or a tick would meet files that are damaged, or a base that is gone
            release, more = heed(state.release, answer, now=now, report=report)
        except SetpointError as error:
            answered.append((answer, error.problem))
            continue
        state, acts = replace(state, release=release), [*acts, *more]
        answered.append((answer, "taken up"))
    if answered:
        written = Written(None, None, None, None, (), tuple(acts), answered=tuple(answered))
        commit(loop, follow(loop, state), now, written)
    return acts


def retire_stale(loop: Loop, state: LoopState) -> tuple[LoopState, list[Act]]:
    """The state without the models whose base is another one now: none of them may score a decision any more."""
    release, reasons = state.release, dict[str, str]()
    named = (release.champion, release.challenger, release.previous, release.waiting)
    for model in (*named, state.frozen, state.reference):
        found = None if model is None else stale(models.get(loop.work.metadata, model), loop.plan.bases)
        if found is not None:
            reasons[found.model] = f"it learned from {found.base!r} as {found.was}; here it is {found.found}"
    release, acts = retire(release, reasons)
    if state.reference in reasons:
        loop.reference = None
        state = replace(state, reference=None)
    return replace(state, release=release, frozen=None if state.frozen in reasons else state.frozen), acts


def follow(loop: Loop, state: LoopState) -> LoopState:
    """The state after a change of champion: the first is kept for comparison, monitors compare with the newest."""
    champion = state.release.champion
    if champion is None or champion == state.reference:
        return state
    loop.reference = load_reference(loop.work.metadata, champion)
    return replace(state, reference=champion, frozen=state.frozen or champion)


def commit(loop: Loop, state: LoopState, now: int, written: Written) -> None:
    """Make the tick last: its tables first, then, in one transaction, its documents and the state that names them."""
    metadata, tables, part = loop.work.metadata, loop.work.tables, part_name(state.tick)
    contents = [
        tables.write(name, part, rows)
        for name, rows in ((DECISIONS, written.decided), (SCORES, written.scored), (OUTCOMES, written.matured))
        if rows is not None and rows.num_rows
    ]
    said = [act.to_dict() for act in written.acts]
    alarms = [incident.to_dict() for incident in written.opened]
    for role in (state.release.champion, state.release.challenger):
        if role is not None and role not in (loop.state.release.champion, loop.state.release.challenger):
            may_decide(metadata, role, written.acts)
    chain = digest([loop.state.chain, now, contents, said, alarms, state.release.to_dict()])
    loop.state = replace(state, chain=chain, cpu=loop.meter.spent)
    known = max(now, loop.work.clock.now())
    with metadata.transaction():
        for incident in state.incidents:
            metadata.put("incident", incident.id, incident.to_dict())
        for incident in written.opened:
            audit.record(metadata, at=now, act="alarm", subject=incident.id, reason=incident.title, known_at=known)
        for act in written.acts:
            what = {"act": act.kind, "subject": act.subject, "reason": act.reason}
            audit.record(metadata, at=now, known_at=known, evidence=act.evidence, **what)
        for answer, became in written.answered:
            mark_answer(metadata, answer, became=became)
        if written.checked is not None:
            metadata.put(CONSISTENCY, part, written.checked.to_dict())
        if written.summary is not None:
            metadata.put("summary", part, written.summary.to_dict())
            loop.summaries = [*loop.summaries, written.summary][-HISTORY:]
        metadata.put("loop", loop.plan.system.name, loop.state.to_dict())
