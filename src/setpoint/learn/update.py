"""Going on from the champion: beside a model trained anew one that is updated by newer rows, and the better is taken.

The champion has seen the rows that judge, so what is compared and judged is the procedure: a model of the older rows of
the training side, updated by the newer ones as often as the candidate's weights will have been, each time by as much
time as the champion is behind. What is released is the champion itself, updated.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from setpoint.core.errors import DeclarationError, NameUnknown
from setpoint.core.ports import Learner, Model, UpdatableLearner
from setpoint.core.target import TWO_CLASSES, Target
from setpoint.declare.plan import Plan
from setpoint.declare.update import BEST
from setpoint.learn.encode import Encoder, encoder_of
from setpoint.learn.fit import ONE_ERROR
from setpoint.learn.kinds.composed import Composed
from setpoint.learn.origins import as_scored, trial_metric
from setpoint.learn.recipe import Fitted
from setpoint.learn.scorer import Parent, Scorer
from setpoint.learn.sides import Examples, Matrices, Sides
from setpoint.learn.trainer import Settled, Side, Trainer
from setpoint.learn.tried import Pinned
from setpoint.measure.intervals import Interval

LEAST = 50
"""Fewer newer rows than this are nothing to go on with."""


@dataclass(frozen=True)
class Update:
    """What became of an update: whether it was taken, and why.

    `parent` is the champion's digest, `updates` how often the weights have been updated since they were trained anew,
    `rows` how many rows they are told now. `gained` is what the update gained over training anew on the validation
    rows, with an interval of one standard error; None where it was not tried.
    """

    parent: str
    way: str
    updates: int
    rows: int
    taken: bool
    reason: str
    gained: Interval | None = None

    def to_dict(self) -> dict[str, Any]:
        """The update as JSON-like data."""
        return {
            "parent": self.parent,
            "way": self.way,
            "updates": self.updates,
            "rows": self.rows,
            "taken": self.taken,
            "reason": self.reason,
            "gained": None if self.gained is None else self.gained.to_dict(),
        }


@dataclass(frozen=True)
class Attempt:
    """An update that was tried: what became of it, the training side as it sees it, and the model that is judged."""

    told: Update
    champion: Scorer = field(repr=False)
    side: Side = field(repr=False)
    fitted: Fitted = field(repr=False)

    def release(self, trainer: Trainer, settled: Settled, rows: Examples) -> Scorer:
        """What would be released: the champion, with its own encoder, updated by those of all rows that are newer."""
        first, last = self.champion.trained
        newer = rows.take(np.flatnonzero(rows.at > last))
        model, way = go_on(
            trainer, self.champion.model, settled.fitted, newer, self.champion.encoder, way=self.told.way
        )
        parent = Parent(self.told.parent, way, self.told.updates)
        trained = (first, max(last, newer.span[1]))
        return replace(settled.scorer, encoder=self.champion.encoder, model=model, trained=trained, parent=parent)


def check_updatable(trainer: Trainer, way: str | None) -> None:
    """Raises DeclarationError, before any work, where none of the learners can go on from a model of its own."""
    if way is None or any(isinstance(_own(each), UpdatableLearner) for each in trainer.able.values()):
        return
    raise DeclarationError(
        f"None of the learners {', '.join(trainer.able)} goes on from a model of its own.",
        expected='one that does: "lightgbm" or "sgd"',
        hint="Leave update= out: every training then begins anew.",
    )


def try_update(plan: Plan, trainer: Trainer, side: Side, anew: Fitted, champion: Scorer, *, way: str) -> Attempt:
    """An update of the champion beside a model that was trained anew on the training side.

    It is taken where it is better on the validation rows by more than a standard error, clustered by day, as one recipe
    replaces another in a search.
    """
    told = _told(side, champion, way)
    against = _against(trainer, side, anew, champion, told)
    if against:
        return Attempt(replace(told, reason=against), champion, side, anew)
    try:
        judged, fitted, way = _procedure(plan, trainer, side, anew, told, champion)
    except NameUnknown as error:
        return Attempt(replace(told, reason=f"trained anew: {error.problem}"), champion, side, anew)
    bench = trainer.bench(side.sides.validation)
    metric = trial_metric(plan, bench)
    gained = bench.difference(
        metric, as_scored("anew", anew.probabilities), as_scored("updated", fitted.probabilities), level=ONE_ERROR
    )
    taken = gained.low > 0 if metric.greater_is_better else gained.high < 0
    shown = f"{metric} {gained.estimate:+.4g} on validation rows (one standard error: {gained.low:+.4g} to "
    shown += f"{gained.high:+.4g})"
    chosen = f"updated by {told.rows} newer rows ({way})" if taken else f"trained anew: an update ({way}) is not better"
    told = replace(told, way=way, taken=taken, reason=f"{chosen}: {shown}", gained=gained)
    return Attempt(told, champion, judged if taken else side, fitted if taken else anew)


def go_on(
    trainer: Trainer, parent: Model, fitted: Fitted, rows: Examples, encoder: Encoder, *, way: str
) -> tuple[Model, str]:
    """What a parent becomes by these rows, which undergo what those of the fit did; and in which way.

    Raises NameUnknown where its learner has no such way.
    """
    learner = GoesOn(_own(trainer.able[fitted.settled.learner]), parent, way)
    return trainer.going_on(learner, parent).refit(fitted, rows, encoder), learner.used


class GoesOn:
    """A learner whose fits are updates of a parent's parts, in their order."""

    def __init__(self, learner: Learner, parent: Model, way: str) -> None:
        self.name, self.losses, self.kinds = learner.name, learner.losses, learner.kinds
        self.used, self._learner, self._way = way, learner, way
        self._parts: Iterator[Model] = iter(parent.parts if isinstance(parent, Composed) else (parent,))

    def recipes(self, *, rounds: int) -> list[dict[str, Any]]:
        """Those of the learner."""
        return self._learner.recipes(rounds=rounds)

    def fit(
        self,
        recipe: Mapping[str, Any],
        rows: np.ndarray,
        labels: np.ndarray,
        *,
        target: Target = TWO_CLASSES,
        validation: tuple[np.ndarray, np.ndarray] | None = None,
        validation_weight: np.ndarray | None = None,
        **more: Any,
    ) -> tuple[Model, dict[str, Any]]:
        """The next part of the parent, updated."""
        del validation, validation_weight
        learner = self._learner
        ways = learner.ways(recipe, target=target) if isinstance(learner, UpdatableLearner) else ()
        used = ways[0] if self._way == BEST and ways else self._way
        if not isinstance(learner, UpdatableLearner) or used not in ways:
            raise NameUnknown("way to update", used, ways, where=f"The learner {self.name!r}")
        self.used = used
        return learner.update(next(self._parts), recipe, rows, labels, way=used, target=target, **more), dict(recipe)

    def load(self, folder: Path) -> Model:
        """A model of the learner."""
        return self._learner.load(folder)


def _told(side: Side, champion: Scorer, way: str) -> Update:
    """An update that is not tried yet."""
    newer = int((side.sides.every.at > champion.trained[1]).sum())
    updates = 1 if champion.parent is None else champion.parent.updates + 1
    return Update(champion.digest, way, updates, newer, False, "")


def _against(trainer: Trainer, side: Side, anew: Fitted, champion: Scorer, told: Update) -> str:
    """Why the champion cannot be updated; empty where it can."""
    name = anew.settled.learner
    if champion.learner != name:
        return f"trained anew: the champion is of the learner {champion.learner}, and trained is {name}"
    if not isinstance(_own(trainer.able[name]), UpdatableLearner):
        return f"trained anew: models of the learner {name} cannot be updated"
    if champion.kind != side.sides.kind or champion.inputs != side.matrices.encoder.names:
        return "trained anew: the champion reads other features, or answers another question"
    if told.rows < LEAST:
        return f"trained anew: the champion has seen all but {told.rows} rows, and {LEAST} are the least"
    return ""


def _procedure(
    plan: Plan, trainer: Trainer, side: Side, anew: Fitted, told: Update, champion: Scorer
) -> tuple[Side, Fitted, str]:
    """The training side, the model and the way of an update of a model of its older rows by its newer ones."""
    sides, given, way = side.sides, side.sides.given, told.way
    cuts = _cuts(sides.train.at, sides.every.span[1] - champion.trained[1], told.updates)
    older = sides.train.take(np.flatnonzero(sides.train.at <= cuts[0]))
    encoder = encoder_of(plan, older.features)
    model = trainer.refit(anew, given.take(np.flatnonzero(given.at <= cuts[0])), encoder)
    for begins, ends in zip(cuts, [*cuts[1:], sides.train.span[1]], strict=True):
        newer = given.take(np.flatnonzero((given.at > begins) & (given.at <= ends)))
        if newer.y.size:
            model, way = go_on(trainer, model, anew, newer, encoder, way=told.way)
    matrices = _matrices(encoder, sides)
    fitted = replace(anew, model=model, validated=model.predict(matrices.validation))
    return replace(side, matrices=matrices), fitted, way


def _cuts(at: np.ndarray, behind: int, updates: int) -> list[int]:
    """The times at which a model is trained and then updated, oldest first; half of the rows train it at least.

    >>> _cuts(np.arange(100), 10, 3), _cuts(np.arange(100), 10, 9), _cuts(np.arange(100), 80, 1)
    ([69, 79, 89], [49, 59, 69, 79, 89], [49])
    """
    last, half = int(at.max()), int(np.quantile(at, 0.5, method="lower"))
    cuts = [last - step * behind for step in range(updates, 0, -1)]
    return [cut for cut in cuts if cut >= half] or [half]


def _matrices(encoder: Encoder, sides: Sides) -> Matrices:
    """The matrices of all sides by an encoder that is there."""
    parts = (sides.train, sides.validation, sides.held_out, sides.given)
    return Matrices(encoder, *(encoder.matrix(part.features) for part in parts))


def _own(learner: Learner) -> Learner:
    return learner.learner if isinstance(learner, Pinned) else learner
